"""The matching experiment: from trial tables and recordings to tables, effects, panels.

Everything a report or a command needs of this task stands here; what is computed stands
in the modules named matching_*.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes

from metarl.analysis.bridge import about_table, label_table, load_table
from metarl.analysis.data import ExperimentData
from metarl.analysis.matching.behaviour import (
    SETS,
    earnings,
    episode_ratios,
    history_weights,
    matching_lines,
    subject_facts,
)
from metarl.analysis.matching.effects import effects
from metarl.analysis.matching.plots import (
    plot_earnings,
    plot_history,
    plot_matching,
    plot_slopes,
)
from metarl.analysis.matching.references import reference_tables
from metarl.analysis.matching.trials import check_matching, prepare
from metarl.analysis.matching.unit_plots import plot_coding, plot_fractions
from metarl.analysis.matching.units import (
    CODING_COLUMNS,
    UNIT_COLUMNS,
    coding_table,
    unit_table,
)
from metarl.analysis.measures import MEASURED, by_group, summarise, trials_by_group

__all__ = [
    "BEHAVIOUR_PANELS",
    "PANELS",
    "effects",
    "load_animals",
    "reference_tables",
    "tables",
]

Panel = tuple[str, Callable[[Mapping[str, pd.DataFrame], Axes | None], Axes]]

TASK = "matching"
"""The task that the criteria were fixed for."""
TESTED = {"trial_least": 50, "trial_most": 100, "held_out": True}
"""The published test: all base chances, those that training left out among them."""
NEEDED_COLUMNS = ("subject", "trial", "choice", "reward")
"""Columns that an animal's table must have."""
POINT_COUNT = 1200
"""Episodes kept for the scatter."""

BEHAVIOUR_PANELS: tuple[Panel, ...] = (
    ("Choices match income", plot_matching),
    ("How closely, and by what rule", plot_slopes),
    ("How far back choices look", plot_history),
)
"""Title and drawing of what any trial table shows, an animal's too."""
PANELS: tuple[Panel, ...] = (
    *BEHAVIOUR_PANELS,
    ("What was earned", plot_earnings),
    ("What units code before a choice", plot_coding),
    ("How many units code it", plot_fractions),
)
"""Title and drawing of every panel; each takes `tables(source)` and axes."""


def load_animals(path: Path | str) -> pd.DataFrame:
    """Read animals' trials: choice 0 or 1, reward 0 or 1, an episode a block.

    Within an episode the chances of reward must stay as they are; trial counts up by 1.
    """
    return load_table(path, NEEDED_COLUMNS, check_matching)


def tables(source: ExperimentData) -> dict[str, pd.DataFrame]:
    """Every table of the experiment, by name.

    A group is "measured" or the name of a reference strategy.

    Returns:
        Per group and subject: subjects (with efficiency_held_in and _held_out),
        earnings, lines, history, and, of recorded networks, coding. Over subjects, with
        mean, low, high and n: the same names with _summary, and slopes_summary. points:
        episodes of the measured subjects; units: every unit. Published, with sources:
        reference_matching, reference_history, reference_neurons. summary: every
        behavioural number of each measured subject. about: task, subjects_are,
        discount, scored, expected.
    """
    raw = trials_by_group(source)
    groups = {name: prepare(trials) for name, trials in raw.items()}
    made = {
        "earnings": by_group(groups, earnings),
        "lines": by_group(groups, matching_lines),
        "history": by_group(groups, history_weights),
    }
    facts = by_group(groups, subject_facts)
    keys = ["group", "subject"]
    made["subjects"] = (
        facts.merge(by_group(raw, label_table), on=keys)
        .merge(_wide(made["earnings"], "efficiency"), on=keys)
        .merge(_wide(made["earnings"], "reward_per_trial"), on=keys)
    )
    made["points"] = _points(groups[MEASURED])
    made |= _units(source, groups[MEASURED])
    made |= _summaries(made)
    made["summary"] = _summary(made)
    made["about"] = about_table(source, scored=_is_scored(source))
    return made | reference_tables()


