"""A run's configuration: frozen data, written to and read back from JSON."""

import ast
import dataclasses
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar, get_args

from metarl.agents.config import A2CConfig, NetworkConfig
from metarl.core.checks import MetaRLError, check_at_least, check_choice
from metarl.core.interventions import (
    Intervention,
    check_testing,
    check_training,
    parse,
)
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
    interventions: tuple[Intervention, ...] = ()
    """Changes of the network's signals while it learns; in words:
    'teaching scale 0.5 when paid > 0'; see metarl/core/interventions.py."""
    reset_memory: TrainingReset = "episode"
    """When memory, last action and last reward are cleared, and gradients end: at an
    episode's start or at every trial's; a test says so for itself."""

    def __post_init__(self) -> None:
        """Validate the fields."""
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
    task: Mapping[str, Any] = field(default_factory=dict)
    """Parameters of the task that differ from training, by name."""
    interventions: tuple[Intervention, ...] = ()
    """Changes of the network's signals; see metarl/core/interventions.py."""
    shared_problems: bool = False
    """Whether all subjects and baselines meet the same problems and random numbers;
    the choices of each are drawn from a stream of its own."""
    record_untrained: bool = False
    """Whether to record also the units of the subject's untrained network, with the
    same inputs."""

    def __post_init__(self) -> None:
        """Validate the fields."""
        check_testing(self.interventions)
        plain = self.reset_memory == "episode" and not self.interventions
        if self.record_untrained and not plain:
            raise ValueError(
                "record_untrained needs memory that is reset each episode and no "
                f"interventions, got {self.reset_memory!r} and "
                f"{in_words(self.interventions)}: the untrained network would not be "
                "treated alike"
            )
        check_at_least("episodes", self.episodes, 1)
        check_at_least("record_episodes", self.record_episodes, 0)
        check_choice("reset_memory", self.reset_memory, get_args(ResetMemory))

    def to_plain(self) -> dict[str, Any]:
        """The test as evaluation.json has it: in the words of the command line."""
        plain = {("settings" if k == "task" else k): v for k, v in vars(self).items()}
        plain["settings"] = [_in_words(*setting) for setting in self.task.items()]
        plain["interventions"] = in_words(self.interventions)
        return plain

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "EvaluationConfig":
        """The test that `to_plain` gave, perhaps among further entries."""
        names = {each.name for each in dataclasses.fields(cls)} & set(plain)
        known = {name: plain[name] for name in names}
        known["task"] = parse_settings(plain["settings"])
        known["interventions"] = tuple(map(parse, plain["interventions"]))
        return cls(**known)


@dataclass(frozen=True, kw_only=True)
class RunConfig(Generic[Params]):
    """Everything that makes a run what it is."""

    task: str
    """Name from `metarl tasks`, or your own "module:EXPERIMENT" or "module:Class"."""
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
        """Validate the fields."""
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


def in_words(interventions: Iterable[Intervention]) -> list[str]:
    """Interventions as the sentences of the command line and of JSON files."""
    return [str(each) for each in interventions]


def change_params(params: Params, changes: Mapping[str, Any]) -> Params:
    """The task's parameters with some changed.

    Args:
        params: the dataclass of parameters.
        changes: name -> value.

    Raises:
        ValueError: there is no such parameter, or a value is of another kind.
    """
    kinds = typing.get_type_hints(type(params))
    for name, value in changes.items():
        check_choice("the name of a task's parameter", name, kinds)
        _check_kind(name, kinds[name], value)
    changed: Params = dataclasses.replace(params, **changes)  # type: ignore[type-var]
    return changed


KINDS: Mapping[type, tuple[type, ...]] = {
    bool: (bool,),
    int: (int,),
    float: (float, int),
}
"""Kind of a parameter -> kinds of its values; words are checked by the task."""


def _check_kind(name: str, kind: Any, value: object) -> None:
    if type(value) not in KINDS.get(kind, (type(value),)):
        raise ValueError(f"{name} must be of type {kind.__name__}, got {value!r}")


def parse_settings(settings: Iterable[str]) -> dict[str, Any]:
    """Values of a task's parameters by name, from the words of the command line.

    Args:
        settings: NAME=VALUE each; the value as Python writes it, or a plain word. The
            last one of a name holds.

    Raises:
        ValueError: one has another form.
    """
    return dict(map(_parse_setting, settings))


def _in_words(name: str, value: object) -> str:
    """NAME=VALUE, from which `parse_settings` reads the same value."""
    plain = f"{name}={value}"
    same = parse_settings([plain]) == {name: value}
    return plain if same else f"{name}={value!r}"


def _parse_setting(setting: str) -> tuple[str, Any]:
    name, equals, text = setting.partition("=")
    if not equals or not name.isidentifier():
        raise ValueError(f"a setting must be NAME=VALUE, got {setting!r}")
    try:
        return name, ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return name, text


def to_plain(config: RunConfig[Any]) -> dict[str, Any]:
    """The configuration as plain nested dictionaries, ready for JSON."""
    plain = dataclasses.asdict(config)
    plain["training"]["interventions"] = in_words(config.training.interventions)
    return plain


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
    if kind is Intervention:
        return parse(plain)
    if dataclasses.is_dataclass(kind):
        return _build(kind, plain)
    if typing.get_origin(kind) is tuple:
        return tuple(_value(typing.get_args(kind)[0], each) for each in plain)
    if isinstance(kind, types.UnionType) and plain is not None:
        return _value(typing.get_args(kind)[0], plain)
    return plain
