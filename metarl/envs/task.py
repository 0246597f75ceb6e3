"""The interface of a task: one experiment, written for a batch of environments.

An environment is one subject's copy of the experiment. A task is a deterministic
function of its state, the actions and a block of uniform noise, all tensors with one
row per environment. The same code therefore runs on CPU and GPU, as one Gymnasium
environment (a batch of one) or as thousands, and permuting the noise of the
environments permutes their episodes.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Generic, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from metarl.core.fields import Range, check_fields, check_whole

Params = TypeVar("Params")

MOST_TRIALS = 10_000
"""Largest number of trials of an episode; sessions of animals have a few thousand."""
EPISODE = Range(
    1,
    MOST_TRIALS,
    why="a test draws the random numbers of whole episodes at once; use more episodes",
)
"""Range of the number of trials of an episode."""
TrialCount = Annotated[int, EPISODE]
"""Number of trials of an episode."""
ENVIRONMENTS = Range(1, 2**20, why="a GPU is busy with far fewer; use more episodes")
"""Range of the number of environments of a task."""
SMALLEST_NOISE = 2.0**-25
"""Replaces a uniform number of 0, which has an infinite normal quantile."""


class Step(NamedTuple):
    """Result of one step, one entry per environment."""

    observation: Tensor
    """(B, O) float32: the next observation."""
    reward: Tensor
    """(B,) float32: reward for the action, in reward units."""
    terminated: Tensor
    """(B,) bool: the episode ended with this step."""
    trial_ended: Tensor
    """(B,) bool: a trial ended with this step; `trial_row` describes it."""


class Symbol(NamedTuple):
    """One symbol on the subject's screen, for rendering."""

    shape: str
    """cross, disc, square or text."""
    x: float
    """Horizontal position, from 0 (left) to 1 (right)."""
    colour: str
    """A colour name or code that Pillow accepts."""
    text: str = ""
    """Text inside the symbol."""


