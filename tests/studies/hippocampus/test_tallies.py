"""Counts by lap, by the reward met last, and the example."""

import numpy as np
import pytest

from metarl.studies.hippocampus.laps import Laps
from metarl.studies.hippocampus.mazes import two_tracks
from metarl.studies.hippocampus.replay import ReplayEvent
from metarl.studies.hippocampus.sequences import SequenceTest
from metarl.studies.hippocampus.sequences import KINDS, example_lap, rate_after, count_sequences

MAZE = two_tracks()
RIGHT = 2
AHEAD, BACK = list(range(8)), list(range(8, 0, -1))
NOT = [-1] * 8


def events(*laps):
    """One event a lap, of two animals."""
    return tuple(
        ReplayEvent(np.array(lap), np.where(np.array(lap) < 0, -1, RIGHT)) for lap in laps
    )


RUNNING = Laps(
    steps=np.full((2, 3), 9),
    magnitudes=np.array([[1.0, 4.0, 1.0], [4.0, 4.0, 1.0]]),
    at_start=events((NOT, NOT), (AHEAD, AHEAD), (NOT, AHEAD)),
    after_reward=events((NOT, BACK), (NOT, NOT), (NOT, BACK)),
)
COUNTS = count_sequences(RUNNING, SequenceTest(MAZE, np.random.default_rng(901)))


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
def test_a_start_goes_by_the_reward_of_the_lap_before(kind, magnitude, expected):
    found = rate_after(COUNTS[kind], RUNNING, magnitude, kind)
    assert found == pytest.approx(expected)


def test_a_reward_that_was_never_met_has_no_rate():
    kind = "reverse_after_reward"
    assert np.isnan(rate_after(COUNTS[kind], RUNNING, 2.0, kind))


def test_the_example_has_a_sequence_of_each_direction():
    found = example_lap(MAZE, RUNNING, COUNTS)
    assert (found["lap"], found["reward"]) == (2, 1.0)
    assert found["at_start"] == AHEAD
    assert found["after_reward"] == BACK
    assert found["after_reward_next"] == [state + 1 for state in BACK]
