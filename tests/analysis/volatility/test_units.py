"""Units: decoding and coding are found where planted, and only there."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from volatile_choosers import chooser_trials, step_recording

from metarl.analysis.statistics import fit_linear
from metarl.analysis.volatility.behaviour import read_episodes
from metarl.analysis.volatility.observer import observe
from metarl.analysis.volatility.units import (
    LEVELS,
    coding,
    coding_fractions,
    correlation,
    decode,
    recorded_units,
    unit_tables,
)
from metarl.core.checks import MetaRLError

EPISODES, UNITS = 24, 12


@pytest.fixture(scope="module")
def trials():
    return chooser_trials(episodes=EPISODES)


@pytest.fixture(scope="module")
def grid(trials):
    return read_episodes(trials)


@pytest.fixture
def noise():
    return np.random.default_rng(4).normal(size=(EPISODES, 200, UNITS))


def test_the_observers_estimate_is_decoded_from_units_that_carry_it(grid, noise):
    estimate = observe(grid["winner"]).volatility
    carried = 0.2 * noise
    carried[:, :, 3] += estimate
    assert correlation(decode(carried, estimate), estimate) > 0.6
    assert abs(correlation(decode(noise, estimate), estimate)) < 0.1


def test_an_episode_is_predicted_from_others_alone(grid, noise):
    # Each episode has its own level, and its own unit that codes it.
    target = np.repeat(np.arange(EPISODES)[:, None], 200, axis=1) % 2 * 1.0
    units = np.zeros((EPISODES, 200, EPISODES)) + 1e-3 * noise[:, :, :1]
    for episode in range(EPISODES):
        units[episode, :, episode] = 1
    assert correlation(decode(units, target), target) < 0.1


def test_units_that_repeat_each_other_or_never_change_can_be_decoded(grid, noise):
    estimate = observe(grid["winner"]).volatility
    units = np.stack([estimate, estimate, np.zeros_like(estimate)], axis=2)
    assert correlation(decode(units, estimate), estimate) > 0.99


def test_too_few_episodes_are_not_decoded(grid, noise):
    assert np.isnan(decode(noise[:9], grid["winner"][:9])).all()
    assert np.isfinite(decode(noise[:10], grid["winner"][:10])).all()


def test_a_correlation_is_pearsons():
    one, other = np.random.default_rng(0).normal(size=(2, 40))
    assert correlation(one, other) == pytest.approx(stats.pearsonr(one, other)[0])
    assert np.isnan(correlation(one, np.ones(40)))


def by_least_squares(unit, label, covariates):
    """Two-sided p of the label's weight, from a plain regression."""
    fit = fit_linear(unit, label, *covariates)
    design = np.column_stack([np.ones_like(label), label, *covariates])
    freedom = len(label) - design.shape[1]
    variance = fit.residuals @ fit.residuals / freedom
    error = np.sqrt(variance * np.linalg.inv(design.T @ design)[1, 1])
    return 2 * stats.t.sf(abs(fit.weights[1] / error), freedom)


def test_coding_is_a_regression_with_a_corrected_level(grid, noise):
    label = grid["volatility"]
    covariates = [grid["choice"], grid["probability_left"]]
    units = noise + np.linspace(0, 1, UNITS) * label[:, :, None]
    coded = coding(units, label, covariates)[0]
    assert 0.1 < coded.mean() < 0.9
    for episode in range(0, EPISODES, 5):
        for unit in range(UNITS):
            p = by_least_squares(
                units[episode, :, unit],
                label[episode],
                [c[episode] for c in covariates],
            )
            assert coded[episode, unit] == (p < 0.05 / UNITS)


def test_false_alarms_are_as_rare_as_declared():
    generator = np.random.default_rng(8)
    units = generator.normal(size=(2000, 60, 5))
    label = generator.integers(0, 2, (2000, 60)).astype(float)
    coded, *_ = coding(units, label, [generator.normal(size=(2000, 60))])
    any_unit = coded.any(axis=1).mean()
    expected = 1 - (1 - 0.05 / 5) ** 5
    assert abs(any_unit - expected) < 4 * np.sqrt(0.05 * 0.95 / 2000)


def test_variance_that_a_covariate_explains_is_no_coding(grid, noise):
    reward = (grid["choice"] == grid["winner"]) * np.where(
        grid["choice"] == 0, grid["magnitude_left"], grid["magnitude_right"]
    )
    before = np.pad(reward[:, :-1], ((0, 0), (1, 0)))
    for covariate in (before, grid["choice"], grid["probability_left"]):
        units = covariate[:, :, None] + 0.1 * noise
        assert coding_fractions(units, grid, "test")["own", 0.05] < 0.05


