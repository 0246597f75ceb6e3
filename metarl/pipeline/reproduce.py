"""The whole paper: experiments trained, frozen, tested and judged, by one call.

reproduction/TASK/            the usual run of each experiment
reproduction/scorecard.json   every effect with its verdict
reproduction/report.html      a page to send to a colleague

What is done already is left as it is, so that a call that was interrupted, or in which
a subject failed, is repeated to go on.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from metarl.core.checks import check_choice
from metarl.core.files import read_json, write_json
from metarl.core.parallel import Job, Reporter, core_count, run_jobs
from metarl.core.progress import Overall
from metarl.envs.registry import TASKS, task_entry
from metarl.experiments.presets import PRESETS, preset
from metarl.experiments.tests import Protocol, control_config, protocol
from metarl.pipeline.run import (
    Sitting,
    control_sittings,
    evaluate_one,
    evaluate_one_baseline,
    stages_of,
    train_one,
)
from metarl.reports.figures import analyze
from metarl.reports.html.page import write_page
from metarl.reports.scorecard import scorecard, write_scorecard
from metarl.runs.config import TEST, EvaluationConfig, RunConfig
from metarl.runs.folder import Run, create_runs
from metarl.simulation.evaluation import baseline_test, list_baselines
from metarl.training.trainer import check_trainable, versions

SMOKE_EPISODES = 12
"""Episodes of each test under the preset `smoke`, which only shows that all runs."""
TRAINING_PART = 0.85
"""Part of a subject's job that is training; for the progress alone."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to reproduce."""

    tasks: tuple[str, ...] = tuple(TASKS)
    """Names in the catalogue."""
    preset: str = "fast"
    """A preset that every task has."""
    subjects: int = 8
    """Independently trained networks of each experiment, at least 1."""
    seed: int = 1
    """Root of all random streams, the same as `metarl train TASK --seed`."""
    controls: bool = False
    """Whether to train and test the control populations too."""

    def __post_init__(self) -> None:
        """Refuse a task or preset that there is not, and a task twice."""
        for name in self.tasks:
            task_entry(name)
        if len(set(self.tasks)) < len(self.tasks) or not self.tasks:
            raise ValueError(f"tasks must be different ones, got {self.tasks!r}")
        check_choice("preset", self.preset, PRESETS)

    def config(self, task: str) -> RunConfig[Any]:
        """The configuration of one experiment."""
        usual = preset(task, self.preset)
        return replace(usual, subjects=self.subjects, seed=self.seed)

    def protocol(self, task: str) -> Protocol:
        """How an experiment is tested: as usual, but shortly under `smoke`."""
        usual = protocol(task)
        if self.preset != "smoke":
            return usual
        tests = {name: _shortened(test) for name, test in usual.conditions.items()}
        stages = usual.stages and _shortened(usual.stages)
        return replace(usual, conditions=tests, stages=stages)


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
        return {task: Run(self.path / task) for task in self.plan.tasks}

    @property
    def scorecard_path(self) -> Path:
        """Every effect with its verdict."""
        return self.path / "scorecard.json"

    @property
    def report_path(self) -> Path:
        """The page."""
        return self.path / "report.html"


@dataclass(frozen=True)
class Outcome:
    """What was reproduced, and for each job that failed, why."""

    reproduction: Reproduction
    failures: dict[str, str]


def reproduce(
    plan: Plan,
    out: str | Path,
    *,
    workers: int | None = None,
    show: bool = True,
    command: str = "",
) -> Outcome:
    """Train, freeze, test and judge every experiment, or go on with it.

    Args:
        plan: what to reproduce.
        out: the folder, made where there is none.
        workers: processes at once; all cores by default, 1 for this process alone.
        show: tell the progress.
        command: what the user typed, for the page.

    Raises:
        MetaRLError: `out` holds an experiment with another configuration; nothing is
            begun.
        ValueError: a control population does not fit; nothing is begun.
        KeyboardInterrupt: interrupted; everything is saved, the same call goes on.
    """
    made = Reproduction(Path(out), plan)
    parts = [part for task in plan.tasks for part in _experiment(made, task)]
    for part in parts:
        check_trainable(part.config)
    create_runs({part.run.path: part.config for part in parts}, resume=True)
    failures = _run(_subject_jobs(parts), workers, show=show)
    failures |= _run(_analysis_jobs(made), workers, show=show)
    _write_results(made, command, failures)
    return Outcome(made, failures)


@dataclass(frozen=True)
class Population:
    """Networks that are trained alike, and the tests that they take."""

    name: str
    run: Run
    config: RunConfig[Any]
    sittings: Sequence[Sitting]
    strategies: tuple[str, ...] = ()
    """Reference strategies that take the main test beside them."""


