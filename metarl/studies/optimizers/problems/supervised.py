"""A fixed batch of inputs and targets, told apart by the mean squared error."""

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
from metarl.studies.optimizers.problems.problem import Noisy


class Supervised:
    """Lower the squared error of a network's answers to the same inputs, each step.

    The loss is the mean over samples, outputs and the times after the warm-up.
    """

    perturbation: Perturbation = ONE_SIDED

    def __init__(
        self, shape: Shape, inputs: Tensor, targets: Tensor, *, warm_up: int = 0
    ) -> None:
        """Take (B, T, inputs) and (B, T, outputs), both of 64 bits."""
        self.shape, self.inputs, self.targets = shape, inputs, targets
        self.warm_up = warm_up

    @property
    def weight_count(self) -> int:
        """N."""
        return self.shape.weight_count

    @property
    def activity_count(self) -> int:
        """Hidden activity of all samples and times."""
        samples, times = self.inputs.shape[:2]
        return samples * times * self.shape.units

    @property
    def sample_count(self) -> int:
        """B."""
        return len(self.inputs)

    def first(self, count: int, generator: torch.Generator) -> Tensor:
        """(count, N) weights to begin with."""
        return self.shape.first(count, generator)

    def renew(self, count: int, generator: torch.Generator) -> bool:
        """The batch is always the same."""
        return False

    def answers(self, told: Tensor) -> Tensor:
        """(S, B, T, outputs) what the network's outputs mean."""
        return told

    def losses(self, weights: Tensor) -> Tensor:
        """(K, S) losses of (K, S, N) weights."""
        found = self._plain(weights.flatten(0, 1)).mean(1)
        return found.view(weights.shape[:2])

    def with_gradient(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        """(S,) losses of (S, N) weights, twice: they are differentiable."""
        losses = self._plain(weights).mean(1)
        return losses.detach(), losses

    def _plain(self, weights: Tensor) -> Tensor:
        """(S, B) errors without noise."""
        return self._errors(weights, activity(self.shape, weights, self.inputs))

    def under_noise(
        self, weights: Tensor, size: float, generator: torch.Generator
    ) -> Noisy:
        """Losses of (S, N) weights without and with noise of a size on all nodes."""
        dims = [len(weights), *self.inputs.shape[:2]]
        noise = Noise.draw(self.shape, dims, generator)
        felt = noise.scaled(size)
        quiet = activity(self.shape, weights, self.inputs)
        noisy = activity(self.shape, weights, self.inputs, felt)
        return Noisy(
            self._errors(weights, quiet),
            self._errors(weights, noisy, felt),
            layers(self.shape, self.inputs, quiet, noise),
        )

    def _errors(
        self, weights: Tensor, units: Tensor, noise: Noise | None = None
    ) -> Tensor:
        """(S, B) mean squared error of each sample."""
        answers = self.answers(outputs(self.shape, weights, units, noise))
        errors = (answers - self.targets)[:, :, self.warm_up :]
        return errors.square().mean((2, 3))
