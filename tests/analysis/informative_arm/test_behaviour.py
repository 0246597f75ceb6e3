"""Informative and target choices: by hand, and of simulated choosers."""

import numpy as np
import pandas as pd
import pytest
from informed_choosers import simulate

from metarl.analysis.informative_arm.behaviour import (
    SCHEMA,
    Design,
    choices_after_clue,
    choices_by_trial,
    read_choices,
    regret_by_trial,
    subject_choices,
)
from metarl.core.checks import MetaRLError

FOUR = Design(arm_count=4, trial_count=3)


@pytest.fixture
def trials():
    """Two episodes by hand of 4 arms: target arm 2, then arm 3; one choice missing."""
    return pd.DataFrame(
        {
            "subject": 0,
            "session": 0,
            "episode": [0, 0, 0, 1, 1, 1],
            "trial": [0, 1, 2] * 2,
            "choice": [3, 1, 0, 2, 3, np.nan],
            "reward": [2 / 3, 5, 1, 5, 1, -1],
            "valid": [1, 1, 1, 1, 1, 0],
            "forced": 0,
            "target": [1, 1, 1, 2, 2, 2],
        }
    )


def test_expected_rewards_are_computed():
    published = Design.read({})
    assert published.random == pytest.approx(5 * (5 + 9 + 0.55) / 11)
    assert published.guesser == pytest.approx(1.4 + 1.8 + 2.2 + 2.6 + 3.0)
    assert published.informed == pytest.approx(20.55)
    few = Design.read({"arm_count": 4, "trial_count": 4})
    assert few.guesser == pytest.approx(7 / 3 + 11 / 3 + 5 + 5)
    assert few.informed == pytest.approx(2 / 3 + 15)


def test_simulated_choosers_reach_the_bounds():
    for mind, bound in (
        ("informed-first", 20.55),
        ("guesser", 11.0),
        ("random", 6.6136),
    ):
        reward = simulate(mind, 2000).groupby("episode")["reward"].sum()
        assert abs(reward.mean() - bound) < 4 * reward.std() / 2000**0.5 + 1e-9


def test_choices_by_trial_count_over_the_choices_made(trials):
    table = choices_by_trial(read_choices(trials), FOUR).set_index(["kind", "trial"])
    shares = table["probability"]
    assert shares["informative arm"].tolist() == [0.5, 0.5, 0]
    assert shares["target"].tolist() == [0.5, 0.5, 0]


def test_regret_is_the_targets_reward_minus_the_reward(trials):
    table = regret_by_trial(read_choices(trials), FOUR)
    first, second = np.cumsum([5 - 2 / 3, 0, 4]), np.cumsum([0, 4, 6])
    assert table["regret"].tolist() == pytest.approx(list((first + second) / 2))


def test_choices_after_the_clue_are_counted_for_each_target(trials):
    result = choices_after_clue(read_choices(trials), FOUR).set_index(["target", "arm"])
    shares = result["probability"]
    assert shares[2].tolist() == [0.5, 0.5, 0, 0]
    assert shares[1].isna().all()
    # The only choice after the second episode's clue is missing.
    assert shares[3].isna().all()


def test_a_subjects_numbers_are_those_by_hand(trials):
    (row,) = subject_choices(read_choices(trials), FOUR).to_dict("records")
    assert row["reward_per_episode"] == pytest.approx((2 / 3 + 6 + 5) / 2)
    assert row["informative_first"] == 0.5
    assert row["target_later"] == pytest.approx(1 / 3)
    assert row["target_after_clue"] == 0.5
    assert row["target_after_clue_least"] == 0.5


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "the informative-arm trial table has no column target"),
        ({"target": 0.5}, "target must be whole numbers, got 0.5 in row 1"),
        ({"target": 1, "choice": 1.5}, "choice must be whole numbers or blank"),
    ],
)
def test_a_table_without_targets_or_with_half_arms_is_refused(trials, change, words):
    with pytest.raises(MetaRLError, match=words):
        SCHEMA.check(trials.drop(columns="target").assign(**change))


def test_arms_may_have_any_number_and_choices_may_be_missing(trials):
    SCHEMA.check(trials)
    SCHEMA.check(trials.assign(choice=trials["choice"] + 200))
