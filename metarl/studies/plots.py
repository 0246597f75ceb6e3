"""Panels and colours that the figures of several studies use."""

from collections.abc import Sequence
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from metarl.analysis.style import COLOURS
from metarl.studies.shared_bandit import RANDOM, THOMPSON
from metarl.studies.spec import Results

MORE_COLOURS = ("#332288", "#44AA99", "#882255", "#999933", "#117733")
"""Colours that follow the ten of seaborn's colour-blind palette."""


def make_panels(count: int, *, columns: int = 3) -> tuple[Figure, list[Axes]]:
    """Make a figure of `count` panels, row by row."""
    columns = min(count, columns)
    rows = -(-count // columns)
    size = (5.4 * columns, 4.4 * rows)
    figure = plt.figure(figsize=size, layout="constrained")
    return figure, [figure.add_subplot(rows, columns, k + 1) for k in range(count)]


def condition_colours(results: Results) -> dict[str, tuple[float, float, float]]:
    """Condition -> colour, the same in all panels of a study."""
    more = sns.color_palette(MORE_COLOURS)
    palette = [*sns.color_palette("colorblind"), *more]
    return dict(zip(results.conditions, cycle(palette), strict=False))


def draw_by_condition(results: Results, name: str, axes: Axes) -> Axes:
    """Draw one number per seed as a point, medians as bars, a row per condition."""
    colours = condition_colours(results)
    for row, condition in enumerate(results.conditions):
        values = results.values(condition, name).to_numpy()
        offsets = np.linspace(-0.15, 0.15, len(values)) if len(values) > 1 else [0.0]
        axes.plot(values, row + np.array(offsets), "o", color=colours[condition])
        median = float(np.median(values))
        axes.plot([median, median], [row - 0.3, row + 0.3], color="black")
    axes.set_yticks(range(len(results.conditions)), list(results.conditions))
    axes.invert_yaxis()
    return axes


def draw_curves(
    results: Results, conditions: Sequence[str], names: tuple[str, str], axes: Axes
) -> Axes:
    """Draw the median over seeds of one list against another, quartiles shaded.

    Args:
        results: of a study.
        conditions: a line each.
        names: of the lists on the x axis and on the y axis, among the seeds' results.
        axes: to draw on.
    """
    colours = condition_colours(results)
    x_name, y_name = names
    for condition in conditions:
        seeds = results.seeds[condition]
        x = np.asarray(seeds[0][x_name], float)
        y = np.array([each[y_name] for each in seeds], float)
        low, middle, high = np.quantile(y, [0.25, 0.5, 0.75], axis=0)
        axes.plot(x, middle, color=colours[condition], label=condition)
        axes.fill_between(
            x, low, high, color=colours[condition], alpha=0.2, linewidth=0
        )
    axes.legend()
    return axes


def draw_seeds_and_mean(
    x: Sequence[float] | np.ndarray,
    rows: np.ndarray,
    axes: Axes,
    *,
    colour: str | tuple[float, float, float],
    label: str,
    marker: str = "",
    widths: tuple[float, float | None] = (0.8, None),
) -> Axes:
    """Draw a thin line per seed and the mean over seeds.

    Args:
        x: (P,) places.
        rows: (S, P) values, a row per seed.
        axes: to draw on.
        colour: of all lines.
        label: of the mean.
        marker: of the mean's points.
        widths: of a seed's line and of the mean's; None: the style's.
    """
    thin, thick = widths
    axes.plot(x, rows.T, color=colour, alpha=0.3, linewidth=thin)
    axes.plot(
        x, rows.mean(0), color=colour, marker=marker, linewidth=thick, label=label
    )
    return axes


def draw_bandit_baselines(axes: Axes, *, vertical: bool = False) -> Axes:
    """Draw the regrets of Thompson sampling and of random choice as lines."""
    line = axes.axvline if vertical else axes.axhline
    line(THOMPSON, color=COLOURS["optimum"], linestyle="--", label="Thompson sampling")
    line(RANDOM, color=COLOURS["chance"], linestyle=":", label="random choice")
    axes.legend()
    return axes


def draw_comparison(table: pd.DataFrame) -> Figure:
    """Draw the regret of every condition of every study: median and range over seeds.

    Args:
        table: study, condition, regret, lowest and highest, one row per condition.
    """
    figure, axes = plt.subplots(
        figsize=(8.0, 1.4 + 0.3 * len(table)), layout="constrained"
    )
    studies = table["study"].unique()
    colours = dict(zip(studies, sns.color_palette("colorblind"), strict=False))
    rows = np.arange(len(table))
    for name in studies:
        selected = table["study"] == name
        places, part = rows[selected], table[selected]
        axes.hlines(places, part["lowest"], part["highest"], color=colours[name])
        axes.plot(part["regret"], places, "o", color=colours[name])
    axes.set_yticks(rows, list(table["study"] + ": " + table["condition"]))
    axes.invert_yaxis()
    axes.set(xlabel="Regret, frozen weights (rewards per episode)", ylabel="")
    draw_bandit_baselines(axes, vertical=True)
    return figure
