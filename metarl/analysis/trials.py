"""A trial table as arrays: one sort, one parse, and which trials follow each other."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from metarl.analysis.schema import (
    KEYS,
    Array,
    Columns,
    Flags,
    Integers,
    TrialSchema,
    Words,
    is_blank,
)
from metarl.core.checks import MetaRLError
from metarl.core.names import unknown_name

EPISODE_KEYS = KEYS[:3]
"""Columns that together name one episode."""
MOST_CELLS = 1_000_000
"""Cells of a grid of episodes and places, up to which gaps do no harm."""
SPARSEST = 50
"""Most cells for each trial in a larger grid."""


@dataclass(frozen=True, kw_only=True)
class TrialSequence:
    """N trials, in order of subject, session, episode and trial."""

    keys: Integers
    """(N, 4) subject, session, episode, trial."""
    columns: Mapping[str, Array | Words]
    """Column -> (N,): floats with NaN for a blank, or words."""
    usable: Flags
    """(N,) whether a trial counts: valid, free, with a choice and all other needed
    columns."""

    def __getitem__(self, column: str) -> Array:
        """(N,) a column of numbers; NaN where it is blank."""
        return np.asarray(self._column(column), float)

    def words(self, column: str) -> Words:
        """(N,) a column of words."""
        return np.asarray(self._column(column), object)

    def _column(self, column: str) -> Array | Words:
        if column not in self.columns:
            raise unknown_name("column of the schema", column, self.columns)
        return self.columns[column]

    @property
    def subject(self) -> Integers:
        """(N,) subject of each trial."""
        return self.keys[:, 0]

    @property
    def trial(self) -> Integers:
        """(N,) number of each trial in its episode."""
        return self.keys[:, 3]

    def key_table(self, by: Sequence[str] = KEYS) -> pd.DataFrame:
        """(N, len(by)) key columns as a table, to group by."""
        return pd.DataFrame({key: self.keys[:, KEYS.index(key)] for key in by})

    @cached_property
    def starts(self) -> Integers:
        """(E,) row of each episode's first trial."""
        new = np.ones(len(self.keys), dtype=bool)
        new[1:] = (self.keys[1:, :3] != self.keys[:-1, :3]).any(axis=1)
        return np.flatnonzero(new).astype(np.int64)

    @cached_property
    def episode_index(self) -> Integers:
        """(N,) number of each trial's episode over all subjects, from 0."""
        index = np.zeros(len(self.keys), np.int64)
        index[self.starts[1:]] = 1
        return index.cumsum()

    @property
    def episodes(self) -> pd.DataFrame:
        """(E, 3) subject, session, episode."""
        return pd.DataFrame(self.keys[self.starts, :3], columns=list(EPISODE_KEYS))

    @cached_property
    def place(self) -> Integers:
        """(N,) trials since the episode's first, by their numbers."""
        place: Integers = self.trial - self.trial[self.starts][self.episode_index]
        return place

    @cached_property
    def aligned(self) -> Integers:
        """(N,) trials since an episode's beginning, also where its first are missing.

        Numbers that begin again with each episode are counted from the least of all.
        Those that go on from episode to episode within a session are counted from the
        episode's first, as in `place`.
        """
        first = self.starts[1:]
        together = (self.keys[first, :2] == self.keys[first - 1, :2]).all(axis=1)
        later = self.trial[first] > self.trial[first - 1]
        if together.any() and later[together].all():
            return self.place
        aligned: Integers = self.trial - self.trial.min(
            initial=self.trial.max(initial=0)
        )
        return aligned

    @cached_property
    def next_in_episode(self) -> Flags:
        """(N,) whether a trial's number is one above that of the row before it.

        Both rows are of one subject, session and episode.
        """
        follows = np.zeros(len(self.keys), dtype=bool)
        follows[1:] = np.diff(self.episode_index) == 0
        follows[1:] &= np.diff(self.trial) == 1
        return follows

    @cached_property
    def follows(self) -> Flags:
        """(N,) whether a trial and the one before it make a pair.

        Both are usable, and the trial numbers are apart by 1 in the same subject,
        session and episode.
        """
        follows = self.next_in_episode & self.usable
        follows[1:] &= self.usable[:-1]
        return follows

    @cached_property
    def history(self) -> Integers:
        """(N,) usable trials right before each, unbroken and of the same episode."""
        linked = self.next_in_episode.copy()
        linked[1:] &= self.usable[:-1]
        place = np.arange(len(self.keys))
        return place - np.maximum.accumulate(np.where(linked, 0, place))

    def where(self, rows: Flags) -> "TrialSequence":
        """Some of the trials, given (N,) flags."""
        return replace(
            self,
            keys=self.keys[rows],
            columns={name: values[rows] for name, values in self.columns.items()},
            usable=self.usable[rows],
        )

    def iter_subjects(self) -> Iterator[tuple[int, "TrialSequence"]]:
        """Each subject with its trials, in order."""
        for subject in np.unique(self.subject):
            yield int(subject), self.where(self.subject == subject)


