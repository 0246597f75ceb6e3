"""Panels of the learning-set figure: what is kept of the last outcome.

Nothing is computed here but where things stand; nothing is shown or saved.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from metarl.analysis.groups import MEASURED, Tables
from metarl.analysis.learning_set_effects import (
    CONTROL,
    NEW_DISTRACTOR,
    RELATION_RULE,
    of_test,
)
from metarl.analysis.plotting import legend_below, no_data
from metarl.analysis.statistics import mean_interval
from metarl.analysis.style import COLOURS

TEST_NAMES = {
    "test": "new things",
    "held-in": "things of\ntraining",
    "equalized": "one mean\ncolour",
    "trial-reset": "memory\nreset on\neach trial",
}
"""Test -> its name on an axis."""
SIDES = {MEASURED: COLOURS["agent"], CONTROL: COLOURS["trained otherwise"]}
"""Group -> its colour."""
GROUP_NAMES = {MEASURED: "networks", CONTROL: "trained with replaced things"}
"""Group -> its name in a legend."""


def plot_tests(tables: Tables, ax: Axes | None = None) -> Axes:
    """Accuracy in trials 2 to 6 of other tests, and around a reversal."""
    ax = ax or plt.subplots()[1]
    names, place = [], 0
    for test, name in TEST_NAMES.items():
        values = of_test(tables, MEASURED, test)["later_trials"]
        if len(values):
            _dots(ax, place, 100 * values, COLOURS["agent"])
            names.append(name)
            place += 1
    every = tables["accuracy"]
    after = every[(every["group"] == MEASURED) & (every["test"] == "reversal")]
    for trial, name in ((7, "reversal:\n7th trial"), (8, "8th trial")):
        values = after.loc[after["trial"] == trial, "accuracy"]
        if len(values):
            _dots(ax, place, 100 * values, COLOURS["agent"])
            names.append(name)
            place += 1
    ax.axhline(50, color=COLOURS["chance"], lw=1, ls=":")
    ax.set_xticks(range(len(names)), names, fontsize="x-small")
    ax.set(ylim=(-3, 103), xlim=(-0.6, len(names) - 0.4))
    ax.set_ylabel("Correct in trials 2 to 6 (%)")
    return ax


def _dots(ax: Axes, place: float, values: "pd.Series[float]", colour: str) -> None:
    """Every subject, and the mean as a bar across."""
    spots = place + np.linspace(-0.15, 0.15, len(values)) * (len(values) > 1)
    ax.plot(spots, values, "o", color=colour, ms=4, alpha=0.5)
    mean = mean_interval(values)[0]
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
        ax.plot([0, 1], both.mean(), "o-", color=colour, lw=3, ms=7, label=label)
    rules = {
        "keeps the picture": ((100, 100), "optimum"),
        "keeps the relation": ((100, 100 * RELATION_RULE), "model-free"),
        "keeps nothing": ((50, 50), "chance"),
    }
    for name, (heights, colour) in rules.items():
        ax.plot([0, 1], heights, "--", color=COLOURS[colour], lw=2, label=name)
    ax.set_xticks([0, 1], ["same two things", "unrewarded thing\nreplaced each trial"])
    ax.set(xlim=(-0.25, 1.25), ylim=(45, 103), ylabel="Correct in trials 2 to 6 (%)")
    return legend_below(ax)


def plot_decoding(tables: Tables, ax: Axes | None = None) -> Axes:
    """Slopes of what units keep on target and distractor, with the two accounts."""
    ax = ax or plt.subplots()[1]
    found = tables["decoding"]
    shown = [(MEASURED, "test"), (CONTROL, NEW_DISTRACTOR)]
    if found.empty:
        return no_data(ax)
    for group, test in shown:
        one = found[(found["group"] == group) & (found["test"] == test)]
        for units, marker, face in (("trained", "o", True), ("untrained", "o", False)):
            rows = one[one["units"] == units]
            if rows.empty:
                continue
            ax.plot(
                rows["slope_target"],
                rows["slope_distractor"],
                marker,
                color=SIDES[group],
                mfc=SIDES[group] if face else "none",
                ms=6,
                alpha=0.8,
                label=f"{GROUP_NAMES[group]}{'' if face else ', untrained'}",
            )
    edge = 1.05
    ax.plot([0, edge], [0, 0], color=COLOURS["optimum"], lw=2, label="the picture")
    ends = [0, edge / 2]
    ax.plot(
        ends,
        [0, -edge / 2],
        color=COLOURS["model-free"],
        lw=2,
        label="the relation",
    )
    ax.set(xlabel="Weight of the thing that paid", ylabel="Weight of the other thing")
    ax.set(xlim=(-0.05, edge), ylim=(-edge / 2 - 0.05, 0.3))
    return legend_below(ax, title="Decoded from units before the next pictures")


def plot_gaze(tables: Tables, ax: Axes | None = None) -> Axes:
    """Gaze from the moment the pictures appear, in the first and the last trial."""
    ax = ax or plt.subplots()[1]
    traces = tables["gaze"]
    if traces.empty:
        return no_data(ax)
    last = int(traces["trial"].max())
    for trial, colour in ((1, COLOURS["chance"]), (last, COLOURS["agent"])):
        one = traces[traces["trial"] == trial]
        ax.plot([], [], color=colour, lw=2.5, label=f"trial {trial}")
        for number, (_, trace) in enumerate(one.groupby("episode")):
            # Apart by a little, or whole turns would hide each other.
            shift = 0.3 * (number % 25 / 25 - 0.5)
            path = trace["decision"], trace["gaze"] + shift
            ax.plot(*path, color=colour, lw=0.8, alpha=0.5)
    ax.axhline(0, color="black", lw=0.8)
    ax.set(xlabel="Decisions since the pictures appeared")
    ax.set_ylabel("Gaze (turns)\nto the other  |  to the one that pays")
    ax.set_xlim(0, min(12, float(traces["decision"].max())))
    return legend_below(ax)
