"""What three fixed ways of choosing would earn, exactly, in the episodes of a table.

Random; matching, the best probability that never changes; and rich-then-poor, the best
number of rich choices before each poor one. The last two know the base chances. No luck
is in these numbers, and they are of the very episodes that a subject met, so that a
small difference from them can be told from chance.
"""

import numpy as np
import pandas as pd

from metarl.analysis.schema import Array, Integers

TOTAL_CHANCE = 0.5
"""Sum of the two arms' base chances."""
LONGEST_RUN = 100
"""Most rich choices in a row that are considered."""
CHOOSERS = ("random", "matching", "rich_then_poor")
"""Ways of choosing, from the least to the most that is earned."""


def expected_rewards(p0_left: Array, trials: Integers) -> pd.DataFrame:
    """Rewards expected of whole episodes.

    Args:
        p0_left: (E,) base chance of left, in [0, TOTAL_CHANCE]; NaN where not known.
        trials: (E,) number of trials.

    Returns:
        One row an episode, one column for each of CHOOSERS, in rewards.
    """
    base = np.stack([p0_left, TOTAL_CHANCE - p0_left], axis=1)
    even = np.full_like(base, 0.5)
    return pd.DataFrame(
        {
            "random": _by_chance(base, even, trials),
            "matching": _by_chance(base, matching_chances(base), trials),
            "rich_then_poor": _by_run(base, best_run(base), trials),
        }
    )


def matching_chances(base: Array) -> Array:
    """(E, 2) chances of choosing left and right that earn most, if they never change.

    A choice of an arm with base chance p, made with chance q, brings p / (p + q - p q)
    in the long run; q is best where both arms bring the same, which is where

        q left / q right = odds(p left) / odds(p right).
    """
    odds = base / (1 - base)
    chances: Array = odds / odds.sum(axis=1, keepdims=True)
    return chances


def _by_chance(base: Array, chances: Array, trials: Integers) -> Array:
    """(E,) rewards of choosing with fixed chances, summed over each episode.

    An arm is empty with a chance that a choice sets back to 1 and each trial then
    multiplies by 1 - base; choices do not look at it, so its mean obeys the same rule.
    """
    empty, total = 1 - base, np.zeros(len(base))
    for trial in range(trials.max(initial=0)):
        paid = (chances * (1 - empty)).sum(axis=1)
        total += np.where(trial < trials, paid, 0.0)
        empty = (chances + (1 - chances) * empty) * (1 - base)
    return total


def best_run(base: Array) -> Integers:
    """(E,) rich choices in a row that earn most in the long run, at least 1.

    A cycle of k rich choices and a poor one pays, over k + 1 trials,

        1 - (1 - rich)^2 + (k - 1) rich + 1 - (1 - poor)^(k + 1).
    """
    run = np.arange(1, LONGEST_RUN + 1)
    rich, poor = base.max(axis=1, keepdims=True), base.min(axis=1, keepdims=True)
    paid = 1 - (1 - rich) ** 2 + (run - 1) * rich + 1 - (1 - poor) ** (run + 1)
    best: Integers = 1 + np.argmax(paid / (run + 1), axis=1)
    return best


def _by_run(base: Array, run: Integers, trials: Integers) -> Array:
    """(E,) rewards of such cycles, from the first rich choice on."""
    rich, poor = base.max(axis=1), base.min(axis=1)
    total = np.zeros(len(base))
    for trial in range(trials.max(initial=0)):
        at = trial % (run + 1)
        after_poor = (at == 0) & (trial > 0)
        rich_paid = np.where(after_poor, 1 - (1 - rich) ** 2, rich)
        paid = np.where(at == run, 1 - (1 - poor) ** (run + 1), rich_paid)
        total += np.where(trial < trials, paid, 0.0)
    return total
