"""Events of replay on a track of four cells, by hand."""

import numpy as np
import pytest

from metarl.studies.hippocampus.mazes import two_tracks
from metarl.studies.hippocampus.replay import Access, initial_knowledge
from metarl.studies.hippocampus.replay import replay

MAZE = two_tracks(4)
RIGHT, LEFT = 2, 3


def on_track(*, rewarded=True):
    """Two animals that run right above and left below, and know the reward above."""
    known = initial_knowledge(MAZE, 2)
    for state in range(3):
        known.transitions[:, state] = np.eye(8)[state + 1]
        known.transitions[:, 7 - state] = np.eye(8)[6 - state]
    if rewarded:
        known.rewards[:, 2, RIGHT] = 1.0
    return known


def event(known, here, **access):
    return replay(
        known,
        MAZE,
        np.full(2, here),
        access=Access(**access),
        generator=np.random.default_rng(901),
    )


def test_after_a_first_reward_gain_goes_back_from_it():
    known = on_track()
    told = event(known, 2, rule="gain", backups=3)
    assert told.states.tolist() == [[2, 1, 0]] * 2
    assert (told.moves == RIGHT).all()
    assert known.values[0, :3, RIGHT] == pytest.approx([0.81, 0.9, 1.0])
    assert not known.values[0, :3, LEFT].any()


def test_where_nothing_changes_need_goes_ahead():
    known = on_track()
    known.values[:, :3, RIGHT] = [0.81, 0.9, 1.0]
    before = known.values.copy()
    told = event(known, 0, backups=3)
    assert told.states.tolist() == [[0, 1, 2]] * 2
    assert known.values == pytest.approx(before)


def test_a_backup_of_three_steps_changes_three_values():
    """Need alone goes ahead, so the reward comes with the third step."""
    known = on_track()
    known.values[:, :3, RIGHT] = 1e-3
    event(known, 0, rule="need", backups=2)
    assert known.values[0, :3, RIGHT] == pytest.approx([0.81e-3, 0.9e-3, 1e-3])
    known.values[:, :3, RIGHT] = 1e-3
    event(known, 0, rule="need", backups=3)
    assert known.values[0, :3, RIGHT] == pytest.approx([0.81, 0.9, 1.0])


def test_a_longer_backup_sums_rewards_on_the_way():
    known = on_track()
    known.rewards[:, 0, RIGHT] = 0.5
    known.values[:, :3, RIGHT] = 1e-3
    event(known, 0, rule="need", backups=3)
    assert known.values[0, :3, RIGHT] == pytest.approx([0.5 + 0.81, 0.9, 1.0])


def test_a_backup_does_not_go_on_from_a_goal():
    """The fourth is a new one: the third came to the goal."""
    known = on_track()
    known.values[:, :3, RIGHT] = [0.81, 0.9, 1.0]
    told = event(known, 0, backups=4)
    assert told.states[:, 3].tolist() == [0, 0]


def test_need_is_counted_from_where_an_animal_is():
    known = on_track()
    known.values[:, :3, RIGHT] = [0.81, 0.9, 1.0]
    assert event(known, 1, backups=1).states.tolist() == [[1], [1]]


def test_a_loop_is_not_gone_on_with():
    """The greedy move from 1 leads back to 0: no backup of two steps."""
    known = on_track(rewarded=False)
    known.values[:, 0, RIGHT], known.values[:, 1, LEFT] = 0.2, 0.2
    event(known, 0, rule="need", backups=2)
    assert known.values[0, 1, LEFT] == 0.2


def test_chance_replays_every_memory_alike():
    known = on_track()
    told = event(known, 0, rule="random", backups=2000)
    pairs, counts = np.unique(4 * told.states + told.moves, return_counts=True)
    assert len(pairs) == MAZE.memorable.sum()
    expected = 4000 / len(pairs)
    assert (np.abs(counts - expected) < 4 * np.sqrt(expected)).all()


def test_animals_do_not_touch_each_other():
    known = on_track()
    known.rewards[1] = 0
    told = event(known, 2, rule="gain", backups=3)
    assert told.states[0].tolist() == [2, 1, 0]
    assert not known.values[1].any()


def test_a_new_backup_may_go_where_the_last_one_went():
    known = on_track()
    known.values[:, :3, RIGHT] = [0.81, 0.9, 1.0]
    told = event(known, 0, backups=6)
    assert told.states.tolist() == [[0, 1, 2, 0, 1, 2]] * 2


def test_a_backup_goes_on_only_where_there_is_need():
    """From 1 one comes to the goal at once: nobody will be in 2."""
    known = on_track()
    known.transitions[:, 1] = np.eye(8)[3]
    known.values[:, :3, RIGHT] = [0.81, 0.9, 1.0]
    assert event(known, 0, backups=3).states.tolist() == [[0, 1, 0]] * 2
