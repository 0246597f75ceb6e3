"""Gradient paths: how the errors of the heads reach the weights of the core.

Backpropagation through time sends each error back through the weights of the heads, and
then through the recurrent weights to every earlier step. Neither path exists in a
brain; the alternatives are options here.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class GradientPaths:
    """Paths of the errors; by default those of backpropagation through time."""

    local: bool = False
    """Whether errors stop at the recurrent weights. What remains, through the leak or
    the cell, can be carried forward in time by an eligibility trace."""
    feedback: Tensor | None = None
    """(n, H) weights through which the errors of the n heads reach the H units; None:
    the weights of the heads."""
    detached: bool = False
    """Whether errors of the heads stop at the heads, which still learn."""

    def outputs(self, heads: nn.Linear, activity: Tensor) -> Tensor:
        """(T, B, n) outputs of the heads for (T, B, H) activity, differentiable."""
        # Detached errors do not return at all, so their path does not matter.
        if self.feedback is None or self.detached:
            plain: Tensor = heads(activity.detach() if self.detached else activity)
            return plain
        weight, bias = heads.weight, heads.bias
        outputs: Tensor = _FeedbackLinear.apply(activity, weight, bias, self.feedback)  # type: ignore[no-untyped-call]
        return outputs


BPTT = GradientPaths()
"""Backpropagation through time."""


class _FeedbackLinear(torch.autograd.Function):
    """Linear layer with errors that return through other weights (feedback alignment).

    Only the error in the input differs from the gradient; weight and bias learn by
    their exact gradient.
    """

    @staticmethod
    def forward(
        ctx: Any, activity: Tensor, weight: Tensor, bias: Tensor, feedback: Tensor
    ) -> Tensor:
        ctx.save_for_backward(activity, feedback)
        return torch.nn.functional.linear(activity, weight, bias)

    @staticmethod
    def backward(ctx: Any, errors: Tensor) -> tuple[Tensor | None, ...]:
        activity, feedback = ctx.saved_tensors
        # The usual gradients, except for the last line: the error in the activity.
        flat = errors.flatten(0, -2)
        into_weight = flat.T @ activity.flatten(0, -2)
        return errors @ feedback, into_weight, flat.sum(0), None
