"""Yardsticks of the bandit: chance, rules of thumb, Thompson, Gittins, the optimum.

They count each arm's wins and pulls, and know how many trials an episode has. But for
the last, they hold the arms for independent and any chance of reward for as likely as
another. They report no values.
"""

from typing import Protocol

import torch
from torch import Tensor

from metarl.baselines.bandit_planning import LONGEST, gittins_indices, optimal_plan
from metarl.baselines.bandit_thompson import (
    Beliefs,
    beliefs,
    chances_to_be_best,
    known_beliefs,
    quadrature,
)
from metarl.baselines.base import IMPOSSIBLE, best_logits, decide
from metarl.core.policy import Memory, Policy, PolicyOutput

LEAST_CHANCE = 1e-12
"""Chance of an arm to be the best below which its logarithm is not taken."""
TUNED_BONUS = 0.09
"""Width of the tuned confidence bound; 0.3 squared."""


class BanditParams(Protocol):
    """What strategies know of the task."""

    @property
    def arm_count(self) -> int:
        """Arms to choose from."""

    @property
    def trial_count(self) -> int:
        """Trials per episode."""

    @property
    def distribution(self) -> str:
        """Law of the arms' chances of reward."""


class BanditTask(Protocol):
    """The part of a bandit that strategies look at."""

    @property
    def params(self) -> BanditParams:
        """What the experimenter has set."""

    @property
    def device(self) -> torch.device:
        """Where the inputs will be."""


class BanditStrategy:
    """A strategy that counts, and chooses at random; subclasses prefer something."""

    def __init__(self, task: BanditTask) -> None:
        """Learn how many arms and trials there are."""
        self.arm_count = task.params.arm_count
        self.trial_count = task.params.trial_count
        self.device = task.device

    def initial_memory(self, num_envs: int) -> Memory:
        """(B, N) wins and pulls: none yet."""
        nothing = torch.zeros(num_envs, self.arm_count, device=self.device)
        return nothing, nothing

    def act(self, inputs: Tensor, memory: Memory) -> PolicyOutput:
        """Count the last trial, then choose."""
        wins, pulls = self._count(inputs, memory)
        logits = self.preferences(wins, pulls)
        return decide(logits, torch.zeros_like(inputs[:, 0]), (wins, pulls))

    def _count(self, inputs: Tensor, memory: Memory) -> Memory:
        """Wins and pulls after the last trial; none once all trials are over.

        The latter is met only where memory outlives the episode.
        """
        acted = inputs[:, -1 - self.arm_count : -1]
        wins = memory[0] + acted * inputs[:, -1:]
        pulls = memory[1] + acted
        going_on = pulls.sum(1, keepdim=True) < self.trial_count
        return wins * going_on, pulls * going_on

    def preferences(self, wins: Tensor, pulls: Tensor) -> Tensor:
        """(B, N) logits of the arms, given the counts; here all the same."""
        return torch.zeros_like(wins)


class Greedy(BanditStrategy):
    """Takes the arm with the best posterior mean, and never explores on purpose."""

    def preferences(self, wins: Tensor, pulls: Tensor) -> Tensor:
        """(B, N) the best mean."""
        return best_logits((wins + 1) / (pulls + 2))


class UpperConfidence(BanditStrategy):
    """Takes the arm whose chance of reward might be the best: UCB.

        bound = mean + sqrt(bonus ln(trials over) / pulls)

    An arm never pulled comes first. With a `prior`, each arm is thought to have paid
    `prior` times and not paid as often, one pull has gone to each already in the
    bonus, and one trial is over.

    Source: Auer et al. 2002, Mach Learn 47:235 (bonus 2); Wang et al. 2016.
    """

    def __init__(
        self, task: BanditTask, bonus: float = 1.0, *, prior: bool = False
    ) -> None:
        """Explore by the width `bonus` of the bound, at least 0."""
        super().__init__(task)
        self.bonus, self.prior = bonus, float(prior)

    def preferences(self, wins: Tensor, pulls: Tensor) -> Tensor:
        """(B, N) the best bound."""
        mean = (wins + self.prior) / (pulls + 2 * self.prior).clamp_min(1)
        over = (pulls.sum(1, keepdim=True) + self.prior).clamp_min(1)
        counted = pulls + self.prior
        reach = torch.sqrt(self.bonus * over.log() / counted.clamp_min(1))
        untried = counted == 0
        return best_logits((mean + reach).masked_fill(untried, -IMPOSSIBLE))


