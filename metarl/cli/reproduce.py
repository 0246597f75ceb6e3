"""metarl reproduce."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from metarl.cli.options import (
    MISSED,
    BatchOptions,
    DetachOptions,
    DeviceOptions,
    bad_input,
    engine_of,
    finish,
    parse,
)
from metarl.core.checks import MetaRLError
from metarl.core.files import exists
from metarl.envs.registry import NAMES

if TYPE_CHECKING:
    from metarl.pipeline.plan import Plan


@dataclass(frozen=True, kw_only=True)
class ReproduceOptions(BatchOptions, DetachOptions, DeviceOptions):
    """Train, freeze, test and score every experiment: a scorecard and a report.

    Finished work is kept: the same command resumes where it was interrupted, and
    repeats subjects that failed. With --lock nothing is trained: plan and criteria are
    fixed in a file, for a later call with --locked-by.
    """

    tasks: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Names of tasks (`metarl tasks`), or your own "module:EXPERIMENT"; default: all
    tasks."""
    subjects: int = 8
    """Number of independently trained networks in each experiment."""
    preset: str = "fast"
    """fast, paper (as published, takes days) or smoke (learns nothing)."""
    seed: int = 1
    """Root of all random streams."""
    out: Path = Path("runs/reproduction")
    """Folder of the results, created if it does not exist."""
    variants: bool = False
    """Also train and test the variants of the experiments."""
    require_pass: bool = False
    """Exit with 1 unless every scored effect passes."""
    lock: Path | None = None
    """Train nothing: write tasks, preset, subjects, seed, variants, and all
    configurations, tests and criteria to this new file."""
    locked_by: Path | None = None
    """Run the plan of this file from --lock, and no other; it is copied into --out, and
    the report has its date and SHA-256. Default: the lock in --out, if it has one."""


def main(words: list[str]) -> int:
    """Run every experiment, score it and report: metarl reproduce [TASK ...]."""
    options = parse(ReproduceOptions, "reproduce", words)
    if options.lock is not None:
        return _write_lock(options)
    options = _with_locked_defaults(options, words)
    from metarl.pipeline.reproduce import Reproduction, reproduce
    from metarl.reports.figures import passed
    from metarl.reports.scorecard import read_scorecard, scorecard_text

    plan = _plan(options)
    with bad_input(), engine_of(options, options.out) as executor:
        outcome = reproduce(
            plan,
            options.out,
            workers=options.workers,
            device=options.device,
            batch_subjects=options.batch,
            command=" ".join(["metarl reproduce", *words]),
            executor=executor,
            detach=options.detach,
            locked_by=options.locked_by,
        )
    result = Reproduction(outcome.path, plan)
    print(scorecard_text(read_scorecard(result.scorecard_path)))
    print(f"\n{result.lock_sentence}")
    paths = f"scorecard: {result.scorecard_path}\nreport: {result.report_path}"
    code = finish(outcome, paths)
    if code == 0 and options.require_pass and not passed(result.scorecard_path):
        return MISSED
    return code


def _plan(options: ReproduceOptions) -> "Plan":
    from metarl.pipeline.plan import Plan

    with bad_input():
        return Plan(
            tasks=options.tasks or NAMES,
            preset=options.preset,
            subjects=options.subjects,
            seed=options.seed,
            variants=options.variants,
        )


def _write_lock(options: ReproduceOptions) -> int:
    """Write the lock of a plan."""
    from metarl.pipeline.lock import write_lock

    if options.locked_by is not None:
        raise MetaRLError(
            "--lock writes a lock and --locked-by runs under one; give one of them"
        )
    assert options.lock is not None
    with bad_input():
        lock = write_lock(_plan(options), options.lock)
    print(f"lock: {lock.path}\nSHA-256: {lock.sha256}")
    return 0


def _with_locked_defaults(
    options: ReproduceOptions, words: list[str]
) -> ReproduceOptions:
    """Options that take the plan of the lock, if there is one, unless they are given.

    Raises:
        MetaRLError: the lock cannot be read, or names a task of the user's own that the
            command does not name.
    """
    from metarl.pipeline.lock import FILE, read_lock

    path = options.locked_by or options.out / FILE
    if options.locked_by is None and not exists(path):
        return options
    plan = read_lock(path).plan
    tasks = tuple(plan["tasks"])
    for task in tasks:
        # A name in a file is no leave to run the code of its module.
        if ":" in task and task not in options.tasks:
            raise MetaRLError(
                f"the lock {path} has the task {task!r}, which is not part of metarl; "
                "if you trust its code, name all tasks of the lock in the command: "
                f"{' '.join(tasks)}"
            )
    defaults = replace(options, **{**plan, "tasks": tasks})
    locked: ReproduceOptions = parse(
        ReproduceOptions, "reproduce", words, default=defaults
    )
    return locked
