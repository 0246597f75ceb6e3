"""Panels of risky choice where nothing is changed, from `risky_choice.tables`.

Nothing is computed here but where things stand; nothing is shown or saved.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from metarl.analysis.bridge import Tables, measured
from metarl.analysis.measures import MEASURED, select_group
from metarl.analysis.plotting import LEAST_FOR_INTERVAL, empty_panel, legend_below
from metarl.analysis.risky_choice.changes import STIMULATIONS
from metarl.analysis.style import COLOURS, baseline_colour

PERCENT = "Risky choices (% of free)"
"""What most panels show upwards."""
BESIDE = ("bayes-greedy", "bayes-optimal")
"""Strategies that are drawn along an episode."""
LONG_NAME = 8
"""Letters of a group's name that fit below its place in one line."""


def probabilities(tables: Tables) -> tuple[float, float]:
    """The greater and the lesser chance of the large reward."""
    about = tables["about"].iloc[0]
    return float(about["high"]), float(about["low"])


def cell(table: pd.DataFrame, kind: str, probability: float) -> pd.DataFrame:
    """The rows of one outcome and one chance of the large reward."""
    return table[(table["kind"] == kind) & (table["probability"] == probability)]


def band(ax: Axes, line: pd.DataFrame, along: str, colour: str) -> None:
    """95 % interval around a line of means, where there are subjects enough."""
    if len(line) and (line["n"] >= LEAST_FOR_INTERVAL).all():
        low, high = line["low"].astype(float), line["high"].astype(float)
        ax.fill_between(
            line[along].astype(float), low, high, color=colour, alpha=0.15, lw=0
        )


def plot_groups(tables: Tables, ax: Axes | None = None) -> Axes:
    """A dot a subject for each chance, beside strategies and other populations."""
    ax = ax or plt.subplots()[1]
    names = list(dict.fromkeys([MEASURED, *tables["subjects"]["group"].astype(str)]))
    colour, label = measured(tables)
    for probability, column, side, filled in zip(
        probabilities(tables),
        ("percent_high", "percent_low"),
        (-0.17, 0.17),
        (True, False),
        strict=True,
    ):
        for place, name in enumerate(names):
            shade = colour if name == MEASURED else baseline_colour(name)
            own = select_group(tables["subjects"], name)[column].to_numpy(float)
            _dots(ax, place + side, own, shade, filled=filled)
        fill = colour if filled else "white"
        words = f"p = {probability:g}"
        ax.plot([], [], "o", color=colour, markerfacecolor=fill, label=words)
    ax.axhline(50, color=COLOURS["chance"], lw=1, ls=":", zorder=0)
    kind = str(tables["about"]["subjects_are"].iloc[0])
    counts = tables["subjects"]["group"].value_counts()
    shown = [_in_lines(name, int(counts[name])) for name in names[1:]]
    ax.set_xticks(range(len(names)), [kind, *shown])
    ax.tick_params(axis="x", labelsize=9 if len(names) > 1 else None)
    ax.set(ylabel=PERCENT, ylim=(-3, 103), xlim=(-0.5, len(names) - 0.5))
    ax.set_xlabel("Who chose")
    return legend_below(ax, title=f"{label}; p: chance of the large reward")


def _dots(
    ax: Axes, place: float, values: NDArray[np.float64], colour: str, *, filled: bool
) -> None:
    """A dot for each value, side by side, and a line at their mean."""
    count = len(values)
    places = place + (np.linspace(-0.08, 0.08, count) if count > 1 else np.zeros(count))
    fill = colour if filled else "white"
    ax.plot(places, values, "o", color=colour, markerfacecolor=fill, ms=6)
    if count:
        ax.hlines(values.mean(), place - 0.15, place + 0.15, color=colour)


def _in_lines(name: str, count: int) -> str:
    """A name that fits below its place, with the number of several subjects."""
    short = name if len(name) <= LONG_NAME else name.replace("-", "\n", 1)
    return short if count == 1 else f"{short}\n(n = {count})"


def plot_trials(tables: Tables, ax: Axes | None = None) -> Axes:
    """Risky choice by free trial, with its interval, beside the Bayesian choosers."""
    ax = ax or plt.subplots()[1]
    table = tables["by_trial_summary"]
    colour, label = measured(tables)
    shades = {MEASURED: colour} | {name: baseline_colour(name) for name in BESIDE}
    high, low = probabilities(tables)
    for name, shade in shades.items():
        group = select_group(table, name)
        for probability, style in ((high, "-"), (low, "--")):
            line = group[group["probability"] == probability].sort_values("place")
            width = 2.0 if name == MEASURED else 1.2
            (drawn,) = ax.plot(line["place"], line["mean"], style, color=shade)
            drawn.set_linewidth(width)
            band(ax, line, "place", shade)
            if style == "-" and len(line):
                drawn.set_label(label if name == MEASURED else name)
    ax.axhline(50, color=COLOURS["chance"], lw=1, ls=":", zorder=0)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set(xlabel="Free trial", ylabel=PERCENT, ylim=(-2, 102))
    title = f"chance of the large reward: {high:g} solid, {low:g} dashed"
    return legend_below(ax, title=title, columns=3)


def plot_errors(tables: Tables, ax: Axes | None = None) -> Axes:
    """How the prediction errors at each outcome are spread, and what replaces them."""
    ax = ax or plt.subplots()[1]
    if tables["rpe_density"].empty:
        return empty_panel(ax)
    high, low = probabilities(tables)
    for place, (kind, stimulation) in enumerate(STIMULATIONS.items()):
        for probability, side, alpha in ((high, -1, 0.7), (low, 1, 0.3)):
            _half(ax, tables, (kind, probability), place, side=side, alpha=alpha)
        ax.plot(place, stimulation.amount, "*", color="black", ms=11, mec="white")
    ax.plot([], [], ".", color="black", label="mean of a network")
    ax.plot([], [], "*", color="black", ms=11, label="told instead")
    ax.axhline(0, color=COLOURS["chance"], lw=1, ls=":", zorder=0)
    ax.set_xticks(range(len(STIMULATIONS)), [s.label for s in STIMULATIONS.values()])
    ax.set(ylabel="RPE (reward units)", xlim=(-0.6, len(STIMULATIONS) - 0.4))
    ax.set_xlabel(f"Outcome; left p = {high:g}, right p = {low:g}")
    count = tables["rpe"]["subject"].nunique()
    return legend_below(ax, title=f"control, networks (n = {count})")


def _half(
    ax: Axes,
    tables: Tables,
    where: tuple[str, float],
    place: float,
    *,
    side: int,
    alpha: float,
) -> None:
    """One half of a violin, as tall as the densest outcome allows, and the means."""
    colour = COLOURS[STIMULATIONS[where[0]].label]
    tallest = tables["rpe_density"]["density"].max()
    spread = cell(tables["rpe_density"], *where)
    edge = place + side * 0.45 * spread["density"] / tallest
    ax.fill_betweenx(spread["rpe"], place, edge, color=colour, alpha=alpha, lw=0)
    means = cell(tables["rpe"], *where)["mean"].to_numpy(float)
    ax.plot(np.full(len(means), place + side * 0.06), means, ".", color=colour)
