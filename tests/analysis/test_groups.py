"""Differences between groups and correlations, against separate computations."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from metarl.analysis.criteria import Criterion
from metarl.analysis.effects import Effect
from metarl.analysis.groups import (
    MOST_MAIN,
    correlations,
    group_differences,
    main_measures,
    plain_label,
)


def series(*values):
    return pd.Series(values, dtype=float)


GROUPS = pd.Series(["a", "a", "a", "a", "b", "b", "b", None], dtype=object)
VALUES = series(1, 2, 4, 5, 6, 8, 13, 99)


def test_a_difference_is_welchs_by_its_formula():
    table = group_differences(pd.DataFrame({"x": VALUES}), GROUPS, ["x"])
    (row,) = table.to_dict("records")
    # By hand: means 3 and 9, variances 10/3 and 13, over 4 and 3.
    va, vb = 10 / 3 / 4, 13 / 3
    error = np.sqrt(va + vb)
    freedom = (va + vb) ** 2 / (va**2 / 3 + vb**2 / 2)
    reach = stats.t.ppf(0.975, freedom) * error
    assert (row["first"], row["second"]) == ("a", "b")
    assert (row["n_first"], row["n_second"]) == (4, 3)
    assert (row["mean_first"], row["mean_second"]) == (3, 9)
    assert row["difference"] == 6
    assert row["low"] == pytest.approx(6 - reach)
    assert row["high"] == pytest.approx(6 + reach)
    assert row["p_welch"] == pytest.approx(2 * stats.t.sf(6 / error, freedom))
    assert row["p_holm"] == pytest.approx(row["p_welch"])
    assert np.isnan(row["p_all_groups"])


def test_the_rank_test_counts_all_divisions_of_a_few_subjects():
    row = group_differences(pd.DataFrame({"x": VALUES}), GROUPS).iloc[0]
    ranks = stats.rankdata(VALUES[:7])
    sums = [ranks[list(part)].sum() for part in combinations(range(7), 3)]
    own = ranks[4:].sum()
    exact = 2 * np.mean([total >= own for total in sums])
    assert row["p_rank"] == pytest.approx(exact)


def test_a_subject_without_the_number_or_without_a_group_is_not_counted():
    measures = pd.DataFrame({"x": VALUES.where(VALUES != 5)})
    row = group_differences(measures, GROUPS).iloc[0]
    assert (row["n_first"], row["mean_first"]) == (3, pytest.approx(7 / 3))
    assert row["mean_second"] == 9


def test_groups_of_one_or_without_spread_have_a_difference_and_no_test():
    groups = pd.Series(["a", "b", "b"], dtype=object)
    row = group_differences(pd.DataFrame({"x": series(1, 2, 3)}), groups).iloc[0]
    assert row["difference"] == 1.5
    assert np.isnan([row["low"], row["p_welch"]]).all()
    groups = pd.Series(["a", "a", "b", "b"], dtype=object)
    row = group_differences(pd.DataFrame({"x": series(1, 1, 1, 1)}), groups).iloc[0]
    assert row["difference"] == 0
    assert np.isnan([row["low"], row["p_welch"], row["p_rank"]]).all()
    row = group_differences(pd.DataFrame({"x": series(1, 1, *[np.nan] * 2)}), groups)
    assert row["n_second"].tolist() == [0]
    assert row["difference"].isna().all()


def test_of_three_groups_every_two_are_compared_and_all_by_kruskal_wallis():
    groups = pd.Series(list("aaabbbccc"), dtype=object)
    values = series(1, 2, 3, 4, 5, 6, 7, 8, 9)
    measures = pd.DataFrame({"x": values, "y": values[::-1].to_numpy()})
    table = group_differences(measures, groups, ["x"])
    pairs = table.loc[table["measure"] == "x", ["first", "second"]].to_numpy().tolist()
    assert pairs == [["a", "b"], ["a", "c"], ["b", "c"]]
    # H by hand: ranks 6, 15, 24 of three each.
    h = 12 / 90 * (36 / 3 + 225 / 3 + 576 / 3) - 30
    assert table["p_all_groups"].tolist() == pytest.approx([stats.chi2.sf(h, 2)] * 6)
    assert table["p_holm"].notna().tolist() == [True] * 3 + [False] * 3
    own = table["p_welch"][:3]
    assert table["p_holm"].max() == pytest.approx(2 * sorted(own)[1])


def test_a_correlation_has_fishers_interval():
    x, y = series(1, 2, 3, 4, 5, np.nan), series(2, 1, 4, 3, 6, 7)
    table = correlations(pd.DataFrame({"y": y}), {"age": x}, ["y"])
    (row,) = table.to_dict("records")
    r = 10 / np.sqrt(10 * 14.8)
    z, reach = np.arctanh(r), 1.959963984540054 / np.sqrt(2)
    assert (row["measure"], row["covariate"], row["n"]) == ("y", "age", 5)
    assert row["r"] == pytest.approx(r)
    assert [row["low"], row["high"]] == pytest.approx(np.tanh([z - reach, z + reach]))
    t = r * np.sqrt(3 / (1 - r**2))
    assert row["p"] == pytest.approx(2 * stats.t.sf(t, 3))
    assert row["rank_r"] == pytest.approx(1 - 6 * 4 / (5 * 24))
    assert row["p_holm"] == pytest.approx(row["p"])


@pytest.mark.parametrize(
    ("x", "y", "known"),
    [
        ((1, 2), (1, 2), False),
        ((1, 1, 1, 1), (1, 2, 3, 4), False),
        ((1, 2, 3), (1, 3, 2), True),
        ((1, 2, 3, 4), (2, 4, 6, 8), True),
    ],
)
def test_few_subjects_or_no_spread_leave_blanks(x, y, known):
    row = correlations(pd.DataFrame({"y": series(*y)}), {"x": series(*x)}).iloc[0]
    assert np.isfinite(row["r"]) == known
    assert np.isnan([row["low"], row["high"]]).all()


def effect(key, values, criterion=None, label=""):
    return Effect(key=key, label=label or key, values=values, criterion=criterion)


RULE = Criterion(low=0)


def test_main_measures_are_those_with_criteria_once_each():
    one, two, blank = series(1, 2), series(2, 3), series(np.nan, np.nan)
    lowest = Effect(
        key="r.lowest",
        label="r, lowest",
        values=one,
        summary="lowest",
        criterion=Criterion(low=0, summary="lowest"),
    )
    effects = [
        effect("r.mean", one, RULE),
        lowest,
        effect("other.mean", series(5, 6)),
        effect("slope.held_in", blank, RULE),
        effect("slope.all", two),
        effect("slope.late", series(3, 4)),
    ]
    assert [e.key for e in main_measures(effects)] == ["r.mean", "slope.all"]


def test_without_criteria_the_first_of_each_family_are_main():
    effects = [effect(f"k{n}.{m}", series(n, m)) for n in range(9) for m in "12"]
    keys = [e.key for e in main_measures(effects)]
    assert keys == [f"k{n}.1" for n in range(MOST_MAIN)]


def test_every_family_comes_before_a_second_of_one():
    many = [effect(f"w.{n}", series(n, 0), RULE) for n in range(MOST_MAIN + 2)]
    keys = [e.key for e in main_measures([*many, effect("z.1", series(7, 7), RULE)])]
    assert keys == [*(f"w.{n}" for n in range(MOST_MAIN - 1)), "z.1"]


def test_a_plain_label_names_the_measure_alone():
    one = series(1)
    label = "r, held-in, lowest of the people"
    assert plain_label(effect("k", one, label=label)) == "r, held-in"
    assert plain_label(effect("k", one, label="P(stay), mean")) == "P(stay)"
