"""Objectives of evolution: fitness, or diversity of behaviour.

Evolution for fitness finds a mean with fit neighbours. Evolution for variance or
entropy of behaviour finds a mean with mutants of diverse behaviour: it is evolvable, as
selection has many variants to choose from.

Source: Salimans et al. 2017, arXiv:1703.03864 (ranks); Gajewski et al. 2019, GECCO.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from metarl.agents.evolution.distributions import Array, Normal
from metarl.agents.evolution.expectation import Estimate, expectation


def whitened(values: Array) -> Array:
    """(N, ...) standardised values; 0 where all values are equal."""
    centred = values - values.mean(0)
    spread = values.std(0)
    return np.asarray(centred / np.where(spread > 0, spread, 1.0))


def centred_ranks(values: Array) -> Array:
    """(N,) ranks of at least two values, from -1/2 to 1/2; ties share their rank.

    Ranks limit the influence of outliers.
    """
    ordered = np.sort(values)
    below = np.searchsorted(ordered, values, "left")
    through = np.searchsorted(ordered, values, "right")
    return (below + through - 1) / (2 * (len(values) - 1)) - 0.5


def fitness(fitnesses: Array, sample: Array, distribution: Normal) -> Estimate:
    """Expected rank of fitness.

    Args:
        fitnesses: (N,) fitness of each member, in any unit.
        sample: (N, D) members.
        distribution: distribution of the members.
    """
    return expectation(centred_ranks(fitnesses), sample, distribution)


def variance(behaviours: Array, sample: Array, distribution: Normal) -> Estimate:
    """Variance of behaviour relative to its present value, summed over coordinates.

        E[z^2],  z = (b - mean of b) / deviation of b, mean and deviation held constant

    Args:
        behaviours: (N, B) behaviour of each member.
        sample: (N, D) members.
        distribution: distribution of the members.
    """
    squares = np.square(whitened(behaviours)).sum(1)
    return expectation(squares, sample, distribution)


def entropy(behaviours: Array, sample: Array, distribution: Normal) -> Estimate:
    """Entropy of behaviour, by the density of the other members around each.

        p_i = E_j[exp(-|z_i - z_j|^2 / 2)],  E_i[-log p_i]

    Both expectations change with the mean, so both have a score gradient. z as in
    `variance`, held constant.

    Args:
        behaviours: (N, B) behaviour of each member.
        sample: (N, D) members.
        distribution: distribution of the members.
    """
    z = whitened(behaviours)
    density = expectation(_likeness(z), sample, distribution)
    surprise = density.apply(-np.log(density.value), -1 / density.value)
    return expectation(surprise, sample, distribution)


def _likeness(z: Array) -> Array:
    """(N, N) exp(-|z_i - z_j|^2 / 2), in place, as it takes most of the time."""
    likeness = z @ z.T
    halves = np.diag(likeness) / 2
    likeness -= halves
    likeness -= halves[:, None]
    # Rounding may leave a squared distance just below 0.
    np.minimum(likeness, 0, out=likeness)
    return np.exp(likeness, out=likeness)


Objective = Callable[[Array, Array, Normal], Estimate]

OBJECTIVES: Mapping[str, Objective] = MappingProxyType(
    {"fitness": fitness, "variance": variance, "entropy": entropy}
)
"""Objectives by name: fitness takes (N,) fitnesses, the others (N, B) behaviours."""