class Task(ABC, Generic[Params]):
    """One experiment for `num_envs` subjects at once.

    A subclass sets the class attributes below and implements the abstract methods.
    All random numbers are passed in as `noise`, so a task holds no generator.
    """

    num_envs: int
    """Number of environments, B."""
    params: Params
    """Parameters of the task, of `params_type`."""
    device: torch.device
    """Device of all tensors."""
    always: Tensor
    """(B,) bool: True everywhere; not to be changed."""
    never: Tensor
    """(B,) bool: False everywhere; not to be changed."""
    params_type: ClassVar[type]
    """Frozen dataclass of the task's parameters."""
    event_names: ClassVar[tuple[str, ...]]
    """Names of the steps of a trial; `event` returns indices into them."""
    state_names: ClassVar[tuple[str, ...]]
    """Names of the attributes that hold the state, tensors or plain numbers: all that
    `reset` or `step` sets. A task without one of them cannot be continued."""
    noise_size: ClassVar[int] = 1
    """Most uniform numbers per environment that one step or one reset reads."""
    categories: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType({})
    """Trial column -> words for its codes 0, 1, ..."""
    observation_range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    """Smallest and largest possible entry of an observation."""
    reward_range: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    """Smallest and largest possible reward of one step."""
    real_columns: ClassVar[tuple[str, ...]] = ("reward",)
    """Trial columns that hold real numbers; all others hold codes."""
    option_names: ClassVar[tuple[str, ...]] = ()
    """Hidden variables that `reset(options=...)` can set."""

    def __init__(
        self,
        num_envs: int = 1,
        params: Params | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        """Prepare `num_envs` environments; `reset` starts their first episode."""
        self.num_envs = num_envs = check_whole("num_envs", num_envs, ENVIRONMENTS)
        self.params = self.params_type() if params is None else params
        check_fields(self.params)
        self.device = torch.device(device)
        self.always = torch.ones(num_envs, dtype=torch.bool, device=device)
        self.never = torch.zeros(num_envs, dtype=torch.bool, device=device)

    @property
    @abstractmethod
    def observation_names(self) -> tuple[str, ...]:
        """Name of each entry of the observation."""

    @property
    @abstractmethod
    def action_names(self) -> tuple[str, ...]:
        """Name of each action, in the order of the action codes."""

    @property
    def episode_steps(self) -> int | None:
        """Steps of every episode; None if episodes differ in length."""
        return None

    @property
    def view_size(self) -> tuple[int, int] | None:
        """Width and height in pixels if an observation is a code of a view, else None.

        Such an observation has at most three whole numbers below 2**20.
        """
        return None

    def render_views(self, observation: Tensor) -> Tensor:
        """Return the views that observations encode, if `view_size` is not None.

        Args:
            observation: (N, O) codes.

        Returns:
            (N, W, H, 3) uint8 red, green, blue, column by column.
        """
        raise NotImplementedError(f"{type(self).__name__} has no pixel views")

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
        """Start an episode in the environments of `where` (all if None).

        Args:
            noise: (B, noise_size) uniform in [0, 1).
            options: values for `option_names`, the same in every environment.
            where: (B,) bool.

        Returns:
            (B, O) observations of all environments.
        """

    @abstractmethod
    def step(self, actions: Tensor, noise: Tensor) -> Step:
        """Take one action in every environment.

        Args:
            actions: (B,) int64 codes into `action_names`.
            noise: (B, noise_size) uniform in [0, 1).
        """

    @abstractmethod
    def event(self) -> Tensor:
        """(B,) int64: index into `event_names` of the current step of the trial."""

    def valid_actions(self) -> Tensor:
        """(B, A) bool: actions that are valid on the current screen; here all."""
        shape = self.num_envs, self.action_count
        return torch.ones(shape, dtype=torch.bool, device=self.device)

    @abstractmethod
    def trial_row(self) -> dict[str, Tensor]:
        """The trial that just ended: column -> (B,) numbers; NaN if missing."""

    @abstractmethod
    def hidden(self) -> dict[str, Tensor]:
        """Current hidden variables, absent from the observation: name -> (B,)."""

    def scene(self, env_index: int = 0) -> list[Symbol]:
        """Symbols on the screen; by default the names of the nonzero entries."""
        shown = self.observation()[env_index]
        on = [n for n, v in zip(self.observation_names, shown, strict=True) if v]
        return [Symbol("text", 0.5, "white", " ".join(on))]

    def drawing(self, env_index: int = 0) -> NDArray[np.uint8] | None:
        """(rows, columns, 3) pixels to render instead of the scene; None by default."""
        return None

    @abstractmethod
    def observation(self) -> Tensor:
        """(B, O): the current observations."""

    def state(self) -> dict[str, Any]:
        """Everything needed to continue later: copied tensors and plain numbers."""
        values = {name: getattr(self, name) for name in self.state_names}
        return {k: v.clone() if isinstance(v, Tensor) else v for k, v in values.items()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state`."""
        for name in self.state_names:
            value = state[name]
            setattr(self, name, value.clone() if isinstance(value, Tensor) else value)

    def check_options(self, options: Mapping[str, float] | None) -> Mapping[str, float]:
        """Return the options; raise ValueError if one is not in `option_names`."""
        for name in options or {}:
            if name not in self.option_names:
                known = ", ".join(self.option_names) or "none, this task has none"
                raise ValueError(f"unknown reset option {name!r}; choose from: {known}")
        return options or {}


class LockstepTask(Task[Params]):
    """A task with all environments in the same step of a trial.

    Unless a subclass says otherwise, they are also in the same trial. `reset` begins
    with `start_all`, and `step` ends with `advance`, which count `trial` and `phase`;
    both are in `state_names`. In `trial_row`, `trial` has counted the trial already.
    """

    trial: int = 0
    """Number of the current trial, from 0."""
    phase: int = 0
    """Number of the current step of the trial, an index into `phase_events`."""

    @property
    @abstractmethod
    def trial_count(self) -> int:
        """Trials per episode."""

    @property
    def episode_steps(self) -> int | None:
        """Steps per episode."""
        return self.trial_count * len(self.phase_events)

    @property
    def phase_events(self) -> tuple[int, ...]:
        """Index into `event_names` of each step of a trial."""
        return tuple(range(len(self.event_names)))

    def event(self) -> Tensor:
        """(B,) int64: index into `event_names`, the same in all environments."""
        event = self.phase_events[self.phase]
        return torch.full((self.num_envs,), event, device=self.device)

    def selects_all(self, where: Tensor | None) -> bool:
        """Whether `where` selects all environments."""
        # `always` need not be read, for which a GPU would have to be waited for.
        return where is None or where is self.always or bool(where.all())

    def start_all(self, where: Tensor | None) -> None:
        """Return to the first step of the first trial in all environments."""
        if not self.selects_all(where):
            raise ValueError(
                "where must select all environments, which share the step of the "
                "trial in this task; reset them together"
            )
        self.trial = self.phase = 0

    def advance(self, reward: Tensor) -> Step:
        """Go on to the next step, and after a trial's last step to the next trial."""
        self.phase += 1
        if self.phase < len(self.phase_events):
            return Step(self.observation(), reward, self.never, self.never)
        self.phase = 0
        terminated = self.end_trial()
        return Step(self.observation(), reward, terminated, self.always)

    def end_trial(self) -> Tensor:
        """Count the trial that just ended.

        Returns:
            (B,) bool: the episode ends with this trial.
        """
        self.trial += 1
        return self.always if self.trial == self.trial_count else self.never