def trial_sequence(
    trials: pd.DataFrame, schema: TrialSchema, needs: Sequence[str] = ()
) -> TrialSequence:
    """Sort a trial table and read its columns.

    Args:
        trials: trial table, one row a trial, in any order; `TrialSchema.check` has
            passed it.
        schema: its columns.
        needs: columns that must not be blank in a trial that counts.

    Returns:
        The trials in order, with the columns of the schema.
    """
    columns = schema.read(trials)
    keys = np.column_stack([columns[key] for key in KEYS]).astype(np.int64)
    order = np.lexsort(keys.T[::-1])
    if not np.array_equal(order, np.arange(len(order))):
        keys = keys[order]
        columns = {name: values[order] for name, values in columns.items()}
    return TrialSequence(keys=keys, columns=columns, usable=counted(columns, needs))


def counted(columns: Columns, needs: Sequence[str] = ()) -> Flags:
    """(N,) whether each row counts: valid, free, with a choice and all needed columns.

    Args:
        columns: column -> (N,) its values.
        needs: columns that must not be blank in a trial that counts.
    """
    usable: Flags = np.equal(columns["valid"], 1) & np.equal(columns["forced"], 0)
    for name in ("choice", *needs):
        usable &= ~is_blank(columns[name])
    return usable


def check_something_counts(
    trials: pd.DataFrame, schema: TrialSchema, needs: Sequence[str], *, pairs: bool
) -> None:
    """Raise MetaRLError, in one sentence, where a table has nothing to analyse.

    Args:
        trials: trial table that the schema has checked.
        schema: its columns.
        needs: columns that must not be blank in a trial that counts.
        pairs: whether a trial is informative only if the one before it counts too.
    """
    columns = schema.read(trials)
    usable = counted(columns, needs)
    if not usable.any():
        raise MetaRLError(_nothing_counts(columns, needs))
    if not pairs:
        return
    keys = np.column_stack([np.asarray(columns[key], float) for key in KEYS])
    # Most tables are in order, and so have a pair without being sorted.
    if _pairs(keys, usable):
        return
    if not trial_sequence(trials, schema, needs).follows.any():
        raise MetaRLError(
            f"there is nothing to analyse: none of the {usable.sum()} trials that "
            "count follows another that counts in its subject, session and episode; "
            "number the trials so that trial goes up by 1 from each to the next"
        )


def _pairs(keys: Array, usable: Flags) -> bool:
    """Whether a row follows the one above it, and both count."""
    follows = (np.diff(keys, axis=0) == (0, 0, 0, 1)).all(axis=1)
    return bool((follows & usable[1:] & usable[:-1]).any())


