"""Unit coding: compared with least squares; units that code and others."""

import numpy as np
import pandas as pd
import pytest
from baited_choosers import baited_trials, coding_units, recording_of
from scipy import stats

from metarl.analysis.matching.behaviour import read_trials
from metarl.analysis.matching.units import (
    CONTROLS,
    VARIABLES,
    coding_table,
    partial_correlations,
    unit_table,
)
from metarl.core.checks import MetaRLError


@pytest.fixture(scope="module")
def trials():
    return baited_trials("matching", episodes=60)


def of_variable(table, name, network="trained"):
    rows = table[(table["variable"] == name) & (table["network"] == network)]
    return rows.set_index("unit") if "unit" in rows else rows.iloc[0]


def residual(values, controls):
    design = np.column_stack([np.ones(len(values)), controls])
    return values - design @ np.linalg.lstsq(design, values, rcond=None)[0]


def test_partial_correlations_are_those_of_least_squares_residuals():
    generator = np.random.default_rng(0)
    labels = generator.normal(size=(500, 5))
    labels[:, 2] += labels[:, 0]
    labels[:, 4] += labels[:, 3] - labels[:, 1]
    units = labels @ generator.normal(size=(5, 7)) + generator.normal(size=(500, 7))
    correlations = partial_correlations(units, labels)
    assert correlations.shape == (5, 7)
    for place, controls in enumerate(CONTROLS):
        others = labels[:, list(controls)]
        variable = residual(labels[:, place], others)
        for unit in range(7):
            expected = np.corrcoef(variable, residual(units[:, unit], others))[0, 1]
            assert correlations[place, unit] == pytest.approx(expected)


def test_the_variables_that_are_regressed_out_are_declared():
    named = {
        VARIABLES[place]: {VARIABLES[k] for k in controls}
        for place, controls in enumerate(CONTROLS)
    }
    four = set(VARIABLES[:4])
    assert named.pop("upcoming action") == four
    assert named == {name: four - {name} for name in four}


def test_a_unit_or_a_label_that_does_not_vary_has_no_coding():
    generator = np.random.default_rng(1)
    labels = generator.normal(size=(100, 5))
    units = np.column_stack([np.zeros(100), labels[:, 0]])
    correlations = partial_correlations(units, labels)
    assert correlations[:, 0].tolist() == [0] * 5
    assert correlations[0, 1] == pytest.approx(1)
    labels[:, 3] = 2.0
    correlations = partial_correlations(units, labels)
    assert np.isnan(correlations[3]).all()
    assert np.isfinite(correlations[:3]).all()
    labels[:, 4] = -labels[:, 0]
    assert np.isnan(partial_correlations(units, labels)[4]).all()


def labels_by_hand(trials):
    """One row a trial from the second of its episode: the five variables."""
    rows = []
    for _, episode in trials.groupby("episode"):
        side = 2 * episode["choice"].to_numpy() - 1
        won = 2 * episode["reward"].to_numpy() - 1
        left = episode["chance_left"].to_numpy()
        rows += [
            (side[t - 1], won[t - 1], side[t - 1] * won[t - 1], left[t], side[t])
            for t in range(1, len(episode))
        ]
    return np.array(rows, dtype=float)


def test_each_unit_is_correlated_with_the_trial_it_precedes(trials):
    """Units are the labels themselves, so a shift by a trial or a step would show."""
    labels = labels_by_hand(trials)
    units = np.zeros((len(trials), 5))
    shortest = trials.groupby("episode")["trial"].max().min()
    common = (trials.loc[trials["trial"] > 0, "trial"] <= shortest).to_numpy()
    units[(trials["trial"] > 0).to_numpy()] = labels
    table = unit_table(recording_of(trials, units, episodes=60), read_trials(trials))
    assert common.mean() < 0.8
    ranks = stats.rankdata(labels[common], axis=0)
    for place, name in enumerate(VARIABLES):
        rows = of_variable(table, name)
        assert rows.loc[place, "r"] == pytest.approx(1)
        for unit in range(5):
            controls = ranks[:, list(CONTROLS[place])]
            expected = np.corrcoef(
                residual(ranks[:, place], controls), residual(ranks[:, unit], controls)
            )[0, 1]
            # Of a unit that is a control, the controls leave nothing.
            if unit not in CONTROLS[place]:
                assert rows.loc[unit, "r"] == pytest.approx(expected, abs=1e-6)


def test_monotone_distortion_of_a_unit_changes_nothing(trials):
    units = coding_units(trials, np.random.default_rng(0))
    one, other = (
        unit_table(recording_of(trials, activity), read_trials(trials))
        for activity in (units, np.exp(units))
    )
    np.testing.assert_allclose(one["r"], other["r"])


def test_planted_coding_is_found_and_no_other(trials):
    generator = np.random.default_rng(3)
    units = coding_units(trials, generator)
    untrained = coding_units(trials, generator, upcoming=0.0)
    table = unit_table(recording_of(trials, units, untrained), read_trials(trials))
    coding = coding_table(table)
    for network in ("trained", "untrained"):
        action = of_variable(coding, "last action", network)
        assert action["strength"] > 0.3
        assert action["fraction"] > 0.7
        assert action["wrong_episode"] < 0.05
        # No unit holds a product beyond actions and rewards.
        assert of_variable(coding, "action x reward", network)["strength"] < 0.05
        assert of_variable(coding, "action x reward", network)["fraction"] <= 0.1
    assert of_variable(coding, "upcoming action")["strength"] > 0.3
    for name in ("upcoming action", "left value"):
        assert of_variable(coding, name, "untrained")["strength"] < 0.05
        assert of_variable(coding, name, "untrained")["fraction"] <= 0.1


