"""Many subjects at once: trained, then tested with their weights frozen."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from metarl.checks import check_between
from metarl.config import TEST, EvaluationConfig, RunConfig
from metarl.evaluation import (
    check_test,
    evaluate_network,
    evaluate_strategy,
    strategy_names,
)
from metarl.jobs import Job, Reporting, run_jobs
from metarl.protocols import control_config, protocol
from metarl.runs import (
    SNAPSHOTS,
    EvaluationFolder,
    Run,
    SubjectFolder,
    as_run,
    create_run,
    default_folder,
)
from metarl.tensorboard import TensorBoardObserver
from metarl.training import check_manipulations, train_subject

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
        config: what to train; `metarl.presets.preset` gives one.
        out: the run's folder, made where there is none; runs/TASK by default.
        controls: also train the task's control populations, each as a run of its own
            in the folder's `controls`.
        resume: go on with the run in `out`; finished subjects are left as they are.
        workers: processes at once; all cores by default, 1 for this process alone.
        show: draw progress bars, where there is a terminal.

    Raises:
        MetaRLError: `out` holds a run, and `resume` is off or the configuration
            differs.
        ValueError: training asks for a manipulation that cannot be done, or a control
            population does not fit the task's parameters; nothing is begun.
        KeyboardInterrupt: interrupted; everything is saved, `resume` goes on.
    """
    path = default_folder(config.task) if out is None else Path(out)
    check_manipulations(config)
    others = protocol(config.task).controls if controls else {}
    changed = {name: control_config(config, each) for name, each in others.items()}
    for each in changed.values():
        check_manipulations(each)
    run = create_run(path, config, resume=resume)
    jobs = _training_jobs(run)
    for name, each in changed.items():
        population = create_run(run.control(name).path, each, resume=resume)
        jobs |= _training_jobs(population, f"{name} ")
    return Outcome(run, run_jobs(jobs, workers=workers, show=show))


def _training_jobs(run: Run, prefix: str = "") -> dict[str, Job]:
    return {
        f"{prefix}subject {k}": partial(_train, run.config, k, folder)
        for k, folder in enumerate(run.subjects)
        if not folder.finished
    }


def _train(
    config: RunConfig[Any], subject: int, folder: SubjectFolder, reporting: Reporting
) -> None:
    def observer(steps_done: int) -> TensorBoardObserver:
        path = folder.path / "tensorboard"
        return TensorBoardObserver(path, config, subject, steps_done=steps_done)

    train_subject(config, subject, folder, reporting, observer)


Tests = Mapping[str, EvaluationConfig]
"""Name -> test."""


def evaluate(
    run: Run | str | Path,
    evaluation: EvaluationConfig | Tests | None = None,
    *,
    snapshot: int | None = None,
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
    stages = protocol(run.config.task).stages if snapshot is None else None
    # A protocol's stages belong to its main test.
    if tests.get(TEST) != protocol(run.config.task).test:
        stages = None
    jobs = _evaluation_jobs(run, tests, snapshot, stages=stages)
    if snapshot is None:
        for name, population in run.controls.items():
            jobs |= _control_jobs(name, population, tests)
        if TEST in tests:
            jobs |= _strategy_jobs(run, tests[TEST])
    return Outcome(run, run_jobs(jobs, workers=workers, show=show))


def _tests(run: Run, evaluation: EvaluationConfig | Tests | None) -> Tests:
    if isinstance(evaluation, EvaluationConfig):
        return {TEST: evaluation}
    return protocol(run.config.task).conditions if evaluation is None else evaluation


def _evaluation_jobs(
    run: Run,
    tests: Tests,
    snapshot: int | None = None,
    *,
    prefix: str = "",
    stages: EvaluationConfig | None = None,
) -> dict[str, Job]:
    """One job a subject, which takes all tests; earlier results are given up."""
    subjects = range(run.config.subjects)
    for condition in tests:
        for k in subjects:
            facts = run.evaluation(k, snapshot, condition).facts_path
            facts.unlink(missing_ok=True)
    for number in range(SNAPSHOTS + 1) if stages else ():
        for k in subjects:
            run.evaluation(k, number).facts_path.unlink(missing_ok=True)
    return {
        f"{prefix}subject {k}": partial(_evaluate, run, k, tests, snapshot, stages)
        for k in subjects
    }


def _control_jobs(name: str, population: Run, tests: Tests) -> dict[str, Job]:
    known = protocol(population.config.task).controls.get(name)
    taken = known.conditions if known else (TEST,)
    chosen = {k: test for k, test in tests.items() if k in taken}
    for condition, test in list(chosen.items()):
        try:
            check_test(population.config, test)
        except ValueError as error:
            log.info("control %s does not take the test %s: %s", name, condition, error)
            del chosen[condition]
    return _evaluation_jobs(population, chosen, prefix=f"{name} ") if chosen else {}


def _strategy_jobs(run: Run, test: EvaluationConfig) -> dict[str, Job]:
    for folder in run.yardsticks.values():
        folder.facts_path.unlink(missing_ok=True)
    return {
        name: partial(_evaluate_strategy, run, name, test, run.yardstick(name))
        for name in strategy_names(run.config, test.settings)
    }


def _evaluate(
    run: Run,
    subject: int,
    tests: Tests,
    snapshot: int | None,
    stages: EvaluationConfig | None,
    reporting: Reporting,
) -> None:
    folder = run.subject(subject)
    network = folder.policy(snapshot)
    numbers = folder.snapshots if stages else []
    parts = len(tests) + len(numbers)
    asked = any(test.record_untrained for test in tests.values())
    for number, (condition, test) in enumerate(tests.items()):
        evaluate_network(
            run.config,
            subject,
            network,
            test,
            run.evaluation(subject, snapshot, condition),
            progress=1.0 if snapshot is None else snapshot / SNAPSHOTS,
            untrained=folder.policy(0) if asked else None,
            reporting=reporting.part(number, parts),
        )
    if stages is None:
        return
    for place, number in enumerate(numbers):
        evaluate_network(
            run.config,
            subject,
            folder.policy(number),
            stages,
            run.evaluation(subject, number),
            progress=number / SNAPSHOTS,
            reporting=reporting.part(len(tests) + place, parts),
        )


def _evaluate_strategy(
    run: Run,
    name: str,
    evaluation: EvaluationConfig,
    folder: EvaluationFolder,
    reporting: Reporting,
) -> None:
    evaluate_strategy(run.config, name, evaluation, folder, reporting)
