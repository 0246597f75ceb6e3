"""Marks that the panels of every experiment are drawn with.

A mark draws rows of a table and knows nothing of their origin. Intervals, bands,
legends and the least number of subjects for an interval stand here alone: a panel
chooses rows and names axes.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from matplotlib.text import Annotation
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter
from numpy.typing import ArrayLike, NDArray

from metarl.analysis.analysis import Context
from metarl.analysis.measures import (
    Tables,
    baseline_names,
    in_order,
    rows_at,
    select_group,
)
from metarl.analysis.style import COLOURS, baseline_colour, baseline_words
from metarl.analysis.words import NETWORKS, singular, with_count

LEGEND_GAP = 0.19
"""Room for tick and axis labels above the legend, in heights of the axes."""
SECOND_LINE = 0.07
"""More room, where tick labels take two lines."""
LEAST_FOR_INTERVAL = 3
"""Subjects below which no interval of their mean is drawn."""
BAND, LINES = "band", "vertical lines"
"""What intervals are drawn as: the mark's gid, and its name in a legend."""
OF_INTERVALS = "95 % over subjects"
"""What an interval is, in a legend."""
LETTERS_PER_INCH = 19.4
"""Letters of a legend per inch of the axes above it, beyond which it may reach."""
HANDLE_LETTERS = 5
"""Letters in whose place a handle of a legend is drawn."""
TITLE_LETTERS = 60
"""Letters of a legend's title above which what it says of intervals is on a line of
its own."""
MANY = 40
"""Number of subjects above which a distribution replaces one dot each."""
MOST_DOTS = 150
"""Dots of a distribution: the subjects at as many evenly spaced ranks."""
MOST_LINES = 60
"""Lines of a distribution: evenly spaced subjects."""
MOST_NAMES = 24
"""Most names below an axis; of more subjects, evenly spaced ones are named."""
FLAT_LETTERS = 45
"""Letters that fit below an axis; if two names would meet, all are vertical."""
GOLDEN = 0.6180339887498949
"""Golden ratio: its multiples, modulo 1, spread evenly, however many they are."""
BAR_WIDTH = 0.34
"""Width of the bars of one population."""
BAR_REACH = (-0.2, 0.19)
"""Ends of the room for the bars of several populations, from a point's place."""
LINE_NAME = "name of a line"
"""Id of the names that stand at the right ends of lines."""
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
"""Digits of an exponent."""
NAME_HEIGHT, NAME_WIDTH = 0.07, 0.4
"""Room for such a name, as a part of the axes."""


class Points(NamedTuple):
    """Points along an axis, given by keys of the rows of a table."""

    keys: Sequence[str]
    """Columns that name a point."""
    order: Sequence[Any]
    """(N,) values of the keys, from left to right."""

    def of(self, table: pd.DataFrame) -> pd.DataFrame:
        """(N,) rows of the points, NaN where a point has none."""
        return in_order(table, self.keys, self.order)


def subject_colour(context: Context) -> str:
    """Colour of the measured subjects."""
    kind = "agent" if context.subjects_are == NETWORKS else "own"
    return context.colour or COLOURS[kind]


def subject_label(context: Context) -> str:
    """Label of the measured subjects, with their number."""
    if context.group:
        return f"{context.group} (n = {context.subject_count})"
    return with_count(context.subjects_are, context.subject_count)


def subject_name(context: Context, subject: int) -> str:
    """A subject's own name; its kind and number where it has none."""
    return context.names.get(subject, f"{singular(context.subjects_are)} {subject}")


def interval(
    ax: Axes,
    places: ArrayLike,
    means: pd.DataFrame,
    colour: str,
    *,
    width: float = 2.5,
    zorder: float = 3,
) -> None:
    """Vertical lines: the 95 % interval of each mean over enough subjects.

    Args:
        ax: axes to draw on.
        places: (N,) where each mean stands.
        means: rows of a summary: low, high, n.
        colour: of the lines.
        width: of the lines, in points.
        zorder: of the lines.
    """
    enough = (means["n"] >= LEAST_FOR_INTERVAL).to_numpy()
    shown = means[enough]
    where = np.asarray(places, float)[enough]
    ends = shown["low"].astype(float), shown["high"].astype(float)
    lines = ax.vlines(where, *ends, color=colour, lw=width, zorder=zorder)
    if (ends[0] < ends[1]).any():
        lines.set_gid(LINES)


