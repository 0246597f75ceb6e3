"""Panels that follow value and units step by step: each draws tables on axes.

Nothing is computed here but where things stand; nothing is shown or saved.
"""

from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from metarl.analysis.bridge import Tables, measured
from metarl.analysis.inferred_value.plots import CUE_NAMES
from metarl.analysis.inferred_value.responses import KINDS, PLACES
from metarl.analysis.inferred_value.trials import BEFORE, EVENTS
from metarl.analysis.measures import select_group
from metarl.analysis.plotting import LEAST_FOR_INTERVAL, empty_panel, legend_below
from metarl.analysis.style import COLOURS

STEPS = pd.MultiIndex.from_tuples(list(product(PLACES, EVENTS)))
"""Every step of the trials around a reversal, in order."""
TRIALS_LABEL = "Trial from the reversal: fixation to outcome"


def plot_values(tables: Tables, ax: Axes | None = None) -> Axes:
    """Value at each step of the trials around a reversal, by the trial's cue."""
    ax = ax or plt.subplots()[1]
    ax.set(ylabel="Value (reward units)", xlabel=TRIALS_LABEL)
    means = tables["values_summary"]
    if select_group(means).empty:
        return empty_panel(ax)
    for kind in KINDS:
        colour = COLOURS[f"{kind} cue"]
        rows = means[means["cue"] == kind]
        _course(ax, select_group(rows), colour, label=CUE_NAMES[kind])
        ideal = _in_order(select_group(rows, "ideal"))
        ax.plot(np.arange(len(ideal)), ideal["mean"], ":", color=colour, lw=1.5)
    if "ideal" in set(means["group"]):
        ax.plot([], [], ":", color="black", label="ideal")
    _trial_ticks(ax)
    return legend_below(ax, title=measured(tables)[1])


def plot_readout(tables: Tables, ax: Axes | None = None) -> Axes:
    """How often the new cue is read out as the rewarded one, at each step."""
    ax = ax or plt.subplots()[1]
    ax.set(ylabel="New cue read out (share)", xlabel=TRIALS_LABEL, ylim=(-0.03, 1.03))
    means, each = tables["readout_summary"], tables["readout"]
    if means.empty:
        return empty_panel(ax)
    own, label = measured(tables)
    # They often coincide, so the untrained line is the broader and lies below.
    looks = {"untrained": (COLOURS["chance"], 5), "trained": (own, 2)}
    for units, (colour, width) in looks.items():
        _course(ax, means[means["units"] == units], colour, label=units, width=width)
        part = each[each["units"] == units]
        for _, subject in part.groupby("subject"):
            shares = _in_order(subject)["share"]
            ax.plot(np.arange(len(shares)), shares, ".", color=colour, alpha=0.5)
    ax.axhline(0.5, color=COLOURS["chance"], lw=1, ls=":", zorder=0)
    _trial_ticks(ax)
    return legend_below(ax, title=f"{label}, same inputs")


def _in_order(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of the steps around a reversal, in their order."""
    return rows.set_index(["place", "event"]).reindex(STEPS)


def _course(
    ax: Axes, rows: pd.DataFrame, colour: str, *, label: str, width: float = 2
) -> None:
    """A mean at every step, parted by trial, with the interval over subjects."""
    means = _in_order(rows)
    for place in PLACES:
        part = means.loc[place]
        where = (place - BEFORE) * len(EVENTS) + np.arange(len(EVENTS))
        named = label if place == BEFORE else None
        ax.plot(where, part["mean"], "-", color=colour, lw=width, label=named)
        if (part["n"] >= LEAST_FOR_INTERVAL).all():
            band = part["low"].astype(float), part["high"].astype(float)
            ax.fill_between(where, *band, color=colour, alpha=0.2, lw=0)


def _trial_ticks(ax: Axes) -> None:
    """Name the trials, and mark the reversal between them."""
    width = len(EVENTS)
    names = ["last" if place == BEFORE else f"{place}" for place in PLACES]
    middles = [width * index + (width - 1) / 2 for index in range(len(names))]
    ax.set_xticks(middles, names)
    for index in range(1, len(names)):
        colour, style = ("black", "--") if index == 1 else ("0.85", "-")
        ax.axvline(width * index - 0.5, color=colour, ls=style, lw=1.2, zorder=0)


def plot_states(tables: Tables, ax: Axes | None = None) -> Axes:
    """Two principal components of one subject's units at each step of a trial."""
    ax = ax or plt.subplots()[1]
    ax.set(ylabel="Second component (scaled)")
    ax.set_xlabel("First component (scaled), at each step")
    states = tables["states"]
    if states.empty:
        return empty_panel(ax)
    for reversal, cue in product((False, True), ("A", "B")):
        chosen = (states["rewarded_cue"] == cue) & (states["reversal"] == reversal)
        part = states[chosen]
        # Half a step to each side, so that the steps' clouds stand apart.
        where = part["event"].map(EVENTS.index).astype(float) + 0.45 * part["first"]
        ax.plot(
            where,
            part["second"],
            "x" if reversal else "o",
            color=COLOURS[f"{cue} rewarded"],
            ms=5 if reversal else 8,
            mew=1.5 if reversal else 0,
            alpha=0.9 if reversal else 0.35,
            label=f"{cue} rewarded{' from now on' if reversal else ''}",
        )
    for edge in np.arange(1, len(EVENTS)) - 0.5:
        ax.axvline(edge, color="0.85", lw=1.2, zorder=0)
    ax.set_xticks(range(len(EVENTS)), list(EVENTS))
    number = states["subject"].iloc[0]
    return legend_below(
        ax, title=f"network {number}; crosses: a reversal's first trial"
    )
