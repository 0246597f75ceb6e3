"""Read-outs of units: found where planted, and at chance where there is nothing."""

import numpy as np
import pytest
from cue_observers import simulate

from metarl.analysis.inferred_value.behaviour import read_trials
from metarl.analysis.inferred_value.responses import recorded_trials
from metarl.analysis.inferred_value.units import (
    FOLDS,
    POINTS,
    RIDGE,
    component_readout,
    counting_readout,
    held_out,
    latent_readout,
    unit_states,
)
from metarl.analysis.recordings import units_of


def test_the_first_component_alone_is_read_out_at_fixation():
    """Planted in the largest direction at fixation, and nowhere else."""
    trials, recording = simulate("inferring", episodes=60)
    table = recorded_trials(recording, read_trials(trials))
    draw = np.random.default_rng(5)
    units = draw.normal(size=(len(recording["rpe"]), 4))
    cue = np.where(table["rewarded_cue"] == "B", 1.0, -1.0)
    # What is known at fixation of a reversal trial is the cue of before.
    known = np.where(table["place"] == 1, -cue, cue)
    units[table["row_fixation"].to_numpy(), 1] += 9 * known
    found = component_readout({"trained": units}, table)
    assert set(found["event"]) == {"fixation"}
    shares = found.set_index("place")["share"]
    assert shares[1] < 0.05
    assert shares[2] > 0.95
    noise = component_readout({"trained": draw.normal(size=units.shape)}, table)
    assert noise.set_index("place")["share"][2] == pytest.approx(0.5, abs=0.2)


@pytest.fixture(scope="module")
def inferring():
    trials, recording = simulate("inferring", episodes=60)
    return units_of(recording), recorded_trials(recording, read_trials(trials))


def test_a_readout_is_right_on_episodes_it_was_not_fitted_on():
    draw = np.random.default_rng(0)
    label, episodes = draw.random(500) < 0.3, np.repeat(np.arange(50), 10)
    units = draw.normal(size=(500, 4))
    units[:, 2] += 6.0 * label
    everywhere = np.ones(500, dtype=bool)
    said = held_out(100 + units, label, everywhere, episodes)
    assert ((said > 0) == label).mean() > 0.99
    nothing = held_out(draw.normal(size=(500, 4)), label, everywhere, episodes)
    hits = [((nothing > 0) == label)[label == kind].mean() for kind in (True, False)]
    assert np.mean(hits) == pytest.approx(0.5, abs=0.1)


def test_a_readout_is_ridge_regression_with_labels_of_equal_weight():
    draw = np.random.default_rng(3)
    label, episodes = draw.random(300) < 0.2, np.repeat(np.arange(30), 10)
    units = 3 + draw.normal(size=(300, 3)) @ draw.normal(size=(3, 3))
    units[:, 1] += label
    said = held_out(units, label, np.ones(300, dtype=bool), episodes)
    for part in range(FOLDS):
        new = episodes % FOLDS == part
        rows, known = units[~new], label[~new]
        weight = np.where(known, 0.5 / known.mean(), 0.5 / (~known).mean()) / len(rows)
        spread = weight @ (rows - weight @ rows) ** 2
        # The penalty as three more rows, of one unit each, that should be 0.
        design = np.vstack(
            [
                np.column_stack([np.ones(len(rows)), rows]) * np.sqrt(weight)[:, None],
                np.column_stack([np.zeros(3), np.diag(np.sqrt(RIDGE * spread))]),
            ]
        )
        aim = np.append(np.where(known, 1, -1) * np.sqrt(weight), np.zeros(3))
        fitted = np.linalg.lstsq(design, aim, rcond=None)[0]
        assert said[new] == pytest.approx(fitted[0] + units[new] @ fitted[1:])


def test_an_episode_is_never_read_out_by_its_own_fit():
    # One unit for each episode carries the label, but only of that episode.
    draw = np.random.default_rng(0)
    label = np.repeat(draw.random(40) < 0.5, 5)
    episodes = np.repeat(np.arange(40), 5)
    units = np.eye(40)[episodes]
    said = held_out(units, label, np.ones(200, dtype=bool), episodes)
    assert ((said > 0) == label).mean() < 0.7


def test_only_the_fitted_rows_are_fitted_on():
    draw = np.random.default_rng(0)
    label, episodes = draw.random(400) < 0.5, np.repeat(np.arange(40), 10)
    fitted = np.arange(400) % 2 == 0
    # Elsewhere the unit says the opposite.
    units = np.where(label == fitted, 1.0, -1.0)[:, None]
    said = held_out(units, label, fitted, episodes)
    assert ((said > 0) == label)[fitted].all()
    assert not ((said > 0) == label)[~fitted].any()


