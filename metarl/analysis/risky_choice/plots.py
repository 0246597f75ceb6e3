"""Panels of the risky-choice figure.

Dots are networks or animals, lines and bars their means, intervals over subjects;
arrows are the published directions of rats.
"""

import re
from collections.abc import Iterator
from itertools import cycle, islice

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.ticker import MaxNLocator

from metarl.analysis.analysis import Context
from metarl.analysis.measures import MEASURED, Tables, rows_at, select_group
from metarl.analysis.plotting import (
    chance_line,
    empty_panel,
    half_violin,
    interval,
    legend_below,
    mean_line,
    reference_label,
    subject_colour,
    subject_label,
)
from metarl.analysis.risky_choice.behaviour import all_probabilities, probabilities
from metarl.analysis.risky_choice.changes import (
    ALL_TRIALS,
    CONTROL,
    FREE_TRIALS,
    STIMULATIONS,
)
from metarl.analysis.schema import Array
from metarl.analysis.style import COLOURS, baseline_colour, baseline_words

PERCENT = "Risky choices (% of free)"
"""Vertical axis of most panels."""
ALONG_EPISODE = ("bayes-greedy", "bayes-optimal")
"""Baselines that are drawn along an episode."""
LONG_NAME = 8
"""Letters of a group's name that fit below its place in one line."""
OUTCOME_WIDTH = 2.6
"""Distance of two outcomes' places, of which each has one for each probability."""
SPAN_PLACES = {ALL_TRIALS: ("o", -0.16), FREE_TRIALS: ("s", 0.16)}
"""When an outcome is changed -> marker, and distance from the place."""
STYLES = ("-", "--", ":", "-.")
"""Lines of the probabilities, from high to low, in turn."""
STYLE_WORDS = ("solid", "dashed", "dotted", "dash-dotted")
"""The same in words."""
FILLS = (1.0, 0.0, 0.5, 0.25)
"""Opacities of the dots' filling, the highest and the lowest probability first."""
BAR_PLACES = {"control": -0.24, "stimulated": 0.24}
"""Column of the changes -> distance of its bar from the place."""


