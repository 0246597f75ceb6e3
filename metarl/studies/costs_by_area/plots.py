"""Figures of the study of costs by area."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from metarl.analysis.style import COLOURS
from metarl.studies.plots import (
    draw_bandit_baselines,
    draw_by_condition,
    draw_curves,
    draw_seeds_and_mean,
    make_panels,
)
from metarl.studies.spec import Results


def draw_areas(results: Results) -> Figure:
    """Draw regret by condition, regret during training, and adaptation."""
    figure, (regret, curves, adaptation) = make_panels(3)
    draw_by_condition(results, "regret", regret)
    regret.set(xlabel="Regret, frozen weights (rewards per episode)", ylabel="")
    draw_bandit_baselines(regret, vertical=True)
    draw_curves(results, results.conditions, ("episodes", "regret_in_training"), curves)
    curves.set(
        xlabel="Episodes of training",
        ylabel="Regret in training (rewards per episode)",
    )
    # Between the curves of networks that learn and of those that do not.
    curves.legend(loc="center", bbox_to_anchor=(0.65, 0.37))
    draw_adaptation(results, adaptation)
    return figure


def draw_adaptation(results: Results, axes: Axes) -> Axes:
    """Draw the share of better choices by trial, intact and lesioned; a line a seed."""
    tests = {
        "accuracy": ("intact", "agent"),
        "accuracy_lesioned": ("PFC silenced", "chance"),
    }
    for name, (label, colour) in tests.items():
        accuracy = np.array([seed[name] for seed in results.seeds["one-cost"]])
        trials = np.arange(1, accuracy.shape[1] + 1)
        draw_seeds_and_mean(trials, accuracy, axes, colour=COLOURS[colour], label=label)
    axes.set(
        xlabel="Trial of the episode",
        ylabel="P(better arm), one cost, weights frozen",
        ylim=(0.4, 1.0),
    )
    axes.legend()
    return axes
