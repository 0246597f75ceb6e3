"""A run's configuration: frozen data, written to and read back from JSON."""

import ast
import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar, get_args

from metarl.agents.config import A2CConfig, NetworkConfig
from metarl.core.checks import MetaRLError, check_at_least, check_choice
from metarl.core.interventions import check_testing, check_training
from metarl.envs.registry import task_class

Params = TypeVar("Params")

ResetMemory = Literal["episode", "trial", "never"]
"""When the memory, last action and last reward are cleared."""
TrainingReset = Literal["episode", "trial"]
"""The same, while a network learns."""
TEST = "test"
"""Name of a task's main test."""


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How much experience, and in what portions."""

    num_envs: int = 1
    """Episodes that run side by side; 1 is a single stream of experience."""
    unroll_steps: int = 300
    """Steps between updates; gradients flow back this far (t_max)."""
    updates: int = 10_000
    """Updates in all."""
    interventions: tuple[str, ...] = ()
    """What an experimenter does to the network while it learns, each in words:
    'teaching scale 0.5 when paid > 0'; see metarl/core/interventions.py."""
    reset_memory: TrainingReset = "episode"
    """When memory, last action and last reward are cleared, and gradients end: at an
    episode's start or at every trial's; a test says so for itself."""

    def __post_init__(self) -> None:
        """Refuse what is no count, and what cannot be done in training."""
        check_choice("reset_memory", self.reset_memory, get_args(TrainingReset))
        for name in ("num_envs", "unroll_steps", "updates"):
            check_at_least(name, getattr(self, name), 1)
        check_training(self.interventions)

    @property
    def steps(self) -> int:
        """Environment steps in all."""
        return self.num_envs * self.unroll_steps * self.updates


@dataclass(frozen=True, kw_only=True)
class EvaluationConfig:
    """How frozen networks are tested."""

    episodes: int = 300
    """Episodes a subject, at least 1."""
    record_episodes: int = 30
    """Of these, so many are recorded step by step, at least 0."""
    reset_memory: ResetMemory = "episode"
    """When memory, last action and last reward are cleared: episode, trial, never."""
    greedy: bool = False
    """Take the likeliest action; by default actions are sampled, as in training."""
    settings: tuple[str, ...] = ()
    """The task's parameters that differ from training, each as NAME=VALUE."""
    interventions: tuple[str, ...] = ()
    """What an experimenter does to the network, each in words: 'rpe set -4 when
    reward > 0'; see metarl/core/interventions.py."""
    shared_problems: bool = False
    """Whether all subjects and strategies meet the same problems and the same luck;
    what each does with them is drawn from a stream of its own."""
    record_untrained: bool = False
    """Whether to record beside the units those of the subject's untrained network, fed
    the same inputs."""

    def __post_init__(self) -> None:
        """Refuse an evaluation of nothing."""
        check_testing(self.interventions)
        plain = self.reset_memory == "episode" and not self.interventions
        if self.record_untrained and not plain:
            raise ValueError(
                "record_untrained needs memory that is reset each episode and no "
                f"interventions, got {self.reset_memory!r} and {self.interventions!r}: "
                "the untrained network would not be treated alike"
            )
        check_at_least("episodes", self.episodes, 1)
        check_at_least("record_episodes", self.record_episodes, 0)
        check_choice("reset_memory", self.reset_memory, get_args(ResetMemory))


@dataclass(frozen=True, kw_only=True)
class RunConfig(Generic[Params]):
    """Everything that makes a run what it is."""

    task: str
    """Task name from `metarl tasks`, or "module:Class" of your own."""
    preset: str
    """Name of the preset it started from."""
    task_params: Params
    """The task's own parameters."""
    network: NetworkConfig = field(default_factory=NetworkConfig)
    """The recurrent network."""
    learning: A2CConfig = field(default_factory=A2CConfig)
    """The learning rule."""
    training: TrainingConfig = field(default_factory=TrainingConfig)
    """The amount of training."""
    subjects: int = 8
    """Independently trained networks, at least 1."""
    seed: int = 1
    """Root of all random streams, >= 0."""

    def __post_init__(self) -> None:
        """Refuse a run without subjects, and a deviation of one number."""
        check_at_least("subjects", self.subjects, 1)
        check_at_least("seed", self.seed, 0)
        self._check_replay()
        if self.learning.normalize_advantages:
            portion = self.training.num_envs * self.training.unroll_steps
            check_at_least(
                "num_envs * unroll_steps, to normalize advantages,", portion, 2
            )

    def _check_replay(self) -> None:
        mode, training = self.learning.replay.mode, self.training
        plain = training.reset_memory == "episode" and not training.interventions
        if mode != "none" and not plain:
            raise ValueError(
                "replay.mode must be none where memory is not reset by episodes or "
                "where an intervention is at work in training, got "
                f"{mode!r}: the episodes would not be lived through alike"
            )


def with_settings(params: Params, settings: Sequence[str]) -> Params:
    """A task's parameters with some changed; ValueError says which is wrong.

    Args:
        params: the dataclass of parameters.
        settings: NAME=VALUE each; the value as Python writes it, or a plain word.
    """
    hints = typing.get_type_hints(type(params))
    values = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or name not in hints:
            raise ValueError(
                f"a setting must be NAME=VALUE with a name of {', '.join(hints)}; "
                f"got {setting!r}"
            )
        values[name] = _setting(name, hints[name], text)
    changed: Params = dataclasses.replace(params, **values)  # type: ignore[type-var]
    return changed


KINDS: Mapping[type, tuple[type, ...]] = {
    bool: (bool,),
    int: (int,),
    float: (float, int),
}
"""Kind of a parameter -> what its value may be; words are checked by the task."""


def _setting(name: str, kind: Any, text: str) -> Any:
    """The value that the text says; ValueError where it is of another kind."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        value = text
    if type(value) not in KINDS.get(kind, (type(value),)):
        raise ValueError(f"{name} must be of type {kind.__name__}, got {text!r}")
    return value


def to_plain(config: RunConfig[Any]) -> dict[str, Any]:
    """The configuration as plain nested dictionaries, ready for JSON."""
    return dataclasses.asdict(config)


def from_plain(plain: dict[str, Any]) -> RunConfig[Any]:
    """The configuration that `to_plain` gave; MetaRLError says what does not fit."""
    try:
        params = task_class(plain["task"]).params_type
        others = {k: v for k, v in plain.items() if k != "task_params"}
        task_params = _build(params, plain["task_params"])
        config: RunConfig[Any] = _build(RunConfig, others, task_params=task_params)
    except (KeyError, TypeError, ValueError) as error:
        raise MetaRLError(
            f"the configuration does not fit this version of metarl: {error}"
        ) from None
    return config


def _build(kind: Any, plain: dict[str, Any], **given: object) -> Any:
    """A dataclass from nested dictionaries, unknown names refused."""
    hints = typing.get_type_hints(kind)
    unknown = set(plain) - set(hints)
    if unknown:
        raise TypeError(f"{kind.__name__} has no field {', '.join(sorted(unknown))}")
    values = {name: _value(hints[name], value) for name, value in plain.items()}
    return kind(**values, **given)


def _value(kind: Any, plain: Any) -> Any:
    if dataclasses.is_dataclass(kind):
        return _build(kind, plain)
    if typing.get_origin(kind) is tuple:
        return tuple(plain)
    if isinstance(kind, types.UnionType) and plain is not None:
        return _value(typing.get_args(kind)[0], plain)
    return plain
