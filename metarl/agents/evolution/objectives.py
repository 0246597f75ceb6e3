"""What a population can be evolved for: that members do well, or that they differ.

Evolving for fitness makes a mean whose neighbours do well. Evolving for variance or
entropy of behaviour makes a mean whose mutants do many different things: it is
evolvable, as selection finds whatever is wanted among them.

Source: Salimans et al. 2017, arXiv:1703.03864 (ranks); Gajewski et al. 2019, GECCO.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from metarl.agents.evolution.distributions import Array, Normal
from metarl.agents.evolution.expectation import Estimate, expectation


def whitened(values: Array) -> Array:
    """(N, ...) values in deviations from their mean; 0 where all are alike."""
    centred = values - values.mean(0)
    spread = values.std(0)
    return np.asarray(centred / np.where(spread > 0, spread, 1.0))


def centred_ranks(values: Array) -> Array:
    """(N,) ranks of at least two, from -1/2 to 1/2; those who are alike share theirs.

    However far an outlier stands out, it counts no more than its place.
    """
    ordered = np.sort(values)
    below = np.searchsorted(ordered, values, "left")
    through = np.searchsorted(ordered, values, "right")
    return (below + through - 1) / (2 * (len(values) - 1)) - 0.5


def fitness(fitnesses: Array, sample: Array, distribution: Normal) -> Estimate:
    """Expected rank: that members do well.

    Args:
        fitnesses: (N,) how well each member did, in any unit.
        sample: (N, D) the members.
        distribution: what they were drawn from.
    """
    return expectation(centred_ranks(fitnesses), sample, distribution)


def variance(behaviours: Array, sample: Array, distribution: Normal) -> Estimate:
    """Variance of behaviour, in units of what it is now, summed over its coordinates.

        E[z^2],  z = (b - mean of b) / deviation of b, mean and deviation held

    Args:
        behaviours: (N, B) what each member did.
        sample: (N, D) the members.
        distribution: what they were drawn from.
    """
    squares = np.square(whitened(behaviours)).sum(1)
    return expectation(squares, sample, distribution)


def entropy(behaviours: Array, sample: Array, distribution: Normal) -> Estimate:
    """Entropy of behaviour: how surprising a member is to the others.

        p_i = E_j[exp(-|z_i - z_j|^2 / 2)],  E_i[-log p_i]

    Both expectations change with the mean, so both have their score gradient. z as in
    `variance`, held.

    Args:
        behaviours: (N, B) what each member did.
        sample: (N, D) the members.
        distribution: what they were drawn from.
    """
    z = whitened(behaviours)
    density = expectation(_likeness(z), sample, distribution)
    surprise = density.through(-np.log(density.value), -1 / density.value)
    return expectation(surprise, sample, distribution)


def _likeness(z: Array) -> Array:
    """(N, N) exp(-|z_i - z_j|^2 / 2), worked out in place: it is most of the work."""
    likeness = z @ z.T
    halves = np.diag(likeness) / 2
    likeness -= halves
    likeness -= halves[:, None]
    np.minimum(likeness, 0, out=likeness)
    return np.exp(likeness, out=likeness)


Objective = Callable[[Array, Array, Normal], Estimate]

OBJECTIVES: Mapping[str, Objective] = MappingProxyType(
    {"fitness": fitness, "variance": variance, "entropy": entropy}
)
"""Objectives by name: fitness is given (N,) fitnesses, the others (N, B) behaviours."""
