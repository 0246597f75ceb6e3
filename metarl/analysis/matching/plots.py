"""Panels of the matching figure: each draws tables of `matching.tables` on axes.

Held-in episodes are drawn filled and with full lines, held-out ones open and dashed.
Nothing is computed here but where things stand; nothing is shown or saved.
"""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from metarl.analysis.bridge import LEARNED, measured
from metarl.analysis.matching import optimum as matching_optimum
from metarl.analysis.measures import baseline_names, select_group
from metarl.analysis.plotting import LEAST_FOR_INTERVAL, empty_panel, legend_below
from metarl.analysis.schema import Array
from metarl.analysis.style import COLOURS, baseline_colour

Tables = Mapping[str, pd.DataFrame]

SPLIT = ("held-in", "held-out")
"""Sets of episodes that are told apart."""
STAYS = {
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
CHOOSERS = ("matching", "rich-then-poor")
"""Strategies that are drawn beside slopes and probabilities."""
EXACT = {name: name.replace("_", "-") for name in matching_optimum.CHOOSERS}
"""Column of what a way of choosing earns, exactly -> its strategy."""


def plot_matching(tables: Tables, ax: Axes | None = None) -> Axes:
    """Choice against reward ratios, an episode a dot, with the mean lines."""
    ax = ax or plt.subplots()[1]
    colour, label = measured(tables)
    points = tables["points"]
    outside = (points["held_out"] == 1).to_numpy()
    for chosen, filled in ((~outside, True), (outside, False)):
        part = points[chosen]
        (dots,) = ax.plot(part["reward_ratio"], part["choice_ratio"], "o", ms=4)
        dots.set(color=colour, alpha=0.3, markerfacecolor=colour if filled else "none")
    ratios = points[["reward_ratio", "choice_ratio"]].to_numpy(float)
    reach = np.abs(ratios).max(initial=1.0)
    ends = np.array([-reach, reach])
    ax.plot(ends, ends, ":", color=COLOURS["chance"], lw=1.5, label="slope 1: matching")
    for name, style in zip(_sets(tables), ("-", "--"), strict=False):
        slope, bias = _mean_line(tables, name)
        text = f"{name}: slope {slope:.2f}, r {_mean_r(tables, name):.2f}"
        ax.plot(ends, bias + slope * ends, style, color=colour, lw=2, label=text)
    _published_lines(ax, tables, ends)
    ax.set(
        xlabel="Rewards, right to left (log2)", ylabel="Choices, right to left (log2)"
    )
    return legend_below(ax, title=f"{label}; a dot is an episode", columns=2)


def _sets(tables: Tables) -> tuple[str, ...]:
    """Held-in and held-out where the table tells them apart, otherwise all."""
    lines = select_group(tables["lines"])
    told = lines[lines["set"].isin(SPLIT)]["episodes"].sum()
    return SPLIT if told else ("all",)


def _mean_line(tables: Tables, name: str) -> tuple[float, float]:
    """Mean slope and bias over the measured subjects."""
    slopes, biases = (select_group(tables[f"{k}_summary"]) for k in ("slopes", "bias"))
    slope = slopes.loc[slopes["measure"] == f"slope, {name}", "mean"].iloc[0]
    return float(slope), float(biases.loc[biases["set"] == name, "mean"].iloc[0])


def _mean_r(tables: Tables, name: str) -> float:
    lines = select_group(tables["lines"])
    return float(lines.loc[lines["set"] == name, "r"].mean())


def _published_lines(ax: Axes, tables: Tables, ends: Array) -> None:
    """The mice's slopes, through no bias."""
    rows = tables["reference_matching"]
    mice = rows[(rows["measure"] == "slope") & (rows["species"] == "mouse")]
    for (_, row), style in zip(mice.iterrows(), ("-.", (0, (1, 1))), strict=True):
        text = f"{row['label']} (n = {row['n']}): slope {row['value']:.2f}"
        colour = COLOURS["animal"]
        ax.plot(ends, row["value"] * ends, ls=style, color=colour, lw=1.5, label=text)


def plot_slopes(tables: Tables, ax: Axes | None = None) -> Axes:
    """Matching slopes, and staying by outcome: a dot a subject, beside animals."""
    ax = ax or plt.subplots()[1]
    slopes = {f"slope, {name}": f"slope\n{name}" for name in _sets(tables)}
    names = slopes | STAYS
    colour, label = measured(tables)
    places = np.arange(len(names), dtype=float)
    means = (
        select_group(tables["slopes_summary"]).set_index("measure").reindex(list(names))
    )
    ax.bar(places, means["mean"], 0.34, color=colour, alpha=0.35, label=label, zorder=1)
    draw_interval(ax, places + 0.06, means, colour)
    for heights in _slopes_by_subject(tables, list(names)):
        ax.plot(places - 0.11, heights, "o", color=colour, markersize=4, zorder=3)
    _published_slopes(ax, tables, list(names))
    for name in (n for n in baseline_names(tables["slopes_summary"]) if n in CHOOSERS):
        own = select_group(tables["slopes_summary"], name).set_index("measure")
        levels = own["mean"].reindex(list(names))
        reach = (places - 0.2, places + 0.2)
        ax.hlines(levels, *reach, color=baseline_colour(name), lw=1.5, label=name)
    ax.set_xticks(places + 0.1, list(names.values()))
    ax.set(
        ylabel="Slope, or probability", xlabel="Measure, last two thirds of episodes"
    )
    return legend_below(ax, columns=2, first=label)


def _slopes_by_subject(tables: Tables, names: Sequence[str]) -> list[Array]:
    """For each measured subject, its value of each measure."""
    lines, facts = select_group(tables["lines"]), select_group(tables["subjects"])
    wide = lines.pivot(index="subject", columns="set", values="slope")
    wide = wide.add_prefix("slope, ").join(facts.set_index("subject")[list(STAYS)])
    return [*wide[list(names)].to_numpy(float)]


def _published_slopes(ax: Axes, tables: Tables, names: Sequence[str]) -> None:
    """Animals' values with their errors, right of the bars."""
    rows = tables["reference_matching"]
    for index, (label, marker) in enumerate(MARKERS.items()):
        own = rows[rows["label"] == label]
        found = own.set_index("measure")
        keys = ["slope" if name.startswith("slope") else name for name in names]
        found = found.reindex(keys)
        count = int(own["n"].iloc[0])
        ax.errorbar(
            np.arange(len(names)) + 0.22 + 0.07 * index,
            found["value"],
            found["error"],
            fmt=marker,
            color=COLOURS["animal"],
            markerfacecolor="white",
            markersize=6,
            label=label if count == 1 else f"{label} (n = {count})",
        )


def draw_interval(ax: Axes, places: Array, means: pd.DataFrame, colour: str) -> None:
    """95 % interval of each mean, where there are subjects enough."""
    enough = (means["n"] >= LEAST_FOR_INTERVAL).to_numpy()
    shown = means[enough]
    ax.vlines(
        places[enough], shown["low"], shown["high"], color=colour, lw=2.5, zorder=3
    )


def plot_history(tables: Tables, ax: Axes | None = None) -> Axes:
    """Weights of past rewards and choices, with the interval over subjects."""
    ax = ax or plt.subplots()[1]
    colour, label = measured(tables)
    means, each = (
        select_group(tables["history_summary"]),
        select_group(tables["history"]),
    )
    mice = tables["reference_history"]
    mice = mice[mice["label"] == "mice"]
    for predictor, style, marker in (("reward", "-", "^"), ("choice", "--", "v")):
        line = means[means["predictor"] == predictor].sort_values("lag")
        text = f"past {predictor}s"
        ax.plot(line["lag"], line["mean"], style, color=colour, lw=2, label=text)
        if (line["n"] >= LEAST_FOR_INTERVAL).all():
            band = (line["low"].astype(float), line["high"].astype(float))
            ax.fill_between(line["lag"], *band, color=colour, alpha=0.2, lw=0)
        dots = each[each["predictor"] == predictor]
        ax.plot(dots["lag"], dots["weight"], ".", color=colour, ms=3, alpha=0.5)
        rows = mice[mice["predictor"] == predictor]
        ax.errorbar(
            rows["lag"],
            rows["value"],
            rows["error"],
            fmt=marker,
            color=COLOURS["animal"],
            markerfacecolor="white",
            markersize=5,
            label=f"{text}, mice (n = {int(rows['n'].iloc[0])})",
        )
    ax.axhline(0, color=COLOURS["chance"], lw=1, zorder=0)
    ax.set(xlabel="Trials back", ylabel="Weight on that side (log odds)")
    ax.set_xticks(range(1, int(means["lag"].max()) + 1, 2))
    return legend_below(ax, title=label)


def plot_earnings(tables: Tables, ax: Axes | None = None) -> Axes:
    """Rewards a trial of every subject, held-in and held-out, beside the strategies.

    Those whose earnings are known exactly are drawn for the subjects' own episodes.
    """
    ax = ax or plt.subplots()[1]
    colour, label = measured(tables)
    earned = tables["earnings"]
    sets = [name for name in _sets(tables) if name in SPLIT]
    if not sets:
        return empty_panel(ax, "base chances are not known")
    own = select_group(earned)
    for place, name in enumerate(sets):
        heights = own.loc[own["set"] == name, "reward_per_trial"]
        across = place - 0.15 + 0.3 * (np.arange(len(heights)) + 0.5) / len(heights)
        face = colour if name == "held-in" else "white"
        text = f"{label}, {name}"
        ax.plot(across, heights, "o", color=colour, markerfacecolor=face, label=text)
    exact = own.groupby("set")[list(EXACT)].mean().rename(columns=EXACT)
    lines = {str(name): exact[name] for name in exact}
    for name in baseline_names(earned):
        part = select_group(earned, name).set_index("set")
        lines.setdefault(name, part["reward_per_trial"])
    places = np.arange(len(sets))
    reach = (places - 0.35, places + 0.35)
    for name, levels in sorted(lines.items(), key=lambda line: line[1].loc["all"]):
        colour = baseline_colour(name)
        ax.hlines(levels.loc[sets], *reach, color=colour, lw=2, label=name)
    _learned_line(ax, tables)
    ax.set_xticks(range(len(sets)), sets)
    ax.set(xlim=(-0.5, len(sets) - 0.5), ylabel="Rewards per trial")
    ax.set_xlabel("Base chances as in training, or held out of it")
    return legend_below(ax, columns=2)


def _learned_line(ax: Axes, tables: Tables) -> None:
    """The least that counts as learned, over the held-in episodes."""
    criterion = LEARNED.get(str(tables["about"]["task"].iloc[0]))
    if criterion is None or not bool(tables["about"]["scored"].iloc[0]):
        return
    own = select_group(tables["earnings"])
    means = own[own["set"] == "held-in"][["random", "rich_then_poor"]].mean()
    gain = means["rich_then_poor"] - means["random"]
    height = float(means["random"] + criterion.threshold * gain)
    ax.hlines(height, -0.35, 0.35, color="black", lw=1, ls=":", label="learned")
