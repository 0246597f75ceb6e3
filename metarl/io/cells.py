"""Cells of a user's column as words, as numbers, or in metarl's codes."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from metarl.analysis.schema import shown
from metarl.core.checks import MetaRLError
from metarl.io.column_map import MISSING, Code
from metarl.io.source import BLANKS

COMMA_NUMBER = re.compile(r"[+-]?\d*,\d+")
"""A number with a decimal comma."""
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")
"""A number with commas that may also separate thousands."""


def as_words(cells: "pd.Series[Any]") -> "pd.Series[str]":
    """Cells as words without surrounding blanks; "" for a missing one, "2" for 2.0."""
    codes, distinct = pd.factorize(cells)
    words = np.array([*(_word(value) for value in distinct), ""], dtype=object)
    return pd.Series(words[codes], cells.index)


def _word(value: object) -> str:
    if isinstance(value, float | np.floating):
        return shown(float(value)) if np.isfinite(value) else str(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").strip()
    word = str(value).strip()
    midnight = isinstance(value, pd.Timestamp | np.datetime64)
    return word.removesuffix(" 00:00:00") if midnight else word


def as_plain(word: str) -> str:
    """A word as metarl would write it: a number as the same number, "1" for "1.0"."""
    return shown(float(word)) if _is_number(word) else word


def as_numbers(
    cells: "pd.Series[Any]", column: str, file: str
) -> "tuple[pd.Series[Any], str]":
    """Cells as numbers where all are, else as words, and a note on decimal commas.

    Times, dates and complex numbers stay words, which the check of the column refuses.

    Raises:
        MetaRLError: a number's comma may also separate thousands.
    """
    if isinstance(cells.dtype, pd.CategoricalDtype):
        cells = cells.astype(object)
    kinds = pd.api.types
    if kinds.is_numeric_dtype(cells) and not kinds.is_complex_dtype(cells):
        return _plain_numbers(cells), ""
    words = as_words(cells)
    distinct = [w for w in words.unique() if w not in BLANKS]
    commas = [w for w in distinct if COMMA_NUMBER.fullmatch(w)]
    points = [w for w in distinct if "." in w]
    if not commas or points:
        return _numbers_of(cells, words), ""
    if all(THOUSANDS.fullmatch(word) for word in commas):
        row = words.index[int(np.argmax(words.isin(commas).to_numpy()))]
        raise MetaRLError(
            f"{file}: column {column} must hold numbers with a decimal point, got "
            f"{words[row]!r} in row {row}, which may be thousands or a decimal; write "
            "it without a comma"
        )
    plain = words.str.replace(",", ".", regex=False)
    return _numbers_of(
        cells, plain
    ), f"decimal commas were read in column {column} of {file}"


def _plain_numbers(cells: "pd.Series[Any]") -> "pd.Series[Any]":
    """Numbers of any type as plain floats or whole numbers, blank as NaN."""
    if isinstance(cells.dtype, np.dtype) and cells.dtype.kind in "iuf":
        return cells
    whole = pd.api.types.is_integer_dtype(cells) and cells.notna().all()
    return cells.astype("int64" if whole else "float64")


def _numbers_of(cells: "pd.Series[Any]", words: "pd.Series[str]") -> "pd.Series[Any]":
    """Words as numbers if all but blanks are numbers or flags, else as they are.

    Args:
        cells: the cells.
        words: the same as words.
    """
    known = words.where(~words.isin(BLANKS))
    numeric = pd.to_numeric(known, errors="coerce")
    if (numeric.notna() == known.notna()).all():
        return numeric
    return known.map({"True": 1.0, "False": 0.0}) if are_flags(cells) else known


def are_flags(cells: "pd.Series[Any]") -> bool:
    """Whether all cells that are not blank are True or False."""
    if pd.api.types.is_bool_dtype(cells):
        return True
    if not pd.api.types.is_object_dtype(cells):
        return False
    words = as_words(cells)
    flags = cells.map(lambda cell: isinstance(cell, bool | np.bool_))
    return bool((flags == ~words.isin(BLANKS)).all())


def code_cells(
    cells: "pd.Series[Any]",
    codes: Mapping[str, Code],
    words: bool,
    column: str,
    ours: str,
    file: str,
) -> "pd.Series[Any]":
    """Cells in metarl's codes.

    Args:
        cells: the user's cells.
        codes: the user's code -> metarl's.
        words: whether metarl's codes are words.
        column: the user's name of the column.
        ours: metarl's name of it.
        file: the file's name.

    Raises:
        MetaRLError: a cell is none of the codes, and not blank.
    """
    own = as_words(cells)
    numbers = {float(k): v for k, v in codes.items() if _is_number(k)}
    meaning = {cell: _meaning(cell, codes, numbers) for cell in own.unique()}
    unknown = [cell for cell, code in meaning.items() if code is None]
    if unknown:
        row = own.index[int(np.argmax((own == unknown[0]).to_numpy()))]
        listed = ", ".join(codes)
        raise MetaRLError(
            f"{file}: column {column} ({ours}) must be one of the codes given, "
            f"{listed}, got {unknown[0]!r} in row {row}; add it to --code, as "
            f"{unknown[0]}=missing"
        )
    blank = {
        cell: np.nan if code == MISSING else code for cell, code in meaning.items()
    }
    coded = own.map(blank)
    return coded.astype(object) if words else coded


def _is_number(word: str) -> bool:
    try:
        return bool(np.isfinite(float(word)))
    except ValueError:
        return False


def _meaning(
    cell: str, codes: Mapping[str, Code], numbers: Mapping[float, Code]
) -> Code | None:
    """The code of metarl for a cell; None if there is none."""
    if cell in codes:
        return codes[cell]
    if _is_number(cell) and float(cell) in numbers:
        return numbers[float(cell)]
    alike = {v for k, v in codes.items() if k.casefold() == cell.casefold()}
    if len(alike) == 1:
        return alike.pop()
    return MISSING if cell in BLANKS else None
