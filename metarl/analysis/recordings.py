"""Steps of a recording by their event, joined to the trials that they belong to.

A step's prediction error stands on the row that reveals it (arrival):

    rpe[t] = reward[t - 1] + discount * value[t] - value[t - 1]

so the error at a step's reward stands on the row after it. At an episode's end that
error also contains the lost value of all further trials.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from metarl.analysis.data import check_columns
from metarl.analysis.schema import Array, Flags, Integers, numbers
from metarl.core.checks import MetaRLError
from metarl.core.files import Recording

STEP_ARRAYS = ("episode", "trial", "event", "event_names")
"""Arrays that place a step."""
UNITS = {"trained": "units", "untrained": "units_untrained"}
"""Network -> array of its units; the untrained one received the same inputs."""
END = "end"
"""Event of the row that closes an episode."""


def event_rows(recording: Recording, event: str) -> Integers:
    """Rows of a recording at which an event stands.

    Raises:
        MetaRLError: the recording lacks an array, or has no such event.
    """
    check_columns(list(recording), STEP_ARRAYS, "the step recording")
    names = [str(name) for name in recording["event_names"]]
    if event not in names:
        raise MetaRLError(
            f"the step recording has no event {event}; its events are "
            + ", ".join(names)
        )
    rows = np.flatnonzero(np.asarray(recording["event"]) == names.index(event))
    return rows.astype(np.int64)


def steps_at(
    recording: Recording, event: str, arrays: Sequence[str] = ()
) -> pd.DataFrame:
    """The steps at which an event stands.

    Args:
        recording: step recording of one subject.
        event: name of the event.
        arrays: further arrays of one number a step.

    Returns:
        One row a step: row (of the recording), episode, trial, and the arrays.

    Raises:
        MetaRLError: the recording lacks an array, or has no such event.
    """
    check_columns(list(recording), [*STEP_ARRAYS, *arrays], "the step recording")
    rows = event_rows(recording, event)
    names = ("episode", "trial", *arrays)
    columns = {name: np.asarray(recording[name])[rows] for name in names}
    return pd.DataFrame({"row": rows} | columns)


def join_trials(
    steps: pd.DataFrame, trials: pd.DataFrame, columns: Sequence[str] = ()
) -> pd.DataFrame:
    """Recorded steps with columns of their trials.

    Args:
        steps: one row a step, with episode and trial.
        trials: trial table of the same subject, session and evaluation.
        columns: columns of numbers to add; all of the table's where none is named.

    Returns:
        The steps in their order, with the columns.

    Raises:
        MetaRLError: a step's trial is not in the table, or is there twice.
    """
    keys = ["episode", "trial"]
    known = trials
    if columns:
        known = pd.DataFrame({k: numbers(trials, k) for k in (*keys, *columns)})
    if known.duplicated(keys).any():
        raise MetaRLError(
            "a recording goes with the trials of one subject and session, got a trial "
            "table that numbers an episode's trial twice"
        )
    table = steps.merge(known, how="left", on=keys, indicator=True)
    unknown = table[table["_merge"] != "both"]
    if len(unknown):
        row = unknown.iloc[0]
        raise MetaRLError(
            f"the trial table lacks trial {row['trial']:g} of episode "
            f"{row['episode']:g}, which is recorded; give the trials of the same "
            "evaluation"
        )
    return table.drop(columns="_merge")


def has_next(recording: Recording, rows: Integers) -> Flags:
    """Whether each row is followed by another of the same episode."""
    episode = np.asarray(recording["episode"])
    after = np.minimum(rows + 1, len(episode) - 1)
    follows: Flags = (rows + 1 < len(episode)) & (episode[after] == episode[rows])
    return follows


def error_after(recording: Recording, rows: Integers) -> Array:
    """Prediction errors at the rewards of these rows, in reward units.

    Args:
        recording: step recording of one subject, with rpe.
        rows: rows of the recording, each followed by another of its episode.

    Returns:
        One number a row; NaN where the episode ends there, as that error also contains
        the lost value of all further trials.

    Raises:
        MetaRLError: an episode stops short of the row that reveals an error.
    """
    if not has_next(recording, rows).all():
        raise MetaRLError(
            "the step recording stops after an outcome, so that the error at its "
            "reward is not known; record whole episodes, with their end rows"
        )
    names = [str(name) for name in recording["event_names"]]
    rpe = np.asarray(recording["rpe"], float)
    ends = np.asarray(recording["event"])[rows + 1] == names.index(END)
    return np.where(ends, np.nan, rpe[rows + 1])


def units_of(recording: Recording) -> dict[str, Array]:
    """Network (trained, untrained) -> (R, H) its units, of those that were recorded."""
    return {
        name: np.asarray(recording[array], float)
        for name, array in UNITS.items()
        if array in recording and np.shape(recording[array])[1] > 0
    }
