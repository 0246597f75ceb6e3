"""From tables to a figure, effects and a one-page result: the only place that saves."""

import json
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from metarl.analysis.analysis import Analysis, AnalysisResult, Panel
from metarl.analysis.bridge import analyse, old_analysis
from metarl.analysis.data import ExperimentData
from metarl.analysis.effects import subject_table
from metarl.analysis.style import figure_style
from metarl.core.checks import MetaRLError
from metarl.core.files import json_like, whole_file, write_json, write_text
from metarl.envs.registry import TASKS, task_entry
from metarl.experiments.tests import protocol
from metarl.experiments.variants import ablated_test
from metarl.runs.config import TEST, EvaluationConfig, RunConfig, with_settings
from metarl.runs.folder import SNAPSHOTS, Run, as_run, trials_of

BY_SUBJECT_FILE = "effects_by_subject.csv"
"""File of the numbers behind effects.json: key, effect, subject, value."""
PANEL_SIZE = (5.4, 4.8)
"""Width and height of a panel, in inches."""
COLUMNS = 3
"""Panels side by side."""


def analysis_of(task: str) -> Analysis[Any]:
    """The analysis of a task in the registry."""
    name = task_entry(task).analysis.removesuffix(".tables")
    found: Analysis[Any] | None = getattr(import_module(name), "ANALYSIS", None)
    # BRIDGE: without ANALYSIS the experiment is in the old form.
    return found or old_analysis(import_module(f"{name}.tables"))


def has_analysis(task: str) -> bool:
    """Whether the task is in the catalogue; a task of your own has no analysis."""
    return task in TASKS


def experiment_data(run: Run) -> ExperimentData:
    """Everything an analysis needs of an evaluated run."""
    evaluated = run.evaluated
    if not evaluated:
        raise MetaRLError(f"{run.path} has no evaluation; run `metarl evaluate` first")
    facts = next(iter(evaluated.values())).facts
    tests = {name: run.evaluated_in(name) for name in run.conditions()}
    return make_data(
        run.config,
        run.trials,
        settings=facts["settings"],
        recordings=_recordings(evaluated),
        baselines={k: f.trials for k, f in run.baselines.items()},
        baseline_recordings=_recordings(run.baselines),
        discount=float(facts["discount"]),
        expected_subjects=run.config.subjects,
        as_published=_as_published(run),
        tests={k: trials_of(folders) for k, folders in tests.items()},
        test_recordings={k: _recordings(f) for k, f in tests.items()},
        variants={
            k: experiment_data(c) for k, c in run.controls.items() if c.evaluated
        },
        **_course(run),
    )


def _course(run: Run) -> dict[str, Any]:
    """How learning went, where the protocol tests it at stages."""
    if protocol(run.config.task).stages is None:
        return {}
    curves = {k: s.metrics for k, s in enumerate(run.subjects) if k in run.evaluated}
    stages = {n: run.evaluated_in(TEST, n) for n in range(SNAPSHOTS + 1)}
    return {
        "curves": curves,
        "stages": {n / SNAPSHOTS: trials_of(f) for n, f in stages.items() if f},
    }


def _as_published(run: Run) -> bool:
    """Whether all was as the protocol has it, but for the number of episodes.

    That is: every subject took every test as it stands there, with its memory reset as
    in training, and nobody was trained on what the main test sets otherwise.
    """
    tests, params = protocol(run.config.task).conditions, run.config.task_params
    usual = type(params)()
    changed = [setting.partition("=")[0] for setting in tests[TEST].settings]
    trained = all(getattr(params, k) == getattr(usual, k) for k in changed)
    return trained and all(
        _taken_as(ablated_test(run.config, test), folder.facts)
        for name, test in tests.items()
        for folder in run.evaluated_in(name).values()
    )


def _taken_as(test: EvaluationConfig, facts: Mapping[str, Any]) -> bool:
    names = ("greedy", "reset_memory", "settings", "interventions")
    return all(facts[name] == json_like(getattr(test, name)) for name in names)


def _recordings(folders: Mapping[Any, Any]) -> dict[Any, Any]:
    return {k: f.recording for k, f in folders.items() if f.recording}


def make_data(
    config: RunConfig[Any],
    trials: pd.DataFrame,
    *,
    settings: Sequence[str] = (),
    **more: Any,
) -> ExperimentData:
    """Data of one trial table of the run's task, tested with these settings."""
    parameters = vars(with_settings(config.task_params, settings))
    return ExperimentData(
        trials=trials, task=config.task, parameters=parameters, **more
    )


