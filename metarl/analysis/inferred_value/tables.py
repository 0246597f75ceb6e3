"""The inferred-value experiment: from recordings to tables, effects and panels.

Everything a report or a command needs of this task stands here; what is computed stands
in the modules named inferred_value_*.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import pandas as pd
from matplotlib.axes import Axes

from metarl.analysis.bridge import Tables, about_table, label_table, packaged
from metarl.analysis.data import ExperimentData
from metarl.analysis.inferred_value.effects import effects
from metarl.analysis.inferred_value.plots import (
    plot_controls,
    plot_cue_responses,
    plot_ratios,
    plot_valid_shares,
)
from metarl.analysis.inferred_value.responses import (
    RESPONSE_COLUMNS,
    VALUE_COLUMNS,
    WHEN,
    cue_responses,
    differences,
    ideal_difference,
    valid_shares,
    value_course,
)
from metarl.analysis.inferred_value.steps import (
    plot_readout,
    plot_states,
    plot_values,
)
from metarl.analysis.inferred_value.trials import (
    RECORDED,
    placed_trials,
    recorded_trials,
)
from metarl.analysis.inferred_value.units import (
    COUNTING_COLUMNS,
    READOUT_COLUMNS,
    STATE_COLUMNS,
    counting_readout,
    latent_readout,
    unit_sets,
    unit_states,
)
from metarl.analysis.measures import (
    MEASURED,
    by_group,
    select_group,
    summarise,
    trials_by_group,
)
from metarl.analysis.schema import numbers
from metarl.core.files import Recording

__all__ = ["BEHAVIOUR_PANELS", "PANELS", "effects", "reference_tables", "tables"]

Panel = tuple[str, Callable[[Tables, Axes | None], Axes]]

TASK = "inferred-value"
"""The task of the paper; its criteria do not fit another."""
PUBLISHED: Mapping[str, float] = {
    "block_count": 10,
    "block_trials": 5,
    "probability_switch": 0.5,
}
"""The task's parameters that the criteria were fixed for."""
SUMS = (*WHEN, "ratio", "carry_over", "counts")
"""Columns of the table of subjects that come from a recording."""

BEHAVIOUR_PANELS: tuple[Panel, ...] = (("Responses as asked for", plot_valid_shares),)
"""Title and drawing of what any trial table shows."""
PANELS: tuple[Panel, ...] = (
    ("Prediction error at the cue", plot_cue_responses),
    ("Value through a reversal", plot_values),
    ("What tells the inference apart", plot_controls),
    ("Inferred beside experienced value", plot_ratios),
    ("Units, by the rewarded cue", plot_states),
    ("The new cue, read out of units", plot_readout),
)
"""Title and drawing of every panel; each takes `tables(source)` and axes."""
PREVIEW_PANEL: Panel = PANELS[0]
"""What tells most of a network that still learns; it needs a recording."""
PREVIEW_ARRAYS = RECORDED
"""Arrays of a recording that it is drawn from."""


class Recorded(NamedTuple):
    """What was recorded of one subject, under one name."""

    group: str
    """MEASURED, or the name of a strategy or of a further test."""
    subject: int
    recording: Recording
    table: pd.DataFrame
    """`recorded_trials`."""


def tables(source: ExperimentData) -> dict[str, pd.DataFrame]:
    """Every table of the experiment, by name.

    A group is "measured", the name of a reference strategy or, where it says so, that
    of a further test of the measured subjects.

    Returns:
        Per group and subject: subjects; valid, by trial of a block; responses and
        values around a reversal, further tests too; differences, the three numbers as
        rows. Of measured subjects: readout, counting. Of the first one: states. With
        _summary, over subjects: mean, low, high and n of valid, responses, values,
        differences, readout and ratio. reference_signs: what was published of monkeys.
        about: `groups.about_table`, and ideal, what an observer that infers and counts
        no trials would have for each number.
    """
    recorded = list(_recorded(source))
    made = {
        "about": _about(source),
        "valid": by_group(trials_by_group(source), _valid),
        "responses": _each(recorded, cue_responses, RESPONSE_COLUMNS),
        "values": _each(recorded, value_course, VALUE_COLUMNS),
    }
    sums = _sums(made["responses"])
    made["subjects"] = _subjects(source, sums, float(made["about"]["ideal"].iloc[0]))
    made["differences"] = sums.melt(["group", "subject"], WHEN, "when", "difference")
    made |= _unit_tables([part for part in recorded if part.group == MEASURED])
    return made | _summaries(made) | reference_tables()


def _about(source: ExperimentData) -> pd.DataFrame:
    parameters = {name: source.parameters.get(name, v) for name, v in PUBLISHED.items()}
    known = source.task == TASK and source.subjects_are == "networks"
    published = source.as_published and parameters == dict(PUBLISHED)
    discount = float("nan") if source.discount is None else source.discount
    switch, trials = parameters["probability_switch"], parameters["block_trials"]
    ideal = ideal_difference(discount, float(str(switch)), int(str(trials)))
    return about_table(source, scored=known and published).assign(ideal=ideal)


