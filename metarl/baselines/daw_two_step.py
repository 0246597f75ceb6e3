"""Baselines of Daw's two-step task: random, planner, oracle."""

from dataclasses import dataclass

import torch
from torch import Tensor

from metarl.baselines.base import ScreenInputs, best_logits
from metarl.baselines.two_stage import (
    DISCOUNT,
    S1,
    S2,
    TwoStageBaseline,
    by_screen,
    through_transitions,
)
from metarl.core.checks import check_at_least, check_between
from metarl.core.policy import Memory, Policy
from metarl.envs.daw_two_step import DawTwoStep


@dataclass(frozen=True, kw_only=True)
class ModelBasedParams:
    """Parameters of a model-based learner; the values are ours."""

    learning_rate: float = 0.5
    """Change of an option's value per unit of prediction error, in [0, 1]."""
    initial_value: float = 0.5
    """Initial value of an option, in reward units: chance level."""
    inverse_temperature: float = 10.0
    """Slope of the softmax choice over values, per unit of reward, at least 0."""

    def __post_init__(self) -> None:
        """Validate the fields."""
        check_between("learning_rate", self.learning_rate, 0, 1)
        check_at_least("inverse_temperature", self.inverse_temperature, 0)


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
        params: ModelBasedParams | None = None,
        discount: float = DISCOUNT,
    ) -> None:
        """Read the transitions of `task`; `discount` scales only the values."""
        super().__init__(task)
        check_between("discount", discount, 0, 1)
        self.params = params or ModelBasedParams()
        self.common, self.discount = task.params.probability_common, discount

    def initial_beliefs(self, num_envs: int) -> Memory:
        """(B, 4) values of the options: S1 left, S1 right, S2 left, S2 right."""
        start = self.params.initial_value
        return (torch.full((num_envs, 4), start, device=self.device),)

    def update(self, step: ScreenInputs, beliefs: Memory) -> Memory:
        """Credit the chosen option with its reward."""
        (values,) = beliefs
        at_second = (step.previous == S1) | (step.previous == S2)
        option = 2 * (step.previous - S1) + step.side
        option = torch.where(at_second & (step.side >= 0), option, -1)
        places = torch.arange(values.shape[1], device=values.device)
        error = step.reward.unsqueeze(1) - values
        credited = option.unsqueeze(1) == places
        return (values + self.params.learning_rate * error * credited,)

    def preferences(self, step: ScreenInputs, beliefs: Memory) -> Tensor:
        """(B, 2) logits of the choice at the present stage."""
        (values,), screen = beliefs, step.screen
        second = torch.where((screen == S2).unsqueeze(1), values[:, 2:], values[:, :2])
        at_second = ((screen == S1) | (screen == S2)).unsqueeze(1)
        return self.softmax_logits(torch.where(at_second, second, self._plan(values)))

    def softmax_logits(self, values: Tensor) -> Tensor:
        """(B, 2) logits of two options from their values."""
        return self.params.inverse_temperature * values

    def _plan(self, values: Tensor) -> Tensor:
        """(B, 2) values of the first choices."""
        best = values[:, :2].amax(1), values[:, 2:].amax(1)
        return through_transitions(self.common, *best)

    def value(self, step: ScreenInputs, beliefs: Memory, logits: Tensor) -> Tensor:
        """(B,) expected discounted reward of the trial, under its own choices."""
        (values,) = beliefs
        first = self._mean(self._plan(values))
        s1, s2 = self._mean(values[:, :2]), self._mean(values[:, 2:])
        return by_screen(step.screen, self.discount * first, s1, s2)

    def _mean(self, values: Tensor) -> Tensor:
        return (self.softmax_logits(values).softmax(1) * values).sum(1)


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
        discount: per step; scales the values of the planner.
    """
    return {
        "random": TwoStageBaseline(task),
        "model-based": ModelBased(task, discount=discount),
        "oracle": Oracle(task),
    }
