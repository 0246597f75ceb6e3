"""Analysis of a user's own trials: tables by subject, groups, correlations, figures."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from metarl.analysis.analysis import Analysis, AnalysisResult, analyse, part_of
from metarl.analysis.by_subject import (
    BySubject,
    measures_by_subject,
    session_units,
    with_names,
)
from metarl.analysis.data import REWARD_UNITS, RT_UNIT, ExperimentData
from metarl.analysis.effects import Effect, subject_table
from metarl.analysis.group_plots import (
    CORRELATIONS_NOTE,
    groups_note,
    plot_against,
    plot_by_group,
)
from metarl.analysis.groups import (
    correlations,
    group_differences,
    main_measures,
)
from metarl.analysis.measures import ALL_SUBJECTS, MEASURED, Tables
from metarl.analysis.schema import LARGEST, shown
from metarl.analysis.style import COLOURS, GROUP_COLOURS, figure_style
from metarl.analysis.subject_summary import subject_summary
from metarl.analysis.words import NETWORKS
from metarl.core.checks import MetaRLError, check_word
from metarl.core.fields import checked
from metarl.core.files import check_folder, write_table_as_csv
from metarl.io.cells import as_plain
from metarl.io.column_map import ColumnMap
from metarl.io.covariates import Covariates, likely_codes, read_covariates
from metarl.io.trials import TrialData
from metarl.reports.figure_files import save_figure
from metarl.reports.figure_format import MOST_COLUMNS
from metarl.reports.figures import (
    analysis_of,
    draw_layers,
    experiment_data,
    own_data_analysis,
    read_trials,
    write_effects,
)
from metarl.runs.folder import Run, as_run

UNKNOWN = "animals"
"""Kind of the subjects where neither the user nor a release says it."""
FURTHER = ("sessions", "curves", "groups", "correlations", "beside")
"""Files that not every analysis of own trials writes."""
LEAST_CORRELATED = 3
"""Subjects from which a trait has a correlation."""
SAME_UNIT = 1.5
"""Ratio of the largest rewards of two groups from which their units seem to differ."""
SMALL_PANEL = (3.9, 3.6)
"""Width and height of a panel of groups or traits, in inches."""
NOTE_LETTERS = 13
"""Letters of a note below the panels, per inch."""
Trials = TrialData | pd.DataFrame | Path | str | Sequence[Path | str]


@dataclass(frozen=True, kw_only=True)
class TrialAnalysis:
    """Tables, effects and figures of a user's own trials."""

    result: AnalysisResult
    """Context, tables and effects of the analysis, as of networks."""
    data: TrialData
    """The trials, with the subjects' names."""
    tables: Mapping[str, pd.DataFrame]
    """File -> table: behaviour, subjects; and if there is something to report,
    sessions, curves, groups, correlations, beside."""
    figures: Mapping[str, Figure]
    """File -> figure: figure; and groups, correlations."""
    notes: tuple[str, ...] = ()
    """What the user should know."""
    main: tuple[str, ...] = field(default=())
    """Columns of `subjects` that are the experiment's main measures."""

    @cached_property
    def effects(self) -> pd.DataFrame:
        """Effects of these subjects that have a value: those of units have none."""
        effects = self.result.effects
        own = {effect.key for effect in self.result.own_effects}
        return effects[effects["value"].notna() & effects["key"].isin(own)]

    @property
    def effects_by_subject(self) -> pd.DataFrame:
        """The numbers behind the effects: key, effect, subject, name, value."""
        return subject_table(self.effects, self.result.context.names)

    @property
    def figure(self) -> Figure:
        """The experiment's figure, of these subjects."""
        return self.figures["figure"]

    def save(self, out: Path | str) -> dict[str, Path]:
        """Write everything into a folder; return what was written, by its name."""
        folder = Path(out)
        check_folder(folder)
        paths: dict[str, Path] = {}
        # Of an earlier analysis with groups, traits or networks.
        for name in set(FURTHER) - {*self.figures, *self.tables}:
            for ending in ("csv", "png", "pdf"):
                (folder / f"{name}.{ending}").unlink(missing_ok=True)
        for name, figure in self.figures.items():
            png, pdf = save_figure(figure, folder / name)
            first = "" if name == "figure" else f"{name} "
            paths |= {f"{first}figure": png, f"{first}pdf": pdf}
        for name, table in self.tables.items():
            paths[name] = folder / f"{name}.csv"
            write_table_as_csv(paths[name], table)
        paths["effects"] = folder / "effects.json"
        write_effects(paths["effects"], self.effects, self.result.context.names)
        return paths


