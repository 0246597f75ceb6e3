"""What a few recorded episodes show of any task, while its network still learns.

A prediction error stands on the step that reveals it. What a step before it paid is the
reward that it answers to.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarl.analysis.data import check_columns
from metarl.analysis.decoding import cubes_positive, principal_components
from metarl.analysis.schema import Array, Flags
from metarl.core.files import Recording

RECORDED = ("episode", "trial", "step", "event", "event_names", "reward", "rpe")
"""Arrays that the table of prediction errors is made from."""
AMOUNTS = 4
"""Most different rewards that are told apart; more are put together."""


def mean_rpe_by_event(recording: Recording) -> pd.DataFrame:
    """Mean prediction error at each event, split by what the step before it paid.

    Args:
        recording: step recording of one subject. Two kinds of rows are left out: an
            episode's first, before which nothing was predicted, and its `end`, whose
            error also holds the loss of all trials that will not come.

    Returns:
        In the order of events, then of rewards: event, order (of the reward, from 0),
        paid (the reward, or words for several where there are more than AMOUNTS), rpe
        (mean) and deviation, in reward units, and n, steps.
    """
    check_columns(list(recording), RECORDED, "the step recording")
    words = np.asarray(recording["event_names"]).astype(str)
    known = words[recording["event"]] != "end"
    at = np.flatnonzero(known & (np.asarray(recording["step"]) > 0))
    order, names = _named(np.asarray(recording["reward"], float)[at - 1])
    errors = pd.DataFrame(
        {
            "event": np.asarray(recording["event"])[at],
            "order": order,
            "rpe": np.asarray(recording["rpe"], float)[at],
        }
    )
    by_event = errors.groupby(["event", "order"])["rpe"]
    table = by_event.agg(rpe="mean", deviation="std", n="count").reset_index()
    paid = np.array(names, object)[table["order"].to_numpy(int)]
    table.insert(2, "paid", paid)
    return table.assign(event=words[table["event"].to_numpy(int)])


def _named(paid: Array) -> tuple[NDArray[np.int64], list[str]]:
    """(N,) a code for each reward, growing with it, and the codes' names."""
    amounts, codes = np.unique(paid, return_inverse=True)
    if len(amounts) <= AMOUNTS:
        return codes.astype(np.int64), [f"{amount:g}" for amount in amounts]
    half = amounts[-1] / 2
    names = ["below 0", "0", f"up to {half:.2g}", f"above {half:.2g}"]
    above = (paid >= 0, paid > 0, paid > max(half, 0))
    return np.sum(above, axis=0, dtype=np.int64), names


def trial_states(recording: Recording) -> pd.DataFrame:
    """The units as each trial begins, on their first two principal components.

    By then the network has been told what the trial before paid, and has done nothing
    yet: what differs is what it remembers.

    Returns:
        One row a trial: episode, trial, reward (of the trial before, in reward units;
        NaN before an episode's second trial), pc1, pc2 (in units of activity), and
        share1, share2 (of the variance, in [0, 1]).
    """
    check_columns(list(recording), [*RECORDED, "units"], "the step recording")
    keys = np.column_stack([recording["episode"], recording["trial"]])
    first = _first(keys)
    trial = np.asarray(recording["trial"])[first]
    earned = np.nan_to_num(np.asarray(recording["reward"], float))
    sums = np.add.reduceat(earned, np.flatnonzero(first))
    units = np.asarray(recording["units"], float)[first]
    scores, shares = principal_components(units, signs=cubes_positive)
    return pd.DataFrame(
        {
            "episode": np.asarray(recording["episode"])[first],
            "trial": trial,
            "reward": np.where(trial > 0, np.roll(sums, 1), np.nan),
            "pc1": scores[:, 0],
            "pc2": scores[:, 1],
            "share1": shares[0],
            "share2": shares[1],
        }
    )


def _first(keys: NDArray[np.generic]) -> Flags:
    """(R,) whether a row's keys are not those of the row before."""
    changed: Flags = np.ones(len(keys), bool)
    changed[1:] = (keys[1:] != keys[:-1]).any(axis=1)
    return changed
