"""metarl compare."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from metarl.cli.options import (
    CRASHED,
    EngineOptions,
    TrustTask,
    bad_input,
    engine_of,
    parse,
)
from metarl.core.checks import MetaRLError
from metarl.experiments.variants import VARIANTS
from metarl.runs.folder import VARIANTS as FOLDER
from metarl.runs.folder import load_run

VARIANTS_HELP = tyro.conf.arg(
    metavar="[NAME ...]",
    help=f"Names of variants: {', '.join(VARIANTS)}, or the experiment's own; without "
    "a name, all of this list.",
)


@dataclass(frozen=True, kw_only=True)
class CompareOptions(EngineOptions):
    """Compare runs of one task: learning curves, effects, differences.

    Runs must be analysed (`metarl analyze`). A folder of `metarl animals` can be
    compared with runs, in the effects that exist for both. All are compared with the
    first. With --variants, one run is compared with the same networks, but trained
    differently: they are first trained, tested and analysed, in the run's folder
    `variants`; finished ones are not repeated.
    """

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Folders of runs or of `metarl animals`; the folder of one sweep stands for its
    runs, the selected ones if there are any."""
    variants: Annotated[tuple[str, ...] | None, VARIANTS_HELP] = None
    out: Path | None = None
    """Folder of the figure and the table; default: runs/compare, or with --variants the
    run's folder variants."""
    trust_task: TrustTask = False


def main(words: list[str]) -> int:
    """Compare runs, or a run with its variants: metarl compare RUN RUN ..."""
    options = parse(CompareOptions, "compare", words)
    from metarl.reports.comparison import compare as compare_runs
    from metarl.reports.comparison import short_names

    out, code = options.out or Path("runs/compare"), 0
    folders = short_names(options.runs)
    if options.variants is not None:
        folders, code = with_variants(options)
        out = options.out or options.runs[0] / FOLDER
    elif options.engine is not None:
        raise MetaRLError(
            f"--engine needs --variants, got {options.engine!r}: runs are compared on "
            "this machine; omit --engine"
        )
    elif (sweep := swept(options)) is not None:
        folders, code = sweep
        out = options.out or options.runs[0] / "compare"
    if code and len(folders) < 2:
        return code
    paths = compare_runs(folders, out, trust_task=options.trust_task)
    print(paths["result"].read_text(encoding="utf-8"))
    for name, path in paths.items():
        print(f"{name}: {path}")
    return code


def swept(options: CompareOptions) -> tuple[dict[str, Path], int] | None:
    """Return the runs of a sweep by their settings, analysed, and the exit code.

    None if no folder is one of a sweep.
    """
    from metarl.pipeline.sweep import compared_runs, is_sweep

    if not any(map(is_sweep, options.runs)):
        return None
    if len(options.runs) > 1:
        raise MetaRLError(
            f"a sweep is compared alone, got {len(options.runs)} folders; name runs in "
            "its folder `runs` instead"
        )
    folders, failures = compared_runs(
        options.runs[0], trust_task=options.trust_task, workers=options.workers
    )
    for name, reason in failures.items():
        print(f"metarl: {name} failed: {reason}", file=sys.stderr)
    return folders, CRASHED if failures else 0


def with_variants(options: CompareOptions) -> tuple[dict[str, Path], int]:
    """Return the run and its variants by name, missing ones trained; the exit code."""
    if len(options.runs) != 1:
        raise MetaRLError(
            f"--variants needs one run, got {len(options.runs)}; give one folder"
        )
    from metarl.pipeline.variants import finish_variants, finished_variants

    (path,) = options.runs
    names = options.variants or ()
    run = load_run(path, trust_task=options.trust_task)
    with bad_input(), engine_of(options, path / FOLDER) as executor:
        outcome = finish_variants(
            run, names, workers=options.workers, executor=executor
        )
    for name, reason in outcome.failures.items():
        print(f"metarl: {name} failed: {reason}", file=sys.stderr)
    finished = finished_variants(run, names)
    variants = {name: run.path for name, run in finished.items()}
    code = CRASHED if outcome.failures else 0
    return {path.resolve().name: path, **variants}, code
