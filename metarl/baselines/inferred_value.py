"""Yardsticks of the inferred-value task: what an observer should expect of a cue.

All answer as the cues ask. They differ in what they expect, so in their prediction
errors, which are what this task is about.
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from metarl.baselines.base import IMPOSSIBLE, decide
from metarl.core.checks import check_between
from metarl.core.policy import Memory, Policy, PolicyOutput

FIXATION, CUE_A, CUE_B, GO, OUTCOME = range(5)
"""Codes of what is on the screen."""
CENTRE, LEFT = range(2)
"""Codes of the first actions; right follows left."""
STEPS = 4
"""Steps of a trial."""
DISCOUNT = 0.9
"""Per step; the paper's, so that values are comparable with its networks'."""
LEARNING_RATE = 0.3
"""Share of a prediction error that the tabular learner takes up; ours."""


class InferredValueParams(Protocol):
    """The true structure of the task, which the observers know."""

    @property
    def block_trials(self) -> int:
        """Trials per block."""

    @property
    def probability_switch(self) -> float:
        """Chance at a block's start that the other cue becomes the rewarded one."""


class InferredValueTask(Protocol):
    """The part of the task that strategies look at."""

    @property
    def params(self) -> InferredValueParams:
        """What the experimenter has set."""

    @property
    def device(self) -> torch.device:
        """Where the inputs will be."""

    @property
    def observation_size(self) -> int:
        """Number of screens."""

    @property
    def action_count(self) -> int:
        """Number of actions."""


class InputMask(NamedTuple):
    """What one step tells, one entry a lane."""

    screen: Tensor
    """(B,) what is on the screen now."""
    previous: Tensor
    """(B,) what was on it before; -1 at the start of an episode."""
    cue: Tensor
    """(B,) the trial's cue, 0 A or 1 B; at fixation, the last trial's."""
    reward: Tensor
    """(B,) what the last action earned."""

    @property
    def opens(self) -> Tensor:
        """(B,) bool: a trial opens after another one."""
        return (self.screen == FIXATION) & (self.previous == OUTCOME)


class InferredValueStrategy:
    """Gives valid responses and expects nothing; a subclass adds what it expects."""

    def __init__(self, task: InferredValueTask) -> None:
        """Know the task's screens and actions."""
        self.observation_size, self.device = task.observation_size, task.device
        shape = (self.observation_size, 2, task.action_count)
        valid = torch.zeros(shape, device=self.device)
        valid[FIXATION, :, CENTRE + 1 :] = IMPOSSIBLE
        valid[GO] = IMPOSSIBLE
        for cue in (0, 1):
            valid[GO, cue, LEFT + cue] = 0
        self.valid = valid

    def initial_memory(self, num_envs: int) -> Memory:
        """Nothing seen yet, and the beliefs to start with."""
        previous = torch.full((num_envs, 1), -1, device=self.device)
        return (previous, torch.zeros_like(previous), *self.initial_beliefs(num_envs))

    def act(self, inputs: Tensor, memory: Memory) -> PolicyOutput:
        """Learn from what the last action led to, then answer."""
        previous, cue, *before = memory
        screen = inputs[:, : self.observation_size].argmax(1)
        shown = (screen == CUE_A) | (screen == CUE_B)
        cue = torch.where(shown, screen - CUE_A, cue.squeeze(1))
        senses = InputMask(screen, previous.squeeze(1), cue, inputs[:, -1])
        beliefs = self.learn(senses, tuple(before))
        now = (screen.unsqueeze(1), cue.unsqueeze(1), *beliefs)
        return decide(self.valid[screen, cue], self.value(senses, beliefs), now)

    def initial_beliefs(self, num_envs: int) -> Memory:
        """(B, n) tensors of beliefs before the first trial; none here."""
        return ()

    def learn(self, senses: InputMask, beliefs: Memory) -> Memory:
        """Beliefs after a step."""
        return beliefs

    def value(self, senses: InputMask, beliefs: Memory) -> Tensor:
        """(B,) discounted reward expected from now on; none here."""
        return torch.zeros_like(senses.reward)


