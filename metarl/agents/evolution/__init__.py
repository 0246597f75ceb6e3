"""Expectations over a population, differentiable in what the population is drawn from.

Plain numpy: no network, no automatic differentiation.
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
