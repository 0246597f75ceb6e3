"""A file as a table with its own names, and errors in reading it."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from metarl.core.checks import MetaRLError

AsText = Callable[[Sequence[str]], Collection[str]]
"""Names of a file's columns -> those with cells that are kept as they are written."""
BLANKS = (
    *("", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "<NA>", "#N/A"),
    *("-nan", "-NaN", "#NA", "."),
)
"""Cells of a text file that mean no value, in every column but those kept as text."""


@dataclass(frozen=True, kw_only=True)
class ReadingOptions:
    """How to read a file, where the file itself does not say."""

    names: tuple[str, ...] = ()
    """Names of the columns of a file without a header."""
    skip_rows: int = 0
    """Rows before the header, or before the first trial where there is none."""


@dataclass(frozen=True, kw_only=True)
class SourceTable:
    """One file as a table."""

    name: str
    """The file's name."""
    table: pd.DataFrame
    """Its cells; the index is the number of each row, as the file's reader sees it."""
    notes: tuple[str, ...] = field(default=())
    """What was done to read it that the user should know."""
    single: Mapping[str, str | float] = field(default_factory=dict)
    """Name -> the one value that the file gives for all trials."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Name -> content, in words, of what does not have one value a trial."""


def first_line(error: Exception) -> str:
    """The first line of an error's message."""
    return str(error).strip().partition("\n")[0]


def plain_table(table: pd.DataFrame) -> pd.DataFrame:
    """A table with its named index as columns, and with lists in cells as text."""
    named = [name for name in table.index.names if name is not None]
    plain = table.reset_index([name for name in named if name not in table.columns])
    columns = [
        cells.map(_flat_cell) if cells.dtype == object else cells
        for _, cells in plain.items()
    ]
    names = list(map(str, plain.columns))
    return pd.concat(columns, axis="columns", keys=names) if columns else plain


def _flat_cell(cell: Any) -> Any:
    """A cell with a list or an object as its text."""
    if isinstance(cell, np.ndarray):
        cell = cell.tolist()
    return json.dumps(cell, default=str) if isinstance(cell, list | dict) else cell


def check_names(names: Sequence[str], file: str) -> None:
    """Raise MetaRLError if two columns have one name."""
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise MetaRLError(
            f"{file} has two columns named {twice[0]}; give each a name of its own"
        )
