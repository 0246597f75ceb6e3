"""Panels on choices among several arms, of animals or people."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from metarl.analysis.analysis import Context
from metarl.analysis.arms import OUTCOMES
from metarl.analysis.measures import Tables, select_group
from metarl.analysis.plotting import (
    Points,
    bars_with_subjects,
    chance_line,
    curve_with_subjects,
    empty_panel,
    legend_below,
    subject_colour,
    subject_label,
)

TEMPERATURE_TICKS = (0.25, 1, 4, 16, 64)
"""Marks of the axis of inverse temperatures."""


def plot_reward_curve(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Reward of each trial of an episode."""
    ax.set(ylabel=f"Reward ({context.reward_unit})")
    return _curve(ax, tables, context, "reward")


def plot_best_curve(tables: Tables, context: Context, ax: Axes) -> Axes:
    """P(choose the arm with the highest expected reward) in each trial."""
    chance_line(ax, 1 / float(tables["arms"]["arms"].iloc[0]))
    ax.set(ylabel="P(choose the best arm)", ylim=(0, 1.02))
    return _curve(ax, tables, context, "best")


def plot_regret_curve(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Expected reward of the best arm minus that of the chosen one."""
    ax.set(ylabel=f"Regret per trial ({context.reward_unit})")
    _curve(ax, tables, context, "regret")
    ax.set_ylim(bottom=0)
    return ax


def plot_tried_curve(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Different arms tried in the episode so far."""
    count = int(tables["arms"]["arms"].iloc[0])
    chance_line(ax, count)
    ax.set(ylabel="Arms tried so far", ylim=(0, count + 0.5))
    _curve(ax, tables, context, "arms_tried")
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    return ax


def _curve(ax: Axes, tables: Tables, context: Context, measure: str) -> Axes:
    """A measure along an episode: the mean, and a thin line a subject."""
    ax.set_xlabel("Trial of the episode")
    return curve_with_subjects(ax, tables, context, "curves", "value", measure=measure)


def plot_arm_staying(tables: Tables, context: Context, ax: Axes) -> Axes:
    """P(choose the same arm again) after a high and after a low reward."""
    points = Points(("outcome",), list(OUTCOMES))
    places = bars_with_subjects(ax, tables, context, "stays", "probability", points)
    chance_line(ax, 1 / float(tables["arms"]["arms"].iloc[0]))
    ax.set_xticks(places, ["above the\nsubject's mean", "not above"])
    ax.set(xlabel="Reward of the trial before", ylabel="P(same arm)", ylim=(0, 1.02))
    return legend_below(ax)


def plot_arm_fits(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Learning rate and inverse temperature, a dot a subject."""
    subjects = select_group(tables["subjects"])
    known = subjects.dropna(subset=["learning_rate"])
    if known.empty:
        none = "no learning rate could be fitted"
        return ax if context.slots > 1 else empty_panel(ax, none)
    colour = subject_colour(context)
    ax.plot(
        known["learning_rate"],
        known["temperature"],
        "o",
        color=colour,
        alpha=0.7,
        label=f"{len(known)} of {subject_label(context)}: {_gain_words(subjects)}",
    )
    ax.set(yscale="log", xlim=(-0.03, 1.03), xlabel="Learning rate")
    ax.set_ylim(0.2, 80)
    ax.set_yticks(TEMPERATURE_TICKS, [f"{tick:g}" for tick in TEMPERATURE_TICKS])
    ax.minorticks_off()
    ax.set_ylabel("Inverse temperature (per range of rewards)")
    return legend_below(ax, title="log likelihood per choice over random", columns=1)


def _gain_words(subjects: pd.DataFrame) -> str:
    """How much the fits explain, in words."""
    known = subjects["likelihood_gain"].dropna()
    words = f"median {known.median():.2f}"
    return f"{words}, lowest {known.min():.2f}" if len(known) > 1 else words