def draw_figure(
    result: AnalysisResult, panels: Sequence[Panel] | None = None, title: str = ""
) -> Figure:
    """One figure of the result's panels, or of some of them."""
    panels = result.analysis.panels if panels is None else panels
    columns = min(COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    size = (PANEL_SIZE[0] * columns, PANEL_SIZE[1] * rows + 0.4)
    with figure_style():
        figure = Figure(figsize=size, layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False)
        for ax, panel in zip(grid.flat, panels, strict=False):
            panel(result.tables, result.context, ax)
            ax.set_title(panel.title)
        for ax in grid.flat[len(panels) :]:
            ax.set_axis_off()
        figure.suptitle(title)
    return figure


def save_figure(figure: Figure, stem: Path) -> list[Path]:
    """Write a figure as PNG and PDF, the same bytes for the same figure."""
    paths = [stem.with_suffix(".png"), stem.with_suffix(".pdf")]
    for path in paths:
        kind = path.suffix[1:]
        undated = {"CreationDate": None} if kind == "pdf" else None
        with whole_file(path) as temporary:
            figure.savefig(temporary, format=kind, dpi=150, metadata=undated)
    return paths


def analyze(run: Run | str | Path) -> dict[str, Path]:
    """Analyse an evaluated run: write its figure, effects and result; their paths."""
    run = as_run(run)
    if not has_analysis(run.config.task):
        raise MetaRLError(
            f"{run.config.task} is not in the registry, so it has no analysis; "
            f"its tables are under {run.path / 'evaluation'}"
        )
    result = analyse(analysis_of(run.config.task), experiment_data(run))
    folder = run.analysis_path
    title = f"{run.config.task}, preset {run.config.preset}"
    png, pdf = save_figure(draw_figure(result, title=title), folder / "figure")
    text = folder / "result.txt"
    write_text(text, result_text(run, result.effects))
    write_effects(run.effects_path, result.effects)
    return {"figure": png, "pdf": pdf, "effects": run.effects_path, "result": text}


def write_effects(path: Path, effects: pd.DataFrame) -> None:
    """Write effects as JSON rows, NaN as null, and beside them a table by subject."""
    write_json(path, json.loads(effects.to_json(orient="records")))
    with whole_file(path.with_name(BY_SUBJECT_FILE)) as temporary:
        subject_table(effects).to_csv(temporary, index=False, lineterminator="\n")


def passed(effects_path: Path) -> bool:
    """Whether every scored effect passed; False where none is scored."""
    rows = json.loads(effects_path.read_text(encoding="utf-8"))
    verdicts = {row["verdict"] for row in rows} - {"REPORTED"}
    return verdicts == {"PASS"}


def result_text(run: Run, effects: pd.DataFrame) -> str:
    """The result on one page, for a person."""
    config, evaluated = run.config, run.evaluated
    lines = [
        f"{config.task}: {task_entry(config.task).summary}",
        f"After {task_entry(config.task).source}.",
        "",
        f"{len(evaluated)} of {config.subjects} subjects evaluated "
        "(independently trained networks),",
        f"preset {config.preset}, seed {config.seed}. Each was trained for "
        f"{config.training.steps:,} steps; then its weights were",
        "frozen, and hashed before and after the evaluation:",
    ]
    for number, folder in evaluated.items():
        facts = folder.facts
        same = facts["weights_before"] == facts["weights_after"]
        lines.append(
            f"  subject {number}: {facts['weights_before'][:16]} "
            f"{'unchanged' if same else 'CHANGED'}, {facts['episodes']} episodes, "
            f"{facts['reward_per_episode']:.2f} reward per episode"
        )
    lines += [
        f"  control {name}: {control.why}; not trained and tested "
        "(metarl train --controls, metarl evaluate)"
        for name, control in protocol(config.task).controls.items()
        if name not in run.controls or not run.controls[name].evaluated
    ]
    lines += [
        "",
        "Effects (value [95 % interval over subjects]; criterion; verdict)",
        "",
    ]
    lines += [effect_line(row) for row in effects.to_dict("records")]
    return "\n".join(lines) + "\n"


def effect_line(row: Mapping[Any, Any]) -> str:
    """One row of an effects table, for a person."""
    interval = ""
    if pd.notna(row["low"]):
        interval = f" [{row['low']:.3f}, {row['high']:.3f}]"
    criterion = f"; {row['criterion']}" if row["criterion"] else ""
    known = pd.notna(row["reference"])
    reference = f"; reference {row['reference']:.3g}" if known else ""
    value = f"{row['value']:.3f}{interval}"
    return f"  {row['verdict']:<11} {row['effect']}: {value}{criterion}{reference}"


def analyze_animals(task: str, data: Path, out: Path) -> dict[str, Path]:
    """The behavioural analysis of a task on animals' or people's trials."""
    analysis = analysis_of(task)
    if analysis.load_animals is None:
        able = [name for name in TASKS if analysis_of(name).load_animals is not None]
        raise MetaRLError(
            f"no animals' trials can be read for {task}; they can for {', '.join(able)}"
        )
    trials = analysis.load_animals(data)
    animals = ExperimentData(trials=trials, subjects_are="animals", task=task)
    result = analyse(analysis, animals)
    title = f"{task}: {data.name}"
    figure = draw_figure(result, analysis.behaviour_panels, title)
    png, pdf = save_figure(figure, out / "figure")
    table = out / "behaviour.csv"
    with whole_file(table) as temporary:
        result.tables["behaviour"].to_csv(temporary, index=False)
    effects_path = out / "effects.json"
    # Animals have no number of what only networks or baselines have.
    measured = result.effects[result.effects["value"].notna()]
    write_effects(effects_path, measured)
    return {"figure": png, "pdf": pdf, "table": table, "effects": effects_path}
