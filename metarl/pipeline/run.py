"""Train all subjects of a run, and test them with frozen weights."""

from collections.abc import Iterable
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from typing import Any

from metarl.core.checks import check_between
from metarl.core.devices import CPU
from metarl.core.fields import checked
from metarl.core.parallel import (
    Job,
    Outcome,
    check_detach,
    check_workers,
    end_if_importing,
)
from metarl.experiments.spec import experiment
from metarl.pipeline.population import (
    PlannedTest,
    Population,
    Tests,
    begin,
    device_for,
    for_workers,
    run_all,
    snapshot_tests,
    trained_variants,
    variant_populations,
    workers_for,
    writing,
)
from metarl.runs.config import TEST, EvaluationConfig, RunConfig
from metarl.runs.folder import SNAPSHOTS, Run, as_run, default_folder
from metarl.runs.staging import discard, is_complete, swap_in
from metarl.simulation.evaluation import check_test


@checked
def train(  # noqa: PLR0913 one for each option
    config: RunConfig[Any],
    out: str | Path | None = None,
    *,
    variants: bool = False,
    resume: bool = False,
    workers: int | None = None,
    batch_subjects: int | None = None,
    device: str = CPU,
    show: bool = True,
    executor: Executor | None = None,
    detach: bool = False,
    observe: str = "",
) -> Outcome:
    """Train all subjects of a run; a subject's weights do not depend on the others.

    Args:
        config: configuration, as from `metarl.preset`.
        out: folder of the run, created if it does not exist; default: runs/TASK.
        variants: also train the experiment's variants, each as a separate run in the
            folder `variants`.
        resume: resume the run in `out`; finished subjects are kept.
        workers: number of parallel processes; default: all cores; 1: this process only.
        batch_subjects: number of subjects that share one computation; default: as many
            as are quickest. With the compiled kernel it changes no byte of a subject.
        device: cpu, cuda, cuda:NUMBER, mps or auto. The numbers of devices differ.
        show: draw progress bars, if there is a terminal.
        executor: workers for the jobs, perhaps on other machines that share the folder;
            default: processes of this machine.
        detach: end after submitting the jobs to the executor, with `Detached`.
        observe: a class of your own as module:Class, which sees the learning curve and
            the snapshots of every subject (`metarl.training.observers`).

    Returns:
        Folder of the run, and the reason for each job that failed.

    Raises:
        MetaRLError: `out` has a run, and `resume` is off or the configuration differs.
        ValueError: training has an impossible intervention, or a variant does not fit
            the task's parameters; nothing is started.
        KeyboardInterrupt: interrupted; everything is saved, `resume` continues.
        Detached: the jobs are submitted, and `detach` is on.
    """
    end_if_importing()
    check_workers(workers)
    check_detach(executor, detach=detach)
    path = default_folder(config.task) if out is None else Path(out)
    run = Run(path, trust_task=True)
    device = device_for(device, executor)
    workers = workers_for(device, workers, executor)
    populations = [Population(run, config, batch_subjects=batch_subjects)]
    if variants:
        populations += variant_populations(run, config, {})
    populations = [
        replace(each, device=device, observe=observe) for each in populations
    ]
    populations = for_workers(populations, executor)
    with begin(populations, resume=resume):
        jobs = _merged(each.subject_jobs() for each in populations)
        failures = run_all(
            jobs,
            workers,
            show=show,
            executor=executor,
            detach=detach,
            folder=run.path,
        )
        return Outcome(run.path, failures)


@checked
def evaluate(
    run: Run | str | Path,
    tests: EvaluationConfig | Tests | None = None,
    *,
    snapshot: int | None = None,
    baselines: bool = True,
    workers: int | None = None,
    device: str = CPU,
    show: bool = True,
    executor: Executor | None = None,
) -> Outcome:
    """Test every trained subject, and the task's baselines, on new episodes.

    Trained variants of the experiment are tested too, if they can take the tests.
    Earlier results of these tests are replaced when all jobs have ended. If one failed,
    they are kept, and `kept` of the outcome is true.

    Args:
        run: trained run, or its folder.
        tests: main test, or several by name; default: all of the experiment.
        snapshot: number of a snapshot of the policy, 0 (untrained) to 20, for the main
            test, or for the given tests if it is not among them; default: the trained
            policy, for all tests.
        baselines: also test the task's baselines, in the experiment's tests for them.
        workers: number of parallel processes; default: all cores; 1: this process only.
        device: cpu, cuda, cuda:NUMBER, mps or auto; baselines are tested on the CPU.
        show: draw progress bars, if there is a terminal.
        executor: workers for the jobs, perhaps on other machines that share the folder;
            default: processes of this machine.

    Returns:
        Folder of the run, and the reason for each job that failed.

    Raises:
        ValueError: the networks cannot take one of the tests; nothing is started.
        MetaRLError: another process uses the run.
        KeyboardInterrupt: interrupted; the earlier results are kept.
    """
    end_if_importing()
    check_workers(workers)
    run = as_run(run)
    named = _named(run, tests)
    if snapshot is not None:
        check_between("snapshot", snapshot, 0, SNAPSHOTS)
        named = {TEST: named[TEST]} if TEST in named else named
    _check_tests(run.config, named)
    populations = [_tested(run, named, snapshot, baselines=baselines)]
    if snapshot is None:
        variants = trained_variants(run, named)
        populations += [replace(each, staged=True) for each in variants]
    device = device_for(device, executor)
    workers = workers_for(device, workers, executor)
    populations = [replace(each, device=device) for each in populations]
    with writing(populations):
        jobs = _merged(each.subject_jobs(train=False) for each in populations)
        jobs |= populations[0].baseline_jobs()
        try:
            failures = run_all(
                jobs, workers, show=show, executor=executor, folder=run.path
            )
            kept = bool(failures) and any(each.taken() for each in populations)
            if not kept:
                for each in populations:
                    swap_in(each.run.path)
        finally:
            for each in populations:
                if not is_complete(each.run.path):
                    discard(each.run.path)
    return Outcome(run.path, failures, kept)


def _named(run: Run, tests: EvaluationConfig | Tests | None) -> Tests:
    if isinstance(tests, EvaluationConfig):
        return {TEST: tests}
    if tests is not None and not tests:
        raise ValueError("tests must be at least one, got none")
    return experiment(run.config.task).tests if tests is None else tests


def _check_tests(config: RunConfig[Any], tests: Tests) -> None:
    for name, test in tests.items():
        try:
            check_test(config, test)
        except ValueError as error:
            raise ValueError(
                f"these networks cannot take the test {name} ({error}); choose others "
                "with --test"
            ) from None


def _tested(
    run: Run, tests: Tests, snapshot: int | None, *, baselines: bool
) -> Population:
    """Population of the run, with its tests and those of all snapshots."""
    chosen = experiment(run.config.task)
    planned = [PlannedTest(name, test, snapshot) for name, test in tests.items()]
    # The tests of the snapshots go with the experiment's main test.
    if snapshot is None and tests.get(TEST) == chosen.test:
        planned += snapshot_tests(chosen)
    given = tests if baselines and snapshot is None else {}
    return Population(
        run,
        run.config,
        planned,
        baselines=chosen.tests_of_baselines(given),
        staged=True,
    )


def _merged(groups: Iterable[dict[str, Job]]) -> dict[str, Job]:
    return {name: job for jobs in groups for name, job in jobs.items()}
