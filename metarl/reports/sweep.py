"""`metarl sweep`: its scores, table, summary, figure and result in words."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from metarl.analysis.analysis import analyse
from metarl.analysis.criteria import learned_subjects
from metarl.analysis.measures import select_group, subject_values
from metarl.analysis.scoring import why_unscored
from metarl.analysis.style import figure_style
from metarl.analysis.sweep import (
    FIRST,
    REWARD,
    SCORE,
    SECOND,
    half_rewards,
    select_runs,
    selected_reward,
    summarise_runs,
    varied,
)
from metarl.analysis.sweep_plots import Axis, plot_halves, plot_map, plot_setting
from metarl.core.files import write_table_as_csv, write_text
from metarl.experiments.spec import experiment
from metarl.reports.figure_files import save_figure
from metarl.reports.figures import NO_NUMBER, analysis_of, experiment_data, has_analysis
from metarl.runs.folder import Run
from metarl.runs.settings import Span, Values, shown

TABLE_FILE, SUMMARY_FILE = "sweep.csv", "summary.csv"
"""Files of the rows of all subjects, and of one row a run."""
SCORES = (REWARD, FIRST, SECOND, SCORE, "learned")
"""Scores of a subject."""
PANEL = (5.4, 4.6)
"""Width and height of a panel, in inches: two fill a page of a journal, at two thirds
of their size."""
COLUMNS = 2
"""Panels beside each other."""
MOST_COLOURS = 6
"""Values of a setting that are drawn in colours of their own."""
MOST_GROUPS = 18
"""Pairs of values that have room side by side in one panel."""
SHOWN_ROWS = 40
"""Most runs that are listed in words."""


@dataclass(frozen=True, kw_only=True)
class SweepFacts:
    """What a sweep is, for its table and figure."""

    plan: Mapping[str, Any]
    """The plan in plain values: task, preset, mode, subjects, seed, episodes."""
    over: Mapping[str, Values | Span]
    """Setting -> its values or range."""
    select: int = 0
    """Number of runs to select; 0: none."""
    score_name: str = ""
    """Name of the experiment's main score; empty if it has none."""
    unscored: str = ""
    """Why the experiment's rule for having learned does not apply; empty if it does."""

    @property
    def independent(self) -> bool:
        """Whether each run has random numbers of its own."""
        return bool(self.plan["mode"] != "grid")


def describe_settings(settings: Mapping[str, Any]) -> str:
    """Settings in words, as "learning.discount 0.4, network.units 24"."""
    return ", ".join(f"{name} {shown(value)}" for name, value in settings.items())


def score_run(run: Run) -> dict[str, Any]:
    """Scores of every tested subject of a run, in plain values.

    Returns:
        subjects: number -> SCORES, None where there is no number; score_name: name of
        the main score; unscored: why the rule for having learned does not apply.
    """
    subjects = {
        str(k): dict.fromkeys(SCORES, None) | _rewards(folder.trials, folder.metadata)
        for k, folder in run.evaluated.items()
    }
    if not has_analysis(run.config.task):
        return {"subjects": subjects, "score_name": "", "unscored": "no analysis"}
    analysis, data = analysis_of(run.config.task), experiment_data(run)
    result = analyse(analysis, data)
    table, rule = select_group(result.tables["subjects"]), result.context.criteria
    learned = learned_subjects(result.context.learned, table)
    name = rule.learned.statistic if rule.learned else ""
    if name in table:
        for k, value in subject_values(table, name).items():
            subjects[str(k)][SCORE] = _plain(float(value))
    if learned is not None:
        for k, has in learned.items():
            subjects[str(k)]["learned"] = bool(has)
    unscored = why_unscored(analysis.criteria, analysis.published, data)
    return {
        "subjects": subjects,
        "score_name": name if name in table else "",
        "unscored": unscored,
    }


def _rewards(trials: pd.DataFrame, metadata: Mapping[str, Any]) -> dict[str, Any]:
    first, second = half_rewards(trials, int(metadata["episodes"]))
    whole = float(metadata["reward_per_episode"])
    return {REWARD: _plain(whole), FIRST: _plain(first), SECOND: _plain(second)}


def _plain(value: float) -> float | None:
    """The number; None, as JSON has it, if there is none."""
    return value if math.isfinite(value) else None


