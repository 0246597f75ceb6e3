"""Base classes of the reference policies: inputs, beliefs, valid actions.

A baseline has the interface of a network, so that it is stepped, recorded and analysed
in the same way. It reads the same inputs, except for an oracle, which reads the hidden
variables of the task that is being stepped.
"""

from typing import Any, Generic, NamedTuple, TypeVar

import torch
from torch import Tensor

from metarl.core.policy import Memory, PolicyOutput
from metarl.envs.choice_task import ChoiceTask
from metarl.envs.task import Task

IMPOSSIBLE = -1e4
"""Logit of an action that is never taken; finite, so that it cannot produce NaN."""
TIE = 1e-6
"""Values closer than this are treated as equal."""

AnyTask = TypeVar("AnyTask", bound=Task[Any])
AnyChoiceTask = TypeVar("AnyChoiceTask", bound=ChoiceTask[Any])


def best_logits(values: Tensor) -> Tensor:
    """Logits of the best action; several best actions are equally likely.

    Args:
        values: (B, N) value of each action.

    Returns:
        (B, N).
    """
    best = values.amax(1, keepdim=True)
    return torch.where(values >= best - TIE, 0.0, IMPOSSIBLE)


class StepInputs(NamedTuple):
    """The inputs of one step, taken apart."""

    observation: Tensor
    """(B, O) current observation."""
    last_action: Tensor
    """(B, A) one-hot; all zeros at the start of an episode."""
    reward: Tensor
    """(B,) reward for the last action."""


class BaselinePolicy(Generic[AnyTask]):
    """Takes all actions with equal probability, and has no beliefs.

    A subclass lays out its beliefs (`initial_memory`), updates them (`learn`) and
    prefers actions by them (`logits`). The value is 0 unless `respond` is overridden.
    """

    def __init__(self, task: AnyTask) -> None:
        """Read the layout and the parameters of `task`."""
        self.task, self.device = task, task.device
        self.observation_size = task.observation_size
        self.action_count = task.action_count

    def initial_memory(self, num_envs: int) -> Memory:
        """Beliefs before the first step, (B, n) tensors; none here."""
        return ()

    def act(self, inputs: Tensor, memory: Memory) -> PolicyOutput:
        """Learn from the last action and reward, then respond to the observation."""
        step = self.split(inputs)
        beliefs = self.learn(step, memory)
        return output_of(*self.respond(step, beliefs), beliefs)

    def split(self, inputs: Tensor) -> StepInputs:
        """Take (B, O + A + 1) inputs apart."""
        size = self.observation_size
        return StepInputs(inputs[:, :size], inputs[:, size:-1], inputs[:, -1])

    def learn(self, step: StepInputs, beliefs: Memory) -> Memory:
        """Beliefs after the last action; unchanged here."""
        return beliefs

    def respond(self, step: StepInputs, beliefs: Memory) -> tuple[Tensor, Tensor]:
        """(B, A) logits and (B,) value."""
        logits = self.logits(step, beliefs)
        return logits, logits.new_zeros(len(logits))

    def logits(self, step: StepInputs, beliefs: Memory) -> Tensor:
        """(B, A) logits of the actions; all equal here."""
        return torch.zeros(len(step.reward), self.action_count, device=self.device)


