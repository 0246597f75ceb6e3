"""Figures of the curriculum."""

from matplotlib.figure import Figure

from metarl.analysis.style import COLOURS
from metarl.studies.plots import draw_by_condition, draw_curves
from metarl.studies.spec import Results, panels


def draw_curriculum(results: Results, criterion: float) -> Figure:
    """Rewards over updates of the whole task; updates to the criterion, two ways."""
    figure, (course, reached, in_all) = panels(3)
    draw_curves(results, list(results.facts), ("updates", "rewards"), course)
    course.axhline(criterion, color=COLOURS["chance"], linestyle="--")
    course.set(xlabel="Updates of the whole task", ylabel="Rewards a trial")
    for axes, fact, counted in (
        (reached, "reached", "parts not counted"),
        (in_all, "reached_in_all", "parts counted"),
    ):
        draw_by_condition(results, fact, axes)
        axes.set(xlabel=f"Updates to the criterion, {counted}", ylabel="")
        axes.set_xlim(left=0)
    return figure
