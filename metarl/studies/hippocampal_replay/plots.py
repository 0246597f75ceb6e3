"""Figures of hippocampal replay."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from metarl.analysis.style import COLOURS
from metarl.studies.hippocampus.mazes import Maze, two_tracks
from metarl.studies.plots import colours_of
from metarl.studies.spec import Results, panels

WAYS = {"forward": COLOURS["agent"], "reverse": COLOURS["animal"]}
"""Direction of a sequence -> colour."""
PLACES = {"at_start": "at the start", "after_reward": "after reward"}
"""Where an event is -> in words."""
LAPS_SHOWN = 20
"""Laps of the learning curves."""


def draw_events(example: Mapping[str, Any]) -> Figure:
    """The maze, and what one animal replayed in one lap, at its start and its goal."""
    figure = plt.figure(figsize=(13, 7), layout="constrained")
    grid = figure.add_gridspec(2, 2, height_ratios=(1, 2.2))
    maze = two_tracks()
    draw_maze(maze, example["lap"], figure.add_subplot(grid[0, :]))
    for column, (where, words) in enumerate(PLACES.items()):
        axes = figure.add_subplot(grid[1, column])
        draw_raster(maze, example[where], example[f"{where}_next"], axes)
        axes.set_title(f"Lap {example['lap'] + 1}, {words}")
    axes.legend(loc="best", fontsize="small")
    return figure


def draw_maze(maze: Maze, lap: int, axes: Axes) -> Axes:
    """The cells, numbered as in the raster; an arrow along the lap's track."""
    for state, (row, column) in enumerate(maze.cells):
        axes.add_patch(Rectangle((column, -row), 1, 0.9, fill=False, edgecolor="black"))
        label = str(int(_height(maze, [state])[0]))
        axes.text(column + 0.5, 0.45 - row, label, ha="center", va="center")
    start, goal = maze.cells[list(maze.lap(lap))]
    offset = 1.25 - start[0]
    axes.annotate(
        "",
        (goal[1] + 0.5, offset),
        (start[1] + 0.5, offset),
        arrowprops={"arrowstyle": "->", "color": "black"},
    )
    for number, (first, last) in enumerate(maze.laps):
        for state, word in ((first, "start"), (last, "reward")):
            row, column = maze.cells[state]
            side = -0.3 if column == 0 else 1.3
            align = "right" if column == 0 else "left"
            axes.text(
                column + side,
                0.45 - row,
                f"{word}, {('upper', 'lower')[number]} track",
                ha=align,
                va="center",
            )
    axes.set(xlim=(-3, 13), ylim=(-2.2, 1.6), title="Two tracks, run in turn")
    axes.axis("off")
    return axes


def _height(maze: Maze, states: Sequence[int]) -> NDArray[np.intp]:
    """Cells counted along the run: 1 to 10 on the upper track, then on the lower."""
    rows, columns = maze.cells[np.asarray(states)].T
    return np.asarray(np.where(rows == 0, columns + 1, 20 - columns))


def draw_raster(
    maze: Maze, states: Sequence[int], following: Sequence[int], axes: Axes
) -> Axes:
    """Cells in the order of replay; lines join pairs that follow the maze."""
    order = np.arange(1, len(states) + 1)
    heights, ends = _height(maze, states), _height(maze, following)
    onward = (ends - heights) > 0
    for way, part in (("forward", onward), ("reverse", ~onward)):
        words = "towards the goal" if way == "forward" else "away from it"
        axes.scatter(
            order[part],
            heights[part],
            marker="^" if way == "forward" else "v",
            s=60,
            color="black" if way == "forward" else COLOURS["chance"],
            label=f"memory of a move {words}",
        )
    for first, pair in enumerate(_pairs(states, following)):
        if pair:
            place = slice(first, first + 2)
            axes.plot(order[place], heights[place], color=WAYS[pair], lw=2.5, zorder=0)
    for way, colour in WAYS.items():
        axes.plot([], [], color=colour, lw=2.5, label=f"{way} pair")
    axes.axhline(10.5, color=COLOURS["chance"], lw=1, ls=":")
    axes.set(
        xlabel="Order of replay",
        ylabel="Cell, in running order",
        xticks=order[::3],
        yticks=(1, 5, 10, 11, 15, 20),
        ylim=(0, 21),
    )
    return axes


def _pairs(states: Sequence[int], following: Sequence[int]) -> list[str]:
    """For each two successive memories: forward, reverse, or neither."""
    found = []
    for k in range(len(states) - 1):
        reverse, forward = following[k + 1] == states[k], following[k] == states[k + 1]
        found.append("reverse" if reverse else "forward" if forward else "")
    return found


def draw_rates(
    results: Results,
    *,
    rules: Sequence[str],
    changes: Mapping[str, tuple[float, float]],
) -> Figure:
    """Sequences by place and rule, by reward, steps by lap, updates by cliff."""
    figure, (direction, change, steps, walk) = panels(4, columns=2)
    draw_directions(results, rules[:-1], direction)
    draw_changes(results, changes, change)
    draw_steps(results, rules, steps)
    draw_cliff(results, walk)
    return figure


