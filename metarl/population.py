"""Many subjects at once: trained, then tested with their weights frozen."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from metarl.checks import check_between
from metarl.config import EvaluationConfig, RunConfig
from metarl.evaluation import (
    evaluate_network,
    evaluate_strategy,
    strategy_names,
)
from metarl.jobs import Job, Reporting, run_jobs
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
from metarl.training import train_subject


@dataclass(frozen=True)
class Outcome:
    """A run, and for each job that failed, why."""

    run: Run
    failures: dict[str, str]


def train(
    config: RunConfig[Any],
    out: str | Path | None = None,
    *,
    resume: bool = False,
    workers: int | None = None,
    show: bool = True,
) -> Outcome:
    """Train all subjects of a run; each has the same weights alone or among others.

    Args:
        config: what to train; `metarl.presets.preset` gives one.
        out: the run's folder, made where there is none; runs/TASK by default.
        resume: go on with the run in `out`; finished subjects are left as they are.
        workers: processes at once; all cores by default, 1 for this process alone.
        show: draw progress bars, where there is a terminal.

    Raises:
        MetaRLError: `out` holds a run, and `resume` is off or the configuration
            differs.
        KeyboardInterrupt: interrupted; everything is saved, `resume` goes on.
    """
    path = default_folder(config.task) if out is None else Path(out)
    run = create_run(path, config, resume=resume)
    jobs: dict[str, Job] = {
        f"subject {k}": partial(_train, config, k, folder)
        for k, folder in enumerate(run.subjects)
        if not folder.finished
    }
    return Outcome(run, run_jobs(jobs, workers=workers, show=show))


def _train(
    config: RunConfig[Any], subject: int, folder: SubjectFolder, reporting: Reporting
) -> None:
    def observer(steps_done: int) -> TensorBoardObserver:
        path = folder.path / "tensorboard"
        return TensorBoardObserver(path, config, subject, steps_done=steps_done)

    train_subject(config, subject, folder, reporting, observer)


def evaluate(
    run: Run | str | Path,
    evaluation: EvaluationConfig | None = None,
    *,
    snapshot: int | None = None,
    workers: int | None = None,
    show: bool = True,
) -> Outcome:
    """Test every trained subject, and the task's strategies, on fresh episodes.

    What an earlier evaluation left is given up first, so that none is mixed.

    Args:
        run: a trained run, or its folder.
        evaluation: how to test.
        snapshot: which of the policy's snapshots, 0 (untrained) to 20; by default
            the trained policy.
        workers: processes at once; all cores by default, 1 for this process alone.
        show: draw progress bars, where there is a terminal.
    """
    run = as_run(run)
    evaluation = evaluation or EvaluationConfig()
    if snapshot is not None:
        check_between("snapshot", snapshot, 0, SNAPSHOTS)
    jobs: dict[str, Job] = {
        f"subject {k}": partial(
            _evaluate, run, k, evaluation, run.evaluation(k, snapshot), snapshot
        )
        for k in range(run.config.subjects)
    }
    if snapshot is None:
        for name in strategy_names(run.config):
            folder = run.yardstick(name)
            jobs[name] = partial(_evaluate_strategy, run, name, evaluation, folder)
    for folder in run.evaluation_folders(snapshot):
        folder.facts_path.unlink(missing_ok=True)
    return Outcome(run, run_jobs(jobs, workers=workers, show=show))


def _evaluate(
    run: Run,
    subject: int,
    evaluation: EvaluationConfig,
    folder: EvaluationFolder,
    snapshot: int | None,
    reporting: Reporting,
) -> None:
    network = run.subject(subject).policy(snapshot)
    progress = 1.0 if snapshot is None else snapshot / SNAPSHOTS
    evaluate_network(
        run.config,
        subject,
        network,
        evaluation,
        folder,
        progress=progress,
        reporting=reporting,
    )


def _evaluate_strategy(
    run: Run,
    name: str,
    evaluation: EvaluationConfig,
    folder: EvaluationFolder,
    reporting: Reporting,
) -> None:
    evaluate_strategy(run.config, name, evaluation, folder, reporting)
