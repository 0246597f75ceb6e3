"""Published results of animals, people and the paper's networks.

The folder `reference` of each experiment holds them as CSV tables, all in one tidy
format with one value a row:

    measure             measured quantity, by its name in the analysis
    (key columns)       point of the measure, by the columns of the tables
    value, error        in the unit of the measure; a blank error is not known
    error_type          kind of error, as "SEM over sessions"
    n                   subjects behind the value
    kind, label         animal, human, paper or baseline; name for a legend
    study               citation
    source_location     place in the study, or released file
    how, origin, confidence   how the value was obtained, where known
"""

from functools import cache
from importlib import resources

import pandas as pd

from metarl.analysis.data import check_columns

SHARED_COLUMNS = (
    "measure",
    "value",
    "error",
    "error_type",
    "n",
    "kind",
    "label",
    "study",
    "source_location",
)
"""Columns of every reference table."""


def read_reference(package: str, name: str) -> pd.DataFrame:
    """A reference table of an experiment, as a copy that a caller may change.

    Args:
        package: import path of the experiment's folder.
        name: name of the table, without its ending.
    """
    return _read(package, name).copy()


@cache
def _read(package: str, name: str) -> pd.DataFrame:
    file = resources.files(package) / "reference" / f"{name}.csv"
    with file.open(encoding="utf-8") as opened:
        table = pd.read_csv(opened)
    check_columns(list(table.columns), SHARED_COLUMNS, f"reference table {name}")
    return table


def reference_value(table: pd.DataFrame, **at: object) -> float | None:
    """The one value at which these columns hold these values; None without such a row.

    Raises:
        ValueError: there are several.
    """
    for column, value in at.items():
        table = table[table[column] == value]
    if len(table) > 1:
        raise ValueError(f"there must be one published value at {at}, got {len(table)}")
    return float(table["value"].iloc[0]) if len(table) else None
