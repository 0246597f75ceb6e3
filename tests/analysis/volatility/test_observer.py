"""The Bayesian observer: by hand, in its limits, and on the training schedule."""

import itertools
import math

import numpy as np
import pytest
from volatile_choosers import chooser_trials

from metarl.analysis.volatility.behaviour import by_order, read_episodes
from metarl.analysis.volatility.observer import Schedule, observe, schedule_of


def by_enumeration(winners, change):
    """Probabilities (volatile, left wins) before the last trial, over all courses."""
    total = volatile_weight = left_weight = 0.0
    states = list(itertools.product((0, 1), (0, 1)))
    for course in itertools.product(states, repeat=len(winners) + 1):
        weight = 0.25
        for (wild, better), won in zip(course, winners, strict=False):
            probability = (1.0 if wild else 0.75) if won == better else 1.0
            weight *= probability if won == better else 1 - (1.0 if wild else 0.75)
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
    # With one point the grid holds a single probability of change, at the middle.
    monkeypatch.setattr("metarl.analysis.volatility.observer.CHANGE_POINTS", 1)
    estimates = observe(np.array([[*winners, 0.0]]))
    volatile, left = by_enumeration(winners, math.exp(-4.0))
    assert estimates.volatility[0, -1] == pytest.approx(volatile)
    assert estimates.probability_left[0, -1] == pytest.approx(left)


def test_without_outcomes_its_estimates_stay_at_one_half():
    estimates = observe(np.full((2, 50), np.nan))
    np.testing.assert_allclose(estimates.volatility, 0.5)
    np.testing.assert_allclose(estimates.probability_left, 0.5)


def test_left_and_right_are_mirror_images():
    winner = np.random.default_rng(0).integers(0, 2, (5, 80)).astype(float)
    one, other = observe(winner), observe(1 - winner)
    np.testing.assert_allclose(one.volatility, other.volatility)
    np.testing.assert_allclose(one.probability_left, 1 - other.probability_left)


def training_schedule(generator, episodes, trials):
    """Winners and volatility, simulated by the description of the schedule."""
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
            said, result = estimate[inside].mean(), truth[inside].mean()
            assert result == pytest.approx(said, abs=0.06)


def test_it_finds_the_volatile_half_of_a_test_episode():
    for grid in by_order(read_episodes(chooser_trials(episodes=60))):
        estimate = observe(grid["winner"]).volatility.mean(axis=0)
        halves = estimate[20:100].mean(), estimate[120:].mean()
        stable, volatile = (
            halves if grid.episodes["order"].iloc[0] == "low-first" else halves[::-1]
        )
        assert volatile > stable + 0.1


def test_the_schedule_is_read_from_the_parameters_of_the_task():
    assert schedule_of({"trial_count": 200}) == Schedule()
    other = schedule_of({"probability_stable": 0.6, "log_change_most": -4})
    assert other == Schedule(probability_stable=0.6, log_change_most=-4.0)
    # Left won once, so it is the better arm with .6 while stable, and with 1 - .2 while
    # volatile; a change of volatility in between is rare.
    estimate = observe(np.array([[0.0, 0.0]]), other).probability_left[0]
    expected = ((0.6 * 0.6 + 0.4 * 0.4) + 0.8) / 2
    assert estimate == pytest.approx([0.5, expected], abs=0.02)
