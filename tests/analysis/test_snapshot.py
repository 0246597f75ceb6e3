"""Prediction errors by event and principal components, by hand and by law."""

import numpy as np
import pytest

from metarl.analysis.snapshot import (
    mean_rpe_by_event,
    principal_components,
    trial_states,
)
from metarl.core.checks import MetaRLError

NAN = np.nan


def record(**changes):
    """Two episodes of two trials: look, then press, which pays 0 or 1."""
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


def test_errors_are_averaged_by_event_and_by_what_the_step_before_paid():
    table = mean_rpe_by_event(record())
    assert table["event"].tolist() == ["look", "look", "press"]
    assert table["paid"].tolist() == ["0", "1", "0"]
    assert table["rpe"].tolist() == pytest.approx([-0.5, 0.5, 0.2])
    assert table["n"].tolist() == [1, 1, 4]
    spread = table["deviation"].to_numpy()
    assert np.isnan(spread[:2]).all()
    assert spread[2] == pytest.approx(np.std([0.1, 0.3, 0.3, 0.1], ddof=1))


def test_rewards_of_many_amounts_are_put_together_about_half_of_the_largest():
    reward = np.array([-1, 0, 0.2, 0.5, NAN, 0.3, 0.9, 1, 0, NAN])
    table = mean_rpe_by_event(record(reward=reward))
    named = table.set_index(["event", "paid"])["n"].to_dict()
    assert named == {
        ("look", "0"): 1,
        ("look", "above 0.5"): 1,
        ("press", "below 0"): 1,
        ("press", "up to 0.5"): 2,
        ("press", "above 0.5"): 1,
    }
    assert (table.groupby("paid")["order"].nunique() == 1).all()


def test_a_recording_without_rewards_is_refused_by_name():
    recording = record()
    del recording["reward"]
    with pytest.raises(MetaRLError, match="the step recording has no column reward"):
        mean_rpe_by_event(recording)


def test_components_of_a_line_lie_on_it_in_units_of_activity():
    along = np.linspace(-2, 2, 9)
    units = 5 + np.outer(along, [0.6, 0.0, 0.8])
    scores, shares = principal_components(units)
    np.testing.assert_allclose(scores[:, 0], along, atol=1e-12)
    np.testing.assert_allclose(scores[:, 1], 0, atol=1e-6)
    np.testing.assert_allclose(shares, [1, 0], atol=1e-12)


def test_the_shares_are_the_variances_of_the_scores():
    units = np.random.default_rng(2).normal(size=(50, 4)) * [1, 3, 2, 0.5]
    scores, shares = principal_components(units)
    total = units.var(axis=0).sum()
    np.testing.assert_allclose(scores.var(axis=0) / total, shares)
    assert shares[0] > shares[1]
    assert abs(np.corrcoef(scores.T)[0, 1]) < 1e-9


def test_the_picture_does_not_turn_over_when_the_units_hardly_change():
    generator = np.random.default_rng(3)
    units = generator.normal(size=(60, 5)) * [4, 2, 1, 1, 1]
    first = principal_components(units).scores
    for _ in range(20):
        units = units + generator.normal(size=units.shape) * 0.01
        again = principal_components(units).scores
        assert (np.sum(first * again, axis=0) > 0).all()


@pytest.mark.parametrize("units", [np.ones((4, 3)), np.ones((4, 1))])
def test_units_that_do_not_vary_have_no_components(units):
    scores, shares = principal_components(units)
    assert not scores.any()
    assert not shares.any()


def test_states_are_those_as_trials_begin_with_what_the_trial_before_paid():
    recording = record()
    states = trial_states(recording)
    assert states["episode"].tolist() == [3, 3, 4, 4]
    assert states["trial"].tolist() == [0, 1, 0, 1]
    assert states["reward"].tolist() == pytest.approx([NAN, 1, NAN, 0], nan_ok=True)
    expected = principal_components(recording["units"][[0, 2, 5, 7]])
    np.testing.assert_allclose(states[["pc1", "pc2"]], expected.scores)
    np.testing.assert_allclose(states[["share1", "share2"]].iloc[0], expected.shares)
