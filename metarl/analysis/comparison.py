"""Runs of one task side by side: their learning curves and effects, in numbers.

A run is a population of networks, or of animals; n is always the number of subjects.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from metarl.analysis.statistics import mean_interval

POINTS = 50
"""Points of a mean learning curve; what lies between two is averaged."""
SHOWN_EFFECTS = 24
"""Rows that a figure has room for."""
SHARED = ("value", "low", "high", "subjects", "learned", "verdict")
"""Columns of an effects table that a comparison keeps for each run."""


class Difference(NamedTuple):
    """A mean minus another, with its 95 % interval and a two-sided p."""

    difference: float
    low: float
    high: float
    p: float


def welch(values: ArrayLike, first: ArrayLike) -> Difference:
    """Difference of two means over independent subjects, whose variances may differ.

        se^2 = s1^2 / n1 + s2^2 / n2
        df = se^4 / ((s1^2 / n1)^2 / (n1 - 1) + (s2^2 / n2)^2 / (n2 - 1))

    Args:
        values: (S,) one number a subject.
        first: (F,) the same of the population that is subtracted.

    Returns:
        The difference; interval and p are NaN for fewer than two subjects in either,
        or where subjects do not differ in either. All NaN where a subject has no
        number.

    Source: Welch 1947, Biometrika 34:28.
    """
    here, there = np.asarray(values, float), np.asarray(first, float)
    if not (len(here) and len(there)):
        return Difference(np.nan, np.nan, np.nan, np.nan)
    difference = float(here.mean() - there.mean())
    small = min(len(here), len(there)) < 2 or np.isnan(difference)
    if small or (_alike(here) and _alike(there)):
        return Difference(difference, np.nan, np.nan, np.nan)
    spreads = [sample.var(ddof=1) / len(sample) for sample in (here, there)]
    error = float(np.sqrt(sum(spreads)))
    parts = zip(spreads, (here, there), strict=True)
    freedom = error**4 / sum(part**2 / (len(sample) - 1) for part, sample in parts)
    reach = float(stats.t.ppf(0.975, freedom)) * error
    p = 2 * float(stats.t.sf(abs(difference) / error, freedom))
    return Difference(difference, difference - reach, difference + reach, p)


def _alike(values: NDArray[np.float64]) -> bool:
    """Whether no subject differs by more than rounding."""
    return bool(np.allclose(values, values[0], rtol=1e-9, atol=1e-12))


def compare_effects(
    effects: Mapping[str, pd.DataFrame], numbers: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """Every effect in every run that has it, beside the first run.

    Subjects of two runs are never paired, even if the runs have one seed: they are
    other networks. A p stands for one row alone; it is not corrected for their number.

    Args:
        effects: run -> its effects table; the first run is what others are held
            against.
        numbers: run -> `by_subject` of the same: effect, subject, value.

    Returns:
        One row an effect and run, by effect: effect, run, the columns of SHARED,
        criterion, reference (of the run), and difference, difference_low,
        difference_high, p: `welch` of the means over subjects, whatever the row's
        value is of them; blank in the first run.
    """
    first = next(iter(effects))
    names = dict.fromkeys(
        name for table in effects.values() for name in table["effect"]
    )
    rows = {run: table.set_index("effect") for run, table in effects.items()}
    values = {run: _by_effect(table) for run, table in numbers.items()}
    nothing: list[float] = []
    found = []
    for name in names:
        for run, table in rows.items():
            if name not in table.index:
                continue
            other = Difference(np.nan, np.nan, np.nan, np.nan)
            if run != first:
                here, there = (values[r].get(name, nothing) for r in (run, first))
                other = welch(here, there)
            row = table.loc[name]
            kept = (row[column] for column in (*SHARED, "criterion", "reference"))
            found.append((name, run, *kept, *other))
    columns = ["effect", "run", *SHARED, "criterion", "reference", "difference"]
    columns += ["difference_low", "difference_high", "p"]
    made = pd.DataFrame(found, columns=columns)
    return made.astype({"learned": "Int64", "subjects": "Int64"})


def _by_effect(numbers: pd.DataFrame) -> dict[str, list[float]]:
    """The subjects' values of each effect."""
    return {
        str(name): part["value"].tolist() for name, part in numbers.groupby("effect")
    }


