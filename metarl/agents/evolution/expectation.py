"""An expectation over a population, and its gradient, which may itself be averaged.

A population is drawn from a distribution p with a mean mu. What is expected of it
changes with mu in two ways: other members are drawn, and what is said of each member
may itself depend on mu.

    d/dmu E[f] = E[f(theta) d log p(theta)/dmu] + E[df(theta)/dmu]

The first is the score gradient: f is never differentiated, it need not even be
continuous. The second is there where f is made of an expectation, so that expectations
nest.

Source: Williams 1992, Mach Learn 8:229; Wierstra et al. 2014, JMLR 15:949; Gajewski et
al. 2019, GECCO (evolvability ES), for expectations that nest.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metarl.agents.evolution.distributions import Array, Normal


@dataclass(frozen=True)
class Estimate:
    """Numbers estimated from a population, and how each grows with its mean."""

    value: Array
    """(...) the numbers."""
    gradient: Array
    """(..., D) derivative of each in the distribution's mean."""

    def through(self, value: Array, slope: Array) -> "Estimate":
        """A function of the numbers, by the chain rule.

        Args:
            value: (...) the function's.
            slope: (...) its derivative there.
        """
        return Estimate(value, slope[..., None] * self.gradient)


def expectation(
    values: NDArray[np.floating] | Estimate, sample: Array, distribution: Normal
) -> Estimate:
    """Mean over a population of what is said of each member.

    Args:
        values: (N, ...) numbers for each member; an Estimate where they depend on the
            distribution themselves.
        sample: (N, D) the members.
        distribution: what they were drawn from.

    Returns:
        The mean over the first axis, with an unbiased estimate of its gradient.
    """
    if isinstance(values, Estimate):
        through_members = expectation(values.value, sample, distribution)
        gradient = through_members.gradient + values.gradient.mean(0)
        return Estimate(through_members.value, gradient)
    scores = distribution.score(sample)
    gradient = np.tensordot(values, scores, axes=(0, 0)) / len(sample)
    return Estimate(np.asarray(values.mean(0)), gradient)
