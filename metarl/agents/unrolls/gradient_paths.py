"""Credit: how the errors of a core's readers reach the core's own weights.

Backpropagation through time sends each error back through the readers' weights, then
through the recurrent weights to every step before. A brain has neither path; what it
could have instead is an option here.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class GradientPaths:
    """The paths that errors take; by default those of backpropagation through time."""

    local: bool = False
    """Whether no error passes through the recurrent weights: what is left, through a
    leak or a cell, is what an eligibility trace can carry forward in time."""
    feedback: Tensor | None = None
    """(n, H) weights through which the heads' n errors reach the H units in place of
    the heads' own; None for these."""
    cut: bool = False
    """Whether no error of the heads reaches the units, though the heads learn."""

    def read(self, heads: nn.Linear, activity: Tensor) -> Tensor:
        """(T, B, n) what the heads read of (T, B, H) activity, differentiable."""
        if self.feedback is None or self.cut:
            outputs: Tensor = heads(activity.detach() if self.cut else activity)
            return outputs
        weight, bias = heads.weight, heads.bias
        readings: Tensor = _Reading.apply(activity, weight, bias, self.feedback)  # type: ignore[no-untyped-call]
        return readings


BPTT = GradientPaths()
"""Backpropagation through time."""


class _Reading(torch.autograd.Function):
    """A linear reading whose errors come back through other weights."""

    @staticmethod
    def forward(
        ctx: Any, activity: Tensor, weight: Tensor, bias: Tensor, back: Tensor
    ) -> Tensor:
        ctx.save_for_backward(activity, back)
        return torch.nn.functional.linear(activity, weight, bias)

    @staticmethod
    def backward(ctx: Any, errors: Tensor) -> tuple[Tensor | None, ...]:
        activity, back = ctx.saved_tensors
        flat = errors.flatten(0, -2)
        into_weight = flat.T @ activity.flatten(0, -2)
        return errors @ back, into_weight, flat.sum(0), None
