"""Forward and reverse sequences, and their counts by lap and reward, by hand."""

import numpy as np
import pytest

from metarl.studies.hippocampus.laps import Laps
from metarl.studies.hippocampus.mazes import two_tracks
from metarl.studies.hippocampus.replay import ReplayEvent
from metarl.studies.hippocampus.sequences import (
    KINDS,
    SequenceTest,
    count_sequences,
    directions,
    example_lap,
    rate_after,
    runs,
)

MAZE = two_tracks()
RIGHT, LEFT = 2, 3
AHEAD, BACK = list(range(8)), list(range(8, 0, -1))
NONE = [-1] * 8


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


def test_five_cells_forward_are_a_forward_sequence():
    assert counts(*[(k, RIGHT) for k in range(5)]) == (1, 0)


def test_four_cells_are_no_sequence():
    assert counts(*[(k, RIGHT) for k in range(4)]) == (0, 0)


def test_five_cells_backward_are_a_reverse_sequence():
    assert counts(*[(k, RIGHT) for k in (8, 7, 6, 5, 4)]) == (0, 1)


def test_on_the_lower_track_forward_is_to_the_left():
    assert counts(*[(k, LEFT) for k in (19, 18, 17, 16, 15, 14)]) == (1, 0)


def test_two_sequences_of_one_event_count_twice():
    ahead = [(k, RIGHT) for k in range(6)]
    assert counts(*ahead, (15, LEFT), *ahead) == (2, 0)
    back = [(k, RIGHT) for k in range(5, -1, -1)]
    assert counts(*ahead, (15, LEFT), *back) == (1, 1)


def test_alternation_between_two_cells_is_not_significant():
    """Reverse throughout, but so is one shuffled order in ten."""
    to_and_fro = [(0, RIGHT), (1, LEFT), (0, RIGHT), (1, LEFT), (0, RIGHT)]
    assert runs(directions(MAZE, *map(np.array, zip(*to_and_fro, strict=True)))) == [
        (0, 4)
    ]
    assert counts(*to_and_fro) == (0, 0)


def test_an_animal_without_replay_has_no_sequences():
    nothing = np.full((1, 20), -1)
    test = SequenceTest(MAZE, np.random.default_rng(901))
    assert test.count(ReplayEvent(nothing, nothing))[0].tolist() == [0]


def test_runs_end_where_the_direction_changes():
    pairs = np.array([1, 1, 1, 1, -1, -1, -1, -1, -1, 0, 1, 1, 1], np.int8)
    assert runs(pairs) == [(0, 4), (4, 9)]


def events(*laps):
    """One event a lap, of two animals."""
    return tuple(
        ReplayEvent(np.array(lap), np.where(np.array(lap) < 0, -1, RIGHT))
        for lap in laps
    )


LAPS = Laps(
    steps=np.full((2, 3), 9),
    magnitudes=np.array([[1.0, 4.0, 1.0], [4.0, 4.0, 1.0]]),
    at_start=events((NONE, NONE), (AHEAD, AHEAD), (NONE, AHEAD)),
    after_reward=events((NONE, BACK), (NONE, NONE), (NONE, BACK)),
)
COUNTS = count_sequences(LAPS, SequenceTest(MAZE, np.random.default_rng(901)))


def test_sequences_are_counted_by_lap_and_animal():
    assert tuple(COUNTS) == KINDS
    assert COUNTS["forward_at_start"].tolist() == [[0, 0], [1, 1], [0, 1]]
    assert COUNTS["reverse_after_reward"].tolist() == [[0, 1], [0, 0], [0, 1]]
    assert not COUNTS["reverse_at_start"].any()


@pytest.mark.parametrize(
    ("kind", "magnitude", "expected"),
    [
        ("reverse_after_reward", 1.0, 1 / 3),
        ("reverse_after_reward", 4.0, 1 / 3),
        ("forward_at_start", 1.0, 1.0),
        ("forward_at_start", 4.0, 2 / 3),
    ],
)
def test_the_last_reward_at_a_start_is_that_of_the_lap_before(
    kind, magnitude, expected
):
    result = rate_after(COUNTS[kind], LAPS, magnitude, kind)
    assert result == pytest.approx(expected)


def test_a_reward_that_never_occurred_has_no_rate():
    kind = "reverse_after_reward"
    assert np.isnan(rate_after(COUNTS[kind], LAPS, 2.0, kind))


def test_the_example_has_a_sequence_of_each_direction():
    result = example_lap(MAZE, LAPS, COUNTS)
    assert (result["lap"], result["reward"]) == (2, 1.0)
    assert result["at_start"] == AHEAD
    assert result["after_reward"] == BACK
    assert result["after_reward_next"] == [state + 1 for state in BACK]
