"""The contract of a task: one experiment, written once for a batch of lanes.

A lane is one animal in its own box. A task is a deterministic function of its state,
the actions and a block of uniform noise handed in, all as tensors with one row a lane,
so the same code runs on CPU and GPU, as one Gymnasium environment (the batch of one)
or as thousands of lanes, and permuting the lanes' noise permutes the lanes.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from metarl.core.checks import check_at_least

Params = TypeVar("Params")

SMALLEST_NOISE = 2.0**-25
"""Stands for a uniform number of 0, whose normal quantile would be infinite."""


class Step(NamedTuple):
    """What one step returns, one entry a lane."""

    observation: Tensor
    """(B, O) float32: what the task shows next."""
    reward: Tensor
    """(B,) float32: what the action earned, in reward units."""
    terminated: Tensor
    """(B,) bool: the episode ended with this step."""
    trial_ended: Tensor
    """(B,) bool: a trial ended with this step; `trial_row` describes it."""


class Symbol(NamedTuple):
    """One thing on the subject's screen, for rendering."""

    shape: str
    """cross, disc, square or text."""
    x: float
    """Horizontal place, from 0 (left) to 1 (right)."""
    colour: str
    """Any colour that Pillow knows."""
    text: str = ""
    """What a text symbol says."""


class Task(ABC, Generic[Params]):
    """One experiment for `num_envs` subjects at once.

    A subclass sets the class attributes below and implements the abstract methods.
    All randomness comes in as `noise`, so a task holds no generator.
    """

    params_type: ClassVar[type]
    """The frozen dataclass of what the experimenter sets."""
    event_names: ClassVar[tuple[str, ...]]
    """Names of the steps of a trial; `event` gives indices into them."""
    state_names: ClassVar[tuple[str, ...]]
    """Attributes that make up the state: tensors or plain numbers."""
    noise_size: ClassVar[int] = 1
    """Uniform numbers a lane needs for one step or one reset."""
    categories: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType({})
    """Words for the codes 0, 1, ... of a trial column."""
    observation_range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    """Least and greatest entry of an observation."""
    reward_range: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    """Least and greatest reward of one step."""
    real_columns: ClassVar[tuple[str, ...]] = ("reward",)
    """Trial columns that hold real numbers; all others hold codes."""
    option_names: ClassVar[tuple[str, ...]] = ()
    """Hidden parameters that `reset(options=...)` can fix."""

    def __init__(
        self,
        num_envs: int = 1,
        params: Params | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        """Prepare `num_envs` subjects; `reset` starts their first episode."""
        check_at_least("num_envs", num_envs, 1)
        self.num_envs = num_envs
        self.params: Params = self.params_type() if params is None else params
        self.device = torch.device(device)
        self.always = torch.ones(num_envs, dtype=torch.bool, device=device)
        self.never = torch.zeros(num_envs, dtype=torch.bool, device=device)

    @property
    @abstractmethod
    def observation_names(self) -> tuple[str, ...]:
        """A name for each entry of the observation."""

    @property
    @abstractmethod
    def action_names(self) -> tuple[str, ...]:
        """A name for each action, in the order of the action codes."""

    @property
    def episode_steps(self) -> int | None:
        """Steps of every episode; None where lanes end at different times."""
        return None

    @property
    def view_size(self) -> tuple[int, int] | None:
        """Width and height in pixels, where an observation is a code for pixels.

        Then an observation has at most three whole numbers below 2**20.
        """
        return None

    def render_views(self, observation: Tensor) -> Tensor:
        """(N, W, H, 3) uint8 red, green, blue, column by column, of (N, O) codes."""
        raise NotImplementedError(f"{type(self).__name__} shows no pixels")

    @property
    def observation_size(self) -> int:
        """Length of the observation."""
        return len(self.observation_names)

    @property
    def action_count(self) -> int:
        """Number of actions."""
        return len(self.action_names)

    @abstractmethod
    def reset(
        self,
        noise: Tensor,
        *,
        options: Mapping[str, float] | None = None,
        where: Tensor | None = None,
    ) -> Tensor:
        """Start an episode in the lanes of `where` (all lanes when None).

        Args:
            noise: (B, noise_size) uniform in [0, 1).
            options: values for `option_names`, the same in every lane.
            where: (B,) bool.

        Returns:
            (B, O) observation of every lane.
        """

    @abstractmethod
    def step(self, actions: Tensor, noise: Tensor) -> Step:
        """Take one action in every lane.

        Args:
            actions: (B,) int64 codes into `action_names`.
            noise: (B, noise_size) uniform in [0, 1).
        """

    @abstractmethod
    def event(self) -> Tensor:
        """(B,) int64: which of `event_names` the subject is looking at now."""

    @abstractmethod
    def trial_row(self) -> dict[str, Tensor]:
        """The trial that just ended: column -> (B,) numbers; NaN where missing."""

    @abstractmethod
    def hidden(self) -> dict[str, Tensor]:
        """What the subject is not told now: name -> (B,)."""

    def scene(self, env_index: int = 0) -> list[Symbol]:
        """What is on the subject's screen; by default the names of what is on."""
        shown = self.observation()[env_index]
        on = [n for n, v in zip(self.observation_names, shown, strict=True) if v]
        return [Symbol("text", 0.5, "white", " ".join(on))]

    def drawing(self, env_index: int = 0) -> NDArray[np.uint8] | None:
        """(rows, columns, 3) pixels to draw instead of the scene; by default none."""
        return None

    @abstractmethod
    def observation(self) -> Tensor:
        """(B, O): what the task shows now."""

    def state(self) -> dict[str, Any]:
        """Everything needed to go on later: tensors (copied) and plain numbers."""
        values = {name: getattr(self, name) for name in self.state_names}
        return {k: v.clone() if isinstance(v, Tensor) else v for k, v in values.items()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state`."""
        for name in self.state_names:
            value = state[name]
            setattr(self, name, value.clone() if isinstance(value, Tensor) else value)

    def check_options(self, options: Mapping[str, float] | None) -> Mapping[str, float]:
        """The options, or ValueError naming those there are."""
        for name in options or {}:
            if name not in self.option_names:
                known = ", ".join(self.option_names) or "none, this task has none"
                raise ValueError(f"unknown reset option {name!r}; choose from: {known}")
        return options or {}


class LockstepTask(Task[Params]):
    """A task whose lanes are always in the same step of the same trial."""

    trial: int = 0
    """Number of the current trial, from 0."""
    phase: int = 0
    """Number of the current step of the trial; `event_names[phase]` is its name."""

    @property
    @abstractmethod
    def trial_count(self) -> int:
        """Trials of an episode."""

    @property
    def episode_steps(self) -> int:
        """Steps of every episode."""
        return self.trial_count * len(self.phase_events)

    @property
    def phase_events(self) -> tuple[int, ...]:
        """For each step of a trial, its index in `event_names`."""
        return tuple(range(len(self.event_names)))

    def event(self) -> Tensor:
        """(B,) int64: the step of the trial that every lane is in."""
        event = self.phase_events[self.phase]
        return torch.full((self.num_envs,), event, device=self.device)

    def start_all(self, where: Tensor | None) -> None:
        """Back to the first step of the first trial, in all lanes together."""
        if where is not None and not bool(where.all()):
            raise ValueError(
                "where must choose all lanes: this task's lanes move in lockstep"
            )
        self.trial = self.phase = 0

    def advance(self, reward: Tensor) -> Step:
        """Go on to the next step, and from a trial's last step to the next trial."""
        self.phase += 1
        ended = self.phase == len(self.phase_events)
        if ended:
            self.phase = 0
            self.trial += 1
        over = self.trial == self.trial_count
        return Step(
            self.observation(),
            reward,
            self.always if over else self.never,
            self.always if ended else self.never,
        )