class ChoiceBaseline(BaselinePolicy[AnyChoiceTask]):
    """Base for tasks with fixation and choice: all responses are valid."""

    def __init__(self, task: AnyChoiceTask) -> None:
        """Read the layout and the valid actions of `task`."""
        super().__init__(task)
        self.left, self.has_fixation = task.left, task.has_fixation
        self.blank = len(task.screen_actions) - 1
        self.screen_logits = torch.where(task.screen_valid, 0.0, IMPOSSIBLE)
        """(S, A) logits on each screen: equal for valid actions."""
        is_choice = [names == ("left", "right") for names in task.screen_actions]
        self.is_choice = torch.tensor(is_choice, device=self.device)
        """(S,) bool: whether left and right can be chosen on a screen."""

    def screen_of(self, observation: Tensor) -> Tensor:
        """(B,) index of the task's screen in an observation; the last if all zeros."""
        # Without a fixation step its entry is missing, so that indices shift by one.
        screen = observation.argmax(1) + (0 if self.has_fixation else 1)
        return torch.where(observation.any(1), screen, self.blank)

    def sides(self, last_action: Tensor) -> Tensor:
        """(B, 2) one-hot of left and right; all zeros after another action."""
        return last_action[:, self.left :]

    def mask(self, screen: Tensor, preferences: Tensor) -> Tensor:
        """(B, A) logits: preferences at a choice, else equal for all valid actions.

        Args:
            screen: (B,) index of the current screen.
            preferences: (B, 2) logits of left and right.
        """
        logits = self.screen_logits.index_select(0, screen)
        here = self.is_choice[screen].unsqueeze(1)
        logits[:, self.left :] += torch.where(here, preferences, 0.0)
        return logits


class ScreenInputs(NamedTuple):
    """The inputs of one step, by the task's screens."""

    screen: Tensor
    """(B,) index of the current screen."""
    previous: Tensor
    """(B,) index of the preceding screen."""
    side: Tensor
    """(B,) last action: 0 left, 1 right, -1 any other."""
    reward: Tensor
    """(B,) reward for the last action."""


class ScreenBaseline(ChoiceBaseline[AnyChoiceTask]):
    """Base for tasks in which the preceding screen gives a response its meaning.

    The memory holds the preceding screen, then the beliefs. A subclass lays out its
    beliefs (`initial_beliefs`), updates them (`update`), prefers a side (`preferences`)
    and reports a value (`value`).
    """

    first_previous = 0
    """Screen that stands for the one before an episode."""

    def initial_memory(self, num_envs: int) -> Memory:
        """(B, 1) preceding screen, and the beliefs before the first step."""
        previous = torch.full((num_envs, 1), self.first_previous, device=self.device)
        return (previous, *self.initial_beliefs(num_envs))

    def act(self, inputs: Tensor, memory: Memory) -> PolicyOutput:
        """Learn from the last action and reward, then respond to the screen."""
        previous, *before = memory
        step = self.read(self.split(inputs), previous.squeeze(1))
        beliefs = self.update(step, tuple(before))
        logits = self.mask(step.screen, self.preferences(step, beliefs))
        value = self.value(step, beliefs, logits)
        return output_of(logits, value, (step.screen.unsqueeze(1), *beliefs))

    def read(self, inputs: StepInputs, previous: Tensor) -> ScreenInputs:
        """Interpret the inputs, given the (B,) preceding screen."""
        action = inputs.last_action.argmax(1) - self.left
        side = torch.where(inputs.last_action.any(1) & (action >= 0), action, -1)
        screen = self.screen_of(inputs.observation)
        return ScreenInputs(screen, previous, side, inputs.reward)

    def initial_beliefs(self, num_envs: int) -> Memory:
        """Beliefs before the first step, (B, n) tensors; none here."""
        return ()

    def update(self, step: ScreenInputs, beliefs: Memory) -> Memory:
        """Beliefs after the last action; unchanged here."""
        return beliefs

    def preferences(self, step: ScreenInputs, beliefs: Memory) -> Tensor:
        """(B, 2) logits of left and right, used at a choice; equal here."""
        return torch.zeros(len(step.screen), 2, device=self.device)

    def value(self, step: ScreenInputs, beliefs: Memory, logits: Tensor) -> Tensor:
        """(B,) expected reward; 0 here."""
        return torch.zeros(len(step.screen), device=self.device)


def output_of(logits: Tensor, value: Tensor, memory: Memory) -> PolicyOutput:
    """Output of a policy without units to record."""
    return PolicyOutput(logits, value, memory, logits.new_empty(len(logits), 0))
