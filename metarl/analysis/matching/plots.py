"""Panels of the matching figure.

Held-in episodes are drawn filled and with full lines, held-out ones open and dashed.
Units of the trained network are always shown with those of an untrained one.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from metarl.analysis.analysis import Context
from metarl.analysis.matching.behaviour import SPLIT
from metarl.analysis.matching.units import HISTORY, VARIABLES
from metarl.analysis.measures import Tables, baseline_names, rows_at, select_group
from metarl.analysis.plotting import (
    Points,
    bars_with_subjects,
    baseline_ticks,
    chance_line,
    empty_panel,
    legend_below,
    mean_bars,
    mean_line,
    reference_label,
    reference_points,
    subject_colour,
    subject_dots,
    subject_label,
    subject_points,
)
from metarl.analysis.schema import Array
from metarl.analysis.style import COLOURS

STAY_NAMES = {
    "stay_after_reward": "stay after\nreward",
    "switch_after_none": "switch\nafter none",
}
"""Measure -> its name on the axis."""
MARKERS = {
    "mice, 40/10 %": "^",
    "mice, 40/5 %": "v",
    "mice, both": "<",
    "macaque X51": "s",
    "macaque X53": "D",
}
"""Label of a published result -> its marker."""
SHOWN = ("matching", "rich-then-poor")
"""Baselines that are drawn with slopes and probabilities."""
NETWORKS = {
    "trained": ("trained", COLOURS["agent"]),
    "untrained": ("untrained, same inputs", COLOURS["chance"]),
}
"""Network -> its label and colour."""
AXIS_NAMES = {
    "last action": "last\naction",
    "last reward": "last\nreward",
    "action x reward": "action\nx reward",
    HISTORY: "any of\nthese",
    "left value": "left\nvalue",
    "upcoming action": "next\naction",
}
"""Variable -> its name on the axis, in two lines."""


def plot_matching(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Choice against reward ratios, an episode a dot, with the mean lines."""
    colour, points = subject_colour(context), tables["points"]
    outside = (points["held_out"] == 1).to_numpy()
    for chosen, filled in ((~outside, True), (outside, False)):
        part = points[chosen]
        (dots,) = ax.plot(part["reward_ratio"], part["choice_ratio"], "o", ms=4)
        dots.set(color=colour, alpha=0.3, markerfacecolor=colour if filled else "none")
    ratios = points[["reward_ratio", "choice_ratio"]].to_numpy(float)
    reach = np.abs(ratios).max(initial=1.0)
    ends = np.array([-reach, reach])
    ax.plot(ends, ends, ":", color=COLOURS["chance"], lw=1.5, label="slope 1: matching")
    for name, style in zip(_known_sets(tables), ("-", "--"), strict=False):
        own = rows_at(select_group(tables["lines"]), set=name)
        slope, bias = own[["slope", "bias"]].mean()
        known = f"slope {slope:.2f}, r {own['r'].mean():.2f}"
        text = f"{name}: {'no slope' if np.isnan(slope) else known}"
        ax.plot(ends, bias + slope * ends, style, color=colour, lw=2, label=text)
    _published_lines(ax, tables, ends)
    ax.set_xlabel("Rewards, right to left (log2)")
    ax.set_ylabel("Choices, right to left (log2)")
    title = f"{subject_label(context)}; a dot is an episode"
    return legend_below(ax, title=title, columns=2)


def _known_sets(tables: Tables) -> tuple[str, ...]:
    """Held-in and held-out where the table has both, otherwise all."""
    lines = select_group(tables["lines"])
    known = lines[lines["set"].isin(SPLIT)]["episodes"].sum()
    return SPLIT if known else ("all",)


def _published_lines(ax: Axes, tables: Tables, ends: Array) -> None:
    """Lines with the slopes of mice, without bias."""
    rows = rows_at(tables["reference_behaviour"], measure="slope")
    mice = rows[rows["label"].str.startswith("mice")]
    for row, style in zip(range(len(mice)), ("-.", (0, (1, 1))), strict=True):
        slope = float(mice["value"].iloc[row])
        text = f"{reference_label(mice.iloc[[row]])}: slope {slope:.2f}"
        colour = COLOURS["animal"]
        ax.plot(ends, slope * ends, ls=style, color=colour, lw=1.5, label=text)


