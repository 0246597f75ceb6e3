"""The analysis of an experiment, from tables to effects and panels.

An experiment declares an `Analysis`; `analyse` does the rest: it checks every table
against the schema, parses it once per group, measures, summarises over subjects,
determines which subjects learned, and scores the effects.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes

from metarl.analysis.criteria import Criteria, LearnedCriterion, learned_subjects
from metarl.analysis.data import REWARD_UNITS, RT_UNIT, ExperimentData
from metarl.analysis.effects import (
    ALL_MEASURED,
    NO_LEARNING,
    Effect,
    in_words_of_subjects,
    score_effects,
)
from metarl.analysis.measures import (
    MEASURED,
    Measure,
    Tables,
    select_group,
    subject_labels,
    trials_by_group,
)
from metarl.analysis.schema import TrialSchema
from metarl.analysis.scoring import why_unscored
from metarl.analysis.trials import check_something_counts
from metarl.analysis.variants import (
    missing_effects,
    variant_effects,
    variant_statistics,
)
from metarl.core.names import Named

Trials = TypeVar("Trials")
"""Trials of one group, as the analysis reads them."""


@dataclass(frozen=True, kw_only=True)
class Context:
    """Task, subjects and criteria behind the tables of one analysis."""

    task: str
    """Name of the task."""
    subjects_are: str = "networks"
    """Kind of the subjects: "networks", or the user's word, such as "mice"."""
    subject_count: int = 0
    """Number of measured subjects."""
    names: Mapping[int, str] = field(default_factory=dict)
    """Subject -> its own name; networks have none."""
    expected_subjects: int | None = None
    """Expected number of subjects; None if not known."""
    discount: float | None = None
    """The agent's discount per step, in [0, 1]."""
    parameters: Mapping[str, object] = field(default_factory=dict)
    """All parameters of the task."""
    reward_unit: str = REWARD_UNITS
    """Unit of rewards, in the plural."""
    rt_unit: str = RT_UNIT
    """Unit of reaction times."""
    columns: frozenset[str] = frozenset()
    """Columns of the trial table that have a value."""
    variants: frozenset[str] = frozenset()
    """Variants of the experiment that were trained and tested."""
    criteria: Criteria = field(default_factory=Criteria)
    """Criteria of the task; of the published task where it has none of its own."""
    scored: bool = False
    """Whether the criteria apply: networks, on the task, parameters and test that they
    were fixed for."""
    group: str = ""
    """Name of the subjects' group, if there are several groups."""
    colour: str = ""
    """Colour of the subjects; "" for that of their kind."""
    slot: int = 0
    """Place among the populations that are drawn on the same axes, from 0."""
    slots: int = 1
    """Number of populations that are drawn on the same axes."""

    @property
    def learned(self) -> LearnedCriterion | None:
        """Criterion for having learned the task; None where nothing is scored."""
        return self.criteria.learned if self.scored else None


Draw = Callable[[Tables, Context, Axes], Axes]
"""Draws tables on axes, and returns the axes."""


@dataclass(frozen=True)
class Panel:
    """One panel of an experiment's figure."""

    title: str
    """Its heading."""
    draw: Draw
    """Its drawing."""
    needs: str = ""
    """Data that it needs: "" any trial table, an animal's too; "networks"; or
    "recording", recorded networks."""
    columns: tuple[str, ...] = ()
    """Columns of a user's table, at least one of which the panel needs; (): none."""
    shared: bool = False
    """Whether several populations can be drawn on its axes, in the colours and at the
    places of their contexts; otherwise each has axes of its own."""

    def fits(self, columns: Collection[str]) -> bool:
        """Whether a table with values in these columns has what the panel needs."""
        return not self.columns or not set(self.columns).isdisjoint(columns)

    def __call__(
        self, tables: Tables, context: Context, ax: Axes | None = None
    ) -> Axes:
        """Draw on these axes, or on those of a new figure."""
        return self.draw(tables, context, ax or plt.subplots()[1])


def known_columns(trials: pd.DataFrame) -> frozenset[str]:
    """Columns of a trial table that have a value."""
    return frozenset(str(name) for name in trials if trials[name].notna().any())


@dataclass(frozen=True)
class SnapshotPanel:
    """The most informative panel during training."""

    title: str
    """Heading of one of the panels."""
    arrays: tuple[str, ...] = ()
    """Arrays of a recording that it is drawn from."""


