"""Baselines of the matching task: random, alternation, matching, and two planners."""

import torch
from torch import Tensor

from metarl.baselines.base import IMPOSSIBLE, ChoiceBaseline, StepInputs, best_logits
from metarl.core.checks import check_between
from metarl.core.policy import Memory, Policy
from metarl.envs.matching import Matching

DISCOUNT = 0.75
"""Per step, of the paper's networks, so that values are comparable."""
LONGEST_RUN = 100
"""Largest number of successive choices of the rich option that the planner considers:
the longest episode."""


class MatchingBaseline(ChoiceBaseline[Matching]):
    """Gives valid responses, otherwise random ones, and has no values.

    The memory holds, for each option, the number of trials since it was chosen, or
    since the start of the episode. A subclass prefers an option by it.
    """

    def initial_memory(self, num_envs: int) -> Memory:
        """(B, 2) no trial has passed."""
        return (torch.zeros(num_envs, 2, device=self.device),)

    def learn(self, step: StepInputs, beliefs: Memory) -> Memory:
        """Count the trial that the last action ended."""
        at_choice = self.is_choice[self.screen_of(step.observation)]
        acted = step.last_action > 0
        # Only an action at the choice is followed by the fixation screen.
        passed = (acted.any(1) & ~at_choice).unsqueeze(1)
        chosen = self.sides(acted) & passed
        return (torch.where(chosen, 0.0, beliefs[0] + passed),)

    def respond(self, step: StepInputs, beliefs: Memory) -> tuple[Tensor, Tensor]:
        """(B, A) logits and (B,) value."""
        screen = self.screen_of(step.observation)
        preferences = self.preferences(beliefs[0])
        value = self.value(self.is_choice[screen], preferences)
        return self.mask(screen, preferences), value

    def preferences(self, waited: Tensor) -> Tensor:
        """(B, 2) logits of left and right, from the trials since each was chosen."""
        return torch.zeros_like(waited)

    def value(self, at_choice: Tensor, preferences: Tensor) -> Tensor:
        """(B,) expected discounted reward of the trial; 0 here."""
        return torch.zeros(len(at_choice), device=self.device)


class Alternation(MatchingBaseline):
    """Always takes the option that it did not choose last; the first is random."""

    def preferences(self, waited: Tensor) -> Tensor:
        """(B, 2) the option that was chosen longer ago."""
        return best_logits(waited)


class Oracle(MatchingBaseline):
    """Knows the baited probabilities: its value is the expected reward of the trial."""

    def __init__(self, task: Matching, discount: float = DISCOUNT) -> None:
        """Read the hidden variables of `task`, which must be the one that is stepped.

        Args:
            task: the task that is stepped.
            discount: per step, in [0, 1]; scales only the values.
        """
        super().__init__(task)
        check_between("discount", discount, 0, 1)
        self.discount = discount

    def value(self, at_choice: Tensor, preferences: Tensor) -> Tensor:
        """(B,) expected discounted reward of the trial."""
        reward = (preferences.softmax(1) * self.baited()).sum(1)
        return torch.where(at_choice, 1.0, self.discount) * reward

    def baited(self) -> Tensor:
        """(B, 2) present reward probabilities of left and right."""
        hidden = self.task.hidden()
        return torch.stack([hidden["chance_left"], hidden["chance_right"]], dim=1)

    def base(self) -> Tensor:
        """(B, 2) base probabilities of left and right."""
        p0_left = self.task.hidden()["p0_left"]
        total = self.task.params.probability_sum
        return torch.stack([p0_left, total - p0_left], dim=1)


class GreedyBaited(Oracle):
    """Takes the option with the higher present probability, without looking ahead."""

    def preferences(self, waited: Tensor) -> Tensor:
        """(B, 2) the better option."""
        return best_logits(self.baited())


class BestFixed(Oracle):
    """Knows the base probabilities; chooses with the best constant probability.

    An option with base probability p that is chosen with probability q yields in the
    long run p / (p + q - p q) per choice. With the best q this yield is equal for both
    options, which is exactly Herrnstein's matching of choices to income: the odds of
    the choice are the ratio of the odds of the base probabilities.
    """

    def preferences(self, waited: Tensor) -> Tensor:
        """(B, 2) log odds of the base probabilities."""
        return torch.logit(self.base()).clamp(min=IMPOSSIBLE)


class RichThenPoor(Oracle):
    """Knows the base probabilities; repeats k rich choices and then a poor one.

    The k is the best in the long run, from `best_run`.
    """

    def preferences(self, waited: Tensor) -> Tensor:
        """(B, 2) the poor option once it was not chosen for k trials."""
        base = self.base()
        left_is_rich = base[:, 0] >= base[:, 1]
        poor_waited = torch.where(left_is_rich, waited[:, 1], waited[:, 0])
        left = left_is_rich ^ (poor_waited >= best_run(base))
        return best_logits(torch.stack([left, ~left], dim=1).float())


def best_run(base: Tensor) -> Tensor:
    """Find the best number of rich choices between two poor ones.

    In a cycle of k + 1 trials, the first rich choice comes two trials after the last
    one, the other k - 1 come one trial after, and the poor choice k + 1 trials after,
    so that the reward per trial is

        (1 - (1 - rich)^2 + (k - 1) rich + 1 - (1 - poor)^(k + 1)) / (k + 1).

    Args:
        base: (B, 2) base probabilities of the options.

    Returns:
        (B,) k, from 1 (alternation) to LONGEST_RUN.
    """
    run = torch.arange(1, LONGEST_RUN + 1, device=base.device)
    rich, poor = base.amax(1, keepdim=True), base.amin(1, keepdim=True)
    first, after = 1 - (1 - rich) ** 2, (run - 1) * rich
    reward = first + after + 1 - (1 - poor) ** (run + 1)
    return 1 + (reward / (run + 1)).argmax(1)


def make_baselines(task: Matching, discount: float = DISCOUNT) -> dict[str, Policy]:
    """Return the baselines by name; all but the first two read this very task.

    Args:
        task: the task that will be stepped.
        discount: per step; scales the values as those of an agent with this discount.
    """
    return {
        "random": MatchingBaseline(task),
        "alternation": Alternation(task),
        "matching": BestFixed(task, discount),
        "greedy-baited": GreedyBaited(task, discount),
        "rich-then-poor": RichThenPoor(task, discount),
    }
