"""Columns of a trial table as arrays, and the sentences about those coded wrongly."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from metarl.core.checks import MetaRLError

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Integers = NDArray[np.int64]

KEYS = ("subject", "session", "episode", "trial")
"""Columns that together name one trial."""


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


def _first_word(column: "pd.Series[str]") -> object:
    numeric = pd.to_numeric(column, errors="coerce")
    return column[numeric.isna() & column.notna()].iloc[0]


def check_codes(values: ArrayLike, allowed: Flags, column: str, meaning: str) -> None:
    """Raise MetaRLError, naming the first that is not, unless all are allowed.

    Args:
        values: (N,) the column.
        allowed: (N,) whether each may stand there.
        column: its name.
        meaning: what may stand there, in words.
    """
    if not allowed.all():
        row = int(np.argmin(allowed))
        value = np.asarray(values)[row]
        shown = value.item() if isinstance(value, np.generic) else value
        raise MetaRLError(
            f"column {column} must be {meaning}, got {shown!r} in row {row + 1}"
        )


def check_whole(trials: pd.DataFrame, columns: Sequence[str] = KEYS) -> None:
    """Raise MetaRLError unless these columns hold whole numbers."""
    for column in columns:
        values = numbers(trials, column)
        check_codes(values, values == np.floor(values), column, "whole numbers")


def check_once(trials: pd.DataFrame, keys: Sequence[str] = KEYS) -> None:
    """Raise MetaRLError if two rows have the same keys."""
    repeated = trials.duplicated(list(keys)).to_numpy()
    if repeated.any():
        row = int(np.argmax(repeated))
        named = ", ".join(f"{key} {trials[key].iloc[row]:g}" for key in keys)
        raise MetaRLError(
            f"each trial must have one row, got {named} again in row {row + 1}; "
            "number trials within subject, session and episode"
        )
