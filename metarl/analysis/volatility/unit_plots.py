"""Panels of what units say of volatility: decoded along the episode, and coded.

Nothing is computed here but where things stand; nothing is shown or saved.
"""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from metarl.analysis.bridge import Tables, measured
from metarl.analysis.plotting import empty_panel, legend_below
from metarl.analysis.style import COLOURS
from metarl.analysis.volatility.plots import draw_lines, mark_half

UNIT_COLOURS = {"trained": COLOURS["agent"], "untrained": COLOURS["chance"]}
"""Units -> colour."""
CODING_BARS = {
    ("test", "own"): "test\nblocks",
    ("generator", "own"): "training\nschedule",
    ("generator", "other episode"): "another\nepisode's\nlabel",
}
"""Condition and label -> name of the pair of bars."""


def plot_volatility(tables: Tables, ax: Axes | None = None) -> Axes:
    """The observer's volatility along test episodes, and what units tell of it."""
    ax = ax or plt.subplots()[1]
    if tables["observed"].empty:
        return empty_panel(ax, "no test episodes")
    observer = ("estimate", COLOURS["optimum"], "Bayesian observer")
    draw_lines(ax, tables["observed"], observer)
    colour = measured(tables)[0]
    draw_lines(ax, tables["decoded_summary"], ("mean", colour, "decoded from units"))
    mark_half(ax, tables["observed"]["trial"])
    ax.set(xlabel="Trial of the episode", ylabel="Chance that the world is volatile")
    ax.set_ylim(0, 1)
    return legend_below(ax, title=_decoding_words(tables))


def _decoding_words(tables: Tables) -> str:
    """Correlations on held-out episodes of trained and of untrained units."""
    found = tables["decoding_summary"]
    means = found[found["condition"] == "test"].set_index("units")["mean"]
    if means.empty:
        return "no recording"
    words = f"held out: r = {means['trained']:.2f}"
    if "untrained" in means:
        words += f"; untrained, same inputs {means['untrained']:.2f}"
    return words


def plot_coding(tables: Tables, ax: Axes | None = None) -> Axes:
    """Fraction of units coding volatility, trained beside untrained, with nulls."""
    ax = ax or plt.subplots()[1]
    coding, summary = tables["coding"], tables["coding_summary"]
    if coding.empty:
        return empty_panel(ax)
    there = set(zip(coding["condition"], coding["label"], strict=True))
    bars = {key: name for key, name in CODING_BARS.items() if key in there}
    for shift, (units, colour) in zip((-0.2, 0.2), UNIT_COLOURS.items(), strict=True):
        means = _cells(summary, units, list(bars))["mean"]
        places = np.arange(len(bars)) + shift
        count = coding.loc[coding["units"] == units, "subject"].nunique()
        label = f"{units} (n = {count})"
        ax.bar(places, means, 0.36, color=colour, alpha=0.35, label=label)
        each = coding[coding["units"] == units]
        for _, subject in each.groupby("subject"):
            heights = _cells(subject, units, list(bars))["fraction"]
            ax.plot(places, heights, "o", color=colour, ms=4)
    paper = tables["reference_coding"].iloc[0]
    height, error = float(paper["value"]), float(paper["error"])
    label = f"paper (n = {int(paper['n'])})"
    ax.errorbar([0], [height], [error], fmt="D", color=COLOURS["paper"], label=label)
    ax.set_xticks(range(len(bars)), list(bars.values()))
    ax.set(ylabel="Fraction of units (per episode)", ylim=(0, 1))
    return legend_below(ax, columns=3)


def _cells(
    table: pd.DataFrame, units: str, keys: Sequence[tuple[str, str]]
) -> pd.DataFrame:
    part = table[table["units"] == units]
    return part.set_index(["condition", "label"]).reindex(list(keys))
