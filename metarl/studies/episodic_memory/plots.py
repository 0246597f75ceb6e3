"""Figures of the episodic memory."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from metarl.analysis.style import COLOURS
from metarl.studies.plots import colours_of
from metarl.studies.spec import Results, panels


def draw_memory(results: Results, *, chance_regret: float) -> Figure:
    """Regret by trial of new and recurring problems; first trials by what was before.

    Args:
        results: with the silenced gate's as a condition.
        chance_regret: of a random choice, in rewards a trial.
    """
    figure, (new, recurring, occurrence, gap) = panels(4, columns=2)
    for axes, fact, title in (
        (new, "regret_new", "New context"),
        (recurring, "regret_recurring", "Recurring context"),
    ):
        draw_lines(results, fact, axes)
        mark_chance(axes, chance_regret)
        axes.set(
            title=title,
            xlabel="Trial of the problem",
            ylabel="Regret (rewards a trial)",
            ylim=(-0.01, 1.15 * chance_regret),
        )
    draw_lines(results, "first_by_occurrence", occurrence)
    occurrence.set(xlabel="Problem with this context")
    draw_lines(results, "first_by_gap", gap)
    gap.set(xlabel="Problems since the context was last met")
    longest = len(gap.get_xticks())
    labels = [*map(str, range(1, longest)), f"{longest}+"]
    gap.set_xticks(range(1, longest + 1), labels)
    for axes in (occurrence, gap):
        mark_chance(axes, 0.5)
        axes.set(ylabel="Correct on the first trial (share)", ylim=(0.4, 1.02))
    seeds = len(next(iter(results.facts.values())))
    new.legend(title=f"mean and range, n = {seeds} networks each")
    return figure


def draw_lines(results: Results, fact: str, axes: Axes) -> Axes:
    """Mean over seeds of a list of numbers, counted from 1, and the seeds' range."""
    for condition, colour in colours_of(results).items():
        found = np.array([facts[fact] for facts in results.facts[condition]], float)
        places = np.arange(1, found.shape[1] + 1)
        mean, low, high = found.mean(0), found.min(0), found.max(0)
        axes.plot(places, mean, color=colour, marker="o", label=condition)
        axes.fill_between(places, low, high, color=colour, alpha=0.2, linewidth=0)
    axes.set_xticks(places)
    return axes


def mark_chance(axes: Axes, height: float) -> Axes:
    """A line where choosing at random stands."""
    axes.axhline(height, color=COLOURS["chance"], linestyle=":", label="at random")
    return axes
