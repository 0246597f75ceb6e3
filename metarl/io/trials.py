"""Trials of animals or people from files: read, mapped, numbered and checked."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from metarl.analysis.schema import (
    KEYS,
    CellError,
    Column,
    RowError,
    TrialSchema,
    TrialTableError,
    shown,
)
from metarl.core.checks import MetaRLError
from metarl.io.cells import as_numbers, as_words, code_cells
from metarl.io.column_map import CHANGES, FILE, ROW, ColumnMap
from metarl.io.files import list_files, name_parts, read_file
from metarl.io.names import number_episodes, number_names, similar_names
from metarl.io.source import SourceTable
from metarl.io.synonyms import best_match, plain

NAMED = ("subject", "session", "episode")
"""Columns whose cells are names, which metarl numbers."""
FRAME = "the table"
"""Name of a table in memory, in messages."""
LISTED_CODES = 8
"""Most codes that a message lists."""


@dataclass(frozen=True, kw_only=True)
class TrialData:
    """Trials of animals or people, in metarl's columns."""

    trials: pd.DataFrame
    """Trial table as the schema says, with the user's further columns."""
    names: tuple[str, ...]
    """The user's own name of subject k."""
    notes: tuple[str, ...] = ()
    """What the user should know: what was read how, and what is likely a mistake."""
    sessions: tuple[str, ...] = ()
    """The user's own name of session k; none where the numbers are the user's."""
    subject_column: str = "subject"
    """The user's column of the subjects."""
    sources: tuple[tuple[str, "pd.Index[Any]"], ...] = ()
    """Each file with the numbers of its rows, in the order of the trials."""
    kind: str = ""
    """Kind of the subjects of a published release, as "monkeys"; "" if not known."""

    def place(self, row: int) -> str:
        """A trial of the table, from 0, by its file and row there."""
        for file, rows in self.sources:
            if row < len(rows):
                return f"row {rows[row]} of {file}"
            row -= len(rows)
        return f"row {row + 1}"

    def counts(self) -> str:
        """Numbers of rows, subjects, sessions and trials that count, in a sentence."""
        trials = self.trials
        free = trials[(trials["valid"] == 1) & (trials["forced"] == 0)]
        chosen = free["choice"].notna()
        sessions = len(trials[["subject", "session"]].drop_duplicates())
        episodes = len(trials[[*NAMED]].drop_duplicates())
        options = free["choice"].value_counts().sort_index()
        by_option = ", ".join(f"{n:,} of {shown(k)}" for k, n in options.items())
        return (
            f"{_many(len(trials), 'trial')} of {_many(len(self.names), 'subject')}, in "
            f"{_many(sessions, 'session')} and {_many(episodes, 'episode')}; "
            f"{len(trials) - len(free):,} not valid or forced, {(~chosen).sum():,} "
            f"without a choice; {_many(int(chosen.sum()), 'choice')} ({by_option})"
        )


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def load_table(
    paths: Path | str | Sequence[Path | str],
    schema: TrialSchema,
    column_map: ColumnMap | None = None,
) -> TrialData:
    """Read trials from a user's files.

    Args:
        paths: files, or folders of files; where no column is the subject, it is the
            name of the file.
        schema: columns that the table must have, and their codes.
        column_map: where its columns have other names or codes.

    Returns:
        The trials, in the order of the rows.

    Raises:
        MetaRLError: a file is missing, cannot be read, or is not coded as required.
    """
    given = [paths] if isinstance(paths, Path | str) else paths
    files = list_files([Path(path) for path in given])
    own = column_map or ColumnMap()
    _check_map(own, schema)
    parts = [_Part.read(file, schema, own, several=len(files) > 1) for file in files]
    loaded = _Loaded.of(parts, schema, own)
    loaded.check()
    return loaded.data


def load_frame(
    table: pd.DataFrame, schema: TrialSchema, column_map: ColumnMap | None = None
) -> TrialData:
    """Take trials from a table in memory, by the same rules as from a file.

    Args:
        table: one row a trial; messages count its rows from 1.
        schema: columns that the table must have, and their codes.
        column_map: where its columns have other names or codes.

    Raises:
        MetaRLError: it is not coded as required.
    """
    own = column_map or ColumnMap()
    _check_map(own, schema)
    if table.empty:
        raise MetaRLError(f"{FRAME} must have at least one trial, got none")
    rows = table.rename(columns=str).set_axis(range(1, len(table) + 1), axis="index")
    source = SourceTable(name=FRAME, table=rows)
    part = _Part.of(source, Path(FRAME), schema, own, several=False)
    loaded = _Loaded.of([part], schema, own)
    loaded.check()
    return loaded.data


