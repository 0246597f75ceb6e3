"""Figures of the study of episodic memory."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from metarl.analysis.style import COLOURS
from metarl.studies.plots import condition_colours, make_panels
from metarl.studies.spec import Results


def draw_memory(results: Results, *, chance_regret: float) -> Figure:
    """Draw regret by trial of new and recurring problems, and accuracy of first trials.

    Args:
        results: the networks with a silenced gate are one condition.
        chance_regret: regret of random choice, in rewards per trial.
    """
    figure, (new, recurring, occurrence, gap) = make_panels(4, columns=2)
    for axes, name, title in (
        (new, "regret_new", "New context"),
        (recurring, "regret_recurring", "Recurring context"),
    ):
        draw_means(results, name, axes)
        draw_chance(axes, chance_regret)
        axes.set(
            title=title,
            xlabel="Trial of the problem",
            ylabel="Regret (rewards per trial)",
            ylim=(-0.01, 1.15 * chance_regret),
        )
    draw_means(results, "first_by_occurrence", occurrence)
    occurrence.set(xlabel="Problem with this context")
    draw_means(results, "first_by_gap", gap)
    gap.set(xlabel="Problems since the last with this context")
    longest = len(gap.get_xticks())
    labels = [*map(str, range(1, longest)), f"{longest}+"]
    gap.set_xticks(range(1, longest + 1), labels)
    for axes in (occurrence, gap):
        draw_chance(axes, 0.5)
        axes.set(ylabel="Correct on the first trial (share)", ylim=(0.4, 1.02))
    seeds = len(results.seeds[results.conditions[0]])
    new.legend(title=f"mean and range, n = {seeds} networks each")
    return figure


def draw_means(results: Results, name: str, axes: Axes) -> Axes:
    """Draw the mean over seeds of a list of numbers, from place 1, and their range."""
    for condition, colour in condition_colours(results).items():
        rows = np.array([seed[name] for seed in results.seeds[condition]], float)
        places = np.arange(1, rows.shape[1] + 1)
        mean, low, high = rows.mean(0), rows.min(0), rows.max(0)
        axes.plot(places, mean, color=colour, marker="o", label=condition)
        axes.fill_between(places, low, high, color=colour, alpha=0.2, linewidth=0)
    axes.set_xticks(places)
    return axes


def draw_chance(axes: Axes, height: float) -> Axes:
    """Draw a line at the value of random choice."""
    axes.axhline(height, color=COLOURS["chance"], linestyle=":", label="random choice")
    return axes
