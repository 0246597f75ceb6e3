"""The contract of a study: one question, asked of independent seeds, in conditions.

A study is a module with four functions. `conditions(scale)` names what is compared;
each condition is a function of one seed that returns plain facts. The other three read
all facts: `effects` judges them, `tables` and `figures` show them. So a study is work
that can be cut short and gone on with, seed by seed, and looked at again for nothing.
"""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, Protocol

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from metarl.analysis.criteria import Criterion
from metarl.analysis.effects import Effect
from metarl.core.parallel import Reporter

Facts = dict[str, Any]
"""What one seed came to: numbers, words, lists and dictionaries of them, as JSON has
them. The same seed gives the same facts, so no duration is among them. `regret` is kept
for one number: that of a frozen agent on the shared bandit, in rewards an episode, by
which all studies' agents are compared."""

Condition = Callable[[int, Reporter], Facts]
"""Given a seed, and whom to tell the progress, finds the facts. Must be picklable: a
function of a module, or functools.partial of one. Raises jobs.Interrupted when asked to
stop."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How much is done of a study."""

    grid: bool = False
    """Whether to run the grids of learning rates too."""
    smoke: bool = False
    """Whether to do only a few steps: all is run, nothing is learned or scored."""


@dataclass(frozen=True, kw_only=True)
class Results:
    """What all seeds came to."""

    facts: Mapping[str, Sequence[Facts]]
    """Condition -> facts of each seed, in order."""
    seconds: Mapping[str, Sequence[float]]
    """Condition -> processor time of each seed, in seconds."""

    def values(self, condition: str, fact: str) -> "pd.Series[float]":
        """One number of each seed, by the seed's place."""
        numbers = [float(facts[fact]) for facts in self.facts[condition]]
        return pd.Series(numbers, name=fact)


class Study(Protocol):
    """What a module in `metarl.studies` has."""

    def conditions(self, scale: Scale) -> Mapping[str, Condition]:
        """What is compared, by a name that can be a folder's."""
        ...

    def effects(self, results: Results) -> list[Effect]:
        """What must be seen; values are by seed."""
        ...

    def tables(self, results: Results) -> Mapping[str, pd.DataFrame]:
        """Numbers to print and keep, by name; the first is the study's main table."""
        ...

    def figures(self, results: Results) -> Mapping[str, Figure]:
        """Figures by name, drawn with the style that is set."""
        ...


@cache
def criteria(study: str) -> Mapping[str, Criterion]:
    """A study's rules by name, from the file of the study's name beside this one."""
    name = f"{study.replace('-', '_')}/criteria.toml"
    text = (resources.files("metarl.studies") / name).read_text("utf-8")
    rules = tomllib.loads(text).items()
    return MappingProxyType({name: Criterion(**rule) for name, rule in rules})


def panels(count: int, *, columns: int = 3) -> tuple[Figure, list[Axes]]:
    """A figure with room for `count` panels, side by side, then below."""
    columns = min(count, columns)
    rows = -(-count // columns)
    size = (5.4 * columns, 4.4 * rows)
    figure = plt.figure(figsize=size, layout="constrained")
    return figure, [figure.add_subplot(rows, columns, k + 1) for k in range(count)]
