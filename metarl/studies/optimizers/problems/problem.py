"""The interface of a problem: initial weights, and losses of weights."""

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from metarl.agents.learning.weight_perturbation import Perturbation


class Layer(NamedTuple):
    """Noise and inputs of a layer's nodes."""

    noise: Tensor
    """(S, B, T, nodes) noise of the nodes, before scaling."""
    inputs: Tensor
    """(S, B, T, inputs) activity that the layer received."""


class NoisyLosses(NamedTuple):
    """Losses with and without noise on the nodes."""

    losses: Tensor
    """(S, B) loss of each sample, without noise."""
    noisy: Tensor
    """(S, B) loss of each sample, with noise."""
    layers: tuple[Layer, ...]
    """Layers in the order of their weights, (nodes, inputs) each, among the N."""


class Problem(Protocol):
    """A loss to be lowered by S replicas, each a network of N weights."""

    @property
    def perturbation(self) -> Perturbation:
        """How weights are perturbed."""
        ...

    @property
    def weight_count(self) -> int:
        """N, the number of weights."""
        ...

    @property
    def activity_count(self) -> int:
        """Numbers that backpropagation stores of a replica's forward pass."""
        ...

    @property
    def sample_count(self) -> int:
        """B, the samples of a replica's batch."""
        ...

    def initial_weights(self, count: int, generator: torch.Generator) -> Tensor:
        """(count, N) random initial weights."""
        ...

    def next_batch(self, count: int, generator: torch.Generator) -> bool:
        """Draw a batch for `count` replicas if one is due; whether it is new."""
        ...

    def losses(self, weights: Tensor) -> Tensor:
        """(K, S) losses of (K, S, N) weights, on the same batch for every K."""
        ...

    def differentiable_losses(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        """(S,) losses of (S, N) weights, and (S,) objectives with their gradient."""
        ...

    def losses_under_noise(
        self, weights: Tensor, size: float, generator: torch.Generator
    ) -> NoisyLosses:
        """Losses of (S, N) weights without and with noise on all nodes.

        Args:
            weights: of the replicas.
            size: standard deviation of the noise.
            generator: of the noise.
        """
        ...
