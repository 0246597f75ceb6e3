"""Simulated choosers with known learning, on the trials of an agent.

The winner of a trial does not depend on choices, so any chooser can be simulated on the
same trials. The learning rates fitted to them show the limits of the analysis:

- a learner with a fixed rate must show that rate in every block;
- an observer that knows the probability of a swap, and holds it constant, shows the
  difference between blocks that arises without any estimate of volatility.

Source: Wang et al. 2018, Nat Neurosci 21:860, Simulation 2 (the first); the second is
ours.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd
from scipy import special

from metarl.analysis.learners import value_traces
from metarl.analysis.measures import stack
from metarl.analysis.schema import Array
from metarl.analysis.statistics import known_mean
from metarl.analysis.trials import EpisodeGrid
from metarl.analysis.volatility.behaviour import (
    RATE_COLUMNS,
    RATES,
    Likelihood,
    best_fit,
    block_rates,
    by_order,
    known_choices,
    log_likelihoods,
    order_likelihood,
)
from metarl.analysis.volatility.observer import Schedule, observe

FIXED_RATES = (0.1, 0.3, 0.5)
"""Learning rates to be recovered."""
FIXED_HAZARDS = (0.003, 0.01, 0.03, 0.1)
"""Constant probabilities of a swap per trial, as assumed by observers."""
TEMPERATURE = 12.0
"""Inverse temperature of all choosers, per unit of reward: as in fits of networks."""
SIMULATED_EPISODES = 100
"""Test episodes of each order that choosers are simulated on."""
NULL_EPISODES = 50
"""Smallest number of episodes that the learners of one rate are simulated on: a subject
with fewer is simulated several times."""
OBSERVED_EPISODES = 400
"""Test episodes of each order that the Bayesian observer sees for the figure."""


def fixed_rate_values(winner: Array, rate: float) -> Array:
    """(E, T) estimate that left wins, before each trial, of a learner with one rate."""
    values: Array = value_traces(winner, np.array([rate]))[0].astype(np.float64)
    return values


def fixed_hazard_values(
    winner: Array, hazard: float, high: float = Schedule().probability_stable
) -> Array:
    """(E, T) the same of an observer that assumes a constant probability of a swap.

    It infers by Bayes' rule which arm is the better one.

    Args:
        winner: (E, T) 0 left, 1 right, NaN not seen.
        hazard: probability of a swap per trial, in [0, 1].
        high: probability that the better arm wins, in [0, 1].
    """
    belief = np.full(len(winner), 0.5)
    values = np.empty(winner.shape)
    low = 1 - high
    for place, won in enumerate(winner.T):
        values[:, place] = low + (high - low) * belief
        if_left = np.where(won == 0, high, low)
        if_right = np.where(won == 0, low, high)
        weighed = belief * if_left / (belief * if_left + (1 - belief) * if_right)
        seen = np.where(np.isnan(won), belief, weighed)
        belief = seen + hazard * (1 - 2 * seen)
    return values


def choose(
    grid: EpisodeGrid,
    values: Array,
    generator: np.random.Generator,
    temperature: float = TEMPERATURE,
) -> EpisodeGrid:
    """The same trials with the choices of a chooser with these estimates.

    Args:
        grid: trials of an agent.
        values: (E, T) estimated probability that left wins, before each trial.
        generator: source of the choices.
        temperature: inverse temperature, per unit of reward.
    """
    left, right = grid["magnitude_left"], grid["magnitude_right"]
    worth = values * left - (1 - values) * right
    chosen = generator.random(worth.shape) >= special.expit(temperature * worth)
    return grid.assign(choice=np.where(np.isnan(worth), np.nan, chosen))


def simulated_rates(
    grid: EpisodeGrid, generator: np.random.Generator, schedule: Schedule
) -> pd.DataFrame:
    """Block rates fitted to simulated choosers with known learning.

    Args:
        grid: their trials, of one subject.
        generator: source of their choices.
        schedule: the training schedule.

    Returns:
        kind ("fixed rate", "fixed hazard"), setting (the rate or the probability of a
        swap), and the columns of `block_rates`.
    """
    hazard_values = partial(fixed_hazard_values, high=schedule.probability_stable)
    choosers = [("fixed rate", rate, fixed_rate_values) for rate in FIXED_RATES]
    choosers += [("fixed hazard", hazard, hazard_values) for hazard in FIXED_HAZARDS]
    frames = []
    for whole in by_order(grid):
        part = _first_episodes(whole, SIMULATED_EPISODES)
        for kind, setting, estimate in choosers:
            chosen = choose(part, estimate(part["winner"], setting), generator)
            rates = block_rates([order_likelihood(chosen)])
            frames.append(({"kind": kind, "setting": setting}, rates))
    return stack(frames, ("kind", "setting", *RATE_COLUMNS))


def null_differences(
    grid: EpisodeGrid, fits: Sequence[Likelihood], generator: np.random.Generator
) -> pd.DataFrame:
    """Volatile minus stable rate that fits give to learners of one rate.

    In a short session the fitted rates of a learner with a constant rate differ
    between blocks on average, as the grid has ends and the blocks differ. So for each
    subject learners with its own rate and temperature, fitted to both blocks together,
    are simulated on its own trials and fitted in the same way.

    Args:
        grid: trials of the subjects.
        fits: `likelihoods` of the same.
        generator: source of their choices.

    Returns:
        One row a subject and order: subject, order and null, the mean difference of the
        learners; NaN where one rate cannot be fitted.
    """
    rows = []
    for whole, fit in zip(by_order(grid), fits, strict=True):
        part = _first_episodes(whole, SIMULATED_EPISODES)
        rows.append((fit.subject, fit.order, _null_difference(part, fit, generator)))
    return pd.DataFrame(rows, columns=["subject", "order", "null"])


def _null_difference(
    grid: EpisodeGrid, fit: Likelihood, generator: np.random.Generator
) -> float:
    """Mean difference of simulated learners of the subject's one rate."""
    stable, volatile = fit.settled
    rate, temperature = best_fit(fit.values @ (stable | volatile))
    if np.isnan(rate) or not (stable.any() and volatile.any()):
        return np.nan
    estimates = value_traces(grid["winner"], np.append(RATES, rate))
    differences = []
    for _ in range(-(-NULL_EPISODES // len(grid.episodes))):
        values = estimates[-1].astype(np.float64)
        chosen = choose(grid, values, generator, float(temperature))
        # A missed choice stays one.
        chosen = chosen.assign(
            choice=np.where(known_choices(grid), chosen["choice"], np.nan)
        )
        likelihood = log_likelihoods(chosen, estimates[:-1])
        low, high = (float(best_fit(likelihood @ w)[0]) for w in fit.settled)
        differences.append(high - low)
    return known_mean(differences)


def observed_volatility(grid: EpisodeGrid, schedule: Schedule) -> pd.DataFrame:
    """Mean of the observer's probability that a trial is volatile.

    Returns:
        One row an order and trial: order, trial, estimate, in [0, 1].
    """
    frames = []
    for whole in by_order(grid):
        part = _first_episodes(whole, OBSERVED_EPISODES)
        estimate = observe(part["winner"], schedule).volatility.mean(axis=0)
        table = pd.DataFrame({"trial": np.arange(len(estimate)), "estimate": estimate})
        frames.append(({"order": str(whole.episodes["order"].iloc[0])}, table))
    return stack(frames, ("order", "trial", "estimate"))


def _first_episodes(grid: EpisodeGrid, count: int) -> EpisodeGrid:
    return grid.where(np.arange(len(grid.episodes)) < count)