@dataclass(frozen=True, kw_only=True)
class Guide:
    """What the results of animals or people are, in words."""

    measures: Mapping[str, str]
    """Quantity of the table `behaviour`, or panel -> its definition."""
    n: str
    """What the n of a value is, and its error."""
    missed: str
    """What a missed trial does to the trials after it."""


@dataclass(frozen=True, kw_only=True)
class Release:
    """Published data of animals or people, read as their authors released them."""

    variable: str
    """Variable of the MATLAB file by which the release is recognized."""
    load: Callable[[Path], pd.DataFrame]
    """Path of the file -> trial table, with the subjects' names in `animal`."""
    subjects_are: str
    """Kind of the subjects, as "monkeys"."""


@dataclass(frozen=True, kw_only=True)
class Analysis(Generic[Trials]):
    """The analysis of one experiment."""

    schema: TrialSchema
    """Columns of its trial table."""
    parse: Callable[[pd.DataFrame], Trials]
    """A checked trial table -> the trials of one group, as the measures read them."""
    measures: Callable[
        [ExperimentData, Mapping[str, Trials]], Mapping[str, Measure | pd.DataFrame]
    ]
    """Data, and group -> its trials -> every table by name; `subjects` has one row a
    group and subject. `behaviour`, if there is one, is written for animals."""
    effects: Callable[[Tables, Context], Iterable[Effect]]
    """Tables and context -> effects to report and score."""
    panels: tuple[Panel, ...]
    """The figure, panel by panel."""
    criteria: Mapping[str, Criteria] = field(default_factory=dict)
    """Task -> its criteria; the first task is the published one."""
    published: Mapping[str, object] = field(default_factory=dict)
    """Task parameters that the criteria apply to; empty: all of the task's, as in the
    experiment's preset and main test."""
    snapshot: SnapshotPanel | None = None
    """Panel drawn during training; None: the first that needs only a trial table."""
    needs: tuple[str, ...] | None = ()
    """Columns, besides the choice, that a trial needs in order to count; None: trials
    that are forced or without a choice count as well."""
    needs_pairs: bool = False
    """Whether every measure but rewards is of pairs of successive trials."""
    guide: Guide | None = None
    """Results of animals or people, in words."""
    own_panels: tuple[Panel, ...] = ()
    """Further panels of tables of animals or people."""
    own: "Analysis[Any] | None" = None
    """The analysis of tables of animals or people, where it is another."""
    release: Release | None = None
    """Published data that can be read as released."""

    @property
    def behaviour_panels(self) -> tuple[Panel, ...]:
        """Panels that need only a trial table, of networks or animals."""
        return tuple(panel for panel in self.panels if not panel.needs)

    def panels_of(self, trials: pd.DataFrame) -> tuple[Panel, ...]:
        """Panels for a table of animals or people that has the columns they need."""
        known = known_columns(trials)
        panels = (*self.behaviour_panels, *self.own_panels)
        return tuple(panel for panel in panels if panel.fits(known))

    @property
    def snapshot_panel(self) -> Panel:
        """The panel drawn during training."""
        if self.snapshot is None:
            return self.behaviour_panels[0]
        return next(p for p in self.panels if p.title == self.snapshot.title)

    def is_scored(self, data: ExperimentData) -> bool:
        """Whether the criteria apply: the one rule for every experiment."""
        return not why_unscored(self.criteria, self.published, data)

    def criteria_of(self, task: str) -> Criteria:
        """Criteria of a task; those of the published task if it has none of its own."""
        first = next(iter(self.criteria.values()), Criteria())
        return self.criteria.get(task, first)

    def context(self, data: ExperimentData) -> Context:
        """Context of the analysis of these data."""
        return Context(
            task=data.task,
            subjects_are=data.subjects_are,
            names=data.names,
            subject_count=int(data.trials["subject"].nunique()),
            expected_subjects=data.expected_subjects,
            discount=data.discount,
            parameters=data.parameters,
            reward_unit=data.reward_unit,
            rt_unit=data.rt_unit,
            columns=known_columns(data.trials),
            variants=frozenset(data.variants),
            criteria=self.criteria_of(data.task),
            scored=self.is_scored(data),
        )