@checked
def analyze_trials(  # noqa: PLR0913 the command's options, as one call
    task: str,
    data: Trials,
    out: Path | str | None = None,
    *,
    column_map: ColumnMap | None = None,
    who: str = "",
    title: str = "",
    covariates: Sequence[str] = (),
    subjects_file: Path | str | None = None,
    group: str = "",
    by: Sequence[str] = (),
    beside: Run | Path | str | None = None,
) -> TrialAnalysis:
    """Analyse trials of animals or people in the same way as trials of networks.

    Args:
        task: name of the task.
        data: the trials, from `read_trials`, or a table of them, or their files.
        out: folder to write everything into; None: nothing is written.
        column_map: where columns have other names or codes than metarl's; its further
            options are those that are not given here.
        who: kind of the subjects, in the plural, as "people".
        title: heading of the figure.
        covariates: columns of the table, or of the subjects' file, that are the same
            in all trials of a subject.
        subjects_file: a table with one row a subject, by its own name.
        group: covariate that names groups, to be compared.
        by: covariates of numbers, to be correlated with the measures.
        beside: evaluated run of the same task; its networks are drawn too.

    Returns:
        Tables, effects and figures.

    Raises:
        MetaRLError: the trials are not coded as required, or a column is missing or
            does not fit.
    """
    analysis = own_data_analysis(task)
    check_word("who", who)
    if who.strip() == NETWORKS:
        raise MetaRLError(
            f"who must be the kind of your subjects, got {who!r}; metarl's own are "
            "called so"
        )
    trials = data if isinstance(data, TrialData) else None
    column_map = column_map or ColumnMap()
    options = column_map.further
    who, group = who or options.get("who", ""), group or options.get("group", "")
    # Read with the group, its cells are kept as they are written.
    column_map = replace(column_map, further={**options, "group": group})
    trials = trials or read_trials(task, data, column_map)  # type: ignore[arg-type]
    traits = _traits(trials, covariates, subjects_file, group, by)
    groups = traits.words(group, len(GROUP_COLOURS)) if group else None
    numbers = {name: traits.numbers(name) for name in by}
    networks = None if beside is None else _networks(task, beside)
    kind = who or trials.kind or UNKNOWN
    own = ExperimentData(
        trials=trials.trials,
        subjects_are=kind,
        names=trials.labels,
        task=task,
        reward_unit=trials.reward_unit or REWARD_UNITS,
        rt_unit=trials.rt_unit or RT_UNIT,
    )
    _check_panels(analysis, own)
    result = analyse(analysis, own)
    compared = _Compared.of(result, groups, numbers)
    summary = subject_summary(own, analysis.schema)
    layers = _layers(result, groups, networks)
    figures = {"figure": draw_layers(layers, title or task), **compared.figures()}
    analysed = TrialAnalysis(
        result=result,
        data=trials,
        tables={
            "behaviour": _behaviour(result, own, groups),
            "subjects": _subjects(
                compared.by_subject, trials, _with_groups(traits, groups), summary
            ),
            **_sessions(result, trials),
            **_curves(compared.by_subject, result),
            **compared.tables(),
            **_beside(result, networks),
        },
        figures=figures,
        notes=(
            *trials.notes,
            *traits.notes,
            *_group_notes(groups, group, result),
            *_trait_notes(numbers),
            *_beside_notes(analysis, own, beside),
        ),
        main=tuple(compared.main),
    )
    if out is not None:
        analysed.save(out)
    return analysed


def _traits(
    data: TrialData,
    covariates: Sequence[str],
    subjects_file: Path | str | None,
    group: str,
    by: Sequence[str],
) -> Covariates:
    """The covariates, with those to be grouped or correlated by."""
    asked = [*covariates, *([group] if group else []), *by]
    if subjects_file is None and not asked:
        return Covariates(table=pd.DataFrame(index=range(len(data.names))))
    traits = read_covariates(data, covariates, subjects_file)
    more = [name for name in asked if name not in traits.table]
    if not more and (covariates or subjects_file is not None):
        return traits
    further = read_covariates(data, more, subjects_file)
    if not covariates and subjects_file is None:
        return further
    table = pd.concat([traits.table, further.table[more]], axis="columns")
    written = pd.concat([traits.written, further.written[more]], axis="columns")
    notes = tuple(dict.fromkeys([*traits.notes, *further.notes]))
    return replace(traits, table=table, written=written, notes=notes)


def _with_groups(traits: Covariates, groups: "pd.Series[str] | None") -> Covariates:
    """The traits, with groups by their names where two are the same number."""
    if groups is None or groups.nunique() == traits.table[groups.name].nunique():
        return traits
    return replace(traits, table=traits.table.assign(**{str(groups.name): groups}))


