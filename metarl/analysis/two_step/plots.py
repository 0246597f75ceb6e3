"""Panels of the two-step figure: each draws tables of `two_step.tables` on axes.

Nothing is computed here but where things stand; nothing is shown or saved.
"""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from metarl.analysis.criteria import LEARNED
from metarl.analysis.measures import Tables, baseline_names, select_group
from metarl.analysis.plotting import (
    LEAST_FOR_INTERVAL,
    empty_panel,
    label_line,
    legend_below,
    measured,
)
from metarl.analysis.style import COLOURS, baseline_colour
from metarl.analysis.two_step.behaviour import STAY_TERMS
from metarl.analysis.two_step.effects import CELLS
from metarl.analysis.two_step.references import EVENTS
from metarl.analysis.two_step.rpe import BOTH_EVENTS

MARKERS = {"paper": "D", "macaque C": "^", "macaque J": "v"}
"""Label of a published result -> its marker, the same in every panel."""
OTHER_MARKERS = ("s", "P", "X", "*", "h")
"""Markers of those without their own, in turn."""
LEAST_SPAN = 10.0
"""Least height of the reward axis, so that equal subjects look equal."""


def plot_stay_probabilities(tables: Tables, ax: Axes | None = None) -> Axes:
    """Bars over subjects with a dot each, beside the paper, animals and strategies."""
    ax = ax or plt.subplots()[1]
    cells = list(CELLS.values())
    places = np.arange(len(cells), dtype=float)
    means = _cells(select_group(tables["stays_summary"]), cells)
    colour, label = measured(tables)
    ax.bar(places, means["mean"], 0.34, color=colour, alpha=0.35, label=label, zorder=1)
    _interval(ax, places, means, colour)
    stays = select_group(tables["stays"])
    for _, subject in stays.groupby("subject"):
        heights = _cells(subject, cells)["probability"]
        ax.plot(places - 0.11, heights, "o", color=colour, markersize=4, zorder=3)
    published = tables["reference_stays"]
    _references(ax, places, published[published["kind"] != "human"], cells)
    for name in baseline_names(tables["stays_summary"]):
        heights = _cells(select_group(tables["stays_summary"], name), cells)["mean"]
        reach = (places - 0.2, places + 0.2)
        ax.hlines(heights, *reach, color=baseline_colour(name), lw=1.5, label=name)
    names = [f"{t}\n{'reward' if r else 'none'}" for r, t in cells]
    ax.set_xticks(places + 0.15, names)
    ax.set(ylabel="P(same first choice)", ylim=(0, 1.02))
    ax.set_xlabel("Transition and reward of the trial before")
    ax.axhline(0.5, color=COLOURS["chance"], lw=1, ls=":", zorder=0)
    return legend_below(ax, columns=3, first=label)


def plot_stay_regression(tables: Tables, ax: Axes | None = None) -> Axes:
    """Stay regression weights: a dot a subject, beside animals and people."""
    ax = ax or plt.subplots()[1]
    terms = STAY_TERMS[1:]
    places = np.arange(len(terms), dtype=float)
    weights = select_group(tables["stay_regression"])
    means = _terms(select_group(tables["stay_regression_summary"]), terms)
    colour, label = measured(tables)
    ax.bar(places, means["mean"], 0.34, color=colour, alpha=0.35, label=label)
    _interval(ax, places, means, colour)
    for _, subject in weights.groupby("subject"):
        heights = _terms(subject, terms)["weight"]
        ax.plot(places - 0.11, heights, "o", color=colour, markersize=4)
    _references(ax, places, tables["reference_regression"], terms)
    names = ("reward", "transition", "product")
    ax.set_xticks(places + 0.15, names)
    ax.set(ylabel="Weight on staying (log odds)")
    ax.set_xlabel("Predictor, from the trial before")
    ax.axhline(0, color=COLOURS["chance"], lw=1, zorder=0)
    return legend_below(ax, columns=2)


def plot_lag_weights(tables: Tables, ax: Axes | None = None) -> Axes:
    """Lag regression weights by kind of past trial, with the interval over subjects."""
    ax = ax or plt.subplots()[1]
    means = select_group(tables["lags_summary"])
    lags = select_group(tables["lags"])
    for name, (reward, transition) in CELLS.items():
        colour = COLOURS["rewarded" if reward else "unrewarded"]
        style = "-" if transition == "common" else "--"
        kind = _kind(means, reward, transition).sort_values("lag")
        ax.plot(kind["lag"], kind["mean"], style, color=colour, lw=2, label=name)
        if (kind["n"] >= LEAST_FOR_INTERVAL).all():
            band = (kind["low"].astype(float), kind["high"].astype(float))
            ax.fill_between(kind["lag"], *band, color=colour, alpha=0.15, lw=0)
        each = _kind(lags, reward, transition)
        ax.plot(each["lag"], each["weight"], ".", color=colour, markersize=4, alpha=0.6)
    ax.axhline(0, color=COLOURS["chance"], lw=1, zorder=0)
    ax.set(xlabel="Trials back", ylabel="Weight on repeating (log odds)")
    ax.set_xticks(sorted(means["lag"].unique()))
    return legend_below(ax, title=measured(tables)[1])


