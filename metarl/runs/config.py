"""A run's configuration: frozen data, written to and read back from JSON."""

import ast
import dataclasses
import hashlib
import json
import sys
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, TypeVar

from metarl.agents.config import A2CConfig, NetworkConfig
from metarl.core.checks import MetaRLError, check_at_least, check_choice
from metarl.core.fields import Range, check_fields, check_range, check_type
from metarl.core.interventions import (
    Intervention,
    check_testing,
    check_training,
    parse,
)
from metarl.envs.registry import task_class

Params = TypeVar("Params")

ResetMemory = Literal["episode", "trial", "never"]
"""When memory, last action and last reward are reset."""
TrainingReset = Literal["episode", "trial"]
"""The same during training."""
Probe = Literal["none", "interchange"]
"""What replaces the ordinary episodes of a test."""
TEST = "test"
"""Name of a task's main test."""

SubjectCount = Annotated[
    int, Range(1, 1000, why="the random streams of more subjects would soon coincide")
]
"""Number of independently trained networks."""
Seed = Annotated[
    int, Range(0, 2**63 - 1, why="other programs read seeds as 64-bit whole numbers")
]
"""Root of random streams."""
TRAINING_STEPS = Range(1, 10**12, why="so many steps take one core more than a year")
"""Range of the steps of a training."""
ACTIVITY = Range(
    1, 10**9, why="the activity of an unroll is in memory, some 32 GB for so many"
)
"""Range of the activities in an unroll: environments times steps times units."""


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """Amount of training, and its division into updates."""

    num_envs: Annotated[
        int, Range(1, 2**20, why="no processor steps more of them faster")
    ] = 1
    """Number of parallel environments; 1 is a single stream of experience."""
    unroll_steps: Annotated[
        int, Range(1, 10**6, why="gradients flow through every step of an unroll")
    ] = 300
    """Steps between updates (t_max); gradients flow back through them."""
    updates: Annotated[
        int, Range(1, 10**9, why="so many updates take one core more than a month")
    ] = 10_000
    """Total number of updates."""
    interventions: tuple[Intervention, ...] = ()
    """Changes of the network's signals during training; as a sentence:
    'teaching scale 0.5 when paid > 0'; see metarl/core/interventions.py."""
    reset_memory: TrainingReset = "episode"
    """When memory, last action and last reward are reset and gradients end: at the
    start of each episode or of each trial; a test has its own field."""

    def __post_init__(self) -> None:
        """Validate the fields."""
        check_type("interventions", self.interventions, tuple)
        check_training(self.interventions)
        check_fields(self)
        steps = "num_envs * unroll_steps * updates"
        check_range(steps, self.steps, TRAINING_STEPS)

    @property
    def steps(self) -> int:
        """Total number of environment steps."""
        return self.num_envs * self.unroll_steps * self.updates


@dataclass(frozen=True, kw_only=True)
class EvaluationConfig:
    """Test of frozen networks."""

    episodes: Annotated[
        int, Range(1, 10**6, why="the tables of more episodes fill a disk")
    ] = 300
    """Episodes per subject, at least 1."""
    record_episodes: Annotated[
        int, Range(0, 10_000, why="all steps of these episodes are in memory")
    ] = 30
    """Number of these that are recorded step by step, at least 0."""
    reset_memory: ResetMemory = "episode"
    """When memory, last action and last reward are reset: episode, trial, never."""
    greedy: bool = False
    """Choose the most probable action; default: actions are sampled, as in training."""
    task: Mapping[str, Any] = field(default_factory=dict)
    """Parameters of the task that differ from training, by name."""
    interventions: tuple[Intervention, ...] = ()
    """Changes of the network's signals; see metarl/core/interventions.py."""
    shared_problems: bool = False
    """Whether all subjects and baselines have the same problems and random numbers;
    each samples its choices from its own stream."""
    record_untrained: bool = False
    """Whether to record the units of the subject's untrained network too, with the same
    inputs."""
    probe: Probe = "none"
    """none: ordinary episodes; interchange: each episode is a problem of a learning
    set that gets memories of other problems in its second trial, and nothing is
    recorded step by step; see metarl/simulation/interchange.py."""

    def __post_init__(self) -> None:
        """Validate the fields."""
        check_type("interventions", self.interventions, tuple)
        check_testing(self.interventions)
        check_fields(self)
        if self.probe != "none" and self.interventions:
            raise ValueError(
                f"interventions must be none with the probe {self.probe}, got "
                f"{in_words(self.interventions)}; leave one of them out"
            )
        plain = self.reset_memory == "episode" and not self.interventions
        if self.record_untrained and not plain:
            raise ValueError(
                "record_untrained needs memory that is reset each episode and no "
                f"interventions, got {self.reset_memory!r} and "
                f"{in_words(self.interventions)}: the untrained network would not be "
                "treated in the same way"
            )

    def to_plain(self) -> dict[str, Any]:
        """Return the test as in evaluation.json: in the form of the command line."""
        plain = {("settings" if k == "task" else k): v for k, v in vars(self).items()}
        plain["settings"] = [_in_words(*setting) for setting in self.task.items()]
        plain["interventions"] = in_words(self.interventions)
        return plain

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "EvaluationConfig":
        """Return the test from the output of `to_plain`; ignore further entries.

        Raises:
            ValueError: an entry is missing or wrong.
        """
        names = {each.name for each in dataclasses.fields(cls)} - {"task"}
        known = {name: plain[name] for name in names & set(plain)}
        for name in ("settings", "interventions"):
            check_type(name, plain.get(name), list)
            check_type(name, tuple(plain[name]), tuple[str, ...])
        known["task"] = parse_settings(plain["settings"])
        known["interventions"] = tuple(map(parse, plain["interventions"]))
        return cls(**known)


