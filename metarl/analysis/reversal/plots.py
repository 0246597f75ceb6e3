"""Panels of the reversal figure: each draws tables of `reversal.tables` on axes.

Lines, bars and small dots are the measured subjects, intervals over subjects; diamonds
and circles are the monkeys' published trials, errors over blocks. Nothing is computed
here but where things stand; nothing is shown or saved.
"""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from metarl.analysis.criteria import LEARNED
from metarl.analysis.measures import Tables, baseline_names, select_group
from metarl.analysis.plotting import (
    LEAST_FOR_INTERVAL,
    empty_panel,
    label_line,
    legend_below,
    measured,
)
from metarl.analysis.reversal.behaviour import schedule_name
from metarl.analysis.reversal.effects import IDEAL
from metarl.analysis.style import COLOURS, baseline_colour

STYLES = {80.0: "-", 70.0: "--"}
"""Schedule -> line; dots of the same schedule are filled or open."""
OTHER_STYLE = ":"
"""Line of a schedule without its own."""
ERRORS = "band: 95 % over subjects; bars: s.e. over blocks"
"""What the errors of the curves are."""
Cell = tuple[str, float]
"""A measure and a schedule."""


def plot_reversal(tables: Tables, ax: Axes | None = None) -> Axes:
    """P(choose better) around the reversal, trial by trial."""
    ax = ax or plt.subplots()[1]
    ax.axvline(-0.5, color=COLOURS["chance"], lw=1, ls=":", zorder=0)
    ax.set_xlabel("Trials since the reversal")
    return _plot_curves(ax, tables, "reversal")


def plot_acquisition(tables: Tables, ax: Axes | None = None) -> Axes:
    """P(choose better) from a block's first trial on, trial by trial."""
    ax = ax or plt.subplots()[1]
    ax.set_xlabel("Trial of the block")
    return _plot_curves(ax, tables, "acquisition")


def _plot_curves(ax: Axes, tables: Tables, alignment: str) -> Axes:
    means = tables["curves_summary"]
    means = means[means["alignment"] == alignment]
    if select_group(means).empty:
        return empty_panel(ax, "not measured")
    colour, label = measured(tables)
    for schedule, style in _schedules(select_group(means)):
        name = schedule_name(schedule)
        part = means[means["schedule"] == schedule]
        own, ideal = select_group(part), select_group(part, IDEAL)
        line = ax.plot(own["trial"], own["mean"], style, color=colour)[0]
        line.set_label(f"{label}, {name}")
        if (own["n"] >= LEAST_FOR_INTERVAL).all():
            band = (own["low"].astype(float), own["high"].astype(float))
            ax.fill_between(own["trial"], *band, color=colour, alpha=0.2, lw=0)
        if len(ideal):
            green = baseline_colour(IDEAL)
            line = ax.plot(ideal["trial"], ideal["mean"], style, color=green, lw=1.2)[0]
            line.set_label(f"{IDEAL}, {name}")
        _monkey_curve(ax, tables, alignment, schedule)
    ax.axhline(0.5, color=COLOURS["chance"], lw=1, ls=":", zorder=0)
    ax.set(ylabel="P(choose the better option)", ylim=(0, 1.02))
    return legend_below(ax, title=ERRORS)


def _schedules(table: pd.DataFrame) -> list[tuple[float, str]]:
    """The schedules of a table, the easiest first, each with its line."""
    found = sorted(table["schedule"].unique(), reverse=True)
    return [(float(each), STYLES.get(float(each), OTHER_STYLE)) for each in found]


def _monkey_curve(ax: Axes, tables: Tables, alignment: str, schedule: float) -> None:
    """The monkeys' curve as dots with their standard errors."""
    rows = tables["reference_curves"]
    rows = rows[(rows["alignment"] == alignment) & (rows["schedule"] == schedule)]
    if rows.empty:
        return
    colour = COLOURS["animal"]
    inside = colour if STYLES.get(schedule) == "-" else "white"
    low, high = rows["value"] - rows["error"], rows["value"] + rows["error"]
    ax.vlines(rows["trial"], low, high, color=colour, lw=1)
    # Apart from the errors, so that the legend keeps a schedule together.
    dots = ax.plot(rows["trial"], rows["value"], "o", color=colour, mfc=inside, ms=4)[0]
    dots.set_label(f"{_monkeys(rows)}, {schedule_name(schedule)}")


def _monkeys(rows: pd.DataFrame) -> str:
    return f"{rows['label'].iloc[0]} (n = {rows['n'].iloc[0]})"


def plot_better(tables: Tables, ax: Axes | None = None) -> Axes:
    """P(choose better) at each schedule, beside monkeys and strategies."""
    ax = ax or plt.subplots()[1]
    cells = _cells(tables, {"p_better": ""})
    ax.set(ylabel="P(choose the better option)", xlabel="Schedule (% reward)")
    ax.axhline(0.5, color=COLOURS["chance"], lw=1, ls=":", zorder=0)
    ax.set_ylim(0, 1.02)
    return _plot_cells(ax, tables, cells)


