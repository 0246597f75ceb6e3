"""What strategies of risky choice share: reading the screen, valid responses."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from metarl.baselines.base import IMPOSSIBLE, decide
from metarl.core.policy import Memory, PolicyOutput

FIXATION, FREE, FORCED_LEFT, FORCED_RIGHT = range(4)
"""Codes of what is on the screen."""


class RiskyChoiceParams(Protocol):
    """The true structure of the task, which the Bayesian choosers know."""

    @property
    def forced_pairs(self) -> int:
        """Pairs of forced trials, one of each arm."""

    @property
    def free_trials(self) -> int:
        """Trials of free choice."""

    @property
    def reward_safe(self) -> float:
        """What the safe arm always pays."""

    @property
    def reward_risky(self) -> float:
        """What the risky arm pays when it pays."""

    @property
    def probability_low(self) -> float:
        """Chance that the risky arm pays, in half of the episodes."""

    @property
    def probability_high(self) -> float:
        """The same in the other half."""

    @property
    def probability_right(self) -> float:
        """Chance that the risky arm is on the right."""


class RiskyChoiceTask(Protocol):
    """The part of the task that strategies look at."""

    @property
    def params(self) -> RiskyChoiceParams:
        """What the experimenter has set."""

    @property
    def device(self) -> torch.device:
        """Where the inputs will be."""

    @property
    def observation_names(self) -> tuple[str, ...]:
        """A name for each entry of the observation."""

    @property
    def action_names(self) -> tuple[str, ...]:
        """A name for each action."""

    def hidden(self) -> Mapping[str, Tensor]:
        """What the subject is not told now; only the oracle looks."""


class Outcome(NamedTuple):
    """What the last step's choice led to, one entry a lane."""

    side: Tensor
    """(B,) the arm that was pulled: 0 left, 1 right, -1 none."""
    reward: Tensor
    """(B,) what it paid."""
    free: Tensor
    """(B,) bool: the choice was free."""


class RiskyChoiceStrategy:
    """A strategy that always responds validly, and otherwise at random.

    Subclasses say what they believe and what each arm is worth to them. The memory
    holds the last screen, then the beliefs. Values count what the present trial may
    still pay; at fixation nothing is expected.
    """

    def __init__(self, task: RiskyChoiceTask) -> None:
        """Learn the task's layout."""
        screens = len(task.observation_names)
        self.params, self.left = task.params, task.action_names.index("left")
        self.observation_size, actions = screens, len(task.action_names)
        self.valid = torch.full((screens, actions), IMPOSSIBLE, device=task.device)
        self.valid[FIXATION, : self.left] = 0
        self.valid[FREE, self.left :] = 0
        self.valid[FORCED_LEFT, self.left] = 0
        self.valid[FORCED_RIGHT, self.left + 1] = 0

    def initial_memory(self, num_envs: int) -> Memory:
        """Nothing seen yet, and the beliefs to start with."""
        seen = torch.full((num_envs, 1), FIXATION, device=self.valid.device)
        return (seen, *self.initial_beliefs(num_envs))

    def act(self, inputs: Tensor, memory: Memory) -> PolicyOutput:
        """Learn from what the last action led to, then decide."""
        screen = inputs[:, : self.observation_size].argmax(1)
        previous, *before = memory
        outcome = self.read(inputs, previous.squeeze(1))
        beliefs = self.learn(outcome, tuple(before))
        logits = self.valid.index_select(0, screen)
        free = (screen == FREE).unsqueeze(1)
        logits[:, self.left :] += torch.where(free, self.preferences(beliefs), 0.0)
        chances = logits[:, self.left :].softmax(1) * (screen != FIXATION).unsqueeze(1)
        value = (chances * self.worth(beliefs)).sum(1)
        return decide(logits, value, (screen.unsqueeze(1), *beliefs))

    def read(self, inputs: Tensor, previous: Tensor) -> Outcome:
        """What the last action led to, if it pulled an arm that screen allowed."""
        acted = inputs[:, self.observation_size : -1]
        action = acted.argmax(1)
        allowed = self.valid[previous].gather(1, action.unsqueeze(1)).squeeze(1) == 0
        pulled = allowed & acted.any(1) & (previous != FIXATION)
        side = torch.where(pulled, action - self.left, -1)
        return Outcome(side, inputs[:, -1], previous == FREE)

    def initial_beliefs(self, num_envs: int) -> Memory:
        """(B, n) tensors of beliefs before the first trial; none here."""
        return ()

    def learn(self, outcome: Outcome, beliefs: Memory) -> Memory:
        """Beliefs after an outcome."""
        return beliefs

    def preferences(self, beliefs: Memory) -> Tensor:
        """(B, 2) logits of left and right, used where the choice is free."""
        return torch.zeros(2, device=self.valid.device)

    def worth(self, beliefs: Memory) -> Tensor:
        """(B, 2) reward expected of left and right; nothing here."""
        return torch.zeros(2, device=self.valid.device)