def _is_scored(source: ExperimentData) -> bool:
    """Whether task and test are those that the criteria were fixed for."""
    networks = source.task == TASK and source.subjects_are == "networks"
    tested = all(source.parameters.get(k) == v for k, v in TESTED.items())
    return networks and source.as_published and tested


def _wide(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """One row a subject, with the column for each set: column_held_in, ..."""
    wide = table.pivot(index=["group", "subject"], columns="set", values=column)
    names = {name: f"{column}_{name.replace('-', '_')}" for name in SETS}
    return wide[list(SETS)].rename(columns=names).reset_index()


def _points(trials: pd.DataFrame) -> pd.DataFrame:
    """Evenly thinned episodes for the scatter."""
    ratios = episode_ratios(trials)
    return ratios.iloc[:: max(1, -(-len(ratios) // POINT_COUNT))]


def _units(source: ExperimentData, trials: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Unit by unit and summed up, of every recorded network."""
    units = [pd.DataFrame(columns=["group", "subject", *UNIT_COLUMNS])]
    coding = [pd.DataFrame(columns=["group", "subject", *CODING_COLUMNS])]
    for subject, recording in source.recordings.items():
        found = unit_table(recording, trials[trials["subject"] == subject])
        for parts, table in ((units, found), (coding, coding_table(found))):
            if len(table):
                table.insert(0, "group", MEASURED)
                table.insert(1, "subject", subject)
                parts.append(table)
    return {
        name: pd.concat(parts[1:] or parts, ignore_index=True)
        for name, parts in (("units", units), ("coding", coding))
    }


def _summaries(made: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Means over subjects with their intervals."""
    stays = made["subjects"].melt(
        ["group"], ["stay_after_reward", "switch_after_none"], "measure", "value"
    )
    slopes = made["lines"].rename(columns={"set": "measure", "slope": "value"})
    slopes["measure"] = "slope, " + slopes["measure"]
    both = pd.concat([slopes[["group", "measure", "value"]], stays])
    kept = ["group", "network", "variable"]
    return {
        "slopes_summary": summarise(both, "value", ["group", "measure"]),
        "bias_summary": summarise(made["lines"], "bias", ["group", "set"]),
        "history_summary": summarise(
            made["history"], "weight", ["group", "predictor", "lag"]
        ),
        "earnings_summary": summarise(
            made["earnings"], "reward_per_trial", ["group", "set"]
        ),
        "coding_summary": summarise(made["coding"], "strength", kept),
        "fraction_summary": summarise(made["coding"], "fraction", kept),
    }


def _summary(made: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Every behavioural number of each measured subject.

    Returns:
        One row for each subject and quantity: label, measure, set and lag (blank where
        they do not apply), value, error (standard error of a slope or weight).
    """
    own = {k: made[k][made[k]["group"] == MEASURED] for k in ("lines", "history")}
    subjects = made["subjects"][made["subjects"]["group"] == MEASURED]
    lines = own["lines"].melt(
        ["subject", "set", "error"], ["slope", "bias", "r"], "measure"
    )
    lines["error"] = lines["error"].where(lines["measure"] == "slope")
    history = own["history"].rename(columns={"weight": "value"})
    history = history.assign(measure=history["predictor"] + " weight")
    facts = subjects.melt(
        ["subject"], ["stay_after_reward", "switch_after_none"], "measure"
    )
    table = pd.concat([lines, history, facts], ignore_index=True)
    labels = subjects.set_index("subject")["label"]
    table["label"] = table["subject"].map(labels)
    table["set"] = table["set"].fillna("")
    columns = ["label", "measure", "set", "lag", "value", "error"]
    known: pd.DataFrame = table.loc[table["value"].notna(), columns]
    return known.reset_index(drop=True)
