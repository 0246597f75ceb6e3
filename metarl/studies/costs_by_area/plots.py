"""Figures of costs by area."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from metarl.analysis.style import COLOURS
from metarl.studies.plots import draw_by_condition, draw_curves, mark_bandit
from metarl.studies.spec import Results, panels


def draw_areas(results: Results) -> Figure:
    """Regret by condition; regret in training; adaptation, whole and lesioned."""
    figure, (regret, course, adaptation) = panels(3)
    draw_by_condition(results, "regret", regret)
    regret.set(xlabel="Regret, frozen weights (rewards an episode)", ylabel="")
    mark_bandit(regret, vertical=True)
    draw_curves(
        results, list(results.facts), ("episodes", "regret_in_training"), course
    )
    course.set(
        xlabel="Episodes of training", ylabel="Regret in training (rewards an episode)"
    )
    # Between those who learn and those who do not.
    course.legend(loc="center", bbox_to_anchor=(0.65, 0.37))
    draw_adaptation(results, adaptation)
    return figure


def draw_adaptation(results: Results, axes: Axes) -> Axes:
    """Share of better choices by trial, weights frozen; a thin line a network."""
    drawn = {
        "accuracy": ("whole", "agent"),
        "accuracy_lesioned": ("PFC cut off", "chance"),
    }
    for fact, (label, colour) in drawn.items():
        found = np.array([facts[fact] for facts in results.facts["one-cost"]])
        trials = np.arange(1, found.shape[1] + 1)
        axes.plot(trials, found.T, color=COLOURS[colour], alpha=0.3, linewidth=0.8)
        axes.plot(trials, found.mean(0), color=COLOURS[colour], label=label)
    axes.set(
        xlabel="Trial of the episode",
        ylabel="P(better arm), one cost, weights frozen",
        ylim=(0.4, 1.0),
    )
    axes.legend()
    return axes