def discounted(chance: Tensor, discount: float) -> Tensor:
    """(B, 4) worth of each step of a trial whose response is paid with this chance.

    From fixation to outcome, with every later trial, for ever, paid by half:

        later = 0.5 discount^2 / (1 - discount^4)
        worth = chance discount^(2 - step) + discount^(4 - step) later

    without the first part at the outcome, where the response is over.
    """
    later = 0.5 * discount**2 / (1 - discount**STEPS)
    paid = [discount**2, discount, 1.0, 0.0]
    left = [discount ** (STEPS - step) * later for step in range(STEPS)]
    return chance.unsqueeze(1) * chance.new_tensor(paid) + chance.new_tensor(left)


def by_step(senses: InputMask, steps: Tensor) -> Tensor:
    """(B,) the entry of the (B, 4) `steps` that belongs to what is on the screen."""
    step = senses.screen - (senses.screen >= CUE_B).long()
    return steps.gather(1, step.unsqueeze(1)).squeeze(1)


class IdealObserver(InferredValueStrategy):
    """Infers from one cue's outcome what both cues are worth, and counts no trials.

    An outcome is certain, so it tells at once which cue is the rewarded one; before
    each trial the cues may swap, with the chance of a block's start spread evenly over
    the trials. Its belief is the probability that B is the rewarded cue.

    Declared: values reach to the end of time, as if the session had none; each later
    trial is worth half a reward, whatever is believed, as its cue may be either.

    Source: Bromberg-Martin et al. 2010, J Neurophysiol 104:1068 (inferred value).
    """

    def __init__(self, task: InferredValueTask, discount: float = DISCOUNT) -> None:
        """Know the task's parameters; `discount` scales the values only."""
        super().__init__(task)
        check_between("discount", discount, 0, 1 - 1e-9)
        self.params, self.discount = task.params, discount

    def initial_beliefs(self, num_envs: int) -> Memory:
        """(B, 1) either cue may be the rewarded one."""
        return (torch.full((num_envs, 1), 0.5, device=self.device),)

    def learn(self, senses: InputMask, beliefs: Memory) -> Memory:
        """Take in the outcome; allow for a swap when the next trial opens."""
        belief = beliefs[0].squeeze(1)
        answered = (senses.screen == OUTCOME) & (senses.reward >= 0)
        rewarded = (senses.reward > 0) == (senses.cue == 1)
        belief = torch.where(answered, rewarded.float(), belief)
        switch = torch.where(senses.opens, self.hazard(beliefs), 0.0)
        belief = belief * (1 - switch) + (1 - belief) * switch
        return (belief.unsqueeze(1),)

    def hazard(self, beliefs: Memory) -> Tensor:
        """(B,) chance that the cues swap before the trial that opens."""
        spread = self.params.probability_switch / self.params.block_trials
        return torch.full_like(beliefs[0].squeeze(1), spread)

    def value(self, senses: InputMask, beliefs: Memory) -> Tensor:
        """(B,) discounted reward expected from now on, by the belief."""
        belief = beliefs[0].squeeze(1)
        chance = torch.where(senses.cue == 1, belief, 1 - belief)
        # Before the cue is seen it may be either one.
        chance = torch.where(senses.screen == FIXATION, 0.5, chance)
        return by_step(senses, discounted(chance, self.discount))


