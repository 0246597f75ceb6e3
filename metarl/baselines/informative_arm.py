"""Yardsticks of the informative arm: chance, asking first, guessing, being told."""

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor

from metarl.baselines.base import best_logits, decide
from metarl.core.policy import Memory, Policy, PolicyOutput

UNTRIED, FOUND = 1.0, 2.0
"""What an arm is worth trying: 0 where it was tried, FOUND where it is the target."""


class InformativeArmTask(Protocol):
    """The part of the task that strategies look at."""

    @property
    def device(self) -> torch.device:
        """Where the inputs will be."""

    @property
    def action_names(self) -> tuple[str, ...]:
        """A name for each arm; the last one is informative."""

    @property
    def reward_range(self) -> tuple[float, float]:
        """Least and greatest reward; the greatest is the target's."""

    def hidden(self) -> Mapping[str, Tensor]:
        """What the subject is not told now; only the oracle looks."""


class Random:
    """Takes any arm, all as often; subclasses say what the arms are worth trying.

    The memory holds (B, arms) worths. No value is reported.
    """

    def __init__(self, task: InformativeArmTask) -> None:
        """Learn the number of arms."""
        self.arm_count, self.device = len(task.action_names), task.device
        self.ordinary = self.arm_count - 1
        self.target_reward = task.reward_range[1]

    def initial_memory(self, num_envs: int) -> Memory:
        """Every ordinary arm is as good as another."""
        worths = torch.zeros(num_envs, self.arm_count, device=self.device)
        worths[:, : self.ordinary] = UNTRIED
        return (worths,)

    def act(self, inputs: Tensor, memory: Memory) -> PolicyOutput:
        """Learn from what the last arm paid, then take one of the worthiest."""
        chosen, reward = inputs[:, -1 - self.arm_count : -1], inputs[:, -1:]
        worths = self.learn(memory[0], chosen, reward)
        return decide(self.logits(worths), worths.new_zeros(len(worths)), (worths,))

    def logits(self, worths: Tensor) -> Tensor:
        """(B, arms) all the same."""
        return torch.zeros_like(worths)

    def learn(self, worths: Tensor, chosen: Tensor, reward: Tensor) -> Tensor:
        """(B, arms) worths after (B, arms) one-hot `chosen` paid (B, 1) `reward`."""
        return worths


class Guesser(Random):
    """Tries ordinary arms, none twice, until one is the target, and stays there.

    The most that can be earned without ever asking the informative arm.
    """

    def logits(self, worths: Tensor) -> Tensor:
        """(B, arms) the worthiest."""
        return best_logits(worths)

    def learn(self, worths: Tensor, chosen: Tensor, reward: Tensor) -> Tensor:
        """The arm that was tried is the target, or never again worth a try."""
        found = torch.where(reward == self.target_reward, FOUND, 0.0)
        return torch.where(chosen > 0, found, worths)


class Informed(Guesser):
    """Asks the informative arm first, then takes the target it told of.

    With the default arms and trials, the most that can be earned by one who is not
    told the target; with fewer arms, guessing may be better.
    """

    def initial_memory(self, num_envs: int) -> Memory:
        """Only the informative arm is worth a try."""
        return (1 - super().initial_memory(num_envs)[0],)

    def learn(self, worths: Tensor, chosen: Tensor, reward: Tensor) -> Tensor:
        """The informative arm's reward is the target's number, scaled."""
        target = (reward * self.ordinary).round().long() - 1
        told = torch.arange(self.arm_count, device=self.device) == target
        return torch.where(chosen[:, -1:] > 0, FOUND * told, worths)


class Oracle(Guesser):
    """Is told the target: the most that any subject could earn."""

    def __init__(self, task: InformativeArmTask) -> None:
        """Look into `task`, which must be the one that is being stepped."""
        super().__init__(task)
        self.hidden = task.hidden

    def learn(self, worths: Tensor, chosen: Tensor, reward: Tensor) -> Tensor:
        """Look which arm is the target."""
        target = self.hidden()["target"].unsqueeze(1)
        return torch.zeros_like(worths).scatter(1, target, FOUND)


def make_baselines(
    task: InformativeArmTask, discount: float = 1.0
) -> dict[str, Policy]:
    """The yardsticks by name; the oracle looks into this very task.

    They report no values, so that `discount` changes nothing.
    """
    return {
        "random": Random(task),
        "guesser": Guesser(task),
        "informed": Informed(task),
        "oracle": Oracle(task),
    }
