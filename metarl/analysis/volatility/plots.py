"""Panels of the volatility figure: each draws tables of `volatility.tables` on axes.

Nothing is computed here but where things stand; nothing is shown or saved.
"""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from metarl.analysis.bridge import CRITERIA, LEARNED, Tables, measured
from metarl.analysis.measures import baseline_names, select_group
from metarl.analysis.plotting import (
    LEAST_FOR_INTERVAL,
    empty_panel,
    label_line,
    legend_below,
)
from metarl.analysis.style import COLOURS, baseline_colour
from metarl.analysis.volatility.effects import CONTROL
from metarl.analysis.volatility.trials import ORDERS

BLOCK_ORDER = ("Stable 1", "Volatile 1", "Volatile 2", "Stable 2")
"""Blocks from left to right, as published: low volatility first, then last."""
PEOPLE = ("Stable", "Volatile")
"""Blocks of published people, whose order is not told."""
PEOPLE_FROM = len(BLOCK_ORDER) + 0.4
"""Where people's blocks begin."""
MARKERS = ("s", "D", "P", "X")
"""Markers of published studies, in turn."""
LEARNERS = ("bayes-greedy", "rescorla-wagner")
"""Reference strategies whose learning rate means something."""
CHOOSERS = "control: trained at a constant hazard; fixed: simulated"
"""Who stands beside the networks in the panel of differences."""
STYLES = dict(zip(ORDERS, ("-", "--"), strict=True))
"""Order of the episode -> line."""
ORDER_NAMES = {"low-first": "stable first", "high-first": "volatile first"}
"""Order of the episode -> how a legend says it."""
RATE_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Marks of a logarithmic axis of learning rates."""


def plot_block_rates(tables: Tables, ax: Axes | None = None) -> Axes:
    """Learning rate of every subject in each block, beside strategies and people."""
    ax = ax or plt.subplots()[1]
    colour, label = measured(tables)
    rates = select_group(tables["rates"])
    if rates["rate"].isna().all():
        return empty_panel(ax, "no learning rate was found")
    for _, subject in rates.groupby("subject"):
        heights = subject.set_index("block")["rate"].reindex(list(BLOCK_ORDER))
        ax.plot(range(len(BLOCK_ORDER)), heights, "o", color=colour, ms=4, alpha=0.6)
    means = select_group(tables["rates_summary"]).set_index("block")
    _means(ax, means.reindex(list(BLOCK_ORDER)), colour, label)
    for name in LEARNERS:
        _learner(ax, select_group(tables["rates_summary"], name), name)
    _people(ax, tables["reference_rates"])
    _rate_axis(ax)
    names = [*(block.replace(" ", "\n") for block in BLOCK_ORDER), *PEOPLE]
    places = [*range(len(BLOCK_ORDER)), PEOPLE_FROM, PEOPLE_FROM + 1]
    ax.set_xticks(places, names, fontsize="small")
    ax.axvline(len(BLOCK_ORDER) - 0.3, color=COLOURS["chance"], lw=1)
    _signs(ax, tables["reference_signs"])
    return legend_below(ax, first=label)


def _learner(ax: Axes, means: pd.DataFrame, name: str) -> None:
    """A reference strategy's rate, as a line across each block."""
    if means.empty:
        return
    heights = means.set_index("block")["mean"].reindex(list(BLOCK_ORDER))
    places, colour = np.arange(len(BLOCK_ORDER)), baseline_colour(name)
    ends = (places - 0.25, places + 0.25)
    ax.hlines(heights.to_numpy(), *ends, color=colour, lw=2, label=name)


def _means(ax: Axes, means: pd.DataFrame, colour: str, label: str) -> None:
    """A mean at each place, with its interval where there are subjects enough."""
    places = np.arange(len(means))
    ax.plot(places, means["mean"], "_", color=colour, ms=18, mew=3, label=label)
    enough = (means["n"] >= LEAST_FOR_INTERVAL).to_numpy()
    shown = means[enough]
    ax.vlines(places[enough], shown["low"], shown["high"], color=colour, lw=2)


def _people(ax: Axes, published: pd.DataFrame) -> None:
    """Published rates with their standard errors, right of the networks'."""
    for index, (label, rows) in enumerate(published.groupby("label", sort=False)):
        found = rows.set_index("block").reindex(list(PEOPLE))
        ax.errorbar(
            PEOPLE_FROM + np.arange(len(PEOPLE)) + 0.14 * (index - 0.5),
            found["value"],
            found["error"].astype(float),
            fmt=MARKERS[index],
            color=COLOURS[str(rows["kind"].iloc[0])],
            ms=7,
            label=f"{label} (n = {int(rows['n'].iloc[0])})",
        )


def _signs(ax: Axes, published: pd.DataFrame) -> None:
    """Studies that tell no rate, only that it was higher in volatile times."""
    studies = "\n".join(published["label"]).replace(", ", ",\n")
    words = f"faster when\nvolatile, too:\n{studies}"
    ax.text(
        *(0.99, 0.02),
        words,
        ha="right",
        va="bottom",
        fontsize=8,
        transform=ax.transAxes,
    )


def _rate_axis(ax: Axes) -> None:
    """A logarithmic axis of learning rates, with plain numbers."""
    ax.set_yscale("log")
    ax.set_ylim(0.03, 1.0)
    ticks = [tick for tick in RATE_TICKS if tick >= 0.03]
    ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    ax.set_ylabel("Learning rate (log scale)")


