"""The agent's prediction errors at the outcomes, before anything is changed.

The error at an outcome stands on the row after the choice, the step on which the actor
receives it. At an episode's end it also contains the lost value of all further
trials: the last trial is left out.

Source: Wang et al. 2018, Nat Neurosci 21:860, Simulation 6.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from metarl.analysis.data import check_columns
from metarl.analysis.measures import stack
from metarl.analysis.recordings import (
    END,
    error_after,
    event_rows,
    join_trials,
    steps_at,
)
from metarl.analysis.risky_choice.behaviour import rounded
from metarl.core.files import Recording

TRIAL_COLUMNS = ("episode", "trial", "forced", "risky", "won", "probability_risky")
"""Columns of the trial table that are read here."""
OUTCOMES = ("safe", "risky-loss", "risky-win")
"""Outcomes by their code, risky + won."""
BIN_WIDTH = 0.25
"""Of the densities, in reward units."""
ERROR_COLUMNS = ("episode", "trial", "forced", "probability", "outcome", "rpe")
"""Columns of `outcome_errors`."""
DENSITY_COLUMNS = ("outcome", "probability", "rpe", "density", "n")
"""Columns of `error_densities`."""


def outcome_errors(recording: Recording, trials: pd.DataFrame) -> pd.DataFrame:
    """The prediction error at each recorded outcome.

    Args:
        recording: step recording of one subject.
        trials: that subject's trial table.

    Returns:
        One row for each trial with a choice, but an episode's last: episode, trial,
        forced, probability, outcome (safe, risky-win, risky-loss), rpe in reward units.

    Raises:
        MetaRLError: an array, a column or a trial is missing.
    """
    check_columns(list(recording), ["rpe"], "the step recording")
    check_columns(list(trials.columns), TRIAL_COLUMNS, "the risky-choice trial table")
    event_rows(recording, END)
    steps = steps_at(recording, "choice")
    steps["rpe"] = error_after(recording, steps["row"].to_numpy())
    table = join_trials(steps, trials, TRIAL_COLUMNS[2:])
    table = table[table["rpe"].notna() & table["risky"].notna()]
    code = (table["risky"] + table["won"]).to_numpy(np.int64)
    table = table.assign(
        outcome=np.array(OUTCOMES)[code],
        probability=rounded(table["probability_risky"].to_numpy()),
    )
    return table[list(ERROR_COLUMNS)].reset_index(drop=True)


def error_table(
    recordings: Mapping[int, Recording], trials: pd.DataFrame
) -> pd.DataFrame:
    """`outcome_errors` of every recorded subject, with the subject as first column."""
    return stack(
        (
            (
                {"subject": subject},
                outcome_errors(recording, trials[trials["subject"] == subject]),
            )
            for subject, recording in recordings.items()
        ),
        ("subject", *ERROR_COLUMNS),
    )


def error_means(errors: pd.DataFrame) -> pd.DataFrame:
    """Mean error at each outcome.

    Args:
        errors: table of `error_table`.

    Returns:
        One row for each subject, outcome and probability: mean and deviation (standard
        deviation over trials), in reward units, and trials, their number.
    """
    cells = errors.groupby(["subject", "outcome", "probability"])["rpe"]
    means = {"mean": cells.mean(), "deviation": cells.std(ddof=0)}
    return pd.DataFrame({**means, "trials": cells.size()}).reset_index()


def error_densities(errors: pd.DataFrame) -> pd.DataFrame:
    """Distribution of the errors at each outcome; every subject weighs the same.

    Args:
        errors: table of `error_table`.

    Returns:
        One row for each outcome, probability and bin of BIN_WIDTH: rpe (the bin's
        middle), density (per reward unit, mean over subjects) and n (subjects).
    """
    if errors.empty:
        return pd.DataFrame(columns=list(DENSITY_COLUMNS))
    lowest = np.floor(errors["rpe"].min() / BIN_WIDTH)
    highest = np.floor(errors["rpe"].max() / BIN_WIDTH) + 1
    edges = np.arange(lowest, highest + 1) * BIN_WIDTH
    frames = []
    for _, cell in errors.groupby(["outcome", "probability"]):
        each = [
            np.histogram(own, edges, density=True)[0]
            for _, own in cell.groupby("subject")["rpe"]
        ]
        density = {"rpe": edges[:-1] + BIN_WIDTH / 2, "density": np.mean(each, axis=0)}
        outcome, probability = cell[["outcome", "probability"]].iloc[0]
        part = pd.DataFrame(density).assign(outcome=outcome, probability=probability)
        frames.append(part.assign(n=len(each))[list(DENSITY_COLUMNS)])
    return pd.concat(frames, ignore_index=True)
