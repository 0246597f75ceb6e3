"""Yardsticks of the reversal task: chance, habit, value learner, Bayes, oracle."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Protocol

import torch
from torch import Tensor

from metarl.baselines.base import IMPOSSIBLE, best_logits, decide
from metarl.core.checks import check_at_least, check_between
from metarl.core.policy import Memory, Policy, PolicyOutput

DISCOUNT = 0.9
"""Per step, where no agent's is given."""


class ReversalParams(Protocol):
    """The design of the task, which an ideal learner knows."""

    @property
    def fixation(self) -> bool:
        """Whether a trial starts with a fixation step."""

    @property
    def percents(self) -> tuple[int, ...]:
        """Chances of reward, in percent, that the better option may have."""

    @property
    def reversal_least(self) -> int:
        """Fewest trials before the reversal."""

    @property
    def reversal_most(self) -> int:
        """Most trials before the reversal."""


class ReversalTask(Protocol):
    """The part of the reversal task that strategies look at."""

    @property
    def params(self) -> ReversalParams:
        """What the experimenter has set."""

    @property
    def device(self) -> torch.device:
        """Where the inputs will be."""

    @property
    def observation_names(self) -> tuple[str, ...]:
        """A name for each entry of the observation."""

    @property
    def action_names(self) -> tuple[str, ...]:
        """A name for each action."""

    def hidden(self) -> Mapping[str, Tensor]:
        """What the subject is not told now; only oracles look."""


class ReversalStrategy:
    """A strategy that always responds validly, and otherwise at random.

    Subclasses say what they learn and how they choose. Values count what the present
    trial may still pay.
    """

    def __init__(self, task: ReversalTask, discount: float = DISCOUNT) -> None:
        """Learn the task's layout; `discount` scales the values only."""
        check_between("discount", discount, 0, 1)
        self.discount, self.device = discount, task.device
        self.fixation = task.params.fixation
        self.choosing = task.observation_names.index("choice")
        self.observation_size = len(task.observation_names)
        self.left = task.action_names.index("left")

    def initial_memory(self, num_envs: int) -> Memory:
        """What is remembered before the first trial: nothing here."""
        return ()

    def act(self, inputs: Tensor, memory: Memory) -> PolicyOutput:
        """Learn from the last trial when the next one opens, then decide."""
        choosing = inputs[:, self.choosing] > 0
        acted = inputs[:, self.observation_size : -1]
        opens = ~choosing if self.fixation else choosing
        # What was done on the fixation screen is no choice.
        took = (acted[:, self.left :] > 0) & opens.unsqueeze(1)
        memory = self.learn(took, inputs[:, -1] > 0, opens, memory)
        preferences = self.preferences(len(inputs), memory)
        chosen = choosing.unsqueeze(1)
        logits = torch.zeros_like(acted)
        logits[:, : self.left] = torch.where(chosen, IMPOSSIBLE, 0.0)
        logits[:, self.left :] = torch.where(chosen, preferences, IMPOSSIBLE)
        expected = (preferences.softmax(1) * self.worth(len(inputs), memory)).sum(1)
        value = torch.where(choosing, 1.0, self.discount) * expected
        return decide(logits, value, memory)

    def learn(self, took: Tensor, won: Tensor, opens: Tensor, memory: Memory) -> Memory:
        """The memory at a new screen.

        Args:
            took: (B, 2) whether left, right was chosen on the trial that just ended;
                neither where none ended or its choice is missing.
            won: (B,) whether it was rewarded.
            opens: (B,) whether a trial opens here.
            memory: what was remembered.
        """
        return memory

    def preferences(self, num_envs: int, memory: Memory) -> Tensor:
        """(B, 2) logits of left and right at the next choice."""
        return torch.zeros(num_envs, 2, device=self.device)

    def worth(self, num_envs: int, memory: Memory) -> Tensor:
        """(B, 2) reward expected of left and right; none here."""
        return torch.zeros(num_envs, 2, device=self.device)


class WinStayLoseShift(ReversalStrategy):
    """Repeats a rewarded choice and leaves an unrewarded one; the first at random."""

    def initial_memory(self, num_envs: int) -> Memory:
        """(B, 2) which option comes next: neither in particular."""
        return (torch.zeros(num_envs, 2, device=self.device),)

    def learn(self, took: Tensor, won: Tensor, opens: Tensor, memory: Memory) -> Memory:
        """Settle the next choice by the last one's outcome."""
        following = torch.where(won.unsqueeze(1), took, ~took).float()
        return (torch.where(took.any(1, keepdim=True), following, memory[0]),)

    def preferences(self, num_envs: int, memory: Memory) -> Tensor:
        """(B, 2) the option settled on."""
        return best_logits(memory[0])


@dataclass(frozen=True, kw_only=True)
class RescorlaWagnerParams:
    """What makes up an error-driven learner; the values are ours."""

    learning_rate: float = 0.3
    """Share of a prediction error that a value takes up, in [0, 1]."""
    initial_value: float = 0.5
    """Value of an option at an episode's start, in reward units: chance."""
    inverse_temperature: float = 10.0
    """How sharply choice follows the values, per unit of reward, at least 0."""

    def __post_init__(self) -> None:
        """Refuse what is out of range."""
        check_between("learning_rate", self.learning_rate, 0, 1)
        check_at_least("inverse_temperature", self.inverse_temperature, 0)


