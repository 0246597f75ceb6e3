"""Tables of an analysis: a row per group, subject and point, and means over subjects.

Every table has a column `group`: MEASURED for the networks or animals, or the name of a
baseline or variant. n is always the number of subjects.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarl.analysis.data import ExperimentData
from metarl.analysis.statistics import (
    NO_BOUNDS,
    Bounds,
    known_standard_error,
    mean_interval,
)
from metarl.analysis.trials import TrialSequence
from metarl.core.names import unknown_name

ALL_SUBJECTS = "all subjects"
"""Label of the rows of a table that are of all subjects together."""
MEASURED = "measured"
"""Group of the measured networks or animals; others are named by baseline or
variant."""
Trials = TypeVar("Trials")
"""Trials of one group, as an analysis reads them."""


@dataclass(frozen=True)
class Measure:
    """A table with one row per group, subject and point, and its summary."""

    table: pd.DataFrame
    """The rows."""
    value: str
    """Column that is averaged over subjects."""
    keys: tuple[str, ...] = ()
    """Columns that name a point; with `group`, if the table has it, those that the
    summary keeps."""
    bounds: Bounds | Mapping[str, Bounds] = NO_BOUNDS
    """Least and greatest value; or, where rows are of several measures, those of each
    entry of the column `measure`, or else of the first key, without bounds if it is not
    named."""

    def summary(self) -> pd.DataFrame:
        """Mean over subjects and its 95 % interval, one row a group and point.

        Returns:
            group (if the table has it) and the keys, then mean, low, high (in the
            value's unit), n, subjects that have the number, and missing, those that
            have a row but no number.
        """
        group = ("group",) if "group" in self.table else ()
        return summarise(self.table, self.value, [*group, *self.keys], self.bounds)


class Tables(Mapping[str, pd.DataFrame]):
    """Every table of an analysis by name, and the summaries of those that have one."""

    def __init__(self, tables: Mapping[str, Measure | pd.DataFrame]) -> None:
        """Keep the tables; a summary is computed when it is first asked for."""
        self._tables = dict(tables)
        self._summaries: dict[str, pd.DataFrame] = {}

    def __getitem__(self, name: str) -> pd.DataFrame:
        """The rows of a table; raise UnknownNameError if there is none."""
        table = self._table(name)
        return table.table if isinstance(table, Measure) else table

    def _table(self, name: str) -> Measure | pd.DataFrame:
        if name not in self._tables:
            raise unknown_name("table", name, self._tables)
        return self._tables[name]

    def __iter__(self) -> Iterator[str]:
        """The names."""
        return iter(self._tables)

    def __len__(self) -> int:
        """Number of tables."""
        return len(self._tables)

    def summary(self, name: str) -> pd.DataFrame:
        """Means over subjects of a table that is a `Measure`: mean, low, high, n."""
        if name not in self._summaries:
            measure = self._table(name)
            if not isinstance(measure, Measure):
                raise KeyError(f"table {name!r} is not a Measure, so has no summary")
            self._summaries[name] = measure.summary()
        return self._summaries[name]

    def keys_of(self, name: str) -> tuple[str, ...] | None:
        """Columns that name a point of a table that is a `Measure`, else None."""
        measure = self._tables[name]
        return measure.keys if isinstance(measure, Measure) else None

    def value_of(self, name: str) -> str | None:
        """Column of a table's values if it is a `Measure`, else None."""
        measure = self._tables[name]
        return measure.value if isinstance(measure, Measure) else None

    def of_subjects(self, subjects: Collection[int]) -> "Tables":
        """The tables with only some of the measured subjects; others are unchanged."""
        kept = list(subjects)
        tables: dict[str, Measure | pd.DataFrame] = {}
        for name, measure in self._tables.items():
            rows = _rows_of(self[name], kept)
            if isinstance(measure, Measure):
                tables[name] = replace(measure, table=rows)
            else:
                tables[name] = rows
        return Tables(tables)

    def replace(self, **tables: Measure | pd.DataFrame) -> "Tables":
        """A copy with some tables replaced."""
        return Tables({**self._tables, **tables})


def _rows_of(table: pd.DataFrame, subjects: list[int]) -> pd.DataFrame:
    """A table without the rows of measured subjects other than these."""
    if "subject" not in table:
        return table
    others = ~table["subject"].isin(subjects)
    if "group" in table:
        others &= table["group"] == MEASURED
    return table[~others]


def trials_by_group(data: ExperimentData) -> dict[str, pd.DataFrame]:
    """Trial tables by group: the measured subjects first, then each baseline."""
    return {MEASURED: data.trials, **data.baselines}


def by_group(
    groups: Mapping[str, Trials], measure: Callable[[Trials], pd.DataFrame]
) -> pd.DataFrame:
    """One table of every group, with the group as the first column."""
    return stack(({"group": name}, measure(trials)) for name, trials in groups.items())


def stack(
    frames: Iterable[tuple[Mapping[str, Any], pd.DataFrame]],
    columns: Sequence[str] = (),
) -> pd.DataFrame:
    """Tables below each other, each with columns in front that name it.

    Args:
        frames: columns in front (name -> value), and a table. One without rows is left
            out where another has some.
        columns: columns of the result where there is no table.
    """
    named = [table.assign(**names)[[*names, *table]] for names, table in frames]
    full = [table for table in named if len(table)] or named[:1]
    if not full:
        return pd.DataFrame(columns=list(columns))
    return pd.concat(full, ignore_index=True)


def select_group(table: pd.DataFrame, name: str = MEASURED) -> pd.DataFrame:
    """The rows of one group."""
    return table[table["group"] == name]


def baseline_names(table: pd.DataFrame) -> list[str]:
    """Groups of a table that are not the measured subjects."""
    return [str(name) for name in table["group"].unique() if name != MEASURED]


def rows_at(table: pd.DataFrame, **values: object) -> pd.DataFrame:
    """The rows in which these columns hold these values."""
    for column, value in values.items():
        table = table[table[column] == value]
    return table


def in_order(
    table: pd.DataFrame, keys: Sequence[str], points: Sequence[object]
) -> pd.DataFrame:
    """The rows of some points, in their order; NaN where a point has no row."""
    index: str | list[str] = keys[0] if len(keys) == 1 else list(keys)
    return table.set_index(index).reindex(list(points))


def subject_values(table: pd.DataFrame, column: str) -> "pd.Series[float]":
    """A column as one number a subject, by subject."""
    values: pd.Series[float] = table.set_index("subject")[column].astype(float)
    return values


def measured_subjects(tables: Tables) -> NDArray[np.int64]:
    """The measured subjects, in the order of the table of subjects."""
    subjects: NDArray[np.int64] = select_group(tables["subjects"])["subject"].to_numpy(
        np.int64
    )
    return subjects


def thin(table: pd.DataFrame, most: int) -> pd.DataFrame:
    """Evenly spaced rows of a table, at most so many."""
    return table.iloc[:: max(1, -(-len(table) // most))]


def group_mean(table: pd.DataFrame, group: str, column: str) -> float | None:
    """Mean of a column over a group's subjects; None without such a group."""
    rows = select_group(table, group)
    return float(rows[column].mean()) if len(rows) else None


def summarise(
    table: pd.DataFrame,
    value: str,
    by: Sequence[str],
    bounds: Bounds | Mapping[str, Bounds] = NO_BOUNDS,
) -> pd.DataFrame:
    """Mean over subjects and its 95 % interval, one row for each group.

    Args:
        table: one row a subject and group.
        value: column that is averaged over the subjects that have a number.
        by: columns that name a group.
        bounds: of the value, or of each entry of the column `measure`, or else of the
            first column of `by` that is not `group`.

    Returns:
        The columns of `by`, then mean, low, high (unit of the value), n, subjects with
        a number, and missing, those without one; in the order of `in_key_order`.
    """
    rows = []
    for group, part in table.groupby(list(by), sort=False):
        interval = mean_interval(part[value], _bounds_of(part, by, bounds))
        rows.append((*group, *interval, len(part) - interval.n))
    columns = [*by, "mean", "low", "high", "n", "missing"]
    return in_key_order(pd.DataFrame(rows, columns=columns), by)


def in_key_order(table: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Rows by their keys: numbers ascend, words stay in the order of their first row.

    A point that the first subject lacks is first met in a later subject: in the order
    of the rows it would come last, and a line through the points would run back.
    """
    if table.empty:
        return table
    ranks = [
        table[key] if pd.api.types.is_numeric_dtype(table[key]) else _first(table[key])
        for key in reversed(list(keys))
    ]
    return table.iloc[np.lexsort(ranks)].reset_index(drop=True)


def _first(words: "pd.Series[Any]") -> NDArray[np.int64]:
    """(N,) place of each word among the words, by their first rows."""
    return pd.factorize(words, use_na_sentinel=False)[0].astype(np.int64)


def _bounds_of(
    part: pd.DataFrame, by: Sequence[str], bounds: Bounds | Mapping[str, Bounds]
) -> Bounds:
    """Bounds of one point's values."""
    if isinstance(bounds, Bounds):
        return bounds
    named = next(k for k in ("measure", *by) if k in part and k != "group")
    return bounds.get(str(part[named].iloc[0]), NO_BOUNDS)


def with_all_subjects(
    table: pd.DataFrame, keys: Sequence[str], value: str = "value"
) -> pd.DataFrame:
    """A table of labelled subjects with their means, as rows of `all subjects`, first.

    Args:
        table: one row a subject and point, with its label.
        keys: columns that name a point.
        value: column that is averaged over the subjects that have a number.

    Returns:
        The rows, with error (standard error over subjects), n (subjects) and over
        ("subjects") for all of them together.
    """
    cells = table.groupby(list(keys), sort=False, dropna=False)[value]
    means = cells.agg(["mean", known_standard_error, "count"]).reset_index()
    means.columns = pd.Index([*keys, value, "error", "n"])
    means = in_key_order(means, keys)
    means = means.assign(label=ALL_SUBJECTS, over="subjects")
    order = [*table, *(name for name in ("error", "n", "over") if name not in table)]
    return pd.concat([means, table], ignore_index=True)[order]


def missing_words(missing: int, count: int) -> str:
    """Sentence part on subjects without a number: "1 of 9 has no number"."""
    return f"{missing} of {count} {'has' if missing == 1 else 'have'} no number"


def subject_rewards(trials: TrialSequence) -> pd.DataFrame:
    """Rewards of each subject.

    Returns:
        One row a subject: subject, trials (rows of the table, those that are not valid,
        free or answered too), reward_per_100 (reward units per 100 of those in which
        the reward is given, penalties included), reward_per_100_counted (the same of
        the trials that count), counted, their number, and invalid_fraction (of all
        trials, in [0, 1]).
    """
    columns = {"reward": trials["reward"], "valid": trials["valid"]}
    counted = np.where(trials.usable, trials["reward"], np.nan)
    rows = pd.DataFrame({**columns, "counted": counted, "usable": trials.usable})
    by_subject = rows.groupby(trials.subject, sort=True)
    table = pd.DataFrame(
        {
            "trials": by_subject.size(),
            "reward_per_100": 100 * by_subject["reward"].mean(),
            "reward_per_100_counted": 100 * by_subject["counted"].mean(),
            "counted": by_subject["usable"].sum(),
            "invalid_fraction": 1 - by_subject["valid"].mean(),
        }
    )
    return table.rename_axis("subject").reset_index()


def subject_labels(data: ExperimentData) -> dict[int, str]:
    """Subject -> its own name, or its number where it has none."""
    subjects = sorted(int(k) for k in data.trials["subject"].unique())
    return {k: data.names.get(k, f"subject {k}") for k in subjects}


def behaviour_rows(
    values: pd.DataFrame, labels: Mapping[int, str], *, points: Sequence[str] = ()
) -> pd.DataFrame:
    """Numbers of subjects as rows of `behaviour`: all of them together, then each.

    Args:
        values: one row a subject, quantity and point: subject, quantity, the points,
            value, and n, the trials behind it.
        labels: subject -> its name.
        points: columns that name a point of a quantity.

    Returns:
        label ("all subjects", or a name), quantity, the points, value, error (standard
        error of the mean over subjects; blank for one subject), n, and over, what n
        counts: subjects with a number, or trials.
    """
    keys = ["quantity", *points]
    cells = values.groupby(keys, sort=False, dropna=False)["value"]
    together = cells.agg(
        value="mean", error=known_standard_error, n="count"
    ).reset_index()
    together = in_key_order(together, keys)
    each = values.assign(label=values["subject"].map(dict(labels)), over="trials")
    table = pd.concat(
        [together.assign(label="all subjects", over="subjects"), each],
        ignore_index=True,
    )
    columns = ["label", *keys, "value", "error", "n", "over"]
    return table[columns].astype({"n": "Int64"})


def subject_rows(
    subjects: pd.DataFrame, columns: Sequence[str], count: str
) -> pd.DataFrame:
    """Columns of a table of subjects as `behaviour_rows` takes them.

    Args:
        subjects: one row a subject.
        columns: its quantities.
        count: column of the trials behind each number.
    """
    long = subjects.melt(["subject", count], list(columns), "quantity", "value")
    return long.rename(columns={count: "n"})[["subject", "quantity", "value", "n"]]
