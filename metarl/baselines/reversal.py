"""Baselines of the reversal task: random, habit, value learner, Bayes, oracle."""

from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

from metarl.baselines.base import ScreenBaseline, ScreenInputs, best_logits
from metarl.core.checks import check_at_least, check_between
from metarl.core.policy import Memory, Policy
from metarl.envs.reversal import Reversal

DISCOUNT = 0.9
"""Per step, if no discount of an agent is given."""
B_LEFT = 2
"""Screen of a choice with picture B on the left."""


class ReversalBaseline(ScreenBaseline[Reversal]):
    """Gives valid responses, otherwise random ones.

    A subclass updates its beliefs (`learn_outcome`) and prefers an option. Options are
    left and right, or picture A and picture B. Values are the expected reward of the
    present trial.
    """

    def __init__(self, task: Reversal, discount: float = DISCOUNT) -> None:
        """Read the layout of `task`; `discount` scales only the values."""
        super().__init__(task)
        check_between("discount", discount, 0, 1)
        self.discount = discount

    def update(self, step: ScreenInputs, beliefs: Memory) -> Memory:
        """Learn from the last trial when the next one starts."""
        starts = ~self.is_choice[step.screen] | (not self.has_fixation)
        # A response at fixation, which is followed by the choice, is no choice.
        chose = ((step.side >= 0) & starts).unsqueeze(1)
        sides = chose & (step.side.unsqueeze(1) == torch.arange(2, device=self.device))
        choice = swap_where(step.previous == B_LEFT, sides)
        return self.learn_outcome(choice, step.reward > 0, starts, beliefs)

    def learn_outcome(
        self, choice: Tensor, rewarded: Tensor, starts: Tensor, beliefs: Memory
    ) -> Memory:
        """Beliefs at a new screen.

        Args:
            choice: (B, 2) whether the first, the second option was chosen on the trial
                that just ended; neither if none ended or its choice is missing.
            rewarded: (B,) whether it was rewarded.
            starts: (B,) whether a trial starts here.
            beliefs: the beliefs before.
        """
        return beliefs

    def preferences(self, step: ScreenInputs, beliefs: Memory) -> Tensor:
        """(B, 2) logits of left and right."""
        options = self.option_logits(len(step.screen), beliefs)
        return swap_where(step.screen == B_LEFT, options)

    def value(self, step: ScreenInputs, beliefs: Memory, logits: Tensor) -> Tensor:
        """(B,) expected discounted reward of the trial."""
        num_envs = len(step.screen)
        chances = self.option_logits(num_envs, beliefs).softmax(1)
        reward = (chances * self.worth(num_envs, beliefs)).sum(1)
        return torch.where(self.is_choice[step.screen], 1.0, self.discount) * reward

    def option_logits(self, num_envs: int, beliefs: Memory) -> Tensor:
        """(B, 2) logits of the options at the next choice; equal here."""
        return torch.zeros(num_envs, 2, device=self.device)

    def worth(self, num_envs: int, beliefs: Memory) -> Tensor:
        """(B, 2) expected reward of the options; 0 here."""
        return torch.zeros(num_envs, 2, device=self.device)


def swap_where(where: Tensor, pairs: Tensor) -> Tensor:
    """(B, 2) pairs, exchanged in the rows of (B,) `where`."""
    return torch.where(where.unsqueeze(1), pairs.flip(1), pairs)


class WinStayLoseShift(ReversalBaseline):
    """Repeats a rewarded choice and leaves an unrewarded one; the first is random."""

    def initial_beliefs(self, num_envs: int) -> Memory:
        """(B, 2) the next choice: both are equal at first."""
        return (torch.zeros(num_envs, 2, device=self.device),)

    def learn_outcome(
        self, choice: Tensor, rewarded: Tensor, starts: Tensor, beliefs: Memory
    ) -> Memory:
        """Set the next choice from the last one and its outcome."""
        following = torch.where(rewarded.unsqueeze(1), choice, ~choice).float()
        return (torch.where(choice.any(1, keepdim=True), following, beliefs[0]),)

    def option_logits(self, num_envs: int, beliefs: Memory) -> Tensor:
        """(B, 2) the next choice."""
        return best_logits(beliefs[0])


@dataclass(frozen=True, kw_only=True)
class RescorlaWagnerParams:
    """Parameters of an error-driven learner; the values are ours."""

    learning_rate: float = 0.3
    """Change of a value per unit of prediction error, in [0, 1]."""
    initial_value: float = 0.5
    """Initial value of an option, in reward units: chance level."""
    inverse_temperature: float = 10.0
    """Slope of the softmax choice over values, per unit of reward, at least 0."""

    def __post_init__(self) -> None:
        """Validate the fields."""
        check_between("learning_rate", self.learning_rate, 0, 1)
        check_at_least("inverse_temperature", self.inverse_temperature, 0)


