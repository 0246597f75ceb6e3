"""Panels of the learning-set figure: what is kept of the last outcome.

Nothing is computed here but where things stand; nothing is shown or saved.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from metarl.analysis.bridge import Tables
from metarl.analysis.harlow.effects import (
    CONTROL,
    NEW_DISTRACTOR,
    RELATION_RULE,
    of_test,
)
from metarl.analysis.measures import MEASURED
from metarl.analysis.plotting import empty_panel, legend_below
from metarl.analysis.style import COLOURS, baseline_colour

TEST_NAMES = {
    "test": "new\nthings",
    "held-in": "those of\ntraining",
    "equalized": "of one\ncolour",
    "trial-reset": "no\nmemory",
}
"""Test -> its name on an axis."""
AROUND_REVERSAL = {7: "7th:\nswap", 8: "8th\ntrial", 12: "12th\ntrial"}
"""Trial of the test in which things swap roles after the sixth -> its name."""
SIDES = {MEASURED: COLOURS["agent"], CONTROL: COLOURS["trained otherwise"]}
"""Group -> its colour."""
RULES = {
    "keeps the picture": ((1.0, 1.0), COLOURS["optimum"]),
    "keeps the order by one feature": (
        (1.0, RELATION_RULE),
        baseline_colour("relation"),
    ),
    "keeps nothing": ((0.5, 0.5), COLOURS["chance"]),
}
"""Account of what is kept -> accuracy with the same two things, and where the
unrewarded one is replaced; and its colour."""
GROUP_NAMES = {MEASURED: "networks", CONTROL: "trained with replaced things"}
"""Group -> its name in a legend."""


def plot_tests(tables: Tables, ax: Axes | None = None) -> Axes:
    """Accuracy in trials 2 to 6 of other tests, and around a reversal."""
    ax = ax or plt.subplots()[1]
    names: list[str] = []
    for test, name in TEST_NAMES.items():
        values = of_test(tables, MEASURED, test)["later_trials"]
        if len(values):
            _dots(ax, len(names), 100 * values, 100 * _mean(tables, MEASURED, test))
            names.append(name)
    keys = ["group", "test", "trial"]
    every = tables["accuracy"].set_index([*keys, "subject"])["accuracy"].sort_index()
    means = tables["accuracy_summary"].set_index(keys)["mean"]
    for trial, name in AROUND_REVERSAL.items():
        key = MEASURED, "reversal", trial
        if key in means:
            _dots(ax, len(names), 100 * every[key], 100 * means[key])
            names.append(name)
    ax.axhline(50, color=COLOURS["chance"], lw=1, ls=":")
    ax.set_xticks(range(len(names)), names, fontsize="x-small")
    ax.set(ylim=(-3, 103), xlim=(-0.6, len(names) - 0.4))
    ax.set_ylabel("Correct in trials 2 to 6,\nor in the trial named (%)")
    return ax


def _mean(tables: Tables, group: str, test: str) -> float:
    """Accuracy in trials 2 to 6 over subjects; NaN where the test was not taken."""
    means = tables["subjects_summary"].set_index(["group", "test"])["mean"]
    return float(means.get((group, test), np.nan))


def _dots(ax: Axes, place: float, values: "pd.Series[float]", mean: float) -> None:
    """Every subject, and the mean as a bar across."""
    colour = COLOURS["agent"]
    spots = place + np.linspace(-0.15, 0.15, len(values)) * (len(values) > 1)
    ax.plot(spots, values, "o", color=colour, ms=4, alpha=0.5)
    ax.hlines(mean, place - 0.25, place + 0.25, color=colour, lw=3)


def plot_accounts(tables: Tables, ax: Axes | None = None) -> Axes:
    """The same two things against a new unrewarded one: networks and accounts."""
    ax = ax or plt.subplots()[1]
    for group, colour in SIDES.items():
        same, new = (
            of_test(tables, group, test).set_index("subject")["later_trials"]
            for test in ("test", NEW_DISTRACTOR)
        )
        if same.empty or new.empty:
            continue
        both = 100 * pd.concat([same, new], axis=1, keys=[0, 1]).dropna()
        for _, one in both.iterrows():
            ax.plot([0, 1], one, "o-", color=colour, lw=0.8, ms=3, alpha=0.35)
        label = f"{GROUP_NAMES[group]} (n = {len(both)})"
        heights = [
            100 * _mean(tables, group, test) for test in ("test", NEW_DISTRACTOR)
        ]
        ax.plot([0, 1], heights, "o-", color=colour, lw=3, ms=7, label=label)
    for name, (share, colour) in RULES.items():
        ax.plot([0, 1], 100 * np.array(share), "--", color=colour, lw=2, label=name)
    kept = 100 * _mean(tables, "mean-colour", "test")
    if np.isfinite(kept):
        colour, name = baseline_colour("mean-colour"), "keeps mean colour"
        ax.plot(0, kept, "D", color=colour, ms=7, label=name)
    ax.set_xticks([0, 1], ["same two things", "unrewarded thing\nreplaced each trial"])
    ax.set(xlim=(-0.25, 1.25), ylim=(45, 103), ylabel="Correct in trials 2 to 6 (%)")
    return legend_below(ax)


def plot_decoding(tables: Tables, ax: Axes | None = None) -> Axes:
    """Slopes of what units keep on target and distractor, with the two accounts."""
    ax = ax or plt.subplots()[1]
    found = tables["decoding"]
    shown = [(MEASURED, "test"), (CONTROL, NEW_DISTRACTOR)]
    if found.empty:
        return empty_panel(ax)
    means = tables["decoding_summary"].set_index(["group", "test", "units"])["mean"]
    told = ["r2 of what paid"]
    for group, test in shown:
        one = found[(found["group"] == group) & (found["test"] == test)]
        for units, rows in one.groupby("units"):
            name = GROUP_NAMES[group] + ("" if units == "trained" else ", untrained")
            ax.plot(
                rows["slope_target"],
                rows["slope_distractor"],
                "o",
                color=SIDES[group],
                mfc=SIDES[group] if units == "trained" else "none",
                ms=6,
                alpha=0.8,
                label=name,
            )
            told.append(f"{name}: {means[group, test, units]:.2f}")
    edge = 1.05
    ax.plot([0, edge], [0, 0], color=COLOURS["optimum"], lw=2, label="the picture")
    ends = [0, edge / 2]
    ax.plot(
        ends,
        [0, -edge / 2],
        color=baseline_colour("relation"),
        lw=2,
        label="the relation",
    )
    ax.set(xlabel="Weight of the thing that paid", ylabel="Weight of the other thing")
    ax.set(xlim=(-0.1, edge), ylim=(-edge / 2 - 0.05, 0.45))
    words = "\n".join(told)
    where = ax.transAxes
    ax.text(0.99, 0.99, words, size="x-small", ha="right", va="top", transform=where)
    return legend_below(ax, title="Decoded from units before the next pictures")


def plot_gaze(tables: Tables, ax: Axes | None = None) -> Axes:
    """Gaze from the moment the pictures appear, in the first and the last trial."""
    ax = ax or plt.subplots()[1]
    traces = tables["gaze"]
    if traces.empty:
        return empty_panel(ax)
    last = int(traces["trial"].max())
    sides = ((1, COLOURS["chance"], -0.17), (last, COLOURS["agent"], 0.17))
    for trial, colour, aside in sides[: 1 + (last > 1)]:
        one = traces[traces["trial"] == trial]
        ax.plot([], [], color=colour, lw=2.5, label=f"trial {trial}")
        for number, (_, trace) in enumerate(one.groupby("episode")):
            # Apart by a little, or whole turns would hide each other.
            shift = aside + 0.3 * (number % 25 / 25 - 0.5)
            path = trace["decision"], trace["gaze"] + shift
            ax.plot(*path, color=colour, lw=0.8, alpha=0.5)
    ax.axhline(0, color="black", lw=0.8)
    ax.set(xlabel="Decisions since the pictures appeared")
    ax.set_ylabel("Gaze (turns)\nto the other  |  to the one that pays")
    longest = min(12, int(traces["decision"].max()))
    ax.set_xlim(0, longest)
    ax.set_xticks(range(longest + 1))
    return legend_below(ax)
