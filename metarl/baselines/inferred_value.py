"""Baselines of the inferred-value task: expectations that a cue should evoke.

All give the instructed responses. They differ in their expectations, and therefore in
their prediction errors, which are the subject of this task.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from metarl.baselines.base import IMPOSSIBLE, ChoiceBaseline, output_of
from metarl.core.checks import check_between
from metarl.core.policy import Memory, Policy, PolicyOutput
from metarl.envs.inferred_value import CUES, GO_SCREEN, InferredValue

FIXATION, CUE_A, CUE_B, GO, OUTCOME = 0, 1, 2, GO_SCREEN, GO_SCREEN + 1
"""Indices of the task's screens."""
STEPS = 4
"""Steps of a trial."""
DISCOUNT = 0.9
"""Per step, of the paper's networks, so that values are comparable."""


class CueInputs(NamedTuple):
    """The inputs of one step, by screens and cue."""

    screen: Tensor
    """(B,) index of the current screen."""
    previous: Tensor
    """(B,) index of the preceding screen; -1 at the start of an episode."""
    cue: Tensor
    """(B,) cue of the trial, 0 A or 1 B; at fixation, that of the last trial."""
    reward: Tensor
    """(B,) reward for the last action."""

    @property
    def starts(self) -> Tensor:
        """(B,) bool: a trial starts, after another one."""
        return (self.screen == FIXATION) & (self.previous == OUTCOME)


class InferredValueBaseline(ChoiceBaseline[InferredValue]):
    """Gives valid responses and expects nothing; a subclass adds expectations.

    The memory holds the preceding screen, the cue, and the beliefs of the subclass.
    """

    def __init__(self, task: InferredValue) -> None:
        """Read the layout and the valid actions of `task`."""
        super().__init__(task)
        self.cue_logits = self.screen_logits.unsqueeze(1).repeat(1, len(CUES), 1)
        """(S, 2, A) logits on each screen after each cue."""
        self.cue_logits[GO] = torch.where(task.valid_after_cue, 0.0, IMPOSSIBLE)

    def initial_memory(self, num_envs: int) -> Memory:
        """(B, 1) preceding screen, (B, 1) cue, and the beliefs."""
        previous = torch.full((num_envs, 1), -1, device=self.device)
        return (previous, torch.zeros_like(previous), *self.initial_beliefs(num_envs))

    def act(self, inputs: Tensor, memory: Memory) -> PolicyOutput:
        """Learn from the last action and reward, then respond to the screen."""
        previous, cue, *before = memory
        observation, _, reward = self.split(inputs)
        screen = self.screen_of(observation)
        is_cue = (screen == CUE_A) | (screen == CUE_B)
        cue = torch.where(is_cue, screen - CUE_A, cue.squeeze(1))
        step = CueInputs(screen, previous.squeeze(1), cue, reward)
        beliefs = self.update(step, tuple(before))
        after = (screen.unsqueeze(1), cue.unsqueeze(1), *beliefs)
        return output_of(self.cue_logits[screen, cue], self.value(step, beliefs), after)

    def initial_beliefs(self, num_envs: int) -> Memory:
        """Beliefs before the first trial, (B, n) tensors; none here."""
        return ()

    def update(self, step: CueInputs, beliefs: Memory) -> Memory:
        """Beliefs after the last action; unchanged here."""
        return beliefs

    def value(self, step: CueInputs, beliefs: Memory) -> Tensor:
        """(B,) expected discounted reward from now on; 0 here."""
        return torch.zeros_like(step.reward)


def discounted_values(probability: Tensor, discount: float) -> Tensor:
    """(B, 4) value of each step of a trial, by the reward probability of its response.

    From fixation to outcome, with all later trials, without end, rewarded by half:

        later = 0.5 discount^2 / (1 - discount^4)
        value = probability discount^(2 - step) + discount^(4 - step) later

    without the first term at the outcome, where the response is over.
    """
    later = 0.5 * discount**2 / (1 - discount**STEPS)
    own = [discount**2, discount, 1.0, 0.0]
    rest = [discount ** (STEPS - step) * later for step in range(STEPS)]
    own_value = probability.unsqueeze(1) * probability.new_tensor(own)
    return own_value + probability.new_tensor(rest)


def by_step(step: CueInputs, values: Tensor) -> Tensor:
    """(B,) entry of the (B, 4) values, by step, at the current screen."""
    number = step.screen - (step.screen >= CUE_B).long()
    return values.gather(1, number.unsqueeze(1)).squeeze(1)


