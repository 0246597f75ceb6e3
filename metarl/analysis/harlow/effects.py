"""Effects of the learning-set experiments, with alternative explanations.

Criteria were fixed beforehand, for problems of six trials. As the two objects of a
problem are held out of training, accuracy shows that something general was learned.
Replacing the unrewarded one on each trial rules out a memory of the order of the
objects by one feature; a memory of all their differences does hardly worse than one of
the object itself, and only the units distinguish these two (`units`).
"""

from dataclasses import replace

import pandas as pd

from metarl.analysis.analysis import Context
from metarl.analysis.criteria import Criterion
from metarl.analysis.effects import ALL_MEASURED, NO_LEARNING, Effect
from metarl.analysis.harlow.behaviour import MAIN
from metarl.analysis.harlow.course import FINAL
from metarl.analysis.harlow.interchange import MEASURES, PREDICTED
from metarl.analysis.measures import (
    MEASURED,
    Tables,
    rows_at,
    select_group,
    subject_values,
)
from metarl.analysis.statistics import (
    DIFFERENCE,
    HELD_OUT_R2,
    PROBABILITY,
    fit_linear,
)

GIVEN = {
    "none": "own memory",
    "hidden": "donor's hidden state",
    "cell": "donor's cell",
    "all": "donor's whole memory",
}
"""Part of the memory that a donor gives -> its name."""
CONTROL = "replaced"
"""Variant that was trained with a new unrewarded object on each trial."""
NEW_DISTRACTOR = "new-distractor"
"""Test with a new unrewarded object on each trial."""
MEAN_COLOUR = "mean-colour"
"""Baseline that remembers the mean colour of the rewarded object alone."""
RELATION_RULE = 2 / 3
"""Accuracy, where objects are replaced, of a memory of the order of two objects by one
feature: the probability that the order of two random numbers holds of the first and a
third. By all eight features of objects on the line it would be .95."""
PAPER = "Wang et al. 2018, Fig. 6 and Results, Simulation 5"
PAPER_CEILING = 14 / 50
"""Share of the paper's networks that reached maximal performance."""
LEAST_STAGES = 3
"""Stages between the change points from which a slope is computed."""
COURSE = {
    "leaves_chance": "episodes until performance leaves chance",
    "takes": "episodes from there to the ceiling",
}
"""Column of the change points -> its effect in words."""
DECODED = {
    "r2_target": "rewarded object, decoded from units (r2)",
    "r2_distractor": "unrewarded object, decoded from units (r2)",
    "difference_sign": "sign of their difference, decoded from units",
}
"""Column of the table of decoding -> its effect in words."""


def effects(tables: Tables, context: Context) -> list[Effect]:
    """Every effect of the experiment."""
    return [
        *_accuracy_effects(select_group(tables["subjects"]), context),
        *_test_effects(tables, context),
        *_reversal_effects(tables),
        *_decoding_effects(tables),
        *_interchange_effects(tables, MEASURED),
        *_course_effects(tables),
        *_published_effects(tables, context),
        *_baseline_effects(tables),
        *_variant_effects(tables, context),
    ]


def _accuracy_effects(subjects: pd.DataFrame, context: Context) -> list[Effect]:
    second = Effect(
        key="trial_2.mean",
        label="accuracy in trial 2, mean",
        values=subject_values(subjects, "second_trial"),
        bounds=PROBABILITY,
        chance=0.5,
        reference=0.967,
        source=PAPER,
    )
    return [
        Effect(
            key="trial_1.mean",
            label="accuracy in trial 1, mean",
            values=subject_values(subjects, "first_trial"),
            bounds=PROBABILITY,
            criterion=context.criteria["accuracy without knowledge"],
            reference=0.5,
            source="nothing can be known",
        ),
        second,
        replace(
            second,
            key="trial_2.lowest",
            label="accuracy in trial 2, lowest network",
            summary="lowest",
        ),
        Effect(
            key="later.lowest",
            label="accuracy in trials 2 to 6, lowest network",
            values=subject_values(subjects, "later_trials"),
            bounds=PROBABILITY,
            summary="lowest",
            criterion=context.criteria.get("accuracy in trials 2 to 6, each network"),
            reference=0.979,
            source=PAPER,
        ),
        Effect(
            key="ceiling.share",
            label="networks at the ceiling (trial 2 at .967 or more), share",
            values=subject_values(subjects, "ceiling"),
            bounds=PROBABILITY,
            criterion=context.criteria["share at the ceiling"],
            needs_learning=False,
            reference=PAPER_CEILING,
            source=PAPER,
        ),
        Effect(
            key="second_trials.lowest",
            label="second trials behind each accuracy, lowest network",
            values=subject_values(subjects, "second_trials"),
            summary="lowest",
        ),
        Effect(
            key="missing.mean",
            label="trials without a selection, share, mean",
            values=subject_values(subjects, "missing"),
            bounds=PROBABILITY,
        ),
        Effect(
            key="steps.mean",
            label="decisions per trial, mean",
            values=subject_values(subjects, "steps"),
        ),
    ]


