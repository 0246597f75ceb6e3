"""The reversal trial table as arrays, in order, each trial with its place in its block.

A block is one episode: one pair of options and at most one reversal. A trial counts if
it is valid and free and has a choice.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from metarl.analysis.columns import (
    Array,
    Flags,
    Integers,
    check_codes,
    check_once,
    check_whole,
    numbers,
)
from metarl.analysis.data import READ_COLUMNS, check_columns
from metarl.core.checks import MetaRLError

COLUMNS = (*READ_COLUMNS, "better", "schedule")
"""Columns that the analysis needs."""
BLOCK = ("subject", "session", "episode")
"""Columns that together name one block."""
CODES = {
    "choice": ((0, 1, np.nan), "0 (left), 1 (right) or blank"),
    "valid": ((0, 1), "0 or 1"),
    "forced": ((0, 1), "0 or 1"),
    "better": ((0, 1), "0 (left) or 1 (right)"),
}
"""Column -> its codes, and what they mean."""


@dataclass(frozen=True, kw_only=True)
class BlockTrials:
    """N trials in order, of E blocks."""

    blocks: pd.DataFrame
    """(E, 4) subject, session, episode, schedule."""
    starts: Integers
    """(E,) index of each block's first trial."""
    block: Integers
    """(N,) row in `blocks`."""
    place: Integers
    """(N,) trials since the block's first."""
    since: Array
    """(N,) trials since the first after the reversal, negative before it; NaN in a
    block without a reversal."""
    counts: Flags
    """(N,) whether the trial counts."""
    right: Flags
    """(N,) whether the choice was right; False without a choice."""
    better: Flags
    """(N,) whether right was the better option."""
    won: Flags
    """(N,) whether the choice was rewarded."""
    follows: Flags
    """(N,) whether this trial and the one before it make a pair: both count, and their
    numbers are apart by 1 in the same block."""

    @property
    def correct(self) -> Flags:
        """(N,) whether the better option was chosen, where the trial counts."""
        correct: Flags = self.right == self.better
        return correct


def block_trials(trials: pd.DataFrame) -> BlockTrials:
    """Sort the trials and find each block's reversal.

    The reversal is where `better` changes, so that trials of any origin are read alike.

    Args:
        trials: trial table, one row a trial, in any order.

    Returns:
        The arrays that the behavioural analyses read.
    """
    table = _checked(trials).sort_values([*BLOCK, "trial"], ignore_index=True)
    keys = table[list(BLOCK)].to_numpy().astype(np.int64)
    new = np.append(True, np.any(keys[1:] != keys[:-1], axis=1))
    starts, block = np.flatnonzero(new), np.cumsum(new) - 1
    trial = table["trial"].to_numpy().astype(np.int64)
    better = table["better"].to_numpy() == 1
    free = (table["valid"] == 1) & (table["forced"] == 0)
    counts = (free & table["choice"].notna()).to_numpy()
    follows = np.zeros(len(table), dtype=bool)
    follows[1:] = ~new[1:] & (np.diff(trial) == 1) & counts[1:] & counts[:-1]
    blocks = pd.DataFrame(keys[starts], columns=list(BLOCK))
    return BlockTrials(
        blocks=blocks.assign(schedule=table["schedule"].to_numpy()[starts]),
        starts=starts,
        block=block,
        place=trial - trial[starts][block],
        since=_since_reversal(trial, better, starts, block),
        counts=counts,
        right=table["choice"].to_numpy() == 1,
        better=better,
        won=table["reward"].to_numpy() == 1,
        follows=follows,
    )


def _since_reversal(
    trial: Integers, better: Flags, starts: Integers, block: Integers
) -> Array:
    """(N,) trials since the first on which the other option is better."""
    if not len(starts):
        return np.empty(0)
    swapped = better != better[starts][block]
    first = np.minimum.reduceat(np.where(swapped, trial, np.inf), starts)
    start: Array = np.where(np.isinf(first), np.nan, first)
    return trial.astype(float) - start[block]


def check_reversal(trials: pd.DataFrame) -> None:
    """Raise MetaRLError, in one sentence, unless the table is coded as documented."""
    _checked(trials)


def _checked(trials: pd.DataFrame) -> pd.DataFrame:
    """The columns that are needed, as numbers."""
    check_columns(list(trials.columns), COLUMNS, "the reversal trial table")
    table = pd.DataFrame({name: numbers(trials, name) for name in COLUMNS})
    check_whole(table)
    for column, (codes, meaning) in CODES.items():
        _check(table, table[column].isin(codes), column, meaning)
    unpaid = (table["valid"] == 0) | table["choice"].isna()
    meaning = "0 or 1 on a valid trial with a choice"
    _check(table, unpaid | table["reward"].isin((0, 1)), "reward", meaning)
    meaning = "the better option's chance of reward in percent, 50 to 100"
    _check(table, table["schedule"].between(50, 100), "schedule", meaning)
    _check_blocks(table)
    return table


def _check(
    table: pd.DataFrame, allowed: "pd.Series[bool]", column: str, meaning: str
) -> None:
    check_codes(table[column], allowed.to_numpy(), column, meaning)


def _check_blocks(table: pd.DataFrame) -> None:
    """Every trial once; one schedule and at most one reversal a block."""
    check_once(table)
    ordered = table.sort_values([*BLOCK, "trial"], ignore_index=True)
    before = ordered.shift()
    same = (ordered[list(BLOCK)] == before[list(BLOCK)]).all(axis=1)
    swaps = same & (ordered["better"] != before["better"])
    number = swaps.groupby([ordered[key] for key in BLOCK]).transform("sum")
    mixed = same & (ordered["schedule"] != before["schedule"])
    for wrong, rule in ((mixed, "one schedule"), (number > 1, "at most one reversal")):
        if wrong.any():
            raise MetaRLError(
                f"a block must have {rule}, got more in "
                f"{_named(ordered, int(np.argmax(wrong)))}; give each an episode "
                "number of its own"
            )


def _named(table: pd.DataFrame, row: int, *more: str) -> str:
    """A block, or a trial, by its keys."""
    return ", ".join(f"{key} {table[key].iloc[row]:g}" for key in (*BLOCK, *more))