def plot_model_based_errors(tables: Tables, ax: Axes | None = None) -> Axes:
    """Recorded RPE against the planner's, of one subject, with r2 over subjects."""
    ax = ax or plt.subplots()[1]
    ax.set(xlabel="Model-based RPE (reward units)", ylabel="RPE (reward units)")
    return _scatter(ax, tables, "model_based", "r2_model_based")


def plot_model_free_errors(tables: Tables, ax: Axes | None = None) -> Axes:
    """Recorded RPE against what the planner leaves of SARSA's."""
    ax = ax or plt.subplots()[1]
    ax.set(
        xlabel="Model-free RPE, residual (reward units)",
        ylabel="RPE (reward units)",
    )
    return _scatter(ax, tables, "model_free_residual", "r2_model_free_orthogonal")


def plot_rewards(tables: Tables, ax: Axes | None = None) -> Axes:
    """Rewards per 100 trials of every subject, with the reference strategies' lines."""
    ax = ax or plt.subplots()[1]
    subjects = select_group(tables["subjects"])
    colour, label = measured(tables)
    places = np.arange(len(subjects))
    ax.plot(places, subjects["reward_per_100"], "o", color=colour, label=label)
    means = tables["subjects_summary"].set_index("group")["mean"]
    for name in baseline_names(tables["subjects_summary"]):
        height = float(means[name])
        ax.axhline(height, color=baseline_colour(name), lw=1.5, label=name)
        label_line(ax, name, height)
    criterion = LEARNED.get(str(tables["about"]["task"].iloc[0]))
    if criterion is not None and bool(tables["about"]["scored"].iloc[0]):
        ax.axhline(criterion.threshold, color="black", lw=1, ls=":")
        label_line(ax, "learned", criterion.threshold)
    names = [str(name).removeprefix("subject ") for name in subjects["label"]]
    ax.set_xticks(places, names)
    ax.set(ylabel="Reward per 100 trials", xlim=(-0.5, len(places) + 1))
    low, high = ax.get_ylim()
    room = max(0.0, LEAST_SPAN - (high - low)) / 2
    ax.set_ylim(low - room, high + room)
    ax.set_xlabel(f"Subject; {label}")
    return ax


def _kind(table: pd.DataFrame, reward: float, transition: str) -> pd.DataFrame:
    fits = (table["reward"] == reward) & (table["transition"] == transition)
    return table[fits]


def _cells(table: pd.DataFrame, cells: Sequence[tuple[float, str]]) -> pd.DataFrame:
    """The rows of these reward x transition cells, in their order."""
    return table.set_index(["reward", "transition"]).reindex(list(cells))


def _terms(table: pd.DataFrame, terms: Sequence[str]) -> pd.DataFrame:
    return table.set_index("term").reindex(list(terms))


def _interval(ax: Axes, places: np.ndarray, means: pd.DataFrame, colour: str) -> None:
    """95 % interval of each mean, where there are subjects enough."""
    enough = (means["n"] >= LEAST_FOR_INTERVAL).to_numpy()
    shown = means[enough]
    where = places[enough] + 0.06
    ax.vlines(where, shown["low"], shown["high"], color=colour, lw=2.5, zorder=3)


def _references(
    ax: Axes, places: np.ndarray, published: pd.DataFrame, keys: Sequence[object]
) -> None:
    """Published values with their errors, side by side right of the bars."""
    by = ["reward", "transition"] if "transition" in published else ["term"]
    labels = list(dict.fromkeys(published["label"]))
    others = [label for label in labels if label not in MARKERS]
    marks = MARKERS | dict(zip(others, OTHER_MARKERS, strict=False))
    step = 0.5 / max(len(labels), 1)
    for index, label in enumerate(labels):
        rows = published[published["label"] == label]
        found = rows.set_index(by if len(by) > 1 else by[0]).reindex(list(keys))
        ax.errorbar(
            places + 0.24 + index * min(step, 0.14),
            found["value"],
            found["error"],
            fmt=marks[label],
            color=COLOURS[str(rows["kind"].iloc[0])],
            markersize=7,
            label=_reference_label(rows),
        )


def _reference_label(rows: pd.DataFrame) -> str:
    """Name and, where it is not one animal, number of subjects."""
    label, count = str(rows["label"].iloc[0]), int(rows["n"].iloc[0])
    return label if count == 1 else f"{label} (n = {count})"


def _scatter(ax: Axes, tables: Tables, column: str, measure: str) -> Axes:
    points = tables["rpe_points"]
    if points.empty:
        return empty_panel(ax)
    for event in EVENTS:
        part = points[points["event"] == event]
        colour = COLOURS[event]
        ax.plot(
            part[column], part["rpe"], "o", color=colour, alpha=0.35, ms=3, label=event
        )
    summary = select_group(tables["rpe_summary"])
    fits = (summary["event"] == BOTH_EVENTS) & (summary["measure"] == measure)
    row = summary[fits].iloc[0]
    found = f"r² = {_short(row['mean'])}, mean of n = {row['n']} networks"
    shown = f"dots: network {points['subject'].iloc[0]}"
    ax.locator_params(nbins=5)
    return legend_below(ax, title=f"{found}; {shown}")


def _short(share: float) -> str:
    """Two decimals, or one digit where they would say 0."""
    return f"{share:.2f}" if share >= 0.005 else f"{share:.1g}"
