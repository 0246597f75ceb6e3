"""A study that takes no time: its results are the seed itself, in two conditions."""

import pandas as pd
from matplotlib.figure import Figure

from metarl.analysis.criteria import Criterion
from metarl.analysis.effects import Effect
from metarl.studies.plots import make_panels
from metarl.studies.spec import Study

COMPUTED = []
"""(condition, number) of every seed that was really computed."""
FAILING = set()
"""Conditions that fail."""
REGRETS = {}
"""Condition -> regrets of its seeds, in order."""


def plain(seed, reporter):
    return answer("plain", seed)


def double(seed, reporter):
    return answer("double", 2 * seed)


def answer(condition, number):
    COMPUTED.append((condition, number))
    if condition in FAILING:
        raise ValueError(f"{condition} fails as planned")
    regrets = REGRETS.get(condition)
    if regrets is None:
        return {"number": number % 1000}
    computed = len([name for name, _ in COMPUTED if name == condition]) - 1
    return {"number": number % 1000, "regret": regrets[computed // 2]}


def conditions(scale):
    return {"plain": plain} if scale.smoke else {"plain": plain, "double": double}


def effects(results):
    values = results.values("plain", "number")
    rule = Criterion(low=1e9)
    return [Effect(label="number", values=values, criterion=rule)]


def tables(results):
    return {"numbers": pd.DataFrame({"seconds": results.seconds["plain"]})}


def figures(results):
    figure, (axes,) = make_panels(1)
    axes.plot([seed["number"] for seed in results.seeds["plain"]])
    assert isinstance(figure, Figure)
    return {"numbers": figure}


STUDY = Study(
    name="toy",
    question="What is 1?",
    source="an example",
    conditions=conditions,
    effects=effects,
    tables=tables,
    figures=figures,
    criteria={},
)
