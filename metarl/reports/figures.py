"""Figure, effects and one-page result of a run; the only module that saves them."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from metarl.analysis.analysis import Analysis, AnalysisResult, Draw, Panel, analyse
from metarl.analysis.data import ExperimentData
from metarl.analysis.effects import COLUMNS as EFFECT_COLUMNS
from metarl.analysis.effects import subject_table
from metarl.analysis.measures import missing_words
from metarl.analysis.scoring import (
    CLAIM,
    HEADINGS,
    Row,
    claim_verdicts,
    counts_in_words,
    rows_by_kind,
    why_unscored,
)
from metarl.analysis.style import figure_style
from metarl.analysis.words import NETWORKS
from metarl.core.checks import MetaRLError, check_word
from metarl.core.fields import checked
from metarl.core.files import (
    file_hash,
    read_json,
    write_json,
    write_table_as_csv,
    write_text,
)
from metarl.experiments.spec import experiment
from metarl.experiments.variants import matching_test, variants_of
from metarl.io.column_map import ColumnMap
from metarl.io.load import load_trials
from metarl.io.trials import TrialData
from metarl.reports.figure_files import save_figure
from metarl.reports.figure_format import PANEL_SIZE, FigureFormat, choose, letters
from metarl.runs.config import TEST, EvaluationConfig, RunConfig, change_params
from metarl.runs.folder import (
    SNAPSHOTS,
    Run,
    as_run,
    check_hash,
    trials_of,
    warn_of_incomplete_tests,
)
from metarl.simulation.evaluation import list_baselines

BY_SUBJECT_FILE = "effects_by_subject.csv"
"""File of the values of each subject in effects.json: key, effect, subject, value."""
HASHES_FILE = "hashes.json"
"""File of the SHA-256 of both, and of the tests that they were made from."""
MADE_FROM = "tests"
"""Entry of the digest of these tests."""
NUMBERS = ("value", "low", "high", "subjects", "missing")
"""Columns of effects.json that hold numbers or blanks."""
NO_NUMBER = "no number"
"""Value of an effect that no subject, or not every subject it needs, has."""


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
    further = {name: run.baselines_in(name) for name in run.further_tests()}
    return _data(
        run,
        baselines={k: f.trials for k, f in run.baselines.items()},
        baseline_recordings=_recordings(run.baselines),
        test_baselines={
            test: {k: f.trials for k, f in folders.items()}
            for test, folders in further.items()
        },
        variants={name: _data(variant) for name, variant in evaluated.items()},
    )


def _data(run: Run, **more: Any) -> ExperimentData:
    """Return the data of the networks of an evaluated run."""
    evaluated = run.evaluated
    if not evaluated:
        raise MetaRLError(f"{run.path} has no evaluation; run `metarl evaluate` first")
    metadata = next(iter(evaluated.values())).metadata
    further = {name: run.evaluated_in(name) for name in run.further_tests()}
    return network_data(
        run,
        run.trials,
        EvaluationConfig.from_plain(metadata),
        departure=_departure(run),
        recordings=_recordings(evaluated),
        discount=float(metadata["discount"]),
        expected_subjects=run.config.subjects,
        tests={k: trials_of(folders) for k, folders in further.items()},
        test_recordings={k: _recordings(f) for k, f in further.items()},
        **_course(run),
        **more,
    )


def network_data(
    run: Run,
    trials: pd.DataFrame,
    test: EvaluationConfig,
    *,
    departure: str = "",
    **more: Any,
) -> ExperimentData:
    """Return the data of a run's networks in one test.

    Args:
        run: run of the networks.
        trials: trial table of the test.
        test: settings of the test.
        departure: departure of training or test from the experiment; empty: none.
        more: further fields of the data.
    """
    main = experiment(run.config.task).test
    return make_data(
        run.config,
        trials,
        test=test,
        as_published=not departure,
        departure=departure,
        declared=vars(change_params(_preset_params(run.config), main.task)),
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

    Besides `training_departure`, every subject must have taken every test of the
    experiment, except for the number of episodes, with memory resets as in training.
    """
    if departure := training_departure(run):
        return departure
    for name, test in experiment(run.config.task).tests.items():
        expected = matching_test(run.config, test)
        for folder in run.evaluated_in(name).values():
            if not _taken_as(expected, folder.metadata):
                return f"the test {name} was changed"
    return ""


