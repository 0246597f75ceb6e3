"""Regret and learning rates where chances drift: by hand and on planted learners."""

import math
from functools import cache

import numpy as np
import pandas as pd
import pytest
from drifters import recording, simulate

from metarl.analysis import ExperimentData
from metarl.analysis.restless_bandit.behaviour import (
    bandit_grid,
    example_episodes,
    regret_by_trial,
    regret_by_volatility,
    subject_regrets,
)
from metarl.analysis.restless_bandit.tables import effects, tables
from metarl.core.checks import MetaRLError

TASK = "restless-bandit"
DIFFERENCE = "learning rate in volatile minus quiet episodes, mean"
EACH = "learning rate in volatile minus quiet episodes, lowest network"
GAIN = (
    "BIC gained per block by a learning rate for each volatility over one for all, mean"
)
FREE = "BIC gained per block by free learning rates (model ab) over 1/2 (model b), mean"
SAVED = "regret of UCB minus the networks', mean"


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


def test_regret_is_what_the_better_arm_would_have_paid_more(trials):
    made = regret_by_trial(bandit_grid(trials))
    quiet, volatile = [0, 0.6, 0.6], [0.8, 1.6, 1.6]
    assert made["trial"].tolist() == [1, 2, 3]
    expected = [(a + b) / 2 for a, b in zip(quiet, volatile, strict=True)]
    assert made["regret"].tolist() == pytest.approx(expected)


def test_regret_is_parted_by_volatility(trials):
    made = regret_by_volatility(bandit_grid(trials)).set_index("volatility")["regret"]
    assert made.to_dict() == pytest.approx({"low": 0.6, "high": 1.6})
    quiet = regret_by_volatility(bandit_grid(trials.iloc[:3]))
    assert math.isnan(quiet.set_index("volatility").loc["high", "regret"])


def test_what_is_saved_is_told_against_chance_in_the_same_episodes(trials):
    (row,) = subject_regrets(bandit_grid(trials)).to_dict("records")
    chance = (0.2 + 0.3 + 0 + 0.4 + 0.4 + 0.2) / 2
    assert row["chance_regret"] == pytest.approx(chance)
    assert row["regret_saved"] == pytest.approx(1 - 1.1 / chance)


def test_a_missing_choice_makes_its_regret_unknown(trials):
    trials["choice"] = trials["choice"].astype("Int64")
    trials.loc[5, "choice"] = pd.NA
    assert math.isnan(subject_regrets(bandit_grid(trials))["regret"].iloc[0])


def test_a_table_without_the_chances_is_refused(trials):
    words = "the restless-bandit trial table has no columns volatility, prob"
    with pytest.raises(MetaRLError, match=words):
        bandit_grid(trials.drop(columns=["volatility", "probability_left"]))


def test_volatility_may_be_a_categorical(trials):
    coded = trials.assign(volatility=trials["volatility"].astype("category"))
    grids = bandit_grid(coded), bandit_grid(trials)
    np.testing.assert_array_equal(grids[0]["volatility"], grids[1]["volatility"])
    np.testing.assert_array_equal(grids[0]["volatility"][:, 0], [0, 1])


@cache
def baselines():
    """Stand-ins for the strategies, of known rates and very different costs."""
    return {
        "random": simulate(None, 40, seed=20),
        "ucb": simulate((0.5, 0.5), 40, seed=20, temperature=2.0),
        "thompson": simulate((0.5, 0.5), 40, seed=20, temperature=1.0),
        "rescorla-wagner": simulate((0.5, 0.5), 200, seed=20),
        "bayes-greedy": simulate((0.25, 0.55), 80, seed=20, temperature=15),
        "oracle": simulate(None, 20, seed=20, told=True),
    }


def source(rates, count=3, episodes=80, **more):
    parts = [simulate(rates, episodes, subject=k) for k in range(count)]
    given = {"baselines": baselines(), "task": TASK, "expected_subjects": count}
    return ExperimentData(trials=pd.concat(parts, ignore_index=True), **given | more)


@pytest.fixture(scope="module")
def found():
    return tables(source((0.2, 0.6)))


@pytest.fixture(scope="module")
def planted(found):
    return effects(found).set_index("effect")


@pytest.fixture(scope="module")
def flat():
    return effects(tables(source((0.4, 0.4), baselines={}))).set_index("effect")


def test_learners_whose_rate_follows_volatility_pass_every_scored_row(planted):
    scored = planted[planted["criterion"] != ""]
    assert set(scored["verdict"]) == {"PASS"}, scored["value"]
    assert planted.loc[DIFFERENCE, "value"] == pytest.approx(0.4, abs=0.08)
    assert planted.loc[DIFFERENCE, "p"] < 0.01
    assert planted.loc[DIFFERENCE, "low"] > 0.1
    name = "correlation of rate with volatility, over blocks, mean"
    assert planted.loc[name, "value"] > 0.8


