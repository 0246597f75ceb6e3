"""Video of a frozen network in its task: a GIF with one frame per step."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from metarl.agents.networks.actor_critic import Network, attach_renderer
from metarl.core.checks import check_at_least, check_between, check_choice
from metarl.core.fields import Range, check_fields, checked
from metarl.core.files import whole_file
from metarl.core.seeding import Purpose, stream_seed
from metarl.envs.registry import task_class
from metarl.envs.rendering import draw_frame, screen_of
from metarl.experiments.spec import experiment
from metarl.runs.checkpoint import check_fits
from metarl.runs.config import TEST, RunConfig, Seed, change_params
from metarl.runs.folder import Run, as_run
from metarl.simulation.interventions import make_interventions
from metarl.simulation.rollout import Rollout

Frame = NDArray[np.uint8]

STREAMS: tuple[Purpose, Purpose] = ("preview", "interventions")
"""Random streams of the episodes and of the noise of interventions."""
HOLD = 2.0
"""Additional seconds for which the last frame is shown."""
SCALE = 3
"""Scale relative to the images of the Gymnasium environments."""


@dataclass(frozen=True, kw_only=True)
class VideoConfig:
    """Content of a video."""

    subject: Annotated[int, Range(0, 999, why="no run has more subjects")] = 0
    """Subject index, from 0."""
    episodes: Annotated[
        int, Range(1, 1000, why="more are too long to watch; choose some with a seed")
    ] = 1
    """Number of successive episodes, at least 1."""
    seed: Seed | None = None
    """Seed of the episodes, at least 0; None: the run's seed."""
    test: str = TEST
    """Name of a test of the experiment."""
    snapshot: int | None = None
    """Snapshot of training, 0 (untrained) to 20 (trained); None: trained."""
    fps: float = 6.0
    """Frames per second, 0.1 to 50."""
    greedy: bool = False
    """Choose the most probable action; default: actions are sampled, as in training."""

    def __post_init__(self) -> None:
        """Validate the fields."""
        check_fields(self)
        check_at_least("seed", self.seed or 0, 0)
        check_between("fps", self.fps, 0.1, 50)


@checked
def watch(
    run: Run | str | Path, video: VideoConfig, out: str | Path | None = None
) -> Path:
    """Make a video of a frozen network in new episodes; return the path of the GIF.

    Args:
        run: run, or its folder.
        video: content of the video.
        out: path that ends in .gif; default: in the folder of the run.

    Raises:
        ValueError: the subject or test does not exist, or the path is not of a GIF.
        MetaRLError: the network is missing, or the video cannot be written.
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
    """Default path of a video."""
    stage = "" if video.snapshot is None else f"-snapshot-{video.snapshot:02d}"
    return run.path / "videos" / f"{video.test}-subject-{video.subject:02d}{stage}.gif"


@torch.inference_mode()
def prepare(config: RunConfig[Any], network: Network, video: VideoConfig) -> Rollout:
    """Return a rollout of one environment, at the start of the first episode.

    Args:
        config: configuration of the run.
        network: network that chooses the actions.
        video: content of the video.
    """
    test = experiment(config.task).tests[video.test]
    task = task_class(config.task)(1, change_params(config.task_params, test.task))
    check_fits(network, task)
    seed = config.seed if video.seed is None else video.seed
    # Separate streams, so that noise of interventions does not change the episodes.
    episodes, noise = (
        torch.Generator().manual_seed(stream_seed(seed, video.subject, purpose))
        for purpose in STREAMS
    )
    return Rollout(
        task,
        attach_renderer(network, task.render_views),
        episodes,
        reset_memory=test.reset_memory,
        greedy=test.greedy or video.greedy,
        interventions=make_interventions(
            test.interventions, task, config.network, noise
        ),
    )


@torch.inference_mode()
def frames(rollout: Rollout, episodes: int, scale: int = SCALE) -> Iterator[Frame]:
    """Yield the screen at the start of each episode and after each of its steps.

    Args:
        rollout: one environment, at the start of an episode.
        episodes: number of episodes.
        scale: scale relative to the images of the Gymnasium environments.

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
                last = (
                    task.action_names[int(transition.actions)],
                    float(transition.rewards),
                )
                yield _draw(rollout, f"{title}trial {trial}\n{now}", scale, *last)


def _event(rollout: Rollout) -> str:
    return rollout.task.event_names[int(rollout.task.event())]


def _draw(
    rollout: Rollout, caption: str, scale: int, action: str = "", reward: float = 0.0
) -> Frame:
    screen = screen_of(rollout.task, 0)
    return draw_frame(screen, action, reward, caption=caption, scale=scale)


def write_gif(path: Path, frames: Iterable[Frame], fps: float) -> None:
    """Write frames as a GIF that repeats without end.

    Args:
        path: file to write.
        frames: (rows, columns, 3) each, at least one, all of the same size.
        fps: frames per second; the last frame is shown longer.
    """
    first, *rest = [
        # 256 colours without dithering, so that a constant screen does not flicker.
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
