"""The Bayesian observer: by hand, in its limits, and on the schedule it knows."""

import itertools
import math

import numpy as np
import pytest
from volatile_choosers import chooser_trials

from metarl.analysis.volatility.observer import observe
from metarl.analysis.volatility.trials import trial_grid


def by_enumeration(winners, change):
    """Chances (volatile, left wins) before the last trial, over all hidden courses."""
    total = volatile_weight = left_weight = 0.0
    states = list(itertools.product((0, 1), (0, 1)))
    for course in itertools.product(states, repeat=len(winners) + 1):
        weight = 0.25
        for (wild, better), won in zip(course, winners, strict=False):
            chance = (1.0 if wild else 0.75) if won == better else 1.0
            weight *= chance if won == better else 1 - (1.0 if wild else 0.75)
        for (wild, better), (next_wild, next_better) in itertools.pairwise(course):
            swap = 0.2 if wild else 0.0
            weight *= swap if better != next_better else 1 - swap
            weight *= change if wild != next_wild else 1 - change
        wild, better = course[-1]
        total += weight
        volatile_weight += weight * wild
        most = 1.0 if wild else 0.75
        left_weight += weight * (most if better == 0 else 1 - most)
    return volatile_weight / total, left_weight / total


@pytest.mark.parametrize("winners", [(0,), (0, 0, 0), (0, 1, 1), (1, 0, 1, 0)])
def test_its_estimates_are_bayes_rule_over_all_hidden_courses(winners, monkeypatch):
    # With one point the grid holds a single chance of change, at the middle.
    monkeypatch.setattr("metarl.analysis.volatility.observer.CHANGE_POINTS", 1)
    estimates = observe(np.array([[*winners, 0.0]]))
    volatile, left = by_enumeration(winners, math.exp(-4.0))
    assert estimates.volatility[0, -1] == pytest.approx(volatile)
    assert estimates.probability_left[0, -1] == pytest.approx(left)


def test_it_starts_knowing_nothing_and_learns_nothing_from_what_it_did_not_see():
    estimates = observe(np.full((2, 50), np.nan))
    np.testing.assert_allclose(estimates.volatility, 0.5)
    np.testing.assert_allclose(estimates.probability_left, 0.5)


def test_left_and_right_are_mirror_images():
    winner = np.random.default_rng(0).integers(0, 2, (5, 80)).astype(float)
    one, other = observe(winner), observe(1 - winner)
    np.testing.assert_allclose(one.volatility, other.volatility)
    np.testing.assert_allclose(one.probability_left, 1 - other.probability_left)


def training_schedule(generator, episodes, trials):
    """Winners and volatility, as the schedule is told in words."""
    winner, volatility = np.empty((2, episodes, trials))
    for env_index in range(episodes):
        change = math.exp(generator.uniform(-4.5, -3.5))
        wild, better = generator.random() < 0.5, int(generator.random() < 0.5)
        for trial in range(trials):
            surprising = generator.random() < (0 if wild else 0.25)
            winner[env_index, trial] = 1 - better if surprising else better
            volatility[env_index, trial] = wild
            better = 1 - better if wild and generator.random() < 0.2 else better
            wild = wild ^ (generator.random() < change)
    return winner, volatility


def test_on_the_schedule_it_knows_its_estimates_are_calibrated():
    winner, volatility = training_schedule(np.random.default_rng(1), 200, 150)
    estimates = observe(winner)
    for estimate, truth in (
        (estimates.volatility, volatility),
        (estimates.probability_left, winner == 0),
    ):
        edges = np.quantile(estimate, np.linspace(0, 1, 6))
        for low, high in itertools.pairwise(edges):
            inside = (estimate >= low) & (estimate <= high)
            said, found = estimate[inside].mean(), truth[inside].mean()
            assert found == pytest.approx(said, abs=0.06)


def test_it_finds_the_volatile_half_of_a_test_episode():
    for grid in trial_grid(chooser_trials(episodes=60)).by_order():
        estimate = observe(grid.winner).volatility.mean(axis=0)
        halves = estimate[20:100].mean(), estimate[120:].mean()
        stable, volatile = halves if grid.order[0] == "low-first" else halves[::-1]
        assert volatile > stable + 0.1