@dataclass(frozen=True, kw_only=True)
class RunConfig(Generic[Params]):
    """Complete configuration of a run."""

    task: str
    """Name from `metarl tasks`, or your own "module:EXPERIMENT" or "module:Class"."""
    preset: str
    """Name of the preset on which it is based."""
    task_params: Params
    """Parameters of the task."""
    network: NetworkConfig = field(default_factory=NetworkConfig)
    """Recurrent network."""
    learning: A2CConfig = field(default_factory=A2CConfig)
    """Learning rule."""
    training: TrainingConfig = field(default_factory=TrainingConfig)
    """Amount of training."""
    subjects: SubjectCount = 8
    """Number of independently trained networks, at least 1."""
    seed: Seed = 1
    """Root of all random streams, >= 0."""

    def __post_init__(self) -> None:
        """Validate the fields."""
        check_fields(self)
        self._check_replay()
        steps = self.training.num_envs * self.training.unroll_steps
        activity = "num_envs * unroll_steps * units"
        check_range(activity, steps * self.network.units, ACTIVITY)
        if self.learning.normalize_advantages:
            check_at_least(
                "num_envs * unroll_steps, to normalize advantages,", steps, 2
            )

    def _check_replay(self) -> None:
        mode, training = self.learning.replay.mode, self.training
        plain = training.reset_memory == "episode" and not training.interventions
        if mode != "none" and not plain:
            raise ValueError(
                "replay.mode must be none if memory is not reset by episodes or if "
                f"training has interventions, got {mode!r}: replayed episodes would "
                "differ from the original ones"
            )


def in_words(interventions: Iterable[Intervention]) -> list[str]:
    """Return interventions as sentences, as on the command line and in JSON files."""
    return [str(each) for each in interventions]


def change_params(params: Params, changes: Mapping[str, Any]) -> Params:
    """Return the parameters of a task with some changed.

    Args:
        params: dataclass of parameters.
        changes: name -> value.

    Raises:
        ValueError: a parameter does not exist, or a value has the wrong type.
    """
    types_of_fields = typing.get_type_hints(type(params))
    for name, value in changes.items():
        check_choice("the name of a task's parameter", name, types_of_fields)
        check_type(name, value, types_of_fields[name])
    changed: Params = dataclasses.replace(params, **changes)  # type: ignore[type-var]
    return changed


def parse_settings(settings: Iterable[str]) -> dict[str, Any]:
    """Parse values of a task's parameters from the command line.

    Args:
        settings: each NAME=VALUE, the value in Python syntax or a plain word. If a name
            is repeated, its last value counts.

    Raises:
        ValueError: a setting has another form.
    """
    return dict(map(_parse_setting, settings))


def _in_words(name: str, value: object) -> str:
    """Return NAME=VALUE such that `parse_settings` reads the same value."""
    plain = f"{name}={value}"
    same = parse_settings([plain]) == {name: value}
    return plain if same else f"{name}={value!r}"


def _parse_setting(setting: str) -> tuple[str, Any]:
    name, equals, text = setting.partition("=")
    if not equals or not name.isidentifier():
        raise ValueError(f"a setting must be NAME=VALUE, got {setting!r}")
    try:
        return name, ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return name, text


def to_plain(config: RunConfig[Any]) -> dict[str, Any]:
    """Return the configuration as nested dictionaries for JSON."""
    plain = dataclasses.asdict(config)
    plain["training"]["interventions"] = in_words(config.training.interventions)
    return plain


