"""Panels drawn during training: prediction errors, and units."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from metarl.analysis.plotting import empty_panel, legend_below
from metarl.analysis.style import COLOURS

SPREAD = 0.36
"""How far apart the rewards of one event stand, from first to last."""
SHADES = "viridis"
"""From an episode's first trial to its last."""
MARKS = 400
"""Most trials drawn, those of the first episodes; drawing each takes time."""


def plot_rpe_by_event(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw `mean_rpe_by_event`: means, with a standard deviation each way."""
    ax = ax or plt.subplots()[1]
    ax.set(ylabel="RPE, mean and s.d. (reward units)")
    ax.set_xlabel("Event that reveals it")
    if table.empty:
        return empty_panel(ax)
    events = list(dict.fromkeys(table["event"]))
    rewards = list(table.sort_values("order")["reward"].unique())
    colours = mpl.colormaps["cividis"](np.linspace(0, 0.85, len(rewards)))
    for index, name in enumerate(rewards):
        rows = table[table["reward"] == name]
        shift = SPREAD * (index / max(len(rewards) - 1, 1) - 0.5)
        places = np.array([events.index(event) for event in rows["event"]]) + shift
        ax.errorbar(
            places,
            rows["rpe"],
            rows["deviation"].fillna(0),
            fmt="o",
            color=colours[index],
            capsize=3,
            label=name,
        )
    ax.axhline(0, color=COLOURS["chance"], lw=1, zorder=0)
    ax.set_xticks(range(len(events)), events)
    ax.set_xlim(-0.6, len(events) - 0.4)
    return legend_below(ax, title="Reward of the step before", columns=len(rewards))


def plot_trial_states(states: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw `trial_states`: a mark a trial, shaded from an episode's first to last."""
    ax = ax or plt.subplots()[1]
    states, last = states[:MARKS], int(states["trial"].max())
    shades = mpl.colormaps[SHADES].resampled(last + 1)
    reward = states["reward"]
    kinds = {
        "start": (reward.isna(), "*"),
        "after reward": (reward > 0, "o"),
        "after no reward": (reward <= 0, "x"),
    }
    for name, (chosen, marker) in kinds.items():
        rows = states[chosen]
        colours = shades(rows["trial"].to_numpy(int))
        size = 90 if marker == "*" else 16
        ax.scatter(rows["pc1"], rows["pc2"], size, c=colours, marker=marker, lw=1)
        ax.plot([], [], marker, color="grey", label=name)
    for trial in sorted({0, last // 2, last}):
        ax.plot([], [], "s", color=shades(trial), label=f"trial {trial + 1}")
    first, second = states[["share1", "share2"]].iloc[0]
    ax.set_xlabel(f"PC 1 of units ({100 * first:.0f} % of variance)")
    ax.set_ylabel(f"PC 2 of units ({100 * second:.0f} % of variance)")
    return legend_below(ax, columns=3)
