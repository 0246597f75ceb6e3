"""Many subjects at once: trained, then tested with their weights frozen."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from metarl.core.checks import check_between
from metarl.core.parallel import Job, Reporter, run_jobs
from metarl.experiments.tests import Protocol, control_config, protocol
from metarl.reports.tensorboard.observer import TensorBoardObserver
from metarl.runs.config import TEST, EvaluationConfig, RunConfig
from metarl.runs.folder import (
    SNAPSHOTS,
    EvaluationFolder,
    Run,
    SubjectFolder,
    as_run,
    create_runs,
    default_folder,
)
from metarl.simulation.evaluation import (
    check_test,
    evaluate_baseline,
    evaluate_network,
    list_baselines,
)
from metarl.training.trainer import check_trainable, train_subject

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """A run, and for each job that failed, why."""

    run: Run
    failures: dict[str, str]


def train(
    config: RunConfig[Any],
    out: str | Path | None = None,
    *,
    controls: bool = False,
    resume: bool = False,
    workers: int | None = None,
    show: bool = True,
) -> Outcome:
    """Train all subjects of a run; each has the same weights alone or among others.

    Args:
        config: what to train; `metarl.experiments.presets.preset` gives one.
        out: the run's folder, made where there is none; runs/TASK by default.
        controls: also train the task's control populations, each as a run of its own
            in the folder's `controls`.
        resume: go on with the run in `out`; finished subjects are left as they are.
        workers: processes at once; all cores by default, 1 for this process alone.
        show: draw progress bars, where there is a terminal.

    Raises:
        MetaRLError: `out` holds a run, and `resume` is off or the configuration
            differs.
        ValueError: training asks for an intervention that cannot be done, or a control
            population does not fit the task's parameters; nothing is begun.
        KeyboardInterrupt: interrupted; everything is saved, `resume` goes on.
    """
    path = default_folder(config.task) if out is None else Path(out)
    check_trainable(config)
    others = protocol(config.task).controls if controls else {}
    changed = {name: control_config(config, each) for name, each in others.items()}
    for each in changed.values():
        check_trainable(each)
    names = {Run(path).control(name).path: name for name in changed}
    run, *populations = create_runs(
        {path: config, **{p: changed[name] for p, name in names.items()}},
        resume=resume,
    )
    jobs = _training_jobs(run)
    for population in populations:
        jobs |= _training_jobs(population, f"{names[population.path]} ")
    return Outcome(run, run_jobs(jobs, workers=workers, show=show))


def _training_jobs(run: Run, prefix: str = "") -> dict[str, Job]:
    return {
        f"{prefix}subject {k}": partial(train_one, run.config, k, folder)
        for k, folder in enumerate(run.subjects)
        if not folder.finished
    }


def train_one(
    config: RunConfig[Any], subject: int, folder: SubjectFolder, reporter: Reporter
) -> None:
    """Train one subject of a run, with TensorBoard looking on."""

    def observer(steps_done: int) -> TensorBoardObserver:
        path = folder.path / "tensorboard"
        return TensorBoardObserver(path, config, subject, steps_done=steps_done)

    train_subject(config, subject, folder, reporter, observer)


Tests = Mapping[str, EvaluationConfig]
"""Name -> test."""


def evaluate(
    run: Run | str | Path,
    evaluation: EvaluationConfig | Tests | None = None,
    *,
    snapshot: int | None = None,
    strategies: bool = True,
    workers: int | None = None,
    show: bool = True,
) -> Outcome:
    """Test every trained subject, and the task's strategies, on fresh episodes.

    Control populations that were trained with the run are tested too, where they can
    be. What an earlier evaluation left of these tests is given up first.

    Args:
        run: a trained run, or its folder.
        evaluation: the main test, or several by name; by default all tests of the
            task's protocol.
        snapshot: which of the policy's snapshots, 0 (untrained) to 20, takes the main
            test, or what is given where that is not among it; by default the trained
            policy takes all.
        strategies: also step the task's reference strategies through the main test.
        workers: processes at once; all cores by default, 1 for this process alone.
        show: draw progress bars, where there is a terminal.

    Raises:
        ValueError: the networks cannot take one of the tests; nothing is given up.
    """
    run = as_run(run)
    tests = _tests(run, evaluation)
    if snapshot is not None:
        check_between("snapshot", snapshot, 0, SNAPSHOTS)
        tests = {TEST: tests[TEST]} if TEST in tests else tests
    for name, test in tests.items():
        try:
            check_test(run.config, test)
        except ValueError as error:
            raise ValueError(
                f"these networks cannot take the test {name} ({error}); choose others "
                "with --condition"
            ) from None
    sittings = [Sitting(name, test, snapshot) for name, test in tests.items()]
    # A protocol's stages belong to its main test.
    if snapshot is None and tests.get(TEST) == protocol(run.config.task).test:
        sittings += stages_of(protocol(run.config.task))
    jobs = _evaluation_jobs(run, sittings)
    if snapshot is None:
        for name, population in run.controls.items():
            jobs |= _control_jobs(name, population, tests)
        if TEST in tests and strategies:
            jobs |= _baseline_jobs(run, tests[TEST])
    return Outcome(run, run_jobs(jobs, workers=workers, show=show))


def _tests(run: Run, evaluation: EvaluationConfig | Tests | None) -> Tests:
    if isinstance(evaluation, EvaluationConfig):
        return {TEST: evaluation}
    return protocol(run.config.task).conditions if evaluation is None else evaluation


@dataclass(frozen=True)
class Sitting:
    """One test of one policy of a subject."""

    condition: str
    """The test's name."""
    test: EvaluationConfig
    """How it is taken."""
    snapshot: int | None = None
    """The snapshot that takes it; None: the trained policy."""
    optional: bool = False
    """Whether a subject without that snapshot goes without the test."""

    def folder(self, run: Run, subject: int) -> EvaluationFolder:
        """Where its tables go."""
        return run.evaluation(subject, self.snapshot, self.condition)


