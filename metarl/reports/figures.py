"""Figure, effects and one-page result of a run; the only module that saves them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from metarl.analysis.analysis import Analysis, AnalysisResult, Panel, analyse
from metarl.analysis.data import ExperimentData
from metarl.analysis.effects import subject_table
from metarl.analysis.measures import missing_words
from metarl.analysis.scoring import why_unscored
from metarl.analysis.style import figure_style
from metarl.core.checks import MetaRLError
from metarl.core.files import whole_file, write_json, write_text
from metarl.envs.registry import NAMES
from metarl.experiments.spec import experiment
from metarl.experiments.variants import matching_test, variants_of
from metarl.io.column_map import ColumnMap
from metarl.io.load import load_trials
from metarl.io.trials import TrialData
from metarl.runs.config import TEST, EvaluationConfig, RunConfig, change_params
from metarl.runs.folder import SNAPSHOTS, Run, as_run, trials_of

BY_SUBJECT_FILE = "effects_by_subject.csv"
"""File of the values of each subject in effects.json: key, effect, subject, value."""
NO_NUMBER = "no number"
"""Value of an effect that no subject, or not every subject it needs, has."""
PANEL_SIZE = (5.4, 4.8)
"""Width and height of a panel, in inches."""
COLUMNS = 3
"""Number of panels per row."""


def analysis_of(task: str) -> Analysis[Any]:
    """Return the analysis of an experiment.

    Raises:
        MetaRLError: the experiment has another object as its analysis.
    """
    analysis = experiment(task).load_analysis()
    if not isinstance(analysis, Analysis):
        raise MetaRLError(
            f"the analysis of {task} must be a metarl.analysis.analysis.Analysis, or a "
            f"module with one named ANALYSIS, got {analysis!r}"
        )
    return analysis


def has_analysis(task: str) -> bool:
    """Whether the experiment has an analysis; a task without experiment has none."""
    return bool(experiment(task).analysis)


def experiment_data(run: Run) -> ExperimentData:
    """Return the data of an evaluated run for its analysis."""
    own = experiment(run.config.task).variants
    evaluated = {k: v for k, v in run.variants.items() if k in own and v.evaluated}
    return _data(
        run,
        baselines={k: f.trials for k, f in run.baselines.items()},
        baseline_recordings=_recordings(run.baselines),
        variants={name: _data(variant) for name, variant in evaluated.items()},
    )


def _data(run: Run, **more: Any) -> ExperimentData:
    """Return the data of the networks of an evaluated run."""
    evaluated = run.evaluated
    if not evaluated:
        raise MetaRLError(f"{run.path} has no evaluation; run `metarl evaluate` first")
    metadata = next(iter(evaluated.values())).metadata
    further = {name: run.evaluated_in(name) for name in run.further_tests()}
    main, departure = experiment(run.config.task).test, _departure(run)
    return make_data(
        run.config,
        run.trials,
        test=EvaluationConfig.from_plain(metadata),
        recordings=_recordings(evaluated),
        discount=float(metadata["discount"]),
        expected_subjects=run.config.subjects,
        as_published=not departure,
        departure=departure,
        declared=vars(change_params(_preset_params(run.config), main.task)),
        tests={k: trials_of(folders) for k, folders in further.items()},
        test_recordings={k: _recordings(f) for k, f in further.items()},
        **_course(run),
        **more,
    )


def _course(run: Run) -> dict[str, Any]:
    """Learning curves and tests of snapshots, if the experiment tests snapshots."""
    if experiment(run.config.task).snapshot_test is None:
        return {}
    curves = {k: s.metrics for k, s in enumerate(run.subjects) if k in run.evaluated}
    stages = {n: run.evaluated_in(TEST, n) for n in range(SNAPSHOTS + 1)}
    return {
        "curves": curves,
        "stages": {n / SNAPSHOTS: trials_of(f) for n, f in stages.items() if f},
    }


def _departure(run: Run) -> str:
    """Describe the departure of training or tests from the experiment; empty: none.

    There is none if every subject took every test of the experiment, except for the
    number of episodes, with memory resets as in training; if none was trained with a
    changed parameter that the main test sets; and never in a variant.
    """
    if run.is_variant:
        return "the networks are a variant"
    own, trained = _preset_params(run.config), run.config.task_params
    chosen = experiment(run.config.task)
    for name in chosen.test.task:
        before, now = getattr(own, name), getattr(trained, name)
        if before != now:
            return f"{name} was {now} in training, the criteria are for {before}"
    for name, test in chosen.tests.items():
        expected = matching_test(run.config, test)
        for folder in run.evaluated_in(name).values():
            if not _taken_as(expected, folder.metadata):
                return f"the test {name} was changed"
    return ""


def _preset_params(config: RunConfig[Any]) -> Any:
    """Return the parameters of the task in the preset of a run."""
    presets = experiment(config.task).presets
    changes = presets[config.preset].task if config.preset in presets else {}
    return type(config.task_params)(**changes)


def _taken_as(test: EvaluationConfig, metadata: Mapping[str, Any]) -> bool:
    names = ("greedy", "reset_memory", "settings", "interventions")
    fields = test.to_plain()
    return all(metadata[name] == fields[name] for name in names)


def _recordings(folders: Mapping[Any, Any]) -> dict[Any, Any]:
    return {k: f.recording for k, f in folders.items() if f.recording}


def make_data(
    config: RunConfig[Any],
    trials: pd.DataFrame,
    *,
    test: EvaluationConfig | None = None,
    **more: Any,
) -> ExperimentData:
    """Return the data of one trial table, with the task's parameters in a test."""
    parameters = vars(change_params(config.task_params, test.task if test else {}))
    return ExperimentData(
        trials=trials, task=config.task, parameters=parameters, **more
    )