def plot_stimulation(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Risky choice with and without the change, a line a subject."""
    changed = rows_at(tables["changes"], span=ALL_TRIALS)
    if changed.empty:
        return empty_panel(ax, "not measured")
    colour = subject_colour(context)
    for outcome, probability, place in _cells(tables):
        shades = {"control": colour, "stimulated": _outcome_colour(outcome)}
        each = rows_at(changed, outcome=outcome, probability=probability)
        each = each[list(BAR_PLACES)].astype(float)
        places = [place + offset for offset in BAR_PLACES.values()]
        for where, (column, shade) in zip(places, shades.items(), strict=True):
            ax.bar(where, each[column].mean(), 0.44, color=shade, alpha=0.4)
            ax.plot(np.full(len(each), where), each[column], ".", color=shade)
        for pair in each.to_numpy():
            ax.plot(places, pair, "-", color="black", lw=0.6)
    label = f"{subject_label(context)}, control"
    ax.bar([0], [0], color=colour, alpha=0.4, label=label)
    ax.bar([0], [0], color="black", alpha=0.3, label="RPE changed (colour: outcome)")
    chance_line(ax, 50)
    ax.set(ylabel=PERCENT, ylim=(0, 122))
    ax.set_yticks(range(0, 101, 25))
    _rats(ax, tables, 112)
    _name_cells(ax, tables)
    return legend_below(ax)


def plot_changes(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Mean change with its interval and a dot a subject, on all or on free trials."""
    if tables["changes"].empty:
        return empty_panel(ax, "not measured")
    colour = subject_colour(context)
    for span, (marker, offset) in SPAN_PLACES.items():
        for outcome, probability, place in _cells(tables):
            where = {"outcome": outcome, "probability": probability, "span": span}
            shade = _outcome_colour(outcome)
            fill = shade if span == ALL_TRIALS else "white"
            own = rows_at(tables["changes"], **where)["change"].to_numpy(float)
            right = np.full(len(own), place + offset + 0.13)
            ax.plot(right, own, ".", color=shade, ms=4, alpha=0.6)
            mean = rows_at(tables.summary("changes"), **where)
            left = np.full(len(mean), place + offset)
            ax.plot(left, mean["mean"], marker, color=shade, mfc=fill, ms=7)
            interval(ax, left, mean, shade, width=2)
        fill = colour if span == ALL_TRIALS else "white"
        ax.plot([], [], marker, color=colour, mfc=fill, label=f"on {span}")
    chance_line(ax, 0, "-")
    ax.set(ylabel="Change of risky choices (points)", ylim=(-105, 130))
    ax.set_yticks(range(-100, 101, 50))
    _rats(ax, tables, 116)
    _name_cells(ax, tables)
    return legend_below(ax, title=f"{subject_label(context)}, RPE changed")


def plot_doses(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Risky choice against the RPE that replaces an outcome's, on all trials."""
    means = tables.summary("doses")
    if means.empty:
        return empty_panel(ax, "not measured")
    colour, levels = subject_colour(context), probabilities(tables)
    control = rows_at(select_group(tables.summary("risky")), condition=CONTROL)
    for probability, style in zip(levels, ("-", "--"), strict=True):
        first = style == "-"
        for outcome, stimulation in STIMULATIONS.items():
            line = rows_at(means, outcome=outcome, probability=probability)
            shade = _outcome_colour(outcome)
            mean_line(
                ax,
                line.sort_values("amount"),
                "amount",
                shade,
                label=stimulation.label if first else None,
                style=f"o{style}",
                alpha=0.15,
                mfc=shade if first else "white",
                ms=5,
            )
        label = "nothing changed" if first else None
        for level in rows_at(control, probability=probability)["mean"]:
            ax.axhline(level, color=colour, lw=1.2, ls=style, label=label)
    ax.set(ylabel=PERCENT, ylim=(-2, 102))
    ax.set_xlabel("RPE given at the outcome (reward units)")
    shown = f"p = {levels.high:g} solid, {levels.low:g} dashed"
    return legend_below(ax, title=f"{subject_label(context)}; {shown}")


def plot_groups(tables: Tables, context: Context, ax: Axes) -> Axes:
    """A dot a subject for each probability, with baselines and variants."""
    subjects, colour = tables["subjects"], subject_colour(context)
    names = list(dict.fromkeys([MEASURED, *subjects["group"].astype(str)]))
    control, levels = rows_at(tables["risky"], condition=CONTROL), _levels(tables)
    sides = np.linspace(-0.17, 0.17, len(levels)) if len(levels) > 1 else [0.0]
    for side, (probability, (_, fill)) in zip(sides, levels.items(), strict=True):
        for place, name in enumerate(names):
            shade = colour if name == MEASURED else baseline_colour(name)
            own = rows_at(select_group(control, name), probability=probability)
            values = own["percent"].dropna().to_numpy(float)
            _dots(ax, place + side, values, shade, fill)
        label = f"p = {probability:g}"
        ax.plot([], [], "o", color=colour, mfc=_filled(colour, fill), label=label)
    chance_line(ax, 50)
    counts = subjects["group"].value_counts()
    shown = [_in_lines(name, int(counts[name])) for name in names[1:]]
    ax.set_xticks(range(len(names)), [context.subjects_are, *shown])
    ax.tick_params(axis="x", labelsize=9 if len(names) > 1 else None)
    ax.set(ylabel=PERCENT, ylim=(-3, 103), xlim=(-0.5, len(names) - 0.5))
    ax.set_xlabel("Group")
    title = f"{subject_label(context)}; p: probability of the large reward"
    return legend_below(ax, title=title)


def _levels(tables: Tables) -> dict[float, tuple[str, float]]:
    """Every probability, from high to low, with its line and its dots' filling."""
    levels = all_probabilities(tables)
    inner = cycle(FILLS[2:])
    fills = [FILLS[0], *islice(inner, max(len(levels) - 2, 0)), FILLS[1]]
    return dict(zip(levels, zip(cycle(STYLES), fills, strict=False), strict=False))


def _filled(colour: str, fill: float) -> str | tuple[float, ...]:
    """The filling of a dot: white where the opacity is 0."""
    return to_rgba(colour, fill) if fill else "white"


def _dots(ax: Axes, place: float, values: Array, colour: str, fill: float) -> None:
    """A dot for each value, side by side, and a line at their mean."""
    count = len(values)
    places = place + (np.linspace(-0.08, 0.08, count) if count > 1 else np.zeros(count))
    ax.plot(places, values, "o", color=colour, mfc=_filled(colour, fill), ms=6)
    if count:
        ax.hlines(values.mean(), place - 0.15, place + 0.15, color=colour)


def _in_lines(name: str, count: int) -> str:
    """A name that fits below its place, with the number of several subjects."""
    short = name if len(name) <= LONG_NAME else name.replace("-", "\n", 1)
    return short if count == 1 else f"{short}\n(n = {count})"


def plot_trials(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Risky choice by free trial, with its interval, and the Bayesian baselines."""
    means, levels = tables.summary("by_trial"), _levels(tables)
    for name in (MEASURED, *ALONG_EPISODE):
        own = name == MEASURED
        colour = subject_colour(context) if own else baseline_colour(name)
        words = subject_label(context) if own else baseline_words(name)
        for probability, (style, _) in levels.items():
            line = rows_at(select_group(means, name), probability=probability)
            # Where the probability changes within an episode, not all places have it.
            line = line[line["n"] > 0]
            label = words if style == "-" and len(line) else None
            mean_line(
                ax,
                line.sort_values("place"),
                "place",
                colour,
                label=label,
                style=style,
                alpha=0.15,
                lw=2.0 if own else 1.2,
            )
    chance_line(ax, 50)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set(xlabel="Free trial", ylabel=PERCENT, ylim=(-2, 102))
    named = zip(levels, cycle(STYLE_WORDS), strict=False)
    shown = ", ".join(f"{level:g} {words}" for level, words in named)
    title = f"probability of the large reward: {shown}"
    return legend_below(ax, title=title, columns=3)


def plot_errors(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Distribution of the prediction errors at each outcome, and their replacements."""
    if tables["rpe_density"].empty:
        return empty_panel(ax)
    levels, densities = probabilities(tables), _violins(tables["rpe_density"])
    for place, (outcome, stimulation) in enumerate(STIMULATIONS.items()):
        for probability, side, alpha in zip(levels, (-1, 1), (0.7, 0.3), strict=True):
            where = {"outcome": outcome, "probability": probability}
            colour = _outcome_colour(outcome)
            spread = rows_at(densities, **where)
            spread = spread.assign(reach=side * spread["reach"])
            half_violin(ax, place, spread, "rpe", colour, alpha=alpha)
            means = rows_at(tables["rpe"], **where)["mean"].to_numpy(float)
            ax.plot(np.full(len(means), place + side * 0.06), means, ".", color=colour)
        ax.plot(place, stimulation.amount, "*", color="black", ms=11, mec="white")
    ax.plot([], [], ".", color="black", label="mean of a network")
    ax.plot([], [], "*", color="black", ms=11, label="given instead")
    chance_line(ax, 0)
    ax.set_xticks(range(len(STIMULATIONS)), [s.label for s in STIMULATIONS.values()])
    ax.set(ylabel="RPE (reward units)", xlim=(-0.6, len(STIMULATIONS) - 0.4))
    ax.set_xlabel(f"Outcome; left p = {levels.high:g}, right p = {levels.low:g}")
    count = tables["rpe"]["subject"].nunique()
    return legend_below(ax, title=f"control, networks (n = {count})")


def _violins(table: pd.DataFrame) -> pd.DataFrame:
    """The densities with their reach, as far as the densest outcome allows."""
    return table.assign(reach=0.45 * table["density"] / table["density"].max())


def _outcome_colour(outcome: str) -> str:
    return COLOURS[STIMULATIONS[outcome].label]


def _cells(tables: Tables) -> Iterator[tuple[str, float, float]]:
    """Outcome, probability of the large reward, and place on the horizontal axis."""
    for index, outcome in enumerate(STIMULATIONS):
        for inner, probability in enumerate(probabilities(tables).named.values()):
            yield outcome, probability, index * OUTCOME_WIDTH + inner


def _rats(ax: Axes, tables: Tables, height: float) -> None:
    """An arrow for each outcome, above the data: the direction of the rats' change."""
    colour = COLOURS["animal"]
    for index, outcome in enumerate(STIMULATIONS):
        rows = rows_at(tables["reference_rats"], outcome=outcome)
        marker = "^" if rows["value"].item() > 0 else "v"
        start = index * OUTCOME_WIDTH - 0.25
        # In two lines, as the next arrow is near.
        words = re.sub(r" (?=\d{4})", "\n", reference_label(rows))
        ax.plot(start, height, marker, color=colour, ms=9)
        ax.text(start + 0.2, height, words, color=colour, va="center", fontsize="small")


def _name_cells(ax: Axes, tables: Tables) -> None:
    """Tick labels: the probability below each place, the outcome below both."""
    cells = list(_cells(tables))
    middles = [index * OUTCOME_WIDTH + 0.5 for index in range(len(STIMULATIONS))]
    labels = [f"{probability:g}" for _, probability, _ in cells]
    labels += [f"\n{stimulation.label}" for stimulation in STIMULATIONS.values()]
    ax.set_xticks([place for *_, place in cells] + middles, labels)
    ax.tick_params(axis="x", length=0)
    ax.set_xlabel("Probability of the large reward; changed outcome")
