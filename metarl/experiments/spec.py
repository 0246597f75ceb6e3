"""An experiment as data: its task, how networks are trained and tested, and why."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from metarl.agents.config import A2CConfig, NetworkConfig
from metarl.core.checks import check_choice
from metarl.envs.registry import NAMES, check_name, load, task_class
from metarl.runs.config import TEST, EvaluationConfig, RunConfig, TrainingConfig

if TYPE_CHECKING:
    from metarl.core.policy import Policy
    from metarl.envs.task import Task


@dataclass(frozen=True, kw_only=True)
class Preset:
    """Named settings of a training."""

    network: NetworkConfig
    learning: A2CConfig
    training: TrainingConfig
    task: Mapping[str, Any] = field(default_factory=dict)
    """Parameters of the task that are not its defaults, by name."""


@dataclass(frozen=True, kw_only=True)
class Variant:
    """The same networks, but trained differently."""

    why: str
    """Its purpose, in words."""
    task: Mapping[str, Any] = field(default_factory=dict)
    """Parameters of the task that differ."""
    network: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the network's configuration that differ."""
    learning: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the learning configuration that differ."""
    training: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the training configuration that differ."""
    scale_units: float = 1.0
    """Factor on the number of units, above 0; rounded, and at least one unit."""
    scale_updates: float = 1.0
    """Factor on the number of updates, above 0; rounded."""
    tests: tuple[str, ...] = (TEST,)
    """Names of the tests that its networks take."""


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """A question, asked of frozen networks."""

    env: Any
    """The task: "module:Class", or the class."""
    presets: Mapping[str, Preset]
    """Settings of the training, by name."""
    baselines: Any = ""
    """Module with `make_baselines(task, discount)`, or its name; empty: none."""
    analysis: Any = ""
    """Module with an ANALYSIS, its name, or the analysis itself; empty: none."""
    summary: str = ""
    """One line for `metarl tasks`."""
    question: str = ""
    """The question, in one sentence."""
    source: str = ""
    """The study that the task comes from."""
    tests: Mapping[str, EvaluationConfig] = field(
        default_factory=lambda: {TEST: EvaluationConfig()}
    )
    """Frozen evaluations by name; `test` is the main one, which baselines take too."""
    snapshot_test: EvaluationConfig | None = None
    """Test of every snapshot, which shows the course of learning; None: no test."""
    variants: Mapping[str, Variant] = field(default_factory=dict)
    """The experiment's own variants, by name."""
    notes: str = ""
    """Labelled paragraphs, such as Training, Test, Departs (from the source) and
    Declared (where the source leaves it open)."""

    def __post_init__(self) -> None:
        """Validate the fields."""
        check_choice("the name of the main test", TEST, self.tests)
        for variant in self.variants.values():
            for name in variant.tests:
                check_choice("a test of a variant", name, self.tests)

    @property
    def test(self) -> EvaluationConfig:
        """The main test."""
        return self.tests[TEST]

    def config(self, task: str, preset: str = "fast") -> RunConfig[Any]:
        """The configuration of a run.

        Args:
            task: name of the experiment; see `experiment`.
            preset: one of `presets`.
        """
        check_choice("preset", preset, sorted(self.presets))
        settings = self.presets[preset]
        return RunConfig(
            task=task,
            preset=preset,
            task_params=task_class(task).params_type(**settings.task),
            network=settings.network,
            learning=settings.learning,
            training=settings.training,
        )

    def make_baselines(
        self, task: "Task[Any]", discount: float | None = None
    ) -> "dict[str, Policy]":
        """The reference policies of a task by name; their own discount where None."""
        if not self.baselines:
            return {}
        module = _module(self.baselines)
        make: Callable[..., dict[str, Policy]] = module.make_baselines
        return make(task) if discount is None else make(task, discount)

    def load_analysis(self) -> Any:
        """The analysis; None where there is none."""
        if not self.analysis:
            return None
        found = _module(self.analysis)
        return getattr(found, "ANALYSIS", found)


def _module(named: Any) -> Any:
    """The module itself, or the one of this name."""
    return importlib.import_module(named) if isinstance(named, str) else named


def experiment(name: str) -> Experiment:
    """The experiment of a name.

    Args:
        name: a name of the registry, "module:EXPERIMENT" of your own, or "module:Class"
            of a task alone, which takes the plain test and the presets of two-step.

    Raises:
        ValueError: there is none.
    """
    if ":" not in name:
        check_name(name)
        name = f"{module_of(name)}:EXPERIMENT"
    found = load(name)
    if isinstance(found, Experiment):
        return found
    return Experiment(env=task_class(name), presets=experiment("two-step").presets)


def module_of(name: str) -> str:
    """The module of an experiment."""
    own, colon, _ = name.partition(":")
    return own if colon else f"metarl.experiments.{name.replace('-', '_')}"


def all_experiments() -> dict[str, Experiment]:
    """Every experiment of the registry, by name and in its order."""
    return {name: experiment(name) for name in NAMES}


def preset(task: str, name: str = "fast") -> RunConfig[Any]:
    """The configuration of an experiment's preset; see `experiment` for its name."""
    return experiment(task).config(task, name)
