"""Decoding from units: planted codes are found and noise is not; with the null."""

import numpy as np
import pytest
from bandits import recording, table

from metarl.analysis.bandit.behaviour import read_problems
from metarl.analysis.bandit.units import (
    activity,
    coding,
    components,
    decoded_r2,
    final_states,
    trajectories,
)

EPISODES, TRIALS, UNITS = 60, 8, 6


@pytest.fixture(scope="module")
def trials():
    generator = np.random.default_rng(3)
    left = generator.random(EPISODES)
    probabilities = np.column_stack([left, 1 - left])
    return table(generator.integers(2, size=(EPISODES, TRIALS)), probabilities)


@pytest.fixture(scope="module")
def problems(trials):
    return read_problems(trials)[0]


def noise(seed=0, size=UNITS):
    generator = np.random.default_rng(seed)
    return generator.normal(size=(EPISODES, TRIALS, size))


def planted(problems, scale=0.01):
    """Units that fan out along one axis, by the left arm's probability."""
    axis = np.linspace(1, 2, UNITS)
    time = np.arange(TRIALS) / TRIALS
    code = (problems.probabilities[:, 0] - 0.5)[:, None] * time
    return code[:, :, None] * axis + scale * noise(1)


def test_a_linear_code_is_read_out_of_units_not_fitted(problems):
    left = problems.probabilities[:, 0].astype(float)
    assert decoded_r2(planted(problems)[:, -1], left) > 0.98
    assert decoded_r2(noise()[:, -1], left) < 0.2
    # As many noisy units as a fit needs to explain all it has seen.
    assert decoded_r2(noise(size=50)[:, -1], left) < 0.2


def test_the_read_out_is_computed_by_hand():
    """One unit that is the value itself: ridge 1 shrinks by 1 / (1 + 1 / n)."""
    value = np.tile([-1.0, 1.0], 30)
    result = decoded_r2(value[:, None], value)
    assert result == pytest.approx(1 - (1 / 55) ** 2, abs=1e-6)


@pytest.mark.parametrize("value", [np.full(40, 0.3), np.linspace(0, 1, 19)])
def test_nothing_is_decoded_from_one_value_or_few_episodes(value):
    assert np.isnan(decoded_r2(np.random.default_rng(0).random((len(value), 3)), value))


def test_nothing_is_decoded_from_units_that_never_change():
    value = np.linspace(0, 1, 40)
    assert decoded_r2(np.zeros((40, 3)), value) == pytest.approx(0, abs=0.01)


def test_coding_is_compared_with_an_untrained_networks(trials, problems):
    steps = recording(trials, planted(problems), noise())
    row = coding(4, activity(steps, problems))
    assert row["subject"] == 4
    assert row["episodes"] == EPISODES
    assert row["r2"] > 0.98
    assert row["r2_gain"] == pytest.approx(row["r2"] - row["r2_untrained"])
    assert row["r2_gain"] > 0.8
    assert row["variance"] > 0.9 > row["variance_untrained"]
    same = coding(4, activity(recording(trials, noise(), noise()), problems))
    assert same["r2_gain"] == 0


def test_the_first_components_are_decoded_trial_by_trial(trials, problems):
    """Planted from the sixth trial on, on ten times the scale of the noise."""
    left = problems.probabilities[:, 0].astype(float)
    units = noise()
    count = units.shape[1]
    units[:, 5:, 0] += 50 * left[:, None]
    row = coding(0, activity(recording(trials, units, noise()), problems))
    assert row["final_r2"] > 0.9
    assert row["path_r2"] == pytest.approx((count - 5) / count, abs=0.1)
    assert row["final_r2_untrained"] < 0.2
    assert row["path_r2_untrained"] < 0.1


def test_without_the_untrained_network_there_is_no_gain(trials, problems):
    row = coding(0, activity(recording(trials, planted(problems)), problems))
    assert row["r2"] > 0.98
    assert np.isnan([row["r2_untrained"], row["r2_gain"]]).all()
    names = ("variance", "path_r2", "final_r2")
    assert np.isnan([row[f"{name}_untrained"] for name in names]).all()


def test_activity_is_laid_out_by_episode_with_its_probability(trials, problems):
    units = noise()
    recorded = activity(recording(trials, units), problems)
    np.testing.assert_array_equal(recorded.units, units)
    np.testing.assert_array_equal(recorded.left, problems.probabilities[:, 0])
    assert recorded.untrained is None
    later = trials.assign(episode=trials["episode"] + 100)
    known = read_problems(later)[0]
    some = activity(recording(later, units[:5]), known)
    np.testing.assert_array_equal(some.left, known.probabilities[:5, 0])


def test_episodes_that_the_table_lacks_or_that_were_truncated_are_left_out(
    trials, problems
):
    units = noise()
    steps = recording(trials, units)
    steps["episode"] = np.where(steps["episode"] == 2, 999, steps["episode"])
    cut = {
        k: values if k == "event_names" else values[:-3] for k, values in steps.items()
    }
    recorded = activity(cut, problems)
    result = [k for k in range(EPISODES - 1) if k != 2]
    np.testing.assert_array_equal(recorded.units, units[result])
    np.testing.assert_array_equal(recorded.left, problems.probabilities[result, 0])


def test_without_units_there_is_no_activity(trials, problems):
    assert activity({}, problems) is None
    assert activity(recording(trials, noise(size=0)), problems) is None
    steps = recording(trials, noise())
    steps["episode"] = steps["episode"] + 1000
    assert activity(steps, problems) is None


def test_components_are_computed_by_hand():
    units = np.zeros((2, 2, 3))
    units[:, :, 1] = [[-3, -1], [1, 3]]
    units[:, :, 2] = [[1, -1], [-1, 1]]
    result = components(units + 5)
    assert result.shares == pytest.approx([20 / 24, 4 / 24])
    assert result.shares.sum() == pytest.approx(1)
    np.testing.assert_allclose(result.scores[:, :, 0], [[-3, -1], [1, 3]], atol=1e-12)
    np.testing.assert_allclose(result.scores[:, :, 1], [[1, -1], [-1, 1]], atol=1e-12)
    assert components(np.ones((2, 3, 4))).shares.tolist() == [0, 0]


def test_a_path_is_the_mean_of_its_class_of_problems(trials, problems):
    recorded = activity(recording(trials, planted(problems)), problems)
    paths = trajectories(recorded)
    left = recorded.left
    assert sorted(paths["left"].unique()) == [0.1, 0.3, 0.5, 0.7, 0.9]
    scores = components(recorded.units).scores
    for middle, path in paths.groupby("left"):
        within = np.abs(left - middle) <= 0.1
        assert path["episodes"].unique() == [within.sum()]
        assert path["trial"].tolist() == list(range(1, TRIALS + 1))
        expected = scores[within].mean(axis=0)
        np.testing.assert_allclose(path[["pc1", "pc2"]], expected)
    ends = paths[paths["trial"] == TRIALS].set_index("left")["pc1"]
    assert ends.is_monotonic_increasing
    assert paths["share1"].iloc[0] > 0.9


def test_last_states_are_those_of_the_last_trial(trials, problems):
    recorded = activity(recording(trials, planted(problems)), problems)
    states = final_states(recorded)
    scores = components(recorded.units).scores
    np.testing.assert_allclose(states[["pc1", "pc2"]], scores[:, -1])
    np.testing.assert_array_equal(states["left"], recorded.left)