class Thompson(BanditStrategy):
    """Takes each arm as often as it is the best, by what is known: Thompson sampling.

    The choice is the softmax of exact logarithms of those chances, so that sampling
    the action is all the randomness there is.

    Source: Thompson 1933, Biometrika 25:285; Wang et al. 2016.
    """

    def __init__(self, task: BanditTask) -> None:
        """Choose the quadrature that is exact for the most that can be counted."""
        super().__init__(task)
        self.nodes = self.trial_count + self.arm_count
        self.rule = quadrature(self.nodes).to(self.device)

    def preferences(self, wins: Tensor, pulls: Tensor) -> Tensor:
        """(B, N) log chance to be the best."""
        chances = chances_to_be_best(self.beliefs(wins, pulls - wins), self.rule)
        return chances.clamp_min(LEAST_CHANCE).log().float()

    def beliefs(self, wins: Tensor, losses: Tensor) -> Beliefs:
        """What is held of the arms, looked up where a table of it is not too large."""
        if self.trial_count > LONGEST:
            return beliefs(wins, losses, self.rule)
        known = known_beliefs(self.trial_count, self.nodes)
        place = (wins * (self.trial_count + 1) + losses).long()
        return Beliefs(*(part.to(self.device)[place] for part in known))


class Gittins(BanditStrategy):
    """Takes the arm with the best index for the trials that are left."""

    def preferences(self, wins: Tensor, pulls: Tensor) -> Tensor:
        """(B, N) the best index."""
        left = self.trial_count - pulls.sum(1, keepdim=True).long()
        indices = gittins_indices(self.trial_count).to(self.device)
        return best_logits(indices[left, wins.long(), (pulls - wins).long()])


class BayesOptimal(BanditStrategy):
    """Plans to the end: no one who must learn two independent arms earns more."""

    def preferences(self, wins: Tensor, pulls: Tensor) -> Tensor:
        """(B, 2) the better arm."""
        plan = optimal_plan(self.trial_count)
        choice = plan.choice(wins.long().cpu(), pulls.long().cpu()).to(self.device)
        ways = [[0.0, IMPOSSIBLE], [IMPOSSIBLE, 0.0], [0.0, 0.0]]
        return torch.tensor(ways, device=self.device).index_select(0, choice)


class BayesGreedy(BanditStrategy):
    """Knows that the two chances add up to 1, and takes the arm that seems better.

    A loss of one arm tells as much as a win of the other, whichever is pulled, so that
    there is nothing to explore: it is the optimum.
    """

    def preferences(self, wins: Tensor, pulls: Tensor) -> Tensor:
        """(B, 2) the arm with more evidence."""
        return best_logits(wins + (pulls - wins).flip(1))


def make_baselines(task: BanditTask, discount: float = 0.0) -> dict[str, Policy]:
    """The task's yardsticks by name.

    Args:
        task: the task that will be stepped.
        discount: not used, as no values are reported.
    """
    strategies: dict[str, Policy] = {
        "random": BanditStrategy(task),
        "ucb": UpperConfidence(task),
        "thompson": Thompson(task),
        "greedy": Greedy(task),
        "ucb-tuned": UpperConfidence(task, TUNED_BONUS, prior=True),
    }
    independent = task.params.distribution == "independent"
    plannable = task.params.trial_count <= LONGEST
    if plannable:
        strategies["gittins"] = Gittins(task)
    if plannable and independent and task.params.arm_count == 2:
        strategies["bayes-optimal"] = BayesOptimal(task)
    if not independent:
        strategies["bayes-greedy"] = BayesGreedy(task)
    return strategies
