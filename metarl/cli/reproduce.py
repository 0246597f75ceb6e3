"""metarl reproduce."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from metarl.cli.options import MISSED, bad_input, finish, parse
from metarl.envs.registry import NAMES


@dataclass(frozen=True, kw_only=True)
class ReproduceOptions:
    """Train, freeze, test and score every experiment: a scorecard and a report.

    What is done already is left as it is: the same command goes on where it was
    stopped, and tries a subject again that failed.
    """

    tasks: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Tasks of `metarl tasks`, or your own "module:EXPERIMENT"; all by default."""
    subjects: int = 8
    """Independently trained networks of each experiment."""
    preset: str = "fast"
    """fast, paper (literal, takes days) or smoke (learns nothing)."""
    seed: int = 1
    """Root of all random streams."""
    out: Path = Path("runs/reproduction")
    """The folder, made where there is none."""
    variants: bool = False
    """Also train and test the experiments' own variants."""
    workers: int | None = None
    """Processes at once; all cores by default."""
    require_pass: bool = False
    """Exit with 1 unless every scored effect passes."""


def main(words: list[str]) -> int:
    """Every experiment, a scorecard and a report: metarl reproduce [TASK ...]."""
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
        command = " ".join(["metarl reproduce", *words])
        outcome = reproduce(plan, options.out, workers=options.workers, command=command)
    made = Reproduction(outcome.path, plan)
    print(scorecard_text(read_scorecard(made.scorecard_path)))
    code = finish(
        outcome, f"scorecard: {made.scorecard_path}\nreport: {made.report_path}"
    )
    if code == 0 and options.require_pass and not passed(made.scorecard_path):
        return MISSED
    return code
