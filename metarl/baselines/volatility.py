"""Yardsticks of the volatility task: chance, magnitude alone, learners, oracle."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from metarl.baselines.base import best_logits, decide
from metarl.core.checks import check_at_least, check_between
from metarl.core.policy import Memory, Policy, PolicyOutput

PROBABILITY_STABLE = 0.75
"""Chance that the better arm wins while the training schedule is stable."""
PROBABILITY_VOLATILE = 1.0
"""The same while it is volatile."""
PROBABILITY_SWAP = 0.2
"""Chance per volatile trial that the arms then swap."""
LOG_CHANGE = (-4.5, -3.5)
"""Bounds of the logarithm of the chance per trial that volatility changes."""
CHANGE_POINTS = 10
"""Chances of change, evenly spaced in logarithm, that stand for all."""
DISCOUNT = 0.9
"""Per step; accepted as by all tasks' yardsticks, and without effect here."""


class VolatilityTask(Protocol):
    """The part of the task that strategies look at."""

    @property
    def device(self) -> torch.device:
        """Where the inputs will be."""

    def hidden(self) -> Mapping[str, Tensor]:
        """What the subject is not told now; only oracles look."""


class Chooser:
    """A strategy that sees two magnitudes and takes an arm, here at random.

    Subclasses say with what chance they believe that left wins, and what follows. An
    arm won if it was taken and paid, or if the other was taken and did not pay.
    The value is the reward expected of the present trial: one step, no discount.
    """

    def __init__(self, task: VolatilityTask) -> None:
        """Learn where the inputs will be."""
        self.device = task.device

    def initial_memory(self, num_envs: int) -> Memory:
        """(B, n) tensors of beliefs before the first trial; none here."""
        return ()

    def act(self, inputs: Tensor, memory: Memory) -> PolicyOutput:
        """Learn from the last trial, then choose between two magnitudes."""
        magnitudes, acted, reward = inputs[:, :2], inputs[:, 2:4], inputs[:, 4]
        left_won = (acted[:, 0] > acted[:, 1]) == (reward > 0)
        beliefs = self.learn(left_won, acted.any(1), memory)
        chance = self.chance(beliefs, len(inputs))
        worth = torch.stack([chance, 1 - chance], dim=1) * magnitudes
        logits = self.preferences(worth)
        return decide(logits, (logits.softmax(1) * worth).sum(1), beliefs)

    def learn(self, left_won: Tensor, seen: Tensor, beliefs: Memory) -> Memory:
        """Beliefs after (B,) outcomes, in the lanes where one was `seen`."""
        return beliefs

    def chance(self, beliefs: Memory, num_envs: int) -> Tensor:
        """(B,) believed chance that left wins the present trial; half here."""
        return torch.full((num_envs,), 0.5, device=self.device)

    def preferences(self, worth: Tensor) -> Tensor:
        """(B, 2) logits from what the arms are thought to be worth; equal here."""
        return torch.zeros_like(worth)


class LargerMagnitude(Chooser):
    """Takes the larger magnitude, whatever wins."""

    def preferences(self, worth: Tensor) -> Tensor:
        """(B, 2) the arm worth more."""
        return best_logits(worth)


class Oracle(LargerMagnitude):
    """Is told the chance that left wins: the most that any subject could earn."""

    def __init__(self, task: VolatilityTask) -> None:
        """Look into `task`, which must be the one that is being stepped."""
        super().__init__(task)
        self.hidden = task.hidden

    def chance(self, beliefs: Memory, num_envs: int) -> Tensor:
        """(B,) the true chance."""
        return self.hidden()["probability_left"]


