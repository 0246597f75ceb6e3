"""Reproduction of the paper: train, freeze, test and score all experiments.

reproduction/TASK/            run of each experiment
reproduction/scorecard.json   every effect with its verdict
reproduction/report.html      report on one page

Finished work is kept: the same call resumes after an interrupt, and repeats subjects
that failed.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

from metarl.core.checks import check_choice
from metarl.core.devices import CPU
from metarl.core.fields import check_fields, checked
from metarl.core.files import write_json
from metarl.core.parallel import Job, Outcome, check_detach, check_workers
from metarl.envs.registry import NAMES
from metarl.experiments.spec import Experiment, experiment, preset
from metarl.pipeline import fingerprint
from metarl.pipeline.population import (
    PlannedTest,
    Population,
    begin,
    device_for,
    for_workers,
    in_batches,
    in_rounds,
    run_all,
    snapshot_tests,
    variant_populations,
    workers_for,
)
from metarl.reports.html.page import write_page
from metarl.reports.scorecard import scorecard, write_scorecard
from metarl.runs.config import EvaluationConfig, RunConfig, Seed, SubjectCount
from metarl.runs.folder import Run, folder_name

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


def _shortened(test: EvaluationConfig) -> EvaluationConfig:
    recorded = min(test.record_episodes, SMOKE_EPISODES)
    return replace(test, episodes=SMOKE_EPISODES, record_episodes=recorded)


@dataclass(frozen=True)
class Reproduction:
    """Folder with all experiments of a plan."""

    path: Path
    plan: Plan

    @cached_property
    def runs(self) -> dict[str, Run]:
        """Experiment -> its run."""
        # The plan names the tasks, so their code may be imported.
        return {
            task: Run(self.path / folder_name(task), trust_task=True)
            for task in self.plan.tasks
        }

    @property
    def scorecard_path(self) -> Path:
        """File of all effects with their verdicts."""
        return self.path / "scorecard.json"

    @property
    def report_path(self) -> Path:
        """File of the report."""
        return self.path / "report.html"


@checked
def reproduce(  # noqa: PLR0913 one for each option
    plan: Plan,
    out: str | Path,
    *,
    workers: int | None = None,
    batch_subjects: int | None = None,
    device: str = CPU,
    show: bool = True,
    command: str = "",
    executor: Executor | None = None,
    detach: bool = False,
) -> Outcome:
    """Train, freeze, test and score every experiment; finished work is kept.

    Args:
        plan: experiments and settings.
        out: folder of the results, created if it does not exist.
        workers: number of parallel processes; default: all cores; 1: this process only.
        batch_subjects: number of subjects that share one computation, in experiments
            whose subjects can; default: as many as are quickest. With the compiled
            kernel it changes no byte of a subject.
        device: cpu, cuda, cuda:NUMBER, mps or auto. The numbers of devices differ.
        show: show the progress.
        command: the user's command, for the report.
        executor: workers for the jobs, perhaps on other machines that share the folder;
            default: processes of this machine.
        detach: end after submitting the jobs to the executor, with `Detached`.

    Returns:
        Folder of a `Reproduction`, and the reason for each job that failed.

    Raises:
        MetaRLError: `out` has an experiment with another configuration; nothing is
            started.
        ValueError: a variant does not fit, or so many subjects cannot share a
            computation; nothing is started.
        KeyboardInterrupt: interrupted; everything is saved, the same call resumes.
        Detached: the jobs are submitted, and `detach` is on.
    """
    check_workers(workers)
    check_detach(executor, detach=detach)
    result = Reproduction(Path(out), plan)
    device = device_for(device, executor)
    workers = workers_for(device, workers)
    planned = [
        replace(each, device=device)
        for task in plan.tasks
        for each in _populations(result, task)
    ]
    populations = for_workers(in_batches(planned, batch_subjects), executor)
    with begin(populations, result.path, resume=True):
        failures = run_all(
            _in_rounds(populations),
            workers,
            show=show,
            overall=True,
            executor=executor,
            detach=detach,
            folder=result.path,
        )
        failures |= run_all(_analysis_jobs(result), workers, show=show, overall=True)
        _write_results(result, command, failures)
    return Outcome(result.path, failures)


def _populations(result: Reproduction, task: str) -> Iterator[Population]:
    """Population of an experiment, then those of its variants."""
    run, config = result.runs[task], result.plan.config(task)
    chosen = result.plan.experiment(task)
    planned = [PlannedTest(name, test) for name, test in chosen.tests.items()]
    planned += snapshot_tests(chosen)
    yield Population(run, config, planned, baselines=chosen.test, name=task)
    if result.plan.variants:
        for each in variant_populations(run, config, chosen.tests):
            yield replace(each, name=f"{task} {each.name}")


def _in_rounds(populations: Sequence[Population]) -> dict[str, Job]:
    """Jobs of the first subjects of all experiments, then the next; baselines last.

    This gives early estimates of all durations. The longest jobs come first in each
    round, so that no core is idle for long at the end.
    """
    longest_first = sorted(populations, key=lambda each: each.size, reverse=True)
    baselines = (p.baseline_jobs().items() for p in populations)
    return in_rounds(longest_first) | dict(chain(*baselines))


def _analysis_jobs(result: Reproduction) -> dict[str, Job]:
    """Analyses of all tested experiments; finished if they are up to date."""
    return {
        f"{task} analysis": fingerprint.analysis_job(run)
        for task, run in result.runs.items()
        if run.evaluated
    }


def _write_results(
    result: Reproduction, command: str, failures: dict[str, str]
) -> None:
    """Write scorecard and report if anything in them has changed."""
    read = fingerprint.saved_fingerprint
    runs = {task: read(run.analysis_path) for task, run in result.runs.items()}
    plan = {**asdict(result.plan), "tasks": [*result.plan.tasks]}
    now = {"plan": plan, "runs": runs, "failures": failures}
    exist = result.scorecard_path.exists() and result.report_path.exists()
    if exist and read(result.path) == now:
        return
    write_scorecard(result.scorecard_path, scorecard(result.runs))
    write_page(result.report_path, result.runs, command=command, failures=failures)
    write_json(result.path / fingerprint.FILE, now)