def plot_slopes(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Matching slopes and staying by outcome, with animals and baselines."""
    slopes = {f"slope, {name}": f"slope\n{name}" for name in _known_sets(tables)}
    names = slopes | STAY_NAMES
    where = Points(("measure",), list(names))
    places = bars_with_subjects(ax, tables, context, "slopes", "value", where)
    published = Points(("measure",), [*("slope" for _ in slopes), *STAY_NAMES])
    for index, (label, marker) in enumerate(MARKERS.items()):
        rows = rows_at(tables["reference_behaviour"], label=label)
        reference_points(
            ax,
            places + 0.22 + 0.07 * index,
            rows,
            published,
            marker=marker,
            size=6,
            markerfacecolor="white",
        )
    means = tables.summary("slopes")
    shown = [name for name in baseline_names(means) if name in SHOWN]
    baseline_ticks(ax, places, means, where, names=shown)
    ax.set_xticks(places + 0.1, list(names.values()))
    ax.set_ylabel("Slope, or probability")
    ax.set_xlabel("Measure, last two thirds of episodes")
    return legend_below(ax, columns=2, first=subject_label(context))


def plot_history(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Weights of past rewards and choices, with those of mice."""
    colour = subject_colour(context)
    means = select_group(tables.summary("history"))
    for predictor, style, marker in (("reward", "-", "^"), ("choice", "--", "v")):
        text = f"past {predictor}s"
        line = rows_at(means, predictor=predictor).sort_values("lag")
        mean_line(ax, line, "lag", colour, label=text, style=style, lw=2)
        each = rows_at(select_group(tables["history"]), predictor=predictor)
        subject_dots(ax, each, "lag", "weight", colour, size=1.5, alpha=0.5)
        mice = rows_at(tables["reference_history"], label="mice", predictor=predictor)
        reference_points(
            ax,
            mice["lag"],
            mice,
            marker=marker,
            size=5,
            label=f"{text}, {reference_label(mice)}",
            markerfacecolor="white",
        )
    chance_line(ax, 0, "-")
    ax.set(xlabel="Trials back", ylabel="Weight on that side (log odds)")
    ax.set_xticks(range(1, int(means["lag"].max()) + 1, 2))
    return legend_below(ax, title=subject_label(context))


def plot_earnings(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Reward per trial of every subject, held-in and held-out, with the baselines.

    Baselines with an exact expected reward are drawn for the subjects' own episodes.
    """
    sets = [name for name in _known_sets(tables) if name in SPLIT]
    if not sets:
        return empty_panel(ax, "base probabilities are not known")
    colour, own = subject_colour(context), select_group(tables["earnings"])
    for place, name in enumerate(sets):
        heights = rows_at(own, set=name)["reward_per_trial"]
        across = place - 0.15 + 0.3 * (np.arange(len(heights)) + 0.5) / len(heights)
        face = colour if name == "held-in" else "white"
        text = f"{subject_label(context)}, {name}"
        ax.plot(across, heights, "o", color=colour, markerfacecolor=face, label=text)
    places = np.arange(len(sets))
    where = Points(("set",), sets)
    baseline_ticks(ax, places, tables["baselines"], where, reach=0.35, width=2)
    _learned_tick(ax, own, context)
    ax.set_xticks(places, sets)
    ax.set(xlim=(-0.5, len(sets) - 0.5), ylabel="Rewards per trial")
    ax.set_xlabel("Base probabilities as in training, or held out of it")
    return legend_below(ax, columns=2)


def _learned_tick(ax: Axes, rewards: pd.DataFrame, context: Context) -> None:
    """The threshold for having learned, over the held-in episodes."""
    if context.learned is None:
        return
    means = rows_at(rewards, set="held-in")[["random", "rich_then_poor"]].mean()
    gain = means["rich_then_poor"] - means["random"]
    height = float(means["random"] + context.learned.threshold * gain)
    ax.hlines(height, -0.35, 0.35, color="black", lw=1, ls=":", label="learned")


def plot_coding(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Strength of the coding of each variable, of trained and untrained units."""
    coding = tables["coding"]
    if coding.empty:
        return empty_panel(ax)
    places = _network_bars(ax, tables, "coding", "strength", VARIABLES)
    wrong = rows_at(select_group(coding), network="trained")
    heights = wrong.groupby("variable")["wrong_episode"].mean().reindex(list(VARIABLES))
    reach = (places - 0.4, places)
    ax.hlines(heights, *reach, color="black", lw=2, label="trained, wrong episode")
    _first_units(ax, tables, places)
    ax.set(ylabel="|partial rank r|, mean over units", ylim=(0, 1))
    return _coding_axis(ax, coding)


def _first_units(ax: Axes, tables: Tables, places: Array) -> None:
    """Every trained unit of the first recorded network."""
    units = rows_at(tables["units"], network="trained")
    first = int(units["subject"].min())
    own = rows_at(units, subject=first)
    spots = [places[VARIABLES.index(name)] - 0.33 for name in own["variable"]]
    (dots,) = ax.plot(spots, own["r"].abs(), ".", label=f"units of network {first}")
    dots.set(color=COLOURS["agent"], alpha=0.4, markersize=3)


def plot_fractions(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Fraction of units that code each variable, with neurons of macaques."""
    coding = tables["coding"]
    if coding.empty or coding["fraction"].isna().all():
        return empty_panel(ax)
    names = [*VARIABLES[:3], HISTORY, *VARIABLES[3:]]
    places = _network_bars(ax, tables, "fractions", "fraction", names)
    for kind, marker, text in (
        ("responses", "s", "1,222 responses of macaque dlPFC"),
        ("neurons", "D", "205 neurons of macaque dlPFC"),
    ):
        reference_points(
            ax,
            places,
            rows_at(tables["reference_neurons"], of=kind),
            Points(("variable",), names),
            marker=marker,
            size=6,
            label=text,
            markerfacecolor="white",
        )
    ax.set(ylabel="Fraction of units", ylim=(0, 1.02))
    return _coding_axis(ax, coding)


def _network_bars(
    ax: Axes, tables: Tables, name: str, value: str, variables: Sequence[str]
) -> Array:
    """Bars of the trained and untrained networks, a dot a network; their places."""
    where = Points(("variable",), list(variables))
    places = np.arange(len(variables), dtype=float)
    means, each = select_group(tables.summary(name)), select_group(tables[name])
    for aside, (network, (label, colour)) in zip(
        (-0.2, 0.2), NETWORKS.items(), strict=True
    ):
        own = where.of(rows_at(means, network=network))
        bars, dots = places + aside, rows_at(each, network=network)
        mean_bars(ax, bars, own, colour, label=label, width=0.36, alpha=0.4, aside=0)
        subject_points(ax, bars + 0.08, dots, value, colour, where, size=3)
    ax.set_xticks(places, [AXIS_NAMES[name] for name in variables])
    return places


def _coding_axis(ax: Axes, coding: pd.DataFrame) -> Axes:
    ax.set_xlabel("Coded at fixation")
    count = int(select_group(coding)["subject"].nunique())
    return legend_below(ax, title=f"n = {count} networks", columns=2)
