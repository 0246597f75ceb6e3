"""A run's variants: each trained, tested and analysed as the run itself was."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from metarl.core.checks import MetaRLError, check_choice
from metarl.core.parallel import Outcome
from metarl.experiments.variants import (
    VARIANTS,
    fitting_config,
    matching_test,
    variants_of,
)
from metarl.pipeline.fingerprint import analysis_job, is_analysed
from metarl.pipeline.population import PlannedTest, Population, begin, run_all
from metarl.reports.figures import has_analysis
from metarl.runs.config import TEST, EvaluationConfig
from metarl.runs.folder import Run, as_run
from metarl.simulation.evaluation import check_test
from metarl.training.trainer import check_trainable

log = logging.getLogger(__name__)


def finish_variants(
    run: Run | str | Path,
    names: Sequence[str] = (),
    *,
    workers: int | None = None,
    show: bool = True,
) -> Outcome:
    """Train, test and analyse a run's variants; what is finished is left as it is.

    Each is a run of its own in the run's folder `variants`, with as many subjects and
    the same seed, and takes the main test that the run took. Those that do not fit the
    run are left out, and logged.

    Args:
        run: an evaluated run, or its folder.
        names: general variants or the experiment's own; all general ones by default.
        workers: processes at once; all cores by default, 1 for this process alone.
        show: report the progress.

    Returns:
        The run's folder, and for each job that failed, the reason.

    Raises:
        ValueError: there is no such variant; nothing is begun.
        MetaRLError: the run was not tested, or has no analysis; nothing is begun.
        KeyboardInterrupt: interrupted; everything is saved, the same call goes on.
    """
    run = as_run(run)
    for name in names:
        check_choice("variant", name, variants_of(run.config.task))
    populations = list(_fitting(run, names or VARIANTS, _main_test(run)))
    begin(populations, resume=True)
    jobs = {k: job for each in populations for k, job in each.subject_jobs().items()}
    failures = run_all(jobs, workers, show=show, overall=True)
    analyses = {
        f"{each.name} analysis": analysis_job(each.run)
        for each in populations
        if not failures.keys() & each.subject_jobs().keys()
    }
    failures |= run_all(analyses, workers, show=show, overall=True)
    return Outcome(run.path, failures)


def finished_variants(run: Run, names: Sequence[str] = ()) -> dict[str, Run]:
    """The variants that are tested and analysed; of the general ones by default."""
    there = {name: run.variant(name) for name in names or VARIANTS}
    return {name: each for name, each in there.items() if is_analysed(each)}


def _main_test(run: Run) -> EvaluationConfig:
    """The main test as the run took it."""
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
    """The networks of each variant that fits the run."""
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
    """The networks of one variant; ValueError where they do not fit the run."""
    config = fitting_config(run.config, name)
    taken = matching_test(config, test)
    check_trainable(config)
    check_test(config, taken)
    return Population(run.variant(name), config, [PlannedTest(TEST, taken)], name=name)
