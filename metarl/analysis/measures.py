"""Groups of subjects side by side: those measured, and each reference strategy.

Every table of an analysis has a column `group`: MEASURED for the networks or animals,
or the name of a strategy. n is always the number of subjects.
"""

from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from metarl.analysis.data import ExperimentData
from metarl.analysis.statistics import mean_interval

MEASURED = "measured"
"""Group of the networks or animals, beside the reference strategies' names."""

Tables = Mapping[str, pd.DataFrame]


def trials_by_group(source: ExperimentData) -> dict[str, pd.DataFrame]:
    """Trial tables by group: the measured subjects first, then each strategy."""
    return {MEASURED: source.trials, **source.baselines}


def by_group(
    groups: Mapping[str, pd.DataFrame], analyse: Callable[[pd.DataFrame], pd.DataFrame]
) -> pd.DataFrame:
    """One analysis of every group, with the group as the first column."""
    parts = []
    for name, trials in groups.items():
        part = analyse(trials)
        part.insert(0, "group", name)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def select_group(table: pd.DataFrame, name: str = MEASURED) -> pd.DataFrame:
    """The rows of one group."""
    return table[table["group"] == name]


def baseline_names(table: pd.DataFrame) -> list[str]:
    """The groups of a table that are strategies."""
    return [str(name) for name in table["group"].unique() if name != MEASURED]


def by_subject(table: pd.DataFrame, column: str) -> "pd.Series[float]":
    """A column as one number a subject, by subject."""
    values: pd.Series[float] = table.set_index("subject")[column].astype(float)
    return values


def summarise(table: pd.DataFrame, value: str, by: Sequence[str]) -> pd.DataFrame:
    """Mean over subjects and its 95 % interval, one row for each group.

    Returns:
        The columns of `by`, then mean, low, high (unit of the value) and n, subjects.
    """
    rows = [
        (*group, *mean_interval(part))
        for group, part in table.groupby(list(by), sort=False)[value]
    ]
    return pd.DataFrame(rows, columns=[*by, "mean", "low", "high", "n"])


def subject_labels(trials: pd.DataFrame) -> dict[int, str]:
    """Subject -> its name: the animal column where there is one, or its number."""
    if "animal" not in trials:
        return {int(k): f"subject {k}" for k in sorted(trials["subject"].unique())}
    named = trials.drop_duplicates("subject")
    names = zip(named["subject"], named["animal"], strict=True)
    return {int(subject): str(name) for subject, name in names}


def label_table(trials: pd.DataFrame) -> pd.DataFrame:
    """One row a subject: subject, label."""
    return pd.DataFrame(
        list(subject_labels(trials).items()), columns=["subject", "label"]
    )


def about_table(source: ExperimentData, *, scored: bool) -> pd.DataFrame:
    """What the tables are about, in one row.

    Returns:
        task, subjects_are, discount, scored (the criteria apply: networks, on the task
        and the test they were fixed for), expected (subjects there should be).
    """
    return pd.DataFrame(
        {
            "task": [source.task],
            "subjects_are": [source.subjects_are],
            "discount": [source.discount],
            "scored": [scored],
            "expected": [source.expected],
        }
    )