def plot_staying(tables: Tables, ax: Axes | None = None) -> Axes:
    """What follows a win and what follows a loss, beside monkeys and strategies."""
    ax = ax or plt.subplots()[1]
    words = {"stay_after_win": "stay | win", "shift_after_loss": "shift | loss"}
    ax.set(ylabel="Probability", xlabel="Choice | outcome before, and schedule")
    ax.axhline(0.5, color=COLOURS["chance"], lw=1, ls=":", zorder=0)
    ax.set_ylim(0, 1.02)
    return _plot_cells(ax, tables, _cells(tables, words))


def plot_switching(tables: Tables, ax: Axes | None = None) -> Axes:
    """How long after the reversal choices turn round, beside monkeys and strategies."""
    ax = ax or plt.subplots()[1]
    words = {"first_new_better": "first choice", "switch_delay": "likeliest"}
    ax.set(ylabel="Trials after the reversal", xlabel="Switch to the new better option")
    ax.axhline(0, color=COLOURS["chance"], lw=1, zorder=0)
    return _plot_cells(ax, tables, _cells(tables, words))


def _cells(tables: Tables, words: Mapping[str, str]) -> dict[Cell, str]:
    """Each measure at each schedule, with what its tick says."""
    schedules = [schedule for schedule, _ in _schedules(tables["by_schedule"])]
    return {
        (measure, schedule): f"{name}\n{schedule_name(schedule)}".strip()
        for measure, name in words.items()
        for schedule in schedules
    }


def _plot_cells(ax: Axes, tables: Tables, cells: Mapping[Cell, str]) -> Axes:
    """A bar a cell with a dot a subject, and references side by side with it."""
    places = np.arange(len(cells), dtype=float)
    summary = tables["by_schedule_summary"]
    means = _at(select_group(summary), cells)
    colour, label = measured(tables)
    ax.bar(places, means["mean"], 0.34, color=colour, alpha=0.35, label=label, zorder=1)
    enough = (means["n"] >= LEAST_FOR_INTERVAL).to_numpy()
    low, high = means.loc[enough, "low"], means.loc[enough, "high"]
    ax.vlines(places[enough] + 0.06, low, high, color=colour, lw=2.5, zorder=3)
    for _, subject in select_group(tables["by_schedule"]).groupby("subject"):
        heights = _at(subject, cells)["value"]
        ax.plot(places - 0.11, heights, "o", color=colour, markersize=4, zorder=3)
    _monkey_cells(ax, tables, places, cells)
    for name in baseline_names(summary):
        heights = _at(select_group(summary, name), cells)["mean"]
        reach = (places - 0.2, places + 0.2)
        ax.hlines(heights, *reach, color=baseline_colour(name), lw=1.5, label=name)
    ax.set_xticks(places + 0.08, list(cells.values()))
    return legend_below(ax, columns=2, first=label)


def _at(table: pd.DataFrame, cells: Mapping[Cell, str]) -> pd.DataFrame:
    """The rows of these cells, in their order."""
    return table.set_index(["measure", "schedule"]).reindex(list(cells))


def _monkey_cells(
    ax: Axes, tables: Tables, places: np.ndarray, cells: Mapping[Cell, str]
) -> None:
    """The monkeys' values with their standard errors."""
    rows = tables["reference_measures"]
    found = _at(rows, cells)
    ax.errorbar(
        places + 0.28,
        found["value"],
        found["error"],
        fmt="D",
        color=COLOURS["animal"],
        markersize=7,
        label=_monkeys(rows),
    )


def plot_subjects(tables: Tables, ax: Axes | None = None) -> Axes:
    """P(choose better) of every subject, with the monkeys and the strategies' lines."""
    ax = ax or plt.subplots()[1]
    subjects = select_group(tables["subjects"])
    colour, label = measured(tables)
    places = np.arange(len(subjects))
    ax.plot(places, subjects["p_better"], "o", color=colour, label=label)
    monkeys = tables["reference_overall"].set_index("measure").loc["p_better"]
    beside = 1.1 * len(places) + 0.3
    ax.plot(beside, monkeys["value"], "D", color=COLOURS["animal"], markersize=7)
    means = tables["subjects_summary"].set_index("group")["mean"]
    for name in baseline_names(tables["subjects_summary"]):
        ax.axhline(means[name], color=baseline_colour(name), lw=1.5)
        label_line(ax, name, float(means[name]))
    if bool(tables["about"]["scored"].iloc[0]):
        threshold = LEARNED["reversal"].threshold
        ax.axhline(threshold, color="black", lw=1, ls=":")
        label_line(ax, "learned", threshold)
    names = [str(name).removeprefix("subject ") for name in subjects["label"]]
    ax.set_xticks([*places, beside], [*names, str(monkeys["label"])])
    ax.set(ylabel="P(choose the better option)", xlim=(-0.5, 1.6 * len(places) + 1.5))
    ax.set(xlabel=f"Subject; {label}, {monkeys['label']} (n = {monkeys['n']})")
    ax.set_ylim(min(0.45, ax.get_ylim()[0]), 1.03)
    return ax
