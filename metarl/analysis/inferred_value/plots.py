"""Panels of responses to cues, over subjects: each draws tables on axes.

Nothing is computed here but where things stand; nothing is shown or saved.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from metarl.analysis.bridge import CRITERIA, Tables, measured
from metarl.analysis.inferred_value.effects import RESET
from metarl.analysis.inferred_value.responses import KINDS, SHOWN_EVENTS, WHEN
from metarl.analysis.measures import MEASURED, select_group
from metarl.analysis.plotting import LEAST_FOR_INTERVAL, empty_panel, legend_below
from metarl.analysis.style import COLOURS, baseline_colour

WHEN_NAMES = {
    "before": "trial 1,\nbefore",
    "experienced": "trial 2,\nexperienced",
    "inferred": "trial 2,\ninferred",
}
"""The three comparisons in words."""
CUE_NAMES = {"old": "cue rewarded before", "new": "cue rewarded after the reversal"}
"""The two cues in words."""
MARKERS = {"ideal": "D", "td": "X"}
"""Reference strategies drawn beside the networks' responses -> marker."""
WHEN_MARKERS = {"before": "s", "experienced": "o", "inferred": "^"}
"""Comparison -> marker."""
EQUAL = CRITERIA["inferred-value"]["inferred / experienced"]
"""Ratios that count as equal."""
SPACE = 4.0
"""Width that each comparison takes, in steps of a trial."""
BY_CHANCE = 1 / 9
"""Share of valid trials of actions drawn from a hat: a third at each of two steps."""


def plot_cue_responses(tables: Tables, ax: Axes | None = None) -> Axes:
    """Prediction errors at fixation, cue and go, as in the paper's three panels."""
    ax = ax or plt.subplots()[1]
    ax.set(ylabel="RPE on arrival (reward units)")
    ax.set_xlabel("Step of the trial: fixation, cue, go")
    if select_group(tables["responses"]).empty:
        return empty_panel(ax)
    for index, when in enumerate(WHEN):
        for kind in KINDS:
            _cue_lines(ax, tables, when, kind, SPACE * index)
        if index:
            ax.axvline(SPACE * index - 1, color=COLOURS["chance"], lw=0.8)
    ax.axhline(0, color=COLOURS["chance"], lw=1, zorder=0)
    for name in _there(tables["responses"], tuple(MARKERS)):
        ax.plot([], [], MARKERS[name], color="black", mfc="none", label=name)
    ax.set_xticks(SPACE * np.arange(len(WHEN)) + 1, list(WHEN_NAMES.values()))
    label = measured(tables)[1]
    return legend_below(ax, title=f"{label}, a dot each")


def _cue_lines(ax: Axes, tables: Tables, when: str, kind: str, offset: float) -> None:
    """One cue in one comparison: mean, interval, a dot a subject, strategies."""
    colour = COLOURS[f"{kind} cue"]
    places = offset + np.arange(len(SHOWN_EVENTS))
    means = _steps(select_group(_cell(tables["responses_summary"], when, kind)))
    label = CUE_NAMES[kind] if when == WHEN[0] else None
    ax.plot(places, means["mean"], "-", color=colour, lw=2, label=label)
    _intervals(ax, places, means, colour)
    each = _cell(tables["responses"], when, kind)
    at_cue = each[each["event"] == "cue"]
    dots = select_group(at_cue)["rpe"]
    spread = offset + 1 + np.linspace(-0.15, 0.15, len(dots))
    ax.plot(spread, dots, "o", color=colour, ms=4, alpha=0.7)
    for name, marker in MARKERS.items():
        found = select_group(at_cue, name)["rpe"]
        places = np.full(len(found), offset + (1.4 if name == "ideal" else 1.65))
        ax.plot(places, found, marker, color=colour, mfc="none", ms=8)


def _cell(table: pd.DataFrame, when: str, kind: str) -> pd.DataFrame:
    return table[(table["when"] == when) & (table["cue"] == kind)]


def _steps(means: pd.DataFrame) -> pd.DataFrame:
    return means.set_index("event").reindex(list(SHOWN_EVENTS))


def _there(table: pd.DataFrame, names: tuple[str, ...]) -> list[str]:
    """Those of the names that are groups of the table."""
    known = set(table["group"])
    return [name for name in names if name in known]


def _intervals(
    ax: Axes, places: "np.ndarray", means: pd.DataFrame, colour: str
) -> None:
    """95 % interval of each mean, where there are subjects enough."""
    shown = (means["n"] >= LEAST_FOR_INTERVAL).to_numpy()
    rows = means[shown]
    ax.vlines(places[shown], rows["low"], rows["high"], color=colour, lw=2.5, zorder=3)


