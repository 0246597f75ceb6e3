"""Figures of the study of replay at rest."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from metarl.analysis.style import COLOURS
from metarl.studies.plots import draw_seeds_and_mean, make_panels
from metarl.studies.spec import Results

ORDER_COLOURS = {"rule": COLOURS["agent"], "seen": COLOURS["animal"]}
"""Tested order -> colour."""
TITLES = {
    "movie": "Movie: as seen",
    "imagination": "Imagination: by the rule",
    "imagination-after-reward": "Imagination, after reward",
    "none": "No replay",
}
"""Source of replay -> panel's title."""


def draw_lags(results: Results, orders: Sequence[str]) -> Figure:
    """Draw sequenceness by lag, a panel per source of replay, on one scale."""
    figure, axes = make_panels(len(results.conditions), columns=2)
    for each, source in zip(axes, results.conditions, strict=True):
        draw_source(results, source, orders, each)
    limit = max(abs(end) for each in axes for end in each.get_ylim())
    for each in axes:
        each.set_ylim(-limit, limit)
    axes[0].legend(ncols=2, fontsize="small", loc="best")
    return figure


def draw_source(
    results: Results, source: str, orders: Sequence[str], axes: Axes
) -> Axes:
    """Draw the mean over groups, each group thin, and the mean threshold, dashed."""
    groups = results.seeds[source]
    lags = groups[0]["lags_ms"]
    for order in orders:
        rows, colour = np.array([each[order] for each in groups]), ORDER_COLOURS[order]
        draw_seeds_and_mean(
            lags, rows, axes, colour=colour, label=f"{order} order", widths=(0.7, 2)
        )
        limit = np.mean([each[f"{order}_threshold"] for each in groups])
        axes.axhline(limit, color=colour, ls="--", lw=1, label=f"{order}, threshold")
        axes.axhline(-limit, color=colour, ls="--", lw=1)
    axes.axhline(0, color="black", lw=0.8)
    axes.set(
        xlabel="Lag (ms)",
        ylabel="Forward minus backward\n(regression weight)",
        title=TITLES[source],
    )
    return axes
