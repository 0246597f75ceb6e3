"""Figures of the study of replay in the agent."""

from matplotlib.figure import Figure

from metarl.studies.plots import (
    draw_bandit_baselines,
    draw_by_condition,
    draw_curves,
    make_panels,
)
from metarl.studies.spec import Results


def draw_replay(results: Results) -> Figure:
    """Draw regret against new episodes, after a quarter of them, and at the end."""
    figure, (curves, quarter, end) = make_panels(3)
    draw_curves(results, results.conditions, ("episodes", "regrets"), curves)
    curves.set(
        xlabel="New episodes of training",
        ylabel="Regret, frozen (rewards per episode)",
        ylim=(0, None),
    )
    draw_bandit_baselines(curves)
    for axes, name, when in (
        (quarter, "quarter", "after a quarter"),
        (end, "regret", "at the end"),
    ):
        draw_by_condition(results, name, axes)
        axes.set(xlabel=f"Regret {when} (rewards per episode)", ylabel="")
        draw_bandit_baselines(axes, vertical=True)
    return figure
