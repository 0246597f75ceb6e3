"""Need and gain, by hand."""

import numpy as np
import pytest

from metarl.studies.hippocampus.mazes import two_tracks
from metarl.studies.hippocampus.replay import Access, gain, need, initial_knowledge, policy

RING = np.eye(3)[[1, 2, 0]][None]
"""Three states in a ring, one animal."""


def test_the_policy_is_a_softmax_of_inverse_temperature_5():
    chances = policy(np.array([0.2, 0.0, 0.0, 0.0]))
    assert chances[0] / chances[1] == pytest.approx(np.e)
    assert chances.sum() == pytest.approx(1)


def test_the_gain_of_a_first_reward_by_hand():
    before, after = np.zeros(4), np.array([1.0, 0, 0, 0])
    expected = np.exp(5) / (np.exp(5) + 3) - 0.25
    assert gain(before, after) == pytest.approx(expected)


def test_a_backup_that_changes_nothing_gains_nothing():
    values = np.array([0.3, 0.1, 0.9, 0.0])
    assert gain(values, values) == 0


def test_unlearning_a_wrong_belief_is_a_gain():
    assert gain(np.array([1.0, 0.5, 0, 0]), np.array([0.0, 0.5, 0, 0])) > 0


def test_need_in_a_ring_by_hand():
    visits = need(RING, np.array([1]))[0]
    assert visits * (1 - 0.9**3) == pytest.approx([0.81, 1, 0.9])


def test_need_sums_to_ten_steps_wherever_one_is():
    chances = np.random.default_rng(901).dirichlet(np.ones(5), (4, 5))
    assert need(chances, np.array([0, 1, 2, 4])).sum(1) == pytest.approx(10)


def test_asleep_need_is_where_one_is_in_the_long_run():
    chances = np.array([[[0.5, 0.5], [0.25, 0.75]], [[0.0, 1.0], [1.0, 0.0]]])
    long_run = need(chances, np.array([0, 0]), asleep=True)
    assert long_run == pytest.approx(np.array([[1 / 3, 2 / 3], [0.5, 0.5]]))


def test_newcomers_expect_to_move_at_random_and_to_go_on_from_a_goal():
    known = initial_knowledge(two_tracks(3), 2)
    assert known.transitions[1, 1].tolist() == [0.25, 0.5, 0.25, 0, 0, 0]
    assert known.transitions[0, 2].tolist() == [0, 0, 0, 0, 0, 1]
    assert known.transitions[0, 3].tolist() == [1, 0, 0, 0, 0, 0]
    assert known.transitions.sum(2) == pytest.approx(1)
    assert not known.values.any()


def test_access_is_checked():
    with pytest.raises(ValueError, match="rule must be one of prioritised, gain"):
        Access(rule="best")
    with pytest.raises(ValueError, match="backups must be at least 1, got 0"):
        Access(backups=0)
