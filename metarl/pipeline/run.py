"""All subjects of a run: trained, then tested with their weights frozen."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from metarl.core.checks import check_between
from metarl.core.parallel import Job, Outcome
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
    """Train all subjects of a run; each has the same weights alone or among others.

    Args:
        config: the configuration; `metarl.preset` gives one.
        out: the run's folder, made where there is none; runs/TASK by default.
        variants: also train the experiment's variants, each as a run of its own in the
            folder's `variants`.
        resume: go on with the run in `out`; finished subjects are left as they are.
        workers: processes at once; all cores by default, 1 for this process alone.
        show: draw progress bars, where there is a terminal.

    Returns:
        The run's folder, and for each job that failed, the reason.

    Raises:
        MetaRLError: `out` holds a run, and `resume` is off or the configuration
            differs.
        ValueError: training asks for an impossible intervention, or a variant does not
            fit the task's parameters; nothing is begun.
        KeyboardInterrupt: interrupted; everything is saved, `resume` goes on.
    """
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
    """Test every trained subject, and the task's baselines, on fresh episodes.

    The experiment's variants that were trained with the run are tested too, where they
    can be. Earlier results of these tests are given up first.

    Args:
        run: a trained run, or its folder.
        tests: the main test, or several by name; by default all of the experiment's.
        snapshot: the one of the policy's snapshots, 0 (untrained) to 20, that takes the
            main test, or the given tests where that is not among them; by default the
            trained policy takes all.
        baselines: also let the task's baselines take the main test.
        workers: processes at once; all cores by default, 1 for this process alone.
        show: draw progress bars, where there is a terminal.

    Returns:
        The run's folder, and for each job that failed, the reason.

    Raises:
        ValueError: the networks cannot take one of the tests; nothing is given up.
    """
    run = as_run(run)
    named = _named(run, tests)
    if snapshot is not None:
        check_between("snapshot", snapshot, 0, SNAPSHOTS)
        named = {TEST: named[TEST]} if TEST in named else named
    _check_tests(run.config, named)
    populations = [_tested(run, named, snapshot, baselines=baselines)]
    if snapshot is None:
        populations += trained_variants(run, named)
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
    """The run's own networks with their tests, and those of all snapshots."""
    asked = experiment(run.config.task)
    planned = [PlannedTest(name, test, snapshot) for name, test in tests.items()]
    # The snapshots' test belongs to the experiment's main test.
    if snapshot is None and tests.get(TEST) == asked.test:
        planned += snapshot_tests(asked)
    main = tests.get(TEST) if baselines and snapshot is None else None
    return Population(run, run.config, planned, baselines=main)


def _merged(parts: Iterable[dict[str, Job]]) -> dict[str, Job]:
    return {name: job for part in parts for name, job in part.items()}
