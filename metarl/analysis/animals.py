"""Trial tables of animals and people: a published release, or your own file.

The schema of an experiment defines the columns that a table needs, and their codes.
Subject, session, episode and trial are whole numbers, trial increasing by 1 from each
trial to the next; session and episode (0 if not given), valid (1) and forced (0)
are optional, and further columns are kept.
"""

import zlib
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from scipy import io

from metarl.analysis.data import check_columns
from metarl.analysis.schema import TrialSchema
from metarl.core.checks import MetaRLError

UNREADABLE = (
    *(IndexError, KeyError, NotImplementedError, OSError, TypeError, ValueError),
    *(io.matlab.MatReadError, zlib.error),
)
"""Errors of scipy on a .mat file of another origin or version, or a truncated one."""


def load_file(
    path: Path | str,
    schema: TrialSchema,
    read_release: Callable[[Path], pd.DataFrame] | None = None,
) -> pd.DataFrame:
    """Read trials from a user's table or, where there is one, a published release.

    Args:
        path: a CSV or parquet table, or a release (.mat).
        schema: columns that the table must have.
        read_release: reads a release; None: there is none.

    Returns:
        Trial table.

    Raises:
        MetaRLError: the file is missing, cannot be read, or is not coded as required.
    """
    file = existing(path)
    if read_release is not None and file.suffix.lower() == ".mat":
        return read_release(file)
    return load_table(file, schema)


def existing(path: Path | str) -> Path:
    """The path of an existing file; MetaRLError if there is none."""
    file = Path(path)
    if not file.is_file():
        raise MetaRLError(f"there is no file {str(file)!r}; give a path to a table")
    return file


def load_table(path: Path | str, schema: TrialSchema) -> pd.DataFrame:
    """Read a user's trial table and fill in its optional columns.

    Args:
        path: a CSV or parquet file.
        schema: columns that it must have, and their codes.

    Returns:
        Trial table; named subjects are numbered, with their names in `animal`.
    """
    file = existing(path)
    table = read_table(file)
    check_columns(list(table.columns), schema.needed, f"{file.name}")
    absent = {k: v for k, v in schema.defaults.items() if k not in table}
    table = number_subjects(table.assign(**absent))
    try:
        schema.check(table)
    except MetaRLError as error:
        raise MetaRLError(f"{file.name}: {error}") from None
    return table


def number_subjects(table: pd.DataFrame) -> pd.DataFrame:
    """Number named subjects, with their names in the column `animal`."""
    if pd.api.types.is_numeric_dtype(table["subject"]):
        return table
    codes, names = pd.factorize(table["subject"], sort=True)
    return table.assign(subject=codes, animal=names.take(codes))


def read_table(file: Path) -> pd.DataFrame:
    """Read a CSV or parquet file; MetaRLError if it is neither."""
    ending = file.suffix.lower()
    if ending not in (".csv", ".parquet"):
        raise MetaRLError(
            f"{file.name} must end in .csv, .parquet or .mat, got {ending!r}; "
            "save the trial table as one of these"
        )
    try:
        table = pd.read_csv(file) if ending == ".csv" else pd.read_parquet(file)
    except (ValueError, OSError, ImportError) as error:
        raise MetaRLError(
            f"{file.name} cannot be read as {ending[1:]}: {_first_line(error)}"
        ) from None
    if table.empty:
        raise MetaRLError(f"{file.name} must have at least one trial, got none")
    return table


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
