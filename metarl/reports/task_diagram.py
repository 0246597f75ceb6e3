"""Diagram of the first trials of a task along time, drawn by stepping the task.

This module has no description of any task: events, screens, actions and rewards come
from the task and one of its baselines.
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

ENOUGH_BOXES = 5
"""Number of boxes after which no further trial is added."""
BOXES_PER_ROW = 6
"""Maximum number of boxes per row, unless a single trial has more."""
MAXIMUM_STEPS = 1_000
"""Number of steps after which even an unfinished trial ends the diagram."""
SCALE = 3
"""Scale relative to the images of the Gymnasium environments."""
BOX = 0.86
"""Width of a box, in units of the distance between steps."""
GAP = 0.75
"""Additional distance where steps are left out."""
MARGIN = 0.6
"""Distance of the edges from the centres of the first and last box."""
REWARD, LOSS, FAINT = "#006B4F", "#B22222", "#555555"
"""Colours of a reward, of a loss, and of the background."""
INCHES = 1.45
"""Width of a step, and height of a row without its axis, in inches."""


@dataclass(frozen=True)
class Box:
    """One step: screen, action and reward."""

    step: int
    """Number of the step in the episode, from 1."""
    trial: int
    """Number of the trial in the episode, from 1."""
    event: str
    """Name of the event."""
    screen: NDArray[np.uint8]
    """(rows, columns, 3) screen before the action."""
    action: str
    """Name of the action."""
    reward: float
    """Reward of the action, in reward units."""
    ends_trial: bool
    """Whether the trial ended with this step."""


class TaskDiagram(NamedTuple):
    """Task diagram with its description."""

    figure: Figure
    """Boxes along time."""
    baseline: str
    """Name of the baseline that chose the actions."""
    words: str
    """Description in words, as alternative text."""


def draw_task_diagram(config: RunConfig[Any], seed: int = 1) -> TaskDiagram | None:
    """Draw the first trials of a task as boxes along time.

    Args:
        config: configuration of a run, with the task's parameters in training.
        seed: seed of the episode; the same seed gives the same diagram.

    Returns:
        The diagram; None if the task has no baseline except random choice.
    """
    trials = first_trials(config, seed)
    if trials is None:
        return None
    name, steps = trials
    boxes = informative_steps(steps)
    rows = in_rows(boxes)
    width = max(positions(row)[-1] for row in rows) + 2 * MARGIN
    size = INCHES * width, (INCHES + 0.35) * len(rows) + 0.4
    with figure_style():
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots(len(rows), squeeze=False).flat
        for ax, row in zip(axes, rows, strict=True):
            plot_steps(row, ax)
            ax.set_xlim(-MARGIN, width - MARGIN)
        ax.set_xlabel("Step of the episode")
    return TaskDiagram(figure, name, in_words(boxes))


@torch.inference_mode()
def first_trials(config: RunConfig[Any], seed: int) -> tuple[str, list[Box]] | None:
    """Return the steps of the first trials of an episode, enough for a diagram.

    Returns:
        Name of the first baseline that does not choose at random, and its steps; None
        if there is no such baseline.
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
        enough = box.ends_trial and len(informative_steps(boxes)) >= ENOUGH_BOXES
        if over or enough or len(boxes) == MAXIMUM_STEPS:
            break
    return name, boxes


def _steps(rollout: Rollout) -> Iterator[tuple[Box, bool]]:
    """Yield each step of an episode, and whether the episode ended with it."""
    task, step, trial = rollout.task, 0, 1
    while True:
        step += 1
        event = task.event_names[int(task.event())]
        frame = draw_frame(screen_of(task, 0), "", 0, scale=SCALE)
        (transition,) = rollout.run(1)
        box = Box(
            step,
            trial,
            event,
            frame[: SCALE * (HEIGHT - BAND)],
            task.action_names[int(transition.actions)],
            float(transition.rewards),
            bool(transition.trial_ended),
        )
        yield box, bool(transition.terminated)
        trial += box.ends_trial


