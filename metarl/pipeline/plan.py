"""Plan of a reproduction: experiments, settings, and the populations they need."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from metarl.core.checks import check_choice
from metarl.core.fields import check_fields
from metarl.envs.registry import NAMES
from metarl.experiments.spec import Experiment, experiment, preset
from metarl.pipeline.population import (
    PlannedTest,
    Population,
    snapshot_tests,
    variant_populations,
)
from metarl.runs.config import EvaluationConfig, RunConfig, Seed, SubjectCount
from metarl.runs.folder import Run

SMOKE_EPISODES = 12
"""Episodes of each test with the preset `smoke`, which only shows that all runs."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Experiments to reproduce, and their settings."""

    tasks: tuple[str, ...] = NAMES
    """Names from the registry, or your own "module:EXPERIMENT"."""
    preset: str = "fast"
    """Name of a preset of all these experiments."""
    subjects: SubjectCount = 8
    """Number of independently trained networks in each experiment, at least 1."""
    seed: Seed = 1
    """Root of all random streams, the same as `metarl train TASK --seed`."""
    variants: bool = False
    """Whether to train and test the variants of the experiments too."""

    def __post_init__(self) -> None:
        """Validate the fields."""
        check_fields(self)
        for name in self.tasks:
            check_choice("preset", self.preset, sorted(experiment(name).presets))
        if len(set(self.tasks)) < len(self.tasks) or not self.tasks:
            raise ValueError(f"tasks must be different ones, got {self.tasks!r}")

    def config(self, task: str) -> RunConfig[Any]:
        """Configuration of one experiment."""
        default = preset(task, self.preset)
        return replace(default, subjects=self.subjects, seed=self.seed)

    def experiment(self, task: str) -> Experiment:
        """The experiment, with shortened tests for the preset `smoke`."""
        full = experiment(task)
        if self.preset != "smoke":
            return full
        tests = {name: _shortened(test) for name, test in full.tests.items()}
        snapshot_test = full.snapshot_test and _shortened(full.snapshot_test)
        return replace(full, tests=tests, snapshot_test=snapshot_test)

    def populations(self, task: str, run: Run) -> Iterator[Population]:
        """Population of an experiment in a run, then those of its variants."""
        config, chosen = self.config(task), self.experiment(task)
        planned = [PlannedTest(name, test) for name, test in chosen.tests.items()]
        planned += snapshot_tests(chosen)
        baselines = chosen.tests_of_baselines(chosen.tests)
        yield Population(run, config, planned, baselines=baselines, name=task)
        if self.variants:
            for each in variant_populations(run, config, chosen.tests):
                yield replace(each, name=f"{task} {each.name}")


def _shortened(test: EvaluationConfig) -> EvaluationConfig:
    recorded = min(test.record_episodes, SMOKE_EPISODES)
    return replace(test, episodes=SMOKE_EPISODES, record_episodes=recorded)
