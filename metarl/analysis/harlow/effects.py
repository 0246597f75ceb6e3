"""What networks must show of learning sets, beside what else could have shown it.

Criteria were fixed beforehand, for problems of six trials. That a problem's two things
are held out of training shows that something general was learned. That its unrewarded
thing is replaced rules out who keeps by which one feature the two things differed; who
keeps how they differ in all features is hardly worse than who keeps the thing itself,
and only the units tell these two apart (`learning_set_units`).
"""

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from metarl.analysis.bridge import CRITERIA, Tables, judge, learned_subjects
from metarl.analysis.criteria import Criterion
from metarl.analysis.effects import Effect, variant_learners
from metarl.analysis.measures import MEASURED, subject_values

Rules = Mapping[str, Criterion]
CONTROL = "replaced"
"""Group of the networks that were trained with a new unrewarded thing each trial."""
NEW_DISTRACTOR = "new-distractor"
"""Test with a new unrewarded thing on each trial."""
RELATION_RULE = 2 / 3
"""Accuracy, where things are replaced, of who keeps the order of two things by one
feature: the chance that the order of two random numbers holds of the first and a third.
By all eight features of things on the line it would be .95."""
PAPER = "Wang et al. 2018, Fig. 6 and Results, Simulation 5"
PAPER_CEILING = 14 / 50
"""Share of the paper's networks that reached maximal performance."""
COURSE = {
    "leaves_chance": "episodes until chance is left",
    "takes": "episodes from there to the ceiling",
}
"""Column of the change points -> name of its effect."""
KEPT = {
    "r2_target": "what paid, decoded from units (r2)",
    "r2_distractor": "the other thing, decoded from units (r2)",
    "difference_sign": "sign of their difference, decoded from units",
}
"""Column of the table of decoding -> name of its effect."""


def effects(tables: Tables) -> pd.DataFrame:
    """Every effect of the experiment with its verdict, as `effect_table` lays out."""
    about = tables["about"].iloc[0]
    task, scored = str(about["task"]), bool(about["scored"])
    subjects = of_test(tables, MEASURED, "test")
    learned = learned_subjects(task, subjects) if scored else None
    must = CRITERIA[task]
    rows = [
        *_accuracy_effects(subjects, must),
        *_test_effects(tables, subjects, must),
        *_decoding_effects(tables, must),
    ]
    listed = [(effect, learned) for effect in rows]
    # About those alone that got there, or about no network.
    plain = [*_course_effects(tables), *_rule_effects(tables)]
    listed += [(effect, None) for effect in plain]
    for effect in _control_effects(tables, must):
        listed.append((effect, variant_learners(effect, learned, about["expected"])))
    return judge(tables["about"], listed)


def of_test(tables: Tables, group: str, test: str) -> pd.DataFrame:
    """The subjects of a group in a test; empty where it took none."""
    every = tables["subjects"]
    return every[(every["group"] == group) & (every["test"] == test)]


def _accuracy_effects(subjects: pd.DataFrame, must: Rules) -> list[Effect]:
    first = Effect(
        label="accuracy in trial 1, mean",
        values=subject_values(subjects, "first_trial"),
        criterion=must["accuracy of who cannot know"],
        reference=0.5,
        source="nothing can be known",
    )
    later = Effect(
        label="accuracy in trials 2 to 6, lowest network",
        values=subject_values(subjects, "later_trials"),
        summary="lowest",
        criterion=must.get("accuracy in trials 2 to 6, each network"),
        reference=0.979,
        source=PAPER,
    )
    second = Effect(
        label="accuracy in trial 2, mean",
        values=subject_values(subjects, "second_trial"),
        chance=0.5,
        reference=0.967,
        source=PAPER,
    )
    lowest = replace(
        second, label="accuracy in trial 2, lowest network", summary="lowest"
    )
    ceiling = Effect(
        label="networks at the ceiling (trial 2 at .967 or more), share",
        values=subject_values(subjects, "ceiling"),
        criterion=must["share at the ceiling"],
        needs_learning=False,
        reference=PAPER_CEILING,
        source=PAPER,
    )
    counted = Effect(
        label="second trials behind each accuracy, lowest network",
        values=subject_values(subjects, "second_trials"),
        summary="lowest",
    )
    told = {
        "missing": "trials without a selection, share, mean",
        "steps": "decisions a trial, mean",
    }
    plain = [
        Effect(label=name, values=subject_values(subjects, column))
        for column, name in told.items()
    ]
    return [first, second, lowest, later, ceiling, counted, *plain]


def _later(tables: Tables, group: str, test: str, name: str) -> Effect:
    return Effect(
        label=f"accuracy in trials 2 to 6, {name}, mean",
        values=subject_values(of_test(tables, group, test), "later_trials"),
        chance=0.5,
    )


