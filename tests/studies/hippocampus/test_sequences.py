"""Forward and reverse sequences, by hand."""

import numpy as np

from metarl.studies.hippocampus.mazes import two_tracks
from metarl.studies.hippocampus.replay import ReplayEvent
from metarl.studies.hippocampus.sequences import SequenceTest, directions, runs

MAZE = two_tracks()
RIGHT, LEFT = 2, 3


def event(*backups):
    states, moves = zip(*backups, strict=True)
    return ReplayEvent(np.array([states]), np.array([moves]))


def counts(*backups):
    test = SequenceTest(MAZE, np.random.default_rng(901))
    forward, reverse = test.count(event(*backups))
    return int(forward[0]), int(reverse[0])


def test_directions_of_pairs():
    states = np.array([0, 1, 2, 1, 0, 5])
    moves = np.array([RIGHT, RIGHT, RIGHT, RIGHT, RIGHT, LEFT])
    assert directions(MAZE, states, moves).tolist() == [1, 1, -1, -1, 0]


def test_five_cells_on_are_a_forward_sequence():
    assert counts(*[(k, RIGHT) for k in range(5)]) == (1, 0)


def test_four_cells_are_none():
    assert counts(*[(k, RIGHT) for k in range(4)]) == (0, 0)


def test_five_cells_back_are_a_reverse_sequence():
    assert counts(*[(k, RIGHT) for k in (8, 7, 6, 5, 4)]) == (0, 1)


def test_on_the_lower_track_forward_is_to_the_left():
    assert counts(*[(k, LEFT) for k in (19, 18, 17, 16, 15, 14)]) == (1, 0)


def test_two_sequences_of_one_event_count_twice():
    ahead = [(k, RIGHT) for k in range(6)]
    assert counts(*ahead, (15, LEFT), *ahead) == (2, 0)
    back = [(k, RIGHT) for k in range(5, -1, -1)]
    assert counts(*ahead, (15, LEFT), *back) == (1, 1)


def test_to_and_fro_between_two_cells_is_an_accident():
    """Reverse throughout, but one shuffled order in ten is, too."""
    to_and_fro = [(0, RIGHT), (1, LEFT), (0, RIGHT), (1, LEFT), (0, RIGHT)]
    assert runs(directions(MAZE, *map(np.array, zip(*to_and_fro, strict=True)))) == [
        (0, 4)
    ]
    assert counts(*to_and_fro) == (0, 0)


def test_one_that_did_not_replay_has_no_sequences():
    nothing = np.full((1, 20), -1)
    test = SequenceTest(MAZE, np.random.default_rng(901))
    assert test.count(ReplayEvent(nothing, nothing))[0].tolist() == [0]


def test_runs_end_where_the_direction_changes():
    pairs = np.array([1, 1, 1, 1, -1, -1, -1, -1, -1, 0, 1, 1, 1], np.int8)
    assert runs(pairs) == [(0, 4), (4, 9)]
