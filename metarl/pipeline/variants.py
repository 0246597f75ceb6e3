"""Variants of a run: trained, tested and analysed in the same way as the run."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from pathlib import Path

from metarl.core.checks import MetaRLError, check_choice
from metarl.core.fields import checked
from metarl.core.parallel import Outcome, check_workers
from metarl.experiments.variants import (
    VARIANTS,
    fitting_config,
    matching_test,
    variants_of,
)
from metarl.pipeline.fingerprint import analysis_job, is_analysed
from metarl.pipeline.population import (
    PlannedTest,
    Population,
    begin,
    for_workers,
    possible_tests,
    run_all,
)
from metarl.reports.figures import has_analysis
from metarl.runs.config import TEST, EvaluationConfig
from metarl.runs.folder import VARIANTS as VARIANTS_FOLDER
from metarl.runs.folder import Run, as_run
from metarl.simulation.evaluation import check_test
from metarl.training.trainer import check_trainable

log = logging.getLogger(__name__)


@checked
def finish_variants(
    run: Run | str | Path,
    names: Sequence[str] = (),
    *,
    workers: int | None = None,
    show: bool = True,
    executor: Executor | None = None,
) -> Outcome:
    """Train, test and analyse variants of a run; finished work is kept.

    Each is a separate run in the folder `variants` of the run, with the same number of
    subjects and the same seed. It takes the main test, and its own further tests
    (`Variant.tests`), as the run took them. Variants that do not fit the run, and tests
    that the run did not take, are left out, and logged.

    Args:
        run: evaluated run, or its folder.
        names: general variants or the experiment's own; default: all general ones.
        workers: number of parallel processes; default: all cores; 1: this process only.
        show: show the progress.
        executor: workers for the jobs, perhaps on other machines that share the folder;
            default: processes of this machine.

    Returns:
        Folder of the run, and the reason for each job that failed.

    Raises:
        ValueError: a variant does not exist; nothing is started.
        MetaRLError: the run was not tested, or has no analysis; nothing is started.
        KeyboardInterrupt: interrupted; everything is saved, the same call resumes.
    """
    check_workers(workers)
    run = as_run(run)
    for name in names:
        check_choice("variant", name, variants_of(run.config.task))
    fitting = _fitting(run, names or VARIANTS, _main_test(run))
    populations = for_workers(fitting, executor)
    shared = [run.path / VARIANTS_FOLDER] if executor else []
    with begin(populations, *shared, resume=True):
        failures = _finish(run, populations, workers, show=show, executor=executor)
    return Outcome(run.path, failures)


def _finish(
    run: Run,
    populations: Sequence[Population],
    workers: int | None,
    *,
    show: bool,
    executor: Executor | None,
) -> dict[str, str]:
    """Train, test and analyse populations; return the reason for each failed job."""
    # Once, as the names of the jobs depend on the subjects that are not trained yet.
    jobs_of = [each.subject_jobs() for each in populations]
    failures = run_all(
        {name: job for jobs in jobs_of for name, job in jobs.items()},
        workers,
        show=show,
        overall=True,
        executor=executor,
        folder=run.path / VARIANTS_FOLDER,
    )
    analyses = {
        f"{each.name} analysis": analysis_job(each.run)
        for each, own in zip(populations, jobs_of, strict=True)
        if not failures.keys() & own.keys()
    }
    return failures | run_all(analyses, workers, show=show, overall=True)


def finished_variants(run: Run, names: Sequence[str] = ()) -> dict[str, Run]:
    """Variants that are tested and analysed; default: among the general ones."""
    chosen = {name: run.variant(name) for name in names or VARIANTS}
    return {name: each for name, each in chosen.items() if is_analysed(each)}


def _main_test(run: Run) -> EvaluationConfig:
    """Main test with the settings of the run's evaluation."""
    if not has_analysis(run.config.task):
        raise MetaRLError(
            f"{run.config.task} has no analysis, so its variants have no effects to "
            "compare; choose a run of an experiment with one"
        )
    if len(run.evaluated) < run.config.subjects:
        raise MetaRLError(
            f"{run.path} has subjects that were not tested; run `metarl evaluate` "
            "first, so that the variants can take the same test"
        )
    return EvaluationConfig.from_plain(run.evaluated[0].metadata)


def _fitting(
    run: Run, names: Iterable[str], test: EvaluationConfig
) -> Iterator[Population]:
    """Population of each variant that fits the run."""
    there = variants_of(run.config.task)
    for name in names:
        try:
            population = _population(run, name, test)
        except ValueError as error:
            log.info("left out: %s", error)
        else:
            log.info("variant %s: %s", name, there[name].why)
            yield population


def _population(run: Run, name: str, test: EvaluationConfig) -> Population:
    """Population of one variant; raise ValueError if it does not fit the run."""
    config = fitting_config(run.config, name)
    test = matching_test(config, test)
    check_trainable(config)
    check_test(config, test)
    further = possible_tests(name, config, dict(_further_tests(run, name)))
    planned = [PlannedTest(TEST, test), *further]
    return Population(run.variant(name), config, planned, name=name)


def _further_tests(run: Run, name: str) -> Iterator[tuple[str, EvaluationConfig]]:
    """Further tests of a variant by name, with the settings that the run took."""
    for title in variants_of(run.config.task)[name].tests:
        taken = run.evaluated_in(title)
        if title == TEST:
            continue
        if not taken:
            log.info("variant %s: no test %s, as the run did not take it", name, title)
            continue
        metadata = next(iter(taken.values())).metadata
        yield title, EvaluationConfig.from_plain(metadata)
