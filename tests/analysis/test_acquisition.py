"""Acquisition: the rule, censoring and intervals, by hand."""

import numpy as np
import pytest
from acquisitions import FIVE, NEVER, meeting_from, table_of
from scipy import stats

from metarl.analysis.acquisition import (
    compare_acquisition,
    first_met,
    median_time,
    proportion,
    shares,
    summarise_acquisition,
    times_of,
    with_learned,
)


@pytest.mark.parametrize(
    ("meets", "first"),
    [
        ([0, 0, 1, 1, 0], 2),
        ([0, 1, 0, 1, 1], 3),
        ([0, 0, 0, 0, 1], 4),
        ([0, 1, 0, 1, 0], None),
        ([1, 1, 0, 0, 0], 0),
        ([0, 0, 0, 0, 0], None),
        ([1], 0),
    ],
)
def test_a_network_has_learned_at_the_first_of_two_tests_that_meet_it(meets, first):
    assert first_met(meets) == first


def test_a_network_that_learned_stays_counted_and_a_value_at_the_threshold_meets_it():
    tests = meeting_from("one", [NEVER]).assign(statistic=[0, 2, 1, 0.9, np.nan, 0])
    table = with_learned(tests, threshold=1)
    assert table["meets"].tolist() == [0, 1, 1, 0, 0, 0]
    assert table["learned"].tolist() == [0, 1, 1, 1, 1, 1]


def test_networks_of_several_runs_are_kept_apart():
    table = table_of(("one", [1, NEVER]), ("two", [NEVER, 3]))
    last = table[table["snapshot"] == 5]
    assert last["learned"].tolist() == [1, 0, 0, 1]


def test_those_that_never_learn_are_censored_at_the_end():
    times = times_of(table_of(FIVE))
    assert sorted(times.learned) == [300, 600, 600]
    assert times.censored.tolist() == [1500, 1500]


def test_a_single_lucky_test_is_not_the_time_of_learning():
    tests = meeting_from("one", [NEVER]).assign(statistic=[0, 1, 0, 1, 1, 1])
    assert times_of(with_learned(tests, threshold=1)).learned.tolist() == [900]


def test_times_are_means_over_networks_at_a_snapshot():
    table = table_of(("one", [1, 2]))
    table.loc[table["subject"] == 1, "episodes"] *= 2
    assert sorted(times_of(table, "episodes").learned) == [15, 30]


def test_the_share_is_that_of_kaplan_and_meier_by_hand():
    curve = shares(table_of(FIVE))
    # 5 at risk, 1 learns; 4 at risk, 2 learn: 1 - (4 / 5) (2 / 4) = 3 / 5.
    assert curve["share"].tolist() == pytest.approx([0, 0.2, 0.6, 0.6, 0.6, 0.6])
    assert curve["episodes"].tolist() == [0, 10, 20, 30, 40, 50]
    assert curve["n"].tolist() == [5] * 6


def test_the_interval_is_exact_and_known_where_none_or_all_have_learned():
    # Clopper and Pearson by hand: 1 - (alpha / 2)^(1 / n) where none of n did.
    away = 1 - 0.025 ** (1 / 24)
    none, all_of_them = proportion(0, 24), proportion(24, 24)
    assert none == (0, 0, pytest.approx(away), 24)
    assert all_of_them == (1, pytest.approx(1 - away), 1, 24)
    some = proportion(5, 24)
    ends = stats.beta.ppf([0.025, 0.975], [5, 6], [20, 19])
    assert (some.low, some.high) == pytest.approx(tuple(ends))
    curve = shares(table_of(FIVE))
    assert curve["low"].iloc[0] == 0
    assert curve["high"].iloc[-1] == pytest.approx(proportion(3, 5).high)


def test_the_median_is_where_half_have_learned():
    curve = shares(table_of(("ten", [1] * 2 + [2] * 3 + [4] * 5)))
    found = median_time(curve)
    # The interval of 2 of 10 reaches .56, that of 10 of 10 begins at .69.
    assert found == (20, 10, 40, 10)
    assert median_time(curve, "steps").mean == 600


def test_a_median_that_was_not_reached_is_blank():
    never = median_time(shares(table_of(("ten", [3] * 2 + [NEVER] * 8))))
    assert np.isnan(never.mean)
    assert never.low == 30
    assert np.isnan(never.high)
    half = median_time(shares(table_of(("ten", [3] * 5 + [NEVER] * 5))))
    assert half.mean == 30
    assert np.isnan(half.high)


def test_the_summary_counts_those_that_learned_and_those_that_meet_it_at_the_end():
    table = table_of(FIVE)
    lost = (table["subject"] == 0) & (table["snapshot"] == 5)
    table.loc[lost, "meets"] = 0
    (row,) = summarise_acquisition(table).to_dict("records")
    assert (row["networks"], row["learned"], row["meets_at_end"]) == (5, 3, 2)
    assert row["share"] == 0.6
    assert (row["median_episodes"], row["median_steps"]) == (20, 600)
    assert (row["trained_episodes"], row["trained_steps"]) == (50, 1500)


def test_runs_are_compared_with_the_first_by_hand():
    table = table_of(("a", [1, 1, NEVER]), ("b", [NEVER] * 3), ("c", [1, 1, NEVER]))
    b, c = compare_acquisition(table).to_dict("records")
    assert (b["run"], b["first"], b["learned"], b["learned_first"]) == ("b", "a", 0, 2)
    # Log rank: two events at one time, 3 of 6 at risk in each: expected 1, variance
    # 2 (1 / 2) (1 / 2) (4 / 5) = .4, so z = 1 / sqrt(.4).
    assert b["p_logrank"] == pytest.approx(2 * stats.norm.sf(1 / np.sqrt(0.4)))
    # Fisher: C(3, 2) / C(6, 2) = .2 in each tail.
    assert b["p_fisher"] == pytest.approx(0.4)
    assert c["p_fisher"] == pytest.approx(1)
    assert b["p_fisher_holm"] == pytest.approx(0.8)
    assert c["p_fisher_holm"] == pytest.approx(1)


def test_one_pair_is_not_corrected_and_runs_without_learners_have_no_log_rank():
    table = table_of(("a", [NEVER] * 3), ("b", [NEVER] * 3))
    (row,) = compare_acquisition(table).to_dict("records")
    assert np.isnan(row["p_logrank"])
    assert np.isnan(row["p_logrank_holm"])
    assert row["p_fisher"] == row["p_fisher_holm"] == pytest.approx(1)
    assert compare_acquisition(table_of(FIVE)).empty
