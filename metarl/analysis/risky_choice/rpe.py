"""The agent's prediction errors at the outcomes, before anything is changed.

    rpe[t] = reward[t - 1] + discount * value[t] - value[t - 1]

so the error at an outcome stands on the row after the choice, the step on which the
actor is told. At an episode's end it also holds the loss of all trials that will not
come: the last trial is left out.

Source: Wang et al. 2018, Nat Neurosci 21:860, Simulation 6.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from metarl.analysis.data import check_columns
from metarl.analysis.risky_choice.trials import DIGITS
from metarl.analysis.schema import numbers
from metarl.core.checks import MetaRLError
from metarl.core.files import Recording

RECORDING_ARRAYS = ("episode", "trial", "event", "event_names", "rpe")
"""Arrays of a step recording that are read here."""
TRIAL_COLUMNS = ("episode", "trial", "forced", "risky", "won", "probability_risky")
"""Columns of the trial table that are read here."""
KINDS = ("safe", "risky-loss", "risky-win")
"""Outcomes by their code, risky + won."""
BIN_WIDTH = 0.25
"""Of the densities, in reward units."""
ERROR_COLUMNS = ("episode", "trial", "forced", "probability", "kind", "rpe")
"""Columns of `outcome_errors`."""
MEAN_COLUMNS = ("subject", "kind", "probability", "mean", "deviation", "outcomes")
"""Columns of `error_means`."""
DENSITY_COLUMNS = ("kind", "probability", "rpe", "density", "n")
"""Columns of `error_densities`."""

Errors = Mapping[int, pd.DataFrame]
"""Subject -> its `outcome_errors`."""


def outcome_errors(recording: Recording, trials: pd.DataFrame) -> pd.DataFrame:
    """The prediction error at each recorded outcome.

    Args:
        recording: step recording of one subject.
        trials: that subject's trial table.

    Returns:
        One row for each trial with a choice, but an episode's last: episode, trial,
        forced, probability, kind (safe, risky-win, risky-loss), rpe in reward units.
    """
    check_columns(list(recording), RECORDING_ARRAYS, "the step recording")
    check_columns(list(trials.columns), TRIAL_COLUMNS, "the risky-choice trial table")
    told = pd.DataFrame({name: numbers(trials, name) for name in TRIAL_COLUMNS})
    rows = _outcome_rows(recording)
    keys = ["episode", "trial"]
    found = rows.merge(told, how="left", on=keys, validate="1:1", indicator=True)
    unknown = found[found["_merge"] != "both"]
    if len(unknown):
        row = unknown.iloc[0]
        raise MetaRLError(
            f"the trial table lacks trial {row['trial']} of episode {row['episode']}, "
            "which is recorded; give the trials of the same evaluation"
        )
    found = found[found["risky"].notna()]
    code = (found["risky"] + found["won"]).to_numpy(np.int64)
    found = found.assign(
        kind=np.array(KINDS)[code],
        probability=found["probability_risky"].round(DIGITS),
    )
    return found[list(ERROR_COLUMNS)].reset_index(drop=True)


def _outcome_rows(recording: Recording) -> pd.DataFrame:
    """Episode, trial and error of every choice that another trial follows."""
    names = [str(name) for name in recording["event_names"]]
    if "choice" not in names or "end" not in names:
        raise MetaRLError(
            "the step recording must have the events choice and end, got "
            + ", ".join(names)
        )
    event = np.asarray(recording["event"])
    episode = np.asarray(recording["episode"])
    follows = (episode[1:] == episode[:-1]) & (event[1:] != names.index("end"))
    rows = np.flatnonzero((event[:-1] == names.index("choice")) & follows)
    return pd.DataFrame(
        {
            "episode": episode[rows],
            "trial": np.asarray(recording["trial"])[rows],
            "rpe": np.asarray(recording["rpe"], float)[rows + 1],
        }
    )


def error_means(errors: Errors) -> pd.DataFrame:
    """Mean error at each outcome.

    Returns:
        One row for each subject, kind and probability: mean and deviation (standard
        deviation over outcomes), in reward units, and outcomes, their number.
    """
    parts = [pd.DataFrame(columns=list(MEAN_COLUMNS))]
    for subject, table in errors.items():
        by_group = table.groupby(["kind", "probability"])["rpe"]
        means = pd.DataFrame(
            {
                "mean": by_group.mean(),
                "deviation": by_group.std(ddof=0),
                "outcomes": by_group.size(),
            }
        ).reset_index()
        parts.append(means.assign(subject=subject)[list(MEAN_COLUMNS)])
    return pd.concat(parts[1:] or parts, ignore_index=True)


def error_densities(errors: Errors) -> pd.DataFrame:
    """How the errors at each outcome are spread; every subject weighs the same.

    Returns:
        One row for each kind, probability and bin of BIN_WIDTH: rpe (the bin's middle),
        density (per reward unit, mean over subjects) and n (subjects).
    """
    if not any(len(table) for table in errors.values()):
        return pd.DataFrame(columns=list(DENSITY_COLUMNS))
    every = pd.concat(errors, names=["subject"]).reset_index("subject")
    lowest = np.floor(every["rpe"].min() / BIN_WIDTH)
    highest = np.floor(every["rpe"].max() / BIN_WIDTH) + 1
    edges = np.arange(lowest, highest + 1) * BIN_WIDTH
    parts = []
    for _, table in every.groupby(["kind", "probability"]):
        each = [
            np.histogram(part, edges, density=True)[0]
            for _, part in table.groupby("subject")["rpe"]
        ]
        part = pd.DataFrame({"rpe": edges[:-1] + BIN_WIDTH / 2})
        part["kind"], part["probability"] = table[["kind", "probability"]].iloc[0]
        part["density"], part["n"] = np.mean(each, axis=0), len(each)
        parts.append(part[list(DENSITY_COLUMNS)])
    return pd.concat(parts, ignore_index=True)
