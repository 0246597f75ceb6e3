"""Differences between groups of subjects, and correlations with their traits.

n is always the number of subjects. Measures are compared one by one; the p of the main
ones are also corrected for their number.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from metarl.analysis.comparison import welch
from metarl.analysis.effects import Effect
from metarl.analysis.statistics import holm

MOST_MAIN = 6
"""Most main measures of an experiment."""
LEAST_FOR_CORRELATION = 4
"""Subjects below which no interval of a correlation can be given."""
GROUP_COLUMNS = (
    *("measure", "main", "first", "second", "n_first", "n_second"),
    *("mean_first", "mean_second", "difference", "low", "high"),
    *("p_welch", "p_rank", "p_holm", "p_all_groups"),
)
"""Columns of `group_differences`."""
CORRELATION_COLUMNS = (
    *("measure", "main", "covariate", "n", "r", "low", "high", "p"),
    *("rank_r", "p_rank", "p_holm"),
)
"""Columns of `correlations`."""


def main_measures(effects: Iterable[Effect]) -> list[Effect]:
    """The few effects that represent an experiment, by its own criteria.

    A family is the first part of a key. Of each family with a criterion: the effects
    that have one and a number, or else the first with a number; first one of each
    family, then the others, up to MOST_MAIN. Effects of the same numbers, such as a
    mean and its lowest, count once. If no effect has a criterion, the first ones are
    taken.

    Args:
        effects: of the experiment, before scoring.
    """
    known = _distinct(effect for effect in effects if effect.values.notna().any())
    families: dict[str, list[Effect]] = {}
    scored: set[str] = set()
    for effect in effects:
        if effect.criterion is not None:
            scored.add(_family(effect))
    for effect in known:
        families.setdefault(_family(effect), []).append(effect)
    chosen = [
        [e for e in family if e.criterion is not None] or family[:1]
        for name, family in families.items()
        if name in scored or not scored
    ]
    deep = max(map(len, chosen), default=0)
    turns = [family[k] for k in range(deep) for family in chosen if k < len(family)]
    kept = {id(effect) for effect in turns[:MOST_MAIN]}
    return [effect for effect in known if id(effect) in kept]


def _family(effect: Effect) -> str:
    return effect.key.split(".")[0]


def _distinct(effects: Iterable[Effect]) -> list[Effect]:
    """Effects without those that repeat the numbers of an earlier one."""
    found: list[Effect] = []
    for effect in effects:
        if not any(effect.values.equals(other.values) for other in found):
            found.append(effect)
    return found


def plain_label(effect: Effect) -> str:
    """The label without the summary over subjects: "P(choose better)"."""
    label = effect.label
    for summary in (", mean", ", lowest", ", highest", ", median"):
        label = label.partition(summary)[0] if summary in label else label
    return label


def group_differences(
    measures: pd.DataFrame, groups: "pd.Series[str]", main: Sequence[str] = ()
) -> pd.DataFrame:
    """Difference of every measure between every two groups.

    Args:
        measures: one row a subject, a column a measure; NaN where it has none.
        groups: group of each subject; NaN for one that is in none.
        main: columns with p values that are corrected for their number.

    Returns:
        One row a measure and pair of groups, in the order of the groups' names: first
        and second; the number of subjects with the measure (n_first, n_second) and
        their means; difference, second minus first, with its 95 % interval (low, high)
        and p_welch, of Welch's t test; p_rank, of the Mann-Whitney test; p_holm,
        p_welch corrected by Holm's method over all main measures and pairs (blank for
        others);
        p_all_groups, of the Kruskal-Wallis test over three groups or more.
        Blank where groups are too small, or do not vary.

    Source: Welch 1947, Biometrika 34:28; Holm 1979, Scand J Stat 6:65.
    """
    names = sorted(groups.dropna().unique())
    rows = []
    for measure in measures:
        values = measures[measure].astype(float)
        parts = {k: values[groups.reindex(values.index) == k].dropna() for k in names}
        among = _kruskal(list(parts.values())) if len(names) > 2 else np.nan
        for one, other in combinations(names, 2):
            values_of = (parts[name].to_numpy(float) for name in (one, other))
            compared = _compared(*values_of)
            row = (measure, measure in main, one, other, *compared, np.nan, among)
            rows.append(row)
    table = pd.DataFrame(rows, columns=list(GROUP_COLUMNS))
    return table.assign(p_holm=holm(table["p_welch"].where(table["main"].astype(bool))))


def _compared(
    first: NDArray[np.float64], second: NDArray[np.float64]
) -> tuple[float, ...]:
    """Numbers, means, difference, interval and two p of two groups."""
    test = welch(second, first)
    ranked = np.nan
    if len(first) and len(second) and np.ptp([*first, *second]) > 0:
        ranked = float(stats.mannwhitneyu(first, second, method="auto").pvalue)
    means = (float(np.mean(k)) if len(k) else np.nan for k in (first, second))
    return (len(first), len(second), *means, *test, ranked)


def _kruskal(parts: Sequence["pd.Series[float]"]) -> float:
    full = [part.to_numpy(float) for part in parts if len(part)]
    if len(full) < 3 or np.ptp(np.concatenate(full)) == 0:
        return np.nan
    return float(stats.kruskal(*full).pvalue)


def correlations(
    measures: pd.DataFrame,
    covariates: Mapping[str, "pd.Series[float]"],
    main: Sequence[str] = (),
) -> pd.DataFrame:
    """Correlation of every measure with every covariate, over subjects.

    Args:
        measures: one row a subject, a column a measure; NaN where it has none.
        covariates: name -> number of each subject.
        main: columns with p values that are corrected for their number.

    Returns:
        One row a measure and covariate: n, subjects with both; r, Pearson's, with its
        95 % interval (low, high; by Fisher's z) and p; rank_r, Spearman's, and p_rank;
        p_holm, p corrected by Holm's method over all main measures and covariates.
        Blank for fewer than three subjects (the interval: four), or where one of the
        two does not vary.

    Source: Fisher 1921, Metron 1:3.
    """
    rows = []
    for measure in measures:
        for name, covariate in covariates.items():
            both = pd.DataFrame({"x": covariate, "y": measures[measure]}).dropna()
            found = correlation(both["x"], both["y"])
            rows.append((measure, measure in main, name, len(both), *found, np.nan))
    table = pd.DataFrame(rows, columns=list(CORRELATION_COLUMNS))
    return table.assign(p_holm=holm(table["p"].where(table["main"].astype(bool))))


def correlation(x: ArrayLike, y: ArrayLike) -> tuple[float, ...]:
    """Pearson's r, low, high and p, then Spearman's r and p, of (S,) two columns."""
    one, other = np.asarray(x, float), np.asarray(y, float)
    if len(one) < 3 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return (np.nan,) * 6
    test = stats.pearsonr(one, other)
    r = float(np.clip(test.statistic, -1, 1))
    low = high = np.nan
    if len(one) >= LEAST_FOR_CORRELATION and abs(r) < 1:
        reach = stats.norm.ppf(0.975) / np.sqrt(len(one) - 3)
        low, high = np.tanh(np.arctanh(r) + np.array([-reach, reach]))
    ranked = stats.spearmanr(one, other)
    known = (r, low, high, test.pvalue, ranked.statistic, ranked.pvalue)
    return tuple(map(float, known))
