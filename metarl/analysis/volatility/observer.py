"""The Bayesian observer: probability of volatility, given the winners so far.

It knows the training schedule and sees the winners of an episode. Each trial is
volatile or stable. While stable, the better arm wins with a probability of .75; while
volatile, it always wins, and the arms swap with a probability of .2 after a trial. The
volatility changes with a probability per trial that is drawn for each episode,
log-uniformly.

Source: Wang et al. 2018, Nat Neurosci 21:860, Simulation 2, Methods; the observer after
Behrens et al. 2007, Nat Neurosci 10:1214.
Declared: the posterior is exact on a grid of probabilities of change; the estimate is
the probability that the trial is volatile, which is the posterior mean volatility
over .2.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from metarl.analysis.schema import Array

CHANGE_POINTS = 10
"""Probabilities of change on the grid, evenly spaced in logarithm."""


class Schedule(NamedTuple):
    """The training schedule, by the names of the task's parameters."""

    probability_stable: float = 0.75
    """Probability that the better arm wins while stable, in [0, 1]."""
    probability_volatile: float = 1.0
    """Probability that the better arm wins while volatile, in [0, 1]."""
    probability_swap: float = 0.2
    """Probability per volatile trial that the arms then swap, in [0, 1]."""
    log_change_least: float = -4.5
    """Lower bound of the logarithm of the probability per trial that the volatility
    changes."""
    log_change_most: float = -3.5
    """Upper bound of the same."""

    @property
    def left_wins(self) -> Array:
        """(2, 2) probability that left wins: stable, volatile; right, left better."""
        better = np.array([self.probability_stable, self.probability_volatile])
        return np.stack([1 - better, better], axis=1)

    def changes(self, count: int) -> Array:
        """(count,) probabilities of change, evenly spaced in logarithm."""
        low, high = self.log_change_least, self.log_change_most
        places = (np.arange(count) + 0.5) / count
        changes: Array = np.exp(low + (high - low) * places)
        return changes


def schedule_of(parameters: Mapping[str, object]) -> Schedule:
    """The training schedule of a task; published values of absent parameters."""
    known = {name for name in Schedule._fields if name in parameters}
    return Schedule(**{name: float(str(parameters[name])) for name in known})


class Estimates(NamedTuple):
    """Beliefs of the observer before each trial."""

    volatility: Array
    """(E, T) probability that the trial is volatile, in [0, 1]."""
    probability_left: Array
    """(E, T) probability that left will win, in [0, 1]."""


def observe(winner: Array, schedule: Schedule | None = None) -> Estimates:
    """Estimate the volatility of every episode from its winners.

    Args:
        winner: (E, T) 0 left, 1 right, NaN not seen.
        schedule: the training schedule; the published one where None.

    Returns:
        The observer's estimates before each trial.
    """
    known = Schedule() if schedule is None else schedule
    left_wins, change = known.left_wins, known.changes(CHANGE_POINTS)
    # (E, volatility, better arm: right or left, probability of change)
    belief = np.full((len(winner), 2, 2, CHANGE_POINTS), 0.25 / CHANGE_POINTS)
    estimates = Estimates(np.empty(winner.shape), np.empty(winner.shape))
    for place, won in enumerate(winner.T):
        arms = belief.sum(axis=3)
        estimates.volatility[:, place] = arms[:, 1].sum(axis=1)
        estimates.probability_left[:, place] = (arms * left_wins).sum(axis=(1, 2))
        belief = _after_outcome(belief, won, left_wins)
        belief = _next_trial(belief, known.probability_swap, change)
    return estimates


def _after_outcome(belief: Array, won: Array, left_wins: Array) -> Array:
    """Bayes' rule, where the winner was seen."""
    left = won[:, None, None]
    likelihood = np.where(left == 0, left_wins, np.where(left == 1, 1 - left_wins, 1.0))
    weighed = belief * likelihood[..., None]
    total: Array = weighed.sum(axis=(1, 2, 3), keepdims=True)
    return weighed / total


def _next_trial(belief: Array, swap: float, change: Array) -> Array:
    """Prior of the next trial: first arms may swap, then volatility may change."""
    swapped = belief.copy()
    swapped[:, 1] += swap * (belief[:, 1, ::-1] - belief[:, 1])
    prior: Array = swapped + change * (swapped[:, ::-1] - swapped)
    return prior
