"""Need and gain, and events of replay on a track of four cells, by hand."""

import numpy as np
import pytest

from metarl.studies.hippocampus.mazes import two_tracks
from metarl.studies.hippocampus.replay import (
    Access,
    gain,
    initial_knowledge,
    need,
    policy,
    replay,
)

MAZE = two_tracks(4)
RIGHT, LEFT = 2, 3
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


def test_need_sums_to_ten_steps_from_any_state():
    chances = np.random.default_rng(901).dirichlet(np.ones(5), (4, 5))
    assert need(chances, np.array([0, 1, 2, 4])).sum(1) == pytest.approx(10)


def test_need_asleep_is_the_stationary_distribution():
    chances = np.array([[[0.5, 0.5], [0.25, 0.75]], [[0.0, 1.0], [1.0, 0.0]]])
    long_run = need(chances, np.array([0, 0]), asleep=True)
    assert long_run == pytest.approx(np.array([[1 / 3, 2 / 3], [0.5, 0.5]]))


def test_initial_knowledge_is_of_random_moves_and_of_the_next_start_after_a_goal():
    knowledge = initial_knowledge(two_tracks(3), 2)
    assert knowledge.transitions[1, 1].tolist() == [0.25, 0.5, 0.25, 0, 0, 0]
    assert knowledge.transitions[0, 2].tolist() == [0, 0, 0, 0, 0, 1]
    assert knowledge.transitions[0, 3].tolist() == [1, 0, 0, 0, 0, 0]
    assert knowledge.transitions.sum(2) == pytest.approx(1)
    assert not knowledge.values.any()


def test_access_is_checked():
    with pytest.raises(ValueError, match="rule must be one of prioritised, gain"):
        Access(rule="best")
    with pytest.raises(ValueError, match="backups must be at least 1, got 0"):
        Access(backups=0)


def on_track(*, rewarded=True):
    """Two animals that run right above and left below, with a known reward above."""
    knowledge = initial_knowledge(MAZE, 2)
    for state in range(3):
        knowledge.transitions[:, state] = np.eye(8)[state + 1]
        knowledge.transitions[:, 7 - state] = np.eye(8)[6 - state]
    if rewarded:
        knowledge.rewards[:, 2, RIGHT] = 1.0
    return knowledge


def event(knowledge, here, **access):
    return replay(
        knowledge,
        MAZE,
        np.full(2, here),
        access=Access(**access),
        generator=np.random.default_rng(901),
    )


def test_gain_after_a_first_reward_replays_backwards():
    knowledge = on_track()
    replayed = event(knowledge, 2, rule="gain", backups=3)
    assert replayed.states.tolist() == [[2, 1, 0]] * 2
    assert (replayed.moves == RIGHT).all()
    assert knowledge.values[0, :3, RIGHT] == pytest.approx([0.81, 0.9, 1.0])
    assert not knowledge.values[0, :3, LEFT].any()


def test_need_replays_forwards_where_no_value_changes():
    knowledge = on_track()
    knowledge.values[:, :3, RIGHT] = [0.81, 0.9, 1.0]
    before = knowledge.values.copy()
    replayed = event(knowledge, 0, backups=3)
    assert replayed.states.tolist() == [[0, 1, 2]] * 2
    assert knowledge.values == pytest.approx(before)


def test_a_backup_of_three_steps_changes_three_values():
    """Need alone replays forwards, so that the third step reaches the reward."""
    knowledge = on_track()
    knowledge.values[:, :3, RIGHT] = 1e-3
    event(knowledge, 0, rule="need", backups=2)
    assert knowledge.values[0, :3, RIGHT] == pytest.approx([0.81e-3, 0.9e-3, 1e-3])
    knowledge.values[:, :3, RIGHT] = 1e-3
    event(knowledge, 0, rule="need", backups=3)
    assert knowledge.values[0, :3, RIGHT] == pytest.approx([0.81, 0.9, 1.0])


def test_a_longer_backup_sums_the_rewards_of_its_steps():
    knowledge = on_track()
    knowledge.rewards[:, 0, RIGHT] = 0.5
    knowledge.values[:, :3, RIGHT] = 1e-3
    event(knowledge, 0, rule="need", backups=3)
    assert knowledge.values[0, :3, RIGHT] == pytest.approx([0.5 + 0.81, 0.9, 1.0])


def test_a_backup_is_not_extended_from_a_goal():
    """The fourth is a new one, because the third reached the goal."""
    knowledge = on_track()
    knowledge.values[:, :3, RIGHT] = [0.81, 0.9, 1.0]
    replayed = event(knowledge, 0, backups=4)
    assert replayed.states[:, 3].tolist() == [0, 0]


def test_need_depends_on_the_state_of_the_animal():
    knowledge = on_track()
    knowledge.values[:, :3, RIGHT] = [0.81, 0.9, 1.0]
    assert event(knowledge, 1, backups=1).states.tolist() == [[1], [1]]


def test_a_backup_is_not_extended_in_a_loop():
    """The greedy move from 1 leads back to 0: no backup of two steps."""
    knowledge = on_track(rewarded=False)
    knowledge.values[:, 0, RIGHT], knowledge.values[:, 1, LEFT] = 0.2, 0.2
    event(knowledge, 0, rule="need", backups=2)
    assert knowledge.values[0, 1, LEFT] == 0.2


def test_the_random_rule_replays_every_memory_equally_often():
    knowledge = on_track()
    replayed = event(knowledge, 0, rule="random", backups=2000)
    pairs, counts = np.unique(4 * replayed.states + replayed.moves, return_counts=True)
    assert len(pairs) == MAZE.memorable.sum()
    expected = 4000 / len(pairs)
    assert (np.abs(counts - expected) < 4 * np.sqrt(expected)).all()


def test_animals_do_not_affect_each_other():
    knowledge = on_track()
    knowledge.rewards[1] = 0
    replayed = event(knowledge, 2, rule="gain", backups=3)
    assert replayed.states[0].tolist() == [2, 1, 0]
    assert not knowledge.values[1].any()


def test_a_new_backup_may_repeat_the_last_one():
    knowledge = on_track()
    knowledge.values[:, :3, RIGHT] = [0.81, 0.9, 1.0]
    replayed = event(knowledge, 0, backups=6)
    assert replayed.states.tolist() == [[0, 1, 2, 0, 1, 2]] * 2


def test_a_backup_is_extended_only_where_there_is_need():
    """From 1 the model leads to the goal at once: 2 will not be visited."""
    knowledge = on_track()
    knowledge.transitions[:, 1] = np.eye(8)[3]
    knowledge.values[:, :3, RIGHT] = [0.81, 0.9, 1.0]
    assert event(knowledge, 0, backups=3).states.tolist() == [[0, 1, 0]] * 2
