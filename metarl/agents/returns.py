"""Reward prediction errors, and advantages as their discounted sums.

Between the axes of time and of environments there may be others, such as subjects.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def reward_prediction_error(
    rewards: Float[Tensor, "time *group batch"],
    values: Float[Tensor, "time+1 *group batch"],
    discounts: Float[Tensor, "time *group batch"],
) -> Float[Tensor, "time *group batch"]:
    """One-step reward prediction error, our model of phasic dopamine.

        rpe[t] = rewards[t] + discounts[t] * values[t + 1] - values[t]

    Args:
        rewards: (T, B) reward that followed action t, in reward units.
        values: (T + 1, B) critic output; the last row bootstraps.
        discounts: (T, B) per step, in [0, 1); 0 where the episode ended.

    Returns:
        (T, B) prediction error, in reward units; not detached.

    Source: Wang et al. 2018, Nat Neurosci 21:860, Methods; Schultz et al. 1997,
    Science 275:1593.
    """
    return rewards + discounts * values[1:] - values[:-1]


def advantages(
    rpes: Float[Tensor, "time *group batch"],
    discounts: Float[Tensor, "time *group batch"],
    trace_decay: float = 1.0,
) -> Float[Tensor, "time *group batch"]:
    """Discounted sum of the prediction errors from each step to the unroll's end.

        advantage[t] = rpe[t] + discounts[t] * trace_decay * advantage[t + 1]

    With trace_decay 1 it equals the n-step return, bootstrapped at the end of the
    unroll, minus values[t]: the paper's delta.

    Args:
        rpes: (T, B) from `reward_prediction_error`.
        discounts: (T, B) per step; 0 where the episode ended, which cuts the sum.
        trace_decay: lambda of the lambda-return, in [0, 1].

    Returns:
        (T, B) advantage, in reward units.

    Source: Mnih et al. 2016, ICML; Schulman et al. 2016, ICLR (lambda).
    """
    total = rpes.clone()
    carry = discounts * trace_decay
    # Backwards, in place: each row is final before the row before it needs it.
    for t in range(len(total) - 2, -1, -1):
        total[t].addcmul_(carry[t], total[t + 1])
    return total


def prediction_errors_on_arrival(
    rpes: Float[Tensor, "time *group batch"],
) -> Float[Tensor, "time+1 *group batch"]:
    """(T + 1, B) prediction errors at the step that reveals them, one after the action.

    The first row is NaN, as nothing was predicted before it.
    """
    return torch.cat([torch.full_like(rpes[:1], torch.nan), rpes])
