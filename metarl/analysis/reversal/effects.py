"""Effects of the reversal experiment, with the monkeys' values for comparison.

A value is the mean over subjects of each one's mean over its blocks; the monkeys'
references are means over their pooled blocks.
"""

from metarl.analysis.analysis import Context
from metarl.analysis.effects import Effect, relative_to_baseline
from metarl.analysis.measures import (
    MEASURED,
    Tables,
    group_mean,
    measured_subjects,
    rows_at,
    select_group,
    subject_values,
)
from metarl.analysis.references import reference_value
from metarl.analysis.reversal.behaviour import BOUNDS, MEASURES, schedule_name
from metarl.analysis.statistics import PROBABILITY

HABIT, IDEAL = "win-stay-lose-shift", "bayes-greedy"
"""Baselines that the networks are compared with."""
PICTURES, PICTURE_NETWORKS = "pictures", "networks, pictures"
"""Variant, and group: networks whose options are pictures on sides that change."""
RANDOM_WAIT = 1.0
"""Trials that a random chooser lets pass before it takes a given one of two options."""
MONKEYS = "4 macaques, Costa et al. 2016"


def effects(tables: Tables, context: Context) -> list[Effect]:
    """Every effect of the experiment."""
    return [
        *_better_effects(tables, context),
        *_rise_effects(tables, context),
        *_schedule_effects(tables),
        *_picture_effects(tables, context),
    ]


def _picture_effects(tables: Tables, context: Context) -> list[Effect]:
    """The scored rows again, for networks with the monkeys' own options.

    A habit or an ideal observer that goes by pictures has the same numbers as one that
    goes by sides.
    """
    if select_group(tables["subjects"], PICTURE_NETWORKS).empty:
        return []
    return [
        *_better_effects(tables, context, PICTURE_NETWORKS),
        *_rise_effects(tables, context, PICTURE_NETWORKS),
    ]


def _better_effects(
    tables: Tables, context: Context, group: str = MEASURED
) -> list[Effect]:
    """Probability of choosing the better option, also compared with baselines.

    None of the rows needs learning: a network that learned nothing has .50.
    """
    better = subject_values(select_group(tables["subjects"], group), "p_better")
    place, words = _of_group(group)
    mean = Effect(
        key=f"{place}better.mean",
        label=f"P(choose better){words}, mean",
        values=better,
        criterion=context.criteria["chooses better"],
        needs_learning=False,
        learning=group,
        chance=0.5,
        bounds=PROBABILITY,
        reference=_monkeys_mean(tables, "p_better"),
        source=MONKEYS,
    )
    lowest = Effect(
        key=f"{place}better.lowest",
        label=f"P(choose better){words}, lowest network",
        values=better,
        summary="lowest",
        learning=group,
        bounds=PROBABILITY,
    )
    minus = [
        relative_to_baseline(
            mean,
            group_mean(tables["subjects"], name, "p_better"),
            key=f"{place}better.minus_{name}",
            label=f"P(choose better){words} minus that of {name}, mean",
            criterion=criterion,
        )
        for name, criterion in (
            (HABIT, context.criteria["chooses better than the habit"]),
            (IDEAL, None),
        )
    ]
    return [mean, lowest, *minus]


def _of_group(group: str) -> tuple[str, str]:
    """Beginning of the keys of a group, and its words in labels."""
    return ("", "") if group == MEASURED else (f"{PICTURES}.", f", {PICTURES}")


def _monkeys_mean(tables: Tables, measure: str) -> float | None:
    """A measure of the monkeys over all their blocks, of both schedules."""
    return reference_value(tables["reference_overall"], measure=measure)


def _rise_effects(
    tables: Tables, context: Context, group: str = MEASURED
) -> list[Effect]:
    """P(choose better) late in acquisition, at the reversal, and late after it."""
    subjects = select_group(tables["subjects"], group)
    place, words = _of_group(group)
    late = context.criteria["chooses better late"]
    return [
        Effect(
            key=f"{place}{measure}.mean",
            label=f"{MEASURES[measure]}{words}, mean",
            values=subject_values(subjects, measure),
            criterion=late if measure.startswith("late") else None,
            needs_learning=False,
            learning=group,
            chance=0.5,
            bounds=BOUNDS[measure],
            reference=_monkeys_mean(tables, measure),
            source=MONKEYS,
        )
        for measure in ("late_acquisition", "at_reversal", "late_reversal")
    ]


def _schedule_effects(tables: Tables) -> list[Effect]:
    """Every measure at every tested schedule."""
    schedules = select_group(tables["by_schedule"])["schedule"].unique()
    return [
        _schedule_effect(tables, measure, float(schedule))
        for schedule in sorted(schedules, reverse=True)
        for measure in MEASURES
    ]


def _schedule_effect(tables: Tables, measure: str, schedule: float) -> Effect:
    where = {"measure": measure, "schedule": schedule}
    reference = reference_value(tables["reference_measures"], **where)
    cell = rows_at(select_group(tables["by_schedule"]), **where)
    everyone = measured_subjects(tables)
    return Effect(
        key=f"{measure}.{schedule:g}.mean",
        label=f"{MEASURES[measure]} at {schedule_name(schedule)}, mean",
        values=subject_values(cell, "value").reindex(everyone),
        chance=_chance(measure),
        bounds=BOUNDS[measure],
        reference=reference,
        source="" if reference is None else MONKEYS,
    )


def _chance(measure: str) -> float | None:
    """Value of a subject that chooses at random; None where there is no simple one."""
    waits = {"first_new_better": RANDOM_WAIT, "switch_delay": None}
    return waits.get(measure, 0.5)
