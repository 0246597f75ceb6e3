"""Columns of a trial table as arrays: an episode a row, a trial a column."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarl.analysis.columns import Array, Integers, numbers
from metarl.core.checks import MetaRLError

KEYS = ("subject", "session", "episode")
"""Columns that together name one episode."""


@dataclass(frozen=True, kw_only=True)
class EpisodeGrid:
    """Trials of E episodes, T places each."""

    subject: Integers
    """(E,) whose episode it is; in order."""
    columns: Mapping[str, Array]
    """Name -> (E, T); NaN where the table is blank or there was no such trial."""

    def __getitem__(self, column: str) -> Array:
        """(E, T) one column."""
        return self.columns[column]

    def where(self, rows: NDArray[np.bool_]) -> "EpisodeGrid":
        """Some of the episodes, given (E,) flags."""
        kept = {name: values[rows] for name, values in self.columns.items()}
        return EpisodeGrid(subject=self.subject[rows], columns=kept)

    def by_subject(self) -> Iterator[tuple[int, "EpisodeGrid"]]:
        """Each subject with its episodes, in order."""
        for subject in np.unique(self.subject):
            yield int(subject), self.where(self.subject == subject)


def episode_grid(
    trials: pd.DataFrame, columns: Mapping[str, NDArray[np.generic]]
) -> EpisodeGrid:
    """Lay columns out by episode and trial.

    Args:
        trials: trial table, one row a trial, in any order.
        columns: name -> (N,) a number for each row of the table.

    Returns:
        Episodes in the order of subject, session and number.

    Raises:
        MetaRLError: a trial has two rows.
    """
    env_index = trials.groupby(list(KEYS), sort=True).ngroup().to_numpy(np.int64)
    place = numbers(trials, "trial").astype(np.int64)
    shape = (int(env_index.max(initial=-1)) + 1, int(place.max(initial=-1)) + 1)
    subject = np.zeros(shape[0], np.int64)
    subject[env_index] = numbers(trials, "subject")
    cells = env_index * shape[1] + place
    filled = np.bincount(cells, minlength=shape[0] * shape[1])
    if filled.max(initial=0) > 1:
        row = int(np.argmax(filled[cells] > 1))
        named = ", ".join(f"{key} {trials[key].iloc[row]}" for key in (*KEYS, "trial"))
        raise MetaRLError(f"each trial must have one row, got {named} more than once")
    laid = {}
    for name, values in columns.items():
        grid = np.full(shape[0] * shape[1], np.nan)
        grid[cells] = values
        laid[name] = grid.reshape(shape)
    return EpisodeGrid(subject=subject, columns=laid)


def grouped_grids(
    grids: Mapping[str, EpisodeGrid], analyse: Callable[[EpisodeGrid], pd.DataFrame]
) -> pd.DataFrame:
    """One analysis of every group's grid, with the group as the first column."""
    parts = []
    for name, grid in grids.items():
        part = analyse(grid)
        part.insert(0, "group", name)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)
