"""Figure of the study of plasticity and activity."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from metarl.analysis.style import COLOURS
from metarl.studies.plots import (
    condition_colours,
    draw_curves,
    draw_seeds_and_mean,
    make_panels,
)
from metarl.studies.spec import Results

MARGIN = 0.02
"""Margin of the criteria about no change."""
WIN_STAY_LOSE_SHIFT = 0.741
"""P(choose better) of win-stay-lose-shift; criteria.toml derives it."""


def draw_plasticity(
    results: Results,
    changes: Sequence[tuple[str, str, "pd.Series[float]"]],
    by_share: pd.DataFrame,
) -> Figure:
    """Draw training with blocks, changes by stretch, sessions and silenced shares.

    Args:
        results: of the study.
        changes: words, condition and change of P(choose better) by seed, a row each.
        by_share: P(choose better) of each seed, a column for each percent of the core
            that is silenced.
    """
    figure, (training, change, session, silenced) = make_panels(4, columns=2)
    draw_curves(results, results.conditions, ("percent", "p_better"), training)
    training.set(
        xlabel="Training done (%)", ylabel="P(choose better), frozen", ylim=(0.4, 1)
    )
    draw_baselines(training)
    # The baselines have their words in the last panel.
    lines = training.lines[: len(results.conditions)]
    training.legend(handles=lines, loc="lower right", bbox_to_anchor=(1.0, 0.19))
    draw_changes(results, changes, change)
    draw_sessions(results, session)
    draw_seeds_and_mean(
        by_share.columns.to_numpy(float),
        by_share.to_numpy(),
        silenced,
        colour=COLOURS["agent"],
        label="expert",
        marker="o",
    )
    silenced.set(
        xlabel="Silenced units of the core (%)",
        ylabel="P(choose better), expert",
        ylim=(0.4, 1),
    )
    draw_baselines(silenced)
    silenced.legend()
    return figure


def draw_baselines(axes: Axes) -> Axes:
    """Draw P(choose better) of win-stay-lose-shift and of random choice."""
    colour = COLOURS["chance"]
    axes.axhline(
        WIN_STAY_LOSE_SHIFT, color=colour, linestyle="--", label="win-stay-lose-shift"
    )
    axes.axhline(0.5, color=colour, linestyle=":", label="random choice")
    return axes


def draw_changes(
    results: Results,
    changes: Sequence[tuple[str, str, "pd.Series[float]"]],
    axes: Axes,
) -> Axes:
    """Draw each seed's change as a point, the mean as a bar; the margin is shaded."""
    colours = condition_colours(results)
    axes.axvspan(-MARGIN, MARGIN, color=COLOURS["chance"], alpha=0.2, linewidth=0)
    for row, (_, condition, values) in enumerate(changes):
        places = row + np.linspace(-0.15, 0.15, len(values))
        axes.plot(values, places, "o", color=colours[condition])
        mean = float(values.mean())
        axes.plot([mean, mean], [row - 0.3, row + 0.3], color="black")
    axes.set_yticks(range(len(changes)), [words for words, *_ in changes])
    axes.invert_yaxis()
    axes.set(xlabel="Change of P(choose better) in a stretch", ylabel="")
    return axes


def draw_sessions(results: Results, axes: Axes) -> Axes:
    """Draw P(choose better) by trial, early and late, active and silenced."""
    kinds = {
        ("late", "active"): COLOURS["agent"],
        ("early", "active"): COLOURS["reward"],
        ("late", "silenced"): COLOURS["variant"],
        ("early", "silenced"): COLOURS["chance"],
    }
    for (stage, test), colour in kinds.items():
        name = f"by_trial {stage} {test}"
        rows = np.array([seed[name] for seed in results.seeds["plastic"]])
        trials = np.arange(1, rows.shape[1] + 1)
        label = f"{stage}, {test}"
        draw_seeds_and_mean(trials, rows, axes, colour=colour, label=label)
    axes.set(
        xlabel="Trial of the session", ylabel="P(choose better), frozen", ylim=(0.3, 1)
    )
    axes.legend(loc="lower right", ncols=2)
    return axes
