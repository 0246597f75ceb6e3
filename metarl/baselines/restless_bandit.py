"""Baselines of the restless bandit: random, UCB, Thompson, Rescorla-Wagner, Bayes.

None reports a value. UCB, Thompson sampling and the Rescorla-Wagner learner are those
of the paper: they learn about each arm from its own outcomes, without knowing that the
two reward probabilities sum to 1. The planner and the oracle, the upper limits of
reward without and with knowledge of the probabilities, are ours.

Source: Wang et al. 2016, arXiv 1611.05763, section 3.1.4.
"""

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from metarl.baselines.base import BaselinePolicy, StepInputs, best_logits
from metarl.core.checks import check_at_least, check_between
from metarl.core.policy import Memory, Policy
from metarl.envs.restless_bandit import RestlessBandit

BINS = 100
"""Equal parts of [0, 1] for the planner's belief about the probability of left."""
IMAGES = range(-3, 4)
"""Reflections of a step that are summed, in periods of 2; a deviation is at most 1, so
that further ones are more than 5 deviations away."""


class UpperConfidence(BaselinePolicy[RestlessBandit]):
    """UCB1: takes the arm with the highest upper bound of its mean reward.

        mean(arm) + sqrt(width * ln(trials) / trials(arm))

    An arm that was never tried comes first.

    Source: Auer, Cesa-Bianchi & Fischer 2002, Mach Learn 47:235; Wang et al. 2016.
    """

    def __init__(self, task: RestlessBandit, width: float = 1.0) -> None:
        """Set `width`, the paper's chi: the weight of uncertainty, at least 0."""
        super().__init__(task)
        check_at_least("width", width, 0)
        self.width = width

    def initial_memory(self, num_envs: int) -> Memory:
        """(B, 2) trials and total reward of each arm."""
        zeros = torch.zeros(num_envs, self.action_count, device=self.device)
        return zeros, zeros

    def learn(self, step: StepInputs, beliefs: Memory) -> Memory:
        """Count the trial and its reward."""
        trials, total = beliefs
        reward = step.last_action * step.reward.unsqueeze(1)
        return trials + step.last_action, total + reward

    def logits(self, step: StepInputs, beliefs: Memory) -> Tensor:
        """(B, 2) the arm with the higher bound."""
        trials, total = beliefs
        elapsed = trials.sum(1, keepdim=True).clamp(min=1)
        bounds = total / trials + (self.width * elapsed.log() / trials).sqrt()
        return best_logits(torch.where(trials > 0, bounds, torch.inf))


@dataclass(frozen=True, kw_only=True)
class ThompsonParams:
    """Assumptions of Thompson sampling; the values are ours."""

    deviation: float = 0.05
    """Standard deviation of the drift per trial, the same in every episode; of .02 to
    .14, it leaves the smallest regret on the task with its default parameters."""
    outcome_variance: float = 1 / 6
    """Variance of a reward around its probability: mean of p(1 - p) for uniform p."""
    initial_variance: float = 1 / 12
    """Variance of a probability before the first trial: that of uniform p."""

    def __post_init__(self) -> None:
        """Validate the fields."""
        check_at_least("deviation", self.deviation, 0)
        check_between("outcome_variance", self.outcome_variance, 1e-6, 1)
        check_between("initial_variance", self.initial_variance, 1e-6, 1)


class Thompson(BaselinePolicy[RestlessBandit]):
    """Takes an arm with its posterior probability to be the better one.

    A Kalman filter per arm: a Gaussian walk of constant volatility, observed through
    rewards of constant variance. In Thompson sampling the arm with the larger sample
    from its belief is taken; with means m and variances v that is left with probability
    Phi((m - m') / sqrt(v + v')), the logarithm of which is the logit, so that only the
    action needs to be sampled.

    Source: Wang et al. 2016 (the walk of constant volatility); Thompson 1933.
    """

    def __init__(
        self, task: RestlessBandit, params: ThompsonParams | None = None
    ) -> None:
        """Read the layout of `task`; use the learner's assumptions."""
        super().__init__(task)
        self.params = params or ThompsonParams()

    def initial_memory(self, num_envs: int) -> Memory:
        """(B, 2) means and variances of the reward probabilities."""
        means = torch.full((num_envs, self.action_count), 0.5, device=self.device)
        return means, torch.full_like(means, self.params.initial_variance)

    def learn(self, step: StepInputs, beliefs: Memory) -> Memory:
        """Update the chosen arm by its outcome; then both probabilities drift."""
        means, variances = beliefs
        chosen, reward = step.last_action, step.reward.unsqueeze(1)
        gains = chosen * variances / (variances + self.params.outcome_variance)
        elapsed = chosen.sum(1, keepdim=True)
        drifted = variances * (1 - gains) + elapsed * self.params.deviation**2
        return means + gains * (reward - means), drifted

    def logits(self, step: StepInputs, beliefs: Memory) -> Tensor:
        """(B, 2) log probabilities that the sample of an arm is the larger one."""
        means, variances = beliefs
        difference = (means[:, 0] - means[:, 1]) / variances.sum(1).sqrt()
        both = torch.stack([difference, -difference], dim=1)
        logits: Tensor = torch.special.log_ndtr(both)
        return logits