def _test_effects(tables: Tables, subjects: pd.DataFrame, must: Rules) -> list[Effect]:
    """What the other tests show, where they were taken."""
    reset = replace(
        _later(tables, MEASURED, "trial-reset", "memory reset on every trial"),
        criterion=must["accuracy of who cannot know"],
        chance=None,
        reference=0.5,
        source="nothing can be known",
    )
    new = replace(
        _later(tables, MEASURED, NEW_DISTRACTOR, "unrewarded thing replaced"),
        reference=RELATION_RULE,
        source="who keeps the order by one feature",
    )
    level = replace(
        _later(tables, MEASURED, "equalized", "pictures of one mean colour"),
        reference=0.5,
        source="who remembers the mean colour alone",
    )
    rows = [row for row in (reset, new, level) if len(row.values)]
    both = {
        NEW_DISTRACTOR: "unrewarded thing replaced - same two things",
        "held-in": "things of training - new things",
    }
    for test, name in both.items():
        other = subject_values(of_test(tables, MEASURED, test), "later_trials")
        if len(other):
            gain = other - subject_values(subjects, "later_trials")
            label = f"accuracy in trials 2 to 6, {name}, mean"
            rows.append(Effect(label=label, values=gain, chance=0.0))
        if len(other) and test == NEW_DISTRACTOR:
            told = "the paper: identical performance"
            rows[-1] = replace(rows[-1], reference=0.0, source=told)
    return rows + _reversal_effects(tables)


def _rule_effects(tables: Tables) -> list[Effect]:
    """The score of who remembers the mean colour alone, on the main test."""
    rule = _later(tables, "mean-colour", "test", "who remembers the mean colour alone")
    return [replace(rule, chance=None)] if len(rule.values) else []


def _reversal_effects(tables: Tables) -> list[Effect]:
    every = tables["accuracy"]
    own = every[(every["group"] == MEASURED) & (every["test"] == "reversal")]
    names = {7: "in the trial of the reversal", 8: "in the trial after it"}
    return [
        Effect(
            label=f"accuracy {name}, mean",
            values=subject_values(own[own["trial"] == trial], "accuracy"),
            reference=best,
            source="who remembers what paid last",
        )
        for (trial, name), best in zip(names.items(), (0.0, 1.0), strict=True)
        if (own["trial"] == trial).any()
    ]


def _course_effects(tables: Tables) -> list[Effect]:
    """When chance is left and the ceiling reached, in episodes of all lanes."""
    changes = tables["changes"]
    paper = tables["durations"].set_index("name")["paper_median"]
    found = {name: subject_values(changes, name).dropna() for name in COURSE}
    return [
        Effect(
            label=f"{COURSE[name]}, mean of those that did",
            values=values,
            reference=float(paper[name]),
            source=f"{PAPER}: median a thread, times 32 threads",
        )
        for name, values in found.items()
        if len(values)
    ]


def _kept(tables: Tables, group: str, test: str, units: str) -> pd.DataFrame:
    """Decoding from one set of units."""
    found = tables["decoding"]
    return found[
        (found["group"] == group) & (found["test"] == test) & (found["units"] == units)
    ]


def _decoding_effects(tables: Tables, must: Rules) -> list[Effect]:
    """What the networks' units keep, beside those of untrained ones."""
    trained = _kept(tables, MEASURED, "test", "trained")
    untrained = _kept(tables, MEASURED, "test", "untrained")
    rows = [
        Effect(
            label=f"{name}, {units}, mean",
            values=subject_values(table, column),
            chance=0.5 if column == "difference_sign" else None,
        )
        for column, name in KEPT.items()
        for units, table in (("networks", trained), ("untrained", untrained))
        if len(table)
    ]
    if len(trained) and len(untrained):
        gain = subject_values(trained, "r2_target") - subject_values(
            untrained, "r2_target"
        )
        rows.append(
            Effect(
                label=f"{KEPT['r2_target']}: trained - untrained, lower end",
                values=gain,
                summary="lower",
                criterion=must["decoded beyond untrained units"],
                chance=0.0,
            )
        )
    tests = {
        "test": "networks",
        NEW_DISTRACTOR: "networks, unrewarded thing replaced",
    }
    for test, name in tests.items():
        rows += _index_effects(tables, MEASURED, test, name)
    return rows


def _index_effects(tables: Tables, group: str, test: str, name: str) -> list[Effect]:
    part = _kept(tables, group, test, "trained")
    label = f"relation index, {name} (0 picture, 1 relation), mean"
    effect = Effect(label=label, values=subject_values(part, "relation_index"))
    return [effect] if len(part) else []


def _control_effects(tables: Tables, must: Rules) -> list[Effect]:
    """The networks that were trained with replaced things, on both tests."""
    tests = {
        "test": "same two things",
        NEW_DISTRACTOR: "unrewarded thing replaced",
    }
    rows = [
        replace(
            _later(tables, CONTROL, test, f"trained with replaced things: {name}"),
            criterion=must["accuracy, trained with replaced things"],
        )
        for test, name in tests.items()
    ]
    scored = [row for row in rows if len(row.values)]
    name = "networks trained with replaced things"
    index = _index_effects(tables, CONTROL, NEW_DISTRACTOR, name)
    return scored + index
