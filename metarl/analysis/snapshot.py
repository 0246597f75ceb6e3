"""Summaries of a few recorded episodes of any task, drawn during training.

A prediction error stands on the step that reveals it, and belongs to the reward of the
step before.
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
"""Most different rewards that are shown apart; more are put into classes."""


def mean_rpe_by_event(recording: Recording) -> pd.DataFrame:
    """Mean prediction error at each event, split by the reward of the step before.

    Args:
        recording: step recording of one subject. Two kinds of rows are left out: an
            episode's first, before which nothing was predicted, and its `end`, where
            the error also contains the lost value of all further trials.

    Returns:
        In the order of events, then of rewards: event, order (of the reward, from 0),
        reward (in words; a class where there are more than AMOUNTS), rpe
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
    named = np.array(names, object)[table["order"].to_numpy(int)]
    table.insert(2, "reward", named)
    return table.assign(event=words[table["event"].to_numpy(int)])


def _named(reward: Array) -> tuple[NDArray[np.int64], list[str]]:
    """(N,) a code for each reward, growing with it, and the codes' names."""
    amounts, codes = np.unique(reward, return_inverse=True)
    if len(amounts) <= AMOUNTS:
        return codes.astype(np.int64), [f"{amount:g}" for amount in amounts]
    half = amounts[-1] / 2
    names = ["below 0", "0", f"up to {half:.2g}", f"above {half:.2g}"]
    above = (reward >= 0, reward > 0, reward > max(half, 0))
    return np.sum(above, axis=0, dtype=np.int64), names


def trial_states(recording: Recording) -> pd.DataFrame:
    """The units as each trial begins, on their first two principal components.

    At that step the network has received the last reward but has not acted yet, so that
    differences between trials show its memory.

    Returns:
        One row a trial: episode, trial, reward (of the trial before, in reward units;
        NaN before an episode's second trial), pc1, pc2 (in units of activity), and
        share1, share2 (of the variance, in [0, 1]).
    """
    check_columns(list(recording), [*RECORDED, "units"], "the step recording")
    keys = np.column_stack([recording["episode"], recording["trial"]])
    first = _first(keys)
    trial = np.asarray(recording["trial"])[first]
    rewards = np.nan_to_num(np.asarray(recording["reward"], float))
    sums = np.add.reduceat(rewards, np.flatnonzero(first))
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
