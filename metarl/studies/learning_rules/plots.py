"""Figures of the learning rules."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from metarl.studies.plots import (
    colours_of,
    draw_by_condition,
    draw_curves,
    mark_bandit,
)
from metarl.studies.spec import Results, panels


def draw_rules(results: Results, *, aligned: Sequence[str], stages: int) -> Figure:
    """Regret by rule; regret in training; cosine to the true gradient."""
    figure, (regret, course, cosine) = panels(3)
    draw_by_condition(results, "regret", regret)
    regret.set(xlabel="Regret, frozen weights (rewards an episode)", ylabel="")
    mark_bandit(regret, vertical=True)
    vanilla = [name for name in results.facts if not name.startswith("lstm-")]
    draw_curves(results, vanilla, ("episodes", "regret_in_training"), course)
    mark_bandit(course).legend().remove()
    course.set(
        xscale="log",
        xlabel="Episodes of training (colours as on the left)",
        ylabel="Regret in training (rewards an episode)",
    )
    draw_cosines(results, aligned, stages, cosine)
    return figure


def draw_cosines(
    results: Results, aligned: Sequence[str], stages: int, axes: Axes
) -> Axes:
    """Cosine to the true gradient over training; a line a rule, its seeds thin."""
    part = np.arange(stages + 1) / stages
    colours = colours_of(results)
    for rule in aligned:
        found = np.array([facts["cosine"] for facts in results.facts[rule]])
        axes.plot(part, found.T, color=colours[rule], alpha=0.3, linewidth=0.8)
        axes.plot(part, found.mean(0), color=colours[rule], marker="o", label=rule)
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set(
        xlabel="Part of training done",
        ylabel="Cosine to the true gradient (core)",
        ylim=(-1, 1.35),
    )
    axes.legend(loc="upper right", ncols=2)
    return axes