def plot_rate_traces(tables: Tables, ax: Axes | None = None) -> Axes:
    """Learning rate in a sliding window, mean over subjects, for both orders."""
    ax = ax or plt.subplots()[1]
    means = tables["traces_summary"]
    if select_group(means)["mean"].isna().all():
        return empty_panel(ax, "no learning rate was found")
    colour, label = measured(tables)
    draw_lines(ax, select_group(means), ("mean", colour, label))
    best = select_group(means, "bayes-greedy")
    draw_lines(ax, best, ("mean", baseline_colour("bayes-greedy"), "bayes-greedy"))
    _rate_axis(ax)
    mark_half(ax, means["trial"])
    ax.set_xlabel("Trial of the episode (middle of a window of 10)")
    return legend_below(ax)


def draw_lines(ax: Axes, table: pd.DataFrame, how: tuple[str, str, str]) -> None:
    """A column along the episode, one line an order, with its interval."""
    column, colour, label = how
    for order, style in STYLES.items():
        part = table[table["order"] == order].sort_values("trial")
        if part.empty:
            continue
        words = f"{label}, {ORDER_NAMES[order]}"
        ax.plot(part["trial"], part[column], style, color=colour, lw=2, label=words)
        if "n" in part and (part["n"] >= LEAST_FOR_INTERVAL).all():
            edges = part["low"].astype(float), part["high"].astype(float)
            ax.fill_between(part["trial"], *edges, color=colour, alpha=0.15, lw=0)


def mark_half(ax: Axes, trials: "pd.Series[float]") -> None:
    """Mark the middle of the episode, where stable and volatile change places."""
    middle = (trials.min() + trials.max() + 1) / 2
    ax.axvline(middle, color=COLOURS["chance"], lw=1, ls=":")


def plot_rewards(tables: Tables, ax: Axes | None = None) -> Axes:
    """Reward per trial of every subject, with the reference strategies' lines."""
    ax = ax or plt.subplots()[1]
    subjects = select_group(tables["subjects"])
    colour, label = measured(tables)
    places = np.arange(len(subjects))
    ax.plot(places, subjects["reward_per_trial"], "o", color=colour, label=label)
    means = tables["subjects_summary"].set_index("group")["mean"]
    for name in baseline_names(tables["subjects_summary"]):
        if name != CONTROL:
            height = float(means[name])
            words = f"{name} ({height:.3f})"
            ax.axhline(height, color=baseline_colour(name), lw=1.5, label=words)
    if bool(tables["about"]["scored"].iloc[0]):
        threshold = LEARNED["volatility"].threshold
        ax.axhline(threshold, color="black", lw=1, ls=":")
        label_line(ax, "learned", threshold)
    names = [str(name).removeprefix("subject ") for name in subjects["label"]]
    ax.set_xticks(places, names)
    ax.set(ylabel="Reward per trial (reward units)", ylim=(0.2, 0.42))
    ax.set(xlabel="Subject", xlim=(-0.5, len(places) + 0.8))
    return legend_below(ax, first=label)


def plot_differences(tables: Tables, ax: Axes | None = None) -> Axes:
    """Volatile minus stable rate: subjects, control networks, simulated choosers."""
    ax = ax or plt.subplots()[1]
    found, simulated = tables["differences"], tables["simulated_differences"]
    if select_group(found)["difference"].isna().all():
        return empty_panel(ax, "no learning rate was found")
    colour, label = measured(tables)
    bars = [
        (label.replace(" (", "\n("), select_group(found), colour),
        _control_bar(select_group(found, CONTROL)),
        ("fixed\nrate", _kind(simulated, "fixed rate"), "model-free"),
        ("fixed\nhazard", _kind(simulated, "fixed hazard"), "optimum"),
    ]
    bars = [bar for bar in bars if len(bar[1])]
    for place, (_, rows, name) in enumerate(bars):
        for shift, (order, mark) in zip((-0.12, 0.12), _marks(), strict=True):
            heights = rows.loc[rows["order"] == order, "difference"]
            where = np.full(len(heights), place + shift)
            words, ink = ORDER_NAMES[order] if place == 0 else None, COLOURS.get(name)
            ax.plot(where, heights, mark, color=ink or name, alpha=0.7, label=words)
    ax.axhline(0, color=COLOURS["chance"], lw=1, zorder=0)
    least = CRITERIA["volatility"]["rate difference"].low
    ax.axhline(least, color="black", lw=1, ls=":")
    label_line(ax, "criterion", least)
    ax.set_xticks(range(len(bars)), [name for name, _, _ in bars], fontsize="small")
    ax.set(xlim=(-0.5, len(bars) - 0.2), ylabel="Learning rate, volatile - stable")
    return legend_below(ax, title=CHOOSERS)


def _control_bar(rows: pd.DataFrame) -> tuple[str, pd.DataFrame, str]:
    count = rows["subject"].nunique()
    return f"control\nnetworks\n(n = {count})", rows, "control"


def _kind(simulated: pd.DataFrame, kind: str) -> pd.DataFrame:
    return simulated[simulated["kind"] == kind]


def _marks() -> Sequence[tuple[str, str]]:
    return tuple(zip(ORDERS, ("o", "^"), strict=True))
