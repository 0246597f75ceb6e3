"""Figures of the study of a curriculum."""

from matplotlib.figure import Figure

from metarl.analysis.style import COLOURS
from metarl.studies.plots import draw_by_condition, draw_curves, make_panels
from metarl.studies.spec import Results


def draw_curriculum(results: Results, criterion: float) -> Figure:
    """Draw rewards over updates of the whole task, and updates to the criterion."""
    figure, (curves, reached, in_all) = make_panels(3)
    draw_curves(results, results.conditions, ("updates", "rewards"), curves)
    curves.axhline(criterion, color=COLOURS["chance"], linestyle="--")
    curves.set(xlabel="Updates of the whole task", ylabel="Rewards per trial")
    for axes, name, counted in (
        (reached, "reached", "parts not counted"),
        (in_all, "reached_in_all", "parts counted"),
    ):
        draw_by_condition(results, name, axes)
        axes.set(xlabel=f"Updates to the criterion, {counted}", ylabel="")
        axes.set_xlim(left=0)
    return figure
