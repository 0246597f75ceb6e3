"""Baselines of the two-step task: planners, a latent-state learner, and others."""

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

    It knows the parameters of the task, and whether its transitions are reversed now.
    Its belief is the probability that S2 is high. Choices of equal value are equally
    likely.

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
        common = self._common(beliefs)
        return through_transitions(common, *self._second_values(beliefs))

    def _common(self, beliefs: Memory) -> float | Tensor:
        """Probability that left leads to S1 and right to S2 now: one, or (B,)."""
        common = self.params.probability_common
        if not self.params.reverses:
            return common
        return torch.where(self.task.reversed, 1 - common, common)

    def _second_values(self, beliefs: Memory) -> tuple[Tensor, Tensor]:
        belief = beliefs[0].squeeze(1)
        high, low = self.params.probability_high, self.params.probability_low
        return low + (high - low) * (1 - belief), low + (high - low) * belief


class Oracle(BayesGreedy):
    """Knows which state is high: the upper limit of the reward of any subject."""

    def update(self, step: ScreenInputs, beliefs: Memory) -> Memory:
        """Read the high state from the task."""
        return (self.task.hidden()["high_state"].float().unsqueeze(1),)


class BayesTransitions(BayesGreedy):
    """The same planner, but infers by Bayes' rule whether the transitions reversed.

    Its second belief is the probability that they are reversed. It expects that they
    reverse once in an episode, with the same probability before each trial, and learns
    from every transition that it makes.

    Source: Akam et al. 2015, PLoS Comput Biol 11:e1004648; the constant probability,
    one per number of trials, is ours.
    """

    def initial_beliefs(self, num_envs: int) -> Memory:
        """(B, 1) belief in a high S2, and (B, 1) in reversed transitions."""
        high = super().initial_beliefs(num_envs)
        return (*high, torch.zeros_like(high[0]))

    def update(self, step: ScreenInputs, beliefs: Memory) -> Memory:
        """Update both beliefs; the second by the transition, or at a trial's start."""
        (high,) = super().update(step, beliefs[:1])
        belief, common = beliefs[1].squeeze(1), self.params.probability_common
        as_before = step.screen - S1 == step.side
        odds_for = belief * torch.where(as_before, 1 - common, common)
        odds_against = (1 - belief) * torch.where(as_before, common, 1 - common)
        arrived = (step.previous == FIRST) & (step.side >= 0)
        # A transition that is impossible under both hypotheses changes nothing.
        informative = arrived & (odds_for + odds_against > 0)
        belief = torch.where(informative, odds_for / (odds_for + odds_against), belief)
        rate = 1 / self.params.trial_count
        hazard = torch.where(step.screen == self.opening, rate, 0.0)
        return high, (belief + hazard * (1 - belief)).unsqueeze(1)

    def _common(self, beliefs: Memory) -> Tensor:
        common, belief = self.params.probability_common, beliefs[1].squeeze(1)
        return common + (1 - 2 * common) * belief


class LatentState(BayesGreedy):
    """Infers by Bayes' rule which state is high, and has one choice for each case.

    Where S1 is the richer state it chooses left, where S2 is, right: what is best in
    these two situations as long as the transitions are not reversed. It has no model
    of the transitions to plan with, and so keeps these choices when they reverse.

    Source: Akam et al. 2015, PLoS Comput Biol 11:e1004648, the latent-state strategy;
    that its choices are given, rather than learned from rewards, is ours. Its values
    are those of the planner before a reversal.
    """

    def preferences(self, step: ScreenInputs, beliefs: Memory) -> Tensor:
        """(B, 2) the choice of the more probable situation."""
        return best_logits(torch.stack(self._second_values(beliefs), dim=1))

    def _common(self, beliefs: Memory) -> float:
        return self.params.probability_common


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

    Those that differ from the planner only after a reversal of the transitions are
    among them only if there is one.

    Args:
        task: the task that will be stepped.
        discount: per step; scales the values as those of an agent with this discount.
    """
    baselines: dict[str, Policy] = {
        "random": TwoStageBaseline(task),
        "bayes-greedy": BayesGreedy(task, discount),
        "oracle": Oracle(task, discount),
        "sarsa": Sarsa(task, SarsaParams(discount=discount)),
    }
    if task.params.reverses:
        baselines["bayes-transitions"] = BayesTransitions(task, discount)
        baselines["latent-state"] = LatentState(task, discount)
    return baselines
