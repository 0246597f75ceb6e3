"""The part of a trial that all two-step tasks share, up to the second-stage state."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import ClassVar, Protocol, TypeVar

import torch
from torch import Tensor

from metarl.envs.choice_task import (
    ANY,
    CROSS,
    SQUARES,
    ChoiceTask,
    invalid_response_reward,
)
from metarl.envs.task import Symbol

STATE_COLOURS = (("deepskyblue", "S1"), ("orange", "S2"))
"""Colour and name of the second-stage states."""
S1_SCREEN, BLANK_SCREEN = 2, 4
"""Indices of the screens of S1 (S2 follows) and after a missing choice."""


class TwoStageParams(Protocol):
    """Parameters of the shared part of a trial."""

    @property
    def trial_count(self) -> int:
        """Trials per episode."""

    @property
    def probability_common(self) -> float:
        """Probability that left leads to S1 and right to S2."""

    @property
    def fixation(self) -> bool:
        """Whether a trial starts with a fixation step."""


Params = TypeVar("Params", bound=TwoStageParams)


class TwoStageTask(ChoiceTask[Params]):
    """Fixation, a first-stage choice, and a second-stage state with a reward."""

    event_names = ("fixation", "choice", "outcome")
    screen_actions: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("centre",),
        ("left", "right"),
        ANY,
        ANY,
        ANY,
    )
    categories = MappingProxyType({"transition": ("common", "rare")})

    def __init__(
        self,
        num_envs: int = 1,
        params: Params | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        """Prepare `num_envs` environments."""
        super().__init__(num_envs, params, device)
        self.trial_high = self.second = self.rare = self.rewarded = self.never

    @property
    def has_fixation(self) -> bool:
        """Whether a trial starts with a fixation step."""
        return self.params.fixation

    @property
    def observation_names(self) -> tuple[str, ...]:
        """Names of the one-hot entries."""
        names = ("fixation", "first stage", "S1", "S2")
        return names if self.has_fixation else names[1:]

    @property
    def trial_count(self) -> int:
        """Trials per episode."""
        return self.params.trial_count

    def make_screens(self) -> Tensor:
        """(5, 4): fixation, first stage, S1, S2, and a blank screen."""
        return torch.cat([torch.eye(4), torch.zeros(1, 4)])

    def start_episode(self, noise: Tensor, options: Mapping[str, float]) -> None:
        """Set the hidden variables of an episode."""
        self.fixated = self.always
        self.start_rewards(noise, options)

    @abstractmethod
    def start_rewards(self, noise: Tensor, options: Mapping[str, float]) -> None:
        """Set the reward probabilities at the start of an episode."""

    @property
    def responses(self) -> tuple[Callable[[Tensor, Tensor], Tensor], ...]:
        """For each of `event_names`, the method that takes the action there."""
        return (self.fixate, self.choose, self.answer)

    def choose(self, actions: Tensor, noise: Tensor) -> Tensor:
        """(B,) reward of the first-stage choice, which leads to the second stage."""
        self.note_choice(actions)
        self.rare = noise[:, 0] >= self.probability_common()
        self.second = self.right ^ self.rare
        self.trial_high = self.hidden_high()
        return invalid_response_reward(self.responded)

    def probability_common(self) -> float | Tensor:
        """Probability of a common transition: one for all, or (B,)."""
        return self.params.probability_common

    @abstractmethod
    def answer(self, actions: Tensor, noise: Tensor) -> Tensor:
        """(B,) reward at the second stage; sets `rewarded`."""

    @abstractmethod
    def hidden_high(self) -> Tensor:
        """(B,) bool: whether S2 is now the better second-stage state."""

    def screen(self) -> int | Tensor:
        """Fixation, first stage, or the second-stage state, blank if none."""
        event = self.trial_events[self.phase]
        if event < S1_SCREEN:
            return event
        return torch.where(self.responded, self.second + S1_SCREEN, BLANK_SCREEN)

    def trial_row(self) -> dict[str, Tensor]:
        """The trial that just ended."""
        correct = self.responded & (self.right == self.trial_high)
        rewarded = self.rewarded.float()
        row = self.choice_row(
            self.right, reward=rewarded, correct=correct, forced=self.never
        )
        return row | {
            "transition": self.if_responded(self.rare),
            "second_state": self.if_responded(self.second),
            "second_choice": torch.full_like(rewarded, torch.nan),
            "high_state": self.trial_high.float(),
        }

    def scene(self, env_index: int = 0) -> list[Symbol]:
        """A cross; then two squares; then the second stage in its state's colour."""
        event = self.event_names[self.trial_events[self.phase]]
        if event == "fixation":
            return [CROSS]
        if event == "choice":
            return list(SQUARES)
        if not bool(self.responded[env_index]):
            return []
        return self.second_scene(*STATE_COLOURS[int(self.second[env_index])])

    def second_scene(self, colour: str, name: str) -> list[Symbol]:
        """Symbols of a second-stage state."""
        return [Symbol("disc", 0.5, colour, name)]
