"""Panels of the volatility figure."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from metarl.analysis.analysis import Context
from metarl.analysis.measures import Tables, baseline_names, rows_at, select_group
from metarl.analysis.plotting import (
    Points,
    baseline_ticks,
    chance_line,
    empty_panel,
    interval,
    label_line,
    legend_below,
    mean_line,
    reference_points,
    scores_by_subject,
    subject_colour,
    subject_label,
    subject_points,
    subject_ticks,
)
from metarl.analysis.style import COLOURS, baseline_colour, baseline_words
from metarl.analysis.volatility.behaviour import ORDERS, WINDOW
from metarl.analysis.volatility.effects import CONTROL, OBSERVER

BLOCKS = Points(("block",), ["Stable 1", "Volatile 1", "Volatile 2", "Stable 2"])
"""Blocks from left to right, as published: low volatility first, then last."""
PUBLISHED_BLOCKS = Points(("block",), ["Stable", "Volatile"])
"""Blocks of published people, in an order that is not stated."""
PUBLISHED_FROM = len(BLOCKS.order) + 0.4
"""Where the published blocks begin."""
MARKERS = ("s", "D", "P", "X")
"""Markers of published studies, in turn."""
LEARNERS = (OBSERVER, "rescorla-wagner")
"""Baselines with a meaningful learning rate."""
GROUPS = "control: trained at a constant hazard; fixed: simulated"
"""Groups in the panel of differences, in words."""
STYLES = dict(zip(ORDERS, ("-", "--"), strict=True))
"""Order of the episode -> line."""
DOTS = dict(zip(ORDERS, ("o", "^"), strict=True))
"""Order of the episode -> marker."""
ORDER_NAMES = {"low-first": "stable first", "high-first": "volatile first"}
"""Order of the episode -> its name in a legend."""
LEAST_RATE = 0.03
"""Foot of an axis of learning rates, if all are above it."""
RATE_TICKS = (0.05, 0.1, 0.2, 0.5, 1.0)
"""Marks of a logarithmic axis of learning rates."""
UNIT_COLOURS = {"trained": COLOURS["agent"], "untrained": COLOURS["chance"]}
"""Units -> colour."""
CODING_NAMES = {
    ("test", "own"): "test\nblocks",
    ("generator", "own"): "training\nschedule",
    ("generator", "other episode"): "another\nepisode's\nlabel",
}
"""Test and label -> name of the pair of bars."""


NO_RATE = "no learning rate could be fitted"
"""Text of a panel without a rate."""


def plot_block_rates(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Learning rate of every subject in each block, with baselines and people."""
    colour, label = subject_colour(context), subject_label(context)
    rates, means = select_group(tables["rates"]), tables.summary("rates")
    if rates["rate"].isna().all():
        return empty_panel(ax, NO_RATE)
    places = np.arange(len(BLOCKS.order))
    known = rates["identified"].astype(bool)
    dots = partial(subject_points, ax, places, value="rate", points=BLOCKS, alpha=0.6)
    dots(table=rates[known], colour=colour)
    if not known.all():
        dots(table=rates[~known], colour=colour, mfc="none")
        words = "choices do not determine the rate"
        ax.plot([], [], "o", color=colour, mfc="none", ms=4, label=words)
    own = BLOCKS.of(select_group(means))
    ax.plot(places, own["mean"], "_", color=colour, ms=18, mew=3, label=label)
    interval(ax, places, own, colour, width=2)
    learners = [name for name in LEARNERS if name in baseline_names(means)]
    baseline_ticks(ax, places, means, BLOCKS, names=learners, reach=0.25, width=2)
    published = PUBLISHED_FROM + np.arange(len(PUBLISHED_BLOCKS.order))
    studies = tables["reference_rates"].groupby("label", sort=False)
    for index, (_, rows) in enumerate(studies):
        shifted = published + 0.14 * (index - 0.5)
        marker = MARKERS[index]
        reference_points(ax, shifted, rows, PUBLISHED_BLOCKS, marker=marker)
    _rate_axis(ax, rates["rate"].min())
    names = [block.replace(" ", "\n") for block in BLOCKS.order]
    ticks = [*names, *PUBLISHED_BLOCKS.order]
    ax.set_xticks([*places, *published], ticks, fontsize="small")
    ax.axvline(len(places) - 0.3, color=COLOURS["chance"], lw=1)
    _signs(ax, tables["reference_signs"])
    return legend_below(ax, first=label)