def _recorded(source: ExperimentData) -> Iterator[Recorded]:
    """Everything that was recorded: measured, strategies, further tests."""
    yield from _group(MEASURED, source.recordings, source.trials)
    for name, recording in source.baseline_recordings.items():
        trials = source.baselines[name]
        yield from _group(name, {int(trials["subject"].iloc[0]): recording}, trials)
    for name, recordings in source.test_recordings.items():
        yield from _group(name, recordings, source.tests[name])


def _group(
    group: str, recordings: Mapping[int, Recording], trials: pd.DataFrame
) -> Iterator[Recorded]:
    for subject, recording in recordings.items():
        own = trials[trials["subject"] == subject]
        yield Recorded(group, subject, recording, recorded_trials(recording, own))


def _valid(trials: pd.DataFrame) -> pd.DataFrame:
    return valid_shares(placed_trials(trials))


def _each(
    recorded: list[Recorded],
    analyse: Callable[[pd.DataFrame], pd.DataFrame],
    columns: tuple[str, ...],
) -> pd.DataFrame:
    """One analysis of every recorded subject, group and subject first."""
    parts = [pd.DataFrame(columns=["group", "subject", *columns])]
    for group, subject, _, table in recorded:
        part = analyse(table)
        part.insert(0, "group", group)
        part.insert(1, "subject", subject)
        parts.append(part)
    return pd.concat(parts[1:] or parts, ignore_index=True)


def _sums(responses: pd.DataFrame) -> pd.DataFrame:
    """One row a group and subject: the numbers of `differences`."""
    rows = [
        (*key, *differences(part).values())
        for key, part in responses.groupby(["group", "subject"], sort=False)
    ]
    return pd.DataFrame(rows, columns=["group", "subject", *SUMS])


def _subjects(source: ExperimentData, sums: pd.DataFrame, ideal: float) -> pd.DataFrame:
    """One row a group and subject; blank numbers where nothing was recorded."""
    keys = ["group", "subject"]
    names = by_group(trials_by_group(source), label_table)
    shares = by_group(trials_by_group(source), _shares)
    table = names.merge(shares, on=keys).merge(sums, on=keys, how="left")
    return table.assign(experienced_of_ideal=table["experienced"].astype(float) / ideal)


def _shares(trials: pd.DataFrame) -> pd.DataFrame:
    """One row a subject: share of valid trials, and reward per trial."""
    columns = {"valid_share": "valid", "reward_per_trial": "reward"}
    values = pd.DataFrame({k: numbers(trials, v) for k, v in columns.items()})
    return (
        values.groupby(numbers(trials, "subject").astype(int))
        .mean()
        .reset_index(names="subject")
    )


def _unit_tables(measured: list[Recorded]) -> dict[str, pd.DataFrame]:
    """Read-outs of every subject's units, and the states of the first one's."""
    readout = [pd.DataFrame(columns=["subject", *READOUT_COLUMNS])]
    counting = [pd.DataFrame(columns=["subject", *COUNTING_COLUMNS])]
    states = pd.DataFrame(columns=["subject", *STATE_COLUMNS])
    for _, subject, recording, table in measured:
        units = unit_sets(recording)
        readout.append(latent_readout(units, table).assign(subject=subject))
        counting.append(counting_readout(units, table).assign(subject=subject))
        if states.empty and "trained" in units:
            states = unit_states(units["trained"], table).assign(subject=subject)
    return {
        "readout": pd.concat(readout[1:] or readout, ignore_index=True),
        "counting": pd.concat(counting[1:] or counting, ignore_index=True),
        "states": states,
    }


def _summaries(made: Tables) -> dict[str, pd.DataFrame]:
    """Means over subjects with their intervals."""
    by = {
        "valid": ("valid", ["group", "block_trial"]),
        "responses": ("rpe", ["group", "when", "cue", "event"]),
        "values": ("value", ["group", "place", "event", "cue"]),
        "differences": ("difference", ["group", "when"]),
        "readout": ("share", ["units", "place", "event"]),
    }
    ratio = summarise(select_group(made["subjects"]), "ratio", ["group"])
    return {"ratio_summary": ratio} | {
        f"{name}_summary": summarise(made[name], value, keys)
        for name, (value, keys) in by.items()
    }


def reference_tables() -> dict[str, pd.DataFrame]:
    """What was published of monkeys, with sources.

    Returns:
        reference_signs: study, n, condition, measure, value (a sign: 1, 0 or -1) and
        source_location.
    """
    rows = packaged("sim3_inferred_and_reversal.csv")
    signs = rows["unit"].str.startswith("sign") & rows["study"].str.contains("Bromberg")
    columns = ["study", "n", "condition", "measure", "value", "source_location"]
    # Another row of the file gives a range, so the column is read as words.
    found = rows.loc[signs, columns].reset_index(drop=True)
    return {"reference_signs": found.assign(value=found["value"].astype(float))}