class RescorlaWagner(ReversalBaseline):
    """Learns the value of each option from its own prediction errors; softmax choice.

        value(choice) += learning_rate * (reward - value(choice))

    Source: Rescorla & Wagner 1972; fitted to the monkeys by Costa et al. 2016, Neuron
    92:505. The parameters are ours, not those of the fits.
    """

    def __init__(
        self,
        task: Reversal,
        params: RescorlaWagnerParams | None = None,
        discount: float = DISCOUNT,
    ) -> None:
        """Read the layout of `task`; use the learner's parameters."""
        super().__init__(task, discount)
        self.params = params or RescorlaWagnerParams()

    def initial_beliefs(self, num_envs: int) -> Memory:
        """(B, 2) values of the options."""
        start = self.params.initial_value
        return (torch.full((num_envs, 2), start, device=self.device),)

    def learn_outcome(
        self, choice: Tensor, rewarded: Tensor, starts: Tensor, beliefs: Memory
    ) -> Memory:
        """Move the value of the chosen option towards the outcome."""
        (values,) = beliefs
        error = rewarded.float().unsqueeze(1) - values
        return (values + self.params.learning_rate * error * choice,)

    def option_logits(self, num_envs: int, beliefs: Memory) -> Tensor:
        """(B, 2) logits of a softmax over the values."""
        return self.params.inverse_temperature * beliefs[0]

    def worth(self, num_envs: int, beliefs: Memory) -> Tensor:
        """(B, 2) the values."""
        return beliefs[0]


class BayesGreedy(ReversalBaseline):
    """Knows the design, infers the hidden variables, and takes the better option.

    It has a belief in every possible course of an episode: which option is better
    first, which schedule holds, and after how many trials the one reversal comes. The
    reward probabilities of the two options sum to 1, so that both choices are equally
    informative, and no policy without access to the hidden variables has more reward
    on average.

    Source: Costa et al. 2016, Neuron 92:505 (their Bayesian model of the reversal);
    inferring the schedule, and taking the better option, are ours.
    """

    def __init__(self, task: Reversal, discount: float = DISCOUNT) -> None:
        """Read the design of `task`; `discount` scales only the values."""
        super().__init__(task, discount)
        params = task.params
        reversals = range(params.reversal_least, params.reversal_most + 1)
        courses = list(product((0, 1), params.percents, reversals))
        table = torch.tensor(courses, device=self.device)
        self.first_better, percent, self.reversal = table.unbind(1)
        self.probability = percent / 100

    def initial_beliefs(self, num_envs: int) -> Memory:
        """(B, 1) number of the trial, and (B, C) equal beliefs in the courses."""
        trial = torch.full((num_envs, 1), -1, device=self.device)
        courses = len(self.probability)
        return trial, torch.full((num_envs, courses), 1 / courses, device=self.device)

    def learn_outcome(
        self, choice: Tensor, rewarded: Tensor, starts: Tensor, beliefs: Memory
    ) -> Memory:
        """Apply Bayes' rule to the outcome, by its likelihood under each course."""
        trial, belief = beliefs
        right = self._probability_right(trial)
        for_right = (choice[:, 1] == rewarded).unsqueeze(1)
        likelihood = torch.where(for_right, right, 1 - right)
        joint = belief * torch.where(choice.any(1, keepdim=True), likelihood, 1.0)
        belief = joint / joint.sum(1, keepdim=True)
        return trial + starts.unsqueeze(1), belief

    def _probability_right(self, trial: Tensor) -> Tensor:
        """(B, C) reward probability of the second option, under each course."""
        right_better = (self.first_better == 1) ^ (self.reversal <= trial)
        return torch.where(right_better, self.probability, 1 - self.probability)

    def option_logits(self, num_envs: int, beliefs: Memory) -> Tensor:
        """(B, 2) the option with the greater expected reward."""
        return best_logits(self.worth(num_envs, beliefs))

    def worth(self, num_envs: int, beliefs: Memory) -> Tensor:
        """(B, 2) reward probability of the options, by the beliefs."""
        trial, belief = beliefs
        right = (belief * self._probability_right(trial)).sum(1)
        return torch.stack([1 - right, right], dim=1)


class Oracle(ReversalBaseline):
    """Knows the better option: the upper limit of the reward of any subject."""

    def option_logits(self, num_envs: int, beliefs: Memory) -> Tensor:
        """(B, 2) the better option."""
        return best_logits(self.worth(num_envs, beliefs))

    def worth(self, num_envs: int, beliefs: Memory) -> Tensor:
        """(B, 2) reward probability of the options."""
        hidden = self.task.hidden()
        probability = hidden["schedule"] / 100
        right = torch.where(hidden["better"], probability, 1 - probability)
        return torch.stack([1 - right, right], dim=1)


def make_baselines(task: Reversal, discount: float = DISCOUNT) -> dict[str, Policy]:
    """Return the baselines by name; the oracle reads this very task.

    Args:
        task: the task that will be stepped.
        discount: per step; scales the values as those of an agent with this discount.
    """
    return {
        "random": ReversalBaseline(task, discount),
        "win-stay-lose-shift": WinStayLoseShift(task, discount),
        "rescorla-wagner": RescorlaWagner(task, discount=discount),
        "bayes-greedy": BayesGreedy(task, discount),
        "oracle": Oracle(task, discount),
    }
