"""metarl compare."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from metarl.cli.options import CRASHED, bad_input, parse
from metarl.core.checks import MetaRLError
from metarl.experiments.variants import ABLATIONS

if TYPE_CHECKING:
    from metarl.pipeline.ablate import Sweep

ABLATIONS_HELP = tyro.conf.arg(
    metavar="[NAME ...]",
    help=f"Names of {', '.join(ABLATIONS)}; all where none is given.",
)


@dataclass(frozen=True, kw_only=True)
class CompareOptions:
    """Hold runs of one task side by side: learning curves, effects, differences.

    A run must be analysed (`metarl analyze`); a folder of `metarl animals` can stand
    beside runs, with those effects that animals have too. All are held against the
    first. With --ablations, one run is held against networks that lack one thing each:
    they are trained, tested and analysed first, in the run's folder `ablations`; what
    is finished there is not done again.
    """

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Folders of runs, and perhaps of animals."""
    ablations: Annotated[tuple[str, ...] | None, ABLATIONS_HELP] = None
    out: Path | None = None
    """Where figure and table go; runs/compare, or with --ablations the run's folder
    ablations, by default."""
    workers: int | None = None
    """Processes at once, for --ablations; all cores by default."""


def main(words: list[str]) -> int:
    """Runs side by side, or a run and its ablations: metarl compare RUN RUN ..."""
    options = parse(CompareOptions, "compare", words)
    from metarl.reports.comparison import compare as compare_runs
    from metarl.reports.comparison import short_names

    out, code = options.out or Path("runs/compare"), 0
    folders = short_names(options.runs)
    if options.ablations is not None:
        folders, code = with_ablations(options)
        out = options.out or options.runs[0] / "ablations"
    if code and len(folders) < 2:
        return code
    paths = compare_runs(folders, out)
    print(paths["result"].read_text(encoding="utf-8"))
    for name, path in paths.items():
        print(f"{name}: {path}")
    return code


def with_ablations(options: CompareOptions) -> tuple[dict[str, Path], int]:
    """The run and its ablations by name, made where they are not; the exit code."""
    if len(options.runs) != 1:
        raise MetaRLError(
            f"--ablations must have one run, got {len(options.runs)}; give one folder"
        )
    from metarl.pipeline.ablate import ablate

    (path,) = options.runs
    with bad_input():
        made = ablate(path, options.ablations or (), workers=options.workers)
    tell(made)
    runs = {name: run.path for name, run in made.runs.items()}
    return {path.resolve().name: path, **runs}, CRASHED if made.failures else 0


def tell(made: "Sweep") -> None:
    """Say which ablations are not there, and why."""
    for why in made.skipped.values():
        print(f"left out: {why}")
    for name, why in made.failures.items():
        print(f"metarl: {name} failed: {why}", file=sys.stderr)