def _networks(task: str, beside: Run | Path | str) -> AnalysisResult:
    """The analysis of a run of the same task."""
    run = as_run(beside)
    if run.config.task != task:
        raise MetaRLError(
            f"--beside must be a run of {task}, got one of {run.config.task} in "
            f"{run.path}"
        )
    analysis, data = own_data_analysis(task), experiment_data(run)
    if analysis is analysis_of(task):
        return analyse(analysis, data)
    # If animals are analysed in another way, the networks' trials alone are, too.
    trials = analysis.schema.complete(data.trials)
    return analyse(analysis, ExperimentData(trials=trials, task=task))


def _check_panels(analysis: Analysis[Any], data: ExperimentData) -> None:
    """Raise MetaRLError if a table has none of the columns that can be shown."""
    if not analysis.panels_of(data.trials):
        columns = dict.fromkeys(k for p in analysis.panels for k in p.columns)
        raise MetaRLError(
            f"a table of {data.task} must have one of the columns "
            f"{', '.join(columns)}, got none with a value"
        )


def _beside(
    result: AnalysisResult, networks: AnalysisResult | None
) -> dict[str, pd.DataFrame]:
    """Differences of the subjects from the networks, in every effect that both have."""
    if networks is None:
        return {}
    values = {
        layer.context.subjects_are: pd.DataFrame(
            {effect.key: effect.values for effect in layer.own_effects}
        ).dropna(axis="columns", how="all")
        for layer in (networks, result)
    }
    both = pd.concat(values)
    shared = [k for k in both if all(k in table for table in values.values())]
    kinds = pd.Series(both.index.get_level_values(0), both.index)
    return {"beside": group_differences(both[shared], kinds).drop(columns="main")}


def _group_name(value: str, column: str) -> str:
    """A group as it is called in legends: a bare number with its column."""
    return f"{column} {value}" if value.replace(".", "", 1).isdecimal() else value


def _behaviour(
    result: AnalysisResult, data: ExperimentData, groups: "pd.Series[str] | None"
) -> pd.DataFrame:
    """The numbers in the figure: of all subjects, of groups, and of each subject."""
    table = result.tables.get("behaviour", pd.DataFrame())
    if groups is None or "label" not in table:
        return table
    parts = []
    for name in _colours(groups):
        own = data.trials["subject"].isin(groups.index[groups == name])
        trials = data.trials[own].reset_index(drop=True)
        measured = result.analysis.measures(
            replace(data, trials=trials), {MEASURED: result.analysis.parse(trials)}
        )
        rows = measured["behaviour"]
        assert isinstance(rows, pd.DataFrame)
        label = _group_name(name, str(groups.name))
        parts.append(rows[rows["label"] == ALL_SUBJECTS].assign(label=label))
    everyone = table["label"] == ALL_SUBJECTS
    return pd.concat(
        [table[everyone], *parts, table[~everyone]], ignore_index=True
    ).astype(table.dtypes)


def _layers(
    result: AnalysisResult,
    groups: "pd.Series[str] | None",
    networks: AnalysisResult | None,
) -> list[AnalysisResult]:
    """What is drawn on the same axes: the networks, then the subjects or each group."""
    first = [] if networks is None else [networks]
    if groups is None:
        return [*first, result]
    parts = [
        part_of(
            result,
            [int(str(k)) for k in groups.index[groups == name]],
            group=_group_name(name, str(groups.name)),
            colour=colour,
        )
        for name, colour in _colours(groups).items()
    ]
    return [*first, *parts]


def _colours(groups: "pd.Series[str]") -> dict[str, str]:
    names = sorted(groups.dropna().unique())
    return dict(zip(names, GROUP_COLOURS, strict=False))


def _group_notes(
    groups: "pd.Series[str] | None", column: str, result: AnalysisResult
) -> list[str]:
    """Notes on subjects in no group, and on more than two groups."""
    if groups is None:
        return []
    notes = []
    without = [result.context.names[int(str(k))] for k in groups.index[groups.isna()]]
    if without:
        notes.append(
            f"{len(without)} without {column} ({', '.join(without[:6])}) "
            f"{'is' if len(without) == 1 else 'are'} in no group"
        )
    alike = groups.dropna().drop_duplicates()
    alike = alike[alike.map(as_plain).duplicated(keep=False)]
    if len(alike):
        notes.append(
            f"{' and '.join(sorted(alike))} of {column} are groups of their own, as "
            "they are written; write them alike if they are one"
        )
    if groups.nunique() > 2:
        notes.append(
            f"{groups.nunique()} groups: every two are compared, p_holm is corrected "
            "over pairs and main measures, and p_all_groups is a Kruskal-Wallis test"
        )
    return notes