class RescorlaWagner(ReversalStrategy):
    """Learns what each option pays from its own prediction errors; softmax choice.

        value(choice) += learning_rate * (reward - value(choice))

    Source: Rescorla & Wagner 1972; fitted to the monkeys by Costa et al. 2016, Neuron
    92:505. The parameters are ours, not those fits.
    """

    def __init__(
        self,
        task: ReversalTask,
        params: RescorlaWagnerParams | None = None,
        discount: float = DISCOUNT,
    ) -> None:
        """Start with a task's layout and the learner's params."""
        super().__init__(task, discount)
        self.params = params or RescorlaWagnerParams()

    def initial_memory(self, num_envs: int) -> Memory:
        """(B, 2) values of left and right."""
        start = self.params.initial_value
        return (torch.full((num_envs, 2), start, device=self.device),)

    def learn(self, took: Tensor, won: Tensor, opens: Tensor, memory: Memory) -> Memory:
        """Move the value of the choice taken towards what it brought."""
        (values,) = memory
        error = won.float().unsqueeze(1) - values
        return (values + self.params.learning_rate * error * took,)

    def preferences(self, num_envs: int, memory: Memory) -> Tensor:
        """(B, 2) logits of a softmax over the values."""
        return self.params.inverse_temperature * memory[0]

    def worth(self, num_envs: int, memory: Memory) -> Tensor:
        """(B, 2) the values."""
        return memory[0]


class BayesGreedy(ReversalStrategy):
    """Knows the design, infers what is hidden in it, and takes the better option.

    It weighs every course an episode may take: which option is better at first, which
    of the schedules holds, and after how many trials the one reversal comes. As the two
    options' chances sum to 1, either choice tells as much as the other, so that no
    strategy without knowledge of what is hidden earns more on average.

    Source: Costa et al. 2016, Neuron 92:505 (their Bayesian model of the reversal);
    weighing the schedules, and taking the better option, are ours.
    """

    def __init__(self, task: ReversalTask, discount: float = DISCOUNT) -> None:
        """Know the design of `task`; `discount` scales the values only."""
        super().__init__(task, discount)
        params = task.params
        reversals = range(params.reversal_least, params.reversal_most + 1)
        courses = list(product((0, 1), params.percents, reversals))
        table = torch.tensor(courses, device=self.device)
        self.first_better, percent, self.reversal = table.unbind(1)
        self.chance = percent / 100

    def initial_memory(self, num_envs: int) -> Memory:
        """(B, 1) number of the trial, and (B, C) beliefs in the courses, all equal."""
        trial = torch.full((num_envs, 1), -1, device=self.device)
        courses = len(self.chance)
        return trial, torch.full((num_envs, courses), 1 / courses, device=self.device)

    def learn(self, took: Tensor, won: Tensor, opens: Tensor, memory: Memory) -> Memory:
        """Bayes' rule on the outcome, by what each course made of that trial."""
        trial, belief = memory
        right_pays = self._right_pays(trial)
        for_right = (took[:, 1] == won).unsqueeze(1)
        likelihood = torch.where(for_right, right_pays, 1 - right_pays)
        weighed = belief * torch.where(took.any(1, keepdim=True), likelihood, 1.0)
        belief = weighed / weighed.sum(1, keepdim=True)
        return trial + opens.unsqueeze(1), belief

    def _right_pays(self, trial: Tensor) -> Tensor:
        """(B, C) chance that right pays on a trial, if the course is that one."""
        right_better = (self.first_better == 1) ^ (self.reversal <= trial)
        return torch.where(right_better, self.chance, 1 - self.chance)

    def preferences(self, num_envs: int, memory: Memory) -> Tensor:
        """(B, 2) the option that is worth more."""
        return best_logits(self.worth(num_envs, memory))

    def worth(self, num_envs: int, memory: Memory) -> Tensor:
        """(B, 2) chance of reward of left and right, by the beliefs."""
        trial, belief = memory
        right = (belief * self._right_pays(trial)).sum(1)
        return torch.stack([1 - right, right], dim=1)


class Oracle(ReversalStrategy):
    """Is told which option is better: the most that any subject could earn."""

    def __init__(self, task: ReversalTask, discount: float = DISCOUNT) -> None:
        """Look into `task`, which must be the one that is being stepped."""
        super().__init__(task, discount)
        self.hidden = task.hidden

    def preferences(self, num_envs: int, memory: Memory) -> Tensor:
        """(B, 2) the better option."""
        return best_logits(self.worth(num_envs, memory))

    def worth(self, num_envs: int, memory: Memory) -> Tensor:
        """(B, 2) chance of reward of left and right."""
        hidden = self.hidden()
        chance = hidden["schedule"] / 100
        right = torch.where(hidden["better"], chance, 1 - chance)
        return torch.stack([1 - right, right], dim=1)


def make_baselines(task: ReversalTask, discount: float = DISCOUNT) -> dict[str, Policy]:
    """The yardsticks by name; the oracle looks into this very task.

    `discount` scales their values, so that they are as an agent's with it.
    """
    return {
        "random": ReversalStrategy(task, discount),
        "win-stay-lose-shift": WinStayLoseShift(task, discount),
        "rescorla-wagner": RescorlaWagner(task, discount=discount),
        "bayes-greedy": BayesGreedy(task, discount),
        "oracle": Oracle(task, discount),
    }
