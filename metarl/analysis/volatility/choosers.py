"""Simulated choosers whose learning is known, on the trials that an agent saw.

Which arm wins does not depend on choices, so that anyone can be asked to choose on the
same trials. What the analysis of learning rates says of them is what it can tell:

- a learner with a fixed rate must show that rate in every block;
- an observer that knows how often the arms swap, and holds that chance for fixed, shows
  how much of a difference between blocks comes without any sense of volatility.

Source: Wang et al. 2018, Nat Neurosci 21:860, Simulation 2 (the first); the second is
ours.
"""

from dataclasses import replace

import numpy as np
from scipy import special

from metarl.analysis.learners import value_traces
from metarl.analysis.schema import Array
from metarl.analysis.volatility.trials import TrialGrid

FIXED_RATES = (0.1, 0.3, 0.5)
"""Learning rates to be recovered."""
FIXED_HAZARDS = (0.003, 0.01, 0.03, 0.1)
"""Chances of a swap per trial that observers hold for fixed."""
TEMPERATURE = 12.0
"""Inverse temperature of all choosers, per unit of reward: as networks' fits have."""
PROBABILITY_BETTER = 0.75
"""Chance that the better arm wins, as the observers know it."""


def fixed_rate_values(winner: Array, rate: float) -> Array:
    """(E, T) estimate that left wins, before each trial, of a learner with one rate."""
    values: Array = value_traces(winner, np.array([rate]))[0].astype(np.float64)
    return values


def fixed_hazard_values(winner: Array, hazard: float) -> Array:
    """(E, T) the same of an observer that expects a swap with a fixed chance.

    It infers by Bayes which arm is the better one.
    """
    belief = np.full(len(winner), 0.5)
    values = np.empty(winner.shape)
    high, low = PROBABILITY_BETTER, 1 - PROBABILITY_BETTER
    for place, won in enumerate(winner.T):
        values[:, place] = low + (high - low) * belief
        if_left = np.where(won == 0, high, low)
        if_right = np.where(won == 0, low, high)
        weighed = belief * if_left / (belief * if_left + (1 - belief) * if_right)
        seen = np.where(np.isnan(won), belief, weighed)
        belief = seen + hazard * (1 - 2 * seen)
    return values


def choose(grid: TrialGrid, values: Array, generator: np.random.Generator) -> TrialGrid:
    """The same trials with the choices of someone who holds these estimates.

    Args:
        grid: trials that an agent saw.
        values: (E, T) estimated chance that left wins, before each trial.
        generator: source of the choices.
    """
    worth = values * grid.magnitude_left - (1 - values) * grid.magnitude_right
    right = generator.random(worth.shape) >= special.expit(TEMPERATURE * worth)
    choice = np.where(np.isnan(worth), np.nan, right)
    return replace(grid, choice=choice)