def flattened(plain: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested dictionaries as one, with dotted names."""
    flat: dict[str, Any] = {}
    for name, value in plain.items():
        inner = isinstance(value, dict)
        flat |= (
            flattened(value, f"{prefix}{name}.") if inner else {prefix + name: value}
        )
    return flat


def identity(config: RunConfig[Any], subject: int) -> dict[str, Any]:
    """Return what the weights of a subject depend on, for the files made from them.

    Returns:
        task, seed, subject, and configuration: the SHA-256 of all other settings.
    """
    parts = (config.task_params, config.network, config.learning, config.training)
    text = json.dumps([_changed_fields(part) for part in parts], sort_keys=True)
    return {
        "task": config.task,
        "seed": config.seed,
        "subject": subject,
        "configuration": hashlib.sha256(text.encode()).hexdigest(),
    }


def _changed_fields(value: Any) -> Any:
    """Fields that differ from their defaults, as plain values.

    So a field that a later version adds leaves the hash of an older run as it was.
    """
    if isinstance(value, tuple):
        return [_changed_fields(each) for each in value]
    if not dataclasses.is_dataclass(value):
        return value
    return {
        each.name: _changed_fields(now)
        for each in dataclasses.fields(value)
        if (now := getattr(value, each.name)) != _default(each)
    }


def _default(field: "dataclasses.Field[Any]") -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def check_identity(
    path: Path, found: Mapping[str, Any], expected: Mapping[str, Any]
) -> None:
    """Raise MetaRLError unless a file belongs to a subject of a run.

    Args:
        path: file, for the message.
        found: entries of the file.
        expected: `identity` of the subject, perhaps with more entries.
    """
    for name, value in expected.items():
        if found.get(name) != value:
            raise MetaRLError(
                f"{path} is not from this subject of this run: its {name} is "
                f"{found.get(name, 'missing')}, not {value}; restore it from a copy, "
                "or delete it and make it again"
            )


def from_plain(plain: dict[str, Any], *, trust_task: bool = True) -> RunConfig[Any]:
    """Return the configuration from the output of `to_plain`; check its fields.

    Args:
        plain: the configuration.
        trust_task: whether code outside metarl may be imported for the task.
    """
    try:
        check_type("task", plain["task"], str)
        if not trust_task:
            check_trusted(plain["task"])
        params = task_class(plain["task"]).params_type
        others = {k: v for k, v in plain.items() if k != "task_params"}
        task_params = _build(params, plain["task_params"])
        config: RunConfig[Any] = _build(RunConfig, others, task_params=task_params)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        lacks = f"it has no entry {error}" if isinstance(error, KeyError) else error
        raise MetaRLError(
            f"the configuration does not fit this version of metarl: {lacks}"
        ) from None
    return config


def check_trusted(task: str) -> None:
    """Raise MetaRLError if a task would import code that is neither ours nor loaded."""
    module, colon, _ = task.partition(":")
    ours = module == "metarl" or module.startswith("metarl.")
    if colon and not ours and module not in sys.modules:
        raise MetaRLError(
            f"the run is of the task {task!r}, which is not part of metarl: to open it "
            f"runs the code of the module {module!r}; if you trust this code, give "
            "--trust-task, or metarl.load_run(..., trust_task=True) in Python"
        )


def _build(kind: Any, plain: Any, **given: object) -> Any:
    """Build a dataclass from nested dictionaries; raise TypeError for unknown names."""
    if not isinstance(plain, dict):
        raise TypeError(f"{kind.__name__} must be an object, got {plain!r:.60}")
    hints = typing.get_type_hints(kind)
    unknown = set(plain) - set(hints)
    if unknown:
        raise TypeError(f"{kind.__name__} has no field {', '.join(sorted(unknown))}")
    values = {name: _value(hints[name], value) for name, value in plain.items()}
    for name, value in values.items():
        check_type(name, value, hints[name])
    return kind(**values, **given)


def _value(kind: Any, plain: Any) -> Any:
    if kind is Intervention:
        check_type("an intervention", plain, str)
        return parse(plain)
    if dataclasses.is_dataclass(kind):
        return _build(kind, plain)
    if typing.get_origin(kind) is tuple:
        check_type(f"{plain!r:.60}", plain, list | tuple)
        return tuple(_value(typing.get_args(kind)[0], each) for each in plain)
    if isinstance(kind, types.UnionType) and plain is not None:
        return _value(typing.get_args(kind)[0], plain)
    return plain