def _later(tables: Tables, group: str, test: str, words: str) -> Effect:
    """Accuracy of a group in trials 2 to 6 of a test; no values without that test."""
    rows = rows_at(tables["tests"], group=group, test=test)
    prefix = "" if group == MEASURED else f"{group}."
    return Effect(
        key=f"later.{prefix}{test}.mean",
        label=f"accuracy in trials 2 to 6, {words}, mean",
        values=subject_values(rows, "later_trials"),
        bounds=PROBABILITY,
        chance=0.5,
    )


def _test_effects(tables: Tables, context: Context) -> list[Effect]:
    """Accuracy in the further tests that were taken."""
    reset = replace(
        _later(tables, MEASURED, "trial-reset", "memory reset on every trial"),
        criterion=context.criteria["accuracy without knowledge"],
        chance=None,
        reference=0.5,
        source="nothing can be known",
    )
    replaced = replace(
        _later(tables, MEASURED, NEW_DISTRACTOR, "unrewarded object replaced"),
        reference=RELATION_RULE,
        source="memory of the order by one feature",
    )
    equalized = replace(
        _later(tables, MEASURED, "equalized", "pictures of one mean colour"),
        reference=0.5,
        source="memory of the mean colour alone",
    )
    against_same = replace(
        _minus_main(
            tables, NEW_DISTRACTOR, "unrewarded object replaced - same two objects"
        ),
        criterion=context.criteria["new distractor minus same objects"],
        reference=0.0,
        source="the paper: identical performance",
    )
    against_new = _minus_main(tables, "held-in", "objects of training - new objects")
    rows = [reset, replaced, equalized, against_same, against_new]
    return [row for row in rows if len(row.values)]


def _minus_main(tables: Tables, test: str, words: str) -> Effect:
    """Accuracy in a further test minus that in the main one."""
    other = _later(tables, MEASURED, test, words)
    main = _later(tables, MEASURED, MAIN, words)
    values = other.values - main.values if len(other.values) else other.values
    key = f"later.{test}.minus_{MAIN}"
    return replace(other, key=key, values=values, chance=0.0, bounds=DIFFERENCE)


def _reversal_effects(tables: Tables) -> list[Effect]:
    """Accuracy once the two objects have swapped roles after the sixth trial."""
    own = rows_at(tables["accuracy"], group=MEASURED, test="reversal")
    trials = (
        (7, "in the trial of the reversal", 0.0),
        (8, "in the trial after it", 1.0),
    )
    return [
        Effect(
            key=f"reversal.trial_{trial}.mean",
            label=f"accuracy {words}, mean",
            values=subject_values(rows_at(own, trial=trial), "accuracy"),
            bounds=PROBABILITY,
            reference=best,
            source="memory of the object rewarded last",
        )
        for trial, words, best in trials
        if (own["trial"] == trial).any()
    ]


