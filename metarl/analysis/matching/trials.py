"""The matching trial table in order, with what each trial's history can tell.

An episode is a stretch in which the base chances stay as they are: an episode of a
network, a block of an animal.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from metarl.analysis.data import READ_COLUMNS, check_columns
from metarl.analysis.schema import (
    KEYS,
    Array,
    Flags,
    Integers,
    check_codes,
    check_once,
    check_whole,
    numbers,
)

KNOWN_TO_THE_TASK = ("held_out", "p0_left", "chance_left")
"""Columns that only a task knows; NaN where a table lacks them."""


def prepare(trials: pd.DataFrame) -> pd.DataFrame:
    """Sort the trials and mark those that can be analysed.

    A trial is usable if it is valid, free and has a choice. What became of another is
    not known from the table, so a history ends there.

    Args:
        trials: trial table, one row a trial, in any order.

    Returns:
        One row a trial, by subject, session, episode and trial: these; run (number of
        the episode over all, from 0); side (+1 right, -1 left, 0 not usable); paid (1
        rewarded, 0 not, or not usable); earned (all that the trial paid, in reward
        units); valid; usable; history (usable trials right before it, unbroken); late
        (in the last two thirds of its episode); held_out (1 or 0), p0_left and
        chance_left (when choosing), NaN where the table does not say.

    Source: Wang et al. 2018, Nat Neurosci 21:860: only the last two thirds count.
    """
    check_matching(trials)
    key = np.column_stack([numbers(trials, name) for name in KEYS]).astype(np.int64)
    order = np.lexsort(key.T[::-1])
    key = key[order]
    choice = numbers(trials, "choice")[order]
    earned = numbers(trials, "reward")[order]
    valid = numbers(trials, "valid")[order] == 1
    usable = valid & (numbers(trials, "forced")[order] == 0) & np.isfinite(choice)
    run, late = _runs(key)
    told = {
        name: numbers(trials, name)[order] if name in trials else np.nan
        for name in KNOWN_TO_THE_TASK
    }
    return pd.DataFrame(
        {
            **dict(zip(KEYS, key.T, strict=True)),
            "run": run,
            "side": np.where(usable, 2 * choice - 1, 0.0),
            "paid": np.where(usable, earned, 0.0),
            "earned": earned,
            "valid": valid,
            "usable": usable,
            "history": _history(key, run, usable),
            "late": late,
            **told,
        }
    )


def _runs(key: Integers) -> tuple[Integers, Flags]:
    """(N,) number of each trial's episode; whether it is in its last two thirds."""
    starts = np.ones(len(key), dtype=bool)
    starts[1:] = (key[1:, :3] != key[:-1, :3]).any(axis=1)
    run = np.cumsum(starts) - 1
    place = np.arange(len(key)) - np.flatnonzero(starts)[run]
    return run, 3 * place >= np.bincount(run)[run]


def _history(key: Integers, run: Integers, usable: Flags) -> Integers:
    """(N,) number of usable trials right before each, of the same episode."""
    linked = np.zeros(len(key), dtype=bool)
    linked[1:] = (run[1:] == run[:-1]) & usable[:-1]
    linked[1:] &= key[1:, 3] - key[:-1, 3] == 1
    place = np.arange(len(key))
    broken = np.maximum.accumulate(np.where(linked, 0, place))
    return place - broken


def check_matching(trials: pd.DataFrame) -> None:
    """Raise MetaRLError, in one sentence, unless the table is coded as documented."""
    check_columns(list(trials.columns), READ_COLUMNS, "the matching trial table")
    check_whole(trials)
    choice, valid = numbers(trials, "choice"), numbers(trials, "valid")
    blank = np.isnan(choice)
    meaning = "0 (left), 1 (right) or blank"
    check_codes(choice, blank | np.isin(choice, (0, 1)), "choice", meaning)
    for column in ("valid", "forced"):
        values = numbers(trials, column)
        check_codes(values, np.isin(values, (0, 1)), column, "0 or 1")
    reward, chosen = numbers(trials, "reward"), (valid == 1) & ~blank
    meaning = "1 (rewarded) or 0 (not) on a valid trial"
    check_codes(reward, ~chosen | np.isin(reward, (0, 1)), "reward", meaning)
    check_once(trials)


def lagged(values: Array, rows: Integers, lags: Sequence[int]) -> Array:
    """(rows, lags) what stood so many trials before each of the rows."""
    past: Array = values[rows[:, None] - np.asarray(lags)[None, :]]
    return past