def _nothing_counts(columns: Columns, needs: Sequence[str]) -> str:
    """The message on a table in which no trial counts."""
    reasons = {
        "not valid": ~np.equal(columns["valid"], 1),
        "forced": ~np.equal(columns["forced"], 0),
        "without a choice": is_blank(columns["choice"]),
        **{f"without {name}": is_blank(columns[name]) for name in needs},
    }
    listed = [f"{rows.sum()} {words}" for words, rows in reasons.items() if rows.any()]
    return (
        f"there is nothing to analyse: none of the {len(columns['valid'])} trials "
        f"counts ({', '.join(listed)}); a trial that counts is valid (1), not forced "
        f"(0), and has {' and '.join(('a choice', *needs))}"
    )


@dataclass(frozen=True, kw_only=True)
class EpisodeGrid:
    """Trials of E episodes, T places each."""

    episodes: pd.DataFrame
    """(E, ...) subject, session, episode, and the columns of whole episodes."""
    columns: Mapping[str, Array]
    """Name -> (E, T); NaN where the table is blank or there was no such trial."""

    def __getitem__(self, column: str) -> Array:
        """(E, T) one column."""
        return self.columns[column]

    @property
    def subject(self) -> Integers:
        """(E,) subject of each episode; in order."""
        return self.episodes["subject"].to_numpy(np.int64)

    def where(self, rows: Flags) -> "EpisodeGrid":
        """Some of the episodes, given (E,) flags."""
        columns = {name: values[rows] for name, values in self.columns.items()}
        episodes = self.episodes[rows].reset_index(drop=True)
        return EpisodeGrid(episodes=episodes, columns=columns)

    def assign(self, **columns: Array) -> "EpisodeGrid":
        """A copy with some (E, T) columns replaced or added."""
        return replace(self, columns={**self.columns, **columns})

    def iter_subjects(self) -> Iterator[tuple[int, "EpisodeGrid"]]:
        """Each subject with its episodes, in order."""
        for subject in np.unique(self.subject):
            yield int(subject), self.where(self.subject == subject)


def episode_grid(
    sequence: TrialSequence, columns: Sequence[str], by_episode: Sequence[str] = ()
) -> EpisodeGrid:
    """Lay trials out by episode and place in it.

    Args:
        sequence: trials in order.
        columns: columns of numbers to lay out.
        by_episode: columns that are the same in all trials of an episode.

    Returns:
        Episodes in the order of subject, session and number. A trial's place is that of
        `TrialSequence.aligned`; its choice is NaN where it does not count.

    Raises:
        MetaRLError: trial numbers leave so large gaps that the grid would be empty.
    """
    _check_gaps(sequence)
    values = {name: sequence[name] for name in columns}
    values["choice"] = np.where(sequence.usable, sequence["choice"], np.nan)
    laid = lay_out(sequence.episode_index, sequence.aligned, values)
    constant = {name: sequence.columns[name][sequence.starts] for name in by_episode}
    return EpisodeGrid(episodes=sequence.episodes.assign(**constant), columns=laid)


def _check_gaps(sequence: TrialSequence) -> None:
    cells = len(sequence.starts) * (int(sequence.aligned.max(initial=0)) + 1)
    if cells > MOST_CELLS and cells > SPARSEST * len(sequence.keys):
        row = int(np.argmax(np.diff(sequence.trial, prepend=sequence.trial[:1])))
        named = zip(KEYS, sequence.keys[row], strict=True)
        raise MetaRLError(
            "trial must go up by 1 from each trial of an episode to the next, got a "
            f"gap before {', '.join(f'{key} {value}' for key, value in named)}; number "
            "trials within subject, session and episode"
        )


def lay_out(
    row: Integers, place: Integers, columns: Mapping[str, Array]
) -> dict[str, Array]:
    """Columns as grids.

    Args:
        row: (N,) row of each value.
        place: (N,) its place in the row.
        columns: name -> (N,) values.

    Returns:
        Name -> (E, T) for the greatest row and place; NaN where there is no value.
    """
    shape = (int(row.max(initial=-1)) + 1, int(place.max(initial=-1)) + 1)
    laid = {}
    for name, values in columns.items():
        laid[name] = np.full(shape, np.nan)
        laid[name][row, place] = values
    return laid