def _decoding_effects(tables: Tables) -> list[Effect]:
    """Decoding from the networks' units, compared with untrained ones."""
    networks = {
        "networks": rows_at(_decoding_rows(tables, MEASURED, MAIN), units="trained"),
        "untrained": rows_at(_decoding_rows(tables, MEASURED, MAIN), units="untrained"),
    }
    rows = [
        Effect(
            key=f"{column}.{units}.mean",
            label=f"{words}, {units}, mean",
            values=subject_values(table, column),
            bounds=PROBABILITY if column == "difference_sign" else HELD_OUT_R2,
            chance=0.5 if column == "difference_sign" else None,
        )
        for column, words in DECODED.items()
        for units, table in networks.items()
        if len(table)
    ]
    trained, untrained = (
        subject_values(table, "r2_target") for table in networks.values()
    )
    if len(trained) and len(untrained):
        rows.append(
            Effect(
                key="r2_target.difference.mean",
                label=f"{DECODED['r2_target']}: trained - untrained, mean",
                values=trained - untrained,
                chance=0.0,
            )
        )
    return [
        *rows,
        *_index_effects(tables, MEASURED, MAIN, "networks"),
        *_index_effects(
            tables, MEASURED, NEW_DISTRACTOR, "networks, unrewarded object replaced"
        ),
    ]


def _decoding_rows(tables: Tables, group: str, test: str) -> pd.DataFrame:
    return rows_at(tables["decoding"], group=group, test=test)


def _index_effects(tables: Tables, group: str, test: str, words: str) -> list[Effect]:
    """The relation index of trained units, where they were recorded."""
    rows = rows_at(_decoding_rows(tables, group, test), units="trained")
    prefix = "" if group == MEASURED else f"{group}."
    effect = Effect(
        key=f"relation_index.{prefix}{test}.mean",
        label=f"relation index, {words} (0 picture, 1 relation), mean",
        values=subject_values(rows, "relation_index"),
    )
    return [effect] if len(rows) else []


def _interchange_effects(tables: Tables, group: str) -> list[Effect]:
    """Choices with the memory of other problems, with the prediction of a picture.

    The side that the donor chose, and that of its reward with the same two pictures,
    are in the table alone.
    """
    rows = select_group(tables["interchange"], group)
    places = rows[["donor", "part", "measure"]].drop_duplicates().to_numpy().tolist()
    return [
        _interchange_effect(rows, group, donor, part, measure)
        for donor, part, measure in places
        if measure == "own" or (donor, measure) in PREDICTED
    ]


def _interchange_effect(
    rows: pd.DataFrame, group: str, donor: str, part: str, measure: str
) -> Effect:
    """One share of the table of interchange; rows are of one group."""
    prefix, words = "", ""
    if group != MEASURED:
        prefix, words = f"{group}.", "trained with replaced objects: "
    predicted = PREDICTED.get((donor, measure), (1.0, 1.0, 1.0, 0.5))
    own = rows_at(rows, donor=donor, part=part, measure=measure)
    return Effect(
        key=f"interchange.{prefix}{donor}.{measure}.{part}.mean",
        label=f"{words}{GIVEN[part]}: chooses {MEASURES[measure]}, share, mean",
        values=subject_values(own, "share"),
        bounds=PROBABILITY,
        reference=predicted[0],
        source=_predictions(*predicted),
    )


def _predictions(*predicted: float) -> str:
    shares = (f"{share:.2f}".removeprefix("0") for share in predicted)
    return "memory of pictures {}, likeness {}, order {}, side {}".format(*shares)


def _course_effects(tables: Tables) -> list[Effect]:
    """Episodes to leave chance and to reach the ceiling, of all environments together.

    They are over those networks alone that reached the point.
    """
    paper = tables["durations"].set_index("name")["paper_median"]
    reached = {
        name: subject_values(tables["changes"], name).dropna() for name in COURSE
    }
    return [
        Effect(
            key=f"{name}.mean",
            label=f"{COURSE[name]}, mean of those that did",
            values=values,
            learning=NO_LEARNING,
            reference=float(paper[name]),
            source=f"{PAPER}: median a thread, times 32 threads",
        )
        for name, values in reached.items()
        if len(values)
    ]


