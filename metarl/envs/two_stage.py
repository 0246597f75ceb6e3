"""What all two-step tasks share: fixation, a first choice, and where it leads."""

from abc import abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from metarl.envs.task import LockstepTask, Step, Symbol

STATE_COLOURS = (("deepskyblue", "S1"), ("orange", "S2"))
"""Colour and name of the second-stage states."""


class TwoStageParams(Protocol):
    """What the shared part of a trial needs to know."""

    @property
    def trial_count(self) -> int:
        """Trials per episode."""

    @property
    def probability_common(self) -> float:
        """Chance that left leads to S1 and right to S2."""

    @property
    def fixation(self) -> bool:
        """Whether a trial starts with a fixation step."""


Params = TypeVar("Params", bound=TwoStageParams)


class TwoStageTask(LockstepTask[Params]):
    """Fixation, a first-stage choice and a second-stage state, in which a task pays."""

    event_names = ("fixation", "choice", "outcome")
    categories = MappingProxyType({"transition": ("common", "rare")})

    def __init__(
        self,
        num_envs: int = 1,
        params: Params | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        """Prepare `num_envs` subjects."""
        super().__init__(num_envs, params, device)
        # Screens: fixation, first stage, S1, S2 and, last, nothing at all.
        screens = torch.cat([torch.eye(4), torch.zeros(1, 4)])
        self.screens = screens[:, 0 if self.params.fixation else 1 :].to(self.device)
        self.left = self.action_names.index("left")
        self.fixated = self.responded = self.always
        self.trial_high = self.second = self.right = self.rare = self.never
        self.rewarded = self.never
        self._prepare(torch.full((num_envs, self.noise_size), 0.5, device=device), {})

    @property
    def observation_names(self) -> tuple[str, ...]:
        """Names of the one-hot entries."""
        names = ("fixation", "first stage", "S1", "S2")
        return names if self.params.fixation else names[1:]

    @property
    def action_names(self) -> tuple[str, ...]:
        """Centre exists only where there is a fixation step."""
        return (
            ("centre", "left", "right") if self.params.fixation else ("left", "right")
        )

    @property
    def trial_count(self) -> int:
        """Trials of an episode."""
        return self.params.trial_count

    @property
    def phase_events(self) -> tuple[int, ...]:
        """A trial without the fixation step starts at the choice."""
        return (0, 1, 2) if self.params.fixation else (1, 2)

    def reset(
        self,
        noise: Tensor,
        *,
        options: Mapping[str, float] | None = None,
        where: Tensor | None = None,
    ) -> Tensor:
        """Start an episode, its hidden parameters drawn or fixed by the options."""
        chosen = self.check_options(options)
        self.start_all(where)
        self.fixated = self.always
        self._prepare(noise, chosen)
        return self.observation()

    @abstractmethod
    def _prepare(self, noise: Tensor, options: Mapping[str, float]) -> None:
        """Set what the second stage pays at first."""

    def step(self, actions: Tensor, noise: Tensor) -> Step:
        """Fixate, choose, and be paid at the second stage."""
        event = self.phase_events[self.phase]
        respond = (self._fixate, self._choose, self._pay)[event]
        return self.advance(respond(actions, noise))

    def _fixate(self, actions: Tensor, _noise: Tensor) -> Tensor:
        self.fixated = actions < self.left
        return self.fixated.float().sub_(1)

    def _choose(self, actions: Tensor, noise: Tensor) -> Tensor:
        self.responded = actions >= self.left
        self.right = actions > self.left
        self.rare = noise[:, 0] >= self.params.probability_common
        self.second = self.right ^ self.rare
        self.trial_high = self.hidden_high()
        return self.responded.float().sub_(1)

    @abstractmethod
    def _pay(self, actions: Tensor, noise: Tensor) -> Tensor:
        """(B,) what the second stage pays; sets `rewarded`."""

    @abstractmethod
    def hidden_high(self) -> Tensor:
        """(B,) bool: whether S2 is now the better second-stage state."""

    def observation(self) -> Tensor:
        """(B, O): fixation, first stage, or the second-stage state reached."""
        event = self.phase_events[self.phase]
        if event < len(("fixation", "choice")):
            return self.screens[event].expand(self.num_envs, -1)
        screen = torch.where(self.responded, self.second + 2, 4)
        return self.screens.index_select(0, screen)

    def trial_row(self) -> dict[str, Tensor]:
        """The trial that just ended."""
        invalid = self._invalid_responses()
        return {
            "choice": self.if_responded(self.right),
            "reward": self.rewarded.float() - invalid,
            "valid": (invalid == 0).float(),
            "correct": (self.responded & (self.right == self.trial_high)).float(),
            "forced": self.never.float(),
            "transition": self.if_responded(self.rare),
            "second_state": self.if_responded(self.second),
            "second_choice": torch.full_like(invalid, torch.nan),
            "high_state": self.trial_high.float(),
        }

    def _invalid_responses(self) -> Tensor:
        """(B,) responses of the trial that broke a rule, each at the price of 1."""
        return (~self.fixated).float() + (~self.responded).float()

    def if_responded(self, values: Tensor) -> Tensor:
        """The values as numbers, NaN where the first choice is missing."""
        return torch.where(self.responded, values.float(), torch.nan)

    def scene(self, env_index: int = 0) -> list[Symbol]:
        """A cross; then two squares; then the second stage in its state's colour."""
        event = self.phase_events[self.phase]
        if event == self.event_names.index("fixation"):
            return [Symbol("cross", 0.5, "white")]
        if event == self.event_names.index("choice"):
            return [Symbol("square", 0.25, "white"), Symbol("square", 0.75, "white")]
        if not bool(self.responded[env_index]):
            return []
        return self._second_scene(*STATE_COLOURS[int(self.second[env_index])])

    def _second_scene(self, colour: str, name: str) -> list[Symbol]:
        return [Symbol("disc", 0.5, colour, name)]