def _check_map(column_map: ColumnMap, schema: TrialSchema) -> None:
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
class _Part:
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
        cls, file: Path, schema: TrialSchema, column_map: ColumnMap, *, several: bool
    ) -> "_Part":
        """Read a file and put its columns into metarl's."""

        def kept(names: Sequence[str]) -> set[str]:
            text = {*NAMED, *column_map.codes}
            found = [find_column(k, names, column_map, file.name) for k in text]
            return {k for k in (*found, *column_map.where) if k and k in names}

        source = read_file(file, column_map.reading, kept)
        return cls.of(source, file, schema, column_map, several=several)

    @classmethod
    def of(
        cls,
        whole: SourceTable,
        file: Path,
        schema: TrialSchema,
        column_map: ColumnMap,
        *,
        several: bool,
    ) -> "_Part":
        """Put the columns of a table into metarl's."""
        source = _rows(whole, column_map)
        names = list(source.table.columns)
        columns = {
            ours: theirs
            for ours in schema.columns
            if ours not in column_map.values
            and (theirs := find_column(ours, names, column_map, source.name))
        }
        columns = _from_name(columns, file, several=several)
        check_missing(columns, schema, column_map, source)
        table, notes = _mapped(source, columns, schema, column_map, file)
        return cls(source=source, columns=columns, table=table, notes=notes)


def _rows(source: SourceTable, column_map: ColumnMap) -> SourceTable:
    """The rows of a file that are trials."""
    table = source.table
    for name, values in column_map.where.items():
        if name not in table:
            raise MetaRLError(f"{source.name} has no column {name}, given for --where")
        cells = as_words(table[name])
        table = table[cells.isin(values)]
        if table.empty:
            found = ", ".join(map(repr, cells.unique()[:LISTED_CODES]))
            raise MetaRLError(
                f"{source.name} must have rows in which {name} is "
                f"{' or '.join(values)}, got only {found}"
            )
    return SourceTable(name=source.name, table=table, notes=source.notes)


def _from_name(columns: dict[str, str], file: Path, *, several: bool) -> dict[str, str]:
    """The columns, with subject and session from the file's name where it tells."""
    parts = name_parts(file)
    told = several or parts["subject"] != file.stem
    if "subject" not in columns and told:
        columns = {**columns, "subject": FILE}
    if "session" not in columns and "session" in parts:
        columns = {**columns, "session": FILE}
    return columns


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
    missing = [k for k in missing if not _follows(k, schema, present)]
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
    rules = [
        f"{name} ({rule.words}: give {' and '.join(rule.needs)} for it)"
        for name in missing
        if (rule := schema.derived.get(name))
    ]
    also = f"; {rules[0]}" if rules and not hint else ""
    raise MetaRLError(
        f"{source.name} has no column{plural} {', '.join(missing)}; it needs "
        f"{', '.join(schema.needed)}{hint}{also}"
    )


def _follows(name: str, schema: TrialSchema, present: set[str]) -> bool:
    rule = schema.derived.get(name)
    return rule is not None and set(rule.needs) <= present


