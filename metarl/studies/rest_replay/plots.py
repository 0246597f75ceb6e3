"""Figures of replay at rest."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from metarl.analysis.style import COLOURS
from metarl.studies.spec import Results, panels

ORDER_COLOURS = {"rule": COLOURS["agent"], "seen": COLOURS["animal"]}
"""Order asked about -> colour."""
TITLES = {
    "movie": "Movie: as seen",
    "imagination": "Imagination: by the rule",
    "imagination-after-reward": "Imagination, after reward",
    "none": "No replay",
}
"""Source of replay -> panel's title."""


def draw_lags(results: Results, orders: Sequence[str]) -> Figure:
    """Sequenceness by lag, one panel a source of replay, on one scale."""
    figure, axes = panels(len(results.facts), columns=2)
    for each, source in zip(axes, results.facts, strict=True):
        draw_source(results, source, orders, each)
    reach = max(abs(end) for each in axes for end in each.get_ylim())
    for each in axes:
        each.set_ylim(-reach, reach)
    axes[0].legend(ncols=2, fontsize="small", loc="best")
    return figure


def draw_source(
    results: Results, source: str, orders: Sequence[str], axes: Axes
) -> Axes:
    """Mean over groups in each order, groups thin; dashed, the mean threshold."""
    found = results.facts[source]
    lags = found[0]["lags_ms"]
    for order in orders:
        rows, colour = np.array([each[order] for each in found]), ORDER_COLOURS[order]
        axes.plot(lags, rows.T, color=colour, lw=0.7, alpha=0.3)
        axes.plot(lags, rows.mean(0), color=colour, lw=2, label=f"{order} order")
        limit = np.mean([each[f"{order}_threshold"] for each in found])
        axes.axhline(limit, color=colour, ls="--", lw=1, label=f"{order}, threshold")
        axes.axhline(-limit, color=colour, ls="--", lw=1)
    axes.axhline(0, color="black", lw=0.8)
    axes.set(
        xlabel="Lag (ms)",
        ylabel="Forward minus backward\n(regression weight)",
        title=TITLES[source],
    )
    return axes
