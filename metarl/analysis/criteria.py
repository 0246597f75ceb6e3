"""What networks must show, and when one has learned: one table for every task.

The table is `criteria.toml`: rules fixed in advance, each with its source or reason. A
result that a network without learning could show (a null, a control) counts only if the
same networks meet their task's learned criterion.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import resources
from types import MappingProxyType

import numpy as np
import pandas as pd

from metarl.core.checks import check_choice

SUMMARIES: Mapping[str, str] = MappingProxyType(
    {
        "mean": "mean",
        "median": "median",
        "lower": "lower end of the mean's 95 % interval",
        "upper": "upper end of the mean's 95 % interval",
        "lowest": "lowest",
        "highest": "highest",
    }
)
"""What one number can be said of all subjects -> in words."""


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """What a value must be; bounds that are not given do not bind."""

    low: float = -np.inf
    high: float = np.inf
    strict: bool = False
    """Whether the bounds themselves fail."""
    summary: str = "mean"
    """Which summary of the subjects it judges, one of SUMMARIES."""
    share_of: str = ""
    """The yardstick that the bounds are shares of, until `times` is told its value."""
    why: str = ""
    """Source or reason, in a sentence."""

    def __post_init__(self) -> None:
        """Refuse an unknown summary."""
        check_choice("summary", self.summary, SUMMARIES)

    def times(self, baseline: float) -> "Criterion":
        """The criterion in the unit of the yardstick, which is positive."""
        low, high = self.low * baseline, self.high * baseline
        return replace(self, low=low, high=high, share_of="")

    def holds(self, value: float) -> bool:
        """Whether the value is within the bounds; never for NaN."""
        if self.strict:
            return bool(self.low < value < self.high)
        return bool(self.low <= value <= self.high)

    def __str__(self) -> str:
        """As a table shows it."""
        mark = "" if self.strict else "="
        share = f" of {self.share_of}" if self.share_of else ""
        if np.isinf(self.high):
            return f">{mark} {self.low:g}{share}"
        if np.isinf(self.low):
            return f"<{mark} {self.high:g}{share}"
        return f"in [{self.low:g}, {self.high:g}]{share}"


@dataclass(frozen=True, kw_only=True)
class LearnedCriterion:
    """The least that a network which learned its task reaches."""

    statistic: str
    """Column of the analysis's table of subjects."""
    threshold: float
    """Least value, in the statistic's unit."""
    why: str
    """Where the threshold stands between chance and the optimum."""


_RULES = [
    (task, name, rule)
    for heading, rules in tomllib.loads(
        (resources.files("metarl.analysis") / "criteria.toml").read_text("utf-8")
    ).items()
    for task in heading.split(", ")
    for name, rule in rules.items()
]
LEARNED: Mapping[str, LearnedCriterion] = MappingProxyType(
    {task: LearnedCriterion(**rule) for task, name, rule in _RULES if name == "learned"}
)
"""Task -> learned criterion."""
CRITERIA: Mapping[str, Mapping[str, Criterion]] = MappingProxyType(
    {
        experiment: MappingProxyType(
            {
                name: Criterion(**rule)
                for task, name, rule in _RULES
                if task == experiment and name != "learned"
            }
        )
        for experiment in LEARNED
    }
)
"""Task -> name -> what its networks must show."""


def criteria_table() -> pd.DataFrame:
    """Every criterion in words, one row each: experiment, name, rule, why."""
    rows = []
    for task, least in LEARNED.items():
        enough = f"{least.statistic} >= {least.threshold:g}"
        rows.append((task, "learned", enough, least.why))
        rows += [
            (task, name, f"{SUMMARIES[rule.summary]} {rule}", rule.why)
            for name, rule in CRITERIA[task].items()
        ]
    return pd.DataFrame(rows, columns=["experiment", "name", "rule", "why"])


def learned_subjects(task: str, subjects: pd.DataFrame) -> "pd.Series[bool] | None":
    """Which subjects learned the task.

    Args:
        task: name in the catalogue.
        subjects: one row a subject, with the criterion's statistic as a column.

    Returns:
        True or False by subject; None for a task without a criterion.
    """
    criterion = LEARNED.get(task)
    if criterion is None:
        return None
    values = subjects.set_index("subject")[criterion.statistic]
    return values >= criterion.threshold