def informative_steps(boxes: Sequence[Box]) -> list[Box]:
    """Return the steps with changes: all except those within a longer event."""
    before, after = [None, *boxes[:-1]], [*boxes[1:], None]
    return [
        box
        for last, box, following in zip(before, boxes, after, strict=True)
        if not (_continues(last, box) and _continues(box, following))
    ]


def _continues(box: Box | None, following: Box | None) -> bool:
    """Whether an event continues in the next step, and no reward was given."""
    if box is None or following is None or box.ends_trial or box.reward:
        return False
    return box.event == following.event


def in_rows(boxes: Sequence[Box]) -> list[list[Box]]:
    """Arrange the boxes in rows of whole trials."""
    rows: list[list[Box]] = []
    for _, trial in groupby(boxes, lambda box: box.trial):
        steps = list(trial)
        if rows and len(rows[-1]) + len(steps) <= BOXES_PER_ROW:
            rows[-1] += steps
        else:
            rows.append(steps)
    return rows


def positions(boxes: Sequence[Box]) -> list[float]:
    """Return the positions of boxes along time, with gaps for left-out steps."""
    centres = [0.0]
    for box, following in pairwise(boxes):
        centres.append(centres[-1] + 1 + GAP * (following.step - box.step > 1))
    return centres


def plot_steps(boxes: Sequence[Box], ax: Axes | None = None) -> Axes:
    """Plot boxes along time: the event above, the screen, action and reward below.

    Args:
        boxes: steps in order, at least one.
        ax: axes; None: axes of a new figure.
    """
    ax = ax or plt.subplots()[1]
    centres = positions(boxes)
    for x, box in zip(centres, boxes, strict=True):
        _plot_box(ax, x, box)
    for (x, box), (_, following) in pairwise(zip(centres, boxes, strict=True)):
        left_out = following.step - box.step - 1
        if left_out:
            middle = x + (1 + GAP) / 2
            _write(ax, middle, 0.05, "...")
            _write(ax, middle, -0.07, f"{left_out} step{'s' * (left_out > 1)}")
    for trial, steps in groupby(
        zip(centres, boxes, strict=True), lambda step: step[1].trial
    ):
        own = [x for x, _ in steps]
        _plot_trial(ax, trial, own[0], own[-1])
    ax.set(ylim=(-0.48, 0.52), aspect="equal", yticks=[])
    ax.set_xticks(centres, [str(box.step) for box in boxes])
    ax.spines["left"].set_visible(False)
    return ax


def _plot_box(ax: Axes, x: float, box: Box) -> None:
    rows, columns, _ = box.screen.shape
    half, tall = BOX / 2, BOX / 2 * rows / columns
    edges = (x - half, x + half, -tall, tall)
    ax.imshow(box.screen, extent=edges, interpolation="antialiased", zorder=2)
    _write(ax, x, tall + 0.03, box.event)
    _write(ax, x, -tall - 0.13, box.action)
    colour = REWARD if box.reward > 0 else LOSS if box.reward < 0 else FAINT
    _write(ax, x, -tall - 0.25, _reward(box), colour)


def _plot_trial(ax: Axes, trial: int, first: float, last: float) -> None:
    """Draw a line over the boxes of a trial."""
    edges = [first - BOX / 2, last + BOX / 2]
    ax.plot(edges, [0.37, 0.37], color=FAINT, linewidth=1)
    _write(ax, sum(edges) / 2, 0.4, f"trial {trial}")


def _write(ax: Axes, x: float, y: float, text: str, colour: str = "black") -> None:
    ax.text(x, y, text, ha="center", va="baseline", size="small", color=colour)


def _reward(box: Box) -> str:
    return f"reward {format_reward(round(box.reward, 2))}"


def in_words(boxes: Sequence[Box]) -> str:
    """Describe each step: event, action and reward."""
    return "; ".join(
        f"step {box.step} (trial {box.trial}): {box.event}, {box.action}, "
        f"{_reward(box)}"
        for box in boxes
    )
