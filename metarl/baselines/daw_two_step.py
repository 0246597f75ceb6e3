"""Baselines of Daw's two-step task, from random choice to the oracle."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from metarl.baselines.base import ScreenInputs, best_logits
from metarl.baselines.two_stage import (
    DISCOUNT,
    FIRST,
    S1,
    S2,
    TwoStageBaseline,
    by_screen,
    through_transitions,
)
from metarl.core.checks import check_at_least, check_between
from metarl.core.policy import Memory, Policy
from metarl.envs.daw_two_step import DawTwoStep, DawTwoStepParams


@dataclass(frozen=True, kw_only=True)
class LearnerParams:
    """Parameters of a learner with one learning rate; the values are ours."""

    learning_rate: float = 0.5
    """Change of a value per unit of prediction error, in [0, 1]."""
    initial_value: float = 0.5
    """Initial value, in reward units: chance level."""
    inverse_temperature: float = 10.0
    """Slope of the softmax choice over values, per unit of reward, at least 0."""

    def __post_init__(self) -> None:
        """Validate the fields."""
        check_between("learning_rate", self.learning_rate, 0, 1)
        check_at_least("inverse_temperature", self.inverse_temperature, 0)


MODEL_BASED = LearnerParams()
"""Parameters of the model-based learner."""
MODEL_FREE = LearnerParams(learning_rate=0.2, inverse_temperature=20.0)
"""Parameters of the model-free learner, with about the greatest reward it can have."""


def credited(step: ScreenInputs) -> Tensor:
    """(B, 4) bool: the option whose choice was just rewarded or not, if any."""
    option = 2 * (step.previous - S1) + step.side
    option = torch.where(after_second(step) & (step.side >= 0), option, -1)
    return option.unsqueeze(1) == torch.arange(4, device=option.device)


def after_second(step: ScreenInputs) -> Tensor:
    """(B,) bool: whether the preceding screen was a second-stage state."""
    return (step.previous == S1) | (step.previous == S2)


class ModelBased(TwoStageBaseline[DawTwoStep]):
    """Learns the values of the second-stage options; plans with known transitions.

        value(option) += learning_rate * (reward - value(option))

    The value of a first choice is the mean, over the states it leads to, of the value
    of the better option; both choices are softmax.

    Source: Daw et al. 2011, Neuron 69:1204 (the model-based half of the hybrid).
    """

    def __init__(
        self,
        task: DawTwoStep,
        params: LearnerParams = MODEL_BASED,
        discount: float = DISCOUNT,
    ) -> None:
        """Read the transitions of `task`; `discount` scales only the values."""
        super().__init__(task)
        check_between("discount", discount, 0, 1)
        self.params = params
        self.common, self.discount = task.params.probability_common, discount

    def initial_beliefs(self, num_envs: int) -> Memory:
        """(B, 4) values of the options: S1 left, S1 right, S2 left, S2 right."""
        start = self.params.initial_value
        return (torch.full((num_envs, 4), start, device=self.device),)

    def update(self, step: ScreenInputs, beliefs: Memory) -> Memory:
        """Credit the chosen option with its reward."""
        (values,) = beliefs
        error = step.reward.unsqueeze(1) - values
        return (values + self.params.learning_rate * error * credited(step),)

    def preferences(self, step: ScreenInputs, beliefs: Memory) -> Tensor:
        """(B, 2) logits of the choice at the present stage."""
        values, screen = beliefs[0], step.screen
        second = torch.where((screen == S2).unsqueeze(1), values[:, 2:], values[:, :2])
        at_second = ((screen == S1) | (screen == S2)).unsqueeze(1)
        return self.softmax_logits(torch.where(at_second, second, self.first(beliefs)))

    def softmax_logits(self, values: Tensor) -> Tensor:
        """(B, 2) logits of two options from their values."""
        return self.params.inverse_temperature * values

    def first(self, beliefs: Memory) -> Tensor:
        """(B, 2) values of the first choices."""
        values = beliefs[0]
        best = values[:, :2].amax(1), values[:, 2:].amax(1)
        return through_transitions(self.common, *best)

    def value(self, step: ScreenInputs, beliefs: Memory, logits: Tensor) -> Tensor:
        """(B,) expected discounted reward of the trial, under its own choices."""
        values = beliefs[0]
        first = self._mean(self.first(beliefs))
        s1, s2 = self._mean(values[:, :2]), self._mean(values[:, 2:])
        return by_screen(step.screen, self.discount * first, s1, s2)

    def _mean(self, values: Tensor) -> Tensor:
        return (self.softmax_logits(values).softmax(1) * values).sum(1)


class ModelFree(ModelBased):
    """Repeats what was rewarded, at either stage, whatever the transition was.

        value(option) += learning_rate * (reward - value(option))
        value(first choice) += learning_rate * (reward - value(first choice))

    This is SARSA(lambda) with lambda = 1: the first choice is credited with the reward
    itself. Both choices are softmax.

    Source: Daw et al. 2011, Neuron 69:1204 (the model-free half of the hybrid).
    """

    def __init__(
        self,
        task: DawTwoStep,
        params: LearnerParams = MODEL_FREE,
        discount: float = DISCOUNT,
    ) -> None:
        """Use other parameters than the model-based learner."""
        super().__init__(task, params, discount)

    def initial_beliefs(self, num_envs: int) -> Memory:
        """(B, 4) and (B, 2) values of options and first choices, (B, 1) last choice."""
        start = self.params.initial_value
        values = torch.full((num_envs, 6), start, device=self.device)
        return (*values.split([4, 2], dim=1), values.new_full((num_envs, 1), -1))

    def update(self, step: ScreenInputs, beliefs: Memory) -> Memory:
        """Note the first choice; credit both choices with the reward."""
        second, first, choice = beliefs
        (second,) = super().update(step, (second,))
        sides = torch.arange(2, device=self.device)
        chosen = credited(step).any(1, keepdim=True) & (choice == sides)
        error = step.reward.unsqueeze(1) - first
        first = first + self.params.learning_rate * error * chosen
        now = torch.where(step.previous == FIRST, step.side, choice.squeeze(1))
        return second, first, now.unsqueeze(1).to(choice.dtype)

    def first(self, beliefs: Memory) -> Tensor:
        """(B, 2) values of the first choices."""
        return beliefs[1]


class KalmanGreedy(ModelBased):
    """Tracks all reward probabilities with a Gaussian filter, and plans greedily.

    On each trial the mean m and the variance v of the chosen option follow its reward,

        gain = v / (v + m (1 - m));  m += gain (reward - m);  v -= gain v

    and those of all options then relax to the walk's stationary distribution, with
    mean M and variance V, at the rate of its slowest mode between the bounds:

        m = M + k (m - M);  v = V + k^2 (v - V);  k = exp(-(pi deviation / width)^2 / 2)

    Declared: a Gaussian approximation of the Bayesian observer, which takes the
    better mean at both stages and does not explore.

    Source: Daw et al. 2006, Nature 441:876 (the filter).
    """

    def __init__(self, task: DawTwoStep, discount: float = DISCOUNT) -> None:
        """Read the walk of `task`."""
        super().__init__(task, discount=discount)
        self.mean, self.variance, self.keep = stationary(task.params)

    def initial_beliefs(self, num_envs: int) -> Memory:
        """(B, 4) means and (B, 4) variances of the options."""
        means = torch.full((num_envs, 4), self.mean, device=self.device)
        return means, torch.full_like(means, self.variance)

    def update(self, step: ScreenInputs, beliefs: Memory) -> Memory:
        """Filter the reward; let the walks drift if a trial is over."""
        means, variances = beliefs
        noise = (means * (1 - means)).clamp(min=1e-6)
        gain = variances / (variances + noise) * credited(step)
        means = means + gain * (step.reward.unsqueeze(1) - means)
        variances = variances - gain * variances
        keep = torch.where(after_second(step), self.keep, 1.0).unsqueeze(1)
        means = self.mean + keep * (means - self.mean)
        return means, self.variance + keep**2 * (variances - self.variance)

    def softmax_logits(self, values: Tensor) -> Tensor:
        """(B, 2) the better option."""
        return best_logits(values)


def stationary(params: DawTwoStepParams) -> tuple[float, float, float]:
    """Mean and variance of a walk, and the share of a deviation kept in a trial."""
    width = params.probability_most - params.probability_least
    mean = (params.probability_most + params.probability_least) / 2
    if not width:
        return mean, 0.0, 1.0
    keep = math.exp(-((math.pi * params.drift_deviation / width) ** 2) / 2)
    return mean, width**2 / 12, keep


class Oracle(ModelBased):
    """Knows all reward probabilities: the upper limit of the reward of any subject."""

    def update(self, step: ScreenInputs, beliefs: Memory) -> Memory:
        """Read the reward probabilities from the task."""
        hidden = self.task.hidden()
        columns = [hidden[name] for name in self.task.option_names]
        return (torch.stack(columns, dim=1),)

    def softmax_logits(self, values: Tensor) -> Tensor:
        """(B, 2) the better option."""
        return best_logits(values)


def make_baselines(task: DawTwoStep, discount: float = DISCOUNT) -> dict[str, Policy]:
    """Return the baselines by name; the oracle reads this very task.

    Args:
        task: the task that will be stepped.
        discount: per step; scales the values of the learners.
    """
    return {
        "random": TwoStageBaseline(task),
        "model-free": ModelFree(task, discount=discount),
        "model-based": ModelBased(task, discount=discount),
        "kalman-greedy": KalmanGreedy(task, discount),
        "oracle": Oracle(task),
    }