def test_criteria_are_those_fixed_beforehand(planted):
    scored = planted[planted["criterion"] != ""]["criterion"]
    fixed = "fixed-rate learner"
    assert scored.to_dict() == {
        SAVED: "> 0",
        "regret of Thompson sampling minus the networks', mean": "> 0",
        "regret of Rescorla-Wagner learning minus the networks', mean": "> 0",
        DIFFERENCE: ">= 0.1",
        EACH: "> 0",
        GAIN: "> 0",
        FREE: "> 0",
        f"learning rate in volatile minus quiet episodes, {fixed}": "in [-0.05, 0.05]",
        f"learning rate, {fixed}": "in [0.45, 0.55]",
        GAIN.replace("mean", fixed): "< 0",
        FREE.replace("mean", fixed): "< 0",
    }


def test_a_rate_that_does_not_follow_volatility_fails_its_rows(flat):
    assert flat.loc[[DIFFERENCE, GAIN], "verdict"].tolist() == ["FAIL"] * 2
    assert abs(flat.loc[DIFFERENCE, "value"]) < 0.08
    assert flat.loc[GAIN, "value"] < 0


def test_choosers_at_random_have_learned_nothing():
    made = effects(tables(source(None, 2, 40))).set_index("effect")
    own = made[made["learned"].notna()]
    assert own["learned"].unique() == [0]
    assert not own["passed"].any()
    regret = made.loc["regret per episode, mean"]
    assert regret["value"] == pytest.approx(regret["chance"], rel=0.05)


def test_values_are_strategies_minus_networks(found, planted):
    regret = found["subjects"].groupby("group")["regret"].mean()
    saved = regret["ucb"] - regret["measured"]
    assert planted.loc[SAVED, "value"] == pytest.approx(saved)
    best = regret["ucb"] - regret["bayes-greedy"]
    assert planted.loc[SAVED, "reference"] == pytest.approx(best)
    beyond = "regret of the networks minus the Bayes-greedy planner's, mean"
    expected = regret["measured"] - regret["bayes-greedy"]
    assert planted.loc[beyond, "value"] == pytest.approx(expected)
    # The planner's rates are 0.25 and 0.55.
    assert planted.loc[DIFFERENCE, "reference"] == pytest.approx(0.3, abs=0.12)
    assert regret["oracle"] == 0


def test_without_strategies_nothing_can_be_shown_against_them():
    made = effects(tables(source((0.2, 0.6), baselines={}))).set_index("effect")
    assert made.loc[SAVED, "verdict"] == "FAIL"
    assert made.loc[DIFFERENCE, "verdict"] == "PASS"
    controls = made[made.index.str.contains("fixed-rate")]
    assert set(controls["verdict"]) == {"FAIL"}


@pytest.mark.parametrize(
    "change",
    [
        {"parameters": {"deviation_high": 0.1}},
        {"parameters": {"trial_count": 50}},
        {"as_published": False},
        {"subjects_are": "animals"},
        {"task": "my-task"},
    ],
)
def test_another_task_or_test_is_reported_and_not_scored(change):
    made = effects(tables(source((0.2, 0.6), 1, 20, baselines={}, **change)))
    assert set(made["verdict"]) == {"REPORTED"}


def test_a_missing_subject_lets_no_row_of_networks_pass():
    made = effects(tables(source((0.2, 0.6), 2, 40, expected_subjects=3))).set_index(
        "effect"
    )
    own = made[~made.index.str.contains("fixed-rate")]
    assert not own["passed"].any()


def test_one_network_with_too_few_episodes_lets_no_rate_pass():
    parts = [simulate((0.2, 0.6), n, subject=k) for k, n in enumerate((40, 18))]
    made = effects(
        tables(ExperimentData(trials=pd.concat(parts), task=TASK, expected_subjects=2))
    )
    made = made.set_index("effect")
    assert made.loc[[DIFFERENCE, EACH, GAIN, FREE], "value"].isna().all()
    assert not made.loc[[DIFFERENCE, EACH, GAIN, FREE], "passed"].any()


def test_tables_have_every_group_and_fits_only_where_they_are_asked_for(found):
    groups = {"measured", *baselines()}
    for name in ("subjects", "regret", "volatility"):
        assert set(found[name]["group"]) == groups
    for name in ("fits", "rates", "models", "rates_summary", "models_summary"):
        assert set(found[name]["group"]) == {
            "measured",
            "rescorla-wagner",
            "bayes-greedy",
        }
    models = found["models"].set_index(["group", "subject", "model"])["bic_difference"]
    assert (models.xs("b", level="model") == 0).all()
    fits = found["fits"]
    own = fits[(fits["group"] == "measured") & (fits["subject"] == 1)]
    bic = own.groupby("model")["bic"].mean()
    assert models["measured", 1, "abe"] == pytest.approx(bic["abe"] - bic["b"])
    rates = found["rates"].set_index(["group", "subject", "volatility"])
    quiet = own[(own["model"] == "abe") & (own["volatility"] == "low")]
    expected = quiet["alpha"].mean()
    assert rates.loc[("measured", 1, "low"), "learning_rate"] == pytest.approx(expected)


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
