"""Sequenceness: planted orders are detected at their lag, noise is not."""

import numpy as np
import pytest

from metarl.studies.hippocampus.sequenceness import (
    lagged_weights,
    order_contrast,
    peak,
    sequenceness,
    shuffled_labels,
    shuffled_sequenceness,
    threshold,
)

CHAIN = np.diag(np.ones(3), 1)
"""Four states, one after the other."""


def echo(lag, states=4, length=4000, seed=901):
    """Noise in each state that recurs, weaker, in the next, a lag later."""
    noise = np.random.default_rng(seed).standard_normal((length, states))
    activity = noise.copy()
    activity[lag:, 1:] += 0.5 * noise[:-lag, :-1]
    return activity


def test_weights_of_a_regression_by_hand():
    """The second state is half of what the first was two samples before."""
    first = np.random.default_rng(901).standard_normal(50)
    second = np.append([0.0, 0.0], 0.5 * first[:-2] + 3)
    weights = lagged_weights(np.stack([first, second], axis=1), lags=2)
    assert weights.shape == (2, 2, 2)
    assert weights[1][:, 1] == pytest.approx([0.5, 0.0])


def test_forward_minus_backward_of_two_states_is_their_difference():
    contrast = order_contrast(np.array([[0.0, 1.0], [0.0, 0.0]]))
    assert contrast == pytest.approx(np.array([[0.0, 1.0], [-1.0, 0.0]]))


def test_self_and_constant_weights_count_for_nothing():
    flat = (3 * np.eye(4) + 7)[None]
    assert sequenceness(flat, CHAIN) == pytest.approx(0)
    assert sequenceness(flat + CHAIN, CHAIN) == pytest.approx(1)
    assert sequenceness(flat + CHAIN.T, CHAIN) == pytest.approx(-1)


@pytest.mark.parametrize("lag", [2, 5])
def test_an_order_is_detected_at_its_lag(lag):
    by_lag = sequenceness(lagged_weights(echo(lag), lags=8), CHAIN)
    assert np.abs(by_lag).argmax() + 1 == lag
    assert peak(by_lag) == pytest.approx(0.4, abs=0.1)
    reversed_order = sequenceness(lagged_weights(echo(lag), lags=8), CHAIN.T)
    assert reversed_order == pytest.approx(-by_lag)


def test_shuffled_labels_are_permutations_without_the_identity():
    labels = shuffled_labels(8, np.random.default_rng(901))
    assert labels.shape == (29, 8)
    assert (np.sort(labels, axis=1) == np.arange(8)).all()
    assert (labels != np.arange(8)).any(axis=1).all()


def test_shuffled_labels_test_the_shuffled_order():
    weights = lagged_weights(echo(2), lags=3)
    order = np.array([2, 0, 3, 1])
    shuffled = shuffled_sequenceness(weights, CHAIN, order[None])[0]
    direct = sequenceness(weights, CHAIN[np.ix_(order, order)])
    assert shuffled == pytest.approx(direct)


def test_the_threshold_is_the_largest_either_way():
    assert threshold(np.array([[0.1, -0.7], [0.3, 0.2]])) == 0.7
    assert peak(np.array([0.1, -0.7, 0.3])) == -0.7


def test_noise_exceeds_the_threshold_once_in_thirty():
    """The order is as likely as any of 29 shuffled ones to have the largest peak."""
    generator = np.random.default_rng(901)
    order, beyond = np.kron(np.eye(2), CHAIN), 0
    for _ in range(500):
        weights = lagged_weights(generator.standard_normal((100, 8)), lags=3)
        labels = shuffled_labels(8, generator)
        limit = threshold(shuffled_sequenceness(weights, order, labels))
        beyond += abs(peak(sequenceness(weights, order))) > limit
    expected = 500 / 30
    assert abs(beyond - expected) < 4 * np.sqrt(expected)
