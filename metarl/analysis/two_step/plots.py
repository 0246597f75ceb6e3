"""Panels of the two-step figure."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes

from metarl.analysis.analysis import Context
from metarl.analysis.measures import Tables, rows_at, select_group
from metarl.analysis.plotting import (
    Points,
    bars_with_subjects,
    baseline_ticks,
    chance_line,
    empty_panel,
    legend_below,
    mean_line,
    reference_points,
    scores_by_subject,
    subject_dots,
    subject_label,
    subject_ticks,
)
from metarl.analysis.schema import Array
from metarl.analysis.style import COLOURS
from metarl.analysis.two_step.behaviour import STAY_TERMS
from metarl.analysis.two_step.effects import CELLS
from metarl.analysis.two_step.rpe import BOTH_EVENTS, EVENTS

STAYS = Points(("reward", "transition"), list(CELLS.values()))
"""Cells of the panel of staying."""
TERMS = Points(("term",), list(STAY_TERMS[1:]))
"""Terms of the panel of the stay regression."""
MARKERS = {
    "paper": "D",
    "macaque C": "^",
    "macaque J": "v",
    "humans, Gillan 2016 study 1": "s",
    "humans, Gillan 2016 study 2": "P",
    "humans, Kool 2016": "X",
    "humans, Feher da Silva 2020": "*",
}
"""Label of a published result -> its marker, the same in every panel."""
OTHER_MARKERS = ("h", "p", "8", "d", "<")
"""Markers of those without their own, in turn."""
LEAST_SPAN = 10.0
"""Least height of the reward axis, so that nearly equal subjects appear so."""


def plot_stay_probabilities(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Staying by the trial before, with the paper, animals and baselines."""
    published = tables["reference_stays"]
    return stay_panel(ax, tables, context, published[published["kind"] != "human"])


def stay_panel(
    ax: Axes, tables: Tables, context: Context, published: pd.DataFrame
) -> Axes:
    """Staying by the trial before, with published rows and baselines."""
    places = bars_with_subjects(ax, tables, context, "stays", "probability", STAYS)
    published_points(ax, places, published, STAYS)
    baseline_ticks(ax, places, tables.summary("stays"), STAYS)
    names = [f"{t}\n{'reward' if r else 'no reward'}" for r, t in STAYS.order]
    ax.set_xticks(places + 0.15, names)
    ax.set(ylabel="P(same first choice)", ylim=(0, 1.02))
    ax.set_xlabel("Transition and reward of the trial before")
    chance_line(ax)
    return legend_below(ax, first=subject_label(context))


def plot_stay_regression(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Weights of the stay regression, with animals and people."""
    name = "stay_regression"
    places = bars_with_subjects(ax, tables, context, name, "weight", TERMS)
    published_points(ax, places, tables["reference_regression"], TERMS)
    ax.set_xticks(places + 0.15, ["reward", "transition", "product"])
    ax.set(ylabel="Weight on staying (log odds)")
    ax.set_xlabel("Predictor, from the trial before")
    chance_line(ax, 0, "-")
    return legend_below(ax, columns=2)


def plot_lag_weights(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Lag regression weights by kind of past trial."""
    means = select_group(tables.summary("lags"))
    for name, (reward, transition) in CELLS.items():
        where = {"reward": reward, "transition": transition}
        colour = COLOURS["rewarded" if reward else "unrewarded"]
        style = "-" if transition == "common" else "--"
        line = rows_at(means, **where).sort_values("lag")
        mean_line(ax, line, "lag", colour, label=name, style=style, alpha=0.15, lw=2)
        each = rows_at(select_group(tables["lags"]), **where)
        subject_dots(ax, each, "lag", "weight", colour, size=2, alpha=0.6)
    chance_line(ax, 0, "-")
    ax.set(xlabel="Trials back", ylabel="Weight on repeating (log odds)")
    ax.set_xticks(sorted(means["lag"].unique()))
    return legend_below(ax, title=subject_label(context))


def plot_model_based_errors(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Recorded RPE against the planner's, of one subject, with r2 over subjects."""
    ax.set(xlabel="Model-based RPE (reward units)", ylabel="RPE (reward units)")
    return _scatter(ax, tables, "model_based", "r2_model_based")


def plot_model_free_errors(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Recorded RPE against SARSA's, with the planner's regressed out."""
    ax.set(
        xlabel="Model-free RPE, residual (reward units)",
        ylabel="RPE (reward units)",
    )
    return _scatter(ax, tables, "model_free_residual", "r2_model_free_orthogonal")


def plot_rewards(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Rewards per 100 trials of every subject, with the baselines' lines."""
    names = scores_by_subject(ax, tables, context, "reward_per_100")
    return reward_axes(ax, context, names)


def reward_axes(ax: Axes, context: Context, names: Sequence[str]) -> Axes:
    """Label the axes of the subjects' rewards, and make them high enough."""
    ax.set(ylabel="Reward per 100 trials", xlim=(-0.5, len(names) + 1))
    subject_ticks(ax, names)
    low, high = ax.get_ylim()
    room = max(0.0, LEAST_SPAN - (high - low)) / 2
    ax.set_ylim(low - room, high + room)
    ax.set_xlabel(f"Subject; {subject_label(context)}")
    return ax


def published_points(
    ax: Axes, places: Array, published: pd.DataFrame, points: Points
) -> None:
    """Published values with their errors, side by side right of the bars."""
    labels: Sequence[str] = list(dict.fromkeys(published["label"]))
    others = [label for label in labels if label not in MARKERS]
    marks = MARKERS | dict(zip(others, OTHER_MARKERS, strict=False))
    step = min(0.5 / max(len(labels), 1), 0.14)
    for index, label in enumerate(labels):
        where = places + 0.24 + index * step
        rows = rows_at(published, label=label)
        reference_points(ax, where, rows, points, marker=marks[label])


def _scatter(ax: Axes, tables: Tables, column: str, measure: str) -> Axes:
    points = tables["rpe_points"]
    if points.empty:
        return empty_panel(ax)
    for event in EVENTS:
        part = rows_at(points, event=event)
        colour = COLOURS[event]
        ax.plot(
            part[column], part["rpe"], "o", color=colour, alpha=0.35, ms=3, label=event
        )
    summary = select_group(tables.summary("r2"))
    row = rows_at(summary, event=BOTH_EVENTS, measure=measure).iloc[0]
    words = f"r² = {_short(row['mean'])}, mean of n = {row['n']} networks"
    shown = f"dots: network {points['subject'].iloc[0]}"
    ax.locator_params(nbins=5)
    return legend_below(ax, title=f"{words}; {shown}")


def _short(share: float) -> str:
    """Two decimals, or one digit where they would be 0."""
    return f"{share:.2f}" if share >= 0.005 else f"{share:.1g}"
