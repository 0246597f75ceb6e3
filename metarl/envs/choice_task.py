"""Trials with a fixation step and a choice of left or right, and invalid responses.

One rule for invalid responses holds in all these tasks: an invalid response has a
reward of -1, and the trial goes on to its next step. After an invalid response at the
choice, the choice of the trial is missing and cannot be rewarded.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar, TypeVar

import torch
from torch import Tensor

from metarl.envs.task import LockstepTask, Step, Symbol

Params = TypeVar("Params")

CROSS = Symbol("cross", 0.5, "white")
"""The fixation cross."""
SQUARES = (Symbol("square", 0.25, "white"), Symbol("square", 0.75, "white"))
"""The left and the right option."""
ANY = ()
"""Stands for all actions in `screen_actions`."""


class ChoiceTask(LockstepTask[Params]):
    """Base of the tasks with a fixation step and two options, left and right.

    A subclass adds the hidden variables (`start_episode`) and the reward of a choice
    (`choose`), and lists further screens and steps where it has any.
    """

    event_names: ClassVar[tuple[str, ...]] = ("fixation", "choice")
    screen_actions: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("centre",),
        ("left", "right"),
    )
    """Names of the valid actions on each screen; ANY if all are valid."""

    def __init__(
        self,
        num_envs: int = 1,
        params: Params | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        """Prepare `num_envs` environments."""
        super().__init__(num_envs, params, device)
        first = 0 if self.has_fixation else 1
        self.trial_events = tuple(range(first, len(self.event_names)))
        self.left = self.action_names.index("left")
        self.screens = self.make_screens()[:, first:].to(self.device)
        """(S, O) observation of each screen."""
        valid = [
            [name in (names or self.action_names) for name in self.action_names]
            for names in self.screen_actions
        ]
        self.screen_valid = torch.tensor(valid, device=self.device)
        """(S, A) bool valid actions of each screen."""
        self.fixated = self.responded = self.always
        self.right = self.never
        noise = torch.full((num_envs, self.noise_size), 0.5, device=self.device)
        self.start_episode(noise, {})

    @property
    def has_fixation(self) -> bool:
        """Whether a trial starts with a fixation step."""
        return True

    @property
    def action_names(self) -> tuple[str, ...]:
        """Names of the actions; centre exists only with a fixation step."""
        names = ("centre", "left", "right")
        return names if self.has_fixation else names[1:]

    @property
    def phase_events(self) -> tuple[int, ...]:
        """Index into `event_names` of each step of a trial."""
        return self.trial_events

    def make_screens(self) -> Tensor:
        """(S, O) observation of each screen, the entry of fixation included."""
        return torch.eye(len(self.screen_actions))

    def reset(
        self,
        noise: Tensor,
        *,
        options: Mapping[str, float] | None = None,
        where: Tensor | None = None,
    ) -> Tensor:
        """Start an episode; the options replace the hidden variables drawn."""
        checked = self.check_options(options)
        self.start_all(where)
        self.start_episode(noise, checked)
        return self.observation()

    @abstractmethod
    def start_episode(self, noise: Tensor, options: Mapping[str, float]) -> None:
        """Set the hidden variables of an episode from the noise and the options."""

    @property
    def responses(self) -> tuple[Callable[[Tensor, Tensor], Tensor], ...]:
        """For each of `event_names`, the method that takes the action there."""
        return (self.fixate, self.choose)

    def step(self, actions: Tensor, noise: Tensor) -> Step:
        """Take one action in every environment, at the current step of the trial."""
        event = self.trial_events[self.phase]
        return self.advance(self.responses[event](actions, noise))

    def fixate(self, actions: Tensor, noise: Tensor) -> Tensor:
        """(B,) reward of the response to the fixation cross."""
        # Comparing codes takes half the time of a look-up in `screen_valid`.
        self.fixated = actions < self.left
        return invalid_response_reward(self.fixated)

    @abstractmethod
    def choose(self, actions: Tensor, noise: Tensor) -> Tensor:
        """(B,) reward of the choice."""

    def note_choice(self, actions: Tensor) -> None:
        """Store whether the response is a choice, and of which side."""
        self.responded = actions >= self.left
        self.right = actions > self.left

    def screen(self) -> int | Tensor:
        """Index of the current screen; a (B,) tensor if environments differ in it."""
        return self.trial_events[self.phase]

    def observation(self) -> Tensor:
        """(B, O): the current screen."""
        return self.by_screen(self.screens)

    def valid_actions(self) -> Tensor:
        """(B, A) bool: actions that are valid on the current screen."""
        return self.by_screen(self.screen_valid)

    def by_screen(self, table: Tensor) -> Tensor:
        """(B, n) row of the (S, n) table for each environment's current screen."""
        screen = self.screen()
        if isinstance(screen, int):
            # A view of one row costs less than gathering the same row B times.
            return table[screen].expand(self.num_envs, -1)
        return table.index_select(0, screen)

    def invalid_count(self) -> Tensor:
        """(B,) number of invalid responses in the trial."""
        return (~self.fixated).float() + (~self.responded).float()

    def if_responded(self, values: Tensor) -> Tensor:
        """Return the values as numbers, NaN if the choice is missing."""
        return torch.where(self.responded, values.float(), torch.nan)

    def choice_row(
        self, choice: Tensor, *, reward: Tensor, correct: Tensor, forced: Tensor
    ) -> dict[str, Tensor]:
        """Trial columns that all tasks share.

        Args:
            choice: (B,) code of the choice, used where the response was valid.
            reward: (B,) reward for the choice, without the cost of invalid responses.
            correct: (B,) bool.
            forced: (B,) bool.
        """
        invalid = self.invalid_count()
        return {
            "choice": self.if_responded(choice),
            "reward": reward - invalid,
            "valid": (invalid == 0).float(),
            "correct": correct.float(),
            "forced": forced.float(),
        }

    def scene(self, env_index: int = 0) -> list[Symbol]:
        """A cross at fixation, then two squares."""
        event = self.event_names[self.trial_events[self.phase]]
        return [CROSS] if event == "fixation" else list(SQUARES)


def invalid_response_reward(valid: Tensor) -> Tensor:
    """(B,) reward of responses as such: 0 if valid, -1 if invalid."""
    # The result is new, so that subtracting in place is safe, and saves a copy.
    return valid.float().sub_(1)
