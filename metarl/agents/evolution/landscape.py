"""One-dimensional landscape that separates fitness from evolvability.

    height(x) = 5 sin(0.2 x) sin(20 x)

Averaged over a population it is flat, as the fast ripples cancel; so evolution for
height stays near its start. The ripples are highest where sin(0.2 x) = 1: members
differ most there, so variance or entropy of height lead to x = 7.85.

Source: Gajewski et al. 2019, GECCO; the EvoGrad demonstrations of the same year.
"""

import math
from dataclasses import dataclass

import numpy as np

from metarl.agents.evolution.distributions import DISTRIBUTIONS, Array
from metarl.agents.evolution.expectation import expectation
from metarl.agents.evolution.objectives import OBJECTIVES, whitened

MOST_VARIED = math.pi / 2 / 0.2
"""Position of the highest ripples, x = 7.85."""
START = 1.0
"""Start of every population."""


def height(x: Array) -> Array:
    """Height of the landscape, element by element."""
    return 5 * np.sin(0.2 * x) * np.sin(20 * x)


@dataclass(frozen=True, kw_only=True)
class Walk:
    """Evolution of a population on the landscape, with the published settings."""

    objective: str
    """fitness, variance or entropy."""
    generations: int = 2000
    """Number of steps."""
    members: int = 500
    """Number of members of each generation."""
    deviation: float = 0.5
    """Standard deviation of the population."""
    distribution: str = "normal"
    """normal or paired."""

    @property
    def rate(self) -> float:
        """Step size along the gradient."""
        return 0.1 if self.objective == "entropy" else 0.03


def walk_path(walk: Walk, generator: np.random.Generator) -> Array:
    """(G + 1,) mean of the population, from the start on."""
    mean = np.array([START])
    path = [mean]
    kind = DISTRIBUTIONS[walk.distribution]
    for _ in range(walk.generations):
        population = kind(mean, walk.deviation)
        sample = population.sample(walk.members, generator)
        heights = height(sample)
        if walk.objective == "fitness":
            estimate = expectation(whitened(heights[:, 0]), sample, population)
        else:
            estimate = OBJECTIVES[walk.objective](heights, sample, population)
        mean = mean + walk.rate * estimate.gradient
        path.append(mean)
    return np.concatenate(path)
