"""Trials of animals or people from files: read, mapped, numbered and checked."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from metarl.analysis.schema import NAMED, TrialSchema, TrialTableError, shown
from metarl.core.checks import MetaRLError
from metarl.io.column_map import CHANGES, ROW, ColumnMap
from metarl.io.files import list_files
from metarl.io.names import (
    number_episodes,
    number_names,
    number_sessions,
    session_notes,
    similar_names,
)
from metarl.io.parts import Part, check_map
from metarl.io.refusals import blank_name, explained
from metarl.io.source import SourceTable, check_names, plain_table

FRAME = "the table"
"""Name of a table in memory, in messages."""


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
    reward_unit: str = ""
    """Unit of the rewards, in the plural; "" if not declared."""
    rt_unit: str = ""
    """Unit of the reaction times, "s" or "ms"; "" if not declared."""

    def place(self, row: int) -> str:
        """A trial of the table, from 0, by its file and row there."""
        for file, rows in self.sources:
            if row < len(rows):
                return f"row {rows[row]} of {file}"
            row -= len(rows)
        return f"row {row + 1}"

    @property
    def labels(self) -> dict[int, str]:
        """Subject -> its own name."""
        return dict(enumerate(self.names))

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
    check_map(own, schema)
    parts = [Part.read(file, schema, own, files) for file in files]
    return _joined(parts, schema, own)


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
    check_map(own, schema)
    if table.empty:
        raise MetaRLError(f"{FRAME} must have at least one trial, got none")
    rows = plain_table(table).set_axis(range(1, len(table) + 1), axis="index")
    check_names(list(rows.columns), FRAME)
    source = SourceTable(name=FRAME, table=rows)
    part = Part.of(source, schema, own, {"subject": FRAME, "file": FRAME})
    return _joined([part], schema, own)


def _joined(
    parts: Sequence[Part], schema: TrialSchema, column_map: ColumnMap
) -> TrialData:
    """The trials of several files below each other, numbered and checked."""
    tables = [part.table for part in parts]
    table = pd.concat(tables) if len(tables) > 1 else tables[0]
    table = table.reset_index(drop=True)
    for name in NAMED:
        blank = (table[name] == "").to_numpy()
        if blank.any():
            raise MetaRLError(blank_name(parts, name, int(np.argmax(blank))))
    table, names, sessions, order_notes = _numbered(table, parts)
    try:
        schema.check(table)
    except TrialTableError as error:
        raise MetaRLError(explained(error, parts, schema, column_map)) from None
    notes = [note for part in parts for note in part.notes] + similar_names(names)
    notes += order_notes
    for subject, sentences in schema.warn(table).items():
        notes += [f"{names[subject]}: {sentence}" for sentence in sentences]
    return TrialData(
        trials=table,
        names=names,
        notes=tuple(dict.fromkeys(notes)),
        sessions=sessions,
        subject_column=parts[0].columns.get("subject", ""),
        sources=tuple((part.source.name, part.source.table.index) for part in parts),
    )


def _numbered(
    table: pd.DataFrame, parts: Sequence[Part]
) -> tuple[pd.DataFrame, tuple[str, ...], tuple[str, ...], list[str]]:
    """Number the names of a table.

    Returns:
        The table with numbers, the names of subjects and of sessions, and notes on the
        order of the sessions.
    """
    subjects, names = number_names(table["subject"])
    sessions, own = number_sessions(table["session"], table["subject"])
    notes = session_notes(table["session"], sessions, table["subject"])
    table = table.assign(subject=subjects, session=sessions)
    sources = {part.columns.get("episode", "") for part in parts}
    by_change = any(source.startswith(CHANGES) for source in sources)
    number: Any = _changes if by_change else number_episodes
    table = table.assign(episode=number)
    if any(part.columns.get("trial") == ROW for part in parts):
        _check_not_joined(table, parts, names)
        keys = [table[name] for name in NAMED]
        table = table.assign(trial=table.groupby(keys, sort=False).cumcount())
    return table, names, own, notes


def _check_not_joined(
    table: pd.DataFrame, parts: Sequence[Part], names: Sequence[str]
) -> None:
    """Raise MetaRLError if rows of two files would be numbered as one episode.

    The last trial of one file and the first of the next would then be a pair.
    """
    keys = [*NAMED]
    lengths = [len(part.table) for part in parts]
    table = table[keys].assign(file=np.repeat(np.arange(len(parts)), lengths))
    first = table.groupby(keys, sort=False)["file"].transform("first")
    joined = (first != table["file"]).to_numpy()
    if joined.any():
        row = int(np.argmax(joined))
        one, other = (
            parts[int(k)].source.name for k in (first[row], table["file"][row])
        )
        name = names[int(table["subject"][row])]
        raise MetaRLError(
            f"{one} and {other} must be sessions or episodes of their own where trials "
            f"are numbered by their rows, got one episode of {name} in both; give "
            "--column session=@file, or subject=@file"
        )


def _changes(table: pd.DataFrame) -> "pd.Series[int]":
    """(N,) changes of the column `episode` so far within subject and session."""
    keys = [table["subject"], table["session"]]
    before = table.groupby(keys, sort=False)["episode"].shift()
    changed = (table["episode"] != before) & before.notna()
    return changed.groupby(keys, sort=False).cumsum().astype(np.int64)
