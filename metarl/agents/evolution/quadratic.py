"""Check of score gradients on a quadratic, which has a smooth expectation."""

import numpy as np

from metarl.agents.evolution.distributions import DISTRIBUTIONS, Array
from metarl.agents.evolution.expectation import expectation

CENTRE = np.array([0.5, -1.0, 2.0])
"""Minimum of the quadratic."""
MEAN, DEVIATION = np.array([1.5, 0.5, 1.0]), 0.5
"""Population of the check."""
STEP = 1e-3
"""Shift to either side for the finite difference."""


def bowl(sample: Array) -> Array:
    """(N,) squared distance of each member to the centre."""
    return np.asarray(np.square(sample - CENTRE).sum(1))


def score_gradient(name: str, count: int, generator: np.random.Generator) -> Array:
    """(D,) gradient of the expectation, estimated from `count` members."""
    population = DISTRIBUTIONS[name](MEAN, DEVIATION)
    sample = population.sample(count, generator)
    return expectation(bowl(sample), sample, population).gradient


def disagreement(name: str, count: int, generator: np.random.Generator) -> float:
    """Distance of the score gradient to the finite difference, relative to its length.

    Both sides of the finite difference have the same noise; the score gradient has
    independent members.
    """
    noise = DISTRIBUTIONS[name](np.zeros(3), DEVIATION).sample(count, generator)
    sides = [(MEAN + shift, MEAN - shift) for shift in STEP * np.eye(3)]
    difference = np.array(
        [(bowl(more + noise) - bowl(less + noise)).mean() for more, less in sides]
    ) / (2 * STEP)
    score = score_gradient(name, count, generator)
    return float(np.linalg.norm(score - difference) / np.linalg.norm(difference))


def scatter(
    name: str, count: int, generator: np.random.Generator, *, times: int = 300
) -> float:
    """Variance of the score gradient between samples, summed over coordinates."""
    gradients = [score_gradient(name, count, generator) for _ in range(times)]
    return float(np.var(gradients, axis=0).sum())
