"""Objectives: their values by hand, their gradients against closed forms."""

import numpy as np

from metarl.agents.evolution import Normal
from metarl.agents.evolution.objectives import (
    centred_ranks,
    entropy,
    fitness,
    variance,
    whitened,
)

DISTRIBUTION = Normal(np.array([0.5, -0.5]), 0.3)
SAMPLE = DISTRIBUTION.sample(40, np.random.default_rng(1))
SCORES = (SAMPLE - DISTRIBUTION.mean) / 0.09
BEHAVIOURS = np.sin(3 * SAMPLE[:, :1]) + SAMPLE[:, 1:] ** 2


def test_ranks_lie_around_nothing_and_ties_share_theirs():
    np.testing.assert_allclose(
        centred_ranks(np.array([10.0, 1000.0, -3.0])), [0, 0.5, -0.5]
    )
    np.testing.assert_allclose(
        centred_ranks(np.array([2.0, 1.0, 2.0])), [0.25, -0.5, 0.25]
    )
    np.testing.assert_allclose(centred_ranks(np.ones(6)), 0)


def test_whitened_values_have_no_mean_and_unit_deviation():
    white = whitened(np.array([[1.0, 5.0], [3.0, 5.0]]))
    np.testing.assert_allclose(white, [[-1, 0], [1, 0]])


def test_fitness_moves_towards_those_who_did_better():
    actual = fitness(SAMPLE[:, 0] * 100, SAMPLE, DISTRIBUTION)
    assert abs(actual.value) < 1e-12
    assert actual.gradient[0] > 5 * abs(actual.gradient[1])


def test_fitness_counts_places_alone():
    stretched = np.exp(5 * SAMPLE[:, 0])
    np.testing.assert_allclose(
        fitness(stretched, SAMPLE, DISTRIBUTION).gradient,
        fitness(SAMPLE[:, 0], SAMPLE, DISTRIBUTION).gradient,
    )


def test_variance_is_one_a_coordinate_and_its_gradient_the_squares_scores():
    actual = variance(BEHAVIOURS, SAMPLE, DISTRIBUTION)
    np.testing.assert_allclose(actual.value, 1)
    squares = whitened(BEHAVIOURS) ** 2
    np.testing.assert_allclose(actual.gradient, (squares * SCORES).mean(0))
    twice = np.concatenate([BEHAVIOURS, BEHAVIOURS], 1)
    np.testing.assert_allclose(variance(twice, SAMPLE, DISTRIBUTION).value, 2)


def test_entropy_has_the_score_terms_of_both_expectations():
    """-mean_i s_i [log p_i + mean_j K_ij / p_j], worked out with loops."""
    z = whitened(BEHAVIOURS)[:, 0]
    count = len(z)
    kernel = [[np.exp(-((a - b) ** 2) / 2) for b in z] for a in z]
    p = [sum(row) / count for row in kernel]
    expected = np.zeros(2)
    for i in range(count):
        back = sum(kernel[i][j] / p[j] for j in range(count)) / count
        expected -= SCORES[i] * (np.log(p[i]) + back) / count
    actual = entropy(BEHAVIOURS, SAMPLE, DISTRIBUTION)
    np.testing.assert_allclose(actual.gradient, expected)
    np.testing.assert_allclose(actual.value, -np.mean(np.log(p)))


def test_variance_does_not_move_a_population_of_identical_members():
    actual = variance(np.ones((40, 1)), SAMPLE, DISTRIBUTION)
    np.testing.assert_allclose(actual.gradient, 0)
    assert entropy(np.ones((40, 1)), SAMPLE, DISTRIBUTION).value == 0
