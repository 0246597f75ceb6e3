"""`metarl acquisition`: statistic of each snapshot, tables, figure and text."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from metarl.analysis.acquisition import (
    compare_acquisition,
    shares,
    summarise_acquisition,
)
from metarl.analysis.acquisition_plots import (
    STYLES,
    plot_shares,
    plot_statistics,
    run_colours,
)
from metarl.analysis.analysis import analyse
from metarl.analysis.criteria import Criteria, LearnedCriterion
from metarl.analysis.data import READ_COLUMNS
from metarl.analysis.measures import select_group, subject_values
from metarl.analysis.scoring import why_unscored
from metarl.analysis.style import figure_style
from metarl.core.checks import MetaRLError
from metarl.core.files import Recording, write_table_as_csv, write_text
from metarl.core.names import unknown_name
from metarl.experiments.spec import experiment
from metarl.reports.figure_files import save_figure
from metarl.reports.figures import (
    analysis_of,
    has_analysis,
    network_data,
    training_departure,
)
from metarl.runs.config import EvaluationConfig
from metarl.runs.folder import Run

TABLE_FILE, SUMMARY_FILE = "acquisition.csv", "learned.csv"
"""Files of the rows of all snapshots, and of one row a run."""
SHARES_FILE, COMPARISON_FILE = "shares.csv", "comparison.csv"
"""Files of the share of networks by snapshot, and of the comparison of runs."""
PANEL = (5.6, 4.2)
"""Width and height of a panel, in inches."""
LEGEND_COLUMNS = 3
"""Runs per row of the legend."""
RULE = (
    "A network has learned at the first snapshot that meets the criterion together\n"
    "with the next one; the last snapshot counts by itself."
)
"""Rule for the time of learning, in words."""


def learned_criterion(run: Run) -> LearnedCriterion:
    """Return the criterion for having learned the task of a run.

    Raises:
        MetaRLError: the experiment has none, or it does not apply to the run.
    """
    task = run.config.task
    known = analysis_of(task).criteria if has_analysis(task) else {}
    criterion = known.get(task, Criteria()).learned
    if criterion is None:
        raise MetaRLError(
            f"{task} has no criterion of having learned, so {run.path} has no time of "
            "learning; add `learned` to the criteria of the experiment's analysis"
        )
    reason = _unscored(run)
    if reason:
        raise MetaRLError(
            f"the criterion of having learned {task} does not apply to {run.path}: "
            f"{reason}; train the task as published"
        )
    return criterion


def _unscored(run: Run) -> str:
    """Why the criteria of a run's experiment do not apply; empty if they do."""
    nothing = pd.DataFrame(columns=list(READ_COLUMNS))
    analysis, test = analysis_of(run.config.task), experiment(run.config.task).test
    data = network_data(run, nothing, test, departure=training_departure(run))
    return why_unscored(analysis.criteria, analysis.published, data)


@dataclass(frozen=True, kw_only=True)
class EvaluatedSnapshot:
    """Test of one snapshot of a network, in memory."""

    trials: pd.DataFrame
    """Trial table."""
    recording: Recording
    """Step recording; empty if nothing was recorded."""
    discount: float
    """Discount per step at that point of training."""


def snapshot_statistics(
    run: Run, test: EvaluationConfig, tested: Mapping[int, EvaluatedSnapshot]
) -> dict[int, float]:
    """Statistic of the criterion in the test of each snapshot of one network.

    Args:
        run: run of the network.
        test: settings of the test.
        tested: number of a snapshot -> its test.

    Returns:
        Number of a snapshot -> value; NaN where it has none.
    """
    # One analysis of all snapshots with the same discount, each as a subject.
    values: dict[int, float] = {}
    for discount in dict.fromkeys(each.discount for each in tested.values()):
        alike = {k: each for k, each in tested.items() if each.discount == discount}
        values |= _statistics(run, test, alike, discount)
    return {number: values.get(number, float("nan")) for number in tested}


def _statistics(
    run: Run,
    test: EvaluationConfig,
    tested: Mapping[int, EvaluatedSnapshot],
    discount: float,
) -> dict[int, float]:
    tables = [each.trials.assign(subject=k) for k, each in tested.items()]
    data = network_data(
        run,
        pd.concat(tables, ignore_index=True),
        test,
        recordings={k: each.recording for k, each in tested.items() if each.recording},
        discount=discount,
    )
    result = analyse(analysis_of(run.config.task), data)
    subjects = select_group(result.tables["subjects"])
    criterion = learned_criterion(run)
    if criterion.statistic not in subjects:
        numbers = subjects.select_dtypes("number").columns.drop("subject")
        kind = "column of the table of subjects, which the learned criterion reads,"
        raise unknown_name(kind, criterion.statistic, numbers)
    values = subject_values(subjects, criterion.statistic)
    return {int(str(k)): float(value) for k, value in values.items()}


@dataclass(frozen=True, kw_only=True)
class AcquisitionFacts:
    """What was tested, for figure and text."""

    task: str
    """Name of the task."""
    criterion: LearnedCriterion
    """Criterion of having learned."""
    episodes: int
    """Episodes of the test of each snapshot."""