class IdealObserver(InferredValueBaseline):
    """Infers the values of both cues from the outcome of one, without counting trials.

    An outcome is certain, so that it reveals the rewarded cue at once; before each
    trial the cues may swap, with the switching probability of a block spread evenly
    over its trials. The belief is the probability that B is the rewarded cue.

    Declared: values are of an endless session; each later trial has a value of half a
    reward, whatever the belief, because its cue may be either.

    Source: Bromberg-Martin et al. 2010, J Neurophysiol 104:1068 (inferred value).
    """

    def __init__(self, task: InferredValue, discount: float = DISCOUNT) -> None:
        """Read the parameters of `task`; `discount` scales only the values."""
        super().__init__(task)
        check_between("discount", discount, 0, 1 - 1e-9)
        self.params, self.discount = task.params, discount

    def initial_beliefs(self, num_envs: int) -> Memory:
        """(B, 1) both cues are equally likely to be the rewarded one."""
        return (torch.full((num_envs, 1), 0.5, device=self.device),)

    def update(self, step: CueInputs, beliefs: Memory) -> Memory:
        """Learn from the outcome; allow for a swap when the next trial starts."""
        belief = beliefs[0].squeeze(1)
        valid = (step.screen == OUTCOME) & (step.reward >= 0)
        is_b = (step.reward > 0) == (step.cue == 1)
        belief = torch.where(valid, is_b.float(), belief)
        switch = torch.where(step.starts, self.hazard(beliefs), 0.0)
        belief = belief * (1 - switch) + (1 - belief) * switch
        return (belief.unsqueeze(1),)

    def hazard(self, beliefs: Memory) -> Tensor:
        """(B,) probability that the cues swap before the trial that starts."""
        spread = self.params.probability_switch / self.params.block_trials
        return torch.full_like(beliefs[0].squeeze(1), spread)

    def value(self, step: CueInputs, beliefs: Memory) -> Tensor:
        """(B,) expected discounted reward from now on, by the belief."""
        belief = beliefs[0].squeeze(1)
        probability = torch.where(step.cue == 1, belief, 1 - belief)
        # Before the cue is shown, both are equally likely.
        probability = torch.where(step.screen == FIXATION, 0.5, probability)
        return by_step(step, discounted_values(probability, self.discount))


class CountingObserver(IdealObserver):
    """An ideal observer that counts: the cues swap only at the start of a block.

    Its expectation is therefore the same for both cues in the first trial of a block,
    and certain afterwards.
    """

    def initial_beliefs(self, num_envs: int) -> Memory:
        """(B, 1) the belief, and (B, 1) the number of the trial in its block."""
        belief = super().initial_beliefs(num_envs)[0]
        return belief, torch.zeros_like(belief)

    def update(self, step: CueInputs, beliefs: Memory) -> Memory:
        """Count the trial that starts, then learn as the ideal observer."""
        number = (beliefs[1] + step.starts.unsqueeze(1)) % self.params.block_trials
        return (*super().update(step, (beliefs[0], number)), number)

    def hazard(self, beliefs: Memory) -> Tensor:
        """(B,) switching probability at the start of a block, 0 in other trials."""
        first = (beliefs[1] == 0).squeeze(1)
        return torch.where(first, self.params.probability_switch, 0.0)


@dataclass(frozen=True, kw_only=True)
class TemporalDifferenceParams:
    """Parameters of a tabular learner."""

    learning_rate: float = 0.3
    """Change of a value per unit of prediction error, in [0, 1]; ours."""
    discount: float = DISCOUNT
    """Per step, in [0, 1)."""

    def __post_init__(self) -> None:
        """Validate the fields."""
        check_between("learning_rate", self.learning_rate, 0, 1)
        check_between("discount", self.discount, 0, 1 - 1e-9)


class TemporalDifference(InferredValueBaseline):
    """Tabular TD(0): a cue has the value of its own outcomes; nothing is inferred.

        error = reward + discount * value(current screen) - value(preceding screen)
        value(preceding screen) += learning_rate * error

    It has values for fixation, for the response to A and to B, and for the outcome;
    they start as if both cues were rewarded by half.

    Declared: the value of a cue is that of its response, one step away, so that the
    outcome changes the cue at once, not at its next presentation. The recorded one-step
    errors are those of learning; the one on arrival at the response is always 0.

    Source: Sutton 1988, Mach Learn 3:9; as a model of dopamine, Schultz et al. 1997,
    Science 275:1593.
    """

    def __init__(
        self, task: InferredValue, params: TemporalDifferenceParams | None = None
    ) -> None:
        """Read the layout of `task`; use the learner's parameters."""
        super().__init__(task)
        self.params = params or TemporalDifferenceParams()

    def initial_beliefs(self, num_envs: int) -> Memory:
        """(B, 4) values of fixation, of the responses to A and B, of the outcome."""
        half = torch.full((num_envs,), 0.5, device=self.device)
        steps = discounted_values(half, self.params.discount)
        return (steps[:, [0, 2, 2, 3]],)

    def update(self, step: CueInputs, beliefs: Memory) -> Memory:
        """Credit the preceding screen with the reward and the current value."""
        values = beliefs[0]
        places = torch.arange(values.shape[1], device=self.device)
        response = 1 + step.cue
        before = torch.where(step.previous == FIXATION, 0, -1)
        before = torch.where(step.previous == GO, response, before)
        before = torch.where(step.previous == OUTCOME, 3, before)
        target = step.reward + self.params.discount * self.value(step, beliefs)
        errors = target.unsqueeze(1) - values
        credited = before.unsqueeze(1) == places
        return (values + self.params.learning_rate * errors * credited,)

    def value(self, step: CueInputs, beliefs: Memory) -> Tensor:
        """(B,) learned value of the current screen."""
        fixation, *responses, outcome = beliefs[0].unbind(1)
        response = torch.where(step.cue == 1, responses[1], responses[0])
        cue = self.params.discount * response
        return by_step(step, torch.stack([fixation, cue, response, outcome], dim=1))


def make_baselines(
    task: InferredValue, discount: float = DISCOUNT
) -> dict[str, Policy]:
    """Return the baselines by name.

    Args:
        task: the task that will be stepped.
        discount: per step; scales the values as those of an agent with this discount.
    """
    learner = TemporalDifferenceParams(discount=discount)
    return {
        "random": InferredValueBaseline(task),
        "ideal": IdealObserver(task, discount),
        "counting": CountingObserver(task, discount),
        "td": TemporalDifference(task, learner),
    }
