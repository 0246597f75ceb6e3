"""Panels of unit coding in the matching figure, always beside the untrained network.

Nothing is computed here but where things stand; nothing is shown or saved.
"""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from metarl.analysis.matching.plots import draw_interval
from metarl.analysis.matching.units import HISTORY, VARIABLES
from metarl.analysis.measures import select_group
from metarl.analysis.plotting import empty_panel, legend_below
from metarl.analysis.style import COLOURS

Tables = Mapping[str, pd.DataFrame]

KINDS = {
    "trained": ("trained", COLOURS["agent"]),
    "untrained": ("untrained, same inputs", COLOURS["chance"]),
}
"""Network -> what it is called, and its colour."""
AXIS_NAMES = {
    "last action": "last\naction",
    "last reward": "last\nreward",
    "action x reward": "action\nx reward",
    HISTORY: "any of\nthese",
    "left value": "left\nvalue",
    "upcoming action": "next\naction",
}
"""Variable -> its name on the axis, in two lines."""


def plot_coding(tables: Tables, ax: Axes | None = None) -> Axes:
    """How strongly units code each variable, beside an untrained network's."""
    ax = ax or plt.subplots()[1]
    if tables["coding"].empty:
        return empty_panel(ax)
    places = np.arange(len(VARIABLES), dtype=float)
    count = _bars(ax, tables, "coding_summary", "strength", list(VARIABLES))
    wrong = select_group(tables["coding"]).query("network == 'trained'")
    heights = wrong.groupby("variable")["wrong_episode"].mean().reindex(list(VARIABLES))
    reach = (places - 0.4, places)
    ax.hlines(heights, *reach, color="black", lw=2, label="trained, wrong episode")
    first = tables["units"].query("network == 'trained'")
    first = first[first["subject"] == first["subject"].min()]
    spots = [places[VARIABLES.index(name)] - 0.33 for name in first["variable"]]
    number = int(first["subject"].min())
    (dots,) = ax.plot(spots, first["r"].abs(), ".", label=f"units of network {number}")
    dots.set(color=COLOURS["agent"], alpha=0.4, markersize=3)
    ax.set_xticks(places, [AXIS_NAMES[name] for name in VARIABLES])
    ax.set(ylabel="|partial rank r|, mean over units", ylim=(0, 1))
    ax.set_xlabel("Coded at fixation")
    return legend_below(ax, title=f"n = {count} networks, 95 % intervals", columns=2)


def plot_fractions(tables: Tables, ax: Axes | None = None) -> Axes:
    """How many units code each variable, beside neurons of macaques."""
    ax = ax or plt.subplots()[1]
    if tables["coding"].empty or tables["coding"]["fraction"].isna().all():
        return empty_panel(ax)
    names = [*VARIABLES[:3], HISTORY, *VARIABLES[3:]]
    count = _bars(ax, tables, "fraction_summary", "fraction", names)
    rows = tables["reference_neurons"]
    for kind, marker, text in (
        ("responses", "s", "1,222 responses of macaque dlPFC"),
        ("neurons", "D", "205 neurons of macaque dlPFC"),
    ):
        own = rows[rows["of"] == kind].set_index("variable").reindex(names)
        ax.errorbar(
            np.arange(len(names)),
            own["value"],
            own["error"],
            fmt=marker,
            color=COLOURS["animal"],
            markerfacecolor="white",
            label=text,
        )
    ax.set_xticks(range(len(names)), [AXIS_NAMES[name] for name in names])
    ax.set(ylabel="Fraction of units that code it", ylim=(0, 1.02))
    ax.set_xlabel("Coded at fixation")
    return legend_below(ax, title=f"n = {count} networks, 95 % intervals", columns=2)


def _bars(ax: Axes, tables: Tables, summary: str, value: str, names: list[str]) -> int:
    """Bars of the trained and untrained networks, a dot a network; their number."""
    places = np.arange(len(names), dtype=float)
    means, coding = select_group(tables[summary]), select_group(tables["coding"])
    for (network, (text, colour)), aside in zip(
        KINDS.items(), (-0.2, 0.2), strict=True
    ):
        own = means[means["network"] == network].set_index("variable").reindex(names)
        ax.bar(places + aside, own["mean"], 0.36, color=colour, alpha=0.4, label=text)
        draw_interval(ax, places + aside, own, colour)
        each = coding[coding["network"] == network]
        for _, subject in each.groupby("subject"):
            heights = subject.set_index("variable")[value].reindex(names)
            ax.plot(places + aside + 0.08, heights, "o", color=colour, markersize=3)
    return int(coding["subject"].nunique())