def write_sweep(
    folder: Path, rows: Sequence[Mapping[str, Any]], facts: SweepFacts
) -> dict[str, Path]:
    """Write table, summary, figure and result; return their paths.

    Args:
        folder: folder of the sweep.
        rows: one a run and subject: run, the settings, subject, seed, state, SCORES,
            steps.
        facts: what the sweep is.
    """
    settings = list(facts.over)
    table = sweep_table(rows, settings)
    summary = summarise_runs(table, settings)
    selected = select_runs(summary, facts.select) if facts.select else []
    table["selected"] = table["run"].isin(selected)
    summary["selected"] = summary["run"].isin(selected)
    different = varied(table, settings) or settings
    summary.insert(1, "label", _labels(summary, different))
    paths = {
        "table": folder / TABLE_FILE,
        "summary": folder / SUMMARY_FILE,
        "result": folder / "result.txt",
    }
    write_table_as_csv(paths["table"], table.assign(score_name=facts.score_name))
    write_table_as_csv(paths["summary"], summary)
    text = sweep_text(summary, selected, different, facts)
    write_text(paths["result"], text)
    png, pdf = save_figure(sweep_figure(table, summary, facts), folder / "figure")
    return {"figure": png, "pdf": pdf, **paths}


def sweep_table(
    rows: Sequence[Mapping[str, Any]], settings: Sequence[str]
) -> pd.DataFrame:
    """Table of a sweep; values of a setting are all numbers, or all text."""
    table = pd.DataFrame(rows)
    for name in settings:
        values = [row[name] for row in rows]
        if not all(_is_number(value) for value in values):
            table[name] = [shown(value) for value in values]
    numbers = dict.fromkeys((REWARD, FIRST, SECOND, SCORE), float)
    return table.astype({**numbers, "learned": "boolean"})


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _labels(summary: pd.DataFrame, settings: Sequence[str]) -> list[str]:
    """Label of each run: the values that differ, by the short names of settings.

    Runs with the same settings have their names in their labels.
    """
    short, rows = short_settings(settings), summary.to_dict("records")
    labels = [
        ", ".join(f"{short[name]} {shown(row[name])}" for name in settings)
        for row in rows
    ]
    return [
        label if labels.count(label) == 1 else f"{label} ({row['run']})"
        for label, row in zip(labels, rows, strict=True)
    ]


def short_settings(settings: Sequence[str]) -> dict[str, str]:
    """Setting -> the last part of its name; the whole name if two have the same."""
    last = [name.rpartition(".")[2] for name in settings]
    return {
        name: short.replace("_", " ") if last.count(short) == 1 else name
        for name, short in zip(settings, last, strict=True)
    }


def sweep_text(
    summary: pd.DataFrame,
    selected: Sequence[str],
    settings: Sequence[str],
    facts: SweepFacts,
) -> str:
    """Format a sweep as text: what was done, then one line a run."""
    plan, counted = facts.plan, int(summary["n"].sum())
    expected = counted + int(summary["missing"].sum())
    over = ", ".join(f"{name}={choice}" for name, choice in facts.over.items())
    lines = [
        f"{plan['task']}: {experiment(plan['task']).summary}",
        f"Sweep ({plan['mode']}) over {over};",
        f"{len(summary)} runs, preset {plan['preset']}, seed {plan['seed']}; "
        f"{counted} of {expected} networks tested",
        f"with frozen weights, {plan['episodes']} episodes each.",
    ]
    if facts.score_name and not facts.unscored:
        lines.append(f"Learned: by the experiment's rule about {facts.score_name}.")
    elif facts.unscored:
        lines.append(f"Whether they learned is not scored: {facts.unscored}.")
    if summary["pruned"].any():
        lines.append(
            f"{int(summary['pruned'].sum())} runs were stopped early (pruned)."
        )
    lines += ["", *_run_lines(summary, settings, facts)]
    if facts.select:
        lines += ["", *_selected_lines(summary, selected, facts)]
    return "\n".join(lines) + "\n"


def _run_lines(
    summary: pd.DataFrame, settings: Sequence[str], facts: SweepFacts
) -> list[str]:
    """The heading and the row of each run; in a grid in order, else the best first."""
    if facts.independent:
        summary = summary.sort_values("mean", ascending=False, kind="stable")
    shown_rows = summary.head(SHOWN_ROWS)
    halves = [FIRST, SECOND] if facts.select else []
    score = [facts.score_name] if facts.score_name else []
    table = pd.DataFrame({"run": shown_rows["run"]}) if facts.independent else None
    cells: dict[str, Any] = {name: shown_rows[name].map(shown) for name in settings}
    cells |= {"n": shown_rows["n"], "reward per episode": _intervals(shown_rows)}
    for name in halves:
        cells[name.replace("_", " ")] = shown_rows[name].map(_number)
    for name in score:
        cells[name] = _intervals(shown_rows, SCORE, "score_low", "score_high")
    if shown_rows["learned"].notna().any():
        cells["learned"] = shown_rows["learned"].astype("string").fillna("")
    if shown_rows["missing"].any():
        cells["missing"] = shown_rows["missing"]
    if facts.select:
        cells["selected"] = shown_rows["selected"].map({True: "*", False: ""})
    columns = {} if table is None else {"run": table["run"]}
    text = pd.DataFrame({**columns, **cells}).to_string(index=False)
    lines = [line.rstrip() for line in text.splitlines()]
    if len(summary) > SHOWN_ROWS:
        lines.append(f"... ({len(summary)} runs; all in {SUMMARY_FILE})")
    note = "Mean over networks [95 % interval]; n counts networks."
    return [note, "", *lines]


