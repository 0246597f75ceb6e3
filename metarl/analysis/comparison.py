"""Compare runs of one task: learning curves, effects, differences.

A run is a population of networks, or of animals; n is always the number of subjects.
"""

import warnings
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from metarl.analysis.statistics import mean_interval

POINTS = 50
"""Points of a mean learning curve; the updates between two are averaged."""
SHOWN_EFFECTS = 24
"""Rows that a figure has room for."""
SHARED = (
    *("value", "low", "high", "subjects", "learned", "verdict"),
    *("criterion", "criterion_low", "criterion_high", "reference"),
)
"""Columns of an effects table that a comparison keeps for each run."""


class Difference(NamedTuple):
    """A mean minus another, with its 95 % interval and a two-sided p."""

    difference: float
    low: float
    high: float
    p: float


def welch(values: ArrayLike, first: ArrayLike) -> Difference:
    """Welch's test: difference of two means over independent subjects.

    Args:
        values: (S,) one number a subject.
        first: (F,) the same of the population that is subtracted.

    Returns:
        The difference; interval and p are NaN for fewer than two subjects in either,
        or where subjects do not differ in either. A subject without a number is left
        out.

    Source: Welch 1947, Biometrika 34:28.
    """
    sample, base = _known(values), _known(first)
    if not (len(sample) and len(base)):
        return Difference(np.nan, np.nan, np.nan, np.nan)
    difference = float(sample.mean() - base.mean())
    if min(len(sample), len(base)) < 2 or (_alike(sample) and _alike(base)):
        return Difference(difference, np.nan, np.nan, np.nan)
    with warnings.catch_warnings():
        # Equal values in one of the two are no loss of precision.
        warnings.simplefilter("ignore", RuntimeWarning)
        test = stats.ttest_ind(sample, base, equal_var=False)
    low, high = test.confidence_interval(0.95)
    return Difference(difference, float(low), float(high), float(test.pvalue))


def _known(values: ArrayLike) -> NDArray[np.float64]:
    """The values that are not NaN."""
    sample: NDArray[np.float64] = np.asarray(values, float)
    known: NDArray[np.float64] = sample[~np.isnan(sample)]
    return known


def _alike(values: NDArray[np.float64]) -> bool:
    """Whether no subject differs by more than rounding."""
    return bool(np.allclose(values, values[0], rtol=1e-9, atol=1e-12))


def compare_effects(
    effects: Mapping[str, pd.DataFrame], numbers: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """Every effect in every run that has it, compared with the first run.

    Subjects of two runs are never paired, even if the runs have one seed: they are
    different networks. A p is of one row, not corrected for the number of rows.

    Args:
        effects: run -> its effects table; the others are compared with the first run.
        numbers: run -> `subject_table` of the same: key, effect, subject, value.

    Returns:
        One row an effect and run, by effect: key, effect (its label), run, the columns
        of SHARED, and difference, difference_low, difference_high, p: `welch` of the
        means over subjects, whichever summary the row's value is; blank in the first
        run.
    """
    first = next(iter(effects))
    labels = {
        key: label
        for table in reversed(list(effects.values()))
        for key, label in zip(table["key"], table["effect"], strict=True)
    }
    keys = dict.fromkeys(key for table in effects.values() for key in table["key"])
    indexed = {run: table.set_index("key") for run, table in effects.items()}
    values = {run: _by_key(table) for run, table in numbers.items()}
    no_values: list[float] = []
    rows = []
    for key in keys:
        for run, table in indexed.items():
            if key not in table.index:
                continue
            difference = Difference(np.nan, np.nan, np.nan, np.nan)
            if run != first:
                own, base = (values[r].get(key, no_values) for r in (run, first))
                difference = welch(own, base)
            shared = (table.loc[key, column] for column in SHARED)
            rows.append((key, labels[key], run, *shared, *difference))
    columns = ["key", "effect", "run", *SHARED, "difference"]
    columns += ["difference_low", "difference_high", "p"]
    compared = pd.DataFrame(rows, columns=columns)
    bounds = {"criterion_low": float, "criterion_high": float}
    return compared.astype({"learned": "Int64", "subjects": "Int64", **bounds})


def _by_key(numbers: pd.DataFrame) -> dict[str, list[float]]:
    """The subjects' values of each effect."""
    return {str(key): part["value"].tolist() for key, part in numbers.groupby("key")}


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
    points = curve.groupby(places).agg(
        {"steps": "last", "rollout/reward_rate": "mean", "update": "size"}
    )
    # An incomplete last portion would be a noisier point than the others.
    return points[points["update"] == several]


def populations(comparison: pd.DataFrame) -> pd.DataFrame:
    """Size of each run: run, subjects, and learned, the number that learned the task.

    `learned` is blank where no criterion for learning applies.
    """
    by_group = comparison.groupby("run", sort=False)
    return by_group[["subjects", "learned"]].max().reset_index()


def shown_effects(comparison: pd.DataFrame, most: int = SHOWN_EFFECTS) -> list[str]:
    """Keys of the effects to draw, in their order: scored, then those of all runs.

    An effect counts as scored where it is in any run; one without a number in any run
    is left out.
    """
    runs = comparison["run"].nunique()
    known = comparison[comparison["value"].notna()]
    scored, shared = [], []
    for key, part in known.groupby("key", sort=False):
        if (part["verdict"] != "REPORTED").any():
            scored.append(str(key))
        elif part["run"].nunique() == runs:
            shared.append(str(key))
    chosen = {*[*scored, *shared][:most]}
    return [str(key) for key in known["key"].unique() if key in chosen]


def effect_scales(comparison: pd.DataFrame) -> pd.DataFrame:
    """Scale of each effect's row, that shows its runs, criterion and reference.

    Returns:
        By key: effect (its label); least and most, the ends of its scale; pass_low and
        pass_high, the range that the criterion accepts (infinite where a bound does not
        bind; NaN without one); reference, of the first run that has one.
    """
    rows = []
    for key, part in comparison.groupby("key", sort=False):
        bounds = criterion_bounds(part)
        reference = part["reference"].dropna()
        published = reference.iloc[0] if len(reference) else np.nan
        values = [
            *part[["value", "low", "high"]].to_numpy(float).flat,
            *bounds,
            published,
        ]
        finite = [value for value in values if np.isfinite(value)] or [0.0]
        least, most = min(finite), max(finite)
        # Equal numbers are drawn in the middle.
        room = 0.5 * (least == most)
        label = part["effect"].iloc[0]
        rows.append((key, label, least - room, most + room, *bounds, published))
    columns = ["key", "effect", "least", "most", "pass_low", "pass_high", "reference"]
    return pd.DataFrame(rows, columns=columns).set_index("key")


def criterion_bounds(rows: pd.DataFrame) -> tuple[float, float]:
    """Values that an effect's criterion accepts, of the first run that has one.

    NaN without a criterion, or where it is a share of a baseline that was not computed.
    """
    scored = rows[rows["criterion"] != ""]
    bounds = scored[["criterion_low", "criterion_high"]].to_numpy(float)[:1].ravel()
    if np.isnan(bounds).all():
        return np.nan, np.nan
    low, high = bounds
    return (
        -np.inf if np.isnan(low) else float(low),
        np.inf if np.isnan(high) else float(high),
    )
