"""Yardsticks of the two-step task: chance, planner, oracle, model-free learner."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from metarl.baselines.base import best_logits
from metarl.baselines.two_stage import (
    DISCOUNT,
    FIRST,
    S1,
    S2,
    InputMask,
    TwoStageStrategy,
    TwoStageTask,
    by_screen,
    through_transitions,
)
from metarl.core.checks import check_at_least, check_between
from metarl.core.policy import Memory, Policy


class TwoStepParams(Protocol):
    """The true structure of the task, which the planner knows."""

    @property
    def fixation(self) -> bool:
        """Whether a trial starts with a fixation step."""

    @property
    def probability_common(self) -> float:
        """Chance that left leads to S1 and right to S2."""

    @property
    def probability_high(self) -> float:
        """Chance of reward in the high state."""

    @property
    def probability_low(self) -> float:
        """Chance of reward in the other state."""

    @property
    def probability_switch(self) -> float:
        """Chance per trial that high and low swap."""


class BayesGreedy(TwoStageStrategy):
    """Infers by Bayes which state is high, and takes the better first choice.

    It knows the true structure: where choices lead, what the states pay, how often they
    swap. Its belief is the probability that S2 is high. Equal choices are equally
    likely.

    Source: Wang et al. 2018, Nat Neurosci 21:860, Simulation 4 (the prospective
    planner); taking the better choice, rather than a softmax, is ours.
    """

    def __init__(
        self, task: TwoStageTask[TwoStepParams], discount: float = DISCOUNT
    ) -> None:
        """Know the task's parameters; `discount` scales the values only."""
        super().__init__(task, second_choice=False)
        check_between("discount", discount, 0, 1)
        self.params, self.discount = task.params, discount

    def initial_beliefs(self, num_envs: int) -> Memory:
        """(B, 1) either state may be high."""
        return (torch.full((num_envs, 1), 0.5, device=self.valid.device),)

    def learn(self, senses: InputMask, previous: Tensor, beliefs: Memory) -> Memory:
        """Weigh the outcome when the next trial opens, then allow for a swap."""
        belief = beliefs[0].squeeze(1)
        high, low = self.params.probability_high, self.params.probability_low
        rewarded = senses.reward > 0
        if_high = torch.where(rewarded, high, 1 - high)
        if_low = torch.where(rewarded, low, 1 - low)
        odds_for = belief * torch.where(previous == S2, if_high, if_low)
        odds_against = (1 - belief) * torch.where(previous == S2, if_low, if_high)
        paid = ((previous == S1) | (previous == S2)) & (odds_for + odds_against > 0)
        belief = torch.where(paid, odds_for / (odds_for + odds_against), belief)
        switch = self.params.probability_switch
        swapped = belief * (1 - switch) + (1 - belief) * switch
        belief = torch.where(senses.screen == self.opening, swapped, belief)
        return (belief.unsqueeze(1),)

    def preferences(self, screen: Tensor, beliefs: Memory) -> Tensor:
        """(B, 2) the better first choice."""
        return best_logits(self._first_values(beliefs))

    def value(self, screen: Tensor, beliefs: Memory) -> Tensor:
        """(B,) discounted reward expected of the trial, by the belief."""
        s1, s2 = self._second_values(beliefs)
        first = self.discount * self._first_values(beliefs).amax(1)
        return by_screen(screen, first, s1, s2)

    def _first_values(self, beliefs: Memory) -> Tensor:
        common = self.params.probability_common
        return through_transitions(common, *self._second_values(beliefs))

    def _second_values(self, beliefs: Memory) -> tuple[Tensor, Tensor]:
        belief = beliefs[0].squeeze(1)
        high, low = self.params.probability_high, self.params.probability_low
        return low + (high - low) * (1 - belief), low + (high - low) * belief


class Oracle(BayesGreedy):
    """Is told which state is high: the most that any subject could earn."""

    def __init__(
        self, task: TwoStageTask[TwoStepParams], discount: float = DISCOUNT
    ) -> None:
        """Look into `task`, which must be the one that is being stepped."""
        super().__init__(task, discount)
        self.hidden = task.hidden

    def learn(self, senses: InputMask, previous: Tensor, beliefs: Memory) -> Memory:
        """Look which state is high."""
        return (self.hidden()["high_state"].float().unsqueeze(1),)


