"""Baselines of the volatility task: random, larger magnitude, learners, oracle."""

from dataclasses import dataclass

import torch
from torch import Tensor

from metarl.baselines.base import BaselinePolicy, StepInputs, best_logits
from metarl.core.checks import check_at_least, check_between
from metarl.core.policy import Memory, Policy
from metarl.envs.volatility import Volatility

CHANGE_POINTS = 10
"""Grid points, evenly spaced in logarithm, of the probability of a change."""
DISCOUNT = 0.9
"""Per step; an argument of all baselines, without effect here."""


class VolatilityBaseline(BaselinePolicy[Volatility]):
    """Observes two magnitudes and takes an arm, here at random.

    A subclass gives the probability that left wins, and its preferences. Either arm's
    outcome reveals the winner: the chosen arm won if there was a reward. The value is
    the expected reward of the present trial: one step, without discount.
    """

    def learn(self, step: StepInputs, beliefs: Memory) -> Memory:
        """Learn from the winner of the last trial."""
        acted = step.last_action
        left_won = (acted[:, 0] > acted[:, 1]) == (step.reward > 0)
        return self.learn_winner(left_won, acted.any(1), beliefs)

    def learn_winner(
        self, left_won: Tensor, observed: Tensor, beliefs: Memory
    ) -> Memory:
        """Beliefs after (B,) outcomes, in environments where one was `observed`."""
        return beliefs

    def respond(self, step: StepInputs, beliefs: Memory) -> tuple[Tensor, Tensor]:
        """(B, 2) logits and (B,) expected reward of the trial."""
        left = self.probability_left(beliefs, len(step.reward))
        worth = torch.stack([left, 1 - left], dim=1) * step.observation
        logits = self.preferences(worth)
        return logits, (logits.softmax(1) * worth).sum(1)

    def probability_left(self, beliefs: Memory, num_envs: int) -> Tensor:
        """(B,) believed probability that left wins this trial; half here."""
        return torch.full((num_envs,), 0.5, device=self.device)

    def preferences(self, worth: Tensor) -> Tensor:
        """(B, 2) logits from the expected rewards of the arms; equal here."""
        return torch.zeros_like(worth)


class LargerMagnitude(VolatilityBaseline):
    """Takes the larger magnitude, whichever arm wins."""

    def preferences(self, worth: Tensor) -> Tensor:
        """(B, 2) the arm with the greater expected reward."""
        return best_logits(worth)


class Oracle(LargerMagnitude):
    """Knows the probability that left wins: the upper limit of any subject's reward."""

    def probability_left(self, beliefs: Memory, num_envs: int) -> Tensor:
        """(B,) the true probability."""
        return self.task.hidden()["probability_left"]


class BayesGreedy(LargerMagnitude):
    """Infers the winner by Bayes' rule under the training schedule; maximises reward.

    Its belief is the joint probability of the volatility, the better arm, and the
    episode's probability of a change, on a grid.

    Source: Behrens et al. 2007, Nat Neurosci 10:1214; Wang et al. 2018, Nat Neurosci
    21:860, Simulation 2 (its training schedule); taking the better arm is ours.
    """

    def __init__(self, task: Volatility) -> None:
        """Read the parameters of the training schedule, whatever that of the task."""
        super().__init__(task)
        p = task.params
        stable, volatile = p.probability_stable, p.probability_volatile
        left = [[1 - stable, stable], [1 - volatile, volatile]]
        self.probabilities = torch.tensor(left, device=self.device)
        """(2, 2) that left wins: by volatility, and with right or left better."""
        self.swap = p.probability_swap
        low, high = p.log_change_least, p.log_change_most
        points = torch.arange(CHANGE_POINTS, device=self.device)
        self.change = torch.exp(low + (high - low) * ((points + 0.5) / CHANGE_POINTS))

    def initial_memory(self, num_envs: int) -> Memory:
        """(B, 4 * CHANGE_POINTS) all equally likely."""
        size = 4 * CHANGE_POINTS
        return (torch.full((num_envs, size), 1 / size, device=self.device),)

    def learn_winner(
        self, left_won: Tensor, observed: Tensor, beliefs: Memory
    ) -> Memory:
        """Apply Bayes' rule; allow for a swap and a change of volatility."""
        # (B, volatility, better arm: right or left, probability of a change)
        before = self._unfolded(beliefs)
        left = self.probabilities
        likelihood = torch.where(left_won[:, None, None], left, 1 - left)
        joint = before * likelihood.unsqueeze(3)
        posterior = joint / joint.sum((1, 2, 3), keepdim=True)
        stable, volatile = posterior.unbind(1)
        volatile = volatile + self.swap * (volatile.flip(1) - volatile)
        after = torch.stack([stable, volatile], dim=1)
        after = after + self.change * (after.flip(1) - after)
        return (torch.where(observed[:, None], after.flatten(1), beliefs[0]),)

    def probability_left(self, beliefs: Memory, num_envs: int) -> Tensor:
        """(B,) mean probability that left wins."""
        return (self._unfolded(beliefs).sum(3) * self.probabilities).sum((1, 2))

    def _unfolded(self, beliefs: Memory) -> Tensor:
        return beliefs[0].reshape(-1, 2, 2, CHANGE_POINTS)


