"""Effects of simulated subjects: rows that pass, fail or are only reported."""

from dataclasses import replace

import numpy as np
import pytest
from baited_choosers import PARAMETERS, source_of

from metarl.analysis.analysis import analyse
from metarl.analysis.matching import ANALYSIS

CODED = "mean |partial r| of units with"
FOUR = ("last action", "last reward", "action x reward", "left value")
SCORED = {
    "efficiency, held-in, lowest network",
    "efficiency, held-out, lowest network",
    "reward per trial above the best fixed probability, held-in, mean",
    "reward per trial above the best fixed probability, held-out, mean",
    "matching slope (log2 choice on log2 reward ratio), held-in, mean",
    "matching slope (log2 choice on log2 reward ratio), held-out, mean",
    "matching r, held-in, lowest network",
    "matching r, held-out, lowest network",
    *(f"reward weight at lag {lag} (log odds, ridge 0.5), mean" for lag in range(1, 6)),
    "reward weight, slope over lags 1 to 5 (log odds, ridge 0.5 per lag), mean",
    "choice weight at lag 1 (log odds, ridge 0.5), mean",
    "mean |partial r| of units with upcoming action, trained minus untrained, mean",
    *(
        f"mean |partial r| of units with {name}, minus wrong episode, mean"
        for name in FOUR
    ),
    *(
        f"mean |partial r| of units with upcoming action minus {name}, mean"
        for name in FOUR
    ),
    "fraction of units coding upcoming action, mean",
}
AHEAD = "mean |partial r| of units with upcoming action minus last action, mean"
FALL = "reward weight, slope over lags 1 to 5 (log odds, ridge 0.5 per lag), mean"
EFFICIENCY = "efficiency, held-in, lowest network"
CODING = "mean |partial r| of units with upcoming action, trained minus untrained, mean"


@pytest.fixture(scope="module")
def learners():
    return source_of("bayes", episodes=300)


@pytest.fixture(scope="module")
def result(learners):
    return analyse(ANALYSIS, learners)


def rows_of(result):
    return result.effects.set_index("effect")


def verdicts(data):
    return analyse(ANALYSIS, data).effects.set_index("effect")["verdict"]


def test_the_scored_rows_are_those_fixed_beforehand(result):
    rows = rows_of(result)
    missing = rows[rows["verdict"] == "MISSING"]
    assert missing["claim"].tolist() == [
        "Wang et al. 2018, Simulation 6, other tasks",
        "Wang et al. 2018, Fig. S4",
    ]
    rows = rows["verdict"].drop(index=missing.index)
    assert set(rows[rows != "REPORTED"].index) == SCORED


def test_bayesian_choosers_pass_every_row_of_a_sure_sign(result):
    rows = rows_of(result)
    # The fall of their reward weights is too small to be shown by three of them.
    fall = rows.loc[FALL]
    assert fall["value"] < 0 < fall["high"]
    assert fall["verdict"] == "FAIL"
    # The last action is an input, which these units have as well as the next one.
    assert rows.loc[AHEAD, "verdict"] == "FAIL"
    scored = rows.loc[sorted(SCORED - {FALL, AHEAD}), "verdict"]
    assert (scored == "PASS").all(), scored[scored != "PASS"]
    measured = rows[rows["verdict"] != "MISSING"]
    assert (measured["subjects"] == 3).all()
    assert (measured["learned"] == 3).all()


@pytest.fixture(scope="module")
def others():
    return {
        kind: verdicts(source_of(kind, upcoming=0.0)) for kind in ("random", "matching")
    }


def test_random_choosers_pass_nothing(others):
    assert not (others["random"] == "PASS").any()
    assert others["random"][EFFICIENCY] == "NOT LEARNED"


def test_alternation_passes_nothing_in_spite_of_its_rewards_held_out():
    result = analyse(ANALYSIS, source_of("alternation", upcoming=0.0))
    assert not result.effects["passed"].any()
    # Its values over very many episodes.
    actual = result.tables["earnings"].copy()
    outside = actual["set"] == "held-out"
    actual.loc[outside, ["efficiency", "above_matching"]] = 0.76, 0.01
    rows = rows_of(replace(result, tables=result.tables.replace(earnings=actual)))
    for name, value in (
        ("efficiency, held-out, lowest network", 0.76),
        ("reward per trial above the best fixed probability, held-out, mean", 0.01),
    ):
        assert rows.loc[name, "value"] == pytest.approx(value)
        assert rows.loc[name, "verdict"] == "NOT LEARNED"


