"""Baselines of the two-step task: random, planner, oracle, model-free learner."""

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
from metarl.envs.two_step import TwoStep


class BayesGreedy(TwoStageBaseline[TwoStep]):
    """Infers by Bayes' rule which state is high, and takes the better first choice.

    It knows the parameters of the task. Its belief is the probability that S2 is high.
    Choices of equal value are equally likely.

    Source: Wang et al. 2018, Nat Neurosci 21:860, Simulation 4 (the prospective
    planner); taking the better choice, rather than a softmax, is ours.
    """

    def __init__(self, task: TwoStep, discount: float = DISCOUNT) -> None:
        """Read the parameters of `task`; `discount` scales only the values."""
        super().__init__(task)
        check_between("discount", discount, 0, 1)
        self.params, self.discount = task.params, discount
        self.opening = 0 if task.has_fixation else FIRST

    def initial_beliefs(self, num_envs: int) -> Memory:
        """(B, 1) both states are equally likely to be high."""
        return (torch.full((num_envs, 1), 0.5, device=self.device),)

    def update(self, step: ScreenInputs, beliefs: Memory) -> Memory:
        """Apply Bayes' rule to the outcome; allow for a swap when a trial starts."""
        belief, previous = beliefs[0].squeeze(1), step.previous
        rewarded = step.reward > 0
        high, low = self.params.probability_high, self.params.probability_low
        if_high = torch.where(rewarded, high, 1 - high)
        if_low = torch.where(rewarded, low, 1 - low)
        odds_for = belief * torch.where(previous == S2, if_high, if_low)
        odds_against = (1 - belief) * torch.where(previous == S2, if_low, if_high)
        at_outcome = (previous == S1) | (previous == S2)
        # An outcome that is impossible under both hypotheses changes nothing.
        informative = at_outcome & (odds_for + odds_against > 0)
        posterior = odds_for / (odds_for + odds_against)
        belief = torch.where(informative, posterior, belief)
        switch = self.params.probability_switch
        swapped = belief * (1 - switch) + (1 - belief) * switch
        belief = torch.where(step.screen == self.opening, swapped, belief)
        return (belief.unsqueeze(1),)

    def preferences(self, step: ScreenInputs, beliefs: Memory) -> Tensor:
        """(B, 2) the better first choice."""
        return best_logits(self._first_values(beliefs))

    def value(self, step: ScreenInputs, beliefs: Memory, logits: Tensor) -> Tensor:
        """(B,) expected discounted reward of the trial, by the belief."""
        s1, s2 = self._second_values(beliefs)
        first = self.discount * self._first_values(beliefs).amax(1)
        return by_screen(step.screen, first, s1, s2)

    def _first_values(self, beliefs: Memory) -> Tensor:
        common = self.params.probability_common
        return through_transitions(common, *self._second_values(beliefs))

    def _second_values(self, beliefs: Memory) -> tuple[Tensor, Tensor]:
        belief = beliefs[0].squeeze(1)
        high, low = self.params.probability_high, self.params.probability_low
        return low + (high - low) * (1 - belief), low + (high - low) * belief


class Oracle(BayesGreedy):
    """Knows which state is high: the upper limit of the reward of any subject."""

    def update(self, step: ScreenInputs, beliefs: Memory) -> Memory:
        """Read the high state from the task."""
        return (self.task.hidden()["high_state"].float().unsqueeze(1),)


@dataclass(frozen=True, kw_only=True)
class SarsaParams:
    """Parameters of a model-free learner; the values are ours."""

    learning_rate: float = 0.1
    """Change of a value per unit of prediction error, in [0, 1]."""
    initial_value: float = 0.5
    """Initial value of a second-stage state, in reward units: chance level."""
    inverse_temperature: float = 10.0
    """Slope of the softmax choice over values, per unit of reward, at least 0."""
    discount: float = DISCOUNT
    """Per step, in [0, 1]."""

    def __post_init__(self) -> None:
        """Validate the fields."""
        check_between("learning_rate", self.learning_rate, 0, 1)
        check_at_least("inverse_temperature", self.inverse_temperature, 0)
        check_between("discount", self.discount, 0, 1)


class Sarsa(TwoStageBaseline[TwoStep]):
    """Tabular SARSA(0): credits each choice with the value of the next state.

        error = reward + discount * value(current screen) - value(preceding choice)
        value(preceding choice) += learning_rate * error

    It has values for the two first choices and the two second-stage states. The value
    at fixation is 0, so that each trial is credited separately; without a fixation step
    the first stage of the next trial follows an outcome.

    Declared: the value reported at the first stage is the mean over its softmax,
    because the choice is not made yet; at the second stage it is that of the state. The
    recorded one-step error at the outcome is therefore the error of learning; at the
    second stage it differs by the difference between the value of the choice and that
    mean.

    Source: Wang et al. 2018, Nat Neurosci 21:860, Simulation 4; Daw et al. 2011.
    """

    def __init__(self, task: TwoStep, params: SarsaParams | None = None) -> None:
        """Read the layout of `task`; use the learner's parameters."""
        super().__init__(task)
        self.params = params or SarsaParams()

    def initial_beliefs(self, num_envs: int) -> Memory:
        """(B, 2) values of the first choices and of the second-stage states."""
        start = self.params.initial_value
        second = torch.full((num_envs, 2), start, device=self.device)
        return self.params.discount * second, second

    def update(self, step: ScreenInputs, beliefs: Memory) -> Memory:
        """Credit the first choice on arrival at a state, the state on its outcome."""
        first, second = beliefs
        target = step.reward + self.params.discount * self._state_value(step, beliefs)
        choice = torch.where(step.previous == FIRST, step.side, -1)
        return (
            self._credit(first, choice, target),
            self._credit(second, step.previous - S1, target),
        )

    def _credit(self, values: Tensor, index: Tensor, target: Tensor) -> Tensor:
        """Move values[index] towards the target where the index is 0 or 1."""
        credited = index.unsqueeze(1) == torch.arange(2, device=values.device)
        error = target.unsqueeze(1) - values
        return values + self.params.learning_rate * error * credited

    def preferences(self, step: ScreenInputs, beliefs: Memory) -> Tensor:
        """(B, 2) logits of a softmax over the values of the first choices."""
        return self.params.inverse_temperature * beliefs[0]

    def value(self, step: ScreenInputs, beliefs: Memory, logits: Tensor) -> Tensor:
        """(B,) learned value of the current screen."""
        return self._state_value(step, beliefs)

    def _state_value(self, step: ScreenInputs, beliefs: Memory) -> Tensor:
        first, second = beliefs
        mean = (self.preferences(step, beliefs).softmax(1) * first).sum(1)
        return by_screen(step.screen, mean, second[:, 0], second[:, 1])


def make_baselines(task: TwoStep, discount: float = DISCOUNT) -> dict[str, Policy]:
    """Return the baselines by name; the oracle reads this very task.

    Args:
        task: the task that will be stepped.
        discount: per step; scales the values as those of an agent with this discount.
    """
    return {
        "random": TwoStageBaseline(task),
        "bayes-greedy": BayesGreedy(task, discount),
        "oracle": Oracle(task, discount),
        "sarsa": Sarsa(task, SarsaParams(discount=discount)),
    }
