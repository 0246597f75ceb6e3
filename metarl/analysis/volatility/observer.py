"""The Bayesian observer: how volatile the world must be, given who won so far.

It knows the training schedule and watches the winners of an episode. Each trial is
volatile or stable. While stable, the better arm wins with a chance of .75; while
volatile, it always wins, and the arms swap with a chance of .2 after a trial. Whether
it is volatile changes with a chance per trial that an episode draws, log-uniformly.

Source: Wang et al. 2018, Nat Neurosci 21:860, Simulation 2, Methods; the observer after
Behrens et al. 2007, Nat Neurosci 10:1214.
Declared: the posterior is exact on a grid of chances of change; the estimate is the
chance that the trial is volatile, which is the posterior mean volatility over .2.
"""

from typing import NamedTuple

import numpy as np

from metarl.analysis.schema import Array

CHANCES = np.array([[0.25, 0.75], [0.0, 1.0]])
"""Chance that left wins: stable or volatile, with right or left the better arm."""
SWAP = 0.2
"""Chance per volatile trial that the arms then swap."""
LOG_CHANGE = (-4.5, -3.5)
"""Bounds of the logarithm of the chance per trial that volatility changes."""
CHANGE_POINTS = 10
"""Chances of change, evenly spaced in logarithm, that stand for all."""


class Estimates(NamedTuple):
    """What the observer holds before each trial."""

    volatility: Array
    """(E, T) chance that the trial is volatile, in [0, 1]."""
    probability_left: Array
    """(E, T) chance that left will win, in [0, 1]."""


def observe(winner: Array) -> Estimates:
    """Watch the winners of every episode from its start.

    Args:
        winner: (E, T) 0 left, 1 right, NaN not seen.

    Returns:
        The observer's estimates before each trial.
    """
    low, high = LOG_CHANGE
    places = (np.arange(CHANGE_POINTS) + 0.5) / CHANGE_POINTS
    change = np.exp(low + (high - low) * places)
    # (E, volatility, better arm: right or left, chance of change)
    belief = np.full((len(winner), 2, 2, CHANGE_POINTS), 0.25 / CHANGE_POINTS)
    estimates = Estimates(np.empty(winner.shape), np.empty(winner.shape))
    for place, won in enumerate(winner.T):
        arms = belief.sum(axis=3)
        estimates.volatility[:, place] = arms[:, 1].sum(axis=1)
        estimates.probability_left[:, place] = (arms * CHANCES).sum(axis=(1, 2))
        belief = _moved_on(_weighed(belief, won), change)
    return estimates


def _weighed(belief: Array, won: Array) -> Array:
    """Bayes' rule, where the winner was seen."""
    left = won[:, None, None]
    chance = np.where(left == 0, CHANCES, np.where(left == 1, 1 - CHANCES, 1.0))
    weighed = belief * chance[..., None]
    total: Array = weighed.sum(axis=(1, 2, 3), keepdims=True)
    return weighed / total


def _moved_on(belief: Array, change: Array) -> Array:
    """To the next trial: first the arms may swap, then volatility may change."""
    swapped = belief.copy()
    swapped[:, 1] += SWAP * (belief[:, 1, ::-1] - belief[:, 1])
    moved: Array = swapped + change * (swapped[:, ::-1] - swapped)
    return moved
