"""Figures of continual learning."""

from matplotlib.figure import Figure

from metarl.studies.plots import draw_by_condition, draw_curves, mark_bandit
from metarl.studies.spec import Results, panels


def draw_continual(results: Results) -> Figure:
    """Regret on either task over training, the switch marked; what was forgotten."""
    figure, (*courses, forgotten) = panels(3)
    ways = list(results.facts)
    for axes, task in zip(courses, ("first", "second"), strict=True):
        draw_curves(results, ways, ("episodes", task), axes)
        places = results.facts[ways[0]][0]["episodes"]
        axes.axvline(places[len(places) // 2], color="black", linewidth=0.8)
        mark_bandit(axes)
        axes.set(
            xlabel="Episodes of training (line: the second task begins)",
            ylabel=f"Regret, {task} task (rewards an episode)",
            ylim=(0, None),
        )
    courses[0].legend().remove()
    draw_by_condition(results, "forgetting", forgotten)
    forgotten.axvline(0, color="black", linewidth=0.8)
    forgotten.set(xlabel="Forgetting of the first task (rewards an episode)", ylabel="")
    return figure
