"""What an optimizer is given: weights to begin with, and losses of weights."""

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from metarl.agents.learning.weight_perturbation import Perturbation


class Layer(NamedTuple):
    """The noise that a layer's nodes got, and the activity that the layer received."""

    noise: Tensor
    """(S, B, T, nodes) before it was scaled."""
    inputs: Tensor
    """(S, B, T, inputs)."""


class Noisy(NamedTuple):
    """Losses with and without noise on the nodes."""

    losses: Tensor
    """(S, B) of each sample, without noise."""
    noisy: Tensor
    """(S, B) of each sample, with noise."""
    layers: tuple[Layer, ...]
    """In the order in which their weights, (nodes, inputs) each, stand in N."""


class Problem(Protocol):
    """S replicas, each a network of N weights, are to lower a loss each."""

    @property
    def perturbation(self) -> Perturbation:
        """How its weights are perturbed."""
        ...

    @property
    def weight_count(self) -> int:
        """N."""
        ...

    @property
    def activity_count(self) -> int:
        """Numbers that backpropagation keeps of a replica's forward pass."""
        ...

    @property
    def sample_count(self) -> int:
        """B: samples of a replica's batch."""
        ...

    def first(self, count: int, generator: torch.Generator) -> Tensor:
        """(count, N) weights to begin with."""
        ...

    def renew(self, count: int, generator: torch.Generator) -> bool:
        """Draw a batch for so many replicas, if it is time to; whether it is new."""
        ...

    def losses(self, weights: Tensor) -> Tensor:
        """(K, S) losses of (K, S, N) weights, on the same batch for every K."""
        ...

    def with_gradient(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        """(S,) losses of (S, N) weights, and what has a gradient that lowers them."""
        ...

    def under_noise(
        self, weights: Tensor, size: float, generator: torch.Generator
    ) -> Noisy:
        """Losses of (S, N) weights without and with noise of a size on all nodes."""
        ...
