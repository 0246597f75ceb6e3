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
        "risky-choice": LearnedCriterion(
            statistic="risk_sensitivity",
            threshold=20.0,
            why="chance has 0, a Bayes-optimal chooser 79 percentage points",
        ),
        "volatility": LearnedCriterion(
            statistic="reward_per_trial",
            threshold=0.32,
            why="chance earns .250, the larger magnitude .298, who knows chances .388",
        ),
        "reversal": LearnedCriterion(
            statistic="p_better",
            threshold=0.65,
            why="chance chooses the better option at .50, an ideal observer at .93",
        ),
        "informative-arm": LearnedCriterion(
            statistic="reward_per_episode",
            threshold=15.0,
            why="chance earns 6.6, the best without asking 11, asking first 20.55",
        ),
        "restless-bandit": LearnedCriterion(
            statistic="regret_saved",
            threshold=0.4,
            why="chance saves nothing, a Bayes-greedy planner .74",
        ),
        "inferred-value": LearnedCriterion(
            statistic="experienced_of_ideal",
            threshold=0.25,
            why="a critic that learned nothing has 0, an observer that infers has 1",
        ),
        "bandit": LearnedCriterion(
            statistic="regret_saved",
            threshold=0.6,
            why="chance saves none of its regret, the optimum .895, Thompson .83",
        ),
        "matching": LearnedCriterion(
            statistic="efficiency_held_in",
            threshold=0.6,
            why="chance has 0, strict alternation .43, win-stay-lose-shift .48, exact "
            "matching .80, the best 1",
        ),
        "harlow-line": LearnedCriterion(
            statistic="second_trial",
            threshold=0.85,
            why="chance has .50, a rule on one side alone .75, who remembers 1",
        ),
        "harlow": LearnedCriterion(
            statistic="second_trial",
            threshold=0.85,
            why="chance has .50, a rule on one side alone .75, who remembers 1",
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
