"""One file of trials in metarl's columns, still with the user's names."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from metarl.analysis.schema import NAMED, TrialSchema
from metarl.core.checks import MetaRLError
from metarl.io.cells import as_numbers, as_words, code_cells
from metarl.io.column_map import CHANGES, FILE, MISSING, ROW, ColumnMap
from metarl.io.files import data_set_note, name_parts, read_file
from metarl.io.source import SourceTable
from metarl.io.synonyms import best_match, plain

LISTED = 8
"""Most cells that a message lists."""


def check_map(column_map: ColumnMap, schema: TrialSchema) -> None:
    """Raise MetaRLError if the map names a column that the schema does not have."""
    for option, named in (
        ("--column", column_map.columns),
        ("--code", column_map.codes),
        ("--value", column_map.values),
    ):
        for name in named:
            if name not in schema.columns:
                close = difflib.get_close_matches(name, schema.columns, 1)
                hint = f"; did you mean {close[0]}?" if close else ""
                raise MetaRLError(
                    f"{option} must name a column of {schema.name} "
                    f"({', '.join(schema.columns)}), got {name!r}{hint}"
                )


def find_column(
    ours: str, names: Sequence[str], column_map: ColumnMap, file: str
) -> str | None:
    """The user's column for one of metarl's; None if there is none.

    A name may differ in case, blanks and marks where only one column is then like it.

    Raises:
        MetaRLError: the map names a column that is not there.
    """
    wanted = column_map.columns.get(ours)
    if wanted is None:
        alike = [name for name in names if plain(name) == plain(ours)]
        if ours in names:
            return ours
        return alike[0] if len(alike) == 1 else None
    if wanted in (FILE, ROW) or wanted in names:
        return wanted
    if wanted.startswith(CHANGES) and wanted.removeprefix(CHANGES) in names:
        return wanted
    close = difflib.get_close_matches(wanted, names, 1)
    hint = f"; did you mean {close[0]}?" if close else ""
    raise MetaRLError(f"{file} has no column {wanted}, given for {ours}{hint}")


@dataclass(frozen=True, kw_only=True)
class Part:
    """Trials of one file, in metarl's columns but with the user's names."""

    source: SourceTable
    """The file's own table, of the rows that are trials."""
    columns: Mapping[str, str]
    """metarl's column -> the file's."""
    table: pd.DataFrame
    """metarl's columns, then the user's further ones."""
    notes: tuple[str, ...]

    @classmethod
    def read(
        cls,
        file: Path,
        schema: TrialSchema,
        column_map: ColumnMap,
        files: Sequence[Path],
    ) -> "Part":
        """Read one of several files and put its columns into metarl's."""

        def kept(names: Sequence[str]) -> set[str]:
            text = {*NAMED, *column_map.codes}
            found = [find_column(k, names, column_map, file.name) for k in text]
            found += [*column_map.where, column_map.further.get("group")]
            return {k for k in found if k and k in names}

        source = read_file(file, column_map.reading, kept)
        names = name_parts(file, files)
        by_file = len(files) > 1 or names["subject"] != file.stem
        part = cls.of(source, schema, column_map, names, subject_by_file=by_file)
        note = data_set_note(file, files)
        by_file = part.columns.get("subject") == FILE
        return replace(part, notes=(*part.notes, note)) if note and by_file else part

    @classmethod
    def of(
        cls,
        whole: SourceTable,
        schema: TrialSchema,
        column_map: ColumnMap,
        file_names: Mapping[str, str],
        *,
        subject_by_file: bool = False,
    ) -> "Part":
        """Put the columns of a table into metarl's.

        Args:
            whole: the table.
            schema: metarl's columns.
            column_map: where columns have other names or codes.
            file_names: subject and, if known, session, by the file's name.
            subject_by_file: whether the file is the subject where no column is.
        """
        source = trial_rows(whole, column_map)
        source = _with_single(source, schema, column_map)
        names = list(source.table.columns)
        columns = {
            ours: theirs
            for ours in schema.columns
            if ours not in column_map.values
            and (theirs := find_column(ours, names, column_map, source.name))
        }
        given = {*columns, *column_map.values}
        if subject_by_file and "subject" not in given:
            columns["subject"] = FILE
        if "session" in file_names and "session" not in given:
            columns["session"] = FILE
        check_missing(columns, schema, column_map, source)
        table, notes = _mapped(source, columns, schema, column_map, file_names)
        table = schema.complete(table)
        named = {name: as_words(table[name]) for name in NAMED}
        table = table.assign(**named)
        return cls(source=source, columns=columns, table=table, notes=notes)

    def column_words(self, ours: str) -> str:
        """A column by the user's name, and metarl's where it is another."""
        theirs = self.columns.get(ours, ours)
        return ours if theirs in (ours, FILE, ROW) else f"{theirs} ({ours})"

    def place(self, row: int) -> str:
        """A row, from 0, as the file's reader counts it."""
        return f"row {self.source.table.index[row]}"