def _trait_notes(numbers: "Mapping[str, pd.Series[float]]") -> list[str]:
    """Notes on traits that have no correlation."""
    notes = []
    for name, values in numbers.items():
        known = values.dropna()
        if codes := likely_codes(known):
            listed = " and ".join(map(shown, codes))
            count = int(known.isin(codes).sum())
            notes.append(
                f"{name} is {listed} in {count} of {len(known)} subjects, which is "
                "taken as a number; if it means missing, make these cells blank to "
                "leave them out"
            )
        if len(known) < LEAST_CORRELATED:
            notes.append(
                f"only {len(known)} with {name}: a correlation needs "
                f"{LEAST_CORRELATED} subjects"
            )
        elif known.nunique() == 1:
            notes.append(
                f"{name} is {shown(known.iloc[0])} of all {len(known)}: there is no "
                "correlation"
            )
    return notes


def _beside_notes(
    analysis: Analysis[Any], own: ExperimentData, beside: Run | Path | str | None
) -> list[str]:
    """A note if the networks' rewards are of another size than the subjects'."""
    if beside is None or analysis.schema.coded_reward:
        return []
    ours, theirs = (
        float(pd.to_numeric(trials["reward"]).max()) if "reward" in trials else 0.0
        for trials in (own.trials, as_run(beside).trials)
    )
    if min(ours, theirs) <= 0 or max(ours, theirs) < SAME_UNIT * min(ours, theirs):
        return []
    return [
        f"rewards are at most {ours:g} of the {own.subjects_are}, {theirs:g} of the "
        "networks: differences of rewards in beside.csv are not in one unit"
    ]


@dataclass(frozen=True, kw_only=True)
class _Compared:
    """Measures by subject, with their groups and traits."""

    by_subject: BySubject
    main: Mapping[str, Effect]
    """Column of the measures -> the main effect of the same numbers."""
    groups: "pd.Series[str] | None"
    numbers: "Mapping[str, pd.Series[float]]"

    @classmethod
    def of(
        cls,
        result: AnalysisResult,
        groups: "pd.Series[str] | None",
        numbers: "Mapping[str, pd.Series[float]]",
    ) -> "_Compared":
        """Lay out the measures; a main effect that is no column becomes one."""
        laid = measures_by_subject(result.tables, result.analysis.schema)
        measures = laid.measures
        main: dict[str, Effect] = {}
        values = [str(name) for name in measures if name not in laid.counts]
        for effect in main_measures(result.own_effects):
            own = effect.values.reindex(measures.index).astype(float)
            same = (k for k in values if measures[k].equals(own))
            column = next(same, effect.key.removesuffix(".mean"))
            measures = measures.assign(**{column: own})
            main[column] = effect
        return cls(
            by_subject=laid._replace(measures=measures),
            main=main,
            groups=groups,
            numbers=numbers,
        )

    @property
    def values(self) -> pd.DataFrame:
        """The measures that are compared: the main ones first, and no counts."""
        measures, counts = self.by_subject.measures, self.by_subject.counts
        others = [k for k in measures if k not in counts and k not in self.main]
        return measures[[*self.main, *others]]

    def tables(self) -> dict[str, pd.DataFrame]:
        """Differences and correlations, as far as they were asked for."""
        found = {}
        if self.groups is not None:
            found["groups"] = group_differences(
                self.values, self.groups, list(self.main)
            )
        if self.numbers:
            found["correlations"] = correlations(
                self.values, self.numbers, list(self.main)
            )
        return found

    def figures(self) -> dict[str, Figure]:
        """Main measures by group, and against each trait."""
        tables, found = self.tables(), {}
        if self.groups is not None:
            found["groups"] = self._draw_groups(tables["groups"])
        if self.numbers:
            found["correlations"] = self._draw_correlations(tables["correlations"])
        return found

    def _draw_groups(self, differences: pd.DataFrame) -> Figure:
        assert self.groups is not None
        colours = _colours(self.groups)
        with figure_style():
            figure, axes = _small_panels(len(self.main))
            for ax, (column, effect) in zip(axes, self.main.items(), strict=False):
                rows = differences[differences["measure"] == column]
                row = _row(rows) if len(colours) == 2 else None
                plot_by_group(ax, effect, self.groups, colours, row)
            _note_below(figure, groups_note(list(colours)))
        return figure

    def _draw_correlations(self, found: pd.DataFrame) -> Figure:
        cells = [(k, name) for name in self.numbers for k in self.main]
        colours = {} if self.groups is None else _colours(self.groups)
        with figure_style():
            figure, axes = _small_panels(len(cells))
            for ax, (column, name) in zip(axes, cells, strict=False):
                rows = found[found["measure"] == column]
                row = _row(rows[rows["covariate"] == name])
                plot_against(
                    ax,
                    self.main[column],
                    self.numbers[name],
                    row,
                    COLOURS["own"],
                    groups=self.groups,
                    colours=colours,
                )
            _note_below(figure, CORRELATIONS_NOTE)
            if colours and cells:
                handles = [
                    axes[0].plot([], [], "o", color=colour, label=name)[0]
                    for name, colour in colours.items()
                ]
                figure.legend(
                    handles=handles, loc="outside lower center", ncols=len(handles)
                )
        return figure


