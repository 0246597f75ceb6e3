"""Figures of the study of evolution."""

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from metarl.agents.evolution.landscape import START, height
from metarl.studies.plots import draw_curves, mark_bandit
from metarl.studies.spec import Results, panels

OBJECTIVES = ("fitness", "variance", "entropy")


def draw_evolution(results: Results) -> Figure:
    """The landscape, learning over generations and within an episode, and mutants."""
    figure, (landscape, course, adaptation, mutants) = panels(4, columns=2)
    draw_landscape(results, landscape)
    draw_course(results, course)
    draw_adaptation(results, adaptation)
    draw_mutants(results, mutants)
    return figure


def _colours() -> dict[str, tuple[float, float, float]]:
    """Objective -> colour, the same in all panels."""
    return dict(zip(OBJECTIVES, sns.color_palette("colorblind"), strict=False))


def draw_landscape(results: Results, axes: Axes) -> Axes:
    """The landscape, and where each population has ended on it; a point a seed."""
    x = np.linspace(-1, 12, 4000)
    axes.plot(x, height(x), color="0.75", linewidth=0.6)
    axes.axvline(START, color="black", linestyle=":", label="start")
    for row, (objective, colour) in enumerate(_colours().items()):
        ends = results.values(f"landscape-{objective}", "end")
        level = np.full(len(ends), 5.8 + 0.7 * row)
        axes.plot(ends, level, "o", color=colour, label=f"ends, {objective}")
    axes.set(xlabel="Population's mean, x", ylabel="Height", ylim=(-5.5, 11.5))
    axes.legend(loc="upper right", ncols=2)
    return axes


def draw_course(results: Results, axes: Axes) -> Axes:
    """Regret of the members tried against generations; median and quartiles."""
    draw_curves(
        results, ["agents-fitness"], ("generations", "regret_in_training"), axes
    )
    axes.set(xlabel="Generation", ylabel="Regret of members (rewards an episode)")
    axes.set_ylim(bottom=0)
    return mark_bandit(axes)


def draw_adaptation(results: Results, axes: Axes) -> Axes:
    """Share of better choices by trial, all weights frozen; thin lines are seeds."""
    colour = _colours()["fitness"]
    found = np.array([facts["accuracy"] for facts in results.facts["agents-fitness"]])
    trials = np.arange(found.shape[1]) + 1
    axes.plot(trials, found.T, color=colour, alpha=0.3, linewidth=0.8)
    axes.plot(trials, found.mean(0), color=colour, label="evolved, weights frozen")
    axes.axhline(0.5, color="0.5", linestyle=":", label="at random")
    axes.set(xlabel="Trial of the episode", ylabel="Better arm chosen (share)")
    axes.set_ylim(0.4, 1)
    axes.legend(loc="lower right")
    return axes


def draw_mutants(results: Results, axes: Axes) -> Axes:
    """How often mutants choose left, all seeds' together; a step line an objective."""
    bins = np.linspace(0, 1, 26)
    for objective, colour in _colours().items():
        facts = results.facts[f"agents-{objective}"]
        left = np.concatenate([one["left"] for one in facts])
        shares = np.histogram(left, bins)[0] / len(left)
        axes.stairs(shares, bins, color=colour, linewidth=1.8, label=f"for {objective}")
    axes.set(xlabel="Left choices of a mutant (share)", ylabel="Mutants (share)")
    axes.set_ylim(top=1.25 * axes.get_ylim()[1])
    axes.legend(title="Evolved", loc="upper center", ncols=3)
    return axes
