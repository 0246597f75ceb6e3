"""Base of the two-step baselines: screens, and values through the transitions."""

from typing import Any, TypeVar

import torch
from torch import Tensor

from metarl.baselines.base import ScreenBaseline
from metarl.envs.two_stage import BLANK_SCREEN, S1_SCREEN, TwoStageTask

FIRST, S1, S2 = S1_SCREEN - 1, S1_SCREEN, S1_SCREEN + 1
"""Indices of the task's screens."""
DISCOUNT = 0.9
"""Per step, of the paper's networks, so that values are comparable."""

AnyTwoStageTask = TypeVar("AnyTwoStageTask", bound=TwoStageTask[Any])


class TwoStageBaseline(ScreenBaseline[AnyTwoStageTask]):
    """Gives valid responses, otherwise random ones.

    Values are the expected reward of the present trial; they are 0 before the first
    stage and on a blank screen.
    """

    first_previous = BLANK_SCREEN


def through_transitions(
    probability_common: float | Tensor, s1: Tensor, s2: Tensor
) -> Tensor:
    """(B, 2) values of left and right, given the (B,) values of S1 and S2.

    The probability that left leads to S1 and right to S2 is one for all, or (B,).
    """
    common, rare = probability_common, 1 - probability_common
    return torch.stack([common * s1 + rare * s2, rare * s1 + common * s2], dim=1)


def by_screen(screen: Tensor, first: Tensor, s1: Tensor, s2: Tensor) -> Tensor:
    """(B,) value of the current screen; 0 at fixation and on a blank screen."""
    zero = torch.zeros_like(first)
    values = torch.stack([zero, first, s1, s2, zero])
    return values.gather(0, screen.unsqueeze(0)).squeeze(0)