def _bar(axes: Axes, place: float, values: Any, *, colour: str, open_: bool) -> None:
    """A bar at the mean over seeds, filled or open, and a point a seed."""
    numbers = np.asarray(values, float)
    face = "none" if open_ else colour
    axes.bar(place, numbers.mean(), 0.36, color=face, edgecolor=colour, lw=1.5)
    axes.plot(
        np.full(len(numbers), place), numbers, "o", color="black", ms=3, alpha=0.6
    )


def _ways_legend(
    axes: Axes, filled: str, open_: str, words: Mapping[str, str] | None = None
) -> None:
    """What colours mean, in other `words` if told, and filled and open bars."""
    for way, colour in WAYS.items():
        axes.bar(0, 0, color=colour, label=words[way] if words else way)
    axes.bar(0, 0, color="grey", edgecolor="grey", label=filled)
    axes.bar(0, 0, color="none", edgecolor="grey", lw=1.5, label=open_)
    axes.set_ylim(top=1.25 * axes.get_ylim()[1])
    axes.legend(ncols=2, loc="upper right")


def draw_directions(results: Results, rules: Sequence[str], axes: Axes) -> Axes:
    """Forward and reverse sequences a lap, at the start and after reward, by rule."""
    ticks, names = [], []
    for number, rule in enumerate(rules):
        for side, (way, colour) in enumerate(WAYS.items()):
            middle = 2.6 * number + side
            for offset, where in ((-0.2, "at_start"), (0.2, "after_reward")):
                values = results.values(rule, f"{way}_{where}")
                opened = where == "after_reward"
                _bar(axes, middle + offset, values, colour=colour, open_=opened)
        ticks.append(2.6 * number + 0.5)
        names.append(rule)
    axes.set_xticks(ticks, names)
    axes.set(ylabel="Sequences a lap", title="Which way replay goes")
    _ways_legend(axes, "at the start", "after reward")
    return axes


def draw_changes(
    results: Results, changes: Mapping[str, tuple[float, float]], axes: Axes
) -> Axes:
    """Sequences a lap after the usual and the changed reward."""
    ticks, names = [], []
    for number, (condition, sizes) in enumerate(changes.items()):
        kinds = (("forward", "at_start"), ("reverse", "after_reward"))
        for side, (way, where) in enumerate(kinds):
            middle = 2.6 * number + side
            for offset, size in zip((-0.2, 0.2), sizes, strict=True):
                values = results.values(condition, f"{way}_{where}_{size:g}x")
                changed = size != sizes[0]
                _bar(axes, middle + offset, values, colour=WAYS[way], open_=changed)
        ticks.append(2.6 * number + 0.5)
        names.append(f"1x or {sizes[1]:g}x")
    axes.set_xticks(ticks, names)
    axes.set(
        xlabel="Rewards, drawn for each lap",
        ylabel="Sequences a lap",
        title="When reward changes",
    )
    words = {
        "forward": "forward, at the next start",
        "reverse": "reverse, after reward",
    }
    _ways_legend(axes, "after 1x", "after the other", words)
    return axes


def draw_steps(results: Results, rules: Sequence[str], axes: Axes) -> Axes:
    """Mean steps by lap; seeds thin."""
    colours = colours_of(results)
    for rule in rules:
        rows = np.array([facts["steps"] for facts in results.facts[rule]])
        rows = rows[:, :LAPS_SHOWN]
        laps = np.arange(1, rows.shape[1] + 1)
        axes.plot(laps, rows.T, color=colours[rule], lw=0.8, alpha=0.3)
        axes.plot(laps, rows.mean(0), color=colours[rule], lw=2, label=rule)
    axes.axhline(9, color=COLOURS["optimum"], ls="--", label="shortest path")
    axes.set(
        xlabel="Lap",
        ylabel="Steps to the reward",
        yscale="log",
        title="How soon the way is known",
        xticks=range(1, LAPS_SHOWN + 1, 3),
    )
    axes.set_yticks([10, 30, 100], ["10", "30", "100"])
    axes.legend(title="what decides")
    return axes


def draw_cliff(results: Results, axes: Axes) -> Axes:
    """Updates until values are right, by states and by what is replayed."""
    facts = results.facts["cliff-walk"]
    colours = {"uniform": "chance", "greedy": "agent", "oracle": "optimum"}
    for choice, colour in colours.items():
        rows = np.array([each[choice] for each in facts])
        states = facts[0]["states"]
        axes.plot(states, rows.T, color=COLOURS[colour], lw=0.8, alpha=0.3)
        middle = np.median(rows, axis=0)
        axes.plot(states, middle, color=COLOURS[colour], marker="o", label=choice)
    ticks = facts[0]["states"][::2]
    axes.set(
        xlabel="States of the cliff",
        ylabel="Updates until values are right",
        xscale="log",
        yscale="log",
        title="The blind cliff walk",
    )
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.legend(title="what is replayed")
    return axes