def training_departure(run: Run) -> str:
    """Describe the departure of training from the experiment; empty: none.

    There is none if the run is not a variant, and was not trained with a changed
    parameter that the main test sets.
    """
    if run.is_variant:
        return "the networks are a variant"
    own, trained = _preset_params(run.config), run.config.task_params
    for name in experiment(run.config.task).test.task:
        before, now = getattr(own, name), getattr(trained, name)
        if before != now:
            return f"{name} was {now} in training, the criteria are for {before}"
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
    result: AnalysisResult,
    panels: Sequence[Panel] | None = None,
    title: str = "",
    form: FigureFormat | None = None,
) -> Figure:
    """Draw one figure of all or some panels of a result.

    Args:
        result: what is drawn.
        panels: panels to draw; None: all of the analysis.
        title: heading of the figure.
        form: its format, whose letters are those of the panels.

    Raises:
        ValueError: a letter of the format is none of a panel.
    """
    panels = result.analysis.panels if panels is None else panels
    form = form or FigureFormat()
    chosen = choose(form.panels, [panel.title for panel in panels])
    return _draw([(panels[k], [result]) for k in chosen], title, form)


def draw_layers(layers: Sequence[AnalysisResult], title: str = "") -> Figure:
    """Draw several populations in one figure: networks, animals, groups of people.

    Args:
        layers: results of one analysis, from back to front. Panels that need networks
            or recordings are drawn of networks alone.
        title: heading of the figure.
    """
    drawn: list[tuple[Panel, list[AnalysisResult]]] = []
    first = layers[0].analysis
    for panel in (*first.panels, *first.own_panels):
        able = [layer for layer in layers if _drawn_of(panel, layer)]
        if not able:
            continue
        if panel.shared or len(able) == 1:
            drawn.append((panel, able))
        else:
            drawn += [(_titled(panel, layer), [layer]) for layer in able]
    return _draw(drawn, title)


def _drawn_of(panel: Panel, layer: AnalysisResult) -> bool:
    """Whether a panel can be drawn of a population."""
    if layer.context.subjects_are == NETWORKS:
        return panel not in layer.analysis.own_panels
    return not panel.needs and panel.fits(layer.context.columns)


def _titled(panel: Panel, layer: AnalysisResult) -> Panel:
    """The panel with its population in its heading."""
    name = layer.context.group or layer.context.subjects_are
    return replace(panel, title=f"{panel.title}: {name}")


