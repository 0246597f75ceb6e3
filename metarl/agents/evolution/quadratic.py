"""Whether score gradients are right: on a quadratic, whose expectation is smooth."""

import numpy as np

from metarl.agents.evolution.distributions import DISTRIBUTIONS, Array
from metarl.agents.evolution.expectation import expectation

CENTRE = np.array([0.5, -1.0, 2.0])
"""Where the quadratic is least."""
MEAN, DEVIATION = np.array([1.5, 0.5, 1.0]), 0.5
"""The population that is looked at."""
STEP = 1e-3
"""To either side, for the finite difference."""


def bowl(sample: Array) -> Array:
    """(N,) squared distance of each member to the centre."""
    return np.asarray(np.square(sample - CENTRE).sum(1))


def score_gradient(name: str, count: int, generator: np.random.Generator) -> Array:
    """(D,) gradient of the expectation, estimated from so many members."""
    population = DISTRIBUTIONS[name](MEAN, DEVIATION)
    sample = population.sample(count, generator)
    return expectation(bowl(sample), sample, population).gradient


def disagreement(name: str, count: int, generator: np.random.Generator) -> float:
    """How far the score gradient is off the finite difference, beside its length.

    Both means that are compared have members with the same noise; the score gradient's
    members are others.
    """
    noise = DISTRIBUTIONS[name](np.zeros(3), DEVIATION).sample(count, generator)
    sides = [(MEAN + shift, MEAN - shift) for shift in STEP * np.eye(3)]
    difference = np.array(
        [(bowl(more + noise) - bowl(less + noise)).mean() for more, less in sides]
    ) / (2 * STEP)
    found = score_gradient(name, count, generator)
    return float(np.linalg.norm(found - difference) / np.linalg.norm(difference))


def scatter(
    name: str, count: int, generator: np.random.Generator, *, times: int = 300
) -> float:
    """Variance of the score gradient from sample to sample, summed over coordinates."""
    found = [score_gradient(name, count, generator) for _ in range(times)]
    return float(np.var(found, axis=0).sum())
