"""The matching table in order: late trials, unbroken histories, refused codes."""

import numpy as np
import pandas as pd
import pytest
from baited_choosers import baited_trials

from metarl.analysis.matching.behaviour import SCHEMA, lagged, read_trials
from metarl.core.checks import MetaRLError


def small(**columns):
    count = len(next(iter(columns.values()))) if columns else 6
    usual = {
        "subject": 0,
        "session": 0,
        "episode": 0,
        "trial": range(count),
        "choice": [0, 1, 1, 0, 1, 0][:count],
        "reward": [1, 0, 1, 0, 0, 1][:count],
        "valid": 1,
        "forced": 0,
    }
    return pd.DataFrame(usual | columns)


def test_choices_and_rewards_become_sides_and_rewards():
    parsed = read_trials(small())
    assert parsed["side"].tolist() == [-1, 1, 1, -1, 1, -1]
    assert parsed["rewarded"].tolist() == [1, 0, 1, 0, 0, 1]
    assert parsed["history"].tolist() == [0, 1, 2, 3, 4, 5]
    assert parsed["usable"].all()
    assert parsed[["held_out", "p0_left", "chance_left"]].isna().all().all()


@pytest.mark.parametrize(
    ("count", "late"), [(3, 2), (6, 4), (7, 4), (50, 33), (75, 50), (100, 66)]
)
def test_the_last_two_thirds_are_late(count, late):
    trials = small(choice=[0] * count, reward=[0] * count)
    parsed = read_trials(trials)
    assert parsed["late"].sum() == late
    assert parsed["late"].tolist() == [False] * (count - late) + [True] * late


def test_each_episode_has_its_own_late_trials_and_its_own_history():
    trials = small(episode=[0, 0, 0, 1, 1, 1], trial=[0, 1, 2, 3, 4, 5])
    parsed = read_trials(trials)
    assert parsed["episode_index"].tolist() == [0, 0, 0, 1, 1, 1]
    assert parsed["late"].tolist() == [False, True, True] * 2
    assert parsed["history"].tolist() == [0, 1, 2, 0, 1, 2]


@pytest.mark.parametrize(
    ("change", "usable", "history"),
    [
        ({"choice": [0, 1, None, 0, 1, 0]}, [1, 1, 0, 1, 1, 1], [0, 1, 2, 0, 1, 2]),
        ({"valid": [1, 1, 0, 1, 1, 1]}, [1, 1, 0, 1, 1, 1], [0, 1, 2, 0, 1, 2]),
        ({"forced": [0, 0, 1, 0, 0, 0]}, [1, 1, 0, 1, 1, 1], [0, 1, 2, 0, 1, 2]),
        ({"trial": [0, 1, 2, 4, 5, 6]}, [1] * 6, [0, 1, 2, 0, 1, 2]),
        ({"session": [0, 0, 0, 1, 1, 1]}, [1] * 6, [0, 1, 2, 0, 1, 2]),
        ({"subject": [0, 0, 0, 1, 1, 1]}, [1] * 6, [0, 1, 2, 0, 1, 2]),
    ],
)
def test_a_trial_of_unknown_outcome_breaks_the_history(change, usable, history):
    parsed = read_trials(small(**change))
    assert parsed["usable"].tolist() == usable
    assert parsed["history"].tolist() == history
    unusable = parsed[~parsed["usable"]]
    assert (unusable["side"] == 0).all()
    assert (unusable["rewarded"] == 0).all()


def test_the_penalty_of_a_missing_choice_counts_but_is_no_reward():
    parsed = read_trials(small(choice=[0, None], reward=[1, -1], valid=[1, 0]))
    assert parsed["reward"].tolist() == [1, -1]
    assert parsed["rewarded"].tolist() == [1, 0]


def test_rows_may_come_in_any_order():
    trials = baited_trials(episodes=5)
    shuffled = trials.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(read_trials(shuffled), read_trials(trials))


def test_earlier_values_are_looked_up_by_lag():
    values = np.arange(10.0)
    result = lagged(values, np.array([5, 9]), range(1, 4))
    assert result.tolist() == [[4, 3, 2], [8, 7, 6]]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"choice": [0, 1, 2, 0, 1, 0]},
            "column choice must be 0 (left), 1 (right) or blank, got 2 in row 3",
        ),
        (
            {"reward": [1, 0, 0.5, 0, 0, 1]},
            "column reward must be 0 (not rewarded) or 1 (rewarded) on a valid trial "
            "with a choice, got 0.5 in row 3",
        ),
        ({"valid": 2}, "column valid must be 0 or 1, got 2 in row 1"),
        ({"trial": 0.5}, "column trial must be whole numbers, got 0.5 in row 1"),
        (
            {"trial": 1},
            "each trial must have one row, got a second row of subject 0, session 0, "
            "episode 0, trial 1 in row 2; number trials within subject, session and "
            "episode",
        ),
    ],
)
def test_a_wrong_table_gets_one_sentence(change, sentence):
    with pytest.raises(MetaRLError) as caught:
        SCHEMA.check(small().assign(**change))
    assert str(caught.value) == sentence


def test_a_table_without_a_column_gets_one_sentence():
    with pytest.raises(MetaRLError, match="the matching trial table has no column rew"):
        SCHEMA.check(small().drop(columns="reward"))