def write_acquisition(
    out: Path, table: pd.DataFrame, facts: AcquisitionFacts
) -> dict[str, Path]:
    """Write tables, figure and text; return their paths.

    Args:
        out: folder of the results.
        table: table of acquisition.
        facts: what was tested.
    """
    summary, curves = summarise_acquisition(table), shares(table)
    comparison = compare_acquisition(table)
    paths = {"figure": out / "figure.png", "pdf": out / "figure.pdf"}
    tables = {
        TABLE_FILE: table,
        SUMMARY_FILE: summary,
        SHARES_FILE: curves,
        **({COMPARISON_FILE: comparison} if len(comparison) else {}),
    }
    (out / COMPARISON_FILE).unlink(missing_ok=True)
    for name, rows in tables.items():
        paths[Path(name).stem] = out / name
        write_table_as_csv(out / name, rows)
    save_figure(acquisition_figure(table, curves, facts), out / "figure")
    paths["result"] = out / "result.txt"
    write_text(paths["result"], acquisition_text(summary, comparison, facts))
    return paths


def acquisition_figure(
    table: pd.DataFrame, curves: pd.DataFrame, facts: AcquisitionFacts
) -> Figure:
    """Draw the share of networks that have learned, and every network's statistic."""
    criterion = facts.criterion
    with figure_style():
        runs = curves.groupby("run", sort=False)["n"].max()
        legend = 0.3 * -(-len(runs) // LEGEND_COLUMNS)
        size = (2 * PANEL[0], PANEL[1] + 0.6 + legend)
        figure = Figure(figsize=size, layout="constrained")
        left, right = figure.subplots(1, 2)
        plot_shares(curves, left)
        left.set_title("Networks that have learned")
        plot_statistics(table, criterion.statistic, criterion.threshold, right)
        right.set_title("Every network")
        _draw_legend(figure, summarise_acquisition(table))
        figure.suptitle(facts.task)
    return figure


def _draw_legend(figure: Figure, summary: pd.DataFrame) -> None:
    """Name the runs below the panels, with the numbers that learned."""
    colours = run_colours(list(summary["run"]))
    handles = [
        Line2D([], [], lw=2, color=colour, ls=STYLES[number % len(STYLES)])
        for number, colour in enumerate(colours.values())
    ]
    labels = [
        f"{row['run']} ({row['learned']} of {row['networks']} learned)"
        for row in summary.to_dict("records")
    ]
    figure.legend(
        handles,
        labels,
        title="band: 95 % (Clopper-Pearson)",
        loc="outside lower center",
        ncols=LEGEND_COLUMNS,
        borderaxespad=1,
    )


def acquisition_text(
    summary: pd.DataFrame, comparison: pd.DataFrame, facts: AcquisitionFacts
) -> str:
    """Format the result as text: what was tested, a line a run, the comparison."""
    criterion = facts.criterion
    lines = [
        f"{facts.task}: {experiment(facts.task).summary}",
        f"Every snapshot of training was tested with frozen weights, {facts.episodes} "
        "episodes of the main test,",
        "the same problems for all networks.",
        f"Criterion: {criterion.statistic} >= {criterion.threshold:g}. {criterion.why}",
        RULE,
        "",
        "Networks that learned [95 % interval, Clopper-Pearson]; those whose last test "
        "meets the criterion;",
        "median episodes to the criterion [95 % interval]",
        "",
        *map(run_line, summary.to_dict("records")),
    ]
    if len(comparison):
        first = comparison["first"].iloc[0]
        several = ", corrected by Holm's method" if len(comparison) > 1 else ""
        lines += [
            "",
            f"Compared with {first} (p, two-sided{several}): time to the criterion "
            "(log-rank test),",
            "number that learned (Fisher's exact test)",
            "",
            *map(comparison_line, comparison.to_dict("records")),
        ]
    return "\n".join(lines) + "\n"


def run_line(row: Mapping[Any, Any]) -> str:
    """Format one row of the summary."""
    return (
        f"  {row['run']}: {row['learned']} of {row['networks']}, "
        f"{row['share']:.2f} [{row['low']:.2f}, {row['high']:.2f}]; "
        f"{row['meets_at_end']} at the end; {median_words(row)}"
    )


def median_words(row: Mapping[Any, Any]) -> str:
    """Median episodes to the criterion in words, from a row of the summary."""
    if pd.isna(row["median_episodes"]):
        least = f"more than {row['trained_episodes']:,.0f}"
        if pd.isna(row["median_episodes_low"]):
            return f"{least} (half had not learned)"
        return f"{least} [{row['median_episodes_low']:,.0f}, not reached]"
    ends = [row[f"median_episodes_{end}"] for end in ("low", "high")]
    words = ["not reached" if pd.isna(end) else f"{end:,.0f}" for end in ends]
    return f"{row['median_episodes']:,.0f} [{words[0]}, {words[1]}]"


def comparison_line(row: Mapping[Any, Any]) -> str:
    """Format one row of the comparison."""
    logrank, fisher = (_p(row[f"p_{name}_holm"]) for name in ("logrank", "fisher"))
    return (
        f"  {row['run']}: {row['learned']} of {row['networks']}, "
        f"{row['first']}: {row['learned_first']} of {row['networks_first']}; "
        f"log-rank {logrank}, Fisher {fisher}"
    )


def _p(value: float) -> str:
    return "no test, as none learned" if pd.isna(value) else f"p = {value:.2g}"
