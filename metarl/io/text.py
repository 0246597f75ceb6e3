"""Delimited text: its encoding, separator and header are found from its lines."""

import csv
import io
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from metarl.core.checks import MetaRLError
from metarl.io.source import (
    BLANKS,
    AsText,
    ReadingOptions,
    SourceTable,
    check_names,
    first_line,
)

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
"""Separators of columns that are tried -> their name."""
BLANKS_BETWEEN = r"\s+"
"""Separator of columns that are apart by blanks, as pandas writes it."""
SAMPLE = 200
"""First lines that the separator and the header are found from."""
FEWEST_OF_LOG = 10
"""Lines from which on a text may be known as a log of events."""
EVEN = 0.9
"""Share of lines with equally many words from which on a text is no log."""
BYTE_ORDER_MARKS = {
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
"""First bytes of a text -> its encoding."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How the lines of a text are divided."""

    separator: str
    """Between two columns."""
    width: int
    """Cells in the first row that counts."""
    header: bool
    """Whether that row names the columns."""


def read_text(path: Path, options: ReadingOptions, as_text: AsText) -> SourceTable:
    """Read a delimited text file.

    Args:
        path: the file: .csv, .tsv or .txt.
        options: names of the columns, and rows to leave out.
        as_text: columns with cells that are kept as they are written.

    Returns:
        Its table; the index counts the lines of the file from 1, the header's too.

    Raises:
        MetaRLError: it is no text, no table, or its header is missing.
    """
    text, notes = decode(path)
    layout = find_layout(text, options, path.name)
    extra = check_widths(text, layout, options, path.name)
    names = _names(text, layout, options, extra, path.name)
    table = _parse(text, layout, options, names, as_text(names), path.name)
    return SourceTable(name=path.name, table=table, notes=notes)


def decode(path: Path) -> tuple[str, tuple[str, ...]]:
    """Text of a file, and notes on its encoding.

    A byte order mark decides; without one the text is UTF-8, UTF-16 where every other
    byte is 0, or else Windows-1252, which most programs of Western Europe wrote.
    """
    data = path.read_bytes()
    if not data.strip():
        raise MetaRLError(f"{path.name} must have at least one trial, got none")
    encoding = next((e for m, e in BYTE_ORDER_MARKS.items() if data.startswith(m)), "")
    sample = data[:2000]
    if not encoding and b"\0" in sample:
        encoding = "utf-16-le" if sample[1:2] == b"\0" else "utf-16-be"
    try:
        text = data.decode(encoding or "utf-8")
        notes: tuple[str, ...] = ()
    except UnicodeDecodeError:
        if encoding:
            raise _no_text(path) from None
        text = data.decode("cp1252", errors="replace")
        notes = (f"{path.name} is not UTF-8; it was read as Windows-1252",)
    if any(ord(letter) < 9 for letter in text[:2000]):
        raise _no_text(path)
    return text.replace("\r\n", "\n").replace("\r", "\n"), notes


def _no_text(path: Path) -> MetaRLError:
    return MetaRLError(
        f"{path.name} must be text for its ending, got another kind of file; save the "
        "trial table as CSV"
    )


def find_layout(text: str, options: ReadingOptions, file: str) -> Layout:
    """Separator and header of a text, from its first lines."""
    lines = [line for line in _lines(text, options.skip_rows) if line.strip()]
    if not lines:
        raise MetaRLError(f"{file} must have at least one trial, got none")
    separator = _separator(lines)
    _check_no_log(lines, separator, file)
    first = _cells(lines[0], separator)
    header = not options.names and _is_header(first)
    if not header and not options.names:
        raise MetaRLError(
            f"{file} has no header: its row {options.skip_rows + 1} holds values, where"
            " the names of the columns must be; name them with --names, as --names "
            "subject,trial,choice,reward"
            + _where_to_start(lines, separator, options.skip_rows)
        )
    return Layout(separator=separator, width=len(first), header=header)


def _check_no_log(lines: Sequence[str], separator: str, file: str) -> None:
    """Raise MetaRLError if lines differ in their numbers of words, as in a log."""
    widths = Counter(len(_cells(line, separator)) for line in lines)
    usual = max(widths.values())
    if (
        separator != BLANKS_BETWEEN
        or len(lines) < FEWEST_OF_LOG
        or usual >= EVEN * len(lines)
    ):
        return
    raise MetaRLError(
        f"{file} must be a table with one row per trial, got lines of {min(widths)} to "
        f"{max(widths)} words without a separator; if it is a log of events, convert "
        "it first, so that each trial is one row below a header"
    )


def _lines(text: str, skip: int) -> Iterator[str]:
    """The first lines of a text after some that are left out."""
    for number, line in enumerate(io.StringIO(text)):
        if number >= skip + SAMPLE:
            return
        if number >= skip:
            yield line.rstrip("\n")


def _separator(lines: list[str]) -> str:
    """The separator that gives most lines equally many cells; blanks if none does."""
    best, share = BLANKS_BETWEEN, 0.0
    for separator in SEPARATORS:
        widths = Counter(len(_cells(line, separator)) for line in lines)
        widths.pop(1, None)
        if widths and max(widths.values()) / len(lines) > share:
            best, share = separator, max(widths.values()) / len(lines)
    return best


def _cells(line: str, separator: str) -> list[str]:
    """The cells of one line."""
    if separator == BLANKS_BETWEEN:
        return line.split()
    return [cell.strip() for cell in next(csv.reader([line], delimiter=separator), [])]


def _is_header(cells: list[str]) -> bool:
    """Whether a row's cells are names: none is a number, and not all are blank."""
    return any(cells) and not any(_is_number(cell) for cell in cells)


def _is_number(cell: str) -> bool:
    return (
        re.fullmatch(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?", cell) is not None
    )


def _where_to_start(lines: list[str], separator: str, skip: int) -> str:
    """Advice if the first lines have another number of cells than most others."""
    widths = [len(_cells(line, separator)) for line in lines]
    usual = Counter(widths).most_common(1)[0][0]
    if widths[0] == usual:
        return ""
    start = skip + widths.index(usual)
    return f", and leave out the first lines with --skip-rows {start}"


def check_widths(text: str, layout: Layout, options: ReadingOptions, file: str) -> str:
    """Find out whether every row has one cell more than the header.

    Returns:
        "first" where rows have names of their own, as R writes them, "last" where they
        end with a separator, "" where they are as wide as the header.

    Raises:
        MetaRLError: rows have different numbers of cells, as in a file cut short.
    """
    if _is_even(text, layout, options.skip_rows):
        return ""
    widths = _widths(text, layout, options.skip_rows)
    head = layout.width
    if layout.header:
        next(widths, None)
    extra, wider = "", False
    for count, (row, width, ends) in enumerate(widths):
        if count == 0 and layout.header and width == head + 1:
            wider, extra = True, "last"
        if width != head + wider:
            one = "cell" if width == 1 else "cells"
            raise MetaRLError(
                f"{file} must have {head + wider} cells in every row, as in its first, "
                f"got {width} {one} in row {row}; complete the row, or leave out rows "
                "at the top with --skip-rows"
            )
        if wider and not ends:
            extra = "first"
    return extra


def _is_even(text: str, layout: Layout, skip: int) -> bool:
    """Whether all rows are as wide as the first: at once, for a text without quotes.

    Row by row this took more than a third of the time of a long table.
    """
    if layout.separator == BLANKS_BETWEEN or '"' in text:
        return False
    letters = np.frombuffer(text.encode(), np.uint8)
    starts = np.append(0, np.flatnonzero(letters == ord("\n")) + 1)
    starts = starts[starts < len(letters)]
    divided = np.add.reduceat(letters == ord(layout.separator), starts, dtype=np.int64)
    rows = letters[starts] != ord("\n")
    rows[:skip] = False
    return bool((divided[rows] + 1 == layout.width).all())


def _widths(text: str, layout: Layout, skip: int) -> Iterator[tuple[int, int, bool]]:
    """Of every row that is not blank: number, cells, whether the last is blank."""
    lines = io.StringIO(text)
    if layout.separator != BLANKS_BETWEEN and '"' in text:
        reader = csv.reader(lines, delimiter=layout.separator)
        for number, cells in enumerate(reader, start=1):
            if number > skip and any(cells):
                yield number, len(cells), not cells[-1]
        return
    for number, line in enumerate(lines, start=1):
        if number > skip and line.strip(" \n" + layout.separator):
            if layout.separator == BLANKS_BETWEEN:
                yield number, len(line.split()), False
            else:
                ends = line.rstrip("\n").endswith(layout.separator)
                yield number, line.count(layout.separator) + 1, ends


def _names(
    text: str, layout: Layout, options: ReadingOptions, extra: str, file: str
) -> list[str]:
    """Names of the columns; a column without a name is called by its number."""
    if options.names:
        if len(options.names) != layout.width:
            raise MetaRLError(
                f"--names must name the {layout.width} columns of {file}, got "
                f"{len(options.names)} names"
            )
        found = list(options.names)
    else:
        lines = (line for line in _lines(text, options.skip_rows) if line.strip())
        found = _cells(next(lines), layout.separator)
    check_names(found, file)
    named = [name or f"column {place}" for place, name in enumerate(found, start=1)]
    if extra == "first":
        return ["column 0", *named]
    return [*named, f"column {len(named) + 1}"] if extra else named


def _parse(
    text: str,
    layout: Layout,
    options: ReadingOptions,
    names: list[str],
    kept: Collection[str],
    file: str,
) -> pd.DataFrame:
    """The cells below the header, in rows that are numbered as in the file."""
    texts = set(kept)
    blanks = {name: list(BLANKS) for name in names if name not in texts}
    # The rows above are read as blank lines, so that the index counts as the file does.
    top = _top(text, layout, options)
    try:
        table = pd.read_csv(
            io.StringIO(text),
            sep=layout.separator,
            names=names,
            header=None,
            index_col=False,
            skiprows=top,
            skip_blank_lines=False,
            dtype=dict.fromkeys(texts, str),
            na_values=blanks,
            keep_default_na=False,
            skipinitialspace=True,
            low_memory=False,
        )
    except (ValueError, pd.errors.ParserError) as error:
        raise MetaRLError(f"{file} cannot be read: {first_line(error)}") from None
    table.index = pd.RangeIndex(top + 1, top + 1 + len(table))
    table = table[_filled(table, texts)]
    if table.empty:
        raise MetaRLError(f"{file} must have at least one trial, got none")
    return table


def _top(text: str, layout: Layout, options: ReadingOptions) -> int:
    """Lines before the first trial."""
    if not layout.header:
        return options.skip_rows
    for number, line in enumerate(io.StringIO(text)):
        if number >= options.skip_rows and line.strip():
            return number + 1
    return options.skip_rows


def _filled(table: pd.DataFrame, texts: set[str]) -> "pd.Series[bool]":
    """(N,) whether a row has any cell that is not blank."""
    filled = table.notna()
    for name in texts & set(table.columns):
        filled[name] = table[name].fillna("").str.strip() != ""
    return filled.any(axis=1)
