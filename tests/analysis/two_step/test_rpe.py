"""Regressions of recorded prediction errors on those of the references."""

import numpy as np
import pandas as pd
import pytest

from metarl.analysis.two_step import ANALYSIS
from metarl.analysis.two_step.rpe import (
    error_regressions,
    error_table,
    model_free_residual,
    recorded_errors,
    structure_of,
)
from metarl.core.checks import MetaRLError

KNOWN = structure_of(ANALYSIS.published)


def r2(trials, recording):
    table = error_regressions(error_table(recording, trials, 0.9, KNOWN))
    return table.set_index("event")


def test_recorded_errors_are_read_where_they_are_revealed():
    # Two trials of three steps and an end row; rpe is the row's own number. The last
    # reward's, at the episode's end, is left out.
    recording = {
        "episode": np.zeros(7, int),
        "trial": np.array([0, 0, 0, 1, 1, 1, 1]),
        "event": np.array([0, 1, 2, 0, 1, 2, 3]),
        "event_names": np.array(["fixation", "choice", "outcome", "end"]),
        "reward": np.array([0, 0, 1, 0, 0, 0.0, np.nan]),
        "rpe": np.array([np.nan, 1, 2, 3, 4, 5, 6.0]),
    }
    result = recorded_errors(recording)
    assert result["second stage"].tolist() == [2, 5]
    np.testing.assert_equal(result["reward"].to_numpy(), [3, np.nan])
    assert result["outcome"].tolist() == [1, 0]


def test_the_rpe_of_a_planner_is_model_based_and_nothing_else(simulate):
    table = r2(*simulate("planner", 30))
    assert table["r2_model_based"].min() > 0.999
    assert table["r2_model_free_orthogonal"].max() < 0.001
    assert table["joint_model_based"].to_numpy() == pytest.approx([1, 1, 1], abs=1e-6)
    assert table["joint_model_free"].to_numpy() == pytest.approx([0, 0, 0], abs=1e-6)
    assert table["n"].tolist() == [5970, 3000, 2970]


def test_the_rpe_of_sarsa_explains_the_residual_of_the_planner(simulate):
    table = r2(*simulate("sarsa", 100, temperature=0.1))
    assert table["r2_model_free_orthogonal"]["both"] > 0.3
    assert table["r2_model_based"]["both"] < 0.8
    assert table["joint_model_free"]["both"] == pytest.approx(1, abs=1e-6)
    assert table["r2_joint"]["both"] == pytest.approx(1)


def test_noise_lowers_the_planner_share_and_adds_no_model_free(simulate):
    trials, recording = simulate("planner", 100)
    noise = np.random.default_rng(0).normal(size=len(recording["rpe"]))
    noisy = recording | {"rpe": recording["rpe"] + 0.3 * noise}
    table = r2(trials, noisy)
    assert 0.3 < table["r2_model_based"]["both"] < 0.9
    assert table["r2_model_free_orthogonal"]["both"] < 0.001


def test_an_unrelated_rpe_is_neither(simulate):
    trials, recording = simulate("planner", 100)
    noise = np.random.default_rng(0).normal(size=len(recording["rpe"]))
    table = r2(trials, recording | {"rpe": noise})
    assert (
        table[["r2_model_based", "r2_model_free_orthogonal"]].to_numpy().max() < 0.001
    )


def test_the_residual_is_orthogonal_to_the_planner(simulate):
    trials, recording = simulate("sarsa", 20)
    errors = error_table(recording, trials, 0.9, KNOWN)
    residual = model_free_residual(errors)
    assert np.corrcoef(residual, errors["model_based"])[0, 1] == pytest.approx(
        0, abs=1e-9
    )
    assert residual.std() > 0.1


def test_rows_of_the_trial_table_may_come_in_any_order(simulate):
    trials, recording = simulate("planner", 5)
    shuffled = trials.sample(frac=1, random_state=0)
    one = error_table(recording, trials, 0.9, KNOWN)
    pd.testing.assert_frame_equal(one, error_table(recording, shuffled, 0.9, KNOWN))


def test_a_recording_of_some_episodes_uses_their_trials(simulate):
    trials, recording = simulate("planner", 6)
    later = np.isin(recording["episode"], [2, 5])
    part = {k: v[later] for k, v in recording.items() if k != "event_names"}
    part["event_names"] = recording["event_names"]
    whole = error_table(recording, trials, 0.9, KNOWN)
    table = error_table(part, trials, 0.9, KNOWN)
    result = whole[whole["episode"].isin([2, 5])].reset_index(drop=True)
    pd.testing.assert_frame_equal(table, result)


def test_trials_without_a_choice_have_no_row(simulate):
    trials, recording = simulate("planner", 2)
    blank = trials["trial"] == 7
    trials = trials.astype({"transition": object})
    trials.loc[blank, ["choice", "second_state", "transition"]] = np.nan
    trials.loc[blank, "valid"] = 0
    errors = error_table(recording, trials, 0.9, KNOWN)
    assert len(errors) == 2 * (99 + 98)
    assert 7 not in set(errors["trial"])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda r: {k: v for k, v in r.items() if k != "rpe"},
            "the step recording has no column rpe; it needs episode, trial, event, "
            "event_names, reward, rpe",
        ),
        (
            lambda r: r | {"event_names": np.array(["a", "b", "c", "end"])},
            "the step recording has no event outcome; its events are a, b, c, end",
        ),
        (
            lambda r: {k: v if k == "event_names" else v[:-1] for k, v in r.items()},
            "the step recording stops after an outcome, so that the error at its "
            "reward is not known; record whole episodes, with their end rows",
        ),
        (
            lambda r: r | {"episode": r["episode"] + 1},
            "the trial table lacks trial 0 of episode 2, which is recorded; give the "
            "trials of the same evaluation",
        ),
    ],
)
def test_a_wrong_recording_gets_one_sentence(simulate, change, sentence):
    trials, recording = simulate("random", 2)
    with pytest.raises(MetaRLError) as caught:
        error_table(change(recording), trials, 0.9, KNOWN)
    assert str(caught.value) == sentence


def test_end_rows_that_are_missing_inside_are_noticed(simulate):
    trials, recording = simulate("random", 2)
    keep = recording["event"] != 3
    keep[-1] = True
    cut = {k: v if k == "event_names" else v[keep] for k, v in recording.items()}
    with pytest.raises(MetaRLError, match="stops after an outcome"):
        error_table(cut, trials, 0.9, KNOWN)


def test_two_sessions_of_one_subject_are_refused(simulate):
    trials, recording = simulate("random", 2)
    twice = pd.concat([trials, trials.assign(session=1)])
    with pytest.raises(MetaRLError, match="the trials of one subject and session"):
        error_table(recording, twice, 0.9, KNOWN)