def _experiment(made: Reproduction, task: str) -> Iterator[Population]:
    """The networks of an experiment, then its control populations."""
    plan, run = made.plan, made.runs[task]
    config, methods = plan.config(task), plan.protocol(task)
    tests = methods.conditions
    yield Population(
        task,
        run,
        config,
        [*(Sitting(name, test) for name, test in tests.items()), *stages_of(methods)],
        tuple(list_baselines(config, tests[TEST].settings)),
    )
    for name, control in methods.controls.items() if plan.controls else ():
        changed = control_config(config, control)
        sittings = control_sittings(name, changed, tests)
        yield Population(f"{task} {name}", run.control(name), changed, sittings)


@dataclass(frozen=True)
class _Work:
    """A job, and how large it is beside the others, in steps."""

    job: Job
    size: float


def _run(
    work: Mapping[str, _Work], workers: int | None, *, show: bool
) -> dict[str, str]:
    if not work:
        return {}
    sizes = {name: each.size for name, each in work.items()}
    jobs = {name: each.job for name, each in work.items()}
    display = Overall(sizes, workers or core_count(), show=show)
    return run_jobs(jobs, workers=workers, display=display)


def _subject_jobs(parts: Sequence[Population]) -> dict[str, _Work]:
    """What is not done yet: first subject of every experiment, then the next.

    So how long each takes is soon known, and the longest come first in each round, so
    that no core idles long at the end.
    """
    work = {}
    longest_first = sorted(parts, key=_size, reverse=True)
    for k in range(max(part.config.subjects for part in parts)):
        for part in longest_first:
            if _missing(part, k) or not part.run.subject(k).finished:
                work[f"{part.name} subject {k}"] = _Work(
                    partial(_one_subject, part, k), _size(part)
                )
    for part in parts:
        for name in part.strategies:
            test = baseline_test(part.sittings[0].test)
            if not part.run.baseline(name).took(test):
                job = partial(evaluate_one_baseline, part.run, name, test)
                work[f"{part.name} {name}"] = _Work(job, _size(part) / 50)
    return work


def _size(part: Population) -> float:
    """About how long a subject takes, in steps of training of the plainest network."""
    seeing = 4.0 if part.config.network.encoder != "none" else 1.0
    return part.config.training.steps * seeing


def _one_subject(part: Population, subject: int, reporter: Reporter) -> None:
    """Train and test a subject, or what of that is missing."""
    folder = part.run.subject(subject)
    if not folder.finished:
        # What there is of tests was taken by another network.
        for sitting in part.sittings:
            sitting.folder(part.run, subject).facts_path.unlink(missing_ok=True)
        train_one(part.config, subject, folder, reporter.between(0, TRAINING_PART))
    missing = _missing(part, subject)
    evaluate_one(part.run, subject, missing, reporter.between(TRAINING_PART, 1))


def _missing(part: Population, subject: int) -> list[Sitting]:
    """The tests that a subject has not taken."""
    there = {None, *part.run.subject(subject).snapshots}
    return [
        sitting
        for sitting in part.sittings
        if (sitting.snapshot in there or not sitting.optional)
        and not sitting.folder(part.run, subject).took(sitting.test)
    ]


def _analysis_jobs(made: Reproduction) -> dict[str, _Work]:
    """Experiments that were tested since they were last analysed."""
    return {
        f"{task} analysis": _Work(partial(_analyze, run), 1.0)
        for task, run in made.runs.items()
        if run.evaluated and _made_from(run.analysis_path) != fingerprint(run)
    }


def _analyze(run: Run, reporter: Reporter) -> None:
    # Old effects beside new tests would be a lie, should the analysis fail.
    run.effects_path.unlink(missing_ok=True)
    analyze(run)
    write_json(run.analysis_path / FINGERPRINT, fingerprint(run))


def _write_results(made: Reproduction, command: str, failures: dict[str, str]) -> None:
    """Scorecard and page, where anything in them has changed."""
    runs = {task: _made_from(run.analysis_path) for task, run in made.runs.items()}
    plan = {**asdict(made.plan), "tasks": [*made.plan.tasks]}
    now = {"plan": plan, "runs": runs, "failures": failures}
    there = made.scorecard_path.exists() and made.report_path.exists()
    if there and _made_from(made.path) == now:
        return
    write_scorecard(made.scorecard_path, scorecard(made.runs))
    write_page(made.report_path, made.runs, command=command, failures=failures)
    write_json(made.path / FINGERPRINT, now)


FINGERPRINT = "made_from.json"
"""File that says which tests, of which networks, a result was made from."""


def fingerprint(run: Run) -> dict[str, str]:
    """What a run's result is made from: its tests' facts, and this version."""
    digest = hashlib.sha256()
    own, controls = "evaluation*/**/evaluation.json", "controls/*/"
    tested = [*run.path.glob(own), *run.path.glob(controls + own)]
    for path in sorted(tested):
        digest.update(str(path.relative_to(run.path)).encode())
        digest.update(path.read_bytes())
    made_by = versions()
    return {
        "tests": digest.hexdigest(),
        "version": made_by["metarl-neuro"],
        "commit": made_by["commit"],
    }


def _made_from(folder: Path) -> object:
    path = folder / FINGERPRINT
    return read_json(path) if path.exists() else None
