"""Panels of the inferred-value figure.

Lines and markers are means of the networks, dots the networks, intervals over networks;
baselines and published values are named in the legends.
"""

from collections.abc import Sequence
from itertools import product

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from metarl.analysis.analysis import Context
from metarl.analysis.inferred_value.behaviour import BEFORE
from metarl.analysis.inferred_value.effects import RESET, ideal_of
from metarl.analysis.inferred_value.responses import (
    EVENTS,
    KINDS,
    PLACES,
    SHOWN_EVENTS,
    WHEN,
)
from metarl.analysis.measures import (
    MEASURED,
    Tables,
    in_order,
    rows_at,
    select_group,
)
from metarl.analysis.plotting import (
    chance_line,
    empty_panel,
    interval,
    legend_below,
    mean_line,
    subject_colour,
    subject_label,
)
from metarl.analysis.style import COLOURS, baseline_colour

WHEN_NAMES = {
    "before": "trial 1,\nbefore",
    "experienced": "trial 2,\nexperienced",
    "inferred": "trial 2,\ninferred",
}
"""The three comparisons in words."""
WHEN_MARKERS = {"before": "s", "experienced": "o", "inferred": "^"}
"""Comparison -> marker."""
CUE_NAMES = {"old": "cue rewarded before", "new": "cue rewarded after the reversal"}
"""The two cues in words."""
BASELINE_MARKS = {"ideal": ("D", 1.4), "td": ("X", 1.65)}
"""Baseline -> marker of its response, and distance from the comparison's first step."""
SPACE = 4.0
"""Width that each comparison takes, in steps of a trial."""
RANDOM_VALID = 1 / 9
"""Share of valid trials under random actions: a third at each of two steps."""
STEPS = list(product(PLACES, EVENTS))
"""Every step of the trials around a reversal, in order."""
TRIALS_LABEL = "Trial from the reversal: fixation to outcome"


