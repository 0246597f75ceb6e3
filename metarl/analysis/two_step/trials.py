"""The two-step trial table as arrays, in order, with the pairs that can be analysed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from metarl.analysis.columns import (
    KEYS,
    Array,
    Flags,
    check_codes,
    check_once,
    check_whole,
    numbers,
)
from metarl.analysis.data import READ_COLUMNS, check_columns

COLUMNS = (*READ_COLUMNS, "transition")
"""Columns that the behavioural analysis needs."""
TRANSITIONS = ("common", "rare")
"""Codes of the transition column, besides blank."""
REWARDS = (0.0, 0.5, 1.0)
"""Outcomes of a valid trial: unrewarded, medium (some animals' tasks), rewarded."""


@dataclass(frozen=True, kw_only=True)
class TrialSequence:
    """Trials in order, as arrays of N."""

    keys: pd.DataFrame
    """(N, 4) subject, session, episode, trial."""
    choice: Array
    """(N,) 0 left, 1 right, NaN missing."""
    reward: Array
    """(N,) what the trial paid, in reward units."""
    common: Flags
    """(N,) whether the transition was the common one."""
    follows: Flags
    """(N,) whether this trial and the one before it make a pair.

    Both are valid and free, both have a choice, and the trial numbers are apart by 1 in
    the same subject, session and episode.
    """

    def group(self, by: Sequence[str]) -> pd.DataFrame:
        """(N, len(by)) the key columns to group by."""
        return self.keys[list(by)]


def trial_sequence(trials: pd.DataFrame) -> TrialSequence:
    """Sort the trials and mark the pairs that can be analysed.

    Args:
        trials: trial table, one row a trial, in any order.

    Returns:
        The arrays that the behavioural analyses read.
    """
    check_two_step(trials)
    table = _sorted(trials)
    number = np.column_stack([numbers(table, key) for key in KEYS]).astype(np.int64)
    choice, reward = numbers(table, "choice"), numbers(table, "reward")
    usable = (numbers(table, "valid") == 1) & (numbers(table, "forced") == 0)
    usable &= np.isfinite(choice) & table["transition"].isin(TRANSITIONS).to_numpy()
    next_to = np.all(number[1:, :3] == number[:-1, :3], axis=1)
    next_to &= number[1:, 3] - number[:-1, 3] == 1
    follows = np.zeros(len(table), dtype=bool)
    follows[1:] = next_to & usable[1:] & usable[:-1]
    common = table["transition"].isin(["common"]).to_numpy(dtype=bool)
    keys = pd.DataFrame(number, columns=list(KEYS))
    return TrialSequence(
        keys=keys, choice=choice, reward=reward, common=common, follows=follows
    )


def check_two_step(trials: pd.DataFrame) -> None:
    """Raise MetaRLError, in one sentence, unless the table is coded as documented."""
    check_columns(list(trials.columns), COLUMNS, "the two-step trial table")
    check_whole(trials)
    choice, valid = numbers(trials, "choice"), numbers(trials, "valid")
    blank = np.isnan(choice)
    meaning = "0 (left), 1 (right) or blank"
    check_codes(choice, blank | np.isin(choice, (0, 1)), "choice", meaning)
    for column in ("valid", "forced"):
        values = numbers(trials, column)
        check_codes(values, np.isin(values, (0, 1)), column, "0 or 1")
    reward, chosen = numbers(trials, "reward"), (valid == 1) & ~blank
    meaning = "0 (unrewarded), 0.5 (medium) or 1 (rewarded) on a valid trial"
    check_codes(reward, ~chosen | np.isin(reward, REWARDS), "reward", meaning)
    words = trials["transition"]
    empty = (words.isna() | (words == "")).to_numpy()
    coded = words.isin(TRANSITIONS).to_numpy() | (empty & blank)
    meaning = "common or rare, and blank only without a choice"
    check_codes(words.to_numpy(dtype=object), coded, "transition", meaning)
    check_once(trials)


def _sorted(trials: pd.DataFrame) -> pd.DataFrame:
    order = np.lexsort([numbers(trials, key) for key in reversed(KEYS)])
    if np.array_equal(order, np.arange(len(order))):
        return trials
    return trials.iloc[order]
