"""What networks must show of learning sets, beside what else could have shown it.

Criteria were fixed beforehand, for problems of six trials. That a problem's two things
are held out of training shows that something general was learned; that its unrewarded
thing is replaced shows whether it is the thing that paid which is kept.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import pandas as pd

from metarl.analysis.criteria import learned_subjects
from metarl.analysis.effects import Criterion, Effect, judge, whose
from metarl.analysis.groups import MEASURED, Tables, by_subject

CONTROL = "replaced"
"""Group of the networks that were trained with a new unrewarded thing each trial."""
NEW_DISTRACTOR = "new-distractor"
"""Test with a new unrewarded thing on each trial."""
AT_CHANCE = Criterion(low=0.47, high=0.53)
"""Accuracy of who cannot know; 3 points are far beyond the error of 4,500 problems."""
AT_CEILING: Mapping[str, Criterion] = MappingProxyType(
    {"harlow-line": Criterion(low=1.0), "harlow": Criterion(low=0.95)}
)
"""Share of networks whose second trial is at the ceiling; the paper's is .28."""
EACH = Criterion(low=0.97)
"""Accuracy in trials 2 to 6 of every single network on the line."""
REPLACED = Criterion(low=0.95)
"""Accuracy in trials 2 to 6 of networks trained with replaced things, on either test;
a store of the relation alone has .667 where things are replaced."""
RELATION_RULE = 2 / 3
"""Chance that an order of two random numbers holds of the first and a third."""
PAPER = "Wang et al. 2018, Fig. 6 and Results, Simulation 5"
PAPER_CEILING = 14 / 50
"""Share of the paper's networks that reached maximal performance."""
PAPER_EPISODES = {"leaves_chance": 3_413 * 32, "takes": 4_875 * 32}
"""Medians of the paper, episodes a thread, times 32 threads."""


def effects(tables: Tables) -> pd.DataFrame:
    """Every effect of the experiment with its verdict, as `effect_table` lays out."""
    about = tables["about"].iloc[0]
    task, scored = str(about["task"]), bool(about["scored"])
    subjects = of_test(tables, MEASURED, "test")
    learned = learned_subjects(task, subjects) if scored else None
    rows = [
        *_accuracy_effects(subjects, task),
        *_test_effects(tables, subjects),
        *_course_effects(tables),
        *_decoding_effects(tables),
    ]
    listed = [(effect, learned) for effect in rows]
    listed += [(effect, None) for effect in _rule_effects(tables)]
    for effect in _control_effects(tables):
        listed.append((effect, whose(effect, learned, about["expected"])))
    return judge(tables["about"], listed)


def of_test(tables: Tables, group: str, test: str) -> pd.DataFrame:
    """The subjects of a group in a test; empty where it took none."""
    every = tables["subjects"]
    return every[(every["group"] == group) & (every["test"] == test)]


def _accuracy_effects(subjects: pd.DataFrame, task: str) -> list[Effect]:
    first = Effect(
        name="accuracy in trial 1, mean",
        values=by_subject(subjects, "first_trial"),
        criterion=AT_CHANCE,
        reference=0.5,
        source="nothing can be known",
    )
    later = Effect(
        name="accuracy in trials 2 to 6, lowest network",
        values=by_subject(subjects, "later_trials"),
        summary="lowest",
        criterion=EACH if task == "harlow-line" else None,
        reference=0.979,
        source=PAPER,
    )
    second = Effect(
        name="accuracy in trial 2, mean",
        values=by_subject(subjects, "second_trial"),
        chance=0.5,
        reference=0.967,
        source=PAPER,
    )
    ceiling = Effect(
        name="networks at the ceiling (trial 2 at .967 or more), share",
        values=by_subject(subjects, "ceiling"),
        criterion=AT_CEILING.get(task),
        needs_learning=False,
        reference=PAPER_CEILING,
        source=PAPER,
    )
    counted = Effect(
        name="second trials behind each accuracy, lowest network",
        values=by_subject(subjects, "second_trials"),
        summary="lowest",
    )
    told = {
        "missing": "trials without a selection, share, mean",
        "steps": "decisions a trial, mean",
    }
    plain = [
        Effect(name=name, values=by_subject(subjects, column))
        for column, name in told.items()
    ]
    return [first, second, later, ceiling, counted, *plain]


