"""Baselines of the informative arm: random, informed, guessing, oracle."""

import torch
from torch import Tensor

from metarl.baselines.base import BaselinePolicy, StepInputs, best_logits
from metarl.core.policy import Memory, Policy
from metarl.envs.informative_arm import InformativeArm

UNTRIED, TARGET = 1.0, 2.0
"""Worth of an untried arm and of the target; that of a tried arm is 0."""


class InformativeArmBaseline(BaselinePolicy[InformativeArm]):
    """Takes all arms with equal probability; the memory holds a worth of each arm."""

    def __init__(self, task: InformativeArm) -> None:
        """Read the layout and the parameters of `task`."""
        super().__init__(task)
        self.ordinary, self.params = task.ordinary, task.params

    def initial_memory(self, num_envs: int) -> Memory:
        """(B, arms) worth: all ordinary arms are untried."""
        worth = torch.zeros(num_envs, self.action_count, device=self.device)
        worth[:, : self.ordinary] = UNTRIED
        return (worth,)


class Guesser(InformativeArmBaseline):
    """Tries each ordinary arm at most once until one is the target, and stays there.

    Its reward is the upper limit without the informative arm.
    """

    def logits(self, step: StepInputs, beliefs: Memory) -> Tensor:
        """(B, arms) the arms with the greatest worth."""
        return best_logits(beliefs[0])

    def learn(self, step: StepInputs, beliefs: Memory) -> Memory:
        """Mark the chosen arm as the target, or as tried."""
        hit = step.reward.unsqueeze(1) == self.params.reward_target
        return (torch.where(step.last_action > 0, TARGET * hit, beliefs[0]),)


class Informed(Guesser):
    """Takes the informative arm first, then the target that it reveals.

    With the default arms and trials, its reward is the upper limit without knowledge of
    the target; with fewer arms, guessing may be better.
    """

    def initial_memory(self, num_envs: int) -> Memory:
        """(B, arms) worth: only the informative arm is untried."""
        return (1 - super().initial_memory(num_envs)[0],)

    def learn(self, step: StepInputs, beliefs: Memory) -> Memory:
        """Compute the target from the reward of the informative arm."""
        number = step.reward.unsqueeze(1) * self.task.clue_divisor
        target = number.round().long() - 1
        is_target = torch.arange(self.action_count, device=self.device) == target
        informative = step.last_action[:, -1:] > 0
        return (torch.where(informative, TARGET * is_target, beliefs[0]),)


class Oracle(Guesser):
    """Knows the target: the upper limit of the reward of any subject."""

    def learn(self, step: StepInputs, beliefs: Memory) -> Memory:
        """Read the target from the task."""
        target = self.task.hidden()["target"].unsqueeze(1)
        return (torch.zeros_like(beliefs[0]).scatter(1, target, TARGET),)


def make_baselines(task: InformativeArm, discount: float = 1.0) -> dict[str, Policy]:
    """Return the baselines by name; the oracle reads this very task.

    Args:
        task: the task that will be stepped.
        discount: per step; without effect, because no values are reported.
    """
    return {
        "random": InformativeArmBaseline(task),
        "guesser": Guesser(task),
        "informed": Informed(task),
        "oracle": Oracle(task),
    }
