"""Prediction errors by event and states of the units, by hand."""

import numpy as np
import pytest

from metarl.analysis.decoding import cubes_positive, principal_components
from metarl.analysis.snapshot import (
    mean_rpe_by_event,
    trial_states,
)
from metarl.core.checks import MetaRLError

NAN = np.nan


def record(**changes):
    """Two episodes of two trials: look, then press, with a reward of 0 or 1."""
    recording = {
        "episode": np.repeat([3, 4], 5),
        "trial": np.tile([0, 0, 1, 1, 1], 2),
        "step": np.tile(np.arange(5), 2),
        "event": np.tile([0, 1, 0, 1, 2], 2),
        "event_names": np.array(["look", "press", "end"]),
        "reward": np.array([0, 1, 0, 0, NAN, 0, 0, 0, 1, NAN]),
        "rpe": np.array([NAN, 0.1, 0.5, 0.3, -9, NAN, 0.3, -0.5, 0.1, -9]),
        "units": np.random.default_rng(1).normal(size=(10, 3)),
    }
    return recording | changes


def test_errors_are_averaged_by_event_and_by_the_reward_before():
    table = mean_rpe_by_event(record())
    assert table["event"].tolist() == ["look", "look", "press"]
    assert table["reward"].tolist() == ["0", "1", "0"]
    assert table["rpe"].tolist() == pytest.approx([-0.5, 0.5, 0.2])
    assert table["n"].tolist() == [1, 1, 4]
    spread = table["deviation"].to_numpy()
    assert np.isnan(spread[:2]).all()
    assert spread[2] == pytest.approx(np.std([0.1, 0.3, 0.3, 0.1], ddof=1))


def test_rewards_of_many_amounts_are_put_together_about_half_of_the_largest():
    reward = np.array([-1, 0, 0.2, 0.5, NAN, 0.3, 0.9, 1, 0, NAN])
    table = mean_rpe_by_event(record(reward=reward))
    named = table.set_index(["event", "reward"])["n"].to_dict()
    assert named == {
        ("look", "0"): 1,
        ("look", "above 0.5"): 1,
        ("press", "below 0"): 1,
        ("press", "up to 0.5"): 2,
        ("press", "above 0.5"): 1,
    }
    assert (table.groupby("reward")["order"].nunique() == 1).all()


def test_a_recording_without_rewards_is_refused_by_name():
    recording = record()
    del recording["reward"]
    with pytest.raises(MetaRLError, match="the step recording has no column reward"):
        mean_rpe_by_event(recording)


def test_states_are_those_as_trials_begin_with_the_reward_of_the_trial_before():
    recording = record()
    states = trial_states(recording)
    assert states["episode"].tolist() == [3, 3, 4, 4]
    assert states["trial"].tolist() == [0, 1, 0, 1]
    assert states["reward"].tolist() == pytest.approx([NAN, 1, NAN, 0], nan_ok=True)
    units = recording["units"][[0, 2, 5, 7]]
    expected = principal_components(units, signs=cubes_positive)
    np.testing.assert_allclose(states[["pc1", "pc2"]], expected.scores)
    np.testing.assert_allclose(states[["share1", "share2"]].iloc[0], expected.shares)
