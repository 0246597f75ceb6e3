"""Train all subjects of a run, and test them with frozen weights."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from metarl.core.checks import check_between
from metarl.core.parallel import Job, Outcome, end_if_importing
from metarl.experiments.spec import experiment
from metarl.pipeline.population import (
    PlannedTest,
    Population,
    Tests,
    begin,
    run_all,
    snapshot_tests,
    trained_variants,
    variant_populations,
)
from metarl.runs.config import TEST, EvaluationConfig, RunConfig
from metarl.runs.folder import SNAPSHOTS, Run, as_run, default_folder
from metarl.simulation.evaluation import check_test


def train(
    config: RunConfig[Any],
    out: str | Path | None = None,
    *,
    variants: bool = False,
    resume: bool = False,
    workers: int | None = None,
    show: bool = True,
) -> Outcome:
    """Train all subjects of a run; a subject's weights do not depend on the others.

    Args:
        config: configuration, as from `metarl.preset`.
        out: folder of the run, created if it does not exist; default: runs/TASK.
        variants: also train the experiment's variants, each as a separate run in the
            folder `variants`.
        resume: resume the run in `out`; finished subjects are kept.
        workers: number of parallel processes; default: all cores; 1: this process only.
        show: draw progress bars, if there is a terminal.

    Returns:
        Folder of the run, and the reason for each job that failed.

    Raises:
        MetaRLError: `out` has a run, and `resume` is off or the configuration differs.
        ValueError: training has an impossible intervention, or a variant does not fit
            the task's parameters; nothing is started.
        KeyboardInterrupt: interrupted; everything is saved, `resume` continues.
    """
    end_if_importing()
    run = Run(default_folder(config.task) if out is None else Path(out))
    populations = [Population(run, config)]
    if variants:
        populations += variant_populations(run, config, {})
    begin(populations, resume=resume)
    jobs = _merged(each.subject_jobs() for each in populations)
    return Outcome(run.path, run_all(jobs, workers, show=show))


def evaluate(
    run: Run | str | Path,
    tests: EvaluationConfig | Tests | None = None,
    *,
    snapshot: int | None = None,
    baselines: bool = True,
    workers: int | None = None,
    show: bool = True,
) -> Outcome:
    """Test every trained subject, and the task's baselines, on new episodes.

    Trained variants of the experiment are tested too, if they can take the tests.
    Earlier results of these tests are discarded first.

    Args:
        run: trained run, or its folder.
        tests: main test, or several by name; default: all of the experiment.
        snapshot: number of a snapshot of the policy, 0 (untrained) to 20, for the main
            test, or for the given tests if it is not among them; default: the trained
            policy, for all tests.
        baselines: also test the task's baselines, in the main test.
        workers: number of parallel processes; default: all cores; 1: this process only.
        show: draw progress bars, if there is a terminal.

    Returns:
        Folder of the run, and the reason for each job that failed.

    Raises:
        ValueError: the networks cannot take one of the tests; nothing is discarded.
    """
    end_if_importing()
    run = as_run(run)
    named = _named(run, tests)
    if snapshot is not None:
        check_between("snapshot", snapshot, 0, SNAPSHOTS)
        named = {TEST: named[TEST]} if TEST in named else named
    _check_tests(run.config, named)
    populations = [_tested(run, named, snapshot, baselines=baselines)]
    if snapshot is None:
        populations += trained_variants(run, named)
    # Baselines that cannot be made are refused before anything is discarded.
    populations[0].baseline_jobs()
    for each in populations:
        each.forget_all_tests()
    jobs = _merged(each.subject_jobs(train=False) for each in populations)
    jobs |= populations[0].baseline_jobs()
    return Outcome(run.path, run_all(jobs, workers, show=show))


def _named(run: Run, tests: EvaluationConfig | Tests | None) -> Tests:
    if isinstance(tests, EvaluationConfig):
        return {TEST: tests}
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
    main = tests.get(TEST) if baselines and snapshot is None else None
    return Population(run, run.config, planned, baselines=main)


def _merged(groups: Iterable[dict[str, Job]]) -> dict[str, Job]:
    return {name: job for jobs in groups for name, job in jobs.items()}
