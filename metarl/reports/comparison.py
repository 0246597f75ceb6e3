"""`metarl compare`: comparison of runs of one task in a figure, a table and a text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from metarl.analysis.comparison import (
    compare_effects,
    effect_scales,
    mean_curves,
    populations,
    shown_effects,
)
from metarl.analysis.comparison_plots import (
    plot_effects,
    plot_mean_curves,
    row_height,
    run_styles,
)
from metarl.analysis.plotting import LEAST_FOR_INTERVAL, empty_panel
from metarl.analysis.style import figure_style
from metarl.core.checks import MetaRLError
from metarl.core.files import csv_text, read_table, write_text
from metarl.reports.figure_files import save_figure
from metarl.reports.figures import BY_SUBJECT_FILE, NO_NUMBER, read_effects
from metarl.runs.folder import Run, load_run

PANEL_WIDTH, LEAST_HEIGHT = 6.0, 4.6
"""Width of a panel, and its minimum height, in inches."""
LONG = 8
"""Number of effects from which they fill two columns."""
LEGEND_COLUMNS = 4
"""Number of runs per row of the legend."""


@dataclass(frozen=True, kw_only=True)
class Compared:
    """Data of one population for a comparison: networks of a run, or animals."""

    task: str
    """Name of the task."""
    effects: pd.DataFrame
    """Rows of effects.json."""
    numbers: pd.DataFrame
    """Values of each subject: key, effect, subject, value."""
    curves: pd.DataFrame | None
    """Learning curves of all subjects; None for animals."""


def compare(
    folders: Mapping[str, Path] | Sequence[str | Path],
    out: str | Path,
    *,
    trust_task: bool = False,
) -> dict[str, Path]:
    """Compare analysed runs, or animals, of one task; return the paths of the results.

    Args:
        folders: folders of runs or of `metarl animals`, perhaps by displayed name; the
            others are compared with the first.
        out: folder of the figure and the table.
        trust_task: whether to import the code of a task outside metarl; see `load_run`.

    Returns:
        figure, pdf, table, result.

    Raises:
        MetaRLError: there are fewer than two, tasks differ, or one is not analysed.
    """
    named = folders if isinstance(folders, Mapping) else short_names(folders)
    if len(named) < 2:
        raise MetaRLError("a comparison needs two or more folders, got one")
    compared = {
        name: read_compared(Path(folder), trust_task=trust_task)
        for name, folder in named.items()
    }
    _check_one_task(compared)
    comparison = compare_effects(
        {name: each.effects for name, each in compared.items()},
        {name: each.numbers for name, each in compared.items()},
    )
    curves = {name: c.curves for name, c in compared.items() if c.curves is not None}
    figure = comparison_figure(comparison, curves)
    png, pdf = save_figure(figure, Path(out) / "figure")
    table = Path(out) / "comparison.csv"
    write_text(table, csv_text(comparison))
    result = Path(out) / "comparison.txt"
    write_text(result, comparison_text(comparison))
    return {"figure": png, "pdf": pdf, "table": table, "result": result}


def short_names(folders: Sequence[str | Path]) -> dict[str, Path]:
    """Return each folder by the shortest end of its path that is unique."""
    paths = list(dict.fromkeys(Path(folder).resolve() for folder in folders))
    for count in range(1, max((len(path.parts) for path in paths), default=0) + 1):
        names = ["/".join(path.parts[-count:]) for path in paths]
        if len(set(names)) == len(paths):
            return dict(zip(names, paths, strict=True))
    return {}


def read_compared(folder: Path, *, trust_task: bool = False) -> Compared:
    """Read the results of `metarl analyze` for a run, `metarl animals` for animals.

    Raises:
        MetaRLError: they are missing or damaged, or the task is not to be trusted.
    """
    run: Run | None = None
    if (folder / "config.json").exists() or not (folder / "effects.json").exists():
        run = load_run(folder, trust_task=trust_task)
    where = run.analysis_path if run else folder
    command = f"metarl analyze {folder}" if run else "metarl animals"
    numbers = read_table(where / BY_SUBJECT_FILE, made_by=command)
    made_from = run.tests_digest() if run else ""
    effects = pd.DataFrame(read_effects(where / "effects.json", command, made_from))
    # A claim that nothing tests here is of no subject.
    effects = effects[effects["subjects"] + effects["missing"] > 0]
    _check_numbers(where / BY_SUBJECT_FILE, numbers, effects, command)
    return Compared(
        task=str(effects["experiment"].iloc[0]),
        effects=effects,
        numbers=numbers,
        curves=run.metrics if run else None,
    )


def _check_numbers(
    path: Path, numbers: pd.DataFrame, effects: pd.DataFrame, made_by: str
) -> None:
    """Raise MetaRLError unless keys are given once, and a subject has each once."""
    lacks = [k for k in ("key", "subject", "value") if k not in numbers]
    fits = not lacks and pd.api.types.is_numeric_dtype(numbers["value"])
    again = effects["key"].duplicated().any()
    if not fits or again or numbers.duplicated(["key", "subject"]).any():
        raise MetaRLError(
            f"{path} must have one number of each subject in each effect; run "
            f"`{made_by}` again"
        )


def _check_one_task(compared: Mapping[str, Compared]) -> None:
    tasks = {name: each.task for name, each in compared.items()}
    if len(set(tasks.values())) > 1:
        listed = ", ".join(f"{name} of {task}" for name, task in tasks.items())
        raise MetaRLError(
            f"compared runs must be of one task, got {listed}; compare runs of each "
            "task separately"
        )


def comparison_figure(
    comparison: pd.DataFrame, curves: Mapping[str, pd.DataFrame]
) -> Figure:
    """Draw learning curves, effects in one or two columns, and a legend below."""
    runs = [str(run) for run in comparison["run"].unique()]
    names = shown_effects(comparison)
    columns = 1 if len(names) < LONG else 2
    count = -(-len(names) // columns)
    legend = 0.3 * -(-len(runs) // LEGEND_COLUMNS)
    height = max(LEAST_HEIGHT + 0.5, count * row_height(len(runs)))
    few = comparison["subjects"] < LEAST_FOR_INTERVAL
    rows = comparison.assign(**{k: comparison[k].mask(few) for k in ("low", "high")})
    with figure_style():
        size = (PANEL_WIDTH * (1 + columns), height + 0.6 + legend)
        figure = Figure(figsize=size, layout="constrained")
        heights = [LEAST_HEIGHT, height - LEAST_HEIGHT]
        grid = figure.add_gridspec(2, 1 + columns, height_ratios=heights)
        first = figure.add_subplot(grid[0, 0])
        others = [figure.add_subplot(grid[:, 1 + n]) for n in range(columns)]
        first.set_title("Learning")
        if curves:
            plot_mean_curves(mean_curves(curves), runs, first)
        else:
            empty_panel(first, "animals have no learning curves").set_axis_off()
        for number, ax in enumerate(others):
            chosen = names[number * count : (number + 1) * count]
            part = rows[rows["key"].isin(chosen)]
            plot_effects(part, effect_scales(part), runs, ax)
            ax.set_ylim(count, 0)
            ax.set_title("" if number else "Effects, each on a scale of its own")
        _draw_legend(figure, comparison)
    return figure


def _draw_legend(figure: Figure, comparison: pd.DataFrame) -> None:
    """Draw the legend: runs with their numbers of subjects and of learners."""
    sizes = populations(comparison)
    runs = [str(run) for run in sizes["run"]]
    handles = [
        Line2D([], [], lw=1.6, ms=6, **style) for style in run_styles(runs).values()
    ]
    labels = [
        f"{run} (n = {subjects}{'' if pd.isna(learned) else f', {learned} learned'})"
        for run, subjects, learned in sizes.itertuples(index=False)
    ]
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=LEGEND_COLUMNS,
        fontsize=9,
        borderaxespad=1,
    )


def comparison_text(comparison: pd.DataFrame) -> str:
    """Format the comparison as text: each effect, then one line per run."""
    runs = [str(run) for run in comparison["run"].unique()]
    width = max(map(len, runs))
    effects = comparison.groupby("key", sort=False)
    shared = int((effects["run"].nunique() == len(runs)).sum())
    lines = [
        f"{shared} of {len(effects)} effects were measured in all of "
        f"{', '.join(runs)}.",
        "",
        "Effects (value [95 % interval over subjects]; verdict; difference of means to "
        f"{runs[0]} [95 % interval, Welch]; p, uncorrected)",
    ]
    for _, part in effects:
        criterion = next(filter(None, part["criterion"]), "")
        label = part["effect"].iloc[0]
        lines += ["", f"{label}{f'; criterion {criterion}' if criterion else ''}"]
        by_run = {row["run"]: row for row in part.to_dict("records")}
        lines += [
            _run_line(by_run[run], width)
            if run in by_run
            else f"  {run:<{width}}  not measured"
            for run in runs
        ]
    return "\n".join(lines) + "\n"


def _run_line(row: Mapping[Any, Any], width: int) -> str:
    line = f"  {row['run']:<{width}}  {_number(row, 'value', 'low', 'high'):<26}"
    line += f" {row['verdict']:<11}"
    if pd.notna(row["difference"]):
        line += f" {_number(row, 'difference', 'difference_low', 'difference_high')}"
    if pd.notna(row["p"]):
        line += f"; p = {row['p']:.2g}"
    return line.rstrip()


def _number(row: Mapping[Any, Any], value: str, low: str, high: str) -> str:
    """Format a number with its interval, if it has one."""
    if pd.isna(row[value]):
        return NO_NUMBER
    interval = ""
    if pd.notna(row[low]):
        interval = f" [{row[low]:.3g}, {row[high]:.3g}]"
    return f"{row[value]:.4g}{interval}"