def _draw(
    drawn: Sequence[tuple[Panel, Sequence[AnalysisResult]]],
    title: str,
    form: FigureFormat | None = None,
) -> Figure:
    columns = (form or FigureFormat()).columns(len(drawn))
    rows = -(-len(drawn) // columns)
    size = (PANEL_SIZE[0] * columns, PANEL_SIZE[1] * rows + 0.4)
    with figure_style():
        figure = Figure(figsize=size, layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False)
        names = letters(len(drawn))
        for ax, name, (panel, layers) in zip(grid.flat, names, drawn, strict=False):
            for slot, layer in enumerate(layers):
                at = replace(layer.context, slot=slot, slots=len(layers))
                panel(layer.tables, at, ax)
            ax.set_title(f"{name}  {panel.title}")
        for ax in grid.flat[len(drawn) :]:
            ax.set_axis_off()
        _align([panel for panel, _ in drawn], grid.flat)
        figure.suptitle(title)
    return figure


def _align(panels: Sequence[Panel], axes: Iterable[Axes]) -> None:
    """Give axes of one drawing of several populations the same vertical limits."""
    alike: dict[tuple[Draw, str], list[Axes]] = {}
    for panel, ax in zip(panels, axes, strict=False):
        if ax.has_data():
            alike.setdefault((panel.draw, ax.get_yscale()), []).append(ax)
    for group in alike.values():
        low = min(ax.get_ylim()[0] for ax in group)
        high = max(ax.get_ylim()[1] for ax in group)
        for ax in group if len(group) > 1 else ():
            ax.set_ylim(low, high)


@checked
def analyze(run: Run | str | Path, form: FigureFormat | None = None) -> dict[str, Path]:
    """Analyse an evaluated run; return the paths of figure, effects and result.

    Args:
        run: the run, or its folder.
        form: format of a further figure, beside the one for the screen; None: none.
    """
    run, form = as_run(run), form or FigureFormat()
    if not has_analysis(run.config.task):
        raise MetaRLError(
            f"{run.config.task} has no analysis; add one to its experiment, or use its "
            f"tables in {run.path / 'evaluation'}"
        )
    warn_of_incomplete_tests(run)
    made_from = run.tests_digest()
    analysis, data = analysis_of(run.config.task), experiment_data(run)
    titles = check_panels(run, form)
    result = analyse(analysis, data)
    text = run.analysis_path / "result.txt"
    unscored = why_unscored(analysis.criteria, analysis.published, data)
    paths = _save_figures(run, result, form, titles)
    write_text(text, result_text(run, result.effects, unscored))
    write_effects(run.effects_path, result.effects, made_from=made_from)
    return {**paths, "effects": run.effects_path, "result": text}


def check_panels(run: Run, form: FigureFormat) -> list[str]:
    """Titles of the chosen panels; ValueError if a letter is none of a panel."""
    if not has_analysis(run.config.task):
        return []
    titles = [panel.title for panel in analysis_of(run.config.task).panels]
    return [titles[k] for k in choose(form.panels, titles)]


@checked
def figure(run: Run | str | Path, form: FigureFormat | None = None) -> Figure:
    """Return the figure of an evaluated run, as `analyze` draws it, without saving.

    Args:
        run: the run, or its folder.
        form: its format, such as FigureFormat(style="paper", panels=("a", "c")).
    """
    run = as_run(run)
    data = experiment_data(run)
    return draw_figure(analyse(analysis_of(run.config.task), data), form=form)


@checked
def effects(run: Run | str | Path) -> pd.DataFrame:
    """Return the effects of an evaluated run, with criteria and verdicts.

    Returns:
        One row an effect, with the columns of effects.json.
    """
    run = as_run(run)
    return analyse(analysis_of(run.config.task), experiment_data(run)).effects


def _save_figures(
    run: Run, result: AnalysisResult, form: FigureFormat, titles: Sequence[str]
) -> dict[str, Path]:
    """Write the figure for the screen, and a further one with its caption."""
    folder = run.analysis_path
    title = f"{run.config.task}, preset {run.config.preset}"
    png, pdf = save_figure(draw_figure(result, title=title), folder / "figure")
    paths = {"figure": png, "pdf": pdf}
    if form == FigureFormat():
        return paths
    files = save_figure(draw_figure(result, form=form), folder / form.stem, form)
    paths |= {f"{path.stem} ({path.suffix[1:]})": path for path in files}
    words = folder / f"{form.stem}.txt"
    write_text(words, caption(run, titles) + "\n")
    return {**paths, "caption": words}


def caption(run: Run, titles: Sequence[str]) -> str:
    """Caption of a figure, in one line: task, networks, panels, what intervals are."""
    config, count = run.config, len(run.evaluated)
    task = experiment(config.task).summary or config.task
    networks = "one network" if count == 1 else f"{count} independent networks"
    named = zip(letters(len(titles)), titles, strict=True)
    panels = " ".join(f"{letter}, {title}." for letter, title in named)
    return (
        f"{task[:1].upper()}{task[1:]} ({networks} with frozen weights; preset "
        f"{config.preset}, seed {config.seed}). {panels} Intervals: 95 %, of the mean "
        "over networks."
    )


def write_effects(
    path: Path,
    effects: pd.DataFrame,
    names: Mapping[int, str] | None = None,
    made_from: str = "",
) -> None:
    """Write effects as JSON rows, NaN as null, and a table of them by subject.

    Args:
        path: file of the rows; the table and the hashes of both are beside it.
        effects: the rows.
        names: the subjects' own names.
        made_from: digest of the tests that the effects are of.
    """
    hashes_path, table_path = (
        path.with_name(HASHES_FILE),
        path.with_name(BY_SUBJECT_FILE),
    )
    hashes_path.unlink(missing_ok=True)
    write_json(path, json.loads(effects.to_json(orient="records")))
    write_table_as_csv(table_path, subject_table(effects, names))
    hashes = {each.name: file_hash(each) for each in (path, table_path)}
    write_json(hashes_path, {**hashes, MADE_FROM: made_from}, seal=True)


def read_effects(path: Path, made_by: str, made_from: str = "") -> list[dict[str, Any]]:
    """Read the rows of effects of a run or of a user's own trials.

    Args:
        path: file from `write_effects`.
        made_by: command that makes it.
        made_from: digest of the tests as they are now; "": it is not compared.

    Raises:
        MetaRLError: it is missing or damaged, or of an earlier test.
    """
    rows: list[dict[str, Any]] = read_json(path, list)
    hashes_path = path.with_name(HASHES_FILE)
    if hashes_path.exists():
        hashes = read_json(hashes_path, dict)
        for name in (path.name, BY_SUBJECT_FILE):
            check_hash(path.with_name(name), hashes, made_by)
        if made_from and hashes.get(MADE_FROM) not in ("", made_from):
            raise MetaRLError(
                f"{path} is of an earlier test than {path.parents[1] / 'evaluation'}; "
                f"run `{made_by}` again"
            )
    for name in EFFECT_COLUMNS:
        if not rows or any(name not in row for row in rows if isinstance(row, dict)):
            raise MetaRLError(f"{path} has no {name}; run `{made_by}` again")
    try:
        pd.DataFrame(rows)[[*NUMBERS]].astype(float)
    except (TypeError, ValueError, KeyError):
        raise MetaRLError(
            f"{path} must hold numbers in {', '.join(NUMBERS)}; run `{made_by}` again"
        ) from None
    return rows


def passed(effects_path: Path) -> bool:
    """Whether every effect with a criterion passed; False if none has one."""
    rows = json.loads(effects_path.read_text(encoding="utf-8"))
    verdicts = {row["verdict"] for row in rows if row["criterion"]}
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
        *_baseline_lines(run),
        "",
        *([f"Nothing is scored: {unscored}.", ""] if unscored else []),
        "Effects (value [95 % interval over subjects]; criterion; verdict)",
        "",
        *effect_lines(effects),
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


def _baseline_lines(run: Run) -> list[str]:
    """Baselines of the experiment without tables, and how to get them."""
    metadata = next(iter(run.evaluated.values())).metadata
    test = EvaluationConfig.from_plain(metadata)
    make = experiment(run.config.task).make_baselines
    folder = run.path.parent.parent if run.is_variant else run.path
    return [
        f"  baseline {name}: no table, so it is in no panel and no effect "
        f"(metarl evaluate {folder})"
        for name in list_baselines(run.config, make, test)
        if name not in run.baselines
    ]


def effect_lines(effects: pd.DataFrame) -> list[str]:
    """Format an effects table: published claims, diagnostics and reported rows apart.

    Every claim has a line with its own verdict before its rows.
    """
    lines = []
    for kind, rows in rows_by_kind(effects.to_dict("records")).items():
        lines += ["", f"{HEADINGS[kind]}: {_counts(kind, rows)}", ""]
        lines += _claim_lines(rows) if kind == CLAIM else map(effect_line, rows)
    return lines[1:]


def _counts(kind: str, rows: Sequence[Row]) -> str:
    """Verdicts of rows, and of the claims that they test, with their numbers."""
    in_words = counts_in_words(row["verdict"] for row in rows)
    if kind != CLAIM:
        return in_words
    return f"{counts_in_words(claim_verdicts(rows).values())} (rows: {in_words})"


def _claim_lines(rows: Sequence[Row]) -> Iterator[str]:
    for claim, verdict in claim_verdicts(rows).items():
        yield f"{claim}: {verdict}"
        yield from (effect_line(row) for row in rows if row["claim"] == claim)


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
    if measured and (missing := row.get("missing", 0)):
        value += f"; {missing_words(missing, row['subjects'] + missing)}"
    return f"  {row['verdict']:<11} {row['effect']}: {value}{criterion}{reference}"


def own_data_analysis(task: str) -> Analysis[Any]:
    """The analysis of tables of animals or people in a task."""
    analysis = analysis_of(task)
    return analysis.own or analysis


@checked
def read_trials(
    task: str,
    paths: pd.DataFrame | Path | str | Sequence[Path | str],
    column_map: ColumnMap | None = None,
    *,
    reward_unit: str = "",
    rt_unit: str = "",
) -> TrialData:
    """Read trials of animals or people in a task.

    Args:
        task: name of the task.
        paths: one or more files or folders, or a table in memory.
        column_map: where columns have other names or codes than metarl's; its further
            options are units that are not given here.
        reward_unit: unit of the rewards, in the plural, as "points". Where the task's
            rewards are codes, they are kept as `amount`, and a trial is rewarded (1) if
            it gave more than 0.
        rt_unit: unit of the reaction times: "s" or "ms".

    Returns:
        The trials in metarl's columns, the subjects' names, and notes.

    Raises:
        MetaRLError: a file is missing, cannot be read, or is not coded as required.
    """
    check_word("reward_unit", reward_unit)
    analysis = own_data_analysis(task)
    options = {} if column_map is None else column_map.further
    reward_unit = reward_unit or options.get("unit", "")
    rt_unit = rt_unit or options.get("rt_unit", "")
    schema = analysis.schema
    wanted = schema.in_unit(reward_unit) if reward_unit else schema
    data = load_trials(replace(analysis, schema=wanted), paths, column_map)
    if rt_unit and "rt" not in data.trials:
        raise MetaRLError(
            f"rt_unit is the unit of the column rt, got {rt_unit!r} for a table "
            "without it; leave it out, or name the column with --column rt=..."
        )
    data = replace(data, reward_unit=reward_unit, rt_unit=rt_unit)
    if not (reward_unit and schema.coded_reward):
        return data
    amount = data.trials["reward"].astype(float)
    rewarded = amount.gt(0).astype(float).where(amount.notna())
    note = f"a trial of more than 0 {reward_unit} is rewarded, any other is not"
    trials = data.trials.assign(amount=amount, reward=rewarded)
    schema.check(trials)
    return replace(data, trials=trials, notes=(*data.notes, note))