@dataclass(frozen=True, kw_only=True)
class SarsaParams:
    """What makes up a model-free learner; the values are ours."""

    learning_rate: float = 0.1
    """Share of a prediction error that a value takes up, in [0, 1]."""
    initial_value: float = 0.5
    """Value of a second-stage state at an episode's start, in reward units: chance."""
    inverse_temperature: float = 10.0
    """How sharply choice follows the values, per unit of reward, at least 0."""
    discount: float = DISCOUNT
    """Per step, in [0, 1]."""

    def __post_init__(self) -> None:
        """Refuse what is out of range."""
        check_between("learning_rate", self.learning_rate, 0, 1)
        check_at_least("inverse_temperature", self.inverse_temperature, 0)
        check_between("discount", self.discount, 0, 1)


class Sarsa(TwoStageStrategy):
    """Tabular SARSA(0): credits what was done with what followed, without a model.

        error = reward + discount * value(screen now) - value(choice before)
        value(choice before) += learning_rate * error

    Values are kept for the two first choices and the two second-stage states. Nothing
    is expected at fixation, so that each trial is credited by itself; without a
    fixation step the next trial's first stage is what follows an outcome.

    Declared: the value reported at the first stage is the mean over its own softmax,
    since the choice is not made yet; at the second stage it is that state's value. So
    the recorded one-step error at the outcome is the error it learns from, and at the
    second stage it differs by how far the value of the choice taken is from that mean.

    Source: Wang et al. 2018, Nat Neurosci 21:860, Simulation 4; Daw et al. 2011.
    """

    def __init__(
        self, task: TwoStageTask[TwoStepParams], params: SarsaParams | None = None
    ) -> None:
        """Start with a task's layout and the learner's params."""
        super().__init__(task, second_choice=False)
        self.params = params or SarsaParams()

    def initial_beliefs(self, num_envs: int) -> Memory:
        """(B, 2) values of the first choices and of the second-stage states."""
        start = self.params.initial_value
        second = torch.full((num_envs, 2), start, device=self.valid.device)
        return self.params.discount * second, second

    def learn(self, senses: InputMask, previous: Tensor, beliefs: Memory) -> Memory:
        """Credit the first choice on arrival at a state, the state on its outcome."""
        first, second = beliefs
        target = senses.reward + self.params.discount * self.value(
            senses.screen, beliefs
        )
        chose = torch.where(previous == FIRST, senses.choice, -1)
        return (
            self._credit(first, chose, target),
            self._credit(second, previous - S1, target),
        )

    def _credit(self, values: Tensor, index: Tensor, target: Tensor) -> Tensor:
        """Move values[index] towards the target where the index is 0 or 1."""
        places = torch.arange(2, device=values.device)
        credited = index.unsqueeze(1) == places
        error = target.unsqueeze(1) - values
        return values + self.params.learning_rate * error * credited

    def preferences(self, screen: Tensor, beliefs: Memory) -> Tensor:
        """(B, 2) logits of a softmax over the first choices' values."""
        return self.params.inverse_temperature * beliefs[0]

    def value(self, screen: Tensor, beliefs: Memory) -> Tensor:
        """(B,) own estimate for what is on the screen."""
        first, second = beliefs
        mean = (self.preferences(screen, beliefs).softmax(1) * first).sum(1)
        return by_screen(screen, mean, second[:, 0], second[:, 1])


def make_baselines(
    task: TwoStageTask[TwoStepParams], discount: float = DISCOUNT
) -> dict[str, Policy]:
    """The yardsticks by name; the oracle looks into this very task.

    `discount` scales their values, so that they are as an agent's with it.
    """
    return {
        "random": TwoStageStrategy(task, second_choice=False),
        "bayes-greedy": BayesGreedy(task, discount),
        "oracle": Oracle(task, discount),
        "sarsa": Sarsa(task, SarsaParams(discount=discount)),
    }
