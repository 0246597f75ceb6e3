"""Simulated choosers: their estimates, by hand, and their choices."""

import numpy as np
import pytest
from volatile_choosers import chooser_trials

from metarl.analysis.volatility.behaviour import read_episodes
from metarl.analysis.volatility.simulated import (
    TEMPERATURE,
    choose,
    fixed_hazard_values,
    fixed_rate_values,
)


@pytest.fixture(scope="module")
def grid():
    return read_episodes(chooser_trials(episodes=200))


def test_a_learners_estimate_moves_by_its_rate():
    values = fixed_rate_values(np.array([[0.0, 1.0, 1.0]]), 0.25)
    assert values[0] == pytest.approx([0.5, 0.625, 0.46875])


def test_an_observer_follows_bayes_rule_and_expects_swaps():
    values = fixed_hazard_values(np.array([[0.0, 0.0, 1.0, np.nan, 0.0]]), 0.1)
    belief, expected = 0.5, []
    for won in (0, 0, 1, None, 0):
        expected.append(0.25 + 0.5 * belief)
        if won is not None:
            likely, other = (0.75, 0.25) if won == 0 else (0.25, 0.75)
            belief = belief * likely / (belief * likely + (1 - belief) * other)
        belief = belief * 0.9 + (1 - belief) * 0.1
    assert values[0] == pytest.approx(expected)


def test_choices_are_logistic_in_the_values_of_the_arms(grid):
    values = np.full(grid["choice"].shape, 0.7)
    chosen = choose(grid, values, np.random.default_rng(0))
    worth = 0.7 * grid["magnitude_left"] - 0.3 * grid["magnitude_right"]
    expected = 1 / (1 + np.exp(-TEMPERATURE * worth))
    for low in np.quantile(worth, [0.0, 0.05, 0.1, 0.2, 0.4]):
        near = np.abs(worth - low) < 0.03
        share = (chosen["choice"][near] == 0).mean()
        error = np.sqrt(0.25 / near.sum())
        assert abs(share - expected[near].mean()) < 4 * error
    np.testing.assert_array_equal(chosen["winner"], grid["winner"])


def test_choices_come_from_the_generator_that_is_given(grid):
    values = fixed_rate_values(grid["winner"], 0.3)
    one, same, other = (
        choose(grid, values, np.random.default_rng(seed))["choice"]
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_a_missing_trial_has_no_choice(grid):
    cut = grid.assign(magnitude_left=np.full_like(grid["magnitude_left"], np.nan))
    values = np.full(grid["choice"].shape, 0.5)
    assert np.isnan(choose(cut, values, np.random.default_rng(0))["choice"]).all()