@dataclass(frozen=True, kw_only=True)
class RescorlaWagnerParams:
    """Parameters of a learner with a constant rate."""

    learning_rate: float = 0.5
    """Change of a value per unit of prediction error, in [0, 1]; the paper's."""
    initial_value: float = 0.5
    """Initial value of an arm, in reward units: chance level."""
    inverse_temperature: float = 12.0
    """Slope of the softmax choice over values, per unit of reward, at least 0. Ours: of
    6 to 16 in steps of two, among those with the smallest regret."""

    def __post_init__(self) -> None:
        """Validate the fields."""
        check_between("learning_rate", self.learning_rate, 0, 1)
        check_at_least("inverse_temperature", self.inverse_temperature, 0)


class RescorlaWagner(BaselinePolicy[RestlessBandit]):
    """Moves the value of the chosen arm by a constant share of the prediction error.

        value(arm) += learning_rate * (reward - value(arm))

    Choice is a softmax of the values.

    Source: Rescorla & Wagner 1972; Wang et al. 2016.
    """

    def __init__(
        self, task: RestlessBandit, params: RescorlaWagnerParams | None = None
    ) -> None:
        """Read the layout of `task`; use the learner's parameters."""
        super().__init__(task)
        self.params = params or RescorlaWagnerParams()

    def initial_memory(self, num_envs: int) -> Memory:
        """(B, 2) values of the arms."""
        shape, start = (num_envs, self.action_count), self.params.initial_value
        return (torch.full(shape, start, device=self.device),)

    def learn(self, step: StepInputs, beliefs: Memory) -> Memory:
        """Move the value of the chosen arm."""
        (values,) = beliefs
        error = step.reward.unsqueeze(1) - values
        return (values + self.params.learning_rate * step.last_action * error,)

    def logits(self, step: StepInputs, beliefs: Memory) -> Tensor:
        """(B, 2) logits of a softmax."""
        return self.params.inverse_temperature * beliefs[0]


class BayesGreedy(BaselinePolicy[RestlessBandit]):
    """Infers the probability of left and the volatility, and takes the better arm.

    It knows the parameters of the task. The two reward probabilities sum to 1, so that
    both arms are equally informative, exploration gains nothing, and taking the better
    arm is the upper limit of reward without knowledge of the probability. Its belief is
    exact except for the `BINS`.
    """

    def __init__(self, task: RestlessBandit) -> None:
        """Read the parameters of `task`."""
        super().__init__(task)
        deviations = task.params.deviation_low, task.params.deviation_high
        self.middles = (torch.arange(BINS, device=self.device) + 0.5) / BINS
        drifts = [reflected_drift(deviation) for deviation in deviations]
        self.drifts = torch.stack(drifts).to(self.device)

    def initial_memory(self, num_envs: int) -> Memory:
        """(B, 2 * BINS) belief in low and high volatility, by probability of left."""
        cells = len(self.drifts) * BINS
        return (torch.full((num_envs, cells), 1 / cells, device=self.device),)

    def learn(self, step: StepInputs, beliefs: Memory) -> Memory:
        """Apply Bayes' rule to the outcome; then the probability drifts."""
        before = beliefs[0].unflatten(1, (len(self.drifts), BINS))
        chose_left = step.last_action[:, :1] > 0
        for_left = chose_left == (step.reward.unsqueeze(1) > 0)
        likelihood = torch.where(for_left, self.middles, 1 - self.middles)
        joint = before * likelihood.unsqueeze(1)
        posterior = joint / joint.sum((1, 2), keepdim=True)
        # b environments, v volatilities, p and q bins before and after the drift.
        drifted = torch.einsum("bvp,vpq->bvq", posterior, self.drifts)
        observed = step.last_action.sum(1).bool().reshape(-1, 1, 1)
        return (torch.where(observed, drifted, before).flatten(1),)

    def logits(self, step: StepInputs, beliefs: Memory) -> Tensor:
        """(B, 2) the better arm."""
        belief = beliefs[0].unflatten(1, (len(self.drifts), BINS)).sum(1)
        left = belief @ self.middles
        return best_logits(torch.stack([left, 1 - left], dim=1))


@cache
def reflected_drift(deviation: float) -> Tensor:
    """Compute the transition probabilities of a reflected walk between bins of [0, 1].

    Args:
        deviation: standard deviation of the step, in [0, 1].

    Returns:
        (BINS, BINS) float32 from the middle of a bin to anywhere in a bin.
    """
    edges = torch.arange(BINS + 1, dtype=torch.float64) / BINS
    middles = (edges[1:] + edges[:-1]).unsqueeze(1) / 2
    total = torch.zeros(BINS, BINS, dtype=torch.float64)
    # A reflected walk is a free walk folded at 0 and 1: its images are summed.
    for image in IMAGES:
        for side in (1, -1):
            reach = torch.special.ndtr((2 * image + side * edges - middles) / deviation)
            total += (reach[:, 1:] - reach[:, :-1]).abs()
    return (total / total.sum(1, keepdim=True)).float()


class Oracle(BaselinePolicy[RestlessBandit]):
    """Knows the reward probability of left: it never takes the worse arm."""

    def logits(self, step: StepInputs, beliefs: Memory) -> Tensor:
        """(B, 2) the better arm."""
        left = self.task.hidden()["probability_left"]
        return best_logits(torch.stack([left, 1 - left], dim=1))


def make_baselines(task: RestlessBandit, discount: float = 1.0) -> dict[str, Policy]:
    """Return the baselines by name; the oracle reads this very task.

    Args:
        task: the task that will be stepped.
        discount: per step; without effect, because no values are reported.
    """
    return {
        "random": BaselinePolicy(task),
        "ucb": UpperConfidence(task),
        "thompson": Thompson(task),
        "rescorla-wagner": RescorlaWagner(task),
        "bayes-greedy": BayesGreedy(task),
        "oracle": Oracle(task),
    }
