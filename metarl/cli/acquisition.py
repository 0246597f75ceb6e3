"""metarl acquisition."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from metarl.cli.options import (
    EngineOptions,
    TrustTask,
    bad_input,
    engine_of,
    finish,
    parse,
)


@dataclass(frozen=True, kw_only=True)
class AcquisitionOptions(EngineOptions):
    """Determine how many networks have learned their task, and when.

    Every snapshot of every network is tested with frozen weights in the main test, and
    compared with the experiment's criterion of having learned. All runs are compared
    with the first. Tests are kept in --out, so the same command resumes.
    """

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Folders of trained runs of one task."""
    labels: tuple[str, ...] = ()
    """Displayed names of the runs, in their order; default: ends of their paths."""
    out: Path | None = None
    """Folder of the results; default: the folder acquisition of a single run,
    runs/acquisition for several."""
    episodes: int = 100
    """Episodes of the test of each snapshot, the same problems for all networks."""
    trust_task: TrustTask = False


def main(words: list[str]) -> int:
    """Count networks that have learned, over training: metarl acquisition RUN ..."""
    options = parse(AcquisitionOptions, "acquisition", words)
    from metarl.pipeline.acquisition import acquisition, default_folder

    with bad_input():
        runs = labelled(options)
        out = options.out or default_folder(options.runs)
    with engine_of(options, out) as executor, bad_input():
        outcome = acquisition(
            runs,
            out,
            episodes=options.episodes,
            workers=options.workers,
            executor=executor,
            trust_task=options.trust_task,
        )
    if not outcome.failures:
        print((outcome.path / "result.txt").read_text(encoding="utf-8"))
    names = ("acquisition.csv", "shares.csv", "learned.csv", "figure.png", "result.txt")
    return finish(outcome, "\n".join(str(outcome.path / name) for name in names))


def labelled(options: AcquisitionOptions) -> Mapping[str, Path] | tuple[Path, ...]:
    """Return the runs by their labels, or as they are without labels.

    Raises:
        ValueError: there is not one different label for each run.
    """
    if not options.labels:
        return options.runs
    different = len(set(options.labels)) == len(options.labels)
    if len(options.labels) != len(options.runs) or not different:
        raise ValueError(
            f"labels must be a different name for each of {len(options.runs)} runs, "
            f"got {', '.join(options.labels)}"
        )
    return dict(zip(options.labels, options.runs, strict=True))