def test_a_readout_ignores_scale_and_units_that_never_change():
    draw = np.random.default_rng(1)
    label, episodes = draw.random(200) < 0.5, np.repeat(np.arange(20), 10)
    units = draw.normal(size=(200, 3)) + 2.0 * label[:, None]
    everywhere = np.ones(200, dtype=bool)
    plain = held_out(units, label, everywhere, episodes)
    more = np.column_stack([units * 1e3, np.full(200, 3.0), np.zeros(200)])
    other = held_out(more, label, everywhere, episodes)
    assert other == pytest.approx(plain, abs=1e-6)


def test_without_both_labels_nothing_is_read_out():
    units, episodes = np.ones((20, 2)), np.repeat(np.arange(10), 2)
    everywhere = np.ones(20, dtype=bool)
    assert np.isnan(held_out(units, everywhere, everywhere, episodes)).all()
    one = np.zeros(20)
    assert np.isnan(held_out(units, one == 0, everywhere, one)).all()


def test_the_latent_state_turns_with_the_feedback(inferring):
    table = latent_readout(*inferring)
    share = table.set_index(["units", "place", "event"])["share"]
    events = ("fixation", "cue", "go", "outcome")
    trained = [share["trained", p, e] for p in range(6) for e in events]
    assert trained == [0] * 7 + [1] * 17
    untrained = table.loc[table["units"] == "untrained", "share"]
    assert untrained.to_numpy() == pytest.approx(0.5, abs=0.15)
    trials = table[table["event"] == "cue"].set_index(["units", "place"])["trials"]
    assert (
        trials["trained", 1]
        == ((inferring[1]["switched"] == 1) & (inferring[1]["block_trial"] == 0)).sum()
    )


def test_a_readout_of_the_trial_in_the_block_finds_networks_that_count():
    by_name = {}
    for kind in ("inferring", "counting"):
        trials, recording = simulate(kind, episodes=60)
        table = counting_readout(
            units_of(recording), recorded_trials(recording, read_trials(trials))
        )
        by_name[kind] = table.set_index("units")["accuracy"]
        quiet = trials[trials["switched"] == 0]
        assert table["trials"].unique() == [len(quiet)]
    assert by_name["counting"]["trained"] > 0.99
    assert by_name["counting"]["untrained"] == pytest.approx(0.5, abs=0.05)
    assert by_name["inferring"]["trained"] == pytest.approx(0.5, abs=0.05)


def test_a_surprise_is_no_counting():
    # A unit that remembers for one trial that a reversal was just seen.
    trials, recording = simulate("inferring", episodes=60)
    table = recorded_trials(recording, read_trials(trials))
    surprised = (table["switched"] == 1) & (table["block_trial"] == 1)
    units = np.zeros((len(recording["event"]), 1))
    units[table["row_fixation"], 0] = surprised
    units += 0.01 * np.random.default_rng(0).normal(size=units.shape)
    accuracy = counting_readout({"trained": units}, table)["accuracy"]
    assert accuracy.to_numpy() == pytest.approx(0.5, abs=0.05)


def test_states_are_clusters_by_the_rewarded_cue_that_swap_at_a_reversal(inferring):
    units, table = inferring
    states = unit_states(4 * units["trained"][:, :1], table)
    counts = states.groupby(["event", "rewarded_cue", "reversal"]).size()
    assert len(counts) == 16
    assert counts.max() <= POINTS
    first = states.groupby(["event", "reversal", "rewarded_cue"])["first"].mean()
    for event in ("fixation", "cue", "go", "outcome"):
        assert first[event, False, "B"] > 0.5 > -0.5 > first[event, False, "A"]
        turned = event == "outcome"
        assert (first[event, True, "B"] > first[event, True, "A"]) == turned
    assert states[["first", "second"]].abs().max().max() <= 1
    assert states["second"].eq(0).all()


def test_the_first_component_is_the_largest_and_points_to_b(inferring):
    units, table = inferring
    noise = np.random.default_rng(2).normal(size=(len(units["trained"]), 2))
    activity = np.column_stack([0.05 * noise, 4 * units["trained"][:, 0]])
    result = [unit_states(sign * activity, table) for sign in (1, -1)]
    for states in result:
        known = states[~states["reversal"].astype(bool)]
        first = known.groupby(["event", "rewarded_cue"])["first"]
        assert (first.min().loc[:, "B"] > first.max().loc[:, "A"]).all()
    assert result[0]["first"].to_numpy(float) == pytest.approx(
        result[1]["first"].to_numpy(float)
    )


def test_baselines_have_no_units():
    _, recording = simulate("inferring", episodes=2)
    none = recording | {"units": np.zeros((len(recording["event"]), 0))}
    assert set(units_of(none)) == {"untrained"}
    del none["units_untrained"]
    assert not units_of(none)


def test_without_usable_trials_nothing_is_read_out():
    nothing = np.zeros(0, dtype=bool)
    assert held_out(np.zeros((0, 3)), nothing, nothing, np.zeros(0)).size == 0