def test_noise_is_rarely_called_coding(trials):
    """The probability of a false unit is 5 %, for each variable of each network."""
    frame, false = read_trials(trials), []
    for seed in range(12):
        units = np.random.default_rng(seed).normal(size=(len(trials), 8))
        table = unit_table(recording_of(trials, units), frame)
        false.append(table.groupby("variable")["coded"].max())
    share = float(np.mean(false))
    assert share < 0.05 + 4 * np.sqrt(0.05 * 0.95 / 60)


def test_slow_drift_within_episodes_is_not_called_coding(trials):
    """Units that follow the number of the trial alone, and a value that does too."""
    generator = np.random.default_rng(5)
    number = trials["trial"].to_numpy(float)
    units = number[:, None] + 3 * generator.normal(size=(len(trials), 8))
    value = number + 3 * generator.normal(size=len(trials))
    drifting = trials.assign(chance_left=value)
    table = unit_table(recording_of(drifting, units), read_trials(drifting))
    result = of_variable(table, "left value")
    assert result["r"].abs().min() > 0.5
    assert result["wrong_episode"].min() > 0.5
    assert result["coded"].sum() <= 1


def test_history_is_any_of_the_first_three():
    units = pd.DataFrame(
        {
            "network": "trained",
            "unit": np.tile([0, 1, 2, 3], 5),
            "variable": np.repeat(VARIABLES, 4),
            "r": 0.5,
            "wrong_episode": 0.1,
            "coded": [1, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 1, 1, 1, 1, 0, 0, 1, 1],
        }
    )
    coding = coding_table(units)
    assert of_variable(coding, "history")["fraction"] == 0.5
    assert of_variable(coding, "last action")["fraction"] == 0.25
    assert of_variable(coding, "left value")["fraction"] == 1.0
    assert np.isnan(of_variable(coding, "history")["strength"])
    assert of_variable(coding, "last reward")["strength"] == 0.5


def test_with_few_episodes_strength_is_known_but_not_which_units_code(trials):
    units = coding_units(trials, np.random.default_rng(0))
    table = unit_table(recording_of(trials, units, episodes=12), read_trials(trials))
    assert table["r"].notna().all()
    assert table["wrong_episode"].notna().all()
    assert table["coded"].isna().all()
    alone = unit_table(recording_of(trials, units, episodes=1), read_trials(trials))
    assert alone["wrong_episode"].isna().all()


def test_a_subject_that_chooses_one_side_only_has_no_coding(trials):
    stuck = trials.assign(choice=1)
    units = coding_units(trials, np.random.default_rng(0))
    table = unit_table(recording_of(stuck, units), read_trials(stuck))
    assert of_variable(table, "last action")["r"].isna().all()
    assert of_variable(table, "upcoming action")["coded"].isna().all()
    # The product is then the reward itself.
    assert of_variable(table, "last reward")["r"].isna().all()
    assert of_variable(table, "left value")["r"].notna().all()


def test_trials_around_a_missing_choice_are_left_out(trials):
    units = coding_units(trials, np.random.default_rng(0))
    broken = trials.copy()
    broken["choice"] = broken["choice"].astype(float)
    broken.loc[broken["trial"] == 10, ["choice", "reward", "valid"]] = np.nan, -1, 0
    outlying = units.copy()
    at = broken["trial"].isin([10, 11]).to_numpy()
    outlying[at] = 1e6
    one = unit_table(recording_of(broken, units), read_trials(broken))
    other = unit_table(recording_of(broken, outlying), read_trials(broken))
    pd.testing.assert_frame_equal(one, other)


def test_a_network_that_was_not_recorded_has_no_rows(trials):
    units = coding_units(trials, np.random.default_rng(0))
    table = unit_table(recording_of(trials, units), read_trials(trials))
    assert table["network"].unique().tolist() == ["trained"]
    nothing = recording_of(trials, units[:, :0])
    empty = unit_table(nothing, read_trials(trials))
    assert empty.empty
    assert coding_table(empty).empty


def test_a_recording_of_other_trials_is_refused(trials):
    units = coding_units(trials, np.random.default_rng(0))
    recording = recording_of(trials, units)
    some = read_trials(trials[trials["episode"] > 3])
    with pytest.raises(MetaRLError, match="give the trials of the same evaluation"):
        unit_table(recording, some)
    twice = read_trials(pd.concat([trials, trials.assign(session=1)]))
    with pytest.raises(
        MetaRLError, match="goes with the trials of one subject and session"
    ):
        unit_table(recording, twice)
    names = np.array(["wait", "choice", "end"])
    with pytest.raises(MetaRLError, match="no event fixation; its events are wait, c"):
        unit_table(recording | {"event_names": names}, read_trials(trials))
    bare = {k: v for k, v in recording.items() if k != "units"}
    with pytest.raises(MetaRLError, match="the step recording has no column units"):
        unit_table(bare, read_trials(trials))
