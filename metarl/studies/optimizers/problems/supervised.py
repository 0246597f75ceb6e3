"""Supervised problems: a fixed batch and the mean squared error; exclusive or."""

import torch
from torch import Tensor

from metarl.agents.learning.weight_perturbation import ONE_SIDED, Perturbation
from metarl.studies.optimizers.problems.network import (
    Noise,
    Shape,
    activity,
    layers,
    outputs,
)
from metarl.studies.optimizers.problems.problem import NoisyLosses


class Supervised:
    """Mean squared error of a network's predictions, for the same inputs at each step.

    The loss is the mean over samples, outputs and the times after the warm-up.
    """

    perturbation: Perturbation = ONE_SIDED

    def __init__(
        self, shape: Shape, inputs: Tensor, targets: Tensor, *, warm_up: int = 0
    ) -> None:
        """Set the batch.

        Args:
            shape: of the networks.
            inputs: (B, T, inputs), of 64 bits.
            targets: (B, T, outputs), of 64 bits.
            warm_up: number of first steps, with predictions that do not count.
        """
        self.shape, self.inputs, self.targets = shape, inputs, targets
        self.warm_up = warm_up

    @property
    def weight_count(self) -> int:
        """N, the number of weights."""
        return self.shape.weight_count

    @property
    def activity_count(self) -> int:
        """Hidden activity of all samples and times."""
        samples, times = self.inputs.shape[:2]
        return samples * times * self.shape.units

    @property
    def sample_count(self) -> int:
        """B, the samples of the batch."""
        return len(self.inputs)

    def initial_weights(self, count: int, generator: torch.Generator) -> Tensor:
        """(count, N) random initial weights."""
        return self.shape.initial_weights(count, generator)

    def next_batch(self, count: int, generator: torch.Generator) -> bool:
        """Keep the batch, which is always the same."""
        return False

    def predictions(self, values: Tensor) -> Tensor:
        """(S, B, T, outputs) predictions, given the network's output values."""
        return values

    def losses(self, weights: Tensor) -> Tensor:
        """(K, S) losses of (K, S, N) weights."""
        flat = self._losses_of_samples(weights.flatten(0, 1)).mean(1)
        return flat.view(weights.shape[:2])

    def differentiable_losses(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        """(S,) losses of (S, N) weights, without and with a gradient."""
        losses = self._losses_of_samples(weights).mean(1)
        return losses.detach(), losses

    def losses_under_noise(
        self, weights: Tensor, size: float, generator: torch.Generator
    ) -> NoisyLosses:
        """Losses of (S, N) weights without and with noise on all nodes."""
        dims = [len(weights), *self.inputs.shape[:2]]
        noise = Noise.sample(self.shape, dims, generator)
        scaled = noise.scaled(size)
        quiet = activity(self.shape, weights, self.inputs)
        noisy = activity(self.shape, weights, self.inputs, scaled)
        return NoisyLosses(
            self._squared_errors(weights, quiet),
            self._squared_errors(weights, noisy, scaled),
            layers(self.shape, self.inputs, quiet, noise),
        )

    def _losses_of_samples(self, weights: Tensor) -> Tensor:
        """(S, B) loss of each sample without noise."""
        units = activity(self.shape, weights, self.inputs)
        return self._squared_errors(weights, units)

    def _squared_errors(
        self, weights: Tensor, units: Tensor, noise: Noise | None = None
    ) -> Tensor:
        """(S, B) mean squared error of each sample."""
        predictions = self.predictions(outputs(self.shape, weights, units, noise))
        errors = (predictions - self.targets)[:, :, self.warm_up :]
        return errors.square().mean((2, 3))


XOR_CRITERION = 0.01
"""Mean squared error below which exclusive or counts as learned."""


class Xor(Supervised):
    """Exclusive or, the smallest problem that needs a hidden layer.

    Two inputs, tanh units and one sigmoid output; the batch is all four pairs of bits.
    With two hidden units many initial weights lead to a local minimum, whatever the
    rule; with four, hardly any.
    """

    def __init__(self, units: int = 4) -> None:
        """Set the number of hidden units."""
        shape = Shape(inputs=2, units=units, outputs=1, recurrent=False)
        bits = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]], dtype=torch.float64)
        targets = (bits[:, :1] != bits[:, 1:]).double()
        super().__init__(shape, bits[:, None], targets[:, None])

    def predictions(self, values: Tensor) -> Tensor:
        """Probability that the bits differ, given its logit."""
        return values.sigmoid()

    def initial_weights(self, count: int, generator: torch.Generator) -> Tensor:
        """(count, N) standard normal weights; biases are 0."""
        size = count, self.weight_count
        weights = torch.randn(size, generator=generator, dtype=torch.float64)
        for matrix in self.shape.split(weights):
            matrix[..., -1] = 0.0  # a bias is the last column, without recurrence
        return weights