@dataclass(frozen=True, kw_only=True)
class AnalysisResult:
    """Context, tables and effects of one analysis."""

    analysis: Analysis[Any]
    """Analysis of the experiment."""
    context: Context
    """Task, subjects and criteria."""
    tables: Tables
    """Every table, by name."""

    @cached_property
    def unscored_effects(self) -> list[Effect]:
        """Every effect before its verdict, in words about these subjects."""
        kind = self.context.subjects_are
        found = [
            *self.analysis.effects(self.tables, self.context),
            *variant_effects(self.tables, self.context.criteria),
        ]
        return [in_words_of_subjects(effect, kind) for effect in found]

    @property
    def own_effects(self) -> list[Effect]:
        """Those about the measured subjects, and not a baseline or a simulation."""
        return [e for e in self.unscored_effects if e.learning == MEASURED]

    @cached_property
    def effects(self) -> pd.DataFrame:
        """Every effect with its verdict, as `effect_row` lays out.

        Where the criteria apply, every published claim of the experiment has a row.
        """
        effects, about = list(self.unscored_effects), self.context
        if about.scored:
            effects += missing_effects(
                about.task, about.criteria, effects, about.variants
            )
        return score_effects(
            self.context.task,
            effects,
            _learned(self.tables, self.context, effects),
            scored=self.context.scored,
            expected_subjects=self.context.expected_subjects,
        )


def part_of(
    result: AnalysisResult, subjects: Collection[int], **context: Any
) -> AnalysisResult:
    """The result of some of the measured subjects, from their rows of every table.

    Args:
        result: of all subjects.
        subjects: those that are kept.
        context: fields of the context to replace, as group and colour.
    """
    return AnalysisResult(
        analysis=result.analysis,
        context=replace(result.context, subject_count=len(subjects), **context),
        tables=result.tables.of_subjects(subjects),
    )


def analyse(analysis: Analysis[Any], data: ExperimentData) -> AnalysisResult:
    """Analyse the data of one population.

    Args:
        analysis: analysis of the experiment.
        data: networks or animals, with their baselines and variants.

    Returns:
        Context and tables; effects are scored when they are first accessed.

    Raises:
        MetaRLError: a table is not coded as the schema says, or one of animals or
            people has no trial that counts.
    """
    for table in _every_table(data):
        analysis.schema.check(table)
    if data.subjects_are != "networks" and analysis.needs is not None:
        check_something_counts(
            data.trials, analysis.schema, analysis.needs, pairs=analysis.needs_pairs
        )
    parsed = {k: analysis.parse(v) for k, v in trials_by_group(data).items()}
    groups = Named("group", parsed)
    tables = dict(analysis.measures(data, groups))
    tables["subjects"] = _labelled(tables["subjects"], data)
    tables["variants"] = variant_statistics(
        analysis.criteria_of(data.task), data, lambda each: _measured(analysis, each)
    )
    return AnalysisResult(
        analysis=analysis, context=analysis.context(data), tables=Tables(tables)
    )


def _measured(
    analysis: Analysis[Any], data: ExperimentData
) -> Mapping[str, Measure | pd.DataFrame]:
    """Tables of one population without baselines."""
    groups = {MEASURED: analysis.parse(data.trials)}
    return analysis.measures(data, Named("group", groups))


def _every_table(data: ExperimentData) -> Iterator[pd.DataFrame]:
    """Trial tables of the subjects, baselines, further tests, stages and variants."""
    yield data.trials
    for tables in (data.baselines, data.tests, data.stages):
        yield from tables.values()
    for baselines in data.test_baselines.values():
        yield from baselines.values()
    for variant in data.variants.values():
        yield from _every_table(variant)


def _labelled(
    subjects: Measure | pd.DataFrame, data: ExperimentData
) -> Measure | pd.DataFrame:
    """The table of subjects with a column `label`: their names."""
    table = subjects.table if isinstance(subjects, Measure) else subjects
    own = subject_labels(data)
    labels = [
        own.get(int(subject), f"subject {subject}")
        if group == MEASURED
        else f"subject {subject}"
        for group, subject in zip(table["group"], table["subject"], strict=True)
    ]
    labelled = table.assign(label=labels)
    if isinstance(subjects, Measure):
        return replace(subjects, table=labelled)
    return labelled


def _learned(
    tables: Tables, context: Context, effects: Iterable[Effect]
) -> "dict[str, pd.Series[bool] | None]":
    """Group of the table of subjects -> whether each of them learned the task."""
    groups = {MEASURED} | {e.learning for e in effects} - {ALL_MEASURED, NO_LEARNING}
    return {
        group: learned_subjects(
            context.learned, select_group(tables["subjects"], group)
        )
        for group in sorted(groups)
    }