def _mapped(
    source: SourceTable,
    columns: Mapping[str, str],
    schema: TrialSchema,
    column_map: ColumnMap,
    file: Path,
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
            cells[ours] = name_parts(file).get(ours, file.stem)
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
    cells |= {k: np.nan if v == "missing" else v for k, v in column_map.values.items()}
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
    if ours in NAMED:
        return as_words(raw), ""
    if column.words:
        words = as_words(raw)
        return words.where(words != ""), ""
    return as_numbers(raw, theirs, source.name)


@dataclass(frozen=True, kw_only=True)
class _Loaded:
    """Trials of all files together."""

    parts: Sequence[_Part]
    data: TrialData
    schema: TrialSchema
    column_map: ColumnMap

    @classmethod
    def of(
        cls, parts: Sequence[_Part], schema: TrialSchema, column_map: ColumnMap
    ) -> "_Loaded":
        """Put the files below each other, and number what has names."""
        tables = [part.table for part in parts]
        table = pd.concat(tables, ignore_index=True) if len(tables) > 1 else tables[0]
        table = table.reset_index(drop=True)
        loaded = cls(
            parts=parts,
            data=TrialData(trials=table, names=()),
            schema=schema,
            column_map=column_map,
        )
        return loaded._numbered()

    def _numbered(self) -> "_Loaded":
        """Numbers in place of names, and the columns that were left out."""
        table = self.data.trials
        for name in NAMED:
            if name in table:
                self._check_named(name)
        subjects, names = number_names(table["subject"])
        given: dict[str, Any] = {"subject": subjects}
        sessions: tuple[str, ...] = ()
        if "session" in table:
            number, sessions = number_names(table["session"], keep_numbers=True)
            given["session"] = number
        if any(self._source("episode", p).startswith(CHANGES) for p in self.parts):
            given["episode"] = self._changes(table.assign(**given))
        elif "episode" in table:
            given["episode"] = number_episodes(table["episode"])
        table = self.schema.complete(table.assign(**given))
        if any(part.columns.get("trial") == ROW for part in self.parts):
            keys = [table[name] for name in NAMED]
            table = table.assign(trial=table.groupby(keys, sort=False).cumcount())
        notes = [note for part in self.parts for note in part.notes]
        notes += similar_names(names)
        data = TrialData(
            trials=table,
            names=names,
            notes=tuple(dict.fromkeys(notes)),
            sessions=sessions,
            subject_column=self._source("subject", self.parts[0]),
            sources=tuple((p.source.name, p.source.table.index) for p in self.parts),
        )
        return _Loaded(
            parts=self.parts,
            data=data,
            schema=self.schema,
            column_map=self.column_map,
        )

    @staticmethod
    def _source(name: str, part: _Part) -> str:
        """Where a column of a file comes from; "" if from nowhere."""
        return part.columns.get(name, "")

    @staticmethod
    def _changes(table: pd.DataFrame) -> "pd.Series[int]":
        """(N,) changes of the column `episode` so far within subject and session."""
        keys = [table[name] for name in ("subject", "session") if name in table]
        before = table.groupby(keys, sort=False)["episode"].shift()
        changed = (table["episode"] != before) & before.notna()
        return changed.groupby(keys, sort=False).cumsum().astype(np.int64)

    def _check_named(self, name: str) -> None:
        """Raise MetaRLError if a subject, session or episode is blank."""
        blank = (self.data.trials[name] == "").to_numpy()
        if blank.any():
            row = int(np.argmax(blank))
            part, place = self.place(row)
            theirs = _column_words(name, part)
            raise MetaRLError(
                f"{part.source.name}: column {theirs} must name the {name} of every "
                f"trial, got a blank in {place}; fill it in, or remove the row"
            )

    def place(self, row: int) -> tuple[_Part, str]:
        """File of a row of the whole table, and its number there in words."""
        for part in self.parts:
            if row < len(part.table):
                return part, f"row {part.source.table.index[row]}"
            row -= len(part.table)
        raise IndexError(row)

    def check(self) -> None:
        """Raise MetaRLError, in the user's words, unless the table is as required."""
        table = self.data.trials
        try:
            self.schema.check(table)
        except TrialTableError as error:
            raise MetaRLError(self._explained(error)) from None
        notes = [
            f"{self.data.names[subject]}: {sentence}"
            for subject, sentences in self.schema.warn(table).items()
            for sentence in sentences
        ]
        object.__setattr__(self.data, "notes", (*self.data.notes, *notes))

    def _explained(self, error: TrialTableError) -> str:
        part, place = self.place(error.row)
        if isinstance(error, CellError):
            sentence = self._explained_cell(error, part, place)
        else:
            sentence = error.sentence(place, trial=self._trial_words(error))
        if isinstance(error, RowError) and len(self.parts) > 1:
            sentence += "; if each file is a session, give --column session=@file"
        return f"{part.source.name}: {sentence}"

    def _explained_cell(self, error: CellError, part: _Part, place: str) -> str:
        ours = error.column
        theirs = part.columns.get(ours)
        cell = "a blank"
        if theirs in part.source.table:
            row = int(place.removeprefix("row "))
            raw = part.source.table[theirs].astype(object)[row]
            cell = "a blank" if pd.isna(raw) else shown(raw)
        sentence = error.sentence(place, column=_column_words(ours, part), value=cell)
        way_out = self._way_out(ours, part, blank=cell == "a blank")
        return f"{sentence}; {way_out}" if way_out else sentence

    def _way_out(self, ours: str, part: _Part, *, blank: bool) -> str:
        """What to do about a wrong cell."""
        column, theirs = self.schema.columns[ours], part.columns.get(ours)
        if ours in KEYS[:3]:
            return ""
        if ours == "trial":
            return "number the rows of each episode with --column trial=@row"
        if blank:
            if ours in ("valid", "forced"):
                return ""
            return "set valid to 0, or leave choice blank, where no trial was finished"
        if theirs not in part.source.table or not column.names:
            return ""
        return f"say what its codes mean: {_code_option(ours, column, part)}"

    def _trial_words(self, error: TrialTableError) -> str:
        """The trial of a row, by the user's own names."""
        part, _ = self.place(error.row)
        local = error.row
        for earlier in self.parts:
            if earlier is part:
                break
            local -= len(earlier.table)
        known = part.table.iloc[local]
        words = [f"{name} {known[name]}" for name in NAMED if name in part.table]
        return ", ".join([*words, f"trial {shown(self._trial_of(error.row))}"])

    def _trial_of(self, row: int) -> float:
        return float(self.data.trials["trial"].iloc[row])


def _column_words(ours: str, part: _Part) -> str:
    """A column by the user's name, and metarl's where it is another."""
    theirs = part.columns.get(ours, ours)
    return ours if theirs in (ours, FILE, ROW) else f"{theirs} ({ours})"


def _code_option(ours: str, column: Column, part: _Part) -> str:
    """The option that says what a column's codes mean, with those that are clear."""
    cells = as_words(part.source.table[part.columns[ours]])
    found = [cell for cell in sorted(cells.unique()) if cell != ""]
    meant = {name: code for code, name in column.names.items() if name}
    known = {str(code): code for code in column.names}
    items = []
    for cell in found[:LISTED_CODES]:
        code = known.get(cell, meant.get(cell.lower()))
        items.append(f"{cell}={'?' if code is None else code}")
    more = " ..." if len(found) > LISTED_CODES else ""
    return f'--code "{ours}: {" ".join(items)}{more}", with missing for no choice'
