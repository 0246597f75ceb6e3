"""Figures of replay in the agent."""

from matplotlib.figure import Figure

from metarl.studies.plots import draw_by_condition, draw_curves, mark_bandit
from metarl.studies.spec import Results, panels


def draw_replay(results: Results) -> Figure:
    """Regret against fresh episodes; after a quarter of them; at the end."""
    figure, (course, quarter, end) = panels(3)
    draw_curves(results, list(results.facts), ("episodes", "regrets"), course)
    course.set(
        xlabel="Fresh episodes of training",
        ylabel="Regret, frozen (rewards an episode)",
        ylim=(0, None),
    )
    mark_bandit(course)
    for axes, fact, when in (
        (quarter, "quarter", "after a quarter"),
        (end, "regret", "at the end"),
    ):
        draw_by_condition(results, fact, axes)
        axes.set(xlabel=f"Regret {when} (rewards an episode)", ylabel="")
        mark_bandit(axes, vertical=True)
    return figure
