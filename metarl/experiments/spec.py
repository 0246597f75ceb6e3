"""Definition of an experiment: task, training, tests, baselines and analysis."""

import importlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from metarl.agents.config import A2CConfig, NetworkConfig
from metarl.core.checks import check_choice
from metarl.core.fields import checked
from metarl.core.names import did_you_mean
from metarl.core.source_fields import SourceField, parameters_of
from metarl.envs.registry import NAMES, check_name, load, task_class
from metarl.runs.config import TEST, EvaluationConfig, RunConfig, TrainingConfig
from metarl.runs.settings import change_settings

if TYPE_CHECKING:
    from metarl.core.policy import Policy
    from metarl.envs.task import Task


@dataclass(frozen=True, kw_only=True)
class Preset:
    """Settings of a training."""

    network: NetworkConfig
    learning: A2CConfig
    training: TrainingConfig
    task: Mapping[str, Any] = field(default_factory=dict)
    """Parameters of the task that differ from its defaults, by name."""


@dataclass(frozen=True, kw_only=True)
class Variant:
    """The same networks, but trained differently."""

    why: str
    """Purpose, in words."""
    task: Mapping[str, Any] = field(default_factory=dict)
    """Parameters of the task that differ, by name."""
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
    """Names of the tests of its networks; the task is as changed, except for the
    parameters that a test sets itself."""


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Experiment: a question to frozen networks."""

    env: Any
    """Task: "module:Class", or the class."""
    presets: Mapping[str, Preset]
    """Presets of the training, by name."""
    baselines: Any = ""
    """Module with `make_baselines(task, discount)`, or its name; empty: none."""
    analysis: Any = ""
    """Module with an ANALYSIS, its name, or the Analysis; empty: none."""
    summary: str = ""
    """Description of the task in one line, for `metarl tasks`."""
    question: str = ""
    """Question of the experiment, in one sentence."""
    source: str = ""
    """Study from which the task is taken; empty: none."""
    tests: Mapping[str, EvaluationConfig] = field(
        default_factory=lambda: {TEST: EvaluationConfig()}
    )
    """Tests of frozen networks by name; `test` is the main one."""
    baseline_tests: tuple[str, ...] = (TEST,)
    """Names of the tests that baselines take too."""
    snapshot_test: EvaluationConfig | None = None
    """Test of every snapshot, for the course of learning; None: no test."""
    variants: Mapping[str, Variant] = field(default_factory=dict)
    """The experiment's own variants, by name."""
    notes: str = ""
    """Labelled paragraphs, such as Training, Test, Expected (before measuring), Departs
    (difference from the source) and Declared (choice that the source leaves open)."""

    def __post_init__(self) -> None:
        """Validate the fields."""
        check_choice("the name of the main test", TEST, self.tests)
        for name in self.baseline_tests:
            check_choice("a test of the baselines", name, self.tests)
        for variant in self.variants.values():
            for name in variant.tests:
                check_choice("a test of a variant", name, self.tests)

    @property
    def test(self) -> EvaluationConfig:
        """Main test."""
        return self.tests[TEST]

    @property
    def source_line(self) -> str:
        """The source as a sentence; empty if there is none."""
        return f"Source: {self.source}." if self.source else ""

    def parameters(self) -> tuple[SourceField, ...]:
        """Parameters of the task, read from its source without importing it."""
        if isinstance(self.env, str):
            module, _, name = self.env.partition(":")
            return parameters_of(module, name)
        return parameters_of(self.env.__module__, self.env.__qualname__)

    def tests_of_baselines(
        self, tests: Mapping[str, EvaluationConfig]
    ) -> dict[str, EvaluationConfig]:
        """Return those of some tests that baselines take too."""
        return {name: tests[name] for name in self.baseline_tests if name in tests}

    def config(self, task: str, preset: str = "fast") -> RunConfig[Any]:
        """Return the configuration of a run.

        Args:
            task: name of the experiment, as for `experiment`.
            preset: a name in `presets`.
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
        """Return the baselines of a task by name; with a default discount if None."""
        if not self.baselines:
            return {}
        module = _module("baselines", self.baselines)
        if not hasattr(module, "make_baselines"):
            raise ValueError(
                f"baselines must be a module with a function make_baselines, got "
                f"{self.baselines!r}, which has none"
            )
        make: Callable[..., dict[str, Policy]] = module.make_baselines
        return make(task) if discount is None else make(task, discount)

    def load_analysis(self) -> Any:
        """Return the analysis; None if the experiment has none."""
        if not self.analysis:
            return None
        module = _module("analysis", self.analysis)
        return getattr(module, "ANALYSIS", module)


def _module(field_name: str, module: Any) -> Any:
    """Return the module, imported if its name is given."""
    if not isinstance(module, str):
        return module
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        # A module that this one imports may be missing, too.
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise _no_module(field_name, module) from None


def _check_module(field_name: str, name: str) -> None:
    """Raise ValueError unless there is a module with this name, or its package.

    The package is not imported: that takes long, and `metarl tasks` needs none.
    """
    package = name.partition(".")[0]
    try:
        there = package in sys.modules or find_spec(package) is not None
    except (ImportError, ValueError):
        there = False
    if not there:
        raise _no_module(field_name, name)


def _no_module(field_name: str, name: str) -> ValueError:
    return ValueError(
        f"{field_name} must be a module, or the name of one that can be imported "
        f"from the folder you start metarl in, got "
        f"{name!r}{did_you_mean(name, sys.modules)}"
    )


def experiment(name: str) -> Experiment:
    """Return the experiment with a name.

    Args:
        name: name in the registry, your own "module:EXPERIMENT", or "module:Class" of a
            task without an experiment, which has the default test and the presets of
            two-step.

    Raises:
        ValueError: no experiment has this name, or it names a module that does not
            exist.
    """
    if ":" not in name:
        check_name(name)
        name = f"{module_of(name)}:EXPERIMENT"
    loaded = load(name)
    if isinstance(loaded, Experiment):
        for field_name in ("baselines", "analysis"):
            named = getattr(loaded, field_name)
            if named and isinstance(named, str):
                _check_module(field_name, named)
        return loaded
    return Experiment(env=task_class(name), presets=experiment("two-step").presets)


def module_of(name: str) -> str:
    """Return the name of the module of an experiment."""
    own, colon, _ = name.partition(":")
    return own if colon else f"metarl.experiments.{name.replace('-', '_')}"


def all_experiments() -> dict[str, Experiment]:
    """Return all experiments of the registry by name, in its order."""
    return {name: experiment(name) for name in NAMES}


@checked
def preset(task: str, name: str = "fast", **changes: Any) -> RunConfig[Any]:
    """Return the configuration of a preset, with some settings changed.

    Args:
        task: name of the experiment, as for `experiment`.
        name: name of the preset.
        changes: settings to change, by the names of the command line's options, as
            `learning.rule`; with dots, a mapping of them is given after two asterisks.

    Raises:
        ValueError: there is no such experiment, preset or setting, or a value does not
            fit.
    """
    config = experiment(task).config(task, name)
    own = {key: changes.pop(key) for key in ("subjects", "seed") if key in changes}
    return replace(change_settings(config, changes), **own)
