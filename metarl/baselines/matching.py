"""Yardsticks of the matching task: chance, alternation, matching, and two planners."""

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor

from metarl.baselines.base import IMPOSSIBLE, best_logits, decide
from metarl.core.checks import check_between
from metarl.core.policy import Memory, Policy, PolicyOutput

DISCOUNT = 0.75
"""Per step; the paper's, so that values are comparable with its networks'."""
TOTAL_CHANCE = 0.5
"""Sum of the two arms' base chances."""
LONGEST_RUN = 100
"""Most choices of the rich arm in a row that the planner considers: the episode."""


class MatchingTask(Protocol):
    """The part of the matching task that strategies look at."""

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
        """What the subject is not told now; only oracles look."""


class MatchingStrategy:
    """A strategy that always responds validly, and otherwise at random.

    Subclasses say what they prefer. The memory holds, for each arm, the trials since it
    was chosen, or since the episode started. Nothing is expected: there are no values.
    """

    def __init__(self, task: MatchingTask) -> None:
        """Learn the task's layout."""
        self.device = task.device
        self.choosing = task.observation_names.index("choice")
        self.observation_size = len(task.observation_names)
        self.left = task.action_names.index("left")

    def initial_memory(self, num_envs: int) -> Memory:
        """(B, 2) no trial has passed."""
        return (torch.zeros(num_envs, 2, device=self.device),)

    def act(self, inputs: Tensor, memory: Memory) -> PolicyOutput:
        """Count the trial that the last action ended, then decide."""
        choosing = inputs[:, self.choosing] > 0
        acted = inputs[:, self.observation_size : -1] > 0
        # What is seen next after an action at the choice is the fixation cue.
        passed = (acted.any(1) & ~choosing).unsqueeze(1)
        chose = acted[:, self.left :] & passed
        waited = torch.where(chose, 0.0, memory[0] + passed)
        preferences = self.preferences(waited)
        centre = torch.where(choosing, IMPOSSIBLE, 0.0).unsqueeze(1)
        choice = torch.where(choosing.unsqueeze(1), preferences, IMPOSSIBLE)
        value = self.value(choosing, preferences)
        return decide(torch.cat([centre, choice], dim=1), value, (waited,))

    def preferences(self, waited: Tensor) -> Tensor:
        """(B, 2) logits of left and right, from the trials each has waited."""
        return torch.zeros_like(waited)

    def value(self, choosing: Tensor, preferences: Tensor) -> Tensor:
        """(B,) discounted reward expected of the trial; none here."""
        return torch.zeros(len(choosing), device=choosing.device)


class Alternation(MatchingStrategy):
    """Always takes the arm that it did not choose last; the first at random."""

    def preferences(self, waited: Tensor) -> Tensor:
        """(B, 2) the arm that has waited longer."""
        return best_logits(waited)


class Oracle(MatchingStrategy):
    """Is told the baited chances: its value is what the trial is worth."""

    def __init__(self, task: MatchingTask, discount: float = DISCOUNT) -> None:
        """Look into `task`, which must be the one that is being stepped."""
        super().__init__(task)
        check_between("discount", discount, 0, 1)
        self.hidden, self.discount = task.hidden, discount

    def value(self, choosing: Tensor, preferences: Tensor) -> Tensor:
        """(B,) discounted reward expected of the trial."""
        expected = (preferences.softmax(1) * self.chances()).sum(1)
        return torch.where(choosing, 1.0, self.discount) * expected

    def chances(self) -> Tensor:
        """(B, 2) chance that left and right pay now."""
        hidden = self.hidden()
        return torch.stack([hidden["chance_left"], hidden["chance_right"]], dim=1)

    def base(self) -> Tensor:
        """(B, 2) base chances of left and right."""
        p0_left = self.hidden()["p0_left"]
        return torch.stack([p0_left, TOTAL_CHANCE - p0_left], dim=1)


class GreedyBaited(Oracle):
    """Takes the arm that now pays with the higher chance, looking no further."""

    def preferences(self, waited: Tensor) -> Tensor:
        """(B, 2) the better arm."""
        return best_logits(self.chances())


class BestFixed(Oracle):
    """Knows the base chances, and chooses with the best probability that never changes.

    Each choice of an arm with base chance p, made with probability q, brings in the
    long run p / (p + q - p q). The best q makes this the same for both arms, which is
    Herrnstein's matching of choices to income, exactly: its odds are those of the
    base chances, one by the other.
    """

    def preferences(self, waited: Tensor) -> Tensor:
        """(B, 2) log odds of the base chances."""
        return torch.logit(self.base()).clamp(min=IMPOSSIBLE)


class RichThenPoor(Oracle):
    """Knows the base chances; takes the rich arm k times, then the poor one, and again.

    The k is the best in the long run, from `best_run`.
    """

    def preferences(self, waited: Tensor) -> Tensor:
        """(B, 2) the poor arm once it has waited for k trials."""
        base = self.base()
        left_is_rich = base[:, 0] >= base[:, 1]
        poor_waited = torch.where(left_is_rich, waited[:, 1], waited[:, 0])
        left = left_is_rich ^ (poor_waited >= best_run(base))
        return best_logits(torch.stack([left, ~left], dim=1).float())


def best_run(base: Tensor) -> Tensor:
    """How often the rich arm is best chosen in a row before the poor one once.

    In a cycle of k + 1 trials the first rich choice finds an arm that has waited two
    trials, the k - 1 others one that has waited one, and the poor choice one that has
    waited k + 1, so that a trial earns

        (1 - (1 - rich)^2 + (k - 1) rich + 1 - (1 - poor)^(k + 1)) / (k + 1).

    Args:
        base: (B, 2) base chances of the arms.

    Returns:
        (B,) k, from 1 (alternation) to LONGEST_RUN.
    """
    run = torch.arange(1, LONGEST_RUN + 1, device=base.device)
    rich, poor = base.amax(1, keepdim=True), base.amin(1, keepdim=True)
    first, after = 1 - (1 - rich) ** 2, (run - 1) * rich
    earned = first + after + 1 - (1 - poor) ** (run + 1)
    return 1 + (earned / (run + 1)).argmax(1)


def make_baselines(task: MatchingTask, discount: float = DISCOUNT) -> dict[str, Policy]:
    """The yardsticks by name; all but the first two look into this very task.

    `discount` scales their values, so that they are as an agent's with it.
    """
    return {
        "random": MatchingStrategy(task),
        "alternation": Alternation(task),
        "matching": BestFixed(task, discount),
        "greedy-baited": GreedyBaited(task, discount),
        "rich-then-poor": RichThenPoor(task, discount),
    }
