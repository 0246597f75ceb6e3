"""Reproduction of the paper: train, freeze, test and score all experiments.

reproduction/TASK/            run of each experiment
reproduction/scorecard.json   every effect with its verdict
reproduction/report.html      report on one page
reproduction/lock.json        lock under which it ran, if any (`metarl.pipeline.lock`)

Finished work is kept: the same call resumes after an interrupt, and repeats subjects
that failed.
"""

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import chain
from pathlib import Path

from metarl.core.devices import CPU
from metarl.core.fields import checked
from metarl.core.files import exists, write_json
from metarl.core.parallel import Job, Outcome, check_detach, check_workers
from metarl.pipeline import fingerprint
from metarl.pipeline.lock import FILE, NOT_LOCKED, keep_lock, lock_for, read_lock
from metarl.pipeline.plan import Plan
from metarl.pipeline.population import (
    Population,
    begin,
    device_for,
    for_workers,
    in_batches,
    in_rounds,
    run_all,
    workers_for,
)
from metarl.reports.html.page import write_page
from metarl.reports.scorecard import scorecard, write_scorecard
from metarl.runs.folder import Run, folder_name


@dataclass(frozen=True)
class Reproduction:
    """Folder with all experiments of a plan."""

    path: Path
    plan: Plan

    @cached_property
    def runs(self) -> dict[str, Run]:
        """Experiment -> its run."""
        # The plan names the tasks, so their code may be imported.
        return {
            task: Run(self.path / folder_name(task), trust_task=True)
            for task in self.plan.tasks
        }

    @property
    def scorecard_path(self) -> Path:
        """File of all effects with their verdicts."""
        return self.path / "scorecard.json"

    @property
    def lock_sentence(self) -> str:
        """Date and SHA-256 of the lock under which it ran, or that it has none."""
        path = self.path / FILE
        return read_lock(path).sentence if exists(path) else NOT_LOCKED

    @property
    def report_path(self) -> Path:
        """File of the report."""
        return self.path / "report.html"


@checked
def reproduce(  # noqa: PLR0913 one for each option
    plan: Plan,
    out: str | Path,
    *,
    workers: int | None = None,
    batch_subjects: int | None = None,
    device: str = CPU,
    show: bool = True,
    command: str = "",
    executor: Executor | None = None,
    detach: bool = False,
    locked_by: str | Path | None = None,
) -> Outcome:
    """Train, freeze, test and score every experiment; finished work is kept.

    Args:
        plan: experiments and settings.
        out: folder of the results, created if it does not exist.
        workers: number of parallel processes; default: all cores; 1: this process only.
        batch_subjects: number of subjects that share one computation, in experiments
            whose subjects can; default: as many as are quickest. With the compiled
            kernel it changes no byte of a subject.
        device: cpu, cuda, cuda:NUMBER, mps or auto. The numbers of devices differ.
        show: show the progress.
        command: the user's command, for the report.
        executor: workers for the jobs, perhaps on other machines that share the folder;
            default: processes of this machine.
        detach: end after submitting the jobs to the executor, with `Detached`.
        locked_by: lock from `write_lock`, which fixed this plan; default: the one of
            `out`, if it has one.

    Returns:
        Folder of a `Reproduction`, and the reason for each job that failed.

    Raises:
        MetaRLError: `out` has an experiment with another configuration, or the lock
            does not fit (`lock_for`); nothing is started.
        ValueError: a variant does not fit, or so many subjects cannot share a
            computation; nothing is started.
        KeyboardInterrupt: interrupted; everything is saved, the same call resumes.
        Detached: the jobs are submitted, and `detach` is on.
    """
    check_workers(workers)
    check_detach(executor, detach=detach)
    result = Reproduction(Path(out), plan)
    lock = lock_for(plan, result.path, locked_by)
    device = device_for(device, executor)
    workers = workers_for(device, workers, executor)
    planned = [
        replace(each, device=device)
        for task in plan.tasks
        for each in plan.populations(task, result.runs[task])
    ]
    populations = for_workers(in_batches(planned, batch_subjects), executor)
    with begin(populations, result.path, resume=True):
        if lock is not None:
            keep_lock(lock, result.path)
        failures = run_all(
            _in_rounds(populations),
            workers,
            show=show,
            overall=True,
            executor=executor,
            detach=detach,
            folder=result.path,
        )
        failures |= run_all(_analysis_jobs(result), workers, show=show, overall=True)
        _write_results(result, command, failures)
    return Outcome(result.path, failures)


def _in_rounds(populations: Sequence[Population]) -> dict[str, Job]:
    """Jobs of the first subjects of all experiments, then the next; baselines last.

    This gives early estimates of all durations. The longest jobs come first in each
    round, so that no core is idle for long at the end.
    """
    longest_first = sorted(populations, key=lambda each: each.size, reverse=True)
    baselines = (p.baseline_jobs().items() for p in populations)
    return in_rounds(longest_first) | dict(chain(*baselines))


def _analysis_jobs(result: Reproduction) -> dict[str, Job]:
    """Analyses of all tested experiments; finished if they are up to date."""
    return {
        f"{task} analysis": fingerprint.analysis_job(run)
        for task, run in result.runs.items()
        if run.evaluated
    }


def _write_results(
    result: Reproduction, command: str, failures: dict[str, str]
) -> None:
    """Write scorecard and report if anything in them has changed."""
    read = fingerprint.saved_fingerprint
    runs = {task: read(run.analysis_path) for task, run in result.runs.items()}
    plan = {**asdict(result.plan), "tasks": [*result.plan.tasks]}
    locked = result.lock_sentence
    now = {"plan": plan, "runs": runs, "failures": failures, "lock": locked}
    exist = result.scorecard_path.exists() and result.report_path.exists()
    if exist and read(result.path) == now:
        return
    write_scorecard(result.scorecard_path, scorecard(result.runs))
    write_page(
        result.report_path,
        result.runs,
        command=command,
        failures=failures,
        lock=locked,
    )
    write_json(result.path / fingerprint.FILE, now)