def band(
    ax: Axes,
    means: pd.DataFrame,
    x: str,
    colour: str,
    *,
    alpha: float = 0.2,
) -> None:
    """A band: the 95 % interval along a line, if every mean is over enough subjects.

    Args:
        ax: axes to draw on.
        means: rows of a summary in the line's order: x, low, high, n.
        x: column along the horizontal axis.
        colour: of the band.
        alpha: its opacity.
    """
    if len(means) and (means["n"] >= LEAST_FOR_INTERVAL).all():
        low, high = means["low"].astype(float), means["high"].astype(float)
        places = means[x].astype(float)
        filled = ax.fill_between(places, low, high, color=colour, alpha=alpha, lw=0)
        filled.set_gid(BAND)


def mean_line(
    ax: Axes,
    means: pd.DataFrame,
    x: str,
    colour: str,
    *,
    label: str | None = None,
    style: str = "-",
    alpha: float = 0.2,
    value: str = "mean",
    **line: Any,
) -> None:
    """A line of means, with the band of their interval.

    Args:
        ax: axes to draw on.
        means: rows of a summary in the line's order.
        x: column along the horizontal axis.
        colour: of line and band.
        label: in the legend; if subjects lack a number at a point, with the smallest
            number that have one.
        style: of the line.
        alpha: opacity of the band; 0: no band.
        value: column along the vertical axis.
        line: further properties of the line.
    """
    words = label and f"{label}{_missing_at_most(means)}"
    ax.plot(means[x], means[value], style, color=colour, label=words, **line)
    if alpha:
        band(ax, means, x, colour, alpha=alpha)


def _missing_at_most(means: pd.DataFrame) -> str:
    """Addition to a label if subjects lack a number: the fewest that have one."""
    if "missing" not in means or not (means["missing"] > 0).any():
        return ""
    row = int(means["missing"].to_numpy().argmax())
    most, known = (int(means[name].iloc[row]) for name in ("missing", "n"))
    return f" ({known} of {known + most})"


def subject_lines(
    ax: Axes, table: pd.DataFrame, x: str, value: str, colour: str, **line: Any
) -> None:
    """A thin line for each subject.

    Args:
        ax: axes to draw on.
        table: one row a subject and point, in the lines' order.
        x: column along the horizontal axis.
        value: column along the vertical axis.
        colour: of the lines.
        line: further properties of the lines.
    """
    usual = {"lw": 0.8, "alpha": 0.5}
    if (count := table["subject"].nunique()) > MANY:
        table = _spaced_subjects(table, MOST_LINES)
        line = {**line, "lw": 0.5, "alpha": 0.5 * MANY / count, "marker": ""}
    for _, own in table.groupby("subject"):
        ax.plot(own[x], own[value], color=colour, **{**usual, **line})


def curve_with_subjects(
    ax: Axes,
    tables: Tables,
    context: Context,
    name: str,
    value: str,
    x: str = "trial",
    **where: object,
) -> Axes:
    """Mean of the measured subjects along x with its band, and a thin line a subject.

    Args:
        ax: axes to draw on.
        tables: tables of the analysis.
        context: context of the analysis.
        name: table that is drawn, a `Measure`.
        value: column of its rows along the vertical axis.
        x: column along the horizontal axis.
        where: rows to draw, by column.
    """
    own = rows_at(select_group(tables[name]), **where)
    if own[value].isna().all():
        return ax if context.slots > 1 else empty_panel(ax, "not known")
    colour, label = subject_colour(context), subject_label(context)
    means = rows_at(select_group(tables.summary(name)), **where).sort_values(x)
    subject_lines(ax, own, x, value, colour, lw=0.5, alpha=0.3)
    mean_line(ax, means, x, colour, label=label, lw=2.2, style="o-", ms=3)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    return legend_below(ax)


