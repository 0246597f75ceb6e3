"""Rescorla-Wagner learners and likelihood grids, by hand."""

import numpy as np
import pytest

from metarl.analysis.learners import (
    grid_peak,
    node_counts,
    softmax_log_likelihoods,
    value_leads,
    value_traces,
)

RATES = np.array([0.5, 1.0])


def test_an_estimate_follows_every_outcome_by_hand():
    # Left, unknown, right: at a rate of 1/2 the estimate is .5, .75, .75.
    traces = value_traces(np.array([[0, np.nan, 1]]), RATES)
    np.testing.assert_allclose(traces[:, 0], [[0.5, 0.75, 0.75], [0.5, 1, 1]])


def test_values_follow_the_chosen_arms_outcome_by_hand():
    # Left rewarded, right not, none chosen, left again: at 1/2 the values are
    # (.5, .5), (.75, .5), (.75, .25), (.75, .25).
    choice, reward = np.array([[0, 1, np.nan, 0]]), np.array([[1, 0, 1, 0]])
    leads = value_leads(choice, reward, RATES)
    np.testing.assert_allclose(leads[0, 0], [0, -0.25, np.nan, 0.5])
    np.testing.assert_allclose(leads[1, 0], [0, -0.5, np.nan, 1.0])


def test_the_likelihood_of_choices_by_hand():
    worth = np.array([[[0.0, 1.0], [2.0, -1.0]]], np.float32)
    result = softmax_log_likelihoods(worth, np.array([1.0, 2.0]))
    for index, slope in enumerate((1, 2)):
        expected = -np.log1p(np.exp(-slope * worth[0])).sum(axis=0)
        np.testing.assert_allclose(result[0, index], expected, rtol=1e-6)


def test_choices_are_shared_out_between_two_nodes():
    leads = np.array([[-1.0, 1.0, 0.25, np.nan]], np.float32)
    np.testing.assert_allclose(node_counts(leads, 5), [[1, 0, 0.5, 0.5, 1]])


def test_the_peak_of_a_parabola_lies_between_the_points():
    places = np.arange(6.0)
    place, height = grid_peak(-((places - 2.3) ** 2)[:, None], places)
    assert place[0] == pytest.approx(2.3)
    assert height[0] == pytest.approx(0)


def test_a_peak_at_an_end_stays_there():
    places = np.arange(4.0)
    place, height = grid_peak(places[:, None], places)
    assert (place[0], height[0]) == (3, 3)