def _note_below(figure: Figure, words: str) -> None:
    """Write what the panels show below them, as wide as they are."""
    width = int(NOTE_LETTERS * figure.get_figwidth())
    lines = textwrap.wrap(words, width)
    figure.supxlabel("\n".join(lines), fontsize="small", x=0.02, ha="left")


def _row(table: pd.DataFrame) -> dict[str, object]:
    """The one row of a table, by column."""
    return {str(name): value for name, value in table.iloc[0].items()}


def _small_panels(count: int) -> tuple[Figure, list[Axes]]:
    """A figure with so many small panels."""
    columns = max(1, min(MOST_COLUMNS, count))
    rows = max(1, -(-count // columns))
    size = (SMALL_PANEL[0] * columns, SMALL_PANEL[1] * rows)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for ax in grid.flat[count:]:
        ax.set_axis_off()
    return figure, list(grid.flat)


def _subjects(
    by_subject: BySubject, data: TrialData, traits: Covariates, summary: pd.DataFrame
) -> pd.DataFrame:
    """One row a subject: name, sessions, covariates, measures, and their summary."""
    sessions = data.trials.groupby("subject")["session"].nunique()
    rows = by_subject.measures.reindex(range(len(data.names)))
    own = _whole_counts(traits.table, frozenset(map(str, traits.table)))
    both = [str(k) for k in own if k in rows or k in summary]
    if both:
        raise MetaRLError(
            f"a covariate must not be called {both[0]}, as a measure in subjects.csv "
            "is; rename the column"
        )
    table = pd.concat([own, rows], axis="columns").rename_axis("subject")
    table.insert(0, "sessions", sessions.reindex(table.index))
    further = summary.drop(columns=[k for k in summary if k in table])
    table = _whole_counts(
        pd.concat([table, further], axis="columns"), by_subject.counts
    )
    # A copy holds its columns together: to insert another is slow without it.
    return with_names(table.copy().reset_index(), _own(data))


def _own(data: TrialData) -> dict[int, str]:
    return dict(enumerate(data.names))


def _whole_counts(table: pd.DataFrame, counts: frozenset[str]) -> pd.DataFrame:
    """The table with counts as whole numbers, so that they are written as such."""
    whole = [
        k
        for k in table
        if k in counts
        and pd.api.types.is_numeric_dtype(table[k])
        and (table[k].dropna().abs() <= LARGEST).all()
        and (table[k].dropna() % 1 == 0).all()
    ]
    return table.astype(dict.fromkeys(whole, "Int64"))


def _sessions(result: AnalysisResult, data: TrialData) -> dict[str, pd.DataFrame]:
    """One row a session of a subject, if one has several: the measures of it alone."""
    trials, units = session_units(data.trials)
    if len(units) == len(data.names):
        return {}
    own = ExperimentData(
        trials=trials,
        subjects_are=result.context.subjects_are,
        task=result.context.task,
    )
    groups = {MEASURED: result.analysis.parse(trials)}
    tables = Tables(dict(result.analysis.measures(own, groups)))
    laid = measures_by_subject(tables, result.analysis.schema)
    rows = _whole_counts(laid.measures, laid.counts)
    table = units.merge(rows, "left", left_on="unit", right_index=True)
    named = [data.sessions[k] if data.sessions else shown(k) for k in table["session"]]
    table = table.assign(session=named).drop(columns="unit")
    return {"sessions": with_names(table, _own(data))}


def _curves(by_subject: BySubject, result: AnalysisResult) -> dict[str, pd.DataFrame]:
    if by_subject.curves.empty:
        return {}
    return {"curves": with_names(by_subject.curves, result.context.names)}
