"""Accuracy by trial, from trial tables with planted accuracies."""

import numpy as np
import pandas as pd
import pytest
from problems import problem_recording, problem_trials

from metarl.analysis.harlow.behaviour import (
    CEILING,
    SCHEMA,
    accuracy_by_trial,
    ceiling_table,
    gaze_table,
    read_trials,
    subject_accuracy,
)
from metarl.core.checks import MetaRLError

PLANTED = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


def test_accuracy_is_the_share_of_selections_that_were_correct():
    trials = problem_trials(subjects=2, episodes=2_000, accuracy=PLANTED, missing=0.2)
    table = accuracy_by_trial(read_trials(trials))
    assert list(table["trial"].unique()) == [1, 2, 3, 4, 5, 6]
    for _, own in table.groupby("subject"):
        np.testing.assert_allclose(own["accuracy"], PLANTED, atol=0.04)
        np.testing.assert_allclose(own["selections"], 1_600, atol=80)


def test_a_subject_is_summed_up_over_trials_two_to_six():
    trials = problem_trials(episodes=3_000, accuracy=PLANTED)
    (one,) = subject_accuracy(read_trials(trials)).to_dict("records")
    correct = trials["correct"]
    assert one["first_trial"] == correct[trials["trial"] == 0].mean()
    assert one["second_trial"] == correct[trials["trial"] == 1].mean()
    assert one["later_trials"] == pytest.approx(correct[trials["trial"] > 0].mean())
    assert one["second_trials"] == 3_000
    assert one["missing"] == 0
    assert one["steps"] == 6.5
    assert one["reward_per_episode"] == pytest.approx(trials["reward"].sum() / 3_000)
    assert one["ceiling"] == 0


def test_trials_beyond_the_sixth_are_not_among_the_later_ones():
    trials = problem_trials(episodes=50, accuracy=(0, 1, 1, 1, 1, 1, 0, 0))
    assert subject_accuracy(read_trials(trials))["later_trials"].tolist() == [1.0]


def test_a_trial_without_a_selection_counts_apart():
    trials = problem_trials(episodes=1_000, accuracy=(1,) * 6, missing=0.25)
    (one,) = subject_accuracy(read_trials(trials)).to_dict("records")
    assert one["later_trials"] == one["second_trial"] == 1
    assert one["missing"] == pytest.approx(0.25, abs=0.03)
    assert one["second_trials"] < 800
    nothing = problem_trials(episodes=5, missing=1.0)
    (none,) = subject_accuracy(read_trials(nothing)).to_dict("records")
    assert np.isnan(none["second_trial"])
    assert none["ceiling"] == 0


@pytest.mark.parametrize(("right", "at"), [(967, 1.0), (966, 0.0)])
def test_the_ceiling_is_the_second_trial_of_the_papers_best(right, at):
    assert CEILING == 0.967
    trials = problem_trials(episodes=1_000)
    second = trials["trial"] == 1
    trials.loc[second, "correct"] = (np.arange(1_000) < right).astype(float)
    assert subject_accuracy(read_trials(trials))["ceiling"].tolist() == [at]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.drop(columns="correct"), "has no column correct"),
        (lambda t: t.assign(correct=0.5), "correct must be 0, 1 or blank, got 0.5"),
        (lambda t: pd.concat([t, t]), "each trial must have one row"),
        (lambda t: t.assign(trial=0.5), "trial must be whole numbers"),
    ],
)
def test_a_wrong_table_is_refused_by_name(change, words):
    with pytest.raises(MetaRLError, match=words):
        SCHEMA.check(change(problem_trials(episodes=3)))


def test_trials_that_never_began_are_missing_too():
    trials = problem_trials(episodes=2, accuracy=(1,) * 6)
    # The first problem ends in its third trial, without a selection.
    ended = trials["episode"].eq(0) & trials["trial"].gt(2)
    trials = trials[~ended]
    trials.loc[trials["episode"].eq(0) & trials["trial"].eq(2), "correct"] = np.nan
    (one,) = subject_accuracy(read_trials(trials)).to_dict("records")
    assert one["missing"] == pytest.approx(4 / 12)


def test_the_share_at_the_ceiling_has_an_exact_interval():
    subjects = pd.DataFrame({"ceiling": [1.0] * 14 + [0.0] * 36})
    (row,) = ceiling_table(subjects).to_dict("records")
    assert (row["reached"], row["n"], row["share"]) == (14, 50, 0.28)
    # Clopper & Pearson, from a table.
    assert row["low"] == pytest.approx(0.1623, abs=1e-4)
    assert row["high"] == pytest.approx(0.4249, abs=1e-4)
    (every,) = ceiling_table(subjects[:14]).to_dict("records")
    assert every["low"] == pytest.approx(0.025 ** (1 / 14))
    assert every["high"] == 1


def test_gaze_is_counted_towards_the_rewarded_object():
    trials = problem_trials(episodes=300)
    recording = problem_recording(trials, lambda target, other: target)
    table = gaze_table(recording, trials, 40)
    assert table["episode"].nunique() == 40
    ends = table.groupby(["episode", "trial"])["gaze"].last()
    correct = trials.assign(trial=trials["trial"] + 1).set_index(["episode", "trial"])
    np.testing.assert_array_equal(ends, 6 * correct["correct"].loc[ends.index] - 3)
    starts = table[table["decision"] == 0]
    assert (starts["gaze"] == 0).all()
    assert len(starts) == 40 * 6
    assert table["decision"].max() == 3
