"""Trials placed around reversals, joined to their recordings."""

import numpy as np
import pandas as pd
import pytest
from cue_observers import simulate

from metarl.analysis.inferred_value.behaviour import SCHEMA, read_trials
from metarl.analysis.inferred_value.responses import recorded_trials
from metarl.core.checks import MetaRLError


@pytest.fixture(scope="module")
def observer():
    return simulate(episodes=6, invalid=0.1)


def short(cues, rewarded, switched, valid=None):
    """Blocks of two trials of one episode, as a table."""
    count = len(cues)
    return pd.DataFrame(
        {
            "subject": 0,
            "session": 0,
            "episode": 0,
            "trial": range(count),
            "choice": 0,
            "reward": 0,
            "valid": 1 if valid is None else valid,
            "forced": 1,
            "cue": list(cues),
            "rewarded_cue": list(rewarded),
            "block": np.arange(count) // 2,
            "block_trial": np.arange(count) % 2,
            "switched": np.repeat(switched, 2),
        }
    )


def test_trials_are_placed_from_the_last_before_a_reversal():
    table = read_trials(short("ABBABA", "AABBBB", [np.nan, 1, 0]))
    np.testing.assert_array_equal(table["place"], [np.nan, 0, 1, 2, np.nan, np.nan])
    # The new cue is B: on the last trial before, B is not yet the rewarded one.
    assert table["new"].tolist() == [False, True, True, False, False, False]
    assert table["seen"].tolist() == [False, False, True, False, False, False]


def test_two_reversals_in_a_row_turn_the_new_cue_round():
    table = read_trials(short("AAAAAA", "AABBAA", [np.nan, 1, 1]))
    np.testing.assert_array_equal(table["place"], [np.nan, 0, 1, 2, 1, 2])
    assert table["new"].tolist() == [False, False, False, False, True, True]


def test_a_trial_after_an_invalid_one_is_marked():
    table = read_trials(short("ABAB", "AABB", [np.nan, 1], valid=[1, 0, 1, 1]))
    assert table["after_valid"].tolist() == [False, True, False, True]


def test_episodes_and_subjects_do_not_run_into_each_other():
    one = short("AB", "AA", [np.nan])
    # A reversal in the first block of the next episode is no reversal of this one.
    other = short("BA", "AA", [1])
    parts = [one, other.assign(episode=1), other.assign(subject=1)]
    table = read_trials(pd.concat(parts))
    assert table["place"].isna().tolist() == [True] * 2 + [False] * 4
    assert table["after_valid"].tolist() == [False, True] * 3
    assert table["seen"].tolist() == [False] * 6


def test_rows_may_come_in_any_order(observer):
    trials, recording = observer
    shuffled = trials.sample(frac=1, random_state=0)
    pd.testing.assert_frame_equal(read_trials(trials), read_trials(shuffled))
    pd.testing.assert_frame_equal(
        recorded_trials(recording, read_trials(trials)),
        recorded_trials(recording, read_trials(shuffled)),
    )


def test_every_trial_gets_the_numbers_of_its_own_steps(observer):
    trials, recording = observer
    table = recorded_trials(recording, read_trials(trials))
    assert len(table) == 300
    for row in table.sample(20, random_state=1).to_dict("records"):
        here = (recording["episode"] == row["episode"]) & (
            recording["trial"] == row["trial"]
        )
        for code, event in enumerate(("fixation", "cue", "go", "outcome")):
            at = np.flatnonzero(here & (recording["event"] == code))
            assert [row[f"row_{event}"]] == at.tolist()
            assert row[f"value_{event}"] == recording["value"][at[0]]
            np.testing.assert_equal(row[f"rpe_{event}"], recording["rpe"][at[0]])


def test_a_recording_of_some_episodes_takes_their_trials(observer):
    trials, recording = observer
    chosen = np.isin(recording["episode"], [2, 4])
    part = {k: v[chosen] for k, v in recording.items() if k != "event_names"}
    part["event_names"] = recording["event_names"]
    table = recorded_trials(part, read_trials(trials))
    assert sorted(set(table["episode"])) == [2, 4]
    whole = recorded_trials(recording, read_trials(trials))
    whole = whole[whole["episode"].isin([2, 4])].reset_index(drop=True)
    assert table["rpe_cue"].tolist() == whole["rpe_cue"].tolist()
    assert table["place"].equals(whole["place"])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda t: t.drop(columns="rewarded_cue"),
            "the inferred-value trial table has no column rewarded_cue; it needs ",
        ),
        (
            lambda t: t.assign(cue="C"),
            "column cue must be A or B, got 'C'",
        ),
        (
            lambda t: t.assign(switched=2),
            "column switched must be 0, 1 or blank, got 2",
        ),
        (
            lambda t: t.assign(block="first"),
            "column block must be",
        ),
        (
            lambda t: t.assign(trial=0),
            "each trial must have one row, got a second row of subject 0, "
            "session 0, episode 0, trial 0 in row 2; ",
        ),
    ],
)
def test_a_wrong_table_gets_one_sentence(observer, change, sentence):
    with pytest.raises(MetaRLError) as caught:
        SCHEMA.check(change(observer[0]))
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda r: {k: v for k, v in r.items() if k != "rpe"},
            "the step recording has no column rpe; it needs episode, trial, event, "
            "event_names, value, rpe",
        ),
        (
            lambda r: r | {"event_names": np.array(["fixation", "a", "b", "c", "end"])},
            "the step recording has no event cue; its events are fixation, a, b, c, "
            "end",
        ),
        (
            lambda r: {k: v if k == "event_names" else v[2:] for k, v in r.items()},
            "the step recording must hold whole trials of fixation, cue, go, outcome, "
            "got some without a step",
        ),
        (
            lambda r: r | {"episode": r["episode"] + 1},
            "the trial table lacks trial 0 of episode 6, which is recorded; give the "
            "trials of the same evaluation",
        ),
    ],
)
def test_a_wrong_recording_gets_one_sentence(observer, change, sentence):
    trials, recording = observer
    with pytest.raises(MetaRLError) as caught:
        recorded_trials(change(recording), read_trials(trials))
    assert str(caught.value) == sentence