class CountingObserver(IdealObserver):
    """The same, but it counts: the cues swap at a block's start or not at all.

    So at a block's first trial it expects the same of both cues, and afterwards it is
    certain.
    """

    def initial_beliefs(self, num_envs: int) -> Memory:
        """(B, 1) the belief, and (B, 1) the trial's number in its block."""
        belief = super().initial_beliefs(num_envs)[0]
        return belief, torch.zeros_like(belief)

    def learn(self, senses: InputMask, beliefs: Memory) -> Memory:
        """Count the trial that opens, then learn as the ideal observer."""
        number = (beliefs[1] + senses.opens.unsqueeze(1)) % self.params.block_trials
        return (*super().learn(senses, (beliefs[0], number)), number)

    def hazard(self, beliefs: Memory) -> Tensor:
        """(B,) the chance of a block's start, and 0 at every other trial."""
        first = (beliefs[1] == 0).squeeze(1)
        return torch.where(first, self.params.probability_switch, 0.0)


@dataclass(frozen=True, kw_only=True)
class TemporalDifferenceParams:
    """What makes up a tabular learner."""

    learning_rate: float = LEARNING_RATE
    """Share of a prediction error that a value takes up, in [0, 1]."""
    discount: float = DISCOUNT
    """Per step, in [0, 1)."""

    def __post_init__(self) -> None:
        """Refuse what is out of range."""
        check_between("learning_rate", self.learning_rate, 0, 1)
        check_between("discount", self.discount, 0, 1 - 1e-9)


class TemporalDifference(InferredValueStrategy):
    """Tabular TD(0): a cue is worth what that cue led to; nothing is inferred.

        error = reward + discount * value(screen now) - value(screen before)
        value(screen before) += learning_rate * error

    Values are kept for fixation, for the response to A, for that to B, and for the
    outcome; they start as if both cues were paid by half.

    Declared: a cue is worth its response, one step away, so that the outcome teaches
    the cue at once, not by way of the next visit. The recorded one-step errors are
    those it learns from; the one on arrival at the response is always 0.

    Source: Sutton 1988, Mach Learn 3:9; as a model of dopamine, Schultz et al. 1997,
    Science 275:1593.
    """

    def __init__(
        self, task: InferredValueTask, params: TemporalDifferenceParams | None = None
    ) -> None:
        """Start with the task's layout and the learner's params."""
        super().__init__(task)
        self.params = params or TemporalDifferenceParams()

    def initial_beliefs(self, num_envs: int) -> Memory:
        """(B, 4) values of fixation, of the responses to A and B, of the outcome."""
        half = torch.full((num_envs,), 0.5, device=self.device)
        steps = discounted(half, self.params.discount)
        return (steps[:, [0, 2, 2, 3]],)

    def learn(self, senses: InputMask, beliefs: Memory) -> Memory:
        """Credit the screen before with what it led to."""
        values = beliefs[0]
        places = torch.arange(values.shape[1], device=self.device)
        response = 1 + senses.cue
        before = torch.where(senses.previous == FIXATION, 0, -1)
        before = torch.where(senses.previous == GO, response, before)
        before = torch.where(senses.previous == OUTCOME, 3, before)
        target = senses.reward + self.params.discount * self.value(senses, beliefs)
        errors = target.unsqueeze(1) - values
        credited = before.unsqueeze(1) == places
        return (values + self.params.learning_rate * errors * credited,)

    def value(self, senses: InputMask, beliefs: Memory) -> Tensor:
        """(B,) own estimate for what is on the screen."""
        fixation, *responses, outcome = beliefs[0].unbind(1)
        response = torch.where(senses.cue == 1, responses[1], responses[0])
        cue = self.params.discount * response
        return by_step(senses, torch.stack([fixation, cue, response, outcome], dim=1))


def make_baselines(
    task: InferredValueTask, discount: float = DISCOUNT
) -> dict[str, Policy]:
    """The yardsticks by name.

    `discount` scales their values, so that they are as an agent's with it.
    """
    learner = TemporalDifferenceParams(discount=discount)
    return {
        "random": InferredValueStrategy(task),
        "ideal": IdealObserver(task, discount),
        "counting": CountingObserver(task, discount),
        "td": TemporalDifference(task, learner),
    }