def plot_controls(tables: Tables, ax: Axes | None = None) -> Axes:
    """The three numbers of networks, of a reset memory, and of strategies."""
    ax = ax or plt.subplots()[1]
    ax.set(ylabel="Response difference (reward units)", xlabel="Who responds")
    table, means = tables["differences"], tables["differences_summary"]
    if select_group(table).empty:
        return empty_panel(ax)
    colour, label = measured(tables)
    names = _there(table, (MEASURED, RESET, "ideal", "counting", "td"))
    for when, marker in WHEN_MARKERS.items():
        for index, name in enumerate(names):
            own = name in (MEASURED, RESET)
            shade = colour if own else baseline_colour(name)
            place = index + 0.25 * (WHEN.index(when) - 1)
            row = select_group(means[means["when"] == when], name)
            values = select_group(table[table["when"] == when], name)["difference"]
            ax.plot([place] * len(values), values, ".", color=shade, alpha=0.6)
            ax.plot([place], row["mean"], marker, color=shade, ms=8, mfc="none")
            _intervals(ax, np.array([place]), row, shade)
        ax.plot([], [], marker, color="black", mfc="none", label=when)
    ideal = float(tables["about"]["ideal"].iloc[0])
    ax.axhline(0, color=COLOURS["chance"], lw=1, zorder=0)
    ax.axhline(ideal, color=COLOURS["optimum"], lw=1, ls=":", zorder=0)
    words = {MEASURED: "networks", RESET: "memory\nreset"}
    ax.set_xticks(range(len(names)), [words.get(name, name) for name in names])
    return legend_below(ax, title=label, columns=3)


def plot_ratios(tables: Tables, ax: Axes | None = None) -> Axes:
    """Inferred over experienced value of every subject, with what was published."""
    ax = ax or plt.subplots()[1]
    ax.set(ylabel="Inferred / experienced response")
    subjects = select_group(tables["subjects"])
    known = subjects[subjects["ratio"].notna()]
    colour, label = measured(tables)
    ax.set_xlabel(f"Subject; {label}")
    if known.empty:
        return empty_panel(ax)
    places, end = np.arange(len(known)), 1.6 * len(known) + 1.4
    ax.axhspan(EQUAL.low, EQUAL.high, color=COLOURS["chance"], alpha=0.15, lw=0)
    ax.axhline(1, color=COLOURS["paper"], lw=1.5, ls="--", label="paper: equal")
    ax.plot(places, known["ratio"], "o", color=colour, label="networks")
    mean = tables["ratio_summary"]
    ax.plot([len(known)], mean["mean"], "s", color=colour, label="mean, 95 % interval")
    _intervals(ax, np.array([len(known)]), mean, colour)
    if (tables["reference_signs"]["value"] < 0).any():
        _smaller_in_monkeys(ax, (len(known) + 0.5 + end) / 2)
    names = [str(name).removeprefix("subject ") for name in known["label"]]
    ax.set_xticks([*places, len(known)], [*names, "mean"])
    ax.set_xlim(-0.6, end)
    low, high = ax.get_ylim()
    ax.set_ylim(min(low, 0.6), max(high, 1.4))
    return legend_below(ax)


def _smaller_in_monkeys(ax: Axes, place: float) -> None:
    """An arrow below equality: what was published is a direction, no number."""
    ax.annotate(
        "monkeys' dopamine:\nsmaller (sign only)",
        (place, EQUAL.low - 0.12),
        (place, 0.97),
        arrowprops={"arrowstyle": "-|>", "color": COLOURS["animal"]},
        color=COLOURS["animal"],
        fontsize="small",
        ha="center",
        va="top",
    )


def plot_valid_shares(tables: Tables, ax: Axes | None = None) -> Axes:
    """Share of trials answered as asked for, by trial of a block."""
    ax = ax or plt.subplots()[1]
    colour, label = measured(tables)
    each, means = select_group(tables["valid"]), select_group(tables["valid_summary"])
    means = means.sort_values("block_trial")
    ax.plot(each["block_trial"], each["valid"], ".", color=colour, alpha=0.6)
    places = means["block_trial"].to_numpy(float)
    ax.plot(places, means["mean"], "-", color=colour, lw=2, label=label)
    _intervals(ax, places, means, colour)
    ax.axhline(BY_CHANCE, color=COLOURS["chance"], lw=1, ls=":", label="any action")
    ax.set(xlabel="Trial of a block", ylabel="Valid trials (share)", ylim=(0, 1.03))
    ax.set_xticks(places)
    return legend_below(ax)