class BayesGreedy(LargerMagnitude):
    """Infers by Bayes, under the training schedule, who wins; takes the arm worth more.

    Its belief is the joint probability of the volatility, of which arm is better, and
    of the episode's chance of change, on a grid.

    Source: Behrens et al. 2007, Nat Neurosci 10:1214; Wang et al. 2018, Nat Neurosci
    21:860, Simulation 2 (its training schedule); taking the better arm is ours.
    """

    def __init__(self, task: VolatilityTask) -> None:
        """Know the training schedule."""
        super().__init__(task)
        stable, volatile = PROBABILITY_STABLE, PROBABILITY_VOLATILE
        chances = [[1 - stable, stable], [1 - volatile, volatile]]
        self.chances = torch.tensor(chances, device=self.device)
        low, high = LOG_CHANGE
        centres = (
            torch.arange(CHANGE_POINTS, device=self.device) + 0.5
        ) / CHANGE_POINTS
        self.change = torch.exp(low + (high - low) * centres)

    def initial_memory(self, num_envs: int) -> Memory:
        """(B, 4 * CHANGE_POINTS) everything may be as well as anything else."""
        size = 4 * CHANGE_POINTS
        return (torch.full((num_envs, size), 1 / size, device=self.device),)

    def learn(self, left_won: Tensor, seen: Tensor, beliefs: Memory) -> Memory:
        """Weigh the outcome, then allow for a swap of arms and a change of pace."""
        # (B, volatility, better arm: right or left, chance of change)
        before = self._unfolded(beliefs)
        won = torch.where(left_won[:, None, None], self.chances, 1 - self.chances)
        weighed = before * won.unsqueeze(3)
        weighed = weighed / weighed.sum((1, 2, 3), keepdim=True)
        stable, volatile = weighed.unbind(1)
        volatile = volatile + PROBABILITY_SWAP * (volatile.flip(1) - volatile)
        after = torch.stack([stable, volatile], dim=1)
        after = after + self.change * (after.flip(1) - after)
        return (torch.where(seen[:, None], after.flatten(1), beliefs[0]),)

    def chance(self, beliefs: Memory, num_envs: int) -> Tensor:
        """(B,) mean chance that left wins."""
        return (self._unfolded(beliefs).sum(3) * self.chances).sum((1, 2))

    def _unfolded(self, beliefs: Memory) -> Tensor:
        return beliefs[0].reshape(-1, 2, 2, CHANGE_POINTS)


@dataclass(frozen=True, kw_only=True)
class RescorlaWagnerParams:
    """What makes up a learner with a fixed rate; the values are ours."""

    learning_rate: float = 0.3
    """Share of a prediction error that the estimate takes up, in [0, 1]."""
    initial_chance: float = 0.5
    """Estimate at an episode's start, in [0, 1]."""
    inverse_temperature: float = 12.0
    """How sharply choice follows what the arms are worth, per unit of reward."""

    def __post_init__(self) -> None:
        """Refuse what is out of range."""
        check_between("learning_rate", self.learning_rate, 0, 1)
        check_between("initial_chance", self.initial_chance, 0, 1)
        check_at_least("inverse_temperature", self.inverse_temperature, 0)


class RescorlaWagner(Chooser):
    """Learns at one rate, however fast the world changes.

        chance += learning_rate * (left won - chance)

    Its choice is a softmax over chance times magnitude.

    Source: Rescorla & Wagner 1972; Behrens et al. 2007, Nat Neurosci 10:1214.
    """

    def __init__(
        self, task: VolatilityTask, params: RescorlaWagnerParams | None = None
    ) -> None:
        """Start with the learner's params."""
        super().__init__(task)
        self.params = params or RescorlaWagnerParams()

    def initial_memory(self, num_envs: int) -> Memory:
        """(B, 1) estimated chance that left wins."""
        start = self.params.initial_chance
        return (torch.full((num_envs, 1), start, device=self.device),)

    def learn(self, left_won: Tensor, seen: Tensor, beliefs: Memory) -> Memory:
        """Move the estimate towards the outcome."""
        error = left_won.float().unsqueeze(1) - beliefs[0]
        return (beliefs[0] + self.params.learning_rate * error * seen.unsqueeze(1),)

    def chance(self, beliefs: Memory, num_envs: int) -> Tensor:
        """(B,) the estimate."""
        return beliefs[0].squeeze(1)

    def preferences(self, worth: Tensor) -> Tensor:
        """(B, 2) logits of a softmax."""
        return self.params.inverse_temperature * worth


def make_baselines(
    task: VolatilityTask, discount: float = DISCOUNT
) -> dict[str, Policy]:
    """The yardsticks by name; the oracle looks into this very task.

    A choice pays within its step, so that `discount` scales nothing.
    """
    check_between("discount", discount, 0, 1)
    return {
        "random": Chooser(task),
        "larger-magnitude": LargerMagnitude(task),
        "rescorla-wagner": RescorlaWagner(task),
        "bayes-greedy": BayesGreedy(task),
        "oracle": Oracle(task),
    }