def stages_of(methods: Protocol) -> list[Sitting]:
    """The test that every snapshot takes, where the protocol has one."""
    if methods.stages is None:
        return []
    numbers = range(SNAPSHOTS + 1)
    return [Sitting(TEST, methods.stages, n, optional=True) for n in numbers]


def _evaluation_jobs(
    run: Run, sittings: Sequence[Sitting], prefix: str = ""
) -> dict[str, Job]:
    """One job a subject, which takes all tests; earlier results are given up."""
    subjects = range(run.config.subjects)
    for k in subjects:
        for sitting in sittings:
            sitting.folder(run, k).facts_path.unlink(missing_ok=True)
    return {
        f"{prefix}subject {k}": partial(evaluate_one, run, k, sittings)
        for k in subjects
    }


def _control_jobs(name: str, population: Run, tests: Tests) -> dict[str, Job]:
    sittings = control_sittings(name, population.config, tests)
    return _evaluation_jobs(population, sittings, f"{name} ") if sittings else {}


def control_sittings(name: str, config: RunConfig[Any], tests: Tests) -> list[Sitting]:
    """Which of the tests a control population takes: those of its own that it can."""
    known = protocol(config.task).controls.get(name)
    taken = known.conditions if known else (TEST,)
    sittings = []
    for condition in filter(tests.__contains__, taken):
        try:
            check_test(config, tests[condition])
        except ValueError as error:
            log.info("control %s does not take the test %s: %s", name, condition, error)
        else:
            sittings.append(Sitting(condition, tests[condition]))
    return sittings


def _baseline_jobs(run: Run, test: EvaluationConfig) -> dict[str, Job]:
    for folder in run.baselines.values():
        folder.facts_path.unlink(missing_ok=True)
    return {
        name: partial(evaluate_one_baseline, run, name, test)
        for name in list_baselines(run.config, test.settings)
    }


def evaluate_one(
    run: Run, subject: int, sittings: Sequence[Sitting], reporter: Reporter
) -> None:
    """Let one trained subject take tests."""
    folder = run.subject(subject)
    there = {None, *folder.snapshots}
    sittings = [s for s in sittings if s.snapshot in there or not s.optional]
    for number, sitting in enumerate(sittings):
        snapshot, test = sitting.snapshot, sitting.test
        evaluate_network(
            run.config,
            subject,
            folder.policy(snapshot),
            test,
            sitting.folder(run, subject),
            progress=1.0 if snapshot is None else snapshot / SNAPSHOTS,
            untrained=folder.policy(0) if test.record_untrained else None,
            reporter=reporter.part(number, len(sittings)),
        )


def evaluate_one_baseline(
    run: Run, name: str, test: EvaluationConfig, reporter: Reporter
) -> None:
    """Let a reference strategy take a test."""
    evaluate_baseline(run.config, name, test, run.baseline(name), reporter)