def trial_rows(source: SourceTable, column_map: ColumnMap) -> SourceTable:
    """The rows of a file that are trials."""
    table = source.table
    for name, values in column_map.where.items():
        if name not in table:
            raise MetaRLError(f"{source.name} has no column {name}, given for --where")
        cells = as_words(table[name])
        table = table[cells.isin(values)]
        if table.empty:
            found = ", ".join(map(repr, cells.unique()[:LISTED]))
            raise MetaRLError(
                f"{source.name} must have rows in which {name} is "
                f"{' or '.join(values)}, got only {found}"
            )
    return replace(source, table=table)


def _with_single(
    source: SourceTable, schema: TrialSchema, column_map: ColumnMap
) -> SourceTable:
    """The table with columns that the file gives as one value for all trials.

    Raises:
        MetaRLError: one of metarl's columns is there, but not with a value a trial.
    """
    table, odd = source.table, {**source.single, **source.left_out}
    names = [*table.columns, *odd]
    for ours in schema.columns if odd else ():
        if ours in column_map.values:
            continue
        theirs = find_column(ours, names, column_map, source.name)
        if theirs is not None and theirs in source.left_out:
            raise MetaRLError(
                f"{source.name}: {theirs} must have one value for each of the "
                f"{len(table):,} trials, got {source.left_out[theirs]}; save it so, "
                f"rename it if it is not {ours}, or give --value {ours}=..."
            )
        if theirs is not None and theirs in source.single:
            table = table.assign(**{theirs: source.single[theirs]})
    return replace(source, table=table)


def check_missing(
    columns: Mapping[str, str],
    schema: TrialSchema,
    column_map: ColumnMap,
    source: SourceTable,
) -> None:
    """Raise MetaRLError, with what may be meant, unless all needed columns are there.

    A column that follows from others is not needed where these are there.
    """
    present = {*columns, *column_map.values}
    missing = [name for name in schema.needed if name not in present]
    missing = [k for k in missing if not schema.follows(k, present)]
    if not missing:
        return
    names = [n for n in source.table.columns if n not in columns.values()]
    meant = {name: best_match(name, names) for name in missing}
    options = [f"--column {k}={v}" for k, v in meant.items() if v is not None]
    hint = f"; did you mean {' '.join(options)}?" if options else ""
    if not options and missing == ["subject"]:
        hint = "; take it from the file's name with --column subject=@file"
    if not options and missing == ["trial"]:
        hint = "; number the rows of each episode with --column trial=@row"
    plural = "s" if len(missing) > 1 else ""
    also = ""
    for name in missing:
        if not hint and name in schema.derived:
            lacks = [k for k in schema.derived[name].needs if k not in present]
            also = f"; or give {' and '.join(lacks)}, from which {name} follows"
    raise MetaRLError(
        f"{source.name} has no column{plural} {', '.join(missing)}; it needs "
        f"{', '.join(schema.needed)}{hint}{also}"
    )


def _mapped(
    source: SourceTable,
    columns: Mapping[str, str],
    schema: TrialSchema,
    column_map: ColumnMap,
    file_names: Mapping[str, str],
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The file's trials in metarl's columns, and notes on how they were read."""
    cells: dict[str, Any] = {}
    notes = list(source.notes)
    for ours, theirs in columns.items():
        if theirs == ROW:
            if ours != "trial":
                raise MetaRLError(f"{ROW} must be given for trial, got it for {ours}")
            continue
        if theirs == FILE:
            cells[ours] = file_names.get(ours, file_names["file"])
            continue
        if theirs.startswith(CHANGES):
            if ours != "episode":
                raise MetaRLError(
                    f"{CHANGES}COLUMN must be given for episode, got it for {ours}"
                )
            cells[ours] = as_words(source.table[theirs.removeprefix(CHANGES)])
            continue
        cells[ours], note = _cells_of(ours, theirs, source, schema, column_map)
        if theirs != column_map.columns.get(ours, ours):
            notes.append(f"column {theirs} of {source.name} is read as {ours}")
        notes += [note] if note else []
    cells |= {k: np.nan if v == MISSING else v for k, v in column_map.values.items()}
    further = source.table.drop(
        columns=[k for k in source.table if k in {*columns.values(), *schema.columns}]
    )
    return further.assign(**cells)[[*cells, *further.columns]], tuple(notes)


def _cells_of(
    ours: str,
    theirs: str,
    source: SourceTable,
    schema: TrialSchema,
    column_map: ColumnMap,
) -> "tuple[pd.Series[Any], str]":
    """The cells of one column in metarl's codes, and a note on how they were read."""
    raw, column = source.table[theirs], schema.columns[ours]
    if ours in column_map.codes:
        codes = column_map.codes[ours]
        return code_cells(raw, codes, column.words, theirs, ours, source.name), ""
    named = {word: code for code, word in column.names.items() if word}
    if column.by_name and set(as_words(raw).str.casefold()) <= {*named, ""}:
        return as_words(raw).str.casefold().map(named), ""
    if ours in NAMED:
        return as_words(raw), ""
    if column.words:
        words = as_words(raw)
        return words.where(words != ""), ""
    return as_numbers(raw, theirs, source.name)
