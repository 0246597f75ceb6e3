"""The door between the stepping loop and whatever chooses: a network or a strategy.

Observation, last action and last reward are joined here and nowhere else. Without the
last two a recurrent network cannot know what its own choices earned, so it could not
learn within an episode.

Source: Wang et al. 2018, Nat Neurosci 21:860, Methods.
"""

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

Memory = tuple[Tensor, ...]
"""What a policy carries from step to step: (B, n) tensors, one row a lane."""


class PolicyOutput(NamedTuple):
    """What a policy answers at one step, one row a lane."""

    logits: Tensor
    """(B, A) unnormalised log-probabilities of the actions."""
    value: Tensor
    """(B,) discounted reward expected from here on; 0 where a strategy has none."""
    memory: Memory
    """What to hand back at the next step."""
    units: Tensor
    """(B, H) activity to record; H is 0 where a strategy has no units."""


class SignalChange(NamedTuple):
    """What an experimenter does to a network's signals at one step: scale, then add."""

    rpe: tuple[Tensor, Tensor] | None = None
    """(B,) factor and (B,) addition for the prediction error that is an input."""
    units: tuple[Tensor, Tensor] | None = None
    """(B, H) factor and (B, H) addition for the units' activity."""


class Policy(Protocol):
    """Anything that the stepping loop can ask for a decision."""

    def initial_memory(self, num_envs: int) -> Memory:
        """The memory before an episode's first step."""
        ...

    def act(self, inputs: Tensor, memory: Memory) -> PolicyOutput:
        """Decide, given (B, O + A + 1) inputs from `join_inputs`."""
        ...


class SupportsInterventions(Policy, Protocol):
    """A policy whose signals an experimenter can change: a network."""

    def act(
        self, inputs: Tensor, memory: Memory, change: SignalChange | None = None
    ) -> PolicyOutput:
        """Decide, some signals changed by `change`."""
        ...


def restart(memory: Memory, initial: Memory, start: Tensor | None) -> Memory:
    """Memory, replaced by the initial one in the lanes of `start` (none if None)."""
    if start is None:
        return memory
    chosen = start.unsqueeze(1)
    pairs = zip(initial, memory, strict=True)
    return tuple(torch.where(chosen, new, old) for new, old in pairs)


def input_size(observation_size: int, action_count: int) -> int:
    """Length of the input vector."""
    return observation_size + action_count + 1


def join_inputs(
    observation: Tensor, last_action: Tensor, last_reward: Tensor
) -> Tensor:
    """Observation, one-hot last action and last reward, side by side.

    Args:
        observation: (B, O) what the task shows.
        last_action: (B, A) one-hot; all zeros at the start of an episode.
        last_reward: (B,) in reward units; 0 at the start of an episode.

    Returns:
        (B, O + A + 1).
    """
    return torch.cat([observation, last_action, last_reward.unsqueeze(1)], dim=1)
