"""A run's ablations: each trained, tested and analysed as the run itself was."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from metarl.core.checks import MetaRLError, check_choice
from metarl.experiments.variants import ABLATIONS, ablated, ablated_test
from metarl.pipeline.run import evaluate, train
from metarl.reports.figures import BY_SUBJECT_FILE, analyze, has_analysis
from metarl.runs.config import EvaluationConfig, RunConfig
from metarl.runs.folder import Run, as_run
from metarl.simulation.evaluation import check_test
from metarl.training.trainer import check_trainable

log = logging.getLogger(__name__)


@dataclass
class Sweep:
    """What came of a run's ablations, by name."""

    runs: dict[str, Run] = field(default_factory=dict)
    """Those that were trained, tested and analysed, now or before."""
    skipped: dict[str, str] = field(default_factory=dict)
    """Those that do not fit the run, and why."""
    failures: dict[str, str] = field(default_factory=dict)
    """Jobs that failed, by ablation and subject, and why."""


def ablate(
    run: Run | str | Path,
    names: Sequence[str] = (),
    *,
    workers: int | None = None,
    show: bool = True,
) -> Sweep:
    """Train, test and analyse a run's ablations; what is finished is left as it is.

    Each is a run of its own in the run's folder `ablations`, with as many subjects and
    the same seed, and takes the main test that the run took.

    Args:
        run: an evaluated run, or its folder.
        names: of `metarl.experiments.variants.ABLATIONS`; all by default.
        workers: processes at once; all cores by default, 1 for this process alone.
        show: draw progress bars, where there is a terminal.

    Raises:
        ValueError: there is no such ablation; nothing is begun.
        MetaRLError: the run was not tested, or has no analysis; nothing is begun.
        KeyboardInterrupt: interrupted; everything is saved, the same call goes on.
    """
    run = as_run(run)
    for name in names:
        check_choice("ablation", name, ABLATIONS)
    test = _main_test(run)
    made, configs = Sweep(), {}
    for name in names or ABLATIONS:
        try:
            config = ablated(run.config, name)
            check_trainable(config)
            check_test(config, ablated_test(config, test))
        except ValueError as error:
            made.skipped[name] = str(error)
        else:
            configs[name] = config
    for name, config in configs.items():
        log.info("ablation %s: %s", name, ABLATIONS[name].why)
        folder = run.ablation(name).path
        failures = _finish(config, folder, test, workers=workers, show=show)
        made.failures |= {f"{name} {job}": why for job, why in failures.items()}
        if not failures:
            made.runs[name] = run.ablation(name)
    return made


def _main_test(run: Run) -> EvaluationConfig:
    """The main test as the run took it."""
    if not has_analysis(run.config.task):
        raise MetaRLError(
            f"{run.config.task} is not in the catalogue, so its ablations have no "
            "effects to compare; choose a run of a task of `metarl tasks`"
        )
    if len(run.evaluated) < run.config.subjects:
        raise MetaRLError(
            f"{run.path} has subjects that were not tested; run `metarl evaluate` "
            "first, so that the ablations can take the same test"
        )
    return _test_of(run.evaluated[0].facts)


def _test_of(facts: dict[str, Any]) -> EvaluationConfig:
    """The test that an evaluation's facts tell of."""
    names = {f.name for f in fields(EvaluationConfig)} & set(facts)
    given: dict[str, Any] = {
        name: tuple(facts[name]) if isinstance(facts[name], list) else facts[name]
        for name in names
    }
    return EvaluationConfig(**given)


def _finish(
    config: RunConfig[Any],
    folder: Path,
    test: EvaluationConfig,
    *,
    workers: int | None,
    show: bool,
) -> dict[str, str]:
    """Do what is left to do of one ablation; the jobs that failed."""
    trained = train(config, folder, resume=True, workers=workers, show=show)
    run, taken = trained.run, ablated_test(config, test)
    if trained.failures:
        return trained.failures
    analysed = run.analysis_path / BY_SUBJECT_FILE
    if not _has_taken(run, taken):
        analysed.unlink(missing_ok=True)
        # The strategies are those of the unablated run.
        tested = evaluate(run, taken, strategies=False, workers=workers, show=show)
        if tested.failures:
            return tested.failures
    if not analysed.exists():
        analyze(run)
    return {}


def _has_taken(run: Run, test: EvaluationConfig) -> bool:
    """Whether every subject has finished this very test."""
    taken = [folder.took(test) for folder in run.evaluated.values()]
    return taken == [True] * run.config.subjects
