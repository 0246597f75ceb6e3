"""BRIDGE, to be deleted once every experiment is declared as an `Analysis`.

Experiments that are not yet ported have a module `tables` with `tables(data)`,
`effects(tables)`, PANELS, BEHAVIOUR_PANELS and perhaps PREVIEW_PANEL, PREVIEW_ARRAYS
and `load_animals`. `old_analysis` makes an `Analysis` of it, `analyse` takes both
kinds, and the rest is what these modules import.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from metarl.analysis import analysis as engine
from metarl.analysis import animals, measures
from metarl.analysis.analysis import (
    Analysis,
    AnalysisResult,
    Panel,
    SnapshotPanel,
)
from metarl.analysis.criteria import learned_subjects as _learned_subjects
from metarl.analysis.criteria import read_criteria
from metarl.analysis.data import ExperimentData, check_columns
from metarl.analysis.effects import Effect, effect_table, reindex_subjects, unscored
from metarl.analysis.measures import (
    select_group,
    subject_labels,
)
from metarl.analysis.schema import BASE_SCHEMA, Array, numbers
from metarl.analysis.style import COLOURS
from metarl.analysis.trials import EPISODE_KEYS, EpisodeGrid
from metarl.core.checks import MetaRLError

Tables = Mapping[str, pd.DataFrame]
"""Tables of an experiment in the old form."""
OLD = (
    "bandit",
    "inferred_value",
    "informative_arm",
    "matching",
    "risky_choice",
    "volatility",
)
"""Folders in the old form; delete a line when its experiment is ported."""
_FOUND = {
    task: criteria
    for folder in OLD
    for task, criteria in read_criteria(f"metarl.analysis.{folder}").items()
}
CRITERIA = {task: criteria.rules for task, criteria in _FOUND.items()}
"""Task -> name -> what its networks must show."""
LEARNED = {task: c.learned for task, c in _FOUND.items() if c.learned is not None}
"""Task -> learned criterion."""


def learned_subjects(task: str, subjects: pd.DataFrame) -> "pd.Series[bool] | None":
    """Which subjects learned the task."""
    return _learned_subjects(LEARNED.get(task), subjects)


@dataclass(frozen=True, kw_only=True)
class OldAnalysis(Analysis[Any]):
    """An experiment in the old form."""

    module: ModuleType
    """Where its functions stand."""

    @property
    def behaviour_panels(self) -> tuple[Panel, ...]:
        """Panels of what any trial table shows."""
        return tuple(_panel(*panel) for panel in self.module.BEHAVIOUR_PANELS)

    @property
    def snapshot_panel(self) -> Panel:
        """The panel that is drawn while a network learns."""
        usual = self.module.BEHAVIOUR_PANELS[0]
        return _panel(*getattr(self.module, "PREVIEW_PANEL", usual))


@dataclass(frozen=True, kw_only=True)
class OldResult(AnalysisResult):
    """Its tables and effects."""

    @cached_property
    def effects(self) -> pd.DataFrame:
        """As the old module scores them."""
        module: Any = self.analysis.module  # type: ignore[attr-defined]
        table: pd.DataFrame = module.effects(self.tables)
        return table


def old_analysis(module: ModuleType) -> OldAnalysis:
    """An `Analysis` of a module in the old form."""
    preview = getattr(module, "PREVIEW_PANEL", None)
    snapshot = None
    if preview is not None:
        snapshot = SnapshotPanel(preview[0], getattr(module, "PREVIEW_ARRAYS", ()))
    return OldAnalysis(
        module=module,
        schema=BASE_SCHEMA,
        parse=lambda table: table,
        measures=lambda data, groups: module.tables(data),
        effects=lambda tables, context: (),
        panels=tuple(_panel(*panel) for panel in module.PANELS),
        criteria=read_criteria(module.__name__.rpartition(".")[0]),
        snapshot=snapshot,
        load_animals=getattr(module, "load_animals", None),
    )


def _panel(title: str, draw: Callable[..., Axes]) -> Panel:
    return Panel(title, lambda tables, context, ax: draw(tables, ax))


def analyse(analysis: Analysis[Any], data: ExperimentData) -> AnalysisResult:
    """`metarl.analysis.analysis.analyse`, of an experiment in either form."""
    if not isinstance(analysis, OldAnalysis):
        return engine.analyse(analysis, data)
    tables = analysis.module.tables(data)
    if "summary" in tables:
        tables["behaviour"] = tables["summary"]
    return OldResult(
        analysis=analysis,
        context=analysis.context(data),
        tables=measures.Tables(tables),
    )


def about_table(data: ExperimentData, *, scored: bool) -> pd.DataFrame:
    """What the tables are about, in one row."""
    return pd.DataFrame(
        {
            "task": [data.task],
            "subjects_are": [data.subjects_are],
            "discount": [data.discount],
            "scored": [scored],
            "expected": [data.expected_subjects],
        }
    )


def judge(
    about: pd.DataFrame, listed: Sequence[tuple[Effect, "pd.Series[bool] | None"]]
) -> pd.DataFrame:
    """All rows of one experiment, with verdicts."""
    row = about.iloc[0]
    pairs = list(listed)
    if not bool(row["scored"]):
        pairs = [(unscored(effect), who) for effect, who in pairs]
    if row["expected"] is not None:
        everyone = range(int(row["expected"]))
        pairs = [
            (effect if who is None else reindex_subjects(effect, everyone), who)
            for effect, who in pairs
        ]
    return effect_table(str(row["task"]), pairs)


def measured(tables: Mapping[str, pd.DataFrame]) -> tuple[str, str]:
    """Colour and label of the measured subjects, with their number."""
    kind = str(tables["about"]["subjects_are"].iloc[0])
    count = len(select_group(tables["subjects"]))
    colour = COLOURS["agent" if kind == "networks" else "animal"]
    return colour, f"{kind if count != 1 else kind[:-1]} (n = {count})"


def label_table(trials: pd.DataFrame) -> pd.DataFrame:
    """One row a subject: subject, label."""
    return pd.DataFrame(
        list(subject_labels(trials).items()), columns=["subject", "label"]
    )


def grid_of(
    trials: pd.DataFrame, columns: Mapping[str, NDArray[np.generic]]
) -> EpisodeGrid:
    """Lay columns out by episode and trial."""
    keys = list(EPISODE_KEYS)
    env_index = trials.groupby(keys, sort=True).ngroup().to_numpy(np.int64)
    place = numbers(trials, "trial").astype(np.int64)
    shape = (int(env_index.max(initial=-1)) + 1, int(place.max(initial=-1)) + 1)
    first = np.zeros((shape[0], len(keys)), np.int64)
    for column, key in enumerate(keys):
        first[env_index, column] = numbers(trials, key)
    cells = env_index * shape[1] + place
    filled = np.bincount(cells, minlength=shape[0] * shape[1])
    if filled.max(initial=0) > 1:
        row = int(np.argmax(filled[cells] > 1))
        named = ", ".join(f"{key} {trials[key].iloc[row]}" for key in (*keys, "trial"))
        raise MetaRLError(f"each trial must have one row, got {named} more than once")
    laid: dict[str, Array] = {}
    for name, values in columns.items():
        grid = np.full(shape[0] * shape[1], np.nan)
        grid[cells] = values
        laid[name] = grid.reshape(shape)
    return EpisodeGrid(episodes=pd.DataFrame(first, columns=keys), columns=laid)


def grouped_grids(
    grids: Mapping[str, EpisodeGrid], analyse: Callable[[EpisodeGrid], pd.DataFrame]
) -> pd.DataFrame:
    """One analysis of every group's grid, with the group as the first column."""
    parts = []
    for name, grid in grids.items():
        part = analyse(grid)
        part.insert(0, "group", name)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


@cache
def packaged(name: str) -> pd.DataFrame:
    """A CSV of the old reference folder; each row says its study and where in it."""
    folder = resources.files("metarl.analysis") / "reference"
    with (folder / name).open(encoding="utf-8") as file:
        return pd.read_csv(file)


def load_table(
    path: Path | str,
    needed: Sequence[str],
    check: Callable[[pd.DataFrame], object] | None = None,
) -> pd.DataFrame:
    """Read a user's trial table, its optional columns filled in."""
    file = animals.existing(path)
    table = animals.read_table(file)
    check_columns(list(table.columns), needed, f"{file.name}")
    usual = BASE_SCHEMA.defaults
    table = table.assign(**{k: v for k, v in usual.items() if k not in table})
    table = animals.number_subjects(table)
    try:
        if check is not None:
            check(table)
    except MetaRLError as error:
        raise MetaRLError(f"{file.name}: {error}") from None
    return table