def plot_cue_responses(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Prediction errors at fixation, cue and go, as in the paper's three panels."""
    ax.set(ylabel="RPE on arrival (reward units)")
    ax.set_xlabel("Step of the trial: fixation, cue, go")
    if select_group(tables["responses"]).empty:
        return empty_panel(ax)
    for index, when in enumerate(WHEN):
        for kind in KINDS:
            _cue_lines(ax, tables, when, kind, SPACE * index)
        if index:
            ax.axvline(SPACE * index - 1, color=COLOURS["chance"], lw=0.8)
    chance_line(ax, 0, "-")
    for name in _groups(tables["responses"], list(BASELINE_MARKS)):
        marker = BASELINE_MARKS[name][0]
        ax.plot([], [], marker, color="black", mfc="none", label=name)
    ax.set_xticks(SPACE * np.arange(len(WHEN)) + 1, list(WHEN_NAMES.values()))
    return legend_below(ax, title=f"{subject_label(context)}, a dot each")


def _cue_lines(ax: Axes, tables: Tables, when: str, kind: str, offset: float) -> None:
    """One cue in one comparison: mean, interval, a dot a subject, baselines."""
    colour, where = COLOURS[f"{kind} cue"], {"when": when, "cue": kind}
    places = offset + np.arange(len(SHOWN_EVENTS))
    means = rows_at(select_group(tables.summary("responses")), **where)
    means = in_order(means, ["event"], SHOWN_EVENTS)
    label = CUE_NAMES[kind] if when == WHEN[0] else None
    ax.plot(places, means["mean"], "-", color=colour, lw=2, label=label)
    interval(ax, places, means, colour)
    at_cue = rows_at(tables["responses"], **where, event="cue")
    dots = select_group(at_cue)["rpe"]
    spread = offset + 1 + np.linspace(-0.15, 0.15, len(dots))
    ax.plot(spread, dots, "o", color=colour, ms=4, alpha=0.7)
    for name, (marker, right) in BASELINE_MARKS.items():
        errors = select_group(at_cue, name)["rpe"]
        places = np.full(len(errors), offset + right)
        ax.plot(places, errors, marker, color=colour, mfc="none", ms=8)


def _groups(table: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """Those of the names that are groups of the table."""
    known = set(table["group"])
    return [name for name in names if name in known]


def plot_controls(tables: Tables, context: Context, ax: Axes) -> Axes:
    """The three numbers of networks, of networks with reset memory, of baselines."""
    ax.set(ylabel="Response difference (reward units)", xlabel="Group")
    table, means = tables["differences"], tables.summary("differences")
    if select_group(table).empty:
        return empty_panel(ax)
    names = _groups(table, (MEASURED, RESET, "ideal", "counting", "td"))
    for when, marker in WHEN_MARKERS.items():
        for index, name in enumerate(names):
            own = name in (MEASURED, RESET)
            colour = subject_colour(context) if own else baseline_colour(name)
            place = index + 0.25 * (WHEN.index(when) - 1)
            row = rows_at(means, group=name, when=when)
            values = rows_at(table, group=name, when=when)["difference"]
            ax.plot([place] * len(values), values, ".", color=colour, alpha=0.6)
            ax.plot([place], row["mean"], marker, color=colour, ms=8, mfc="none")
            interval(ax, [place], row, colour)
        ax.plot([], [], marker, color="black", mfc="none", label=when)
    chance_line(ax, 0, "-")
    ideal = ideal_of(tables)
    ax.axhline(ideal, color=COLOURS["optimum"], lw=1, ls=":", zorder=0)
    words = {MEASURED: context.subjects_are, RESET: "memory\nreset"}
    ax.set_xticks(range(len(names)), [words.get(name, name) for name in names])
    return legend_below(ax, title=subject_label(context), columns=3)


def plot_ratios(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Inferred over experienced value of every subject, with the published values."""
    subjects, colour = select_group(tables["subjects"]), subject_colour(context)
    known = subjects[subjects["ratio"].notna()]
    ax.set(ylabel="Inferred / experienced response")
    ax.set_xlabel(f"Subject; {subject_label(context)}")
    if known.empty:
        return empty_panel(ax)
    places, end = np.arange(len(known)), 1.6 * len(known) + 1.4
    equal = context.criteria["inferred / experienced"]
    ax.axhspan(equal.low, equal.high, color=COLOURS["chance"], alpha=0.15, lw=0)
    ax.axhline(1, color=COLOURS["paper"], lw=1.5, ls="--", label="paper: equal")
    ax.plot(places, known["ratio"], "o", color=colour, label=context.subjects_are)
    mean = select_group(tables.summary("subjects"))
    ax.plot([len(known)], mean["mean"], "s", color=colour, label="mean, 95 % interval")
    interval(ax, [len(known)], mean, colour)
    if (tables["reference_signs"]["value"] < 0).any():
        _smaller_in_monkeys(ax, (len(known) + 0.5 + end) / 2, equal.low - 0.12)
    names = [str(name).removeprefix("subject ") for name in known["label"]]
    ax.set_xticks([*places, len(known)], [*names, "mean"])
    ax.set_xlim(-0.6, end)
    low, high = ax.get_ylim()
    ax.set_ylim(min(low, 0.6), max(high, 1.4))
    return legend_below(ax)


def _smaller_in_monkeys(ax: Axes, place: float, height: float) -> None:
    """An arrow below equality: only the direction was published."""
    ax.annotate(
        "monkeys' dopamine:\nsmaller (sign only)",
        (place, height),
        (place, 0.97),
        arrowprops={"arrowstyle": "-|>", "color": COLOURS["animal"]},
        color=COLOURS["animal"],
        fontsize="small",
        ha="center",
        va="top",
    )


def plot_valid_shares(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Share of valid trials, by trial of a block."""
    colour, each = subject_colour(context), select_group(tables["valid"])
    means = select_group(tables.summary("valid")).sort_values("block_trial")
    ax.plot(each["block_trial"], each["valid"], ".", color=colour, alpha=0.6)
    places = means["block_trial"].to_numpy(float)
    ax.plot(
        places, means["mean"], "-", color=colour, lw=2, label=subject_label(context)
    )
    interval(ax, places, means, colour)
    ax.axhline(RANDOM_VALID, color=COLOURS["chance"], lw=1, ls=":", label="any action")
    ax.set(xlabel="Trial of a block", ylabel="Valid trials (share)", ylim=(0, 1.03))
    ax.set_xticks(places)
    return legend_below(ax)


def plot_values(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Value at each step of the trials around a reversal, by the trial's cue."""
    ax.set(ylabel="Value (reward units)", xlabel=TRIALS_LABEL)
    means = tables.summary("values")
    if select_group(means).empty:
        return empty_panel(ax)
    for kind in KINDS:
        colour, rows = COLOURS[f"{kind} cue"], rows_at(means, cue=kind)
        _course(ax, select_group(rows), colour, label=CUE_NAMES[kind])
        ideal = in_order(select_group(rows, "ideal"), ("place", "event"), STEPS)
        ax.plot(np.arange(len(ideal)), ideal["mean"], ":", color=colour, lw=1.5)
    if _groups(means, ["ideal"]):
        ax.plot([], [], ":", color="black", label="ideal")
    _trial_ticks(ax)
    return legend_below(ax, title=subject_label(context))


def plot_readout(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Share of trials in which the new cue is read out as the rewarded one, by step."""
    ax.set(ylabel="New cue read out (share)", xlabel=TRIALS_LABEL, ylim=(-0.03, 1.03))
    means = tables.summary("readout")
    if means.empty:
        return empty_panel(ax)
    # They often coincide, so the untrained line is the broader and lies below.
    styles = {
        "untrained": (COLOURS["chance"], 5),
        "trained": (subject_colour(context), 2),
    }
    for units, (colour, width) in styles.items():
        _course(ax, rows_at(means, units=units), colour, label=units, width=width)
        for _, own in rows_at(tables["readout"], units=units).groupby("subject"):
            shares = in_order(own, ("place", "event"), STEPS)["share"]
            ax.plot(np.arange(len(shares)), shares, ".", color=colour, alpha=0.5)
    chance_line(ax)
    _trial_ticks(ax)
    return legend_below(ax, title=f"{subject_label(context)}, same inputs")


def _course(
    ax: Axes, rows: pd.DataFrame, colour: str, *, label: str, width: float = 2
) -> None:
    """A mean at every step, parted by trial, with the interval over subjects."""
    means = in_order(rows, ("place", "event"), STEPS)
    means = means.assign(step=np.arange(len(STEPS)))
    for place in PLACES:
        named = label if place == BEFORE else None
        mean_line(ax, means.loc[[place]], "step", colour, label=named, lw=width)


def _trial_ticks(ax: Axes) -> None:
    """Name the trials, and mark the reversal between them."""
    width = len(EVENTS)
    names = ["last" if place == BEFORE else f"{place}" for place in PLACES]
    middles = [width * index + (width - 1) / 2 for index in range(len(names))]
    ax.set_xticks(middles, names)
    for index in range(1, len(names)):
        colour, style = ("black", "--") if index == 1 else ("0.85", "-")
        ax.axvline(width * index - 0.5, color=colour, ls=style, lw=1.2, zorder=0)


def plot_states(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Two principal components of one subject's units at each step of a trial."""
    ax.set(ylabel="Second component (scaled)")
    ax.set_xlabel("First component (scaled), at each step")
    states = tables["states"]
    if states.empty:
        return empty_panel(ax)
    for reversal, cue in product((False, True), ("A", "B")):
        part = rows_at(states, rewarded_cue=cue, reversal=reversal)
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
