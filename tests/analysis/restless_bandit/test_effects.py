"""Effects of the restless bandit on planted learners: pass, fail, or reported."""

from functools import cache

import pandas as pd
import pytest
from drifters import simulate

from metarl.analysis import ExperimentData
from metarl.analysis.analysis import analyse
from metarl.analysis.restless_bandit import ANALYSIS

DIFFERENCE = "learning rate in volatile minus quiet episodes, mean"
EACH = "learning rate in volatile minus quiet episodes, lowest network"
GAIN = (
    "BIC gained per block by a learning rate for each volatility over one for all, mean"
)
FREE = "BIC gained per block by free learning rates (model ab) over 1/2 (model b), mean"
SAVED = "regret of UCB minus the networks', mean"


@cache
def baselines():
    """Stand-ins for the baselines, of known rates and very different costs."""
    return {
        "random": simulate(None, 40, seed=20),
        "ucb": simulate((0.5, 0.5), 40, seed=20, temperature=2.0),
        "thompson": simulate((0.5, 0.5), 40, seed=20, temperature=1.0),
        "rescorla-wagner": simulate((0.5, 0.5), 200, seed=20),
        "bayes-greedy": simulate((0.25, 0.55), 80, seed=20, temperature=15),
        "oracle": simulate(None, 20, seed=20, informed=True),
    }


def analysed(rates, count=3, episodes=80, **more):
    parts = [simulate(rates, episodes, subject=k) for k in range(count)]
    given = {
        "baselines": baselines(),
        "task": "restless-bandit",
        "parameters": ANALYSIS.published,
        "expected_subjects": count,
    }
    given["trials"] = pd.concat(parts, ignore_index=True)
    return analyse(ANALYSIS, ExperimentData(**given | more))


def rows(rates, *sizes, **more):
    return analysed(rates, *sizes, **more).effects.set_index("effect")


@pytest.fixture(scope="module")
def result():
    return analysed((0.2, 0.6))


@pytest.fixture(scope="module")
def planted(result):
    return result.effects.set_index("effect")


@pytest.fixture(scope="module")
def flat():
    return rows((0.4, 0.4), baselines={})


def test_learners_with_a_rate_that_follows_volatility_pass_their_rows(planted):
    scored = planted[planted["criterion"] != ""]
    # Three networks that are hardly better than the rival do not show it.
    rival = scored.loc["regret of Rescorla-Wagner learning minus the networks', mean"]
    assert rival["low"] < 0 < rival["value"]
    assert rival["verdict"] == "FAIL"
    rest = scored.drop(index=rival.name)
    assert set(rest["verdict"]) == {"PASS"}, rest["value"]
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
    effects = rows(None, 2, 40)
    own = effects[effects["learned"].notna()]
    assert own["learned"].unique() == [0]
    assert not own["passed"].any()
    regret = effects.loc["regret per episode, mean"]
    assert regret["value"] == pytest.approx(regret["chance"], rel=0.05)


def test_values_are_those_of_baselines_minus_networks(result, planted):
    regret = result.tables["subjects"].groupby("group")["regret"].mean()
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


def test_without_baselines_nothing_can_be_shown_against_them():
    effects = rows((0.2, 0.6), baselines={})
    assert effects.loc[SAVED, "verdict"] == "MISSING"
    assert effects.loc[DIFFERENCE, "verdict"] == "PASS"
    controls = effects[effects.index.str.contains("fixed-rate")]
    assert set(controls["verdict"]) == {"MISSING"}


@pytest.mark.parametrize(
    "change",
    [
        {"parameters": ANALYSIS.published | {"deviation_high": 0.1}},
        {"parameters": ANALYSIS.published | {"trial_count": 50}},
        {"parameters": {}},
        {"as_published": False},
        {"subjects_are": "animals"},
        {"task": "my-task"},
    ],
)
def test_another_task_or_test_is_reported_and_not_scored(change):
    effects = rows((0.2, 0.6), 1, 20, baselines={}, **change)
    assert set(effects["verdict"]) == {"REPORTED"}


def test_a_missing_subject_lets_no_row_of_networks_pass():
    effects = rows((0.2, 0.6), 2, 40, expected_subjects=3)
    own = effects[~effects.index.str.contains("fixed-rate")]
    assert not own["passed"].any()


def test_one_network_with_too_few_episodes_lets_no_rate_pass():
    parts = [simulate((0.2, 0.6), n, subject=k) for k, n in enumerate((40, 18))]
    effects = rows((0.2, 0.6), 2, 1, trials=pd.concat(parts))
    assert (effects.loc[[DIFFERENCE, EACH, GAIN, FREE], "missing"] == 1).all()
    assert not effects.loc[[DIFFERENCE, EACH, GAIN, FREE], "passed"].any()


def test_tables_have_every_group_and_fits_only_of_the_fitted_groups(result):
    groups = {"measured", *baselines()}
    for name in ("subjects", "regret", "by_volatility"):
        assert set(result.tables[name]["group"]) == groups
    for name in ("fits", "rates", "models"):
        fitted = {"measured", "rescorla-wagner", "bayes-greedy"}
        assert set(result.tables[name]["group"]) == fitted
    for name in ("rates", "models"):
        assert set(result.tables.summary(name)["group"]) == fitted
    models = result.tables["models"].set_index(["group", "subject", "model"])[
        "bic_difference"
    ]
    assert (models.xs("b", level="model") == 0).all()
    fits = result.tables["fits"]
    own = fits[(fits["group"] == "measured") & (fits["subject"] == 1)]
    bic = own.groupby("model")["bic"].mean()
    assert models["measured", 1, "abe"] == pytest.approx(bic["abe"] - bic["b"])
    rates = result.tables["rates"].set_index(["group", "subject", "volatility"])
    quiet = own[(own["model"] == "abe") & (own["volatility"] == "low")]
    expected = quiet["alpha"].mean()
    assert rates.loc[("measured", 1, "low"), "learning_rate"] == pytest.approx(expected)
