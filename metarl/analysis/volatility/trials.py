"""The volatility trial table as arrays: an episode a row, a trial a column."""

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarl.analysis.data import READ_COLUMNS, check_columns
from metarl.analysis.schema import Array, Flags, Integers, check_codes, numbers
from metarl.core.checks import MetaRLError

TRIAL_COLUMNS = ("choice", "winner", "magnitude_left", "magnitude_right")
"""Columns that tell what was seen, done and learned in a trial."""
TRUTH_COLUMNS = ("volatility", "probability_left")
"""Columns that tell what the subject was not told."""
COLUMNS = (*READ_COLUMNS, *TRIAL_COLUMNS, *TRUTH_COLUMNS, "order")
"""Columns that the analysis needs."""
ORDERS = ("low-first", "high-first")
"""Test episodes: volatile in their second half, in their first."""
EPISODE_KEYS = ("subject", "session", "episode")
"""Columns that together name one episode."""


@dataclass(frozen=True, kw_only=True)
class TrialGrid:
    """Trials of E episodes, T places each; NaN where there was no such trial."""

    subject: Integers
    """(E,) whose episode it is."""
    episode: Integers
    """(E,) its number."""
    order: NDArray[np.object_]
    """(E,) low-first or high-first; empty where the episode is no test episode."""
    choice: Array
    """(E, T) 0 left, 1 right; NaN missing too."""
    winner: Array
    """(E, T) 0 left, 1 right."""
    magnitude_left: Array
    """(E, T) what left pays if it wins, in reward units."""
    magnitude_right: Array
    """(E, T) the same of right."""
    volatility: Array
    """(E, T) 0 stable, 1 volatile."""
    probability_left: Array
    """(E, T) chance that left wins, in [0, 1]."""

    def where(self, rows: Flags) -> "TrialGrid":
        """Some of the episodes, given (E,) flags."""
        return TrialGrid(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    def by_order(self) -> Iterator["TrialGrid"]:
        """The test episodes of each subject and order."""
        for subject in np.unique(self.subject):
            for order in ORDERS:
                rows = (self.subject == subject) & (self.order == order)
                if rows.any():
                    yield self.where(rows)


def trial_grid(trials: pd.DataFrame) -> TrialGrid:
    """Lay a trial table out by episode and trial.

    Args:
        trials: trial table, one row a trial, in any order of rows.

    Returns:
        The arrays that the analyses read; episodes sorted by subject and number.
    """
    check_volatility(trials)
    env_index = (
        trials.groupby(list(EPISODE_KEYS), sort=True).ngroup().to_numpy(np.int64)
    )
    place = numbers(trials, "trial").astype(np.int64)
    shape = (env_index.max(initial=-1) + 1, place.max(initial=-1) + 1)
    if np.bincount(env_index * shape[1] + place, minlength=1).max() > 1:
        raise MetaRLError(
            "each trial must have one row, got a trial number twice in an episode; "
            "number trials within subject, session and episode"
        )
    laid = {}
    for name in (*TRIAL_COLUMNS, *TRUTH_COLUMNS):
        laid[name] = np.full(shape, np.nan)
        laid[name][env_index, place] = numbers(trials, name)
    first = np.unique(env_index, return_index=True)[1]
    one = trials.iloc[first]
    return TrialGrid(
        subject=numbers(one, "subject").astype(np.int64),
        episode=numbers(one, "episode").astype(np.int64),
        order=one["order"].astype(object).where(one["order"].notna(), "").to_numpy(),
        **laid,
    )


def check_volatility(trials: pd.DataFrame) -> None:
    """Raise MetaRLError, in one sentence, unless the table is coded as documented."""
    check_columns(list(trials.columns), COLUMNS, "the volatility trial table")
    for column in ("choice", "winner", "volatility"):
        values = numbers(trials, column)
        coded = np.isnan(values) | np.isin(values, (0, 1))
        check_codes(values, coded, column, "0, 1 or blank")
    for column in ("magnitude_left", "magnitude_right", "probability_left"):
        values = numbers(trials, column)
        outside = values[(values < 0) | (values > 1)]
        if len(outside):
            raise MetaRLError(
                f"column {column} must be in [0, 1], got {outside[0]:g}; "
                "divide magnitudes by the largest there can be"
            )
    words = trials["order"]
    strange = words[~(words.isna() | (words == "") | words.isin(ORDERS))]
    if len(strange):
        raise MetaRLError(
            f"column order must be {', '.join(ORDERS)} or blank, "
            f"got {strange.iloc[0]!r}"
        )
