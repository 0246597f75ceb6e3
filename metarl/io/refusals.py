"""Why a user's table is refused, in its own names of columns, subjects and rows."""

from collections.abc import Sequence

import pandas as pd

from metarl.analysis.schema import (
    BLANK,
    NAMED,
    CellError,
    RowError,
    TrialSchema,
    TrialTableError,
    shown,
)
from metarl.io.cells import as_words
from metarl.io.column_map import ColumnMap
from metarl.io.parts import LISTED, Part


def _locate(parts: Sequence[Part], row: int) -> tuple[Part, int]:
    """File of a row of all files together, and the row in that file, from 0."""
    for part in parts:
        if row < len(part.table):
            return part, row
        row -= len(part.table)
    raise IndexError(row)


def blank_name(parts: Sequence[Part], name: str, row: int) -> str:
    """Sentence about a trial without a subject, session or episode."""
    part, own = _locate(parts, row)
    return (
        f"{part.source.name}: column {part.column_words(name)} must name the {name} of "
        f"every trial, got a blank in {part.place(own)}; fill it in, or remove the row"
    )


def explained(
    error: TrialTableError,
    parts: Sequence[Part],
    schema: TrialSchema,
    column_map: ColumnMap,
) -> str:
    """Sentence about a rule that a row breaks.

    Args:
        error: the error, of the table of all files together.
        parts: the files.
        schema: columns and their codes.
        column_map: the user's map of the columns.
    """
    part, row = _locate(parts, error.row)
    if isinstance(error, CellError):
        sentence = _about_cell(error, part, row, schema, column_map)
    else:
        sentence = error.sentence(part.place(row), trial=_trial_words(part, row, error))
        if len(parts) > 1:
            sentence += "; if each file is a session, give --column session=@file"
    return f"{part.source.name}: {sentence}"


def _about_cell(
    error: CellError,
    part: Part,
    row: int,
    schema: TrialSchema,
    column_map: ColumnMap,
) -> str:
    ours, source = error.column, part.source.table
    theirs = part.columns.get(ours)
    raw = column_map.values.get(ours, error.value)
    if theirs in source:
        raw = source[theirs].astype(object).iloc[row]
    cell = shown(raw)
    place, column = part.place(row), part.column_words(ours)
    sentence = error.sentence(place, column=column, value=cell)
    way_out = _way_out(ours, part, schema, blank=cell == BLANK)
    return f"{sentence}; {way_out}" if way_out else sentence


def _way_out(ours: str, part: Part, schema: TrialSchema, *, blank: bool) -> str:
    """What to do about a wrong cell; "" if the rule says it."""
    if ours == "trial":
        return "number the rows of each episode with --column trial=@row"
    if ours in (*NAMED, "valid", "forced"):
        return ""
    if blank:
        return "set valid to 0, or leave choice blank, where no trial was finished"
    if part.columns.get(ours) in part.source.table and schema.columns[ours].names:
        say = f"say what its codes mean: {_code_option(ours, part, schema)}"
        amounts = ours == "reward" and _is_numeric(part, ours)
        return f"{say}, or keep the amounts with --unit points" if amounts else say
    return ""


def _is_numeric(part: Part, ours: str) -> bool:
    """Whether the cells of the user's column are numbers or blanks."""
    words = as_words(part.source.table[part.columns[ours]])
    numbers = pd.to_numeric(words.str.replace(",", "."), errors="coerce")
    return bool(numbers[words != ""].notna().all())


def _code_option(ours: str, part: Part, schema: TrialSchema) -> str:
    """The option that says what a column's codes mean, with those that are clear."""
    cells = as_words(part.source.table[part.columns[ours]])
    found = [cell for cell in sorted(cells.unique()) if cell != ""]
    names = schema.columns[ours].names
    known = {str(code): code for code in names}
    known |= {name: code for code, name in names.items() if name}
    items = [f"{cell}={known.get(cell.lower(), '?')}" for cell in found[:LISTED]]
    more = " ..." if len(found) > LISTED else ""
    return f'--code "{ours}: {" ".join(items)}{more}", with missing for no choice'


def _trial_words(part: Part, row: int, error: TrialTableError) -> str:
    """The trial of a row, by the user's own names."""
    given = {*part.columns, "subject"}
    known = part.table.iloc[row]
    words = [f"{name} {known[name]}" for name in NAMED if name in given]
    if isinstance(error, RowError):
        words.append(f"trial {shown(error.keys['trial'])}")
    return ", ".join(words)