def test_units_that_never_change_or_one_action_all_along_are_handled(grid):
    units = np.zeros((EPISODES, 200, 3))
    units[:, :, 1] = grid["volatility"]
    always = [np.zeros_like(grid["choice"])]
    coded = coding(units, grid["volatility"], always)[0]
    assert coded[:, 1].all()
    assert not coded[:, [0, 2]].any()


def test_another_episodes_label_is_a_null_where_labels_differ(grid, noise):
    generator = np.random.default_rng(1)
    walks = generator.random((EPISODES, 200)) < 0.03
    labels = walks.cumsum(axis=1) % 2 * 1.0
    other = grid.assign(volatility=labels)
    units = labels[:, :, None] + noise
    result = coding_fractions(units, other, "generator")
    assert result["own", 0.05] > 0.9
    assert result["other episode", 0.05] < 0.6
    assert {name for name, _ in coding_fractions(units, other, "test")} == {"own"}


def test_fewer_units_are_counted_at_a_lower_threshold_of_p(grid, noise):
    units = noise + np.linspace(0, 0.6, UNITS) * grid["volatility"][:, :, None]
    own = [coding_fractions(units, grid, "test")["own", p] for p in LEVELS]
    assert LEVELS == (0.05, 0.01, 0.001)
    assert own[0] > own[1] > own[2] > 0


def test_episodes_without_a_change_of_volatility_are_left_out(grid, noise):
    label = grid["volatility"].copy()
    label[: EPISODES // 2] = 0
    units = label[:, :, None] + noise
    some = grid.assign(volatility=label)
    assert coding_fractions(units, some, "test")["own", 0.05] > 0.95
    none = grid.assign(volatility=np.zeros_like(label))
    assert np.isnan(coding_fractions(units, none, "test")["own", 0.05])


def test_units_are_laid_out_as_the_trials_whatever_the_order_of_steps(trials, noise):
    recording = step_recording(trials, noise, 2 * noise)
    mixed = np.random.default_rng(0).permutation(len(recording["event"]))
    shuffled = {k: v if k == "event_names" else v[mixed] for k, v in recording.items()}
    units, grid = recorded_units(shuffled, read_episodes(trials))
    np.testing.assert_array_equal(units["trained"], noise)
    np.testing.assert_array_equal(units["untrained"], 2 * noise)
    assert grid.episodes["episode"].tolist() == list(range(EPISODES))


def test_a_recording_of_the_first_episodes_goes_with_their_trials(trials, noise):
    units, grid = recorded_units(
        step_recording(trials, noise[:5]), read_episodes(trials)
    )
    assert list(units) == ["trained"]
    assert grid.episodes["episode"].tolist() == [0, 1, 2, 3, 4]


def test_a_recording_that_stops_in_an_episode_is_refused(trials, noise):
    recording = step_recording(trials, noise)
    cut = {k: v if k == "event_names" else v[:-30] for k, v in recording.items()}
    words = "whole episodes of its trial table, got 4771 steps for 24 episodes of 200"
    with pytest.raises(MetaRLError, match=words):
        recorded_units(cut, read_episodes(trials))


def test_the_tables_have_trained_and_untrained_units(trials, grid, noise):
    estimate = observe(grid["winner"]).volatility
    trained = 0.3 * noise + estimate[:, :, None]
    recordings = {0: step_recording(trials, trained, noise)}
    tables = unit_tables(recordings, grid, "test")
    r = tables["decoding"].set_index("units")["r"]
    assert r["trained"] > 0.6
    assert abs(r["untrained"]) < 0.2
    fraction = tables["coding"].set_index("units")["fraction"]
    assert fraction["trained"] > fraction["untrained"] + 0.1
    assert set(tables["coding"]["label"]) == {"own"}
    decoded = tables["decoded"]
    assert len(decoded) == 2 * 200
    low = decoded[decoded["order"] == "low-first"]
    expected = estimate[grid.episodes["order"] == "low-first"].mean(axis=0)
    np.testing.assert_allclose(low["estimate"].astype(float), expected)
    assert np.corrcoef(low["decoded"].astype(float), expected)[0, 1] > 0.8


def test_without_recordings_the_tables_are_empty(grid):
    tables = unit_tables({}, grid, "test")
    assert {k: len(v) for k, v in tables.items()} == {
        "decoding": 0,
        "coding": 0,
        "thresholds": 0,
        "decoded": 0,
    }
    assert isinstance(tables["coding"], pd.DataFrame)
