"""The whole paper: experiments trained, frozen, tested and scored, by one call.

reproduction/TASK/            the usual run of each experiment
reproduction/scorecard.json   every effect with its verdict
reproduction/report.html      a page to send to a colleague

What is done already is left as it is, so that a call that was interrupted, or in which
a subject failed, is repeated to go on.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

from metarl.core.checks import check_choice
from metarl.core.files import write_json
from metarl.core.parallel import Job, Outcome
from metarl.envs.registry import NAMES
from metarl.experiments.spec import Experiment, experiment, preset
from metarl.pipeline import fingerprint
from metarl.pipeline.population import (
    PlannedTest,
    Population,
    begin,
    run_all,
    snapshot_tests,
    variant_populations,
)
from metarl.reports.html.page import write_page
from metarl.reports.scorecard import scorecard, write_scorecard
from metarl.runs.config import EvaluationConfig, RunConfig
from metarl.runs.folder import Run, folder_name

SMOKE_EPISODES = 12
"""Episodes of each test under the preset `smoke`, which only shows that all runs."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Experiments to reproduce, and how."""

    tasks: tuple[str, ...] = NAMES
    """Names of the registry, or "module:EXPERIMENT" of your own."""
    preset: str = "fast"
    """A preset that every one of them has."""
    subjects: int = 8
    """Independently trained networks of each experiment, at least 1."""
    seed: int = 1
    """Root of all random streams, the same as `metarl train TASK --seed`."""
    variants: bool = False
    """Whether to train and test the experiments' own variants too."""

    def __post_init__(self) -> None:
        """Validate the fields."""
        for name in self.tasks:
            check_choice("preset", self.preset, sorted(experiment(name).presets))
        if len(set(self.tasks)) < len(self.tasks) or not self.tasks:
            raise ValueError(f"tasks must be different ones, got {self.tasks!r}")

    def config(self, task: str) -> RunConfig[Any]:
        """The configuration of one experiment."""
        usual = preset(task, self.preset)
        return replace(usual, subjects=self.subjects, seed=self.seed)

    def experiment(self, task: str) -> Experiment:
        """The experiment, with its usual tests, but short ones under `smoke`."""
        usual = experiment(task)
        if self.preset != "smoke":
            return usual
        tests = {name: _shortened(test) for name, test in usual.tests.items()}
        snapshot_test = usual.snapshot_test and _shortened(usual.snapshot_test)
        return replace(usual, tests=tests, snapshot_test=snapshot_test)


def _shortened(test: EvaluationConfig) -> EvaluationConfig:
    recorded = min(test.record_episodes, SMOKE_EPISODES)
    return replace(test, episodes=SMOKE_EPISODES, record_episodes=recorded)


@dataclass(frozen=True)
class Reproduction:
    """A folder with all experiments of a plan."""

    path: Path
    plan: Plan

    @cached_property
    def runs(self) -> dict[str, Run]:
        """Experiment -> its run."""
        return {task: Run(self.path / folder_name(task)) for task in self.plan.tasks}

    @property
    def scorecard_path(self) -> Path:
        """Every effect with its verdict."""
        return self.path / "scorecard.json"

    @property
    def report_path(self) -> Path:
        """The page."""
        return self.path / "report.html"


def reproduce(
    plan: Plan,
    out: str | Path,
    *,
    workers: int | None = None,
    show: bool = True,
    command: str = "",
) -> Outcome:
    """Train, freeze, test and score every experiment, or go on with it.

    Args:
        plan: the experiments.
        out: the folder, made where there is none.
        workers: processes at once; all cores by default, 1 for this process alone.
        show: report the progress.
        command: the user's command, for the page.

    Returns:
        The folder of a `Reproduction`, and for each job that failed, the reason.

    Raises:
        MetaRLError: `out` holds an experiment with another configuration; nothing is
            begun.
        ValueError: a variant does not fit; nothing is begun.
        KeyboardInterrupt: interrupted; everything is saved, the same call goes on.
    """
    made = Reproduction(Path(out), plan)
    populations = [p for task in plan.tasks for p in _populations(made, task)]
    begin(populations, resume=True)
    failures = run_all(_in_rounds(populations), workers, show=show, overall=True)
    failures |= run_all(_analysis_jobs(made), workers, show=show, overall=True)
    _write_results(made, command, failures)
    return Outcome(made.path, failures)


def _populations(made: Reproduction, task: str) -> Iterator[Population]:
    """The networks of an experiment, then those of its variants."""
    run, config = made.runs[task], made.plan.config(task)
    asked = made.plan.experiment(task)
    planned = [PlannedTest(name, test) for name, test in asked.tests.items()]
    planned += snapshot_tests(asked)
    yield Population(run, config, planned, baselines=asked.test, name=task)
    if made.plan.variants:
        for each in variant_populations(run, config, asked.tests):
            yield replace(each, name=f"{task} {each.name}")


def _in_rounds(populations: Sequence[Population]) -> dict[str, Job]:
    """The first subject of every experiment, then the next; baselines come last.

    So how long each takes is soon known, and the longest come first in each round, so
    that no core idles long at the end.
    """
    longest_first = sorted(populations, key=lambda each: each.size, reverse=True)
    rounds = zip(*(p.subject_jobs().items() for p in longest_first), strict=True)
    baselines = (p.baseline_jobs().items() for p in populations)
    return dict(chain(*rounds, *baselines))


def _analysis_jobs(made: Reproduction) -> dict[str, Job]:
    """Experiments that were tested since they were last analysed."""
    return {
        f"{task} analysis": fingerprint.analysis_job(run)
        for task, run in made.runs.items()
        if run.evaluated
    }


def _write_results(made: Reproduction, command: str, failures: dict[str, str]) -> None:
    """Scorecard and page, where anything in them has changed."""
    made_from = fingerprint.made_from
    runs = {task: made_from(run.analysis_path) for task, run in made.runs.items()}
    plan = {**asdict(made.plan), "tasks": [*made.plan.tasks]}
    now = {"plan": plan, "runs": runs, "failures": failures}
    there = made.scorecard_path.exists() and made.report_path.exists()
    if there and made_from(made.path) == now:
        return
    write_scorecard(made.scorecard_path, scorecard(made.runs))
    write_page(made.report_path, made.runs, command=command, failures=failures)
    write_json(made.path / fingerprint.FILE, now)
