"""Figures of the study of hippocampal replay."""

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
from metarl.studies.plots import condition_colours, draw_seeds_and_mean, make_panels
from metarl.studies.spec import Results

DIRECTIONS = {"forward": COLOURS["agent"], "reverse": COLOURS["animal"]}
"""Direction of a sequence -> colour."""
PLACES = {"at_start": "at the start", "after_reward": "after reward"}
"""Place of an event -> in words."""
LAPS_SHOWN = 20
"""Laps of the learning curves."""


def draw_events(example: Mapping[str, Any]) -> Figure:
    """Draw the maze, and one animal's replay at the start and the goal of one lap."""
    figure = plt.figure(figsize=(13, 7), layout="constrained")
    grid = figure.add_gridspec(2, 2, height_ratios=(1, 2.2))
    maze = two_tracks()
    draw_maze(maze, example["lap"], figure.add_subplot(grid[0, :]))
    for column, (place, words) in enumerate(PLACES.items()):
        axes = figure.add_subplot(grid[1, column])
        draw_raster(maze, example[place], example[f"{place}_next"], axes)
        axes.set_title(f"Lap {example['lap'] + 1}, {words}")
    axes.legend(loc="best", fontsize="small")
    return figure


def draw_maze(maze: Maze, lap: int, axes: Axes) -> Axes:
    """Draw the cells, numbered as in the raster; an arrow along the lap's track."""
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
    for track, (first, last) in zip(("upper", "lower"), maze.laps, strict=True):
        _label_cell(maze, first, f"start, {track} track", axes)
        _label_cell(maze, last, f"reward, {track} track", axes)
    axes.set(xlim=(-3, 13), ylim=(-2.2, 1.6), title="Two tracks, run in turn")
    axes.axis("off")
    return axes


def _label_cell(maze: Maze, state: int, text: str, axes: Axes) -> None:
    """Write a text on the outer side of a track's first or last cell."""
    row, column = maze.cells[state]
    left = column == 0
    axes.text(
        column + (-0.3 if left else 1.3),
        0.45 - row,
        text,
        ha="right" if left else "left",
        va="center",
    )


def _height(maze: Maze, states: Sequence[int]) -> NDArray[np.intp]:
    """Cells counted along the run: 1 to 10 on the upper track, then on the lower."""
    rows, columns = maze.cells[np.asarray(states)].T
    return np.asarray(np.where(rows == 0, columns + 1, 20 - columns))


def draw_raster(
    maze: Maze, states: Sequence[int], following: Sequence[int], axes: Axes
) -> Axes:
    """Draw cells in the order of replay; lines connect pairs that follow the maze."""
    order = np.arange(1, len(states) + 1)
    heights, ends = _height(maze, states), _height(maze, following)
    onward = (ends - heights) > 0
    for selected, marker, colour, words in (
        (onward, "^", "black", "towards the goal"),
        (~onward, "v", COLOURS["chance"], "away from it"),
    ):
        axes.scatter(
            order[selected],
            heights[selected],
            marker=marker,
            s=60,
            color=colour,
            label=f"memory of a move {words}",
        )
    for first, direction in enumerate(_pair_directions(states, following)):
        if direction:
            pair = slice(first, first + 2)
            colour = DIRECTIONS[direction]
            axes.plot(order[pair], heights[pair], color=colour, lw=2.5, zorder=0)
    for direction, colour in DIRECTIONS.items():
        axes.plot([], [], color=colour, lw=2.5, label=f"{direction} pair")
    axes.axhline(10.5, color=COLOURS["chance"], lw=1, ls=":")
    axes.set(
        xlabel="Order of replay",
        ylabel="Cell, in running order",
        xticks=order[::3],
        yticks=(1, 5, 10, 11, 15, 20),
        ylim=(0, 21),
    )
    return axes


def _pair_directions(states: Sequence[int], following: Sequence[int]) -> list[str]:
    """Direction of each two successive memories: forward, reverse, or empty."""
    directions = []
    for k in range(len(states) - 1):
        reverse, forward = following[k + 1] == states[k], following[k] == states[k + 1]
        directions.append("reverse" if reverse else "forward" if forward else "")
    return directions


def draw_rates(
    results: Results,
    *,
    rules: Sequence[str],
    changes: Mapping[str, tuple[float, float]],
) -> Figure:
    """Draw sequences by rule and by reward, steps by lap, and updates by cliff."""
    figure, (direction, change, steps, walk) = make_panels(4, columns=2)
    draw_directions(results, rules[:-1], direction)
    draw_changes(results, changes, change)
    draw_steps(results, rules, steps)
    draw_cliff(results, walk)
    return figure


