"""Panels of what changing the prediction error does, beside the rats' directions.

Nothing is computed here but where things stand; nothing is shown or saved.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from metarl.analysis.bridge import Tables, measured
from metarl.analysis.measures import select_group
from metarl.analysis.plotting import LEAST_FOR_INTERVAL, empty_panel, legend_below
from metarl.analysis.risky_choice.changes import (
    ALL_TRIALS,
    CONTROL,
    FREE_TRIALS,
    STIMULATIONS,
)
from metarl.analysis.risky_choice.plots import PERCENT, band, cell, probabilities
from metarl.analysis.style import COLOURS

KIND_WIDTH = 2.6
"""Distance of two outcomes' places, of which each has one for each chance."""
SPAN_PLACES = {ALL_TRIALS: ("o", -0.16), FREE_TRIALS: ("s", 0.16)}
"""When an outcome is changed -> marker, and distance from the place."""
BAR_PLACES = {"control": -0.24, "stimulated": 0.24}
"""Column of the changes -> distance of its bar from the place."""


def plot_stimulation(tables: Tables, ax: Axes | None = None) -> Axes:
    """Risky choice with and without the change, a line a subject."""
    ax = ax or plt.subplots()[1]
    changed = _of_span(tables["changes"], ALL_TRIALS)
    if changed.empty:
        return empty_panel(ax, "not measured")
    colour, label = measured(tables)
    for kind, probability, place in _cells(tables):
        shades = {"control": colour, "stimulated": COLOURS[STIMULATIONS[kind].label]}
        each = cell(changed, kind, probability)[list(BAR_PLACES)].astype(float)
        places = [place + offset for offset in BAR_PLACES.values()]
        for where, (column, shade) in zip(places, shades.items(), strict=True):
            ax.bar(where, each[column].mean(), 0.44, color=shade, alpha=0.4)
            ax.plot(np.full(len(each), where), each[column], ".", color=shade)
        for pair in each.to_numpy():
            ax.plot(places, pair, "-", color="black", lw=0.6)
    ax.bar([0], [0], color=colour, alpha=0.4, label=f"{label}, control")
    ax.bar([0], [0], color="black", alpha=0.3, label="RPE changed (colour: outcome)")
    ax.axhline(50, color=COLOURS["chance"], lw=1, ls=":", zorder=0)
    ax.set(ylabel=PERCENT, ylim=(0, 122))
    ax.set_yticks(range(0, 101, 25))
    _rats(ax, tables, 112)
    _name_cells(ax, tables)
    return legend_below(ax)


def plot_changes(tables: Tables, ax: Axes | None = None) -> Axes:
    """Mean change with its interval and a dot a subject, on all or on free trials."""
    ax = ax or plt.subplots()[1]
    if tables["changes"].empty:
        return empty_panel(ax, "not measured")
    colour, label = measured(tables)
    for span, (marker, offset) in SPAN_PLACES.items():
        each = _of_span(tables["changes"], span)
        means = _of_span(tables["changes_summary"], span)
        for kind, probability, place in _cells(tables):
            shade = COLOURS[STIMULATIONS[kind].label]
            own = cell(each, kind, probability)["change"].to_numpy(float)
            beside = np.full(len(own), place + offset + 0.13)
            ax.plot(beside, own, ".", color=shade, ms=4, alpha=0.6)
            mean = cell(means, kind, probability)
            _mean(ax, place + offset, mean, marker, shade, filled=span == ALL_TRIALS)
        fill = colour if span == ALL_TRIALS else "white"
        words = f"on {span}"
        ax.plot([], [], marker, color=colour, markerfacecolor=fill, label=words)
    ax.axhline(0, color=COLOURS["chance"], lw=1, zorder=0)
    ax.set(ylabel="Change of risky choices (points)", ylim=(-105, 130))
    ax.set_yticks(range(-100, 101, 50))
    _rats(ax, tables, 116)
    _name_cells(ax, tables)
    return legend_below(ax, title=f"{label}, RPE changed")


