"""The panels of a comparison: learning curves, and effects run by run."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from metarl.analysis.plotting import LEAST_FOR_INTERVAL
from metarl.analysis.style import COLOURS

RUN_COLOURS = (
    *(COLOURS["agent"], COLOURS["variant"], "#E69F00", "#56B4E9", "#5E3C99"),
    *("#999933", "#882255", "#8C510A", "#44AA99", "#332288", "#117733", "#AA4499"),
)
"""Colours of runs, in their order; none is that of animals, people, paper or optimum
in other figures."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h", "*", "d")
"""Marks of runs, different for runs of one colour, and for readers without colours."""
NAME_HEIGHT, DOT_HEIGHT = 0.42, 0.085
"""Heights of an effect's name, of up to two lines, and of a run's dot, in inches."""
WRAP = 62
"""Letters of an effect's name in a line."""
EDGES = (-0.015, 1.015)
"""Where a row begins and ends; its scale is from 0 to 1."""


def row_height(runs: int) -> float:
    """Height of an effect's row, in inches."""
    return NAME_HEIGHT + DOT_HEIGHT * runs


def run_styles(runs: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Colour and mark of each run, as keywords of a line."""
    return {
        run: {
            "color": RUN_COLOURS[number % len(RUN_COLOURS)],
            "marker": MARKERS[number % len(MARKERS)],
        }
        for number, run in enumerate(runs)
    }


def plot_mean_curves(curves: pd.DataFrame, runs: Sequence[str], ax: Axes) -> Axes:
    """Draw `mean_curves`: a line a run, and the 95 % interval of three or more."""
    styles = run_styles(runs)
    for run, part in curves.groupby("run", sort=False):
        colour = styles[str(run)]["color"]
        steps = part["steps"] / 1e6
        ax.plot(steps, part["mean"], color=colour, lw=1.6)
        enough = part["n"] >= LEAST_FOR_INTERVAL
        ax.fill_between(
            steps[enough],
            part.loc[enough, "low"],
            part.loc[enough, "high"],
            color=colour,
            alpha=0.15,
            lw=0,
        )
    ax.set(xlabel="Environment steps (millions)", ylabel="Reward per step, training")
    return ax


def plot_effects(
    comparison: pd.DataFrame,
    scales: pd.DataFrame,
    runs: Sequence[str],
    ax: Axes,
) -> Axes:
    """Draw effects as dots with intervals: a row an effect, a colour a run.

    Each row has a scale of its own, with its ends written at its sides. The range that
    the criterion accepts is shaded; the published or best possible value is a thin
    line.

    Args:
        comparison: rows of `compare_effects`, of the effects to draw.
        scales: `effect_scales` of them; its order is that of the rows.
        runs: all runs, in the order of their colours.
        ax: axes to draw on.
    """
    for number, (key, scale) in enumerate(scales.iterrows()):
        top = number + NAME_HEIGHT / row_height(len(runs))
        _draw_scale(top, str(scale["effect"]), scale, ax)
        part = comparison[comparison["key"] == key]
        own = {row["run"]: row for row in part.to_dict("records")}
        for place, (run, style) in enumerate(run_styles(runs).items()):
            if run in own:
                height = top + (place + 0.5) * (number + 1 - top) / len(runs)
                _draw_dot(own[run], scale, height, style, ax)
    ax.set(ylim=(len(scales), 0), xlim=(-0.03, 1.03), xticks=[], yticks=[])
    ax.spines[["left", "bottom"]].set_visible(False)
    return ax


def _draw_scale(top: float, name: str, scale: "pd.Series[float]", ax: Axes) -> None:
    """A row's name, the ends of its scale, its criterion and its reference."""
    bottom = np.floor(top) + 1
    ax.fill_between(EDGES, top, bottom, color="0.965", lw=0, zorder=0)
    lines = "\n".join(textwrap.wrap(name, WRAP))
    ax.annotate(
        *(lines, (EDGES[0], top), (0, 2)),
        textcoords="offset points",
        fontsize=8,
        linespacing=0.95,
    )
    for x, end, side in zip(EDGES, ("least", "most"), ("right", "left"), strict=True):
        ax.text(
            *(x, (top + bottom) / 2, f" {scale[end]:.3g} "),
            fontsize=7,
            ha=side,
            va="center",
            color="0.4",
        )
    if pd.notna(scale["pass_low"]):
        ends = [_place(scale[end], scale) for end in ("pass_low", "pass_high")]
        accepted = np.clip(ends, *EDGES)
        colour = COLOURS["optimum"]
        ax.fill_between(accepted, top, bottom, color=colour, alpha=0.13, lw=0)
    if pd.notna(scale["reference"]):
        x = _place(scale["reference"], scale)
        ax.plot([x, x], [top, bottom], color=COLOURS["paper"], lw=0.9, zorder=1)


def _place(value: float, scale: "pd.Series[float]") -> float:
    """Where a value stands on its row's scale, in [0, 1]."""
    return float((value - scale["least"]) / (scale["most"] - scale["least"]))


def _draw_dot(
    row: Mapping[Any, Any],
    scale: "pd.Series[float]",
    height: float,
    style: dict[str, Any],
    ax: Axes,
) -> None:
    """One run's value, with its interval where there is one."""
    if pd.isna(row["value"]):
        return
    if pd.notna(row["low"]):
        ends = [_place(row[end], scale) for end in ("low", "high")]
        ax.plot(ends, [height, height], color=style["color"], lw=1.4)
    ax.plot(
        _place(row["value"], scale),
        height,
        ls="",
        ms=4.5,
        mec="white",
        mew=0.3,
        **style,
    )
