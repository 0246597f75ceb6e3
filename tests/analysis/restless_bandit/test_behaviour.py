"""Regret in the restless bandit by hand, and the episodes that are shown."""

import math

import numpy as np
import pandas as pd
import pytest
from drifters import recording, simulate

from metarl.analysis.restless_bandit.behaviour import (
    SCHEMA,
    example_episodes,
    read_episodes,
    regret_by_trial,
    regret_by_volatility,
    regrets,
    subject_regrets,
)
from metarl.core.checks import MetaRLError


@pytest.fixture
def trials():
    """A quiet and a volatile episode by hand; the last choice is missing."""
    return pd.DataFrame(
        {
            "subject": 0,
            "session": 0,
            "episode": [0, 0, 0, 1, 1, 1],
            "trial": [0, 1, 2] * 2,
            "choice": [0, 1, 1, 0, 1, 1],
            "reward": [1.0, 0, 1, 0, 1, 1],
            "valid": 1,
            "forced": 0,
            "volatility": ["low"] * 3 + ["high"] * 3,
            "probability_left": [0.7, 0.8, 0.5, 0.1, 0.9, 0.3],
        }
    )


def test_regret_is_the_difference_to_the_better_arm(trials):
    table = regret_by_trial(read_episodes(trials))
    quiet, volatile = [0, 0.6, 0.6], [0.8, 1.6, 1.6]
    assert table["trial"].tolist() == [1, 2, 3]
    expected = [(a + b) / 2 for a, b in zip(quiet, volatile, strict=True)]
    assert table["regret"].tolist() == pytest.approx(expected)


def test_regret_is_divided_by_volatility(trials):
    result = regret_by_volatility(read_episodes(trials)).set_index("volatility")[
        "regret"
    ]
    assert result.to_dict() == pytest.approx({"low": 0.6, "high": 1.6})
    quiet = regret_by_volatility(read_episodes(trials.iloc[:3]))
    assert math.isnan(quiet.set_index("volatility").loc["high", "regret"])


def test_the_regret_saved_is_relative_to_chance_in_the_same_episodes(trials):
    (row,) = subject_regrets(read_episodes(trials)).to_dict("records")
    chance = (0.2 + 0.3 + 0 + 0.4 + 0.4 + 0.2) / 2
    assert row["chance_regret"] == pytest.approx(chance)
    assert row["regret_saved"] == pytest.approx(1 - 1.1 / chance)


def test_a_missed_trial_has_the_mean_regret_of_its_episode(trials):
    whole = subject_regrets(read_episodes(trials))
    known = regrets(read_episodes(trials)).ravel().tolist()
    trials["choice"] = trials["choice"].astype("Int64")
    trials.loc[5, "choice"] = pd.NA
    missed = regrets(read_episodes(trials))
    row, place = trials.loc[5, ["episode", "trial"]].astype(int)
    others = np.delete(missed[row], place)
    assert missed[row, place] == pytest.approx(others.mean())
    assert np.delete(missed.ravel(), 5).tolist() == np.delete(known, 5).tolist()
    some = subject_regrets(read_episodes(trials))
    assert some["episodes"].tolist() == whole["episodes"].tolist()
    assert some["regret"].notna().all()
    trials["choice"] = pd.NA
    assert math.isnan(subject_regrets(read_episodes(trials))["regret"].iloc[0])


def test_a_table_without_the_probabilities_is_refused(trials):
    words = "the restless-bandit trial table has no columns volatility, prob"
    with pytest.raises(MetaRLError, match=words):
        SCHEMA.check(trials.drop(columns=["volatility", "probability_left"]))


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("volatility", "medium", "volatility must be low or high, got 'medium' in row"),
        ("probability_left", 1.5, "1 minus it, 0 to 1, got 1.5 in row"),
    ],
)
def test_a_wrong_code_is_refused(column, value, words, trials):
    with pytest.raises(MetaRLError, match=words):
        SCHEMA.check(trials.assign(**{column: value}))


def test_volatility_may_be_a_categorical(trials):
    coded = trials.assign(volatility=trials["volatility"].astype("category"))
    SCHEMA.check(coded)
    assert read_episodes(coded).episodes["volatility"].tolist() == ["low", "high"]


def test_examples_are_the_first_recorded_of_each_kind():
    first, second = (simulate(episodes=6, subject=k) for k in (0, 1))
    trials = pd.concat([first, second])
    part = second[second["episode"] >= 3]
    shown = example_episodes(trials, {1: recording(part)})
    assert shown.groupby("volatility")["episode"].unique().map(list).to_dict() == {
        "high": [3],
        "low": [4],
    }
    assert set(shown["subject"]) == {1}
    assert len(shown) == 200
    assert set(shown["policy_left"]) == {0.75}
    own = second[second["episode"] == 3]
    high = shown[shown["volatility"] == "high"]
    assert high["choice"].tolist() == own["choice"].tolist()
    bare = example_episodes(trials, {})
    assert set(bare["subject"]) == {0}
    assert bare["policy_left"].isna().all()
