"""Panels that studies share."""

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
"""For what comes after the ten colours of seaborn's colour-blind palette."""


def colours_of(results: Results) -> dict[str, tuple[float, float, float]]:
    """Condition -> colour, the same in all panels of a study."""
    more = sns.color_palette(MORE_COLOURS)
    palette = [*sns.color_palette("colorblind"), *more]
    return dict(zip(results.facts, cycle(palette), strict=False))


def draw_by_condition(results: Results, fact: str, axes: Axes) -> Axes:
    """One number of each seed as a point, the median as a bar; a row a condition."""
    colours = colours_of(results)
    for row, condition in enumerate(results.facts):
        values = results.values(condition, fact).to_numpy()
        spread = np.linspace(-0.15, 0.15, len(values)) if len(values) > 1 else [0.0]
        axes.plot(values, row + np.array(spread), "o", color=colours[condition])
        median = float(np.median(values))
        axes.plot([median, median], [row - 0.3, row + 0.3], color="black")
    axes.set_yticks(range(len(results.facts)), list(results.facts))
    axes.invert_yaxis()
    return axes


def draw_curves(
    results: Results, conditions: Sequence[str], facts: tuple[str, str], axes: Axes
) -> Axes:
    """Median over seeds of one list of numbers against another, quartiles shaded."""
    colours = colours_of(results)
    across, up = facts
    for condition in conditions:
        found = results.facts[condition]
        places = np.asarray(found[0][across], float)
        heights = np.array([facts[up] for facts in found], float)
        low, middle, high = np.quantile(heights, [0.25, 0.5, 0.75], axis=0)
        axes.plot(places, middle, color=colours[condition], label=condition)
        axes.fill_between(
            places, low, high, color=colours[condition], alpha=0.2, linewidth=0
        )
    axes.legend()
    return axes


def mark_bandit(axes: Axes, *, vertical: bool = False) -> Axes:
    """Lines where Thompson sampling and choosing at random stand."""
    line = axes.axvline if vertical else axes.axhline
    line(THOMPSON, color=COLOURS["optimum"], linestyle="--", label="Thompson sampling")
    line(RANDOM, color=COLOURS["chance"], linestyle=":", label="at random")
    axes.legend()
    return axes


def draw_comparison(table: pd.DataFrame) -> Figure:
    """Regret of every condition of every study, median and range, beside Thompson's.

    Args:
        table: study, condition, regret, lowest and highest, one row a condition.
    """
    figure, axes = plt.subplots(
        figsize=(8.0, 1.4 + 0.3 * len(table)), layout="constrained"
    )
    studies = table["study"].unique()
    colours = dict(zip(studies, sns.color_palette("colorblind"), strict=False))
    rows = np.arange(len(table))
    for name in studies:
        here, part = rows[table["study"] == name], table[table["study"] == name]
        axes.hlines(here, part["lowest"], part["highest"], color=colours[name])
        axes.plot(part["regret"], here, "o", color=colours[name])
    axes.set_yticks(rows, list(table["study"] + ": " + table["condition"]))
    axes.invert_yaxis()
    axes.set(xlabel="Regret, frozen weights (rewards an episode)", ylabel="")
    mark_bandit(axes, vertical=True)
    return figure
