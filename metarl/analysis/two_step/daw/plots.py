"""Panels of the human two-step task."""

from matplotlib.axes import Axes

from metarl.analysis.analysis import Context
from metarl.analysis.measures import Tables, baseline_names
from metarl.analysis.plotting import (
    Points,
    bars_with_subjects,
    baseline_ticks,
    chance_line,
    empty_panel,
    legend_below,
    scores_by_subject,
    subject_label,
)
from metarl.analysis.two_step.daw.better import FIRST, SECOND
from metarl.analysis.two_step.plots import published_points, reward_axes, stay_panel

BETTER = Points(("measure",), [FIRST, SECOND])
"""Bars of the panel of better options."""
BETTER_NAMES = ["first choice:\nbetter state", "second choice:\nbetter option"]
"""Their names on the axis."""
ESTIMATES = {
    "model_based_weight": "model-based\nweight",
    "first_rate": "rate,\nfirst",
    "second_rate": "rate,\nsecond",
    "eligibility": "eligibility",
}
"""Parameter of the hybrid between 0 and 1 -> its name on the axis."""
HYBRID = Points(("measure",), list(ESTIMATES))
"""Bars of the panel of the hybrid."""
LEARNERS = ("model-free", "model-based", "kalman-greedy")
"""Baselines that learn, and so have estimates that mean something."""


def plot_rewards(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Rewards per 100 trials of every subject; a legend names the baselines' lines."""
    # Their lines are too close for names at them.
    groups = baseline_names(tables.summary("subjects"))
    shown = {name: name for name in groups}
    score, words = "reward_per_100", subject_label(context)
    names = scores_by_subject(ax, tables, context, score, baselines=shown)
    return legend_below(reward_axes(ax, context, names), first=words)


def plot_stays(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Staying by the trial before, with people and baselines."""
    return stay_panel(ax, tables, context, tables["reference_stays"])


def plot_better_options(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Choices of the better state and of the better option, with the baselines."""
    name = "better_options"
    places = bars_with_subjects(ax, tables, context, name, "value", BETTER)
    baseline_ticks(ax, places, tables.summary(name), BETTER, reach=0.3)
    chance_line(ax)
    ax.set_xticks(places, BETTER_NAMES)
    ax.set(ylabel="P(better option)", ylim=(0.4, 1.02))
    return legend_below(ax, first=subject_label(context))


def plot_hybrid(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Estimates of the hybrid, with people and the baselines that learn."""
    if tables["hybrid"].empty:
        none = "no second-stage choices"
        return ax if context.slots > 1 else empty_panel(ax, none)
    places = bars_with_subjects(ax, tables, context, "hybrid", "estimate", HYBRID)
    published_points(ax, places, tables["reference_hybrid"], HYBRID)
    means = tables.summary("hybrid")
    shown = [name for name in LEARNERS if name in set(means["group"])]
    baseline_ticks(ax, places, means, HYBRID, names=shown)
    ax.set_xticks(places + 0.1, list(ESTIMATES.values()))
    ax.set(ylabel="Estimate", ylim=(0, 1.05))
    ax.set_xlabel("Parameter of the hybrid, fitted to both choices")
    return legend_below(ax, first=subject_label(context))
