"""Halves of a test, means by run, and the selection of runs: numbers by hand."""

import numpy as np
import pandas as pd
import pytest

from metarl.analysis.sweep import (
    half_rewards,
    select_runs,
    selected_reward,
    summarise_runs,
    varied,
)

NAN = float("nan")


def table(*rows):
    """Rows of run, units, whole, first, second, score, learned, state."""
    columns = [
        *("run", "units", "reward_per_episode", "first_half", "second_half"),
        *("score", "learned", "state"),
    ]
    return pd.DataFrame(rows, columns=columns).astype({"learned": "boolean"})


@pytest.fixture
def three():
    """Run b is best in the first half, c in the second; d lost a subject."""
    return table(
        ("a", 4, 10.0, 9.0, 11.0, 0.1, False, "tested"),
        ("a", 4, 14.0, 13.0, 15.0, 0.3, True, "tested"),
        ("b", 8, 20.0, 26.0, 14.0, 0.5, True, "tested"),
        ("b", 8, 22.0, 28.0, 16.0, 0.7, True, "tested"),
        ("c", 16, 25.0, 20.0, 30.0, 0.5, True, "tested"),
        ("c", 16, 25.0, 20.0, 30.0, 0.5, True, "tested"),
        ("d", 32, 90.0, 90.0, 90.0, 0.9, True, "tested"),
        ("d", 32, NAN, NAN, NAN, NAN, None, "failed"),
    )


def test_the_halves_are_of_episodes_in_their_order():
    trials = pd.DataFrame(
        {
            "session": 0,
            # Rows in another order than the episodes, one episode of one trial.
            "episode": [2, 2, 0, 0, 1, 4, 4, 3],
            "reward": [5.0, 5.0, 1.0, 2.0, 3.0, 6.0, 6.0, 2.0],
        }
    )
    first, second = half_rewards(trials, 5)
    assert first == (3 + 3) / 2
    assert second == (10 + 2 + 12) / 3


def test_a_test_of_one_episode_has_no_first_half():
    trials = pd.DataFrame({"session": 0, "episode": [0], "reward": [2.0]})
    first, second = half_rewards(trials, 1)
    assert np.isnan(first)
    assert second == 2


def test_means_are_over_the_networks_of_a_run(three):
    summary = summarise_runs(three, ["units"]).set_index("run")
    assert list(summary["units"]) == [4, 8, 16, 32]
    assert list(summary["mean"]) == [12, 21, 25, 90]
    assert list(summary["n"]) == [2, 2, 2, 1]
    assert list(summary["missing"]) == [0, 0, 0, 1]
    assert list(summary["learned"]) == [1, 2, 2, 1]
    assert summary.loc["a", "score"] == pytest.approx(0.2)
    # t of one degree of freedom, 12.706; standard error 2.
    assert summary.loc["a", "high"] == pytest.approx(12 + 12.7062 * 2, abs=1e-3)


def test_learned_is_blank_where_no_rule_applies():
    summary = summarise_runs(
        table(("a", 4, 1.0, 1.0, 1.0, NAN, None, "tested")), ["units"]
    )
    assert summary["learned"].isna().all()


def test_runs_are_selected_by_the_first_half_and_only_whole_ones(three):
    summary = summarise_runs(three, ["units"])
    assert select_runs(summary, 1) == ["b"]
    assert select_runs(summary, 2) == ["b", "c"]
    # Run d would be first, but one of its networks has no test.
    assert select_runs(summary, 9) == ["b", "c", "a"]


def test_the_selected_are_reported_in_the_second_half(three):
    summary = summarise_runs(three, ["units"])
    found = selected_reward(summary, ["b", "c"], independent=True)
    assert found.mean == (15 + 30) / 2
    assert found.n == 2
    assert found.low < found.mean < found.high
    shared = selected_reward(summary, ["b", "c"], independent=False)
    assert shared.mean == found.mean
    assert np.isnan([shared.low, shared.high]).all()


def test_luck_in_the_first_half_does_not_reach_the_report():
    """Of equal networks the selected are no better where nothing was selected."""
    generator = np.random.default_rng(5)
    first, second = generator.normal(size=(2, 400))
    rows = [
        (f"{k:03d}", k, (a + b) / 2, a, b, NAN, None, "tested")
        for k, (a, b) in enumerate(zip(first, second, strict=True))
    ]
    summary = summarise_runs(table(*rows), ["units"])
    chosen = select_runs(summary, 40)
    rows = summary[summary["run"].isin(chosen)]
    assert rows["first_half"].mean() > 1.5
    assert abs(selected_reward(summary, chosen, independent=True).mean) < 0.5


def test_settings_that_vary_are_found(three):
    assert varied(three.assign(core="lstm"), ["core", "units"]) == ["units"]
