"""The inferred-value experiment: do RPEs reflect values that were only inferred?

One of two cues is rewarded, and now and then they swap. One cue's outcome implies the
value of the other, before that is experienced.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

import pandas as pd

from metarl.analysis.analysis import Analysis, Panel, SnapshotPanel
from metarl.analysis.criteria import read_criteria
from metarl.analysis.data import ExperimentData
from metarl.analysis.inferred_value.behaviour import (
    SCHEMA,
    read_trials,
    subject_shares,
    valid_shares,
)
from metarl.analysis.inferred_value.effects import effects
from metarl.analysis.inferred_value.own import ANALYSIS as OWN_ANALYSIS
from metarl.analysis.inferred_value.plots import (
    plot_controls,
    plot_cue_responses,
    plot_ratios,
    plot_readout,
    plot_states,
    plot_values,
)
from metarl.analysis.inferred_value.responses import (
    RECORDED,
    RESPONSE_COLUMNS,
    VALUE_COLUMNS,
    WHEN,
    cue_responses,
    differences,
    ideal_difference,
    recorded_trials,
    value_course,
)
from metarl.analysis.inferred_value.units import (
    COUNTING_COLUMNS,
    READOUT_COLUMNS,
    STATE_COLUMNS,
    component_readout,
    counting_readout,
    latent_readout,
    unit_states,
)
from metarl.analysis.measures import MEASURED, Measure, by_group, rows_at, stack
from metarl.analysis.recordings import units_of
from metarl.analysis.references import read_reference
from metarl.analysis.schema import Array
from metarl.analysis.statistics import PROBABILITY
from metarl.core.files import Recording

RATIOS = ("ratio", "carry_over", "counts")
"""Columns of the table of subjects that follow from the three numbers."""


class Recorded(NamedTuple):
    """A recording of one subject, in one group."""

    group: str
    """MEASURED, or the name of a baseline or of a further test."""
    subject: int
    """Number of the subject."""
    recording: Recording
    """Its steps."""
    trials: pd.DataFrame
    """`recorded_trials`."""

    @property
    def units(self) -> dict[str, Array]:
        """Network (trained, untrained) -> (R, H) its units."""
        return units_of(self.recording)


def measures(
    data: ExperimentData, groups: Mapping[str, pd.DataFrame]
) -> dict[str, Measure | pd.DataFrame]:
    """Every table of the experiment, by name.

    A group is measured, a baseline or, where it says so, a further test of the measured
    subjects.

    Returns:
        Per group and subject: subjects; valid, by trial of a block; responses and
        values around a reversal, further tests too; differences, the three numbers as
        rows. Of measured subjects: readout, component_readout, counting. Of the first
        one: states. ideal: each number of an observer that infers and counts no trials.
        Published: reference_signs, directions in monkeys.
    """
    recorded = list(_recorded(data, groups))
    measured = [part for part in recorded if part.group == MEASURED]
    first = islice((part for part in measured if "trained" in part.units), 1)
    responses = _each(recorded, lambda r: cue_responses(r.trials), RESPONSE_COLUMNS)
    values = _each(recorded, lambda r: value_course(r.trials), VALUE_COLUMNS)
    readout = _each(
        measured, lambda r: latent_readout(r.units, r.trials), READOUT_COLUMNS
    )
    numbers, ideal = _numbers(responses), _ideal(data)
    rows = numbers.melt(["group", "subject"], WHEN, "when", "difference")
    return {
        "subjects": Measure(_subjects(groups, numbers, ideal), "ratio"),
        "valid": Measure(
            by_group(groups, valid_shares), "valid", ("block_trial",), PROBABILITY
        ),
        "responses": Measure(responses, "rpe", ("when", "cue", "event")),
        "values": Measure(values, "value", ("place", "event", "cue")),
        "differences": Measure(rows, "difference", ("when",)),
        "readout": Measure(readout, "share", ("units", "place", "event"), PROBABILITY),
        "component_readout": _each(
            measured,
            lambda r: component_readout(r.units, r.trials),
            READOUT_COLUMNS,
        ),
        "counting": _each(
            measured, lambda r: counting_readout(r.units, r.trials), COUNTING_COLUMNS
        ),
        "states": _each(
            first, lambda r: unit_states(r.units["trained"], r.trials), STATE_COLUMNS
        ),
        "ideal": pd.DataFrame({"difference": [ideal]}),
        "reference_signs": reference_signs(),
    }


def _ideal(data: ExperimentData) -> float:
    """Each number of the ideal observer; NaN without discount or parameters."""
    names = ("probability_switch", "block_trials")
    if data.discount is None or any(name not in data.parameters for name in names):
        return float("nan")
    switch, trials = (float(str(data.parameters[name])) for name in names)
    return ideal_difference(data.discount, switch, int(trials))


def _recorded(
    data: ExperimentData, groups: Mapping[str, pd.DataFrame]
) -> Iterator[Recorded]:
    """Everything that was recorded: of the measured, baselines, further tests."""
    yield from _recorded_subjects(MEASURED, data.recordings, groups[MEASURED])
    for name, recording in data.baseline_recordings.items():
        own = {int(groups[name]["subject"].iloc[0]): recording}
        yield from _recorded_subjects(name, own, groups[name])
    for name, recordings in data.test_recordings.items():
        yield from _recorded_subjects(name, recordings, read_trials(data.tests[name]))


def _recorded_subjects(
    group: str, recordings: Mapping[int, Recording], trials: pd.DataFrame
) -> Iterator[Recorded]:
    for subject, recording in recordings.items():
        own = rows_at(trials, subject=subject)
        yield Recorded(group, subject, recording, recorded_trials(recording, own))


def _each(
    recorded: Iterable[Recorded],
    measure: Callable[[Recorded], pd.DataFrame],
    columns: Sequence[str],
) -> pd.DataFrame:
    """One table of every recorded subject, group and subject first."""
    return stack(
        (({"group": r.group, "subject": r.subject}, measure(r)) for r in recorded),
        ("group", "subject", *columns),
    )


def _numbers(responses: pd.DataFrame) -> pd.DataFrame:
    """One row a group and subject: the numbers of `differences`."""
    rows = [
        (*key, *differences(part).values())
        for key, part in responses.groupby(["group", "subject"], sort=False)
    ]
    return pd.DataFrame(rows, columns=["group", "subject", *WHEN, *RATIOS])


def _subjects(
    groups: Mapping[str, pd.DataFrame], numbers: pd.DataFrame, ideal: float
) -> pd.DataFrame:
    """One row a group and subject; blank numbers where nothing was recorded."""
    shares = by_group(groups, subject_shares)
    table = shares.merge(numbers, on=["group", "subject"], how="left")
    columns = [*WHEN, *RATIOS]
    table[columns] = table[columns].astype(float)
    return table.assign(experienced_of_ideal=table["experienced"] / ideal)


def reference_signs() -> pd.DataFrame:
    """Published directions in monkeys, in the format of `metarl.analysis.references`.

    A value is a sign: 1, 0 or -1.
    """
    table = read_reference("metarl.analysis.inferred_value", "signs")
    return rows_at(table, label="macaques").reset_index(drop=True)


ANALYSIS = Analysis(
    schema=SCHEMA,
    parse=read_trials,
    measures=measures,
    effects=effects,
    panels=(
        Panel("Prediction error at the cue", plot_cue_responses, needs="recording"),
        Panel("Value through a reversal", plot_values, needs="recording"),
        Panel("Inference and its controls", plot_controls, needs="recording"),
        Panel("Inferred and experienced value", plot_ratios, needs="recording"),
        Panel("Units, by the rewarded cue", plot_states, needs="recording"),
        Panel("The new cue, read out of units", plot_readout, needs="recording"),
    ),
    needs=None,
    criteria=read_criteria(__name__),
    own=OWN_ANALYSIS,
    published={"block_count": 10, "block_trials": 5, "probability_switch": 0.5},
    snapshot=SnapshotPanel("Prediction error at the cue", RECORDED),
)
"""From trial tables and recordings to effects and panels."""
