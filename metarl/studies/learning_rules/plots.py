"""Figures of the study of learning rules."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from metarl.studies.plots import (
    condition_colours,
    draw_bandit_baselines,
    draw_by_condition,
    draw_curves,
    draw_seeds_and_mean,
    make_panels,
)
from metarl.studies.spec import Results


def draw_rules(results: Results, *, cosine_rules: Sequence[str], stages: int) -> Figure:
    """Draw regret by rule, regret during training, and cosines to the true gradient."""
    figure, (regret, curves, cosine) = make_panels(3)
    draw_by_condition(results, "regret", regret)
    regret.set(xlabel="Regret, frozen weights (rewards per episode)", ylabel="")
    draw_bandit_baselines(regret, vertical=True)
    vanilla = [name for name in results.conditions if not name.startswith("lstm-")]
    draw_curves(results, vanilla, ("episodes", "regret_in_training"), curves)
    draw_bandit_baselines(curves).legend().remove()
    curves.set(
        xscale="log",
        xlabel="Episodes of training (colours as on the left)",
        ylabel="Regret in training (rewards per episode)",
    )
    draw_cosines(results, cosine_rules, stages, cosine)
    return figure


def draw_cosines(
    results: Results, rules: Sequence[str], stages: int, axes: Axes
) -> Axes:
    """Draw the cosine to the true gradient over training, a colour per rule."""
    part = np.arange(stages + 1) / stages
    colours = condition_colours(results)
    for rule in rules:
        cosines = np.array([seed["cosine"] for seed in results.seeds[rule]])
        draw_seeds_and_mean(
            part, cosines, axes, colour=colours[rule], label=rule, marker="o"
        )
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set(
        xlabel="Fraction of training",
        ylabel="Cosine to the true gradient (core)",
        ylim=(-1, 1.35),
    )
    axes.legend(loc="upper right", ncols=2)
    return axes
