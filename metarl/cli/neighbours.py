"""metarl neighbours."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from metarl.cli.options import (
    MISSED,
    DetachOptions,
    bad_input,
    engine_of,
    finish,
    parse,
)
from metarl.studies.registry import NAMES


@dataclass(frozen=True, kw_only=True)
class NeighboursOptions(DetachOptions):
    """Compare neighbouring ideas: learning rules, costs, replay, evolution.

    Finished seeds are kept: the same command resumes where it was interrupted, and
    repeats seeds that failed.
    """

    studies: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Names of studies; default: all."""
    seeds: int = 5
    """Number of independent seeds of every condition."""
    seed: int = 1
    """Root of all random streams."""
    grid: bool = False
    """Also run the grids of learning rates."""
    smoke: bool = False
    """Take only a few steps of each: everything runs, nothing is learned."""
    out: Path = Path("runs/neighbours")
    """Folder of the results, created if it does not exist."""
    require_pass: bool = False
    """Exit with 1 unless every scored effect passes."""


def main(words: list[str]) -> int:
    """Compare neighbouring ideas: metarl neighbours [STUDY ...]."""
    options = parse(NeighboursOptions, "neighbours", words)
    from metarl.reports.figures import passed
    from metarl.studies.runner import (
        RESULT,
        SCORECARD,
        NeighboursPlan,
        compare_neighbours,
    )
    from metarl.studies.spec import Scale

    with bad_input():
        plan = NeighboursPlan(
            studies=options.studies or NAMES,
            seeds=options.seeds,
            seed=options.seed,
            scale=Scale(grid=options.grid, smoke=options.smoke),
        )
    with bad_input(), engine_of(options, options.out) as executor:
        outcome = compare_neighbours(
            plan,
            options.out,
            workers=options.workers,
            executor=executor,
            detach=options.detach,
        )
    print((outcome.path / RESULT).read_text(encoding="utf-8"))
    scorecard = outcome.path / SCORECARD
    code = finish(outcome, f"scorecard: {scorecard}")
    if code == 0 and options.require_pass and not passed(scorecard):
        return MISSED
    return code
