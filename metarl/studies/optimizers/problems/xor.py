"""Exclusive or: the smallest problem that needs a hidden layer."""

import torch
from torch import Tensor

from metarl.studies.optimizers.problems.network import Shape
from metarl.studies.optimizers.problems.supervised import Supervised

CRITERION = 0.01
"""Mean squared error below which it counts as learned."""


class Xor(Supervised):
    """Two bits in, tanh units, one sigmoid out; the batch is all four pairs of bits.

    With two hidden units many beginnings lead into a local minimum, whatever the rule;
    with four, hardly any.
    """

    def __init__(self, units: int = 4) -> None:
        """Of so many hidden units."""
        shape = Shape(inputs=2, units=units, outputs=1, recurrent=False)
        bits = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]], dtype=torch.float64)
        targets = (bits[:, :1] != bits[:, 1:]).double()
        super().__init__(shape, bits[:, None], targets[:, None])

    def answers(self, told: Tensor) -> Tensor:
        """A chance, of the logit."""
        return told.sigmoid()

    def first(self, count: int, generator: torch.Generator) -> Tensor:
        """(count, N) standard normal weights; biases are 0."""
        size = count, self.weight_count
        weights = torch.randn(size, generator=generator, dtype=torch.float64)
        for part in self.shape.parts(weights):
            part[..., -1] = 0.0  # a bias is the last column, without recurrence
        return weights
