"""Every measure of an experiment as one row a subject."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from metarl.analysis.measures import Tables, select_group
from metarl.analysis.schema import TrialSchema, shown

SUBJECTS = "subjects"
"""Table with one row a subject; its columns keep their names."""
MOST_POINTS = 40
"""Points above which a table is a curve, which is not laid out in columns."""
LEFT_OUT = ("label", "group")
"""Columns that name subjects and groups."""


class BySubject(NamedTuple):
    """Measures of each measured subject."""

    measures: pd.DataFrame
    """One row a subject, by its number; a column a measure."""
    curves: pd.DataFrame
    """Tables of more than MOST_POINTS points: table, subject, then their columns."""
    counts: frozenset[str]
    """Columns of `measures` that are numbers of trials or the like, or settings."""


def measures_by_subject(tables: Tables, schema: TrialSchema) -> BySubject:
    """Lay out every table of the measured subjects in columns.

    A column is named by its table, the point and, unless it is the table's value, the
    column there, as "stays.rewarded.common" and "stays.rewarded.common.pairs". One that
    is the same at all points of each subject appears once, as "lags.trials". Columns
    without any number are left out.

    Args:
        tables: every table of the analysis.
        schema: gives names to codes, as rewarded for a reward of 1.
    """
    wide: list[pd.DataFrame] = []
    curves: list[pd.DataFrame] = []
    values: set[str] = set()
    for name, table, keys in _tables(tables):
        numeric = _numeric(table, keys)
        if keys and len(table[list(keys)].drop_duplicates()) > MOST_POINTS:
            curves.append(numeric.assign(table=name))
            continue
        laid, own = _laid_out(name, numeric, keys, tables.value_of(name), schema)
        wide.append(laid)
        values |= own
    everyone = pd.concat(wide, axis="columns") if wide else pd.DataFrame()
    known = everyone.dropna(axis="columns", how="all")
    known = known.loc[:, ~known.columns.duplicated()]
    long = pd.concat(curves, ignore_index=True) if curves else pd.DataFrame()
    ordered = [
        *("table", "subject"),
        *(k for k in long if k not in ("table", "subject")),
    ]
    return BySubject(
        measures=known.rename_axis("subject"),
        curves=long[ordered] if curves else long,
        counts=frozenset(map(str, known.columns)) - values,
    )


def _tables(tables: Tables) -> Iterator[tuple[str, pd.DataFrame, tuple[str, ...]]]:
    """Tables of the measured subjects with the columns that name a point of each."""
    for name in sorted(tables, key=lambda name: name != SUBJECTS):
        table = tables[name]
        if not {"group", "subject"} <= set(table.columns):
            continue
        own = select_group(table)
        keys = tables.keys_of(name)
        if keys is None:
            keys = tuple(
                str(column)
                for column in own
                if column not in ("subject", *LEFT_OUT)
                and not pd.api.types.is_numeric_dtype(own[column])
            )
        if len(own) and not own.duplicated(["subject", *keys]).any():
            yield name, own, keys


def _numeric(table: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """The subject, the keys, and the columns of numbers."""
    columns = [
        name
        for name in table
        if name in ("subject", *keys)
        or (name not in LEFT_OUT and pd.api.types.is_numeric_dtype(table[name]))
    ]
    return table[columns]


def _laid_out(
    name: str,
    table: pd.DataFrame,
    keys: Sequence[str],
    value: str | None,
    schema: TrialSchema,
) -> tuple[pd.DataFrame, set[str]]:
    """One row a subject, and the columns that are measures rather than counts."""
    prefix = "" if name == SUBJECTS else f"{name}."
    columns = [str(name) for name in table if name not in ("subject", *keys)]
    if not keys:
        own = table.set_index("subject").rename(columns=lambda c: f"{prefix}{c}")
        return own.astype(float), {
            f"{prefix}{c}" for c in columns if _is_value(table[c])
        }
    parts: dict[str, pd.Series[float]] = {}
    values: set[str] = set()
    by_subject = table.groupby("subject")
    same = [c for c in columns if c != value and _is_same(by_subject[c])]
    for point, rows in table.groupby(list(keys), sort=False, dropna=False):
        place = ".".join(map(_word, keys, point, [schema] * len(keys)))
        at = rows.set_index("subject")
        for column in columns:
            if column in same:
                continue
            full = f"{prefix}{place}" + ("" if column == value else f".{column}")
            parts[full] = at[column].astype(float)
            if column == value or _is_value(table[column]):
                values.add(full)
    parts |= {f"{prefix}{c}": by_subject[c].first().astype(float) for c in same}
    return pd.DataFrame(parts), values


def _is_same(cells: "pd.api.typing.SeriesGroupBy[Any, Any]") -> bool:
    """Whether a column is one number a subject, at each of several points."""
    return bool((cells.nunique(dropna=False) == 1).all() and (cells.size() > 1).any())


def _is_value(cells: "pd.Series[Any]") -> bool:
    """Whether a column holds measures: fractions, not whole numbers or flags."""
    return pd.api.types.is_float_dtype(cells) and str(cells.name) != "ridge"


def _word(key: str, code: object, schema: TrialSchema) -> str:
    """A point's place along one key: a code's name, a word, or key and number."""
    column = schema.columns.get(key)
    named = dict(column.names).get(code, "") if column is not None else ""  # type: ignore[call-overload]
    if named:
        return named.replace(" ", "_")
    if isinstance(code, str):
        return code.replace(", ", "_").replace(" ", "_")
    return f"{key}_{shown(code)}"


def with_names(table: pd.DataFrame, names: Mapping[int, str]) -> pd.DataFrame:
    """A table with `name`, a subject's own name, in place of `subject`, its number."""
    named = table["subject"].map(dict(names))
    rest = table.drop(columns="subject")
    rest.insert(0, "name", named)
    return rest


def session_units(trials: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Trials in which each session of each subject is a subject.

    Returns:
        The trials, and one row a unit: unit (its number), subject and session.
    """
    keys = ["subject", "session"]
    units = trials[keys].drop_duplicates().sort_values(keys).reset_index(drop=True)
    number = trials.groupby(keys, sort=True).ngroup().to_numpy(np.int64)
    return trials.assign(subject=number), units.rename_axis("unit").reset_index()
