"""Panels of the informative-arm figure: each draws tables on axes.

Nothing is computed here but where things stand; nothing is shown or saved.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from metarl.analysis.bridge import Tables, measured
from metarl.analysis.informative_arm.choices import KINDS
from metarl.analysis.measures import baseline_names, select_group
from metarl.analysis.plotting import (
    LEAST_FOR_INTERVAL,
    empty_panel,
    label_line,
    legend_below,
)
from metarl.analysis.style import baseline_colour

STYLES = dict(zip(KINDS, ("--", "-"), strict=True))
"""Line of each kind of choice."""
MARKERS = dict(zip(KINDS, ("^", "o"), strict=True))
"""Marker of each kind of choice."""
COMPARED = ("informed", "guesser")
"""Strategies whose choices are drawn beside the networks'."""


def plot_choices(tables: Tables, ax: Axes | None = None) -> Axes:
    """P(informative arm) and P(target) by trial, a thin line a subject."""
    ax = ax or plt.subplots()[1]
    colour, label = measured(tables)
    summary, each = tables["choices_summary"], tables["choices"]
    for kind, style in STYLES.items():
        means = _kind(select_group(summary), kind)
        ax.plot(
            means["trial"],
            means["mean"],
            style,
            marker=MARKERS[kind],
            color=colour,
            lw=2.5,
            label=f"{kind}, {label}",
        )
        for _, own in _kind(select_group(each), kind).groupby("subject"):
            thin = own["trial"], own["probability"]
            ax.plot(*thin, style, color=colour, lw=0.8, alpha=0.5)
        for name in [n for n in COMPARED if n in baseline_names(summary)]:
            line = _kind(select_group(summary, name), kind)
            ax.plot(
                line["trial"],
                line["mean"],
                style,
                color=baseline_colour(name),
                lw=1.5,
                label=f"{kind}, {name}",
            )
    ax.set(xlabel="Trial of the episode", ylabel="P(choice)", ylim=(-0.03, 1.03))
    ax.set_xticks(sorted(each["trial"].unique()))
    return legend_below(ax, columns=2)


def _kind(table: pd.DataFrame, kind: str) -> pd.DataFrame:
    return table[table["kind"] == kind]


def plot_after_clue(tables: Tables, ax: Axes | None = None) -> Axes:
    """Which arm is chosen after the informative one, for each target: mean."""
    ax = ax or plt.subplots()[1]
    means = tables["after_clue_summary"]
    if means.empty:
        return empty_panel(ax, "the informative arm was never chosen")
    about = tables["about"].iloc[0]
    arms = np.arange(1, int(about["arm_count"]) + 1)
    targets = arms[:-1]
    square = means.pivot(index="target", columns="arm", values="mean").reindex(targets)
    image = ax.imshow(
        square.to_numpy(),
        cmap="Blues",
        vmin=0,
        vmax=1,
        origin="lower",
        extent=(arms[0] - 0.5, arms[-1] + 0.5, targets[0] - 0.5, targets[-1] + 0.5),
        aspect="auto",
    )
    bar = ax.figure.colorbar(image, ax=ax)
    bar.set_label("P(choice), mean")
    step = -(-len(arms) // 11)
    ax.set_xticks(arms[::step])
    ax.set_yticks(targets[::step])
    asked = f"{means['n'].max()} asked, of {measured(tables)[1]}"
    ax.set(xlabel=f"Arm chosen after the informative one\n{asked}")
    ax.set(ylabel="Target arm")
    return ax


def plot_regret(tables: Tables, ax: Axes | None = None) -> Axes:
    """Regret summed over the trials so far, with every strategy's line."""
    ax = ax or plt.subplots()[1]
    colour, label = measured(tables)
    summary = tables["regret_summary"]
    for name in baseline_names(summary):
        line = select_group(summary, name)
        ax.plot(line["trial"], line["mean"], color=baseline_colour(name), lw=1.8)
        label_line(ax, name, float(line["mean"].iloc[-1]))
    means = select_group(summary)
    ax.plot(means["trial"], means["mean"], "o-", color=colour, lw=2.5, label=label)
    if (means["n"] >= LEAST_FOR_INTERVAL).all():
        band = (means["low"].astype(float), means["high"].astype(float))
        ax.fill_between(means["trial"], *band, color=colour, alpha=0.2, lw=0)
    for _, subject in select_group(tables["regret"]).groupby("subject"):
        ax.plot(subject["trial"], subject["regret"], color=colour, lw=0.8, alpha=0.5)
    trials = np.sort(summary["trial"].unique())
    ax.set(xlabel="Trial of the episode", ylabel="Regret so far (reward units)")
    ax.set_xticks(trials)
    ax.set_xlim(trials[0] - 0.1, trials[-1] + 0.25 * len(trials))
    ax.set_ylim(bottom=min(0, ax.get_ylim()[0]))
    return legend_below(ax)
