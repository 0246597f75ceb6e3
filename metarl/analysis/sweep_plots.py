"""Panels of a sweep: the reward against a setting, and over two settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from metarl.analysis.comparison_plots import MARKERS, RUN_COLOURS
from metarl.analysis.plotting import empty_panel, interval, legend_below, log_scale
from metarl.analysis.statistics import mean_interval
from metarl.analysis.style import COLOURS
from metarl.analysis.sweep import FIRST, SECOND

ROOM = 0.7
"""Room for the colours at one value, in distances between values."""
RING: Mapping[str, Any] = {"ms": 10, "mfc": "none", "mec": "black", "zorder": 4}
"""Mark of a selected run."""
LUMINANCE = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in the lightness of a colour (ITU-R BT.601)."""
HALVES = (FIRST, SECOND)
"""Columns of the halves of a test."""
MOST_NUMBERS = 60
"""Cells of a map above which their numbers are not written."""


@dataclass(frozen=True)
class Axis:
    """A setting along an axis."""

    name: str
    """Column of the table."""
    label: str
    """Label of the axis."""
    values: tuple[Any, ...] = ()
    """Values in order, evenly spaced; empty along a continuous axis."""
    log: bool = False
    """Whether a continuous axis is logarithmic."""
    continuous: bool = False
    """Whether values are drawn from a range."""

    def places(self, table: pd.DataFrame) -> pd.DataFrame:
        """The table with a column `place`: where each row stands along the axis."""
        if self.continuous:
            return table.assign(place=table[self.name].astype(float))
        place = {value: number for number, value in enumerate(self.values)}
        return table.assign(place=table[self.name].map(place).astype(float))

    def label_x(self, ax: Axes) -> None:
        """Name the horizontal axis and its values."""
        ax.set_xlabel(self.label)
        if not self.continuous:
            words = [_word(value) for value in self.values]
            tilted = sum(map(len, words)) > 40
            ax.set_xticks(range(len(words)), words, rotation=90 * tilted)
            ax.set_xlim(-0.5, len(words) - 0.5)
        elif self.log:
            log_scale(ax, "x")

    def label_y(self, ax: Axes) -> None:
        """Name the vertical axis and its values."""
        ax.set_ylabel(self.label)
        if not self.continuous:
            ax.set_yticks(range(len(self.values)), [_word(v) for v in self.values])
        elif self.log:
            log_scale(ax, "y")


