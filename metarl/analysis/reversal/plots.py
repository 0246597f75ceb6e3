"""Panels of the reversal figure.

Lines, bars and small dots are the measured subjects, intervals over subjects; diamonds
and circles are the monkeys' published trials, errors over blocks.
"""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes

from metarl.analysis.analysis import Context
from metarl.analysis.measures import Tables, rows_at, select_group
from metarl.analysis.plotting import (
    Points,
    bars_with_subjects,
    baseline_ticks,
    chance_line,
    empty_panel,
    legend_below,
    mean_line,
    reference_curve,
    reference_label,
    reference_points,
    scores_by_subject,
    subject_colour,
    subject_label,
    subject_ticks,
)
from metarl.analysis.reversal.behaviour import NOT_KNOWN, schedule_name
from metarl.analysis.reversal.effects import IDEAL
from metarl.analysis.style import COLOURS, baseline_colour, baseline_words

STYLES = {80.0: "-", 70.0: "--", NOT_KNOWN: "-"}
"""Schedule -> line; dots of the same schedule are filled or open."""
OTHER_STYLE = ":"
"""Line of a schedule without its own."""
ERRORS = "dots' lines: s.e. over blocks"
"""Errors of the monkeys' curves, in words."""
CELL_KEYS = ("measure", "schedule")
Cells = Mapping[tuple[str, float], str]
"""A measure and a schedule -> tick label."""


def plot_reversal(tables: Tables, context: Context, ax: Axes) -> Axes:
    """P(choose better) around the reversal, trial by trial."""
    ax.axvline(-0.5, color=COLOURS["chance"], lw=1, ls=":", zorder=0)
    ax.set_xlabel("Trials since the reversal")
    return _plot_curves(ax, tables, context, "reversal")


def plot_acquisition(tables: Tables, context: Context, ax: Axes) -> Axes:
    """P(choose better) from a block's first trial on, trial by trial."""
    ax.set_xlabel("Trial of the block")
    return _plot_curves(ax, tables, context, "acquisition")


def _plot_curves(ax: Axes, tables: Tables, context: Context, alignment: str) -> Axes:
    means = rows_at(tables.summary("curves"), alignment=alignment)
    if select_group(means).empty:
        return empty_panel(ax, "not measured")
    label, published = subject_label(context), False
    for schedule, style in _schedules(select_group(means)):
        name = schedule_name(schedule)
        part = rows_at(means, schedule=schedule)
        own, ideal = select_group(part), select_group(part, IDEAL)
        colour, words = subject_colour(context), f"{label}, {name}"
        mean_line(ax, own, "trial", colour, label=words, style=style)
        if len(ideal):
            colour, words = baseline_colour(IDEAL), f"{baseline_words(IDEAL)}, {name}"
            mean_line(
                ax, ideal, "trial", colour, label=words, style=style, alpha=0, lw=1.2
            )
        published |= _monkey_curve(ax, tables, alignment, schedule)
    chance_line(ax)
    ax.set(ylabel="P(choose the better option)", ylim=(0, 1.02))
    return legend_below(ax, title=ERRORS if published else "")


def _schedules(table: pd.DataFrame) -> list[tuple[float, str]]:
    """The schedules of a table, the easiest first, each with its line."""
    schedules = sorted(table["schedule"].unique(), reverse=True)
    return [
        (float(schedule), STYLES.get(float(schedule), OTHER_STYLE))
        for schedule in schedules
    ]


def _monkey_curve(ax: Axes, tables: Tables, alignment: str, schedule: float) -> bool:
    """The monkeys' curve as dots with their standard errors, if there is one."""
    rows = rows_at(tables["reference_curves"], alignment=alignment, schedule=schedule)
    if rows.empty:
        return False
    filled = STYLES.get(schedule) == "-"
    reference_curve(
        ax,
        rows,
        "trial",
        filled=filled,
        label=f"{reference_label(rows)}, {schedule_name(schedule)}",
    )
    return True


def plot_better(tables: Tables, context: Context, ax: Axes) -> Axes:
    """P(choose better) at each schedule, with monkeys and baselines."""
    cells = _cells(tables, {"p_better": ""})
    ax.set(ylabel="P(choose the better option)", xlabel="Schedule (% reward)")
    chance_line(ax)
    ax.set_ylim(0, 1.02)
    return _plot_cells(ax, tables, context, cells)


def plot_staying(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Choices after a win and after a loss, with monkeys and baselines."""
    words = {"stay_after_win": "stay | win", "shift_after_loss": "shift | loss"}
    ax.set(ylabel="Probability", xlabel="Choice | outcome before, and schedule")
    chance_line(ax)
    ax.set_ylim(0, 1.02)
    return _plot_cells(ax, tables, context, _cells(tables, words))


def plot_switching(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Time from the reversal until choices switch, with monkeys and baselines."""
    words = {"first_new_better": "first choice", "switch_delay": "most likely"}
    ax.set(ylabel="Trials after the reversal", xlabel="Switch to the new better option")
    chance_line(ax, 0, "-")
    return _plot_cells(ax, tables, context, _cells(tables, words))


def _cells(tables: Tables, words: Mapping[str, str]) -> Cells:
    """Each measure at each schedule, with its tick label."""
    schedules = [schedule for schedule, _ in _schedules(tables["by_schedule"])]
    return {
        (measure, schedule): f"{name}\n{schedule_name(schedule)}".strip()
        for measure, name in words.items()
        for schedule in schedules
    }


def _plot_cells(ax: Axes, tables: Tables, context: Context, cells: Cells) -> Axes:
    """A bar a cell with a dot a subject, and references side by side with it."""
    where = Points(CELL_KEYS, list(cells))
    places = bars_with_subjects(ax, tables, context, "by_schedule", "value", where)
    reference_points(ax, places + 0.28, tables["reference_measures"], where)
    baseline_ticks(ax, places, tables.summary("by_schedule"), where)
    ax.set_xticks(places + 0.08, list(cells.values()))
    return legend_below(ax, columns=2, first=subject_label(context))


def plot_subjects(tables: Tables, context: Context, ax: Axes) -> Axes:
    """P(choose better) of every subject, with the monkeys and the baselines' lines."""
    monkeys = rows_at(tables["reference_overall"], measure="p_better")
    count = context.subject_count
    right = 1.1 * count + 0.3
    names = scores_by_subject(
        ax, tables, context, "p_better", reference=(right, monkeys)
    )
    animal = str(monkeys["label"].iloc[0])
    ax.set(ylabel="P(choose the better option)", xlim=(-0.5, 1.3 * count + 1.5))
    subject_ticks(ax, names, {right: animal})
    ax.set(xlabel=f"Subject; {subject_label(context)};\n{reference_label(monkeys)}")
    ax.set_ylim(min(0.45, ax.get_ylim()[0]), 1.03)
    return ax