def _number(value: float) -> str:
    return NO_NUMBER if pd.isna(value) else f"{value:.4g}"


def _intervals(
    rows: pd.DataFrame, value: str = "mean", low: str = "low", high: str = "high"
) -> list[str]:
    return [
        _number(row[value])
        + ("" if pd.isna(row[low]) else f" [{row[low]:.4g}, {row[high]:.4g}]")
        for row in rows.to_dict("records")
    ]


def _selected_lines(
    summary: pd.DataFrame, selected: Sequence[str], facts: SweepFacts
) -> list[str]:
    """The selected runs in the half of the test that selected them, and the other."""
    if not selected:
        return ["No run could be selected: none has the test of every network."]
    rows = summary[summary["run"].isin(selected)]
    mean = selected_reward(summary, selected, independent=facts.independent)
    between = ""
    if pd.notna(mean.low):
        between = f" [{mean.low:.4g}, {mean.high:.4g}]"
    return [
        f"Selected (*): {len(selected)} of {len(summary)} runs, by the first half of "
        f"the test's episodes, with {rows[FIRST].mean():.4g}",
        "reward per episode there. In the second half, which selected nothing: "
        f"{mean.mean:.4g}{between}"
        + (f" (95 % over {mean.n} runs)." if between else "."),
    ]


def sweep_figure(
    table: pd.DataFrame, summary: pd.DataFrame, facts: SweepFacts
) -> Figure:
    """Draw the reward against each setting; of two settings also a map."""
    names = varied(table, list(facts.over)) or list(facts.over)[:1]
    axes = {name: _axis(name, names, facts) for name in names}
    value, half = (SECOND, "second half") if facts.select else (REWARD, "test")
    hue = _hue([axes[name] for name in names])
    draws: list[Callable[[Axes], Axes]] = [
        partial(plot_setting, table, value, half, axes[name], hue)
        for name in names
        if hue is None or name != hue.name
    ]
    if len(names) == 2:
        mean = SECOND if facts.select else "mean"
        across, up = axes.values()
        draws.append(partial(plot_map, summary, across, up, mean))
    if facts.select:
        draws.append(partial(plot_halves, summary))
    columns = min(COLUMNS, len(draws))
    rows = -(-len(draws) // columns)
    with figure_style():
        size = (PANEL[0] * columns, PANEL[1] * rows + 0.4)
        figure = Figure(figsize=size, layout="constrained")
        places = list(figure.subplots(rows, columns, squeeze=False).flat)
        for draw, ax in zip(draws, places, strict=False):
            draw(ax)
        for ax in places[len(draws) :]:
            ax.set_axis_off()
        figure.suptitle(_title(summary, facts))
    return figure


def _hue(axes: Sequence[Axis]) -> Axis | None:
    """Setting that is drawn in colours: of two with few values, the second."""
    if len(axes) != 2 or any(axis.continuous for axis in axes):
        return None
    if len(axes[0].values) * len(axes[1].values) > MOST_GROUPS:
        return None
    few = [axis for axis in reversed(axes) if len(axis.values) <= MOST_COLOURS]
    return few[0] if few else None


def _title(summary: pd.DataFrame, facts: SweepFacts) -> str:
    counted = int(summary["n"].sum())
    title = f"{facts.plan['task']}, preset {facts.plan['preset']}"
    return f"{title}: {len(summary)} runs, {counted} networks"


def _axis(name: str, names: Sequence[str], facts: SweepFacts) -> Axis:
    choice, label = facts.over[name], short_settings(names)[name].capitalize()
    if isinstance(choice, Span):
        return Axis(name, label, log=choice.log, continuous=True)
    values = list(choice.values)
    if not all(_is_number(value) for value in values):
        values = [shown(value) for value in values]
    elif facts.plan["mode"] == "grid":
        values = sorted(values)
    return Axis(name, label, values=tuple(values))
