"""The definition of a study: one question, asked of independent seeds, in conditions.

A study is a folder with one object, `STUDY`. Its `conditions` name what is compared;
each condition is a function of one seed that returns plain numbers. Its other functions
read the results of all seeds: `effects` compares them with criteria, `tables` and
`figures` show them. A study can therefore be interrupted and resumed seed by seed, and
analysed again without repeating any seed.
"""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from metarl.analysis.criteria import Criterion
from metarl.analysis.effects import Effect
from metarl.core.parallel import Reporter

SeedResults = dict[str, Any]
"""Results of one seed: numbers, words, lists and dictionaries of them, as in JSON. The
same seed gives the same results, so durations are kept elsewhere. The name `regret` is
reserved for the regret of a frozen agent on the shared bandit, in rewards per episode,
by which the agents of all studies are compared."""

Condition = Callable[[int, Reporter], SeedResults]
"""Computes the results of one seed, given the seed and the reporter of its progress.
Must be picklable: a function of a module, or functools.partial of one. Raises
Interrupted if the reporter asks it to stop."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How much of a study is run."""

    grid: bool = False
    """Whether to run the grids of learning rates too."""
    smoke: bool = False
    """Whether to do only a few steps: everything runs, nothing is learned or scored."""


@dataclass(frozen=True, kw_only=True)
class Results:
    """Results of all seeds of a study."""

    seeds: Mapping[str, Sequence[SeedResults]]
    """Condition -> results of each seed, in order."""
    seconds: Mapping[str, Sequence[float]]
    """Condition -> processor time of each seed, in seconds."""

    @property
    def conditions(self) -> tuple[str, ...]:
        """Names of the conditions, in order."""
        return tuple(self.seeds)

    def values(self, condition: str, name: str) -> "pd.Series[float]":
        """One number of each seed of a condition, by the seed's place."""
        numbers = [float(results[name]) for results in self.seeds[condition]]
        return pd.Series(numbers, name=name)

    def median(self, condition: str, name: str) -> float:
        """Median over seeds of one number."""
        return float(self.values(condition, name).median())

    def spread(self, condition: str, name: str) -> dict[str, float]:
        """Median, lowest and highest of one number over seeds, as parts of a row."""
        values = self.values(condition, name)
        return {name: values.median(), "lowest": values.min(), "highest": values.max()}

    def median_seconds(self, condition: str) -> float:
        """Median over seeds of the processor time."""
        return float(pd.Series(self.seconds[condition]).median())


@dataclass(frozen=True, kw_only=True)
class Study:
    """One question about how networks may learn, and how it is answered."""

    name: str
    """Name in the registry and on the command line; its folder's, with hyphens."""
    question: str
    """The question, in one sentence."""
    source: str
    """Publications that the study follows."""
    conditions: Callable[[Scale], Mapping[str, Condition]]
    """What is compared, by names that are valid as names of folders."""
    effects: Callable[[Results], list[Effect]]
    """Measured effects, one value per seed, with their criteria."""
    tables: Callable[[Results], Mapping[str, pd.DataFrame]]
    """Tables to print and write, by name; the first is the study's main table."""
    figures: Callable[[Results], Mapping[str, Figure]]
    """Figures by name, drawn in the current style."""
    criteria: Mapping[str, Criterion]
    """Criteria by name, fixed before the seeds that are scored were run."""


def read_criteria(folder: str) -> Mapping[str, Criterion]:
    """Read the criteria of a study from the `criteria.toml` of its folder.

    Args:
        folder: the package of the study, e.g. "metarl.studies.curriculum".

    Returns:
        Name -> criterion.
    """
    text = (resources.files(folder) / "criteria.toml").read_text("utf-8")
    rules = tomllib.loads(text).items()
    return MappingProxyType({name: Criterion(**rule) for name, rule in rules})


def make_effect(
    label: str,
    values: "pd.Series[float]",
    criterion: Criterion | None = None,
    *,
    summary: str = "median",
    chance: float | None = None,
    reference: float | None = None,
    source: str = "",
) -> Effect:
    """Make one effect of a study, summarised over seeds as its criterion says.

    Args:
        label: what was measured, in words, with its unit.
        values: one number per seed.
        criterion: what the summary must be; None: the effect is not scored.
        summary: of the seeds, if there is no criterion.
        chance: value of a network that learned nothing, in the same unit.
        reference: the published or best possible value, in the same unit.
        source: source of the reference.
    """
    return Effect(
        label=label,
        values=values,
        summary=criterion.summary if criterion else summary,
        criterion=criterion,
        # Studies have no criterion of having learned: each effect counts by itself.
        needs_learning=False,
        chance=chance,
        reference=reference,
        source=source,
    )
