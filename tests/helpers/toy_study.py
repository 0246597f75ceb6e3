"""A study that takes no time: its facts are the seed itself, in three conditions."""

import pandas as pd
from matplotlib.figure import Figure

from metarl.analysis.criteria import Criterion
from metarl.analysis.effects import Effect
from metarl.studies.spec import panels

ASKED = []
"""(condition, seed) of every seed that was really asked for."""
FAILING = set()
"""Conditions that fail."""
REGRETS = {}
"""Condition -> regrets that its seeds have, one after the other."""


def plain(seed, reporter):
    return answer("plain", seed)


def double(seed, reporter):
    return answer("double", 2 * seed)


def answer(condition, number):
    ASKED.append((condition, number))
    if condition in FAILING:
        raise ValueError(f"{condition} was told to fail")
    told = REGRETS.get(condition)
    if told is None:
        return {"number": number % 1000}
    asked = len([name for name, _ in ASKED if name == condition]) - 1
    return {"number": number % 1000, "regret": told[asked // 2]}


def conditions(scale):
    return {"plain": plain} if scale.smoke else {"plain": plain, "double": double}


def effects(results):
    values = results.values("plain", "number")
    rule = Criterion(low=1e9)
    return [Effect(label="number", values=values, criterion=rule)]


def tables(results):
    return {"numbers": pd.DataFrame({"seconds": results.seconds["plain"]})}


def figures(results):
    figure, (axes,) = panels(1)
    axes.plot([facts["number"] for facts in results.facts["plain"]])
    assert isinstance(figure, Figure)
    return {"numbers": figure}
