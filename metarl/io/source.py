"""A file as a table with its own names, and errors in reading it."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

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


def first_line(error: Exception) -> str:
    """The first line of an error's message."""
    return str(error).strip().partition("\n")[0]


def check_names(names: Sequence[str], file: str) -> None:
    """Raise MetaRLError if two columns have one name."""
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise MetaRLError(
            f"{file} has two columns named {twice[0]}; give each a name of its own"
        )
