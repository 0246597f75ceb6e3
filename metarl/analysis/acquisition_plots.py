"""The panels of acquisition: share of networks that have learned, and every network."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from metarl.analysis.comparison_plots import run_styles
from metarl.analysis.plotting import BAND, LEAST_FOR_INTERVAL, label_line

STYLES = ("-", "--", "-.", ":")
"""Styles of the lines of runs, in their order."""
EARLY = 0.25
"""Part of training whose tests do not set the limits of the statistic's axis: untrained
networks are often penalised far below chance."""


def plot_shares(
    curves: pd.DataFrame, ax: Axes, colours: dict[str, str] | None = None
) -> Axes:
    """Draw `shares`: steps of each run over episodes, with their 95 % intervals.

    Args:
        curves: shares, by run and snapshot.
        ax: axes to draw on.
        colours: run -> colour; None: those of compared runs.
    """
    colours = colours or run_colours(list(dict.fromkeys(curves["run"])))
    for number, (run, own) in enumerate(curves.groupby("run", sort=False)):
        colour, x = colours[str(run)], own["episodes"]
        # Later runs have gaps, through which an equal line behind them remains visible.
        (line,) = ax.plot(x, own["share"], color=colour, lw=2, label=str(run))
        line.set(drawstyle="steps-post", linestyle=STYLES[number % len(STYLES)])
        if own["n"].iloc[0] >= LEAST_FOR_INTERVAL:
            ends = own["low"], own["high"]
            band = ax.fill_between(
                x, *ends, step="post", color=colour, alpha=0.15, lw=0
            )
            band.set_gid(BAND)
    ax.set(ylabel="Share of networks that have learned", ylim=(-0.03, 1.03))
    return episode_axis(ax)


def plot_statistics(
    table: pd.DataFrame, statistic: str, threshold: float, ax: Axes
) -> Axes:
    """Draw the statistic of every network over episodes, and the criterion.

    Args:
        table: table of acquisition.
        statistic: name of the statistic.
        threshold: least value that meets the criterion.
        ax: axes to draw on.
    """
    colours = run_colours(list(dict.fromkeys(table["run"])))
    for (run, _), own in table.groupby(["run", "subject"], sort=False):
        colour = colours[str(run)]
        ax.plot(own["episodes"], own["statistic"], color=colour, lw=0.8, alpha=0.45)
    ax.axhline(threshold, color="black", lw=1, ls=":")
    label_line(ax, f"criterion: {threshold:g}", threshold)
    words = statistic.replace("_", " ")
    ax.set_ylabel(f"{words[:1].upper()}{words[1:]}, frozen test")
    _limit(ax, table, threshold)
    return episode_axis(ax)


def _limit(ax: Axes, table: pd.DataFrame, threshold: float) -> None:
    """Set the limits so that tests after the early ones are within them."""
    late = table["steps"] >= EARLY * table["steps"].max()
    values = np.append(table.loc[late, "statistic"].dropna(), threshold)
    room = 0.06 * (np.ptp(values) or 1.0)
    ax.set_ylim(values.min() - room, values.max() + room)


def run_colours(runs: Sequence[str]) -> dict[str, str]:
    """Colour of each run, as in a comparison."""
    return {run: str(style["color"]) for run, style in run_styles(runs).items()}


def episode_axis(ax: Axes) -> Axes:
    """Name the horizontal axis, and write its numbers in full."""
    ax.set_xlabel("Training episodes")
    ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    return ax
