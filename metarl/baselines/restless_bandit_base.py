"""What strategies of the restless bandit share: reading the last outcome, choosing."""

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor

from metarl.baselines.base import decide
from metarl.core.policy import Memory, PolicyOutput

ARMS = 2
"""Left and right."""


class Params(Protocol):
    """The true structure of the task, which the planner knows."""

    @property
    def deviation_low(self) -> float:
        """Standard deviation of a trial's drift in a quiet episode."""

    @property
    def deviation_high(self) -> float:
        """The same in a volatile episode."""


class RestlessBanditTask(Protocol):
    """The part of the task that strategies look at."""

    @property
    def params(self) -> Params:
        """What the experimenter has set."""

    @property
    def device(self) -> torch.device:
        """Where the inputs will be."""

    def hidden(self) -> Mapping[str, Tensor]:
        """What the subject is not told now; only the oracle looks."""


class Random:
    """Takes either arm, both as often; subclasses learn and prefer."""

    def __init__(self, task: RestlessBanditTask) -> None:
        """Learn where the inputs will be."""
        self.device = task.device

    def initial_memory(self, num_envs: int) -> Memory:
        """(B, n) tensors of beliefs before the first trial; none here."""
        return ()

    def act(self, inputs: Tensor, memory: Memory) -> PolicyOutput:
        """Learn from the last outcome, then decide."""
        chosen, reward = inputs[:, -1 - ARMS : -1], inputs[:, -1:]
        beliefs = self.learn(memory, chosen, reward)
        logits = self.logits(beliefs, len(inputs))
        return decide(logits, logits.new_zeros(len(logits)), beliefs)

    def learn(self, beliefs: Memory, chosen: Tensor, reward: Tensor) -> Memory:
        """Beliefs after the arm `chosen` paid.

        Args:
            beliefs: as `initial_memory` lays out.
            chosen: (B, 2) one-hot; all zeros before the first choice.
            reward: (B, 1).
        """
        return beliefs

    def logits(self, beliefs: Memory, num_envs: int) -> Tensor:
        """(B, 2) preferences for left and right; none here."""
        return torch.zeros(num_envs, ARMS, device=self.device)