@dataclass(frozen=True, kw_only=True)
class RescorlaWagnerParams:
    """Parameters of a learner with a constant rate; the values are ours."""

    learning_rate: float = 0.3
    """Change of the estimate per unit of prediction error, in [0, 1]."""
    initial_probability: float = 0.5
    """Estimate at the start of an episode, in [0, 1]."""
    inverse_temperature: float = 12.0
    """Slope of the softmax choice over expected rewards, per unit of reward."""

    def __post_init__(self) -> None:
        """Validate the fields."""
        check_between("learning_rate", self.learning_rate, 0, 1)
        check_between("initial_probability", self.initial_probability, 0, 1)
        check_at_least("inverse_temperature", self.inverse_temperature, 0)


class RescorlaWagner(VolatilityBaseline):
    """Learns at a constant rate, whatever the volatility.

        probability += learning_rate * (left won - probability)

    Its choice is a softmax over probability times magnitude.

    Source: Rescorla & Wagner 1972; Behrens et al. 2007, Nat Neurosci 10:1214.
    """

    def __init__(
        self, task: Volatility, params: RescorlaWagnerParams | None = None
    ) -> None:
        """Read the layout of `task`; use the learner's parameters."""
        super().__init__(task)
        self.params = params or RescorlaWagnerParams()

    def initial_memory(self, num_envs: int) -> Memory:
        """(B, 1) estimated probability that left wins."""
        start = self.params.initial_probability
        return (torch.full((num_envs, 1), start, device=self.device),)

    def learn_winner(
        self, left_won: Tensor, observed: Tensor, beliefs: Memory
    ) -> Memory:
        """Move the estimate towards the outcome."""
        error = left_won.float().unsqueeze(1) - beliefs[0]
        change = self.params.learning_rate * error * observed.unsqueeze(1)
        return (beliefs[0] + change,)

    def probability_left(self, beliefs: Memory, num_envs: int) -> Tensor:
        """(B,) the estimate."""
        return beliefs[0].squeeze(1)

    def preferences(self, worth: Tensor) -> Tensor:
        """(B, 2) logits of a softmax."""
        return self.params.inverse_temperature * worth


def make_baselines(task: Volatility, discount: float = DISCOUNT) -> dict[str, Policy]:
    """Return the baselines by name; the oracle reads this very task.

    Args:
        task: the task that will be stepped.
        discount: per step; without effect, because a reward is of the same step.
    """
    check_between("discount", discount, 0, 1)
    return {
        "random": VolatilityBaseline(task),
        "larger-magnitude": LargerMagnitude(task),
        "rescorla-wagner": RescorlaWagner(task),
        "bayes-greedy": BayesGreedy(task),
        "oracle": Oracle(task),
    }
