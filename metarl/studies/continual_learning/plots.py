"""Figures of the study of continual learning."""

from matplotlib.figure import Figure

from metarl.studies.plots import (
    draw_bandit_baselines,
    draw_by_condition,
    draw_curves,
    make_panels,
)
from metarl.studies.spec import Results


def draw_continual(results: Results) -> Figure:
    """Draw regret on both tasks over training, and forgetting of the first."""
    figure, (*curves, forgetting) = make_panels(3)
    episodes = results.seeds[results.conditions[0]][0]["episodes"]
    for axes, task in zip(curves, ("first", "second"), strict=True):
        draw_curves(results, results.conditions, ("episodes", task), axes)
        axes.axvline(episodes[len(episodes) // 2], color="black", linewidth=0.8)
        draw_bandit_baselines(axes)
        axes.set(
            xlabel="Episodes of training (line: the second task begins)",
            ylabel=f"Regret, {task} task (rewards per episode)",
            ylim=(0, None),
        )
    curves[0].legend().remove()
    draw_by_condition(results, "forgetting", forgetting)
    forgetting.axvline(0, color="black", linewidth=0.8)
    forgetting.set(
        xlabel="Forgetting of the first task (rewards per episode)", ylabel=""
    )
    return figure
