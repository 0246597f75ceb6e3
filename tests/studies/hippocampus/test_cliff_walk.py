"""The blind cliff walk, by hand."""

import numpy as np
import pytest

from metarl.studies.hippocampus import cliff_walk
from metarl.studies.hippocampus.cliff_walk import (
    memory_counts,
    true_values,
    updates_needed,
)


@pytest.mark.parametrize("states", [1, 4, 9])
def test_the_memory_holds_all_episodes_and_one_reward(states):
    counts = memory_counts(states)
    assert counts.sum() == 2 ** (states + 1) - 2
    assert counts[states - 1] == 1


def test_true_values_by_hand():
    assert true_values(2).tolist() == [0.5, 1.0, 0.0, 0.0]


@pytest.mark.parametrize("choice", ["greedy", "oracle"])
def test_one_state_is_correct_after_eleven_updates(choice, monkeypatch):
    """From 0 the error falls by 3/4 an update; .5625^k / 2 < .001 from k = 11 on."""
    monkeypatch.setattr(cliff_walk, "START", 0.0)
    assert updates_needed(1, choice, np.random.default_rng(901)) == 11


def test_uniform_replay_of_one_state_takes_twice_as_many(monkeypatch):
    """Half of the samples are of the wrong move, which changes nothing."""
    monkeypatch.setattr(cliff_walk, "START", 0.0)
    generator = np.random.default_rng(901)
    needed = [updates_needed(1, "uniform", generator) for _ in range(400)]
    assert np.mean(needed) == pytest.approx(22, abs=4 * np.sqrt(22) / 20)


def test_memories_are_sampled_in_proportion_to_their_copies():
    samples = cliff_walk._samples(3, np.random.default_rng(901))
    places = np.array([next(samples) for _ in range(7000)])
    counts = np.bincount(places, minlength=6)
    expected = 500 * np.array([4, 2, 1, 4, 2, 1])
    assert (np.abs(counts - expected) < 4 * np.sqrt(expected)).all()


def test_the_targets_of_an_update_by_hand():
    values = np.linspace(-0.2, 0.4, 6)
    targets = cliff_walk._targets(values)
    best = np.maximum(values[:3], values[3:])
    assert targets[:2] == pytest.approx(2 / 3 * best[1:])
    assert targets[2:].tolist() == [1, 0, 0, 0]


def test_priority_saves_updates():
    generator = np.random.default_rng(901)
    needed = {
        choice: np.median([updates_needed(8, choice, generator) for _ in range(3)])
        for choice in ("uniform", "greedy", "oracle")
    }
    assert needed["greedy"] < needed["uniform"] / 10
    assert needed["oracle"] < needed["uniform"] / 10


def test_an_unknown_choice_is_refused():
    with pytest.raises(ValueError, match="choice must be one of uniform, greedy"):
        updates_needed(3, "last", np.random.default_rng(901))
