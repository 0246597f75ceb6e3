"""How likely each arm of a bandit is the best, exactly, whatever has been counted.

With uniform beliefs beforehand, an arm's chance of reward has a density that is a
polynomial of as high a degree as the arm was pulled; so have its integral and products
of these. Gauss-Legendre quadrature of enough nodes is exact for polynomials.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.polynomial import legendre
from torch import Tensor


class Quadrature(NamedTuple):
    """Integrals over [0, 1] of functions known at G nodes."""

    nodes: Tensor
    """(G,) float64."""
    weights: Tensor
    """(G,) of the values at the nodes, in the integral from 0 to 1."""
    running: Tensor
    """(G, G) of the values at the nodes, in the integral from 0 to each node."""

    def to(self, device: torch.device) -> "Quadrature":
        """The same on another device."""
        return Quadrature(*(part.to(device) for part in self))


@cache
def quadrature(count: int) -> Quadrature:
    """Gauss-Legendre: `weights` exact below degree 2 count, `running` below count.

    The values' Legendre coefficients are integrals too, and Legendre polynomials have
    the integrals (P[k + 1] - P[k - 1]) / (2 k + 1), with P[-1] = -1 from the left end.
    """
    places, weights = legendre.leggauss(count)
    values = legendre.legvander(places, count)
    below = np.column_stack([-np.ones(count), values[:, : count - 1]])
    integrals = (values[:, 1:] - below) / 2
    running = integrals @ values[:, :count].T * weights
    # From [-1, 1] to [0, 1]: half as long.
    parts = ((places + 1) / 2, weights / 2, running / 2)
    return Quadrature(*(torch.from_numpy(part) for part in parts))


class Beliefs(NamedTuple):
    """What is held of arms' chances of reward, at a rule's G nodes; (..., G) each."""

    density: Tensor
    """Of the chance."""
    distribution: Tensor
    """That the chance is below the node."""


def beliefs(wins: Tensor, losses: Tensor, rule: Quadrature) -> Beliefs:
    """What is held of arms that paid, and did not pay, so many times: (...) each."""
    wins, losses = wins.double().unsqueeze(-1), losses.double().unsqueeze(-1)
    log_density = (
        wins * rule.nodes.log()
        + losses * (-rule.nodes).log1p()
        + torch.lgamma(wins + losses + 2)
        - torch.lgamma(wins + 1)
        - torch.lgamma(losses + 1)
    )
    density = log_density.exp()
    return Beliefs(density, density @ rule.running.T)


@cache
def known_beliefs(most: int, nodes: int) -> Beliefs:
    """Beliefs after up to `most` wins and losses: number wins * (most + 1) + losses."""
    counts = torch.arange(most + 1)
    wins, losses = torch.cartesian_prod(counts, counts).unbind(1)
    return beliefs(wins, losses, quadrature(nodes))


def chances_to_be_best(arms: Beliefs, rule: Quadrature) -> Tensor:
    """Probability that each arm has the highest chance of reward.

        P(arm is best) = integral of density(arm) times the product of the others'
                         distribution functions

    Args:
        arms: (B, N, G) what is held of each.
        rule: of at least N nodes, and more than any arm was pulled.

    Returns:
        (B, N) float64; the rows add up to 1.
    """
    density, distribution = arms
    places = range(density.shape[1])
    chances = [
        density[:, arm]
        * torch.stack([distribution[:, k] for k in places if k != arm]).prod(0)
        for arm in places
    ]
    return torch.stack(chances, dim=1) @ rule.weights
