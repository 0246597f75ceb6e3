"""Yardsticks of Daw's two-step task: chance, planner, oracle."""

from dataclasses import dataclass

import torch
from torch import Tensor

from metarl.baselines.base import best_logits
from metarl.baselines.two_stage import (
    DISCOUNT,
    S1,
    S2,
    InputMask,
    TwoStageParams,
    TwoStageStrategy,
    TwoStageTask,
    by_screen,
    through_transitions,
)
from metarl.core.checks import check_at_least, check_between
from metarl.core.policy import Memory, Policy


@dataclass(frozen=True, kw_only=True)
class PlannerParams:
    """What makes up a model-based learner; the values are ours."""

    learning_rate: float = 0.5
    """Share of a prediction error that an option's value takes up, in [0, 1]."""
    initial_value: float = 0.5
    """Value of an option at an episode's start, in reward units: chance."""
    inverse_temperature: float = 10.0
    """How sharply choice follows the values, per unit of reward, at least 0."""

    def __post_init__(self) -> None:
        """Refuse what is out of range."""
        check_between("learning_rate", self.learning_rate, 0, 1)
        check_at_least("inverse_temperature", self.inverse_temperature, 0)


class ModelBased(TwoStageStrategy):
    """Learns what each second-stage option pays, and plans with known transitions.

        value(option) += learning_rate * (reward - value(option))

    A first choice is worth what the better option of each state is worth, by the
    chance of getting there; both choices are softmax.

    Source: Daw et al. 2011, Neuron 69:1204 (the model-based half of the hybrid).
    """

    def __init__(
        self,
        task: TwoStageTask[TwoStageParams],
        params: PlannerParams | None = None,
        discount: float = DISCOUNT,
    ) -> None:
        """Know the transitions of `task`; `discount` scales the values only."""
        super().__init__(task, second_choice=True)
        check_between("discount", discount, 0, 1)
        self.params = params or PlannerParams()
        self.common, self.discount = task.params.probability_common, discount

    def initial_beliefs(self, num_envs: int) -> Memory:
        """(B, 4) values of the options: S1 left, S1 right, S2 left, S2 right."""
        start = self.params.initial_value
        return (torch.full((num_envs, 4), start, device=self.valid.device),)

    def learn(self, senses: InputMask, previous: Tensor, beliefs: Memory) -> Memory:
        """Credit the option chosen with the reward it paid."""
        (values,) = beliefs
        answered = ((previous == S1) | (previous == S2)) & (senses.choice >= 0)
        option = torch.where(answered, 2 * (previous - S1) + senses.choice, -1)
        places = torch.arange(values.shape[1], device=values.device)
        error = senses.reward.unsqueeze(1) - values
        credited = option.unsqueeze(1) == places
        return (values + self.params.learning_rate * error * credited,)

    def preferences(self, screen: Tensor, beliefs: Memory) -> Tensor:
        """(B, 2) logits of the choice that is due."""
        (values,) = beliefs
        second = torch.where((screen == S2).unsqueeze(1), values[:, 2:], values[:, :2])
        at_second = ((screen == S1) | (screen == S2)).unsqueeze(1)
        return self.logits(torch.where(at_second, second, self._planned(values)))

    def logits(self, worth: Tensor) -> Tensor:
        """(B, 2) logits of two options from what they are worth."""
        return self.params.inverse_temperature * worth

    def _planned(self, values: Tensor) -> Tensor:
        """(B, 2) worth of the first choices."""
        best = values[:, :2].amax(1), values[:, 2:].amax(1)
        return through_transitions(self.common, *best)

    def value(self, screen: Tensor, beliefs: Memory) -> Tensor:
        """(B,) discounted reward expected of the trial, under its own choices."""
        (values,) = beliefs
        first = self._mean(self._planned(values))
        s1, s2 = self._mean(values[:, :2]), self._mean(values[:, 2:])
        return by_screen(screen, self.discount * first, s1, s2)

    def _mean(self, worth: Tensor) -> Tensor:
        return (self.logits(worth).softmax(1) * worth).sum(1)


class Oracle(ModelBased):
    """Is told what every option pays: the most that any subject could earn."""

    def __init__(self, task: TwoStageTask[TwoStageParams]) -> None:
        """Look into `task`, which must be the one that is being stepped."""
        super().__init__(task)
        self.hidden, self.option_names = task.hidden, task.option_names

    def learn(self, senses: InputMask, previous: Tensor, beliefs: Memory) -> Memory:
        """Look what the options pay."""
        hidden = self.hidden()
        return (torch.stack([hidden[name] for name in self.option_names], dim=1),)

    def logits(self, worth: Tensor) -> Tensor:
        """(B, 2) the better option."""
        return best_logits(worth)


def make_baselines(
    task: TwoStageTask[TwoStageParams], discount: float = DISCOUNT
) -> dict[str, Policy]:
    """The yardsticks by name; the oracle looks into this very task."""
    return {
        "random": TwoStageStrategy(task, second_choice=True),
        "model-based": ModelBased(task, discount=discount),
        "oracle": Oracle(task),
    }
