"""Interface between the stepping loop and a policy: a network or a baseline.

Observation, last action and last reward are joined here and nowhere else. Without the
last two a recurrent network cannot relate its choices to their rewards, so it could not
learn within an episode.

Source: Wang et al. 2018, Nat Neurosci 21:860, Methods.
"""

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

Memory = tuple[Tensor, ...]
"""State of a policy between steps: (B, n) tensors, one row per environment."""


class PolicyOutput(NamedTuple):
    """Output of a policy at one step, one row per environment."""

    logits: Tensor
    """(B, A) unnormalised log-probabilities of the actions."""
    value: Tensor
    """(B,) expected discounted reward from this step on; 0 for a baseline without."""
    memory: Memory
    """Memory for the next step."""
    units: Tensor
    """(B, H) activity to record; H is 0 for a baseline without units."""


class SignalChange(NamedTuple):
    """Changes of a network's signals at one step by interventions: scale, then add."""

    rpe: tuple[Tensor, Tensor] | None = None
    """(B,) factor and (B,) addition for the prediction error input."""
    units: tuple[Tensor, Tensor] | None = None
    """(B, H) factor and (B, H) addition for the activity of the units."""


class Policy(Protocol):
    """Policy that the stepping loop can step."""

    def initial_memory(self, num_envs: int) -> Memory:
        """Memory before the first step of an episode."""
        ...

    def act(self, inputs: Tensor, memory: Memory) -> PolicyOutput:
        """Take one step, given (B, O + A + 1) inputs from `join_inputs`."""
        ...


class SupportsInterventions(Policy, Protocol):
    """Policy with signals that interventions can change: a network."""

    def act(
        self, inputs: Tensor, memory: Memory, change: SignalChange | None = None
    ) -> PolicyOutput:
        """Take one step, with some signals changed."""
        ...


def restart(memory: Memory, initial: Memory, start: Tensor | None) -> Memory:
    """Return the memory, the initial one in the environments of `start`."""
    if start is None:
        return memory
    chosen = start.unsqueeze(1)
    pairs = zip(initial, memory, strict=True)
    return tuple(torch.where(chosen, new, old) for new, old in pairs)


def input_size(observation_size: int, action_count: int) -> int:
    """Return the length of the input vector."""
    return observation_size + action_count + 1


def join_inputs(
    observation: Tensor, last_action: Tensor, last_reward: Tensor
) -> Tensor:
    """Join observation, one-hot last action and last reward.

    Args:
        observation: (B, O) observation of the task.
        last_action: (B, A) one-hot; all zeros at the start of an episode.
        last_reward: (B,) in reward units; 0 at the start of an episode.

    Returns:
        (B, O + A + 1).
    """
    return torch.cat([observation, last_action, last_reward.unsqueeze(1)], dim=1)