def _signs(ax: Axes, published: pd.DataFrame) -> None:
    """Studies that state no rate, only that it was higher in volatile times."""
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


def _rate_axis(ax: Axes, least: float = LEAST_RATE) -> None:
    """A logarithmic axis of learning rates, with plain numbers, down to the least."""
    ax.set_yscale("log")
    ax.set_ylim(min(LEAST_RATE, 0.9 * least), 1.0)
    ax.set_yticks(RATE_TICKS, [f"{tick:g}" for tick in RATE_TICKS])
    ax.minorticks_off()
    ax.set_ylabel("Learning rate (log scale)")


def plot_rate_traces(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Learning rate in a sliding window, mean over subjects, for both orders."""
    means = tables.summary("traces")
    own = select_group(means)
    if own["mean"].isna().all():
        few = own.empty and context.subjects_are != "networks"
        why = "too few episodes of one order" if few else NO_RATE
        return ax if context.slots > 1 else empty_panel(ax, why)
    _order_lines(ax, own, subject_colour(context), subject_label(context))
    best = select_group(means, OBSERVER)
    _order_lines(ax, best, baseline_colour(OBSERVER), baseline_words(OBSERVER))
    _rate_axis(ax)
    _mark_half(ax, means["trial"])
    ax.set_xlabel(f"Trial of the episode (middle of a window of {WINDOW})")
    return legend_below(ax)


def _order_lines(
    ax: Axes,
    means: pd.DataFrame,
    colour: str,
    label: str,
    *,
    value: str = "mean",
    alpha: float = 0.15,
) -> None:
    """Means along the episode, one line an order."""
    for order, style in STYLES.items():
        line = rows_at(means, order=order).sort_values("trial")
        if len(line):
            mean_line(
                ax,
                line,
                "trial",
                colour,
                label=f"{label}, {ORDER_NAMES[order]}",
                style=style,
                alpha=alpha,
                value=value,
                lw=2,
            )


def _mark_half(ax: Axes, trials: "pd.Series[float]") -> None:
    """Mark the middle of the episode, where the volatility changes."""
    middle = (trials.min() + trials.max() + 1) / 2
    ax.axvline(middle, color=COLOURS["chance"], lw=1, ls=":")


def plot_rewards(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Reward per trial of every subject, with the baselines' lines."""
    means = tables.summary("subjects").set_index("group")["mean"]
    labels = {
        name: f"{name} ({means[name]:.3f})"
        for name in baseline_names(tables["subjects"])
        if name != CONTROL
    }
    names = scores_by_subject(ax, tables, context, "reward_per_trial", baselines=labels)
    ax.set(xlabel="Subject", xlim=(-0.5, len(names) + 0.8))
    subject_ticks(ax, names)
    heights = tables["subjects"]["reward_per_trial"]
    low, high = min(0.2, heights.min() - 0.01), max(0.42, heights.max() + 0.01)
    if context.subjects_are == "networks":
        ax.set_ylim(low, high)
    ax.set(ylabel=f"Reward per trial ({context.reward_unit})")
    return legend_below(ax, first=subject_label(context))


def plot_differences(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Volatile minus stable rate: subjects, control networks, simulated choosers."""
    differences, simulated = tables["differences"], tables["simulated_differences"]
    if select_group(differences)["difference"].isna().all():
        return empty_panel(ax, NO_RATE)
    control = select_group(differences, CONTROL)
    count = control["subject"].nunique()
    groups = {
        subject_label(context).replace(" (", "\n("): select_group(differences),
        f"control\nnetworks\n(n = {count})": control,
        "fixed\nrate": rows_at(simulated, kind="fixed rate"),
        "fixed\nhazard": rows_at(simulated, kind="fixed hazard"),
    }
    inks = ("control", "model-free", "optimum")
    colours = [subject_colour(context), *(COLOURS[ink] for ink in inks)]
    shown = [
        (name, rows, colour)
        for (name, rows), colour in zip(groups.items(), colours, strict=True)
        if len(rows)
    ]
    for place, (_, rows, colour) in enumerate(shown):
        for shift, (order, mark) in zip((-0.12, 0.12), DOTS.items(), strict=True):
            heights = rows_at(rows, order=order)["difference"]
            where = np.full(len(heights), place + shift)
            words = ORDER_NAMES[order] if place == 0 else None
            ax.plot(where, heights, mark, color=colour, alpha=0.7, label=words)
    chance_line(ax, 0, "-")
    least = context.criteria["rate difference"].low
    ax.axhline(least, color="black", lw=1, ls=":")
    label_line(ax, "criterion", least)
    ax.set_xticks(range(len(shown)), [name for name, _, _ in shown], fontsize="small")
    ax.set(xlim=(-0.5, len(shown) - 0.2), ylabel="Learning rate, volatile - stable")
    return legend_below(ax, title=GROUPS)


def plot_volatility(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Volatility along test episodes, as the observer's and as decoded from units."""
    observed = tables["observed"]
    if observed.empty:
        return empty_panel(ax, "no test episodes")
    observer = COLOURS["optimum"], "Bayesian observer"
    _order_lines(ax, observed, *observer, value="estimate", alpha=0)
    decoded = subject_colour(context), "decoded from units"
    _order_lines(ax, tables.summary("decoded"), *decoded)
    _mark_half(ax, observed["trial"])
    ax.set(
        xlabel="Trial of the episode", ylabel="Probability that the trial is volatile"
    )
    ax.set_ylim(0, 1)
    return legend_below(ax, title=_decoding_words(tables))


def _decoding_words(tables: Tables) -> str:
    """Correlations on held-out episodes of trained and of untrained units."""
    summary = rows_at(tables.summary("decoding"), test="test")
    means = summary.set_index("units")["mean"]
    if means.empty:
        return "no recording"
    words = f"held out: r = {means['trained']:.2f}"
    if "untrained" in means:
        words += f"; untrained, same inputs {means['untrained']:.2f}"
    return words


def plot_coding(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Fraction of units coding volatility, trained and untrained, with nulls."""
    coding, summary = tables["coding"], tables.summary("coding")
    if coding.empty:
        return empty_panel(ax)
    bars = _coding_bars(coding)
    for shift, (units, colour) in zip((-0.2, 0.2), UNIT_COLOURS.items(), strict=True):
        places = np.arange(len(bars.order)) + shift
        each = rows_at(coding, units=units)
        label = f"{units} (n = {each['subject'].nunique()})"
        means = bars.of(rows_at(summary, units=units))["mean"]
        ax.bar(places, means, 0.36, color=colour, alpha=0.35, label=label)
        subject_points(ax, places, each, "fraction", colour, bars)
    reference_points(ax, [0], tables["reference_coding"], size=6)
    ax.set_xticks(range(len(bars.order)), [CODING_NAMES[key] for key in bars.order])
    ax.set(ylabel="Fraction of units (per episode)", ylim=(0, 1))
    return legend_below(ax, columns=3)


def _coding_bars(coding: pd.DataFrame) -> Points:
    """Pairs of bars that have rows: test and label."""
    present = set(zip(coding["test"], coding["label"], strict=True))
    order: Sequence[tuple[str, str]] = [key for key in CODING_NAMES if key in present]
    return Points(("test", "label"), order)
