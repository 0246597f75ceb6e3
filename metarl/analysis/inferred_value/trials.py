"""Trials of the inferred-value task, placed around reversals, with what was recorded.

A reversal is a block at whose start the rewarded cue changed. The old cue is the one
that was rewarded before it, the new cue the one rewarded from it on.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarl.analysis.data import READ_COLUMNS, check_columns
from metarl.analysis.schema import check_codes, check_once, numbers
from metarl.core.checks import MetaRLError
from metarl.core.files import Recording

CUES = ("A", "B")
"""Words of the columns cue and rewarded_cue."""
EVENTS = ("fixation", "cue", "go", "outcome")
"""Steps of a trial."""
BEFORE = 0
"""Place of the last trial before a reversal; the trials after it are 1, 2, ..."""
NUMBER_COLUMNS = (
    "subject",
    "episode",
    "trial",
    "valid",
    "block",
    "block_trial",
    "switched",
)
"""Columns that hold numbers."""
COLUMNS = (*READ_COLUMNS, "cue", "rewarded_cue", "block", "block_trial", "switched")
"""Columns that the analysis needs."""
RECORDED = ("episode", "trial", "event", "event_names", "value", "rpe")
"""Arrays that a recording must have."""


def placed_trials(trials: pd.DataFrame) -> pd.DataFrame:
    """Every trial with its place around a reversal.

    Args:
        trials: trial table, one row a trial, in any order.

    Returns:
        Sorted by subject, episode and trial: the columns of numbers, cue and
        rewarded_cue, and

        - after_valid: whether the trial before it, in the same episode, was valid.
        - place: BEFORE, or 1, 2, ... in the block of a reversal; NaN elsewhere.
        - new: whether its cue is the new one; False elsewhere.
        - seen: whether the trial before it, in the same episode, had the same cue.
    """
    check_inferred_value(trials)
    table = pd.DataFrame({name: numbers(trials, name) for name in NUMBER_COLUMNS})
    for name in ("cue", "rewarded_cue"):
        table[name] = trials[name].to_numpy(dtype=object)
    table = table.sort_values(["subject", "episode", "trial"], ignore_index=True)
    episodes = table.groupby(["subject", "episode"], sort=False)
    switched = table["switched"] == 1
    last = np.where(episodes["switched"].shift(-1) == 1, BEFORE, np.nan)
    near = np.where(switched, table["block_trial"] + 1, last)
    same = table["cue"] == table["rewarded_cue"]
    return table.assign(
        after_valid=episodes["valid"].shift(1) == 1,
        place=near,
        new=np.where(near == BEFORE, ~same, same) & ~np.isnan(near),
        seen=episodes["cue"].shift(1) == table["cue"],
    )


def check_inferred_value(trials: pd.DataFrame) -> None:
    """Raise MetaRLError, in one sentence, unless the table is coded as documented."""
    check_columns(list(trials.columns), COLUMNS, "the inferred-value trial table")
    for column in ("valid", "switched"):
        values = numbers(trials, column)
        coded = np.isnan(values) | np.isin(values, (0, 1))
        check_codes(values, coded, column, "0, 1 or blank")
    for column in ("cue", "rewarded_cue"):
        words = trials[column]
        check_codes(words, words.isin(CUES).to_numpy(), column, "A or B")
    check_once(trials, ("subject", "episode", "trial"))


def recorded_trials(recording: Recording, trials: pd.DataFrame) -> pd.DataFrame:
    """The recorded trials, with the recording's rows of their steps.

    Args:
        recording: step recording of one subject, whole trials.
        trials: that subject's trial table, of the same evaluation.

    Returns:
        `placed_trials`, of the recorded ones, and for each event its row in the
        recording (row_EVENT), the value there (value_EVENT, reward units) and the
        prediction error on arrival there (rpe_EVENT; NaN at an episode's start).
    """
    placed = placed_trials(trials)
    table = placed.merge(_steps(recording), on=["episode", "trial"], how="right")
    unknown = table[table["cue"].isna()]
    if len(unknown):
        row = unknown.iloc[0]
        raise MetaRLError(
            f"the trial table lacks trial {row['trial']:g} of episode "
            f"{row['episode']:g}, which is recorded; give the trials of the same "
            "evaluation"
        )
    return table


def _steps(recording: Recording) -> pd.DataFrame:
    """One row a recorded trial: episode, trial, and row, value, rpe of each event."""
    check_columns(list(recording), RECORDED, "the step recording")
    names = [str(name) for name in recording["event_names"]]
    missing = [name for name in EVENTS if name not in names]
    if missing:
        raise MetaRLError(
            f"the step recording has no event {missing[0]}; its events are "
            + ", ".join(names)
        )
    event = np.asarray(recording["event"])
    rows = {name: np.flatnonzero(event == names.index(name)) for name in EVENTS}
    keys = {k: np.asarray(recording[k]) for k in ("episode", "trial")}
    first = rows["fixation"]
    for key in keys.values():
        if any(not np.array_equal(key[first], key[at]) for at in rows.values()):
            raise MetaRLError(
                "the step recording must hold whole trials of "
                f"{', '.join(EVENTS)}, got some without a step"
            )
    columns: dict[str, NDArray[np.generic]] = {k: v[first] for k, v in keys.items()}
    for name, at in rows.items():
        columns[f"row_{name}"] = at
        for what in ("value", "rpe"):
            columns[f"{what}_{name}"] = np.asarray(recording[what], float)[at]
    return pd.DataFrame(columns)
