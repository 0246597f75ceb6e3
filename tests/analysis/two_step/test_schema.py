"""Trials that make pairs, and refusals of wrong tables."""

import numpy as np
import pytest

from metarl.analysis.two_step.behaviour import SCHEMA, read_trials
from metarl.core.checks import MetaRLError


@pytest.fixture
def six(table):
    def make(**columns):
        usual = {"choice": [0, 1, 0, 1, 0, 1], "reward": 1.0, "transition": "common"}
        return table(**usual | columns)

    return make


def test_every_trial_but_the_first_follows_another(six):
    assert read_trials(six()).follows.tolist() == [False] + [True] * 5


@pytest.mark.parametrize(
    "columns",
    [
        {"trial": [0, 1, 2, 4, 5, 6]},
        {"episode": [0, 0, 0, 1, 1, 1]},
        {"session": [0, 0, 0, 1, 1, 1]},
        {"subject": [0, 0, 0, 1, 1, 1]},
    ],
)
def test_a_gap_or_a_new_episode_session_or_subject_breaks_a_pair(six, columns):
    follows = read_trials(six(**columns)).follows
    assert follows.tolist() == [False, True, True, False, True, True]


@pytest.mark.parametrize(
    "columns",
    [
        {"valid": [1, 1, 1, 0, 1, 1]},
        {"forced": [0, 0, 0, 1, 0, 0]},
        {
            "choice": [0, 1, 0, None, 0, 1],
            "transition": ["common"] * 3 + [None] + ["common"] * 2,
        },
    ],
)
def test_an_invalid_forced_or_missing_trial_breaks_both_its_pairs(six, columns):
    follows = read_trials(six(**columns)).follows
    assert follows.tolist() == [False, True, True, False, False, True]


def test_rows_may_come_in_any_order(six):
    trials = six(reward=[1, 0, 1, 1, 0, 0], episode=[1, 1, 1, 0, 0, 0])
    shuffled = trials.sample(frac=1, random_state=1)
    one, other = read_trials(trials), read_trials(shuffled)
    np.testing.assert_array_equal(one.keys, other.keys)
    assert one.keys[:, 2].tolist() == [0, 0, 0, 1, 1, 1]
    assert one["reward"].tolist() == other["reward"].tolist() == [1, 0, 0, 1, 0, 1]


def test_nullable_and_text_columns_read_the_same(six):
    trials = six()
    nullable = trials.convert_dtypes()
    text = trials.astype(dict.fromkeys(["choice", "reward", "valid"], str))
    for other in (nullable, text):
        assert np.array_equal(read_trials(other).follows, read_trials(trials).follows)


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        (
            {"transition": ["common"] * 5 + ["uncommon"]},
            "column transition must be common or rare, and blank only without a "
            "choice, got 'uncommon' in row 6",
        ),
        (
            {"transition": [None] + ["common"] * 5},
            "column transition must be common or rare, and blank only without a "
            "choice, got a blank in row 1",
        ),
        (
            {"choice": [0, 1, 2, 1, 0, 1]},
            "column choice must be 0 (commonly leads to state 0), 1 (commonly leads to "
            "state 1) or blank, got 2 in row 3",
        ),
        (
            {"choice": ["left", 1, 1, 1, 0, 1]},
            "column choice must be 0 (commonly leads to state 0), 1 (commonly leads to "
            "state 1) or blank, got 'left' in row 1",
        ),
        (
            {"reward": [0, 1, 0, 321, 0, 1]},
            "column reward must be 0 (unrewarded), 0.5 (medium) or 1 (rewarded) on a "
            "valid trial with a choice, got 321 in row 4",
        ),
        (
            {"valid": [1, 1, 1, 1, 1, 2]},
            "column valid must be 0 or 1, got 2 in row 6",
        ),
        (
            {"forced": [1, 1, 1, 1, 1, None]},
            "column forced must be 0 or 1, got a blank in row 6",
        ),
        (
            {"trial": [0, 1, 2, 3, 4, 4.5]},
            "column trial must be whole numbers, got 4.5 in row 6",
        ),
        (
            {"trial": [0, 1, 2, 3, 4, 4]},
            "each trial must have one row, got a second row of subject 0, "
            "session 0, episode 0, trial 4 in row 6; number trials within subject, "
            "session and episode",
        ),
    ],
)
def test_a_wrong_coding_gets_one_sentence(six, columns, sentence):
    with pytest.raises(MetaRLError) as caught:
        SCHEMA.check(six(**columns))
    assert str(caught.value) == sentence


def test_penalties_of_invalid_trials_are_no_wrong_reward(six):
    SCHEMA.check(six(reward=[1, 0, -1, 1, -2, 0], valid=[1, 1, 0, 1, 0, 1]))


def test_a_missing_column_gets_one_sentence(six):
    with pytest.raises(MetaRLError) as caught:
        SCHEMA.check(six().drop(columns="transition"))
    assert str(caught.value) == (
        "the two-step trial table has no column transition; it needs subject, session, "
        "episode, trial, choice, reward, valid, forced, transition"
    )


def test_columns_of_a_response_may_hold_anything_in_a_trial_that_does_not_count(six):
    more = {"second_choice": [0, 1, -2, 1, 0, 1], "rt": [0.5, 1, -1, 2, 1, 1]}
    SCHEMA.check(six(valid=[1, 1, 0, 1, 1, 1], **more))
    SCHEMA.check(six(choice=[0, 1, None, 1, 0, 1], **more))
    for name, got in (("second_choice", "-2"), ("rt", "-1")):
        wrong = six(**{name: more[name]})
        with pytest.raises(MetaRLError, match=f"column {name} .* got {got} in row 3"):
            SCHEMA.check(wrong)


def test_a_choice_by_side_is_refused_and_one_that_is_left_out_is_derived(six):
    option = [0, 1, 1, 0, 0, 1]
    transition = ["common", "rare", "common", "common", "rare", "rare"]
    state = [0, 0, 1, 0, 1, 0]
    right = six(choice=option, transition=transition, second_state=state)
    SCHEMA.check(right)
    derived = SCHEMA.complete(right.drop(columns="choice"))
    assert derived["choice"].tolist() == option
    side = right.assign(choice=[0, 1, 0, 1, 0, 0])
    words = "got a contradiction in 3 trials, .* or leave choice out, as it follows"
    with pytest.raises(MetaRLError, match=words):
        SCHEMA.check(side)