def draw_figure(
    result: AnalysisResult, panels: Sequence[Panel] | None = None, title: str = ""
) -> Figure:
    """Draw one figure of all or some panels of a result."""
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
    """Write a figure as PNG and PDF; the same figure gives the same bytes."""
    paths = [stem.with_suffix(".png"), stem.with_suffix(".pdf")]
    for path in paths:
        kind = path.suffix[1:]
        undated = {"CreationDate": None} if kind == "pdf" else None
        with whole_file(path) as temporary:
            figure.savefig(temporary, format=kind, dpi=150, metadata=undated)
    return paths


def analyze(run: Run | str | Path) -> dict[str, Path]:
    """Analyse an evaluated run; return the paths of figure, effects and result."""
    run = as_run(run)
    if not has_analysis(run.config.task):
        raise MetaRLError(
            f"{run.config.task} has no analysis; add one to its experiment, or use its "
            f"tables in {run.path / 'evaluation'}"
        )
    analysis, data = analysis_of(run.config.task), experiment_data(run)
    result = analyse(analysis, data)
    folder = run.analysis_path
    title = f"{run.config.task}, preset {run.config.preset}"
    png, pdf = save_figure(draw_figure(result, title=title), folder / "figure")
    text = folder / "result.txt"
    unscored = why_unscored(analysis.criteria, analysis.published, data)
    write_text(text, result_text(run, result.effects, unscored))
    write_effects(run.effects_path, result.effects)
    return {"figure": png, "pdf": pdf, "effects": run.effects_path, "result": text}


def write_effects(path: Path, effects: pd.DataFrame) -> None:
    """Write effects as JSON rows, NaN as null, and a table of them by subject."""
    write_json(path, json.loads(effects.to_json(orient="records")))
    with whole_file(path.with_name(BY_SUBJECT_FILE)) as temporary:
        subject_table(effects).to_csv(temporary, index=False, lineterminator="\n")


def passed(effects_path: Path) -> bool:
    """Whether every scored effect passed; False if none is scored."""
    rows = json.loads(effects_path.read_text(encoding="utf-8"))
    verdicts = {row["verdict"] for row in rows} - {"REPORTED"}
    return verdicts == {"PASS"}


def result_text(run: Run, effects: pd.DataFrame, unscored: str = "") -> str:
    """Format the result of a run as one page of text.

    Args:
        run: the run.
        effects: its effects table.
        unscored: why nothing is scored; empty if the criteria apply.
    """
    lines = [
        *_heading(run),
        "",
        *_subject_lines(run),
        *_variant_lines(run),
        "",
        *([f"Nothing is scored: {unscored}.", ""] if unscored else []),
        "Effects (value [95 % interval over subjects]; criterion; verdict)",
        "",
        *(effect_line(row) for row in effects.to_dict("records")),
    ]
    return "\n".join(lines) + "\n"