def _spaced_subjects(table: pd.DataFrame, most: int) -> pd.DataFrame:
    """The rows of evenly spaced subjects, at most so many."""
    subjects = np.sort(table["subject"].unique())
    return table[table["subject"].isin(subjects[:: -(-len(subjects) // most)])]


def dots(
    ax: Axes,
    place: float,
    values: ArrayLike,
    colour: str,
    *,
    width: float = 0.0,
    size: float = 4,
    **mark: Any,
) -> None:
    """A dot for each value at one place, or their distribution where they are many.

    Of more than MANY values, small pale dots at evenly spaced ranks are spread
    sideways, so that marks behind them remain visible.

    Args:
        ax: axes to draw on.
        place: where they stand.
        values: (S,) one number a subject; NaN is left out.
        colour: of the dots.
        width: how far the dots of a few values are spread, side by side.
        size: of a dot.
        mark: further properties of the dots.
    """
    known = np.asarray(values, float)
    known = known[np.isfinite(known)]
    usual: dict[str, Any] = {"color": colour, "markersize": size, "zorder": 3}
    if len(known) > MANY:
        ranks = np.linspace(0, len(known) - 1, min(len(known), MOST_DOTS))
        known = np.sort(known)[ranks.round().astype(np.int64)]
        aside = (np.arange(len(known)) * GOLDEN) % 1 - 0.5
        spread = (width or 0.12) * aside
        mark = {**mark, "markersize": min(size, 2.5), "alpha": 0.35, "mew": 0}
        if mark.get("markerfacecolor") == "white":
            mark["markerfacecolor"] = colour
    else:
        spread = np.linspace(-0.5, 0.5, max(len(known), 2))[: len(known)] * width
    ax.plot(place + spread, known, "o", **{**usual, **mark})


def subject_dots(
    ax: Axes, table: pd.DataFrame, x: str, value: str, colour: str, **mark: Any
) -> None:
    """A dot for each subject at every x, or their distributions where they are many.

    Args:
        ax: axes to draw on.
        table: one row a subject and point.
        x: column along the horizontal axis.
        value: column along the vertical axis.
        colour: of the dots.
        mark: further properties of the dots.
    """
    for place, rows in table.groupby(x):
        dots(ax, float(str(place)), rows[value], colour, **mark)


def mean_bars(
    ax: Axes,
    places: ArrayLike,
    means: pd.DataFrame,
    colour: str,
    *,
    label: str | None = None,
    width: float = BAR_WIDTH,
    alpha: float = 0.35,
    aside: float = 0.06,
) -> None:
    """Bars at the means, with their intervals.

    Args:
        ax: axes to draw on.
        places: (N,) where the bars stand.
        means: (N,) rows of a summary.
        colour: of bars and intervals.
        label: in the legend.
        width: of a bar.
        alpha: opacity of the bars.
        aside: distance of an interval to the right of its bar's middle.
    """
    where = np.asarray(places, float)
    heights = means["mean"]
    ax.bar(where, heights, width, color=colour, alpha=alpha, label=label, zorder=1)
    interval(ax, where + aside, means, colour)


def subject_points(
    ax: Axes,
    places: ArrayLike,
    table: pd.DataFrame,
    value: str,
    colour: str,
    points: Points,
    *,
    size: float = 4,
    width: float = 0.12,
    **mark: Any,
) -> None:
    """A dot for each subject and point, or the distribution where they are many.

    Args:
        ax: axes to draw on.
        places: (N,) where the points stand.
        table: one row a subject and point.
        value: column along the vertical axis.
        colour: of the dots.
        points: (N,) the points, in the order of their places.
        size: of a dot.
        width: of the distribution of many subjects.
        mark: further properties of the dots.
    """
    where = np.asarray(places, float)
    if table["subject"].nunique() > MANY:
        everyone = table.set_index(list(points.keys))
        for place, point in zip(where, points.order, strict=True):
            rows = everyone.loc[[point]] if point in everyone.index else everyone[:0]
            dots(ax, place, rows[value], colour, width=width, size=size, **mark)
        return
    usual = {"color": colour, "markersize": size, "zorder": 3}
    for _, subject in table.groupby("subject"):
        heights = points.of(subject)[value]
        ax.plot(where, heights, "o", **{**usual, **mark})


def bars_with_subjects(
    ax: Axes,
    tables: Tables,
    context: Context,
    name: str,
    value: str,
    points: Points,
) -> NDArray[np.float64]:
    """Bars of the measured subjects' means, with intervals and a dot a subject.

    If some have no number, the foot of the bar shows how many of all have one.

    Args:
        ax: axes to draw on.
        tables: tables of the analysis.
        context: context of the analysis.
        name: table that is drawn, a `Measure`.
        value: column of its rows along the vertical axis.
        points: (N,) the points, in order.

    Returns:
        (N,) where the points stand: the bars too, if no other population is drawn on
        the same axes.
    """
    places = np.arange(len(points.order), dtype=float)
    colour, (middle, width) = subject_colour(context), _bar_place(context)
    means = points.of(select_group(tables.summary(name)))
    mean_bars(
        ax,
        places + middle,
        means,
        colour,
        label=subject_label(context),
        width=width,
        aside=0.06 * width / BAR_WIDTH,
    )
    own = select_group(tables[name])
    beside = middle - 0.11 * width / BAR_WIDTH
    room = 0.35 * width
    subject_points(ax, places + beside, own, value, colour, points, width=room)
    _numbers_of_subjects(ax, places + middle, means, upwards=context.slots > 1)
    return places


def _bar_place(context: Context) -> tuple[float, float]:
    """Middle of a population's bars, from the points' places, and their width."""
    if context.slots == 1:
        return 0.0, BAR_WIDTH
    low, high = BAR_REACH
    width = (high - low) / context.slots
    return low + (context.slot + 0.5) * width, 0.9 * width


def _numbers_of_subjects(
    ax: Axes, places: ArrayLike, means: pd.DataFrame, *, upwards: bool = False
) -> None:
    """Write how many have a number where a subject has none."""
    for place, n, missing in zip(
        np.asarray(places, float), means["n"], means["missing"], strict=True
    ):
        if missing > 0:
            ax.text(
                *(place, 0.01),
                f"{int(n)} of {int(n + missing)}",
                transform=ax.get_xaxis_transform(),
                ha="center",
                rotation=90 * upwards,
                fontsize="x-small",
            )


def half_violin(
    ax: Axes, place: float, density: pd.DataFrame, y: str, colour: str, *, alpha: float
) -> None:
    """One half of a violin: a density, filled from a vertical line outwards.

    Args:
        ax: axes to draw on.
        place: where the line stands.
        density: rows in the order of y, with reach, how far the density goes right of
            the line, or left where it is negative.
        y: column along the vertical axis.
        colour: of the half.
        alpha: its opacity.
    """
    edge = place + density["reach"]
    ax.fill_betweenx(density[y], place, edge, color=colour, alpha=alpha, lw=0)


def baseline_ticks(
    ax: Axes,
    places: ArrayLike,
    means: pd.DataFrame,
    points: Points,
    *,
    names: Sequence[str] | None = None,
    reach: float = 0.2,
    width: float = 1.5,
) -> None:
    """A short horizontal line of each baseline at every point.

    Args:
        ax: axes to draw on.
        places: (N,) where the points stand.
        means: summary with every group.
        points: (N,) the points, in the order of their places.
        names: baselines to draw; all where None.
        reach: half the length of a line.
        width: of a line, in points.
    """
    where = np.asarray(places, float)
    for name in baseline_names(means) if names is None else names:
        heights = points.of(select_group(means, name))["mean"]
        colour, ends = baseline_colour(name), (where - reach, where + reach)
        words = baseline_words(name)
        ax.hlines(heights, *ends, color=colour, lw=width, label=words)


def baseline_lines(
    ax: Axes, heights: Mapping[str, float], *, named: bool = True, **line: Any
) -> None:
    """A horizontal line across the axes for each baseline.

    Args:
        ax: axes to draw on.
        heights: baseline -> its height.
        named: whether each line carries its name at its right end.
        line: further properties of the lines.
    """
    for name, height in heights.items():
        words = baseline_words(name)
        usual = {"color": baseline_colour(name), "lw": 1.5, "label": words}
        ax.axhline(height, **{**usual, **line})
        if named:
            label_line(ax, words, height)


def reference_points(
    ax: Axes,
    places: ArrayLike,
    rows: pd.DataFrame,
    points: Points | None = None,
    *,
    marker: str = "D",
    size: float = 7,
    label: str | None = None,
    **mark: Any,
) -> None:
    """Published values with their errors, in the colour of their kind.

    Args:
        ax: axes to draw on.
        places: where the values stand.
        rows: rows of a reference table of one label: value, error, kind, label, n.
        points: the points, in the order of their places; None: the rows are in it.
        marker: of the values.
        size: of the markers.
        label: in the legend; the rows' label with its number of subjects where None.
        mark: further properties of the markers.
    """
    if rows.empty:
        return
    shown = rows if points is None else points.of(rows)
    if shown["value"].isna().all():
        return
    ax.errorbar(
        np.asarray(places, float),
        shown["value"].astype(float),
        shown["error"].astype(float),
        fmt=marker,
        color=COLOURS[str(rows["kind"].iloc[0])],
        markersize=size,
        label=reference_label(rows) if label is None else label,
        **mark,
    )


def reference_curve(
    ax: Axes,
    rows: pd.DataFrame,
    x: str,
    *,
    filled: bool = True,
    label: str | None = None,
) -> None:
    """A published curve as dots with their errors, in the colour of its kind.

    Args:
        ax: axes to draw on.
        rows: rows of a reference table of one label, in the curve's order.
        x: column along the horizontal axis.
        filled: whether the dots are filled.
        label: in the legend; the rows' label with its number of subjects where None.
    """
    colour = COLOURS[str(rows["kind"].iloc[0])]
    low, high = rows["value"] - rows["error"], rows["value"] + rows["error"]
    ax.vlines(rows[x], low, high, color=colour, lw=1)
    # Apart from the errors, so that the legend keeps the order of the curves.
    ax.plot(
        rows[x],
        rows["value"],
        "o",
        color=colour,
        mfc=colour if filled else "white",
        ms=4,
        label=reference_label(rows) if label is None else label,
    )


def reference_label(rows: pd.DataFrame) -> str:
    """Name of a published result with its study, and the number of several subjects."""
    label, count = reference_name(rows), int(rows["n"].iloc[0])
    return label if count == 1 else f"{label} (n = {count})"


def reference_name(rows: pd.DataFrame) -> str:
    """Name of a published result with its study, as "macaques, Costa 2016"."""
    label, study = str(rows["label"].iloc[0]), str(rows["study"].iloc[0])
    label = NETWORKS if label == "paper" else label
    author, year = re.match(r"[A-Z][\w-]*", study), re.search(r"\b\d{4}\b", study)
    if author is None or year is None or year[0] in label:
        return label
    return f"{label}, {author[0]} {year[0]}"


def scores_by_subject(
    ax: Axes,
    tables: Tables,
    context: Context,
    value: str,
    *,
    label: str | None = None,
    baselines: Mapping[str, str] | None = None,
    reference: tuple[float, pd.DataFrame] | None = None,
) -> list[str]:
    """A dot a subject, side by side, with a line for each baseline and for learning.

    Args:
        ax: axes to draw on.
        tables: tables of the analysis; `subjects` is a `Measure` of the value.
        context: context of the analysis.
        value: column of the table of subjects that is drawn upwards.
        label: of the dots, in the legend; the subjects' label where None.
        baselines: baseline -> its label in the legend, for those to be drawn; None:
            all, named at their lines.
        reference: place and row of a published value.

    Returns:
        The subjects' names, for the ticks at 0, 1, ...
    """
    subjects = select_group(tables["subjects"])
    colour, words = subject_colour(context), label or subject_label(context)
    size = 6 if len(subjects) <= MANY else 2.5
    (scores,) = ax.plot(np.arange(len(subjects)), subjects[value], "o", label=words)
    scores.set(color=colour, markersize=size)
    if reference is not None:
        place, rows = reference
        published = COLOURS[str(rows["kind"].iloc[0])]
        ax.plot(place, rows["value"].iloc[0], "D", color=published, markersize=7)
    means = tables.summary("subjects").set_index("group")["mean"]
    for name in baseline_names(tables.summary("subjects")):
        if baselines is None:
            baseline_lines(ax, {name: float(means[name])})
        elif name in baselines:
            height = float(means[name])
            baseline_lines(ax, {name: height}, named=False, label=baselines[name])
    learned_line(ax, context)
    return [str(name).removeprefix("subject ") for name in subjects["label"]]


def subject_ticks(
    ax: Axes, names: Sequence[str], more: Mapping[float, str] | None = None
) -> None:
    """Name subjects below the axis: as many as can be read, upwards if they are long.

    Args:
        ax: axes to draw on, with its horizontal limits.
        names: (S,) names of the subjects at 0, 1, ...
        more: place -> label of further ticks.
    """
    step = -(-len(names) // MOST_NAMES) if len(names) > MOST_NAMES else 1
    shown = dict(enumerate(names)) if step == 1 else dict(enumerate(names[::step]))
    ticks = {place * step: name for place, name in shown.items()} | dict(more or {})
    upwards = _names_meet(ticks, *ax.get_xlim())
    ax.set_xticks(list(ticks), list(ticks.values()), rotation=90 * upwards)
    if upwards:
        ax.tick_params(axis="x", labelsize="small")


def _names_meet(ticks: Mapping[float, str], low: float, high: float) -> bool:
    """Whether two neighbouring names would meet, written side by side."""
    places = sorted(ticks)
    letter = (max([high, *places]) - min([low, *places])) / FLAT_LETTERS
    return any(
        (len(ticks[one]) + len(ticks[other])) / 2 + 1 > (other - one) / letter
        for one, other in pairwise(places)
    )


def learned_line(ax: Axes, context: Context, height: float | None = None) -> None:
    """A line at the threshold for having learned, where the criteria apply.

    Args:
        ax: axes to draw on.
        context: context of the analysis.
        height: on the axes; the threshold itself where None.
    """
    if context.learned is None:
        return
    level = context.learned.threshold if height is None else height
    ax.axhline(level, color="black", lw=1, ls=":")
    label_line(ax, "learned", level)


def chance_line(ax: Axes, height: float = 0.5, style: str = ":") -> None:
    """A grey horizontal line, behind everything: chance, or zero."""
    ax.axhline(height, color=COLOURS["chance"], lw=1, ls=style, zorder=0)


def log_scale(ax: Axes, axis: Literal["x", "y"]) -> None:
    """Make an axis logarithmic, with powers of ten that need no formula text."""
    ax.set(**{f"{axis}scale": "log"})
    scale = ax.xaxis if axis == "x" else ax.yaxis
    scale.set_major_formatter(FuncFormatter(power_of_ten))
    scale.set_minor_formatter(NullFormatter())


def power_of_ten(value: float, _: object = None) -> str:
    """A power of ten, as 10⁴."""
    return f"10{str(round(np.log10(value))).translate(SUPERSCRIPTS)}"


def label_line(ax: Axes, name: str, height: float) -> None:
    """Write a name at the right end of a line, left of names at nearly its height."""
    least, most = ax.get_ylim()
    near = [
        text
        for text in ax.texts
        if isinstance(text, Annotation)
        and text.get_gid() == LINE_NAME
        and abs(text.xy[1] - height) < NAME_HEIGHT * abs(most - least)
    ]
    ax.annotate(
        name,
        (1 - NAME_WIDTH * len(near), height),
        gid=LINE_NAME,
        xycoords=("axes fraction", "data"),
        xytext=(-2, 2),
        textcoords="offset points",
        ha="right",
        fontsize="small",
    )


def empty_panel(ax: Axes, text: str = "no recording") -> Axes:
    """State on empty axes why nothing is drawn."""
    ax.text(0.5, 0.5, text, ha="center", transform=ax.transAxes)
    return ax


def legend_below(
    ax: Axes, *, title: str = "", columns: int = 2, first: str = ""
) -> Axes:
    """Draw the legend below the axes, beginning with bars, or the label `first`.

    It has fewer columns where these would be too wide for the axes. Its title says what
    the intervals are, if any are drawn.
    """
    two_lines = any("\n" in label.get_text() for label in ax.get_xticklabels())
    handles, labels = ax.get_legend_handles_labels()
    # Of several populations on the same axes, each draws the references.
    once = [labels.index(label) for label in dict.fromkeys(labels)]
    bars = [isinstance(handles[index], BarContainer) for index in range(len(handles))]
    order = sorted(
        once, key=lambda k: (not bars[k], not bars[k] and labels[k] != first)
    )
    named = [labels[index] for index in order]
    ax.legend(
        [handles[index] for index in order],
        named,
        title=_with_intervals(ax, title),
        loc="upper center",
        bbox_to_anchor=(0.5, -LEGEND_GAP - SECOND_LINE * two_lines),
        ncols=_columns_that_fit(ax, named, columns),
        columnspacing=1.0,
        handletextpad=0.4,
        markerscale=1.2,
    )
    return ax


def _columns_that_fit(ax: Axes, labels: Sequence[str], most: int) -> int:
    """Columns of a legend, at most so many, so that its labels fit below the axes."""
    room = ax.get_position().width * ax.figure.get_figwidth() * LETTERS_PER_INCH  # type: ignore[union-attr]
    for columns in range(most, 1, -1):
        rows = -(-len(labels) // columns)
        parts = [labels[k : k + rows] for k in range(0, len(labels), rows)]
        if sum(max(map(len, part)) + HANDLE_LETTERS for part in parts) <= room:
            return columns
    return 1


def _with_intervals(ax: Axes, title: str) -> str:
    """A legend's title, with what the marks are that show intervals on the axes."""
    drawn = {mark.get_gid() for mark in ax.collections}
    marks = [mark for mark in (BAND, LINES) if mark in drawn]
    if not marks:
        return title
    words = f"{' and '.join(marks)}: {OF_INTERVALS}"
    last = title.rpartition("\n")[2]
    apart = "; " if len(last) + len(words) < TITLE_LETTERS else "\n"
    return f"{title}{apart}{words}" if title else words
