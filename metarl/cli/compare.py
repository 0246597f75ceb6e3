"""metarl compare."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from metarl.cli.options import CRASHED, bad_input, parse
from metarl.core.checks import MetaRLError
from metarl.experiments.variants import VARIANTS
from metarl.runs.folder import VARIANTS as FOLDER
from metarl.runs.folder import load_run

VARIANTS_HELP = tyro.conf.arg(
    metavar="[NAME ...]",
    help=f"Names of {', '.join(VARIANTS)}, or of the experiment's own variants; all "
    "those named here where none is given.",
)


@dataclass(frozen=True, kw_only=True)
class CompareOptions:
    """Compare runs of one task: learning curves, effects, differences.

    A run must be analysed (`metarl analyze`); a folder of `metarl animals` can be
    compared with runs, by those effects that animals have too. All are compared with
    the first. With --variants, one run is compared with the same networks, but trained
    differently: they are trained, tested and analysed first, in the run's folder
    `variants`; what is finished there is not done again.
    """

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Folders of runs, and perhaps of animals."""
    variants: Annotated[tuple[str, ...] | None, VARIANTS_HELP] = None
    out: Path | None = None
    """Where figure and table go; runs/compare, or with --variants the run's folder
    variants, by default."""
    workers: int | None = None
    """Processes at once, for --variants; all cores by default."""


def main(words: list[str]) -> int:
    """Compare runs, or a run and its variants: metarl compare RUN RUN ..."""
    options = parse(CompareOptions, "compare", words)
    from metarl.reports.comparison import compare as compare_runs
    from metarl.reports.comparison import short_names

    out, code = options.out or Path("runs/compare"), 0
    folders = short_names(options.runs)
    if options.variants is not None:
        folders, code = with_variants(options)
        out = options.out or options.runs[0] / FOLDER
    if code and len(folders) < 2:
        return code
    paths = compare_runs(folders, out)
    print(paths["result"].read_text(encoding="utf-8"))
    for name, path in paths.items():
        print(f"{name}: {path}")
    return code


def with_variants(options: CompareOptions) -> tuple[dict[str, Path], int]:
    """The run and its variants by name, made where they are missing; the exit code."""
    if len(options.runs) != 1:
        raise MetaRLError(
            f"--variants must have one run, got {len(options.runs)}; give one folder"
        )
    from metarl.pipeline.variants import finish_variants, finished_variants

    (path,) = options.runs
    names = options.variants or ()
    with bad_input():
        outcome = finish_variants(path, names, workers=options.workers)
    for name, why in outcome.failures.items():
        print(f"metarl: {name} failed: {why}", file=sys.stderr)
    there = finished_variants(load_run(path), names)
    variants = {name: run.path for name, run in there.items()}
    code = CRASHED if outcome.failures else 0
    return {path.resolve().name: path, **variants}, code