def _heading(run: Run) -> list[str]:
    """Task, source, and the variant, if the run is one."""
    described, name = experiment(run.config.task), run.path.resolve().name
    lines = [f"{run.config.task}: {described.summary}"]
    if described.source:
        lines.append(described.source_line)
    if run.is_variant:
        known = variants_of(run.config.task)
        lines.append(f"Variant {name}: {known[name].why}" if name in known else name)
    return lines


def _subject_lines(run: Run) -> list[str]:
    """Training, and the hashes of each subject's weights."""
    config, evaluated = run.config, run.evaluated
    lines = [
        f"{len(evaluated)} of {config.subjects} subjects evaluated "
        "(independently trained networks),",
        f"preset {config.preset}, seed {config.seed}. Each was trained for "
        f"{config.training.steps:,} steps; then its weights were",
        "frozen, and hashed before and after the evaluation:",
    ]
    for number, folder in evaluated.items():
        metadata = folder.metadata
        same = metadata["weights_before"] == metadata["weights_after"]
        lines.append(
            f"  subject {number}: {metadata['weights_before'][:16]} "
            f"{'unchanged' if same else 'CHANGED'}, {metadata['episodes']} episodes, "
            f"{metadata['reward_per_episode']:.2f} reward per episode"
        )
    return lines


def _variant_lines(run: Run) -> list[str]:
    """Variants that the analysis lacks; a variant has none of its own."""
    if run.is_variant:
        return []
    return [
        f"  variant {name}: {variant.why}; not trained and tested "
        "(metarl train --variants, metarl evaluate)"
        for name, variant in experiment(run.config.task).variants.items()
        if name not in run.variants or not run.variants[name].evaluated
    ]


def effect_line(row: Mapping[Any, Any]) -> str:
    """Format one row of an effects table."""
    interval = ""
    if pd.notna(row["low"]):
        interval = f" [{row['low']:.3f}, {row['high']:.3f}]"
    criterion = f"; {row['criterion']}" if row["criterion"] else ""
    known = pd.notna(row["reference"])
    reference = f"; reference {row['reference']:.3g}" if known else ""
    measured = pd.notna(row["value"])
    value = f"{row['value']:.3f}{interval}" if measured else NO_NUMBER
    if missing := row.get("missing", 0):
        value += f"; {missing_words(missing, row['subjects'] + missing)}"
    return f"  {row['verdict']:<11} {row['effect']}: {value}{criterion}{reference}"


def own_data_analysis(task: str) -> Analysis[Any]:
    """The analysis of a task that reads tables of animals or people.

    Raises:
        MetaRLError: it reads none.
    """
    analysis = analysis_of(task)
    if not analysis.own_data:
        able = [name for name in NAMES if analysis_of(name).own_data]
        raise MetaRLError(
            f"{task} does not support data of animals; choose from: {', '.join(able)}"
        )
    return analysis


def read_trials(
    task: str,
    paths: Path | str | Sequence[Path | str],
    column_map: ColumnMap | None = None,
) -> TrialData:
    """Read trials of animals or people in a task.

    Args:
        task: name of the task.
        paths: one or more files or folders.
        column_map: where columns have other names or codes than metarl's.

    Returns:
        The trials in metarl's columns, the subjects' names, and notes.

    Raises:
        MetaRLError: a file is missing, cannot be read, or is not coded as required.
    """
    return load_trials(own_data_analysis(task), paths, column_map)


def analyze_animals(
    task: str, data: TrialData, out: Path, *, title: str = "", who: str = "animals"
) -> dict[str, Path]:
    """Analyse behaviour of animals or people on a task; return the paths of results.

    Args:
        task: name of the task.
        data: the trials, from `read_trials`.
        out: folder of the results.
        title: heading of the figure; the task's name by default.
        who: kind of the subjects, as "mice", for legends.
    """
    analysis = own_data_analysis(task)
    animals = ExperimentData(
        trials=data.trials,
        subjects_are=who,
        names=data.labels,
        task=task,
    )
    result = analyse(analysis, animals)
    figure = draw_figure(result, analysis.behaviour_panels, title or task)
    png, pdf = save_figure(figure, out / "figure")
    table = out / "behaviour.csv"
    with whole_file(table) as temporary:
        result.tables["behaviour"].to_csv(temporary, index=False)
    effects_path = out / "effects.json"
    # Effects of units or baselines have no value for animals.
    measured = result.effects[result.effects["value"].notna()]
    write_effects(effects_path, measured)
    return {"figure": png, "pdf": pdf, "table": table, "effects": effects_path}