def _published_effects(tables: Tables, context: Context) -> list[Effect]:
    """Claims about all networks, and of the course about those that reached it."""
    subjects = select_group(tables["subjects"])
    everyone = [
        Effect(
            key="ceiling.published",
            label="networks at the ceiling, share, compared with 14 of 50",
            values=subject_values(subjects, "ceiling"),
            bounds=PROBABILITY,
            criterion=context.criteria["share at the ceiling, published"],
            needs_learning=False,
            reference=PAPER_CEILING,
            source=PAPER,
        ),
        Effect(
            key="final.trial_1.mean",
            label="accuracy in trial 1, compared with the published, mean",
            values=subject_values(subjects, "first_trial"),
            bounds=PROBABILITY,
            criterion=context.criteria["first trial"],
            reference=0.54,
            source=PAPER,
        ),
        Effect(
            key="final.later.mean",
            label="accuracy in trials 2 to 6, compared with the published, mean",
            values=subject_values(subjects, "later_trials"),
            bounds=PROBABILITY,
            criterion=context.criteria["later trials"],
            reference=0.967,
            source=PAPER,
        ),
    ]
    return [*everyone, *_published_course(tables, context)]


def _published_course(tables: Tables, context: Context) -> list[Effect]:
    """Claims about the course, of the networks alone that reached its points."""
    paper = tables["durations"].set_index("name")["paper_median"]
    rules = {
        "leaves_chance": "episodes until chance is left",
        "takes": "episodes to the ceiling",
    }
    episodes = [
        Effect(
            key=f"{name}.median",
            label=f"{COURSE[name]}, median of those that did",
            values=subject_values(tables["changes"], name).dropna(),
            summary="median",
            criterion=context.criteria[rule],
            learning=NO_LEARNING,
            needs_learning=False,
            reference=float(paper[name]),
            source=f"{PAPER}: median a thread, times 32 threads",
        )
        for name, rule in rules.items()
    ]
    rise = Effect(
        key="stages.slope",
        label="accuracy in trials 2 to 6, slope over the stages of learning, mean",
        values=_slope_over_stages(tables["stages"]),
        criterion=context.criteria["rise over the stages"],
        learning=NO_LEARNING,
        needs_learning=False,
        chance=0.0,
    )
    return [*episodes, rise]


def _slope_over_stages(stages: pd.DataFrame) -> "pd.Series[float]":
    """Slope of each subject's accuracy after trial 1; of LEAST_STAGES or more."""
    course = stages[(stages["stage"] != FINAL) & (stages["trial"] > 1)]
    course = course.assign(stage=course["stage"].astype(float))
    means = course.groupby(["subject", "stage"])["accuracy"].mean().reset_index()
    # Rounded, as the slope of equal numbers must be 0.
    slopes = {
        subject: round(fit_linear(part["accuracy"], part["stage"]).weights[1], 9)
        for subject, part in means.groupby("subject")
        if len(part) >= LEAST_STAGES
    }
    return pd.Series(slopes, dtype=float)


def _baseline_effects(tables: Tables) -> list[Effect]:
    """Accuracy of a memory of the mean colour alone in the main test."""
    rule = _later(tables, MEAN_COLOUR, MAIN, "memory of the mean colour alone")
    row = replace(rule, chance=None, learning=NO_LEARNING)
    return [row] if len(row.values) else []


def _variant_effects(tables: Tables, context: Context) -> list[Effect]:
    """The networks that were trained with replaced objects, in both tests."""
    criterion = context.criteria["accuracy, trained with replaced objects"]
    rows = [
        _of_variant(tables, MAIN, "same two objects", criterion),
        _of_variant(tables, NEW_DISTRACTOR, "unrewarded object replaced", criterion),
        *_index_effects(
            tables, CONTROL, NEW_DISTRACTOR, "networks trained with replaced objects"
        ),
        *_interchange_effects(tables, CONTROL),
    ]
    return [replace(row, learning=ALL_MEASURED) for row in rows if len(row.values)]


def _of_variant(tables: Tables, test: str, words: str, criterion: Criterion) -> Effect:
    later = _later(tables, CONTROL, test, f"trained with replaced objects: {words}")
    return replace(later, criterion=criterion)
