"""The timing diagram of a task, drawn from the task itself as it is stepped.

Nothing about a task is written down here: events, screens, actions and rewards are
those of the task and one of its baselines.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from metarl.analysis.style import figure_style
from metarl.core.seeding import stream_seed
from metarl.envs.registry import task_class
from metarl.envs.rendering import BAND, HEIGHT, draw_frame, format_reward, screen_of
from metarl.experiments.spec import experiment
from metarl.runs.config import RunConfig
from metarl.simulation.rollout import Rollout

ENOUGH = 5
"""Boxes after which no further trial is begun."""
ROW = 6
"""Boxes side by side, where one trial has no more."""
LONGEST = 1_000
"""Steps after which even an unfinished trial is given up."""
SCALE = 3
"""Pixels of a screen, as a multiple of what the Gymnasium faces draw."""
BOX = 0.86
"""Width of a box; from step to step it is 1."""
GAP = 0.75
"""Room for a mark where steps are left out."""
MARGIN = 0.6
"""Room left of the first box's middle, and right of the last one's."""
PAID, LOST, FAINT = "#006B4F", "#B22222", "#555555"
"""Colours of a reward, of a loss, and of what stands behind."""
INCHES = 1.45
"""Width of a step, and height of a row without its axis."""


@dataclass(frozen=True)
class Box:
    """One step: what was shown, done and paid."""

    step: int
    """Number of the step in the episode, from 1."""
    trial: int
    """Number of the trial in the episode, from 1."""
    event: str
    """What the task calls the step."""
    screen: NDArray[np.uint8]
    """(rows, columns, 3) what the subject saw."""
    action: str
    """What it did."""
    reward: float
    """What that paid, in reward units."""
    ends_trial: bool
    """Whether the trial ended with it."""


class Timing(NamedTuple):
    """A timing diagram, and what is needed to speak of it."""

    figure: Figure
    """The boxes along time."""
    baseline: str
    """Name of the baseline that answered."""
    words: str
    """The diagram in words, for those who cannot see it."""


def draw_timing(config: RunConfig[Any], seed: int = 1) -> Timing | None:
    """The first trials of a task as boxes along time.

    Args:
        config: a run's; its parameters of the task are those of training.
        seed: draws the episode; the same seed gives the same picture.

    Returns:
        The diagram; None where the task has no baseline that answers.
    """
    found = first_trials(config, seed)
    if found is None:
        return None
    name, steps = found
    boxes = telling(steps)
    rows = in_rows(boxes)
    width = max(places(row)[-1] for row in rows) + 2 * MARGIN
    size = INCHES * width, (INCHES + 0.35) * len(rows) + 0.4
    with figure_style():
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots(len(rows), squeeze=False).flat
        for ax, row in zip(axes, rows, strict=True):
            plot_timing(row, ax)
            ax.set_xlim(-MARGIN, width - MARGIN)
        ax.set_xlabel("Step of the episode")
    return Timing(figure, name, in_words(boxes))


@torch.inference_mode()
def first_trials(config: RunConfig[Any], seed: int) -> tuple[str, list[Box]] | None:
    """The steps of an episode's first trials, as many as are worth showing.

    Returns:
        Name of the first baseline that does not answer by chance, and its steps; None
        where there is no such baseline.
    """
    task = task_class(config.task)(1, config.task_params)
    policies = experiment(config.task).make_baselines(task)
    name = next((name for name in policies if name != "random"), None)
    if name is None:
        return None
    generator = torch.Generator().manual_seed(stream_seed(seed, 0, "preview"))
    boxes: list[Box] = []
    for box, over in _steps(Rollout(task, policies[name], generator)):
        boxes.append(box)
        enough = box.ends_trial and len(telling(boxes)) >= ENOUGH
        if over or enough or len(boxes) == LONGEST:
            break
    return name, boxes


def _steps(rollout: Rollout) -> Iterator[tuple[Box, bool]]:
    """Each step from an episode's start, and whether the episode ended with it."""
    task, step, trial = rollout.task, 0, 1
    while True:
        step += 1
        event = task.event_names[int(task.event())]
        frame = draw_frame(screen_of(task, 0), "", 0, scale=SCALE)
        (moment,) = rollout.run(1)
        box = Box(
            step,
            trial,
            event,
            frame[: SCALE * (HEIGHT - BAND)],
            task.action_names[int(moment.actions)],
            float(moment.rewards),
            bool(moment.trial_ended),
        )
        yield box, bool(moment.terminated)
        trial += box.ends_trial


