"""What reference strategies share: how preferences become a decision."""

import torch
from torch import Tensor

from metarl.core.policy import Memory, PolicyOutput

IMPOSSIBLE = -1e4
"""Logit of an action that is never taken; finite, so that no NaN can come of it."""
TIE = 1e-6
"""Values closer than this count as equal."""


def best_logits(values: Tensor) -> Tensor:
    """Logits that take the best action, and each of several best equally often.

    Args:
        values: (B, N) what each action is worth.

    Returns:
        (B, N).
    """
    best = values.amax(1, keepdim=True)
    return torch.where(values >= best - TIE, 0.0, IMPOSSIBLE)


def decide(logits: Tensor, value: Tensor, memory: Memory) -> PolicyOutput:
    """A decision of a strategy that has no units to record."""
    return PolicyOutput(logits, value, memory, logits.new_empty(len(logits), 0))
