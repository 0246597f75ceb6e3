"""The two-step trial table as arrays, in order, with the pairs that can be analysed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarl.analysis.source import READ_COLUMNS, check_columns
from metarl.checks import MetaRLError

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Integers = NDArray[np.int64]

COLUMNS = (*READ_COLUMNS, "transition")
"""Columns that the behavioural analysis needs."""
KEYS = ("subject", "session", "episode", "trial")
"""Columns that together name one trial."""
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


def numbers(table: pd.DataFrame, column: str) -> Array:
    """A column as floats, blank as NaN; MetaRLError if it holds words."""
    try:
        values: Array = pd.to_numeric(table[column]).to_numpy(float, na_value=np.nan)
    except (ValueError, TypeError):
        raise MetaRLError(
            f"column {column} must hold numbers or blanks, got for example "
            f"{_first_word(table[column])!r}"
        ) from None
    return values


def check_two_step(trials: pd.DataFrame) -> None:
    """Raise MetaRLError, in one sentence, unless the table is coded as documented."""
    check_columns(list(trials.columns), COLUMNS, "the two-step trial table")
    for column in KEYS:
        values = numbers(trials, column)
        _check_codes(values, values == np.floor(values), column, "whole numbers")
    choice, valid = numbers(trials, "choice"), numbers(trials, "valid")
    blank = np.isnan(choice)
    meaning = "0 (left), 1 (right) or blank"
    _check_codes(choice, blank | np.isin(choice, (0, 1)), "choice", meaning)
    for column in ("valid", "forced"):
        values = numbers(trials, column)
        _check_codes(values, np.isin(values, (0, 1)), column, "0 or 1")
    reward, chosen = numbers(trials, "reward"), (valid == 1) & ~blank
    meaning = "0 (unrewarded), 0.5 (medium) or 1 (rewarded) on a valid trial"
    _check_codes(reward, ~chosen | np.isin(reward, REWARDS), "reward", meaning)
    words = trials["transition"]
    empty = (words.isna() | (words == "")).to_numpy()
    coded = words.isin(TRANSITIONS).to_numpy() | (empty & blank)
    meaning = "common or rare, and blank only without a choice"
    _check_codes(words.to_numpy(dtype=object), coded, "transition", meaning)
    _check_once(trials)


def _check_codes(
    values: NDArray[np.generic], allowed: Flags, column: str, meaning: str
) -> None:
    if not allowed.all():
        row = int(np.argmin(allowed))
        value = values[row]
        shown = value.item() if isinstance(value, np.generic) else value
        raise MetaRLError(
            f"column {column} must be {meaning}, got {shown!r} in row {row + 1}"
        )


def _check_once(trials: pd.DataFrame) -> None:
    repeated = trials.duplicated(list(KEYS)).to_numpy()
    if repeated.any():
        row = int(np.argmax(repeated))
        named = ", ".join(f"{key} {trials[key].iloc[row]}" for key in KEYS)
        raise MetaRLError(
            f"each trial must have one row, got {named} again in row {row + 1}; "
            "number trials within subject, session and episode"
        )


def _sorted(trials: pd.DataFrame) -> pd.DataFrame:
    order = np.lexsort([numbers(trials, key) for key in reversed(KEYS)])
    if np.array_equal(order, np.arange(len(order))):
        return trials
    return trials.iloc[order]


def _first_word(column: "pd.Series[str]") -> object:
    numeric = pd.to_numeric(column, errors="coerce")
    return column[numeric.isna() & column.notna()].iloc[0]