def telling(boxes: Sequence[Box]) -> list[Box]:
    """The steps where something happens: all but those amid a longer event."""
    before, after = [None, *boxes[:-1]], [*boxes[1:], None]
    return [
        box
        for last, box, coming in zip(before, boxes, after, strict=True)
        if not (_continues(last, box) and _continues(box, coming))
    ]


def _continues(box: Box | None, coming: Box | None) -> bool:
    """Whether an event goes on from one step to the next, and nothing was paid."""
    if box is None or coming is None or box.ends_trial or box.reward:
        return False
    return box.event == coming.event


def in_rows(boxes: Sequence[Box]) -> list[list[Box]]:
    """The boxes in rows of whole trials."""
    rows: list[list[Box]] = []
    for _, trial in groupby(boxes, lambda box: box.trial):
        steps = list(trial)
        if rows and len(rows[-1]) + len(steps) <= ROW:
            rows[-1] += steps
        else:
            rows.append(steps)
    return rows


def places(boxes: Sequence[Box]) -> list[float]:
    """Where each box stands along time; where steps are left out there is a gap."""
    found = [0.0]
    for box, coming in pairwise(boxes):
        found.append(found[-1] + 1 + GAP * (coming.step - box.step > 1))
    return found


def plot_timing(boxes: Sequence[Box], ax: Axes | None = None) -> Axes:
    """Boxes along time: event above, screen, and below what was done and paid.

    Args:
        boxes: steps in their order, at least one.
        ax: where to draw; a figure of its own where None.
    """
    ax = ax or plt.subplots()[1]
    at = places(boxes)
    for x, box in zip(at, boxes, strict=True):
        _plot_box(ax, x, box)
    for (x, box), (_, coming) in pairwise(zip(at, boxes, strict=True)):
        left_out = coming.step - box.step - 1
        if left_out:
            middle = x + (1 + GAP) / 2
            _write(ax, middle, 0.05, "...")
            _write(ax, middle, -0.07, f"{left_out} step{'s' * (left_out > 1)}")
    for trial, steps in groupby(
        zip(at, boxes, strict=True), lambda step: step[1].trial
    ):
        mine = [x for x, _ in steps]
        _plot_trial(ax, trial, mine[0], mine[-1])
    ax.set(ylim=(-0.48, 0.52), aspect="equal", yticks=[])
    ax.set_xticks(at, [str(box.step) for box in boxes])
    ax.spines["left"].set_visible(False)
    return ax


def _plot_box(ax: Axes, x: float, box: Box) -> None:
    rows, columns, _ = box.screen.shape
    half, tall = BOX / 2, BOX / 2 * rows / columns
    edges = (x - half, x + half, -tall, tall)
    ax.imshow(box.screen, extent=edges, interpolation="antialiased", zorder=2)
    _write(ax, x, tall + 0.03, box.event)
    _write(ax, x, -tall - 0.13, box.action)
    colour = PAID if box.reward > 0 else LOST if box.reward < 0 else FAINT
    _write(ax, x, -tall - 0.25, _paid(box), colour)


def _plot_trial(ax: Axes, trial: int, first: float, last: float) -> None:
    """A bracket over the boxes of a trial."""
    edges = [first - BOX / 2, last + BOX / 2]
    ax.plot(edges, [0.37, 0.37], color=FAINT, linewidth=1)
    _write(ax, sum(edges) / 2, 0.4, f"trial {trial}")


def _write(ax: Axes, x: float, y: float, text: str, colour: str = "black") -> None:
    ax.text(x, y, text, ha="center", va="baseline", size="small", color=colour)


def _paid(box: Box) -> str:
    return f"paid {format_reward(round(box.reward, 2))}"


def in_words(boxes: Sequence[Box]) -> str:
    """Step after step: its event, what was done and what that paid."""
    return "; ".join(
        f"step {box.step} (trial {box.trial}): {box.event}, {box.action}, {_paid(box)}"
        for box in boxes
    )
