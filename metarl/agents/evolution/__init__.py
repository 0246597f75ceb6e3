"""Expectations over a population, differentiable in the mean of the population.

Plain numpy: without networks and automatic differentiation.
"""

from metarl.agents.evolution.distributions import DISTRIBUTIONS, Normal, PairedNormal
from metarl.agents.evolution.expectation import Estimate, expectation
from metarl.agents.evolution.objectives import OBJECTIVES

__all__ = [
    "DISTRIBUTIONS",
    "OBJECTIVES",
    "Estimate",
    "Normal",
    "PairedNormal",
    "expectation",
]
