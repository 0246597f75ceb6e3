"""metarl sweep."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from metarl.cli.options import bad_input, finish, parse

Repeated = Annotated[tuple[str, ...], tyro.conf.UseAppendAction]


@dataclass(frozen=True, kw_only=True)
class SweepOptions:
    """Train and test networks with each of several settings, and compare them.

    Without --random or --search, a run is trained for every combination of the values.
    Every run is an ordinary one, in the folder `runs` of --out.
    """

    task: Annotated[str, tyro.conf.Positional]
    """Name of a task; `metarl tasks` lists them."""
    over: Repeated
    """A setting and its values, as learning.discount=.4,.8,.9; with --random and
    --search also a range, as learning.discount=.4:.9, or one with a uniform logarithm,
    as learning.learning_rate=1e-4:1e-2:log. To be repeated for each setting; `metarl
    train TASK --help` lists their names."""
    subjects: int | None = None
    """Number of independently trained networks of each run; default: 8, with --random
    or --search 1."""
    preset: str = "fast"
    """Preset whose other settings are used: fast, paper or smoke."""
    random: int = 0
    """Number of runs with drawn settings, in place of all combinations."""
    search: int = 0
    """Number of runs of a search by Optuna, which stops runs that are not promising."""
    select: int = 0
    """Number of runs to select by the first half of the test's episodes, to be reported
    on the second half."""
    episodes: int | None = None
    """Episodes of the test of each network; default: the experiment's."""
    seed: int = 1
    """Root of all random streams."""
    out: Path | None = None
    """Folder of the results, created if it does not exist; default: runs/sweep/TASK."""
    resume: bool = False
    """Resume the sweep in --out, perhaps with further values or runs; start it if there
    is none."""
    workers: int | None = None
    """Number of parallel processes; default: all cores."""


def main(words: list[str]) -> int:
    """Train networks with each of several settings: metarl sweep TASK --over ..."""
    options = parse(SweepOptions, "sweep", words)
    from metarl.pipeline.sweep import sweep as sweep_settings
    from metarl.runs.settings import split_settings

    given = {k: v for k, v in vars(options).items() if k not in ("task", "over")}
    with bad_input():
        over = split_settings(options.over)
        outcome = sweep_settings(options.task, over, **given)
    print((outcome.path / "result.txt").read_text(encoding="utf-8"))
    names = ("sweep.csv", "summary.csv", "figure.png", "result.txt")
    return finish(outcome, "\n".join(str(outcome.path / name) for name in names))