def _mean(
    ax: Axes,
    place: float,
    mean: pd.DataFrame,
    marker: str,
    colour: str,
    *,
    filled: bool,
) -> None:
    """A mean with its 95 % interval, where there are subjects enough."""
    fill = colour if filled else "white"
    where = np.full(len(mean), place)
    ax.plot(where, mean["mean"], marker, color=colour, markerfacecolor=fill, ms=7)
    shown = mean[mean["n"] >= LEAST_FOR_INTERVAL]
    low, high = shown["low"].astype(float), shown["high"].astype(float)
    ax.vlines(np.full(len(shown), place), low, high, color=colour, lw=2, zorder=3)


def plot_doses(tables: Tables, ax: Axes | None = None) -> Axes:
    """Risky choice against what the actor is told at an outcome, on all trials."""
    ax = ax or plt.subplots()[1]
    means = tables["doses_summary"]
    if means.empty:
        return empty_panel(ax, "not measured")
    colour, label = measured(tables)
    high, low = probabilities(tables)
    control = (
        select_group(tables["risky_summary"]).set_index("condition").loc[[CONTROL]]
    )
    for probability, style in ((high, "-"), (low, "--")):
        for kind, stimulation in STIMULATIONS.items():
            shade = COLOURS[stimulation.label]
            line = cell(means, kind, probability).sort_values("amount")
            fill = shade if style == "-" else "white"
            name = stimulation.label if style == "-" else None
            (drawn,) = ax.plot(line["amount"], line["mean"], f"o{style}", label=name)
            drawn.set(color=shade, markerfacecolor=fill, markersize=5)
            band(ax, line, "amount", shade)
        name = "nothing changed" if style == "-" else None
        for level in control.loc[control["probability"] == probability, "mean"]:
            ax.axhline(level, color=colour, lw=1.2, ls=style, label=name)
    ax.set(ylabel=PERCENT, ylim=(-2, 102))
    ax.set_xlabel("RPE told at the outcome (reward units)")
    title = f"{label}; p = {high:g} solid, {low:g} dashed"
    return legend_below(ax, title=title)


def _of_span(table: pd.DataFrame, span: str) -> pd.DataFrame:
    return table[table["span"] == span]


def _cells(tables: Tables) -> list[tuple[str, float, float]]:
    """Outcome, chance of the large reward, and place on the horizontal axis."""
    return [
        (kind, probability, index * KIND_WIDTH + inner)
        for index, kind in enumerate(STIMULATIONS)
        for inner, probability in enumerate(probabilities(tables))
    ]


def _rats(ax: Axes, tables: Tables, height: float) -> None:
    """An arrow for each outcome, above the data: which way rats went."""
    rows = tables["reference_rats"].set_index("kind")
    colour = COLOURS["animal"]
    for index, kind in enumerate(STIMULATIONS):
        start, row = index * KIND_WIDTH - 0.25, rows.loc[kind]
        marker = "^" if row["sign"] > 0 else "v"
        ax.plot(start, height, marker, color=colour, ms=9)
        words = f"rats (n = {row['n']})"
        ax.text(start + 0.2, height, words, color=colour, va="center", fontsize="small")


def _name_cells(ax: Axes, tables: Tables) -> None:
    """Tick labels: the chance below each place, the outcome below both."""
    cells = _cells(tables)
    middles = [index * KIND_WIDTH + 0.5 for index in range(len(STIMULATIONS))]
    labels = [f"{probability:g}" for _, probability, _ in cells]
    labels += [f"\n{stimulation.label}" for stimulation in STIMULATIONS.values()]
    ax.set_xticks([place for *_, place in cells] + middles, labels)
    ax.tick_params(axis="x", length=0)
    ax.set_xlabel("Chance of the large reward; changed outcome")
