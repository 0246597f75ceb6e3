"""What strategies of the two-step tasks share: reading the screen, valid responses."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor

from metarl.baselines.base import IMPOSSIBLE, decide
from metarl.core.policy import Memory, PolicyOutput

FIXATION, FIRST, S1, S2, BLANK = range(5)
"""Codes of what is on the screen."""
DISCOUNT = 0.9
"""Per step; the paper's, so that values are comparable with its networks'."""


class TwoStageParams(Protocol):
    """What every two-step strategy knows of the task."""

    @property
    def fixation(self) -> bool:
        """Whether a trial starts with a fixation step."""

    @property
    def probability_common(self) -> float:
        """Chance that left leads to S1 and right to S2."""


Params_co = TypeVar("Params_co", bound=TwoStageParams, covariant=True)


class TwoStageTask(Protocol[Params_co]):
    """The part of a two-step task that strategies look at."""

    @property
    def params(self) -> Params_co:
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

    @property
    def option_names(self) -> tuple[str, ...]:
        """Hidden parameters that can be fixed at a reset."""

    def hidden(self) -> Mapping[str, Tensor]:
        """What the subject is not told now; only oracles look."""


class InputMask(NamedTuple):
    """What the inputs of one step say, one entry a lane."""

    screen: Tensor
    """(B,) what is on the screen: FIXATION, FIRST, S1, S2 or BLANK."""
    choice: Tensor
    """(B,) the last action: 0 left, 1 right, -1 anything else."""
    reward: Tensor
    """(B,) what the last action earned."""


class TwoStageStrategy:
    """A strategy that always responds validly, and otherwise at random.

    Subclasses say what they believe and what they prefer. The memory holds the last
    screen, then the beliefs. Values count what the present trial may still pay: before
    the first stage, and on a blank screen, nothing is expected.
    """

    def __init__(self, task: TwoStageTask[Any], *, second_choice: bool) -> None:
        """Learn the task's layout; `second_choice` if its second stage is chosen."""
        fixation = task.params.fixation
        self.opening = FIXATION if fixation else FIRST
        self.observation_size = len(task.observation_names)
        self.left = task.action_names.index("left")
        stages = (FIRST, S1, S2) if second_choice else (FIRST,)
        self.chosen = torch.tensor([screen in stages for screen in range(BLANK + 1)])
        self.chosen = self.chosen.to(task.device)
        self.valid = torch.zeros(BLANK + 1, len(task.action_names), device=task.device)
        self.valid[FIXATION, self.left :] = IMPOSSIBLE
        self.valid[self.chosen, : self.left] = IMPOSSIBLE

    def initial_memory(self, num_envs: int) -> Memory:
        """Nothing seen yet, and the beliefs to start with."""
        seen = torch.full((num_envs, 1), BLANK, device=self.valid.device)
        return (seen, *self.initial_beliefs(num_envs))

    def act(self, inputs: Tensor, memory: Memory) -> PolicyOutput:
        """Learn from what the last action led to, then decide."""
        senses = self.read(inputs)
        previous, *before = memory
        beliefs = self.learn(senses, previous.squeeze(1), tuple(before))
        preferences = self.preferences(senses.screen, beliefs)
        here = self.chosen[senses.screen].unsqueeze(1)
        logits = self.valid.index_select(0, senses.screen)
        logits[:, self.left :] += torch.where(here, preferences, 0.0)
        value = self.value(senses.screen, beliefs)
        return decide(logits, value, (senses.screen.unsqueeze(1), *beliefs))

    def read(self, inputs: Tensor) -> InputMask:
        """Take the joined inputs apart."""
        seen = inputs[:, : self.observation_size]
        acted = inputs[:, self.observation_size : -1]
        # Where there is no fixation step, its entry is missing at the front.
        screen = seen.argmax(1) + (BLANK - self.observation_size)
        choice = acted.argmax(1) - self.left
        return InputMask(
            torch.where(seen.any(1), screen, BLANK),
            torch.where(acted.any(1), choice, -1),
            inputs[:, -1],
        )

    def initial_beliefs(self, num_envs: int) -> Memory:
        """(B, n) tensors of beliefs before the first trial; none here."""
        return ()

    def learn(self, senses: InputMask, previous: Tensor, beliefs: Memory) -> Memory:
        """Beliefs after a step that led from screen `previous` to `senses`."""
        return beliefs

    def preferences(self, screen: Tensor, beliefs: Memory) -> Tensor:
        """(B, 2) logits of left and right, used where a choice is due."""
        return torch.zeros(len(screen), 2, device=screen.device)

    def value(self, screen: Tensor, beliefs: Memory) -> Tensor:
        """(B,) reward expected from what is on the screen; none here."""
        return torch.zeros(len(screen), device=screen.device)


def through_transitions(probability_common: float, s1: Tensor, s2: Tensor) -> Tensor:
    """(B, 2) worth of left and right, given what each second-stage state is worth."""
    common, rare = probability_common, 1 - probability_common
    return torch.stack([common * s1 + rare * s2, rare * s1 + common * s2], dim=1)


def by_screen(screen: Tensor, first: Tensor, s1: Tensor, s2: Tensor) -> Tensor:
    """(B,) the value that belongs to the screen; 0 at fixation and on a blank one."""
    zero = torch.zeros_like(first)
    values = torch.stack([zero, first, s1, s2, zero])
    return values.gather(0, screen.unsqueeze(0)).squeeze(0)
