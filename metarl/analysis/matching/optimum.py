"""Exact expected rewards of three baselines, in the episodes of a table.

Random; matching, the best probability that never changes; and rich-then-poor, the best
number of rich choices before each poor one. The last two know the base probabilities.
These are expected values for the same episodes as a subject's, so that a small
difference from them can be distinguished from chance.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from metarl.analysis.schema import Array, Integers

PROBABILITY_SUM = 0.5
"""Sum of the base probabilities of both options where no parameter gives it."""
LONGEST_RUN = 100
"""Largest number of rich choices in a row."""
BASELINES = ("random", "matching", "rich_then_poor")
"""Baselines, from the lowest to the highest reward."""


def probability_sum(parameters: Mapping[str, object]) -> float:
    """Sum of the base probabilities of both options, given a task's parameters."""
    return float(str(parameters.get("probability_sum", PROBABILITY_SUM)))


def expected_rewards(
    p0_left: Array, trials: Integers, total: float = PROBABILITY_SUM
) -> pd.DataFrame:
    """Expected rewards of whole episodes.

    Args:
        p0_left: (E,) base probability of left, in [0, total]; NaN where not known.
        trials: (E,) number of trials.
        total: sum of the base probabilities of left and right, in [0, 1].

    Returns:
        One row an episode, one column for each of BASELINES, in rewards.
    """
    base = np.stack([p0_left, total - p0_left], axis=1)
    even = np.full_like(base, 0.5)
    return pd.DataFrame(
        {
            "random": _fixed_probability(base, even, trials),
            "matching": _fixed_probability(base, matching_probabilities(base), trials),
            "rich_then_poor": _cycle(base, best_run(base), trials),
        }
    )


def matching_probabilities(base: Array) -> Array:
    """(E, 2) best constant probabilities of choosing left and right.

    An option with base probability p that is chosen with probability q rewards a share
    p / (p + q - p q) of its choices in the long run; q is best where this share is
    equal for both options, which is where

        q left / q right = odds(p left) / odds(p right).
    """
    sure = base == 1
    odds = np.divide(base, 1 - base, out=np.zeros_like(base), where=~sure)
    odds[sure.any(axis=1)] = sure[sure.any(axis=1)]
    sums = odds.sum(axis=1, keepdims=True)
    even = np.full_like(base, 0.5)
    probabilities: Array = np.divide(odds, sums, out=even, where=sums != 0)
    return probabilities


def _fixed_probability(base: Array, choice: Array, trials: Integers) -> Array:
    """(E,) rewards of choosing with fixed probabilities, summed over each episode.

    The probability that an option is empty is set to 1 by a choice of it, and every
    trial then multiplies it by 1 - base. Choices do not depend on it, so its mean obeys
    the same rule.
    """
    empty, total = 1 - base, np.zeros(len(base))
    for trial in range(trials.max(initial=0)):
        reward = (choice * (1 - empty)).sum(axis=1)
        total += np.where(trial < trials, reward, 0.0)
        empty = (choice + (1 - choice) * empty) * (1 - base)
    return total


def best_run(base: Array) -> Integers:
    """(E,) best number of rich choices in a row in the long run, at least 1.

    The reward of a cycle of k rich choices and a poor one is, over k + 1 trials,

        1 - (1 - rich)^2 + (k - 1) rich + 1 - (1 - poor)^(k + 1).
    """
    run = np.arange(1, LONGEST_RUN + 1)
    rich, poor = base.max(axis=1, keepdims=True), base.min(axis=1, keepdims=True)
    reward = 1 - (1 - rich) ** 2 + (run - 1) * rich + 1 - (1 - poor) ** (run + 1)
    best: Integers = 1 + np.argmax(reward / (run + 1), axis=1)
    return best


def _cycle(base: Array, run: Integers, trials: Integers) -> Array:
    """(E,) rewards of cycles of `run` rich choices and then a poor one."""
    rich, poor = base.max(axis=1), base.min(axis=1)
    total = np.zeros(len(base))
    for trial in range(trials.max(initial=0)):
        at = trial % (run + 1)
        after_poor = (at == 0) & (trial > 0)
        rich_reward = np.where(after_poor, 1 - (1 - rich) ** 2, rich)
        reward = np.where(at == run, 1 - (1 - poor) ** (run + 1), rich_reward)
        total += np.where(trial < trials, reward, 0.0)
    return total