def draw_directions(results: Results, rules: Sequence[str], axes: Axes) -> Axes:
    """Draw sequences per lap by rule and direction, at the start and after reward."""
    for number, rule in enumerate(rules):
        for side, direction in enumerate(DIRECTIONS):
            values = [results.values(rule, f"{direction}_{place}") for place in PLACES]
            _draw_bar_pair(axes, 2.6 * number + side, values, DIRECTIONS[direction])
    axes.set_xticks([2.6 * k + 0.5 for k in range(len(rules))], rules)
    axes.set(ylabel="Sequences per lap", title="Direction of replay")
    _bar_legend(axes, "at the start", "after reward")
    return axes


def draw_changes(
    results: Results, changes: Mapping[str, tuple[float, float]], axes: Axes
) -> Axes:
    """Draw sequences per lap after the usual and the changed reward."""
    names = []
    for number, (condition, sizes) in enumerate(changes.items()):
        kinds = (("forward", "at_start"), ("reverse", "after_reward"))
        for side, (direction, place) in enumerate(kinds):
            values = [
                results.values(condition, f"{direction}_{place}_{size:g}x")
                for size in sizes
            ]
            _draw_bar_pair(axes, 2.6 * number + side, values, DIRECTIONS[direction])
        names.append(f"1x or {sizes[1]:g}x")
    axes.set_xticks([2.6 * k + 0.5 for k in range(len(names))], names)
    axes.set(
        xlabel="Rewards, drawn for each lap",
        ylabel="Sequences per lap",
        title="Changes of reward",
    )
    words = {
        "forward": "forward, at the next start",
        "reverse": "reverse, after reward",
    }
    _bar_legend(axes, "after 1x", "after the other", words)
    return axes


def _draw_bar_pair(axes: Axes, middle: float, pair: Sequence[Any], colour: str) -> None:
    """Draw means over seeds as a filled and an open bar, and a point per seed."""
    for offset, face, values in zip((-0.2, 0.2), (colour, "none"), pair, strict=True):
        numbers, x = np.asarray(values, float), middle + offset
        axes.bar(x, numbers.mean(), 0.36, color=face, edgecolor=colour, lw=1.5)
        points = np.full(len(numbers), x)
        axes.plot(points, numbers, "o", color="black", ms=3, alpha=0.6)


def _bar_legend(
    axes: Axes, filled: str, open_: str, words: Mapping[str, str] | None = None
) -> None:
    """Legend of the colours, in other `words` if given, and of filled and open bars."""
    for direction, colour in DIRECTIONS.items():
        label = words[direction] if words else direction
        axes.bar(0, 0, color=colour, label=label)
    axes.bar(0, 0, color="grey", edgecolor="grey", label=filled)
    axes.bar(0, 0, color="none", edgecolor="grey", lw=1.5, label=open_)
    axes.set_ylim(top=1.25 * axes.get_ylim()[1])
    axes.legend(ncols=2, loc="upper right")


def draw_steps(results: Results, rules: Sequence[str], axes: Axes) -> Axes:
    """Draw mean steps by lap; thin lines: seeds."""
    colours = condition_colours(results)
    for rule in rules:
        rows = np.array([seed["steps"] for seed in results.seeds[rule]])
        rows = rows[:, :LAPS_SHOWN]
        laps = np.arange(1, rows.shape[1] + 1)
        draw_seeds_and_mean(
            laps, rows, axes, colour=colours[rule], label=rule, widths=(0.8, 2)
        )
    axes.axhline(9, color=COLOURS["optimum"], ls="--", label="shortest path")
    axes.set(
        xlabel="Lap",
        ylabel="Steps to the reward",
        yscale="log",
        title="Learning of the path",
        xticks=range(1, LAPS_SHOWN + 1, 3),
    )
    axes.set_yticks([10, 30, 100], ["10", "30", "100"])
    axes.legend(title="rule of replay")
    return axes


def draw_cliff(results: Results, axes: Axes) -> Axes:
    """Draw updates until values are correct, by number of states and kind of replay."""
    seeds = results.seeds["cliff-walk"]
    states = seeds[0]["states"]
    colours = {"uniform": "chance", "greedy": "agent", "oracle": "optimum"}
    for choice, colour in colours.items():
        rows = np.array([seed[choice] for seed in seeds])
        axes.plot(states, rows.T, color=COLOURS[colour], lw=0.8, alpha=0.3)
        middle = np.median(rows, axis=0)
        axes.plot(states, middle, color=COLOURS[colour], marker="o", label=choice)
    axes.set(
        xlabel="States of the cliff",
        ylabel="Updates until values are correct",
        xscale="log",
        yscale="log",
        title="The blind cliff walk",
    )
    axes.set_xticks(states[::2], [str(count) for count in states[::2]])
    axes.minorticks_off()
    axes.legend(title="kind of replay")
    return axes