def mean_curves(curves: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Reward per step as networks learn: mean over subjects and its 95 % interval.

    Args:
        curves: run -> the learning curves of its subjects: subject, steps,
            rollout/reward_rate.

    Returns:
        run, steps (environment steps done), mean, low, high, n; about POINTS a run.
    """
    rows = []
    for run, table in curves.items():
        thinned = pd.concat([_thinned(part) for _, part in table.groupby("subject")])
        for steps, part in thinned.groupby("steps"):
            rows.append((run, steps, *mean_interval(part["rollout/reward_rate"])))
    return pd.DataFrame(rows, columns=["run", "steps", "mean", "low", "high", "n"])


def _thinned(curve: pd.DataFrame) -> pd.DataFrame:
    """One subject's curve, neighbouring points averaged; at the last one's steps."""
    several = max(1, len(curve) // POINTS)
    places = np.arange(len(curve)) // several
    found = curve.groupby(places).agg(
        {"steps": "last", "rollout/reward_rate": "mean", "update": "size"}
    )
    # An incomplete last portion would be a noisier point than the others.
    return found[found["update"] == several]


def populations(comparison: pd.DataFrame) -> pd.DataFrame:
    """Each run's size: run, subjects, and learned, how many learned the task.

    `learned` is blank where no criterion for learning applies.
    """
    by_group = comparison.groupby("run", sort=False)
    return by_group[["subjects", "learned"]].max().reset_index()


def shown_effects(comparison: pd.DataFrame, most: int = SHOWN_EFFECTS) -> list[str]:
    """The effects to draw, in their order: the scored, then those that all runs have.

    An effect counts as scored where any run is judged by it; one without a number in
    any run is left out.
    """
    runs = comparison["run"].nunique()
    known = comparison[comparison["value"].notna()]
    scored, shared = [], []
    for name, part in known.groupby("effect", sort=False):
        if (part["verdict"] != "REPORTED").any():
            scored.append(str(name))
        elif part["run"].nunique() == runs:
            shared.append(str(name))
    chosen = {*[*scored, *shared][:most]}
    return [str(name) for name in known["effect"].unique() if name in chosen]


def effect_scales(comparison: pd.DataFrame) -> pd.DataFrame:
    """The scale that each effect is drawn on: as its runs, criterion and reference ask.

    Returns:
        By effect: least and most, the ends of its scale; pass_low and pass_high, what
        the criterion accepts (infinite where a bound does not bind; NaN without one);
        reference, of the first run that has one.
    """
    rows = []
    for name, part in comparison.groupby("effect", sort=False):
        given = [text for text in part["criterion"] if text]
        bounds = criterion_bounds(given[0]) if given else (np.nan, np.nan)
        reference = part["reference"].dropna()
        known = reference.iloc[0] if len(reference) else np.nan
        drawn = [*part[["value", "low", "high"]].to_numpy(float).flat, *bounds, known]
        finite = [value for value in drawn if np.isfinite(value)] or [0.0]
        least, most = min(finite), max(finite)
        # Numbers that do not differ stand in the middle.
        room = 0.5 * (least == most)
        rows.append((name, least - room, most + room, *bounds, known))
    columns = ["effect", "least", "most", "pass_low", "pass_high", "reference"]
    return pd.DataFrame(rows, columns=columns).set_index("effect")


def criterion_bounds(text: str) -> tuple[float, float]:
    """What a criterion accepts, read from its text: ">= 3", "< 3" or "in [3, 4]".

    NaN where it is a share of a yardstick that was not measured: ">= 0.5 of oracle".
    """
    if " of " in text:
        return np.nan, np.nan
    numbers = [float(n) for n in re.findall(r"-?[\d.]+(?:e[-+]?\d+)?", text)]
    if text.startswith("in"):
        return numbers[0], numbers[1]
    return (numbers[0], np.inf) if text.startswith(">") else (-np.inf, numbers[0])
