"""A landscape of one dimension that tells fitness from evolvability.

    height(x) = 5 sin(0.2 x) sin(20 x)

Seen through a population it is flat, for the fast ripples cancel; so evolving for
height stays about where it starts. The ripples are highest where sin(0.2 x) = 1: there
members differ most, so variance or entropy of height lead to x = 7.85.

Source: Gajewski et al. 2019, GECCO; the EvoGrad demonstrations of the same year.
"""

import math
from dataclasses import dataclass

import numpy as np

from metarl.agents.evolution.distributions import DISTRIBUTIONS, Array
from metarl.agents.evolution.expectation import expectation
from metarl.agents.evolution.objectives import OBJECTIVES, whitened

MOST_VARIED = math.pi / 2 / 0.2
"""Where the ripples are highest, x = 7.85."""
START = 1.0
"""Where every population starts."""


def height(x: Array) -> Array:
    """The landscape, element by element."""
    return 5 * np.sin(0.2 * x) * np.sin(20 * x)


@dataclass(frozen=True, kw_only=True)
class Walk:
    """How a population moves over the landscape; the published settings."""

    objective: str
    """fitness, variance or entropy."""
    generations: int = 2000
    """Steps in all."""
    members: int = 500
    """Members of each generation."""
    deviation: float = 0.5
    """Spread of the population."""
    distribution: str = "normal"
    """normal or paired."""

    @property
    def rate(self) -> float:
        """Step along the gradient."""
        return 0.1 if self.objective == "entropy" else 0.03


def path_of(walk: Walk, generator: np.random.Generator) -> Array:
    """(G + 1,) the population's mean, from its start on."""
    mean = np.array([START])
    path = [mean]
    kind = DISTRIBUTIONS[walk.distribution]
    for _ in range(walk.generations):
        population = kind(mean, walk.deviation)
        sample = population.sample(walk.members, generator)
        heights = height(sample)
        if walk.objective == "fitness":
            found = expectation(whitened(heights[:, 0]), sample, population)
        else:
            found = OBJECTIVES[walk.objective](heights, sample, population)
        mean = mean + walk.rate * found.gradient
        path.append(mean)
    return np.concatenate(path)
