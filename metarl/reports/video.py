"""A film of a frozen network at work: one frame a step, into a GIF."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from metarl.agents.networks.actor_critic import Network, attach_renderer
from metarl.core.checks import check_at_least, check_between, check_choice
from metarl.core.files import whole_file
from metarl.core.seeding import Purpose, stream_seed
from metarl.envs.registry import task_class
from metarl.envs.rendering import draw_frame, screen_of
from metarl.experiments.spec import experiment
from metarl.runs.checkpoint import check_fits
from metarl.runs.config import TEST, RunConfig, change_params
from metarl.runs.folder import Run, as_run
from metarl.simulation.interventions import make_interventions
from metarl.simulation.rollout import Rollout

Frame = NDArray[np.uint8]

STREAMS: tuple[Purpose, Purpose] = ("preview", "interventions")
"""What the episodes are drawn from, and the noise of an experimenter's hand."""
HOLD = 2.0
"""Seconds for which the last frame stays."""
SCALE = 3
"""Times as large as what the Gymnasium faces draw."""


@dataclass(frozen=True, kw_only=True)
class VideoConfig:
    """What to film."""

    subject: int = 0
    """Whose network, from 0."""
    episodes: int = 1
    """Episodes, one after the other, at least 1."""
    seed: int | None = None
    """Draws the episodes, at least 0; None: the run's."""
    test: str = TEST
    """Name of the experiment's test to take."""
    snapshot: int | None = None
    """A snapshot of training, 0 (untrained) to 20 (trained); None: the trained one."""
    fps: float = 6.0
    """Frames a second, 0.1 to 50."""
    greedy: bool = False
    """Take the likeliest action; by default actions are sampled, as in training."""

    def __post_init__(self) -> None:
        """Refuse a film of nothing, and one that no viewer would play."""
        check_at_least("subject", self.subject, 0)
        check_at_least("episodes", self.episodes, 1)
        check_at_least("seed", self.seed or 0, 0)
        check_between("fps", self.fps, 0.1, 50)


def watch(
    run: Run | str | Path, video: VideoConfig, out: str | Path | None = None
) -> Path:
    """Film a frozen network in fresh episodes; returns where the GIF is.

    Args:
        run: a run, or its folder.
        video: what to record.
        out: where to write, a name that ends in .gif; by default in the run's folder.

    Raises:
        ValueError: there is no such subject or test, or no GIF is asked for.
        MetaRLError: the network is not there, or the film could not be written.
    """
    run = as_run(run)
    check_between("subject", video.subject, 0, run.config.subjects - 1)
    check_choice("test", video.test, experiment(run.config.task).tests)
    path = video_path(run, video) if out is None else Path(out)
    if path.suffix.lower() != ".gif":
        raise ValueError(f"out must be a name that ends in .gif, got {str(path)!r}")
    network = run.subject(video.subject).policy(video.snapshot)
    rollout = prepare(run.config, network, video)
    write_gif(path, frames(rollout, video.episodes), video.fps)
    return path


def video_path(run: Run, video: VideoConfig) -> Path:
    """Where a film goes when nobody says."""
    stage = "" if video.snapshot is None else f"-snapshot-{video.snapshot:02d}"
    return run.path / "films" / f"{video.test}-subject-{video.subject:02d}{stage}.gif"


@torch.inference_mode()
def prepare(config: RunConfig[Any], network: Network, video: VideoConfig) -> Rollout:
    """One lane, at the start of the first episode.

    Args:
        config: the run's.
        network: what chooses; it is fed and read as it was trained.
        video: what to record.
    """
    test = experiment(config.task).tests[video.test]
    task = task_class(config.task)(1, change_params(config.task_params, test.task))
    check_fits(network, task)
    seed = config.seed if video.seed is None else video.seed
    # Other than in training and evaluation; the hand's noise changes no other.
    own, noise = (
        torch.Generator().manual_seed(stream_seed(seed, video.subject, purpose))
        for purpose in STREAMS
    )
    return Rollout(
        task,
        attach_renderer(network, task.render_views),
        own,
        reset_memory=test.reset_memory,
        greedy=test.greedy or video.greedy,
        interventions=make_interventions(
            test.interventions, task, config.network, noise
        ),
    )


@torch.inference_mode()
def frames(rollout: Rollout, episodes: int, scale: int = SCALE) -> Iterator[Frame]:
    """The screen at each episode's start, and after each of its steps.

    Args:
        rollout: one lane, at the start of an episode.
        episodes: how many to film.
        scale: times as large as what the Gymnasium faces draw.

    Yields:
        (rows, columns, 3), with last action, trial, event and last reward below.
    """
    task = rollout.task
    for episode in range(1, episodes + 1):
        title = f"episode {episode}, " if episodes > 1 else ""
        trial, over = 1, False
        yield _draw(rollout, f"{title}trial {trial}\n{_event(rollout)}", scale)
        while not over:
            for transition in rollout.run(1):
                over = bool(transition.terminated)
                trial += bool(transition.trial_ended) and not over
                now = "end" if over else _event(rollout)
                did = (
                    task.action_names[int(transition.actions)],
                    float(transition.rewards),
                )
                yield _draw(rollout, f"{title}trial {trial}\n{now}", scale, *did)


def _event(rollout: Rollout) -> str:
    return rollout.task.event_names[int(rollout.task.event())]


def _draw(
    rollout: Rollout, caption: str, scale: int, action: str = "", reward: float = 0.0
) -> Frame:
    screen = screen_of(rollout.task, 0)
    return draw_frame(screen, action, reward, caption=caption, scale=scale)


def write_gif(path: Path, frames: Iterable[Frame], fps: float) -> None:
    """Write frames whole, as a GIF that starts again and again.

    Args:
        path: where to.
        frames: (rows, columns, 3) each, at least one, all of one size.
        fps: frames a second; the last one is held longer.
    """
    first, *rest = [
        # 256 colours, none of them dithered: what stands still does not flicker.
        Image.fromarray(frame).quantize(256, dither=Image.Dither.NONE)
        for frame in frames
    ]
    seconds = [1 / fps] * (1 + len(rest))
    seconds[-1] += HOLD
    times = [10 * round(100 * each) for each in seconds]
    with whole_file(path) as temporary:
        first.save(
            temporary,
            "GIF",
            save_all=True,
            append_images=rest,
            duration=times,
            loop=0,
        )