def _word(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def plot_setting(
    table: pd.DataFrame,
    value: str,
    half: str,
    axis: Axis,
    hue: Axis | None,
    ax: Axes,
) -> Axes:
    """Draw a dot for each network against a setting, and the mean at each value.

    A network that did not learn by the experiment's rule is an open dot; those of
    selected runs are in a ring.

    Args:
        table: table of a sweep.
        value: column along the vertical axis.
        half: part of the test that the value is of, in words.
        axis: setting along the horizontal axis.
        hue: second setting, in colours side by side; None: the others are not
            distinguished.
        ax: axes to draw on.
    """
    ax.set_ylabel(f"Reward per episode, {half}")
    known = axis.places(table[table[value].notna()])
    axis.label_x(ax)
    if known.empty:
        return empty_panel(ax, "no network was tested")
    hues: Sequence[Any] = hue.values if hue else (None,)
    for number, one in enumerate(hues):
        rows = known if hue is None else known[known[hue.name] == one]
        label = f"{hue.label.lower()} {_word(one)}" if hue else ""
        colour = RUN_COLOURS[number % len(RUN_COLOURS)] if hue else COLOURS["agent"]
        marker = MARKERS[number % len(MARKERS)] if hue else "o"
        width = ROOM / len(hues)
        moved = rows.assign(place=rows["place"] + (number + 0.5) * width - ROOM / 2)
        drawn = rows if axis.continuous else moved
        _draw_group(ax, drawn, axis, value, colour, marker, width, label)
    _legend(ax, known, continuous=axis.continuous, hued=hue is not None)
    return ax


def _draw_group(
    ax: Axes,
    rows: pd.DataFrame,
    axis: Axis,
    value: str,
    colour: str,
    marker: str,
    width: float,
    label: str,
) -> None:
    """Draw the networks of one colour, and their mean at each value.

    The mean has an interval if its networks are of one run. Those of several differ in
    other settings too, and may share random numbers.
    """
    means = []
    for place, part in rows.groupby("place"):
        where = np.full(len(part), float(str(place)))
        if not axis.continuous:
            found = mean_interval(part[value])
            if part["run"].nunique() > 1:
                found = found._replace(low=np.nan, high=np.nan)
            means.append((where[0] + 0.3 * width, *found))
            where = (
                where + np.linspace(-0.3, 0.1, max(len(part), 2))[: len(part)] * width
            )
        _draw_networks(ax, where, part, value, colour, marker)
    summary = pd.DataFrame(means, columns=["place", "mean", "low", "high", "n"])
    interval(ax, summary["place"], summary, colour, width=2)
    ax.plot(summary["place"], summary["mean"], "_", color=colour, ms=9, mew=2.5)
    ax.plot([], [], marker, color=colour, ms=5, label=label or _network(rows))


def _network(rows: pd.DataFrame) -> str:
    """Label of a filled dot."""
    return "learned" if rows["learned"].notna().any() else "network"


def _draw_networks(
    ax: Axes,
    where: "np.ndarray[Any, Any]",
    part: pd.DataFrame,
    value: str,
    colour: str,
    marker: str,
) -> None:
    heights = part[value].to_numpy(float)
    missed = part["learned"].eq(False).fillna(False).to_numpy(bool)
    for chosen, face in ((~missed, colour), (missed, "white")):
        ax.plot(
            where[chosen],
            heights[chosen],
            marker,
            color=colour,
            mfc=face,
            ms=5 if len(part) < 20 else 3.5,
            mew=1.0,
            zorder=3,
        )
    ringed = part["selected"].to_numpy(bool)
    ax.plot(where[ringed], heights[ringed], "o", **RING)


def _legend(ax: Axes, known: pd.DataFrame, *, continuous: bool, hued: bool) -> None:
    """Name what the marks mean, below the axes."""
    grey = COLOURS["chance"]
    if known["learned"].eq(False).fillna(False).any():
        ax.plot([], [], "o", color=grey, mfc="white", ms=5, label="did not learn")
    if known["selected"].any():
        ax.plot([], [], "o", **RING, label="selected")
    one = known.groupby("place")["run"].nunique().le(1).all() or hued
    title = "bar: mean; line: 95 % over networks" if one else "bar: mean"
    title = "" if continuous else title
    legend_below(ax, columns=3, title=title)


def plot_map(
    summary: pd.DataFrame, across: Axis, up: Axis, value: str, ax: Axes
) -> Axes:
    """Draw the mean over networks over two settings: cells, or a dot for each run.

    Args:
        summary: `summarise_runs`, with a column selected.
        across: setting along the horizontal axis.
        up: setting along the vertical axis.
        value: column that is drawn in colour.
        ax: axes to draw on.
    """
    known = summary[summary[value].notna()]
    across.label_x(ax)
    up.label_y(ax)
    if known.empty:
        return empty_panel(ax, "no network was tested")
    x, y = across.places(known)["place"], up.places(known)["place"]
    cells = not (across.continuous or up.continuous)
    if cells and len(known) == len(known.drop_duplicates([across.name, up.name])):
        drawn = _draw_cells(ax, known.assign(x=x, y=y), across, up, value)
    else:
        drawn = ax.scatter(x, y, c=known[value], cmap="viridis", s=36, zorder=2)
        ringed = known["selected"].to_numpy(bool)
        ax.plot(x[ringed], y[ringed], "o", **RING)
    bar = ax.figure.colorbar(drawn, ax=ax)
    half = f", {value.replace('_', ' ')}" if value in HALVES else ""
    bar.set_label(f"Reward per episode{half}, mean")
    return ax


def _draw_cells(
    ax: Axes, known: pd.DataFrame, across: Axis, up: Axis, value: str
) -> Any:
    """Draw one cell for each pair of values, with its number; a blank has none."""
    grid = np.full((len(up.values), len(across.values)), np.nan)
    columns, rows = known["x"].to_numpy(int), known["y"].to_numpy(int)
    grid[rows, columns] = known[value]
    edges = np.arange(-0.5, len(across.values)), np.arange(-0.5, len(up.values))
    drawn = ax.pcolormesh(*edges, grid, cmap="viridis")
    ax.set_ylim(-0.5, len(up.values) - 0.5)
    if grid.size > MOST_NUMBERS:
        return drawn
    spread = float(np.ptp(known[value].to_numpy(float))) or 1.0
    decimals = int(np.clip(np.ceil(1 - np.log10(spread)), 0, 4))
    for row in known.to_dict("records"):
        shade = np.asarray(drawn.cmap(drawn.norm(row[value])))[:3]
        dark = float(np.dot(shade, LUMINANCE)) < 0.5
        ax.text(
            *(row["x"], row["y"]),
            _cell_text(row, value, decimals),
            ha="center",
            va="center",
            fontsize="small",
            color="white" if dark else "black",
        )
    return drawn


def _cell_text(row: Mapping[Any, Any], value: str, decimals: int) -> str:
    """Number of a cell, marked if selected; the networks behind it, if some are not."""
    text = f"{row[value]:.{decimals}f}{'*' * bool(row['selected'])}"
    few = f"\n{row['n']} of {row['n'] + row['missing']}" if row["missing"] else ""
    return text + few


def plot_halves(summary: pd.DataFrame, ax: Axes) -> Axes:
    """Draw the second half of the test against the first, which selected: a dot a run.

    Selected runs are above the others in the first half partly by chance; in the second
    half they fall towards the dotted line of equal rewards, or below it.

    Args:
        summary: `summarise_runs`, with a column selected.
        ax: axes to draw on.
    """
    known = summary[summary[FIRST].notna() & summary[SECOND].notna()]
    ax.set(
        xlabel="Reward per episode, first half",
        ylabel="Reward per episode, second half",
    )
    if known.empty:
        return empty_panel(ax, "no network was tested")
    colour = COLOURS["agent"]
    ax.plot(known[FIRST], known[SECOND], "o", color=colour, ms=5, label="run")
    chosen = known[known["selected"]]
    ax.plot(chosen[FIRST], chosen[SECOND], "o", **RING, label="selected")
    ax.axline((float(known[FIRST].mean()),) * 2, slope=1, color="black", lw=1, ls=":")
    return legend_below(ax)
