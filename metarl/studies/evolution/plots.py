"""Figures of the study of evolution."""

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from metarl.agents.evolution.landscape import START, height
from metarl.studies.plots import (
    draw_bandit_baselines,
    draw_curves,
    draw_seeds_and_mean,
    make_panels,
)
from metarl.studies.spec import Results

OBJECTIVES = ("fitness", "variance", "entropy")


def draw_evolution(results: Results) -> Figure:
    """Draw the landscape, learning over generations and in an episode, and mutants."""
    figure, (landscape, curves, adaptation, mutants) = make_panels(4, columns=2)
    draw_landscape(results, landscape)
    draw_generations(results, curves)
    draw_adaptation(results, adaptation)
    draw_mutants(results, mutants)
    return figure


def objective_colours() -> dict[str, tuple[float, float, float]]:
    """Objective -> colour, the same in all panels."""
    return dict(zip(OBJECTIVES, sns.color_palette("colorblind"), strict=False))


def draw_landscape(results: Results, axes: Axes) -> Axes:
    """Draw the landscape and the final mean of each population; a point per seed."""
    x = np.linspace(-1, 12, 4000)
    axes.plot(x, height(x), color="0.75", linewidth=0.6)
    axes.axvline(START, color="black", linestyle=":", label="start")
    for row, (objective, colour) in enumerate(objective_colours().items()):
        ends = results.values(f"landscape-{objective}", "end")
        level = np.full(len(ends), 5.8 + 0.7 * row)
        axes.plot(ends, level, "o", color=colour, label=f"end, {objective}")
    axes.set(xlabel="Population's mean, x", ylabel="Height", ylim=(-5.5, 11.5))
    axes.legend(loc="upper right", ncols=2)
    return axes


def draw_generations(results: Results, axes: Axes) -> Axes:
    """Draw the regret of the members by generation; median and quartiles over seeds."""
    draw_curves(
        results, ["agents-fitness"], ("generations", "regret_in_training"), axes
    )
    axes.set(xlabel="Generation", ylabel="Regret of members (rewards per episode)")
    axes.set_ylim(bottom=0)
    return draw_bandit_baselines(axes)


def draw_adaptation(results: Results, axes: Axes) -> Axes:
    """Draw the share of better choices by trial, weights frozen; thin lines: seeds."""
    accuracy = np.array([seed["accuracy"] for seed in results.seeds["agents-fitness"]])
    draw_seeds_and_mean(
        np.arange(accuracy.shape[1]) + 1,
        accuracy,
        axes,
        colour=objective_colours()["fitness"],
        label="evolved, weights frozen",
    )
    axes.axhline(0.5, color="0.5", linestyle=":", label="random choice")
    axes.set(xlabel="Trial of the episode", ylabel="Better arm chosen (share)")
    axes.set_ylim(0.4, 1)
    axes.legend(loc="lower right")
    return axes


def draw_mutants(results: Results, axes: Axes) -> Axes:
    """Draw how often mutants choose left, over all seeds; a step line per objective."""
    bins = np.linspace(0, 1, 26)
    for objective, colour in objective_colours().items():
        seeds = results.seeds[f"agents-{objective}"]
        left = np.concatenate([seed["left"] for seed in seeds])
        shares = np.histogram(left, bins)[0] / len(left)
        axes.stairs(shares, bins, color=colour, linewidth=1.8, label=f"for {objective}")
    axes.set(xlabel="Left choices of a mutant (share)", ylabel="Mutants (share)")
    axes.set_ylim(top=1.25 * axes.get_ylim()[1])
    axes.legend(title="Evolved", loc="upper center", ncols=3)
    return axes