def test_matching_without_looking_back_fails_where_it_should(others):
    rows = others["matching"]
    assert rows[EFFICIENCY] == "PASS"
    assert rows["choice weight at lag 1 (log odds, ridge 0.5), mean"] == "FAIL"
    assert rows["efficiency, held-out, lowest network"] == "FAIL"
    slope = "matching slope (log2 choice on log2 reward ratio), held-in, mean"
    assert rows[slope] == "PASS"


def test_units_that_only_echo_their_inputs_fail(learners):
    echo = source_of("bayes", episodes=300, upcoming=0.0)
    data = replace(learners, recordings=echo.recordings)
    rows = rows_of(analyse(ANALYSIS, data))
    assert abs(rows.loc[CODING, "value"]) < 0.05
    action = CODING.replace("upcoming", "last")
    assert rows.loc[action, "verdict"] == "REPORTED"
    trained = "fraction of units coding last action, mean"
    assert rows.loc[trained, "value"] > 0.5


def test_values_are_those_of_the_tables(result):
    rows, tables = rows_of(result), result.tables
    actual = tables["earnings"].query("set == 'held-in'")
    assert rows.loc[EFFICIENCY, "value"] == actual["efficiency"].min()
    mean = "efficiency (share of the best gain over chance), held-in, mean"
    assert rows.loc[mean, "value"] == pytest.approx(actual["efficiency"].mean())
    best = (actual["matching"] - actual["random"]) / (
        actual["rich_then_poor"] - actual["random"]
    )
    assert rows.loc[mean, "reference"] == pytest.approx(best.mean())
    above = "reward per trial above the best fixed probability, held-in, mean"
    assert rows.loc[above, "value"] == pytest.approx(actual["above_matching"].mean())
    best = (actual["rich_then_poor"] - actual["matching"]).mean()
    assert rows.loc[above, "reference"] == pytest.approx(best)
    assert best > 0
    weights = tables["history"].pivot_table(
        index="subject", columns=["predictor", "lag"], values="weight"
    )
    lags = np.arange(1, 6)
    slopes = [np.polyfit(lags, weights["reward"].loc[s, lags], 1)[0] for s in range(3)]
    decay = "reward weight, slope over lags 1 to 5 (log odds, ridge 0.5 per lag), mean"
    assert rows.loc[decay, "value"] == pytest.approx(np.mean(slopes))
    coding = tables["coding"].pivot_table(
        index="subject", columns=["network", "variable"], values="strength"
    )
    gained = (coding["trained"] - coding["untrained"])["upcoming action"]
    assert rows.loc[CODING, "value"] == pytest.approx(gained.mean())
    assert rows.loc[CODING, "chance"] == 0


def test_published_numbers_are_the_references(result):
    rows = rows_of(result)
    slope = "matching slope (log2 choice on log2 reward ratio), held-in, mean"
    assert rows.loc[slope, "reference"] == pytest.approx((0.742 + 0.626) / 2)
    lag = "reward weight at lag 1 (log odds, ridge 0.5), mean"
    assert rows.loc[lag, "reference"] == 1.836
    assert rows.loc[lag, "source"] == "16 mice, Bari et al. 2019"
    last = "choice weight at lag 1 (log odds, ridge 0.5), mean"
    assert rows.loc[last, "reference"] == -0.178
    stay = "P(same choice after a reward), mean"
    assert rows.loc[stay, "reference"] == pytest.approx((0.623 + 0.539) / 2)
    value = "fraction of units coding left value, mean"
    assert rows.loc[value, "reference"] == 0.5805


@pytest.mark.parametrize(
    "change",
    [
        {"parameters": PARAMETERS | {"held_out": False}},
        {"parameters": PARAMETERS | {"trial_most": 60}},
        {"parameters": {}},
        {"as_published": False},
        {"subjects_are": "animals"},
    ],
)
def test_another_test_is_reported_and_not_scored(learners, change):
    rows = verdicts(replace(learners, **change, recordings={}))
    assert (rows == "REPORTED").all()


def test_a_missing_subject_counts_against_every_row(learners):
    rows = verdicts(replace(learners, expected_subjects=4))
    assert not (rows == "PASS").any()


def test_without_a_recording_the_coding_row_is_missing(learners):
    rows = rows_of(analyse(ANALYSIS, replace(learners, recordings={})))
    assert rows.loc[CODING, "verdict"] == "MISSING"
    assert np.isnan(rows.loc[CODING, "value"])
    assert rows.loc[EFFICIENCY, "verdict"] == "PASS"


def test_one_network_without_a_recording_is_not_left_out_silently(learners):
    some = {k: v for k, v in learners.recordings.items() if k != 1}
    data = replace(learners, recordings=some, expected_subjects=None)
    rows = rows_of(analyse(ANALYSIS, data))
    assert rows.loc[CODING, ["subjects", "missing"]].tolist() == [2, 1]
    assert rows.loc[CODING, "verdict"] == "FAIL"