def _later(tables: Tables, group: str, test: str, name: str) -> Effect:
    return Effect(
        name=f"accuracy in trials 2 to 6, {name}, mean",
        values=by_subject(of_test(tables, group, test), "later_trials"),
        chance=0.5,
    )


def _test_effects(tables: Tables, subjects: pd.DataFrame) -> list[Effect]:
    """What the other tests show, where they were taken."""
    reset = replace(
        _later(tables, MEASURED, "trial-reset", "memory reset on every trial"),
        criterion=AT_CHANCE,
        chance=None,
        reference=0.5,
        source="nothing can be known",
    )
    new = replace(
        _later(tables, MEASURED, NEW_DISTRACTOR, "unrewarded thing replaced"),
        reference=RELATION_RULE,
        source="a store of the relation alone; the paper: identical performance",
    )
    level = replace(
        _later(tables, MEASURED, "equalized", "pictures of one mean colour"),
        reference=0.5,
        source="who remembers the mean colour alone",
    )
    rows = [row for row in (reset, new, level) if len(row.values)]
    known = by_subject(of_test(tables, MEASURED, "held-in"), "later_trials")
    if len(known):
        gain = known - by_subject(subjects, "later_trials")
        name = "accuracy in trials 2 to 6, things of training - new things, mean"
        rows.append(Effect(name=name, values=gain.dropna(), chance=0.0))
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
            name=f"accuracy {name}, mean",
            values=by_subject(own[own["trial"] == trial], "accuracy"),
            reference=best,
            source="who remembers what paid last",
        )
        for (trial, name), best in zip(names.items(), (0.0, 1.0), strict=True)
        if (own["trial"] == trial).any()
    ]


def _course_effects(tables: Tables) -> list[Effect]:
    """When chance is left and the ceiling reached, in episodes of all lanes."""
    changes = tables["changes"].set_index("subject")
    takes = changes["reaches_ceiling"] - changes["leaves_chance"]
    told = {
        "episodes until chance is left": (
            changes["leaves_chance"],
            PAPER_EPISODES["leaves_chance"],
        ),
        "episodes from there to the ceiling": (takes, PAPER_EPISODES["takes"]),
    }
    return [
        Effect(
            name=f"{name}, mean of those that did",
            values=values.dropna(),
            needs_learning=False,
            reference=reference,
            source=f"{PAPER}, median a thread times 32",
        )
        for name, (values, reference) in told.items()
        if values.notna().any()
    ]


def _decoding_effects(tables: Tables) -> list[Effect]:
    found = tables["decoding"]
    own = found[(found["group"] == MEASURED) & (found["test"] == "test")]
    trained, untrained = (
        own[own["units"] == name].set_index("subject")
        for name in ("trained", "untrained")
    )
    if trained.empty or untrained.empty:
        return []
    gain = trained["r2_target"] - untrained["r2_target"]
    rows = [
        Effect(
            name="what paid, decoded from units (r2): trained - untrained, lower end",
            values=gain,
            summary="lower",
            criterion=Criterion(low=0.0, strict=True),
            chance=0.0,
        )
    ]
    for group, test, name in (
        (MEASURED, "test", "networks"),
        (CONTROL, NEW_DISTRACTOR, "networks trained with replaced things"),
    ):
        part = found[(found["group"] == group) & (found["test"] == test)]
        part = part[part["units"] == "trained"].dropna(subset=["relation_index"])
        if len(part):
            label = f"relation index, {name} (0 picture, 1 relation), mean"
            values = by_subject(part, "relation_index")
            rows.append(Effect(name=label, values=values, needs_learning=False))
    return rows


def _control_effects(tables: Tables) -> list[Effect]:
    """The networks that were trained with replaced things, on both tests."""
    tests = {
        "test": "same two things",
        NEW_DISTRACTOR: "unrewarded thing replaced",
    }
    rows = [
        replace(
            _later(tables, CONTROL, test, f"trained with replaced things: {name}"),
            criterion=REPLACED,
        )
        for test, name in tests.items()
    ]
    return [row for row in rows if len(row.values)]
