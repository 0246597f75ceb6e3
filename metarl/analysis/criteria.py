"""When a network counts as having learned its task: one table for every task.

Fixed in advance, between chance and the best possible. A result that a network without
learning could show (a null, a control) counts only if the same networks meet it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import pandas as pd


@dataclass(frozen=True, kw_only=True)
class LearnedCriterion:
    """The least that a network which learned its task reaches."""

    statistic: str
    """Column of the analysis's table of subjects."""
    threshold: float
    """Least value, in the statistic's unit."""
    why: str
    """Where the threshold stands between chance and the optimum."""


LEARNED: Mapping[str, LearnedCriterion] = MappingProxyType(
    {
        "two-step": LearnedCriterion(
            statistic="reward_per_100",
            threshold=65.0,
            why="chance earns 50, a Bayes-greedy planner 70.5",
        ),
    }
)
"""Task -> learned criterion."""


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
