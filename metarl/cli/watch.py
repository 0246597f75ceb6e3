"""metarl watch."""

from dataclasses import dataclass
from pathlib import Path

from metarl.cli.options import RunFolder, bad_input, parse
from metarl.runs.config import TEST


@dataclass(frozen=True, kw_only=True)
class WatchOptions:
    """Record a trained network with frozen weights, in new episodes, as a GIF.

    Below the screen stand the last action, the number of the trial, counted from 1,
    the step of the trial, and what the last action earned.
    """

    run: RunFolder
    """A run's folder."""
    out: Path | None = None
    """The video, a name that ends in .gif; by default in the run's folder."""
    subject: int = 0
    """Subject index, from 0."""
    episodes: int = 1
    """Episodes, one after the other, at least 1."""
    seed: int | None = None
    """Seed of the episodes; default: the run's seed."""
    test: str = TEST
    """Name of the test to take; `metarl tasks` lists them."""
    snapshot: int | None = None
    """A snapshot of training, 0 (untrained) to 20 (trained); trained by default."""
    fps: float = 6.0
    """Frames a second, 0.1 to 50."""
    greedy: bool = False
    """Take the likeliest action; by default actions are sampled, as in training."""


def main(words: list[str]) -> int:
    """Record a video of a network, with frozen weights: metarl watch RUN."""
    options = parse(WatchOptions, "watch", words)
    from metarl.reports.video import VideoConfig
    from metarl.reports.video import watch as watch_run

    chosen = {k: v for k, v in vars(options).items() if k not in ("run", "out")}
    with bad_input():
        path = watch_run(options.run, VideoConfig(**chosen), options.out)
    print(f"video: {path}")
    return 0
