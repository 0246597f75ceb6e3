"""metarl watch."""

from dataclasses import dataclass, fields
from pathlib import Path

from metarl.cli.options import RunFolder, TrustTask, bad_input, parse
from metarl.runs.config import TEST


@dataclass(frozen=True, kw_only=True)
class WatchOptions:
    """Make a video (GIF) of a trained network with frozen weights in new episodes.

    Below the screen: the last action, the number of the trial (from 1), the step of the
    trial, and the last reward.
    """

    run: RunFolder
    """Folder of the run."""
    trust_task: TrustTask = False
    out: Path | None = None
    """File of the video, its name ending in .gif; default: in the run's folder."""
    subject: int = 0
    """Subject index, from 0."""
    episodes: int = 1
    """Number of successive episodes, at least 1."""
    seed: int | None = None
    """Seed of the episodes; default: the run's seed."""
    test: str = TEST
    """Name of the test; `metarl tasks` lists them."""
    snapshot: int | None = None
    """Snapshot of training, 0 (untrained) to 20 (trained); default: trained."""
    fps: float = 6.0
    """Frames per second, 0.1 to 50."""
    greedy: bool = False
    """Choose the most probable action; default: actions are sampled, as in training."""


def main(words: list[str]) -> int:
    """Make a video of a network with frozen weights: metarl watch RUN."""
    options = parse(WatchOptions, "watch", words)
    from metarl.reports.video import VideoConfig
    from metarl.reports.video import watch as watch_run
    from metarl.runs.folder import load_run

    known = {field.name for field in fields(VideoConfig)}
    chosen = {k: v for k, v in vars(options).items() if k in known}
    run = load_run(options.run, trust_task=options.trust_task)
    with bad_input():
        path = watch_run(run, VideoConfig(**chosen), options.out)
    print(f"video: {path}")
    return 0
