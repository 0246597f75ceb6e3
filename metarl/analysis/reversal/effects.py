"""What networks must show in the reversal task, beside what monkeys did.

Criteria were fixed beforehand, for the task with the published design; on a variant the
same rows are reported and not scored. A value is the mean over subjects of each one's
mean over its blocks; the monkeys' references are means over their pooled blocks.
"""

import numpy as np
import pandas as pd

from metarl.analysis.criteria import CRITERIA, learned_subjects
from metarl.analysis.effects import Effect, judge
from metarl.analysis.measures import Tables, by_subject, select_group
from metarl.analysis.reversal.behaviour import MEASURES, schedule_name

MUST = CRITERIA["reversal"]
"""What is asked of the networks, by name."""
HABIT, IDEAL = "win-stay-lose-shift", "bayes-greedy"
"""Strategies that the networks are held against."""
WAIT_OF_CHANCE = 1.0
"""Trials that a random chooser lets pass before it takes a given one of two options."""
MONKEYS = "4 macaques, Costa et al. 2016"


def effects(tables: Tables) -> pd.DataFrame:
    """Every effect of the experiment with its verdict, as `effect_table` lays out."""
    about = tables["about"]
    subjects = select_group(tables["subjects"])
    task, scored = str(about["task"].iloc[0]), bool(about["scored"].iloc[0])
    learned = learned_subjects(task, subjects) if scored else None
    rows = [
        *_better_effects(tables),
        *_rise_effects(tables),
        *_schedule_effects(tables),
    ]
    return judge(about, [(effect, learned) for effect in rows])


def _better_effects(tables: Tables) -> list[Effect]:
    """How often the better option is chosen: by itself, and beside strategies.

    None of the rows needs learning: a network that learned nothing has .50.
    """
    better = by_subject(select_group(tables["subjects"]), "p_better")
    monkeys = _monkeys_mean(tables, "p_better")
    mean = Effect(
        name="P(choose better), mean",
        values=better,
        criterion=MUST["chooses better"],
        needs_learning=False,
        chance=0.5,
        reference=monkeys,
        source=MONKEYS,
    )
    lowest = Effect(
        name="P(choose better), lowest network", values=better, summary="lowest"
    )
    rows = [mean, lowest]
    for name, criterion in (
        (HABIT, MUST["chooses better than the habit"]),
        (IDEAL, None),
    ):
        strategy = _strategy_mean(tables, name)
        away = Effect(
            name=f"P(choose better) minus that of {name}, mean",
            values=better - strategy,
            criterion=criterion,
            needs_learning=False,
            chance=0.5 - strategy,
            reference=monkeys - strategy,
            source=MONKEYS,
        )
        rows.append(away)
    return rows


def _monkeys_mean(tables: Tables, measure: str) -> float:
    """A measure of the monkeys over all their blocks, of both schedules."""
    rows = tables["reference_overall"]
    return float(rows.loc[rows["measure"] == measure, "value"].iloc[0])


def _strategy_mean(tables: Tables, name: str) -> float:
    """P(choose better) of a strategy; NaN where it was not tested."""
    strategy = select_group(tables["subjects"], name)
    return float(strategy["p_better"].mean()) if len(strategy) else np.nan


def _rise_effects(tables: Tables) -> list[Effect]:
    """That choices come to follow what pays, at first and again after the reversal."""
    subjects = select_group(tables["subjects"])
    late = MUST["chooses better late"]
    return [
        Effect(
            name=f"{MEASURES[measure]}, mean",
            values=by_subject(subjects, measure),
            criterion=late if measure.startswith("late") else None,
            needs_learning=False,
            chance=0.5,
            reference=_monkeys_mean(tables, measure),
            source=MONKEYS,
        )
        for measure in ("late_acquisition", "at_reversal", "late_reversal")
    ]


def _schedule_effects(tables: Tables) -> list[Effect]:
    """Every measure at every schedule that was tested, as the monkeys' are known."""
    table = select_group(tables["by_schedule"])
    everyone = select_group(tables["subjects"])["subject"].to_numpy()
    rows = []
    for schedule in sorted(table["schedule"].unique(), reverse=True):
        for measure, words in MEASURES.items():
            here = table["measure"] == measure
            cell = table[here & (table["schedule"] == schedule)]
            reference = _monkeys_at(tables, measure, schedule)
            row = Effect(
                name=f"{words} at {schedule_name(schedule)}, mean",
                values=by_subject(cell, "value").reindex(everyone),
                chance=_chance(measure),
                reference=reference,
                source="" if reference is None else MONKEYS,
            )
            rows.append(row)
    return rows


def _monkeys_at(tables: Tables, measure: str, schedule: float) -> float | None:
    """A measure of the monkeys at one schedule; None where they had no such."""
    rows = tables["reference_measures"]
    rows = rows[(rows["measure"] == measure) & (rows["schedule"] == schedule)]
    return float(rows["value"].iloc[0]) if len(rows) else None


def _chance(measure: str) -> float | None:
    """Value of a subject that chooses at random; None where it has no plain one."""
    waits = {"first_new_better": WAIT_OF_CHANCE, "switch_delay": None}
    return waits.get(measure, 0.5)
