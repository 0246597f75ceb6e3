"""Expectation over a population, with its gradient; expectations can be nested.

A population is sampled from a distribution p with a mean mu. The expectation of f
changes with mu in two ways: the members change, and f may itself depend on mu.

    d/dmu E[f] = E[f(theta) d log p(theta)/dmu] + E[df(theta)/dmu]

The first is the score gradient: f is not differentiated, and need not be continuous.
The second is not 0 if f contains an expectation, so that expectations can be nested.

Source: Williams 1992, Mach Learn 8:229; Wierstra et al. 2014, JMLR 15:949; Gajewski et
al. 2019, GECCO (evolvability ES), for nested expectations.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metarl.agents.evolution.distributions import Array, Normal


@dataclass(frozen=True)
class Estimate:
    """Numbers estimated from a population, with their gradients in its mean."""

    value: Array
    """(...) numbers."""
    gradient: Array
    """(..., D) derivative of each in the mean of the distribution."""

    def apply(self, value: Array, slope: Array) -> "Estimate":
        """Return a function of the numbers, by the chain rule.

        Args:
            value: (...) values of the function.
            slope: (...) derivatives of the function.
        """
        return Estimate(value, slope[..., None] * self.gradient)


def expectation(
    values: NDArray[np.floating] | Estimate, sample: Array, distribution: Normal
) -> Estimate:
    """Mean over a population, with an unbiased estimate of its gradient.

    Args:
        values: (N, ...) numbers for each member; an Estimate if they depend on the
            distribution themselves.
        sample: (N, D) members.
        distribution: distribution of the members.

    Returns:
        The mean over the first axis.
    """
    if isinstance(values, Estimate):
        through_members = expectation(values.value, sample, distribution)
        gradient = through_members.gradient + values.gradient.mean(0)
        return Estimate(through_members.value, gradient)
    scores = distribution.score(sample)
    gradient = np.tensordot(values, scores, axes=(0, 0)) / len(sample)
    return Estimate(np.asarray(values.mean(0)), gradient)
