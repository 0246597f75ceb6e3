"""Yardsticks of the restless bandit: chance, UCB, Thompson, Rescorla-Wagner, Bayes.

None reports a value. UCB, Thompson sampling and the Rescorla-Wagner learner are those
of the paper: they learn of each arm from its own outcomes, not knowing that one arm's
chance is the rest of the other's. The planner and the oracle, which bound what can be
earned, are ours.

Source: Wang et al. 2016, arXiv 1611.05763, section 3.1.4.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from metarl.baselines.base import best_logits
from metarl.baselines.restless_bandit_base import ARMS, Random, RestlessBanditTask
from metarl.baselines.restless_bandit_bayes import BayesGreedy, Oracle
from metarl.core.checks import check_at_least, check_between
from metarl.core.policy import Memory, Policy


class UpperConfidence(Random):
    """UCB1: takes the arm with the highest upper bound of its mean reward.

        mean(arm) + sqrt(width * ln(trials) / trials(arm))

    An arm that was never tried comes first.

    Source: Auer, Cesa-Bianchi & Fischer 2002, Mach Learn 47:235; Wang et al. 2016.
    """

    def __init__(self, task: RestlessBanditTask, width: float = 1.0) -> None:
        """Set the paper's chi, `width`: how much a doubtful mean is favoured."""
        super().__init__(task)
        check_at_least("width", width, 0)
        self.width = width

    def initial_memory(self, num_envs: int) -> Memory:
        """(B, 2) trials of each arm, and what they paid."""
        nothing = torch.zeros(num_envs, ARMS, device=self.device)
        return nothing, nothing

    def learn(self, beliefs: Memory, chosen: Tensor, reward: Tensor) -> Memory:
        """Count the trial and its reward."""
        trials, paid = beliefs
        return trials + chosen, paid + chosen * reward

    def logits(self, beliefs: Memory, num_envs: int) -> Tensor:
        """(B, 2) the arm with the higher bound."""
        trials, paid = beliefs
        elapsed = trials.sum(1, keepdim=True).clamp(min=1)
        bounds = paid / trials + (self.width * elapsed.log() / trials).sqrt()
        return best_logits(torch.where(trials > 0, bounds, torch.inf))


@dataclass(frozen=True, kw_only=True)
class ThompsonParams:
    """What Thompson sampling takes for true; the values are ours."""

    deviation: float = 0.05
    """Standard deviation of a chance's drift per trial, the same in every episode.
    Of .02 to .14, it leaves the least regret on the task as it is by default."""
    outcome_variance: float = 1 / 6
    """Variance of a reward around its chance: the mean of p(1 - p) for uniform p."""
    initial_variance: float = 1 / 12
    """Variance of a chance around 1/2 before the first trial: that of uniform p."""

    def __post_init__(self) -> None:
        """Refuse what is no deviation and no variance."""
        check_at_least("deviation", self.deviation, 0)
        check_between("outcome_variance", self.outcome_variance, 1e-6, 1)
        check_between("initial_variance", self.initial_variance, 1e-6, 1)


class Thompson(Random):
    """Takes an arm as often as it believes it the better; each chance drifts.

    A Kalman filter an arm: a Gaussian walk of fixed volatility, seen through rewards of
    fixed variance. One number drawn from each belief decides, so that with means m and
    variances v the left arm is taken with the chance Phi((m - m') / sqrt(v + v')),
    which the logits hold: no draw is needed but that of the action.

    Source: Wang et al. 2016 (the walk of fixed volatility); Thompson 1933.
    """

    def __init__(
        self, task: RestlessBanditTask, params: ThompsonParams | None = None
    ) -> None:
        """Start with what it takes for true."""
        super().__init__(task)
        self.params = params or ThompsonParams()

    def initial_memory(self, num_envs: int) -> Memory:
        """(B, 2) means and variances of the arms' chances."""
        means = torch.full((num_envs, ARMS), 0.5, device=self.device)
        return means, torch.full_like(means, self.params.initial_variance)

    def learn(self, beliefs: Memory, chosen: Tensor, reward: Tensor) -> Memory:
        """Weigh the outcome; then both chances drift."""
        means, variances = beliefs
        gains = chosen * variances / (variances + self.params.outcome_variance)
        seen = chosen.sum(1, keepdim=True)
        drifted = variances * (1 - gains) + seen * self.params.deviation**2
        return means + gains * (reward - means), drifted

    def logits(self, beliefs: Memory, num_envs: int) -> Tensor:
        """(B, 2) log chances that an arm's draw is the greater."""
        means, variances = beliefs
        ahead = (means[:, 0] - means[:, 1]) / variances.sum(1).sqrt()
        logits: Tensor = torch.special.log_ndtr(torch.stack([ahead, -ahead], dim=1))
        return logits


@dataclass(frozen=True, kw_only=True)
class RescorlaWagnerParams:
    """What makes up a learner with a fixed rate."""

    learning_rate: float = 0.5
    """Share of a prediction error that a value takes up, in [0, 1]; the paper's."""
    initial_value: float = 0.5
    """Value of an arm at an episode's start, in reward units: chance."""
    inverse_temperature: float = 12.0
    """How sharply choice follows the values, per unit of reward, at least 0. Ours: of 6
    to 16 in twos, among those that leave the least regret."""

    def __post_init__(self) -> None:
        """Refuse what is out of range."""
        check_between("learning_rate", self.learning_rate, 0, 1)
        check_at_least("inverse_temperature", self.inverse_temperature, 0)


class RescorlaWagner(Random):
    """Moves the value of the arm chosen by a fixed share of the prediction error.

        value(arm) += learning_rate * (reward - value(arm))

    Choice is a softmax of the values.

    Source: Rescorla & Wagner 1972; Wang et al. 2016.
    """

    def __init__(
        self, task: RestlessBanditTask, params: RescorlaWagnerParams | None = None
    ) -> None:
        """Start with the learner's params."""
        super().__init__(task)
        self.params = params or RescorlaWagnerParams()

    def initial_memory(self, num_envs: int) -> Memory:
        """(B, 2) values of the arms."""
        start = self.params.initial_value
        return (torch.full((num_envs, ARMS), start, device=self.device),)

    def learn(self, beliefs: Memory, chosen: Tensor, reward: Tensor) -> Memory:
        """Move the value of the arm chosen."""
        (values,) = beliefs
        return (values + self.params.learning_rate * chosen * (reward - values),)

    def logits(self, beliefs: Memory, num_envs: int) -> Tensor:
        """(B, 2) of a softmax."""
        return self.params.inverse_temperature * beliefs[0]


def make_baselines(
    task: RestlessBanditTask, discount: float = 1.0
) -> dict[str, Policy]:
    """The yardsticks by name; the oracle looks into this very task.

    They report no values, so that `discount` changes nothing.
    """
    return {
        "random": Random(task),
        "ucb": UpperConfidence(task),
        "thompson": Thompson(task),
        "rescorla-wagner": RescorlaWagner(task),
        "bayes-greedy": BayesGreedy(task),
        "oracle": Oracle(task),
    }
