"""metarl reproduce."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

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
from metarl.envs.registry import NAMES


@dataclass(frozen=True, kw_only=True)
class ReproduceOptions(BatchOptions, DetachOptions, DeviceOptions):
    """Train, freeze, test and score every experiment: a scorecard and a report.

    Finished work is kept: the same command resumes where it was interrupted, and
    repeats subjects that failed.
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


def main(words: list[str]) -> int:
    """Run every experiment, score it and report: metarl reproduce [TASK ...]."""
    options = parse(ReproduceOptions, "reproduce", words)
    from metarl.pipeline.reproduce import Plan, Reproduction, reproduce
    from metarl.reports.figures import passed
    from metarl.reports.scorecard import read_scorecard, scorecard_text

    with bad_input():
        plan = Plan(
            tasks=options.tasks or NAMES,
            preset=options.preset,
            subjects=options.subjects,
            seed=options.seed,
            variants=options.variants,
        )
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
        )
    result = Reproduction(outcome.path, plan)
    print(scorecard_text(read_scorecard(result.scorecard_path)))
    paths = f"scorecard: {result.scorecard_path}\nreport: {result.report_path}"
    code = finish(outcome, paths)
    if code == 0 and options.require_pass and not passed(result.scorecard_path):
        return MISSED
    return code
