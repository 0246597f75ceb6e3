"""Memory in units: planted stores of the picture, of the relation, of nothing."""

import numpy as np
import pytest
from problems import problem_recording, problem_trials

from metarl.analysis.harlow.units import (
    DECODING_COLUMNS,
    cue_columns,
    decode,
    decoding_table,
    fixation_cues,
)

STORES = {
    "picture": lambda target, other: target,
    "relation": lambda target, other: target - other,
    "sign": lambda target, other: np.sign(target - other),
}


@pytest.fixture(scope="module")
def trials():
    return problem_trials(episodes=300)


def table_of(trials, keep, **more):
    recording = problem_recording(trials, keep, **more)
    return decoding_table({0: recording}, trials).set_index("units")


@pytest.mark.parametrize(
    ("store", "index", "slopes"),
    [
        ("picture", 0.0, (1.0, 0.0)),
        ("relation", 1.0, (0.5, -0.5)),
        ("sign", 1.0, None),
    ],
)
@pytest.mark.parametrize("replaced", [False, True])
def test_a_store_is_known_by_its_index(store, index, slopes, replaced):
    trials = problem_trials(episodes=300, replaced=replaced)
    result = table_of(trials, STORES[store]).loc["trained"]
    assert result["relation_index"] == pytest.approx(index, abs=0.1)
    assert result["r2_target"] > 0.25
    if slopes:
        actual = result[["slope_target", "slope_distractor"]]
        np.testing.assert_allclose(actual.astype(float), slopes, atol=0.06)


def test_a_store_of_the_picture_holds_nothing_of_the_other(trials):
    result = table_of(trials, STORES["picture"]).loc["trained"]
    assert result["r2_target"] > 0.95
    assert abs(result["r2_distractor"]) < 0.1
    both = table_of(trials, STORES["relation"]).loc["trained"]
    assert both["r2_distractor"] == pytest.approx(both["r2_target"], abs=0.1)


def test_objects_of_equal_cues_are_not_decoded(trials):
    recording = problem_recording(trials, STORES["picture"])
    cues = [*cue_columns(trials, "target"), *cue_columns(trials, "distractor")]
    levels = np.random.default_rng(1).uniform(0.5, 0.504, (len(trials), len(cues)))
    equal = trials.assign(**dict(zip(cues, levels.T, strict=True)))
    assert len(decoding_table({0: recording}, equal)) == 0


def test_units_that_hold_nothing_decode_nothing(trials):
    result = table_of(trials, STORES["picture"]).loc["untrained"]
    assert result["r2_target"] < 0.02
    assert abs(result["slope_target"]) < 0.1


def test_problems_are_predicted_from_other_problems(trials):
    # Units that name the problem, and nothing else, must not help.
    place, episode, target, other = fixation_cues(
        problem_recording(trials, STORES["picture"]), trials
    )
    named = np.eye(300)[episode]
    assert decode(named, episode, target, other)[0] < 0.02
    assert len(place) == 300 * 5


def test_the_cues_are_those_seen_before_the_fixation():
    trials = problem_trials(episodes=12, replaced=True)
    recording = problem_recording(trials, STORES["picture"])
    place, episode, _, other = fixation_cues(recording, trials)
    assert set(recording["event"][place]) == {1}
    # The first of a trial's two fixations.
    assert (recording["event"][place - 1] == 2).all()
    trial = recording["trial"][place]
    assert set(trial) == {1, 2, 3, 4, 5}
    keyed = trials.set_index(["episode", "trial"])
    for row in range(len(place)):
        before = keyed.loc[(episode[row], trial[row] - 1)]
        assert other[row].tolist() == [before[f"distractor_{c}"] for c in "rgb"]


def test_few_problems_and_tables_without_cues_give_no_numbers(trials):
    few = trials[trials["episode"] < 9]
    assert table_of(few, STORES["picture"]).loc["trained", "r2_target"] != 0
    assert np.isnan(table_of(few, STORES["picture"])["r2_target"]).all()
    bare = trials.drop(columns=[*cue_columns(trials, "target")])
    recording = problem_recording(few, STORES["picture"])
    table = decoding_table({0: recording}, bare)
    assert list(table) == list(DECODING_COLUMNS)
    assert table.empty


@pytest.mark.parametrize(
    ("store", "share"), [("picture", 0.75), ("relation", 1.0), ("nothing", 0.5)]
)
def test_the_sign_of_the_difference_is_known_to_the_relation_alone(store, share):
    trials = problem_trials(episodes=400, seed=3)
    keep = STORES.get(store, lambda target, other: 0 * target)
    result = table_of(trials, keep).loc["trained", "difference_sign"]
    assert result == pytest.approx(share, abs=0.08)


def test_many_noisy_units_and_few_problems_are_decoded_without_overfitting():
    # 200 units, 48 problems to learn from: without a fitting penalty r2 is negative.
    trials = problem_trials(episodes=60)
    result = table_of(trials, STORES["picture"], units=200, noise=4.0)
    assert result.loc["trained", "r2_target"] > 0.1
    assert -0.1 < result.loc["untrained", "r2_target"] < 0.1


def test_units_that_never_change_are_handled(trials):
    recording = problem_recording(trials, STORES["picture"])
    recording["units"][:, :10] = 1.0
    table = decoding_table({0: recording}, trials)
    assert table.set_index("units").loc["trained", "r2_target"] > 0.9
