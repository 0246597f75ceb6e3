"""Rows of effects on simulated tables that pass, fail or are reported."""

import numpy as np
import pandas as pd
import pytest
from reversal_blocks import chooser

from metarl.analysis import ExperimentData
from metarl.analysis.analysis import analyse
from metarl.analysis.reversal import ANALYSIS
from metarl.analysis.reversal.behaviour import read_blocks, subject_measures

BETTER = "P(choose better), mean"
HABIT = "P(choose better) minus that of win-stay-lose-shift, mean"
ACQUISITION = "P(choose better), trials 11-20, mean"
REVERSAL = "P(choose better), trials 11-20 after the reversal, mean"
SCORED = [BETTER, HABIT, ACQUISITION, REVERSAL]


def subjects(count, blocks=20, **mind):
    result = [chooser(blocks, subject=k, **mind) for k in range(count)]
    return pd.concat(result, ignore_index=True)


@pytest.fixture(scope="module")
def baselines():
    return {
        "win-stay-lose-shift": chooser(40, seed=9, share=0.76, delay=1),
        "bayes-greedy": chooser(40, seed=9, share=0.96, delay=2),
    }


@pytest.fixture(scope="module")
def learners(baselines):
    return {
        "trials": subjects(3),
        "baselines": baselines,
    }


def rows(**source):
    data = {"task": "reversal", "parameters": ANALYSIS.published} | source
    return analyse(ANALYSIS, ExperimentData(**data)).effects.set_index("effect")


@pytest.fixture(scope="module")
def passing(learners):
    return rows(**learners)


def test_learners_pass_every_scored_row(passing):
    scored = passing[passing["criterion"] != ""]
    assert scored["criterion"].to_dict() == {
        BETTER: ">= 0.816",
        HABIT: "> 0",
        ACQUISITION: "> 0.6",
        REVERSAL: "> 0.6",
    }
    assert scored["verdict"].unique() == ["PASS"], scored["value"]
    assert scored["learned"].unique() == [3]
    assert passing["subjects"].unique() == [3]
    assert (passing["experiment"] == "reversal").all()


def test_a_value_is_the_mean_over_subjects_compared_with_chance(learners, passing):
    better = subject_measures(read_blocks(learners["trials"]))["p_better"]
    row = passing.loc[BETTER]
    assert row["value"] == pytest.approx(better.mean())
    assert row["low"] < row["value"] < row["high"]
    assert row["chance"] == 0.5
    assert row["p"] < 0.01
    lowest = passing.loc["P(choose better), lowest network"]
    assert lowest["value"] == pytest.approx(better.min())
    habit = subject_measures(read_blocks(learners["baselines"]["win-stay-lose-shift"]))
    habit = habit["p_better"].iloc[0]
    row = passing.loc[HABIT]
    assert row["value"] == pytest.approx(better.mean() - habit)
    assert row["chance"] == pytest.approx(0.5 - habit)
    assert row["reference"] == pytest.approx(0.8164 - habit, abs=1e-3)


def test_the_monkeys_are_the_reference_of_every_row(passing):
    table = passing["reference"]
    assert table[BETTER] == pytest.approx((555 * 0.780 + 551 * 0.853) / 1106)
    assert table["P(choose better) at 80/20, mean"] == 0.853
    assert table["P(choose better) at 70/30, mean"] == 0.780
    assert table["P(stay | win) at 80/20, mean"] == 0.960
    assert table["P(shift | no reward) at 70/30, mean"] == 0.278
    first = "trials after the reversal before the new better choice"
    assert table[f"{first} at 70/30, mean"] == 3.061
    switch = "most likely switch minus reversal (trials)"
    assert table[f"{switch} at 80/20, mean"] == 3.998
    assert table["P(choose better), reversal trial at 70/30, mean"] == 0.3027
    named = passing[passing["reference"].notna()]
    assert named["source"].unique() == ["4 macaques, Costa et al. 2016"]
    assert len(named) == len(passing) - 1


def test_every_measure_is_reported_at_both_schedules(passing):
    for schedule in ("80/20", "70/30"):
        part = passing[passing.index.str.contains(f"at {schedule}")]
        assert len(part) == 8
        assert set(part["verdict"]) == {"REPORTED"}
    delay = passing["value"].filter(like="most likely switch")
    assert delay.to_numpy() == pytest.approx([3, 3], abs=1)
    chances = passing["chance"]
    assert chances.filter(like="before the new better").tolist() == [1, 1]
    assert chances.filter(like="most likely").isna().all()


def test_networks_that_learned_nothing_pass_no_row(baselines):
    table = rows(trials=subjects(3, share=0.5), baselines=baselines)
    scored = table.loc[SCORED]
    assert not scored["passed"].any()
    assert set(scored["verdict"]) == {"NOT LEARNED"}
    assert set(scored["learned"]) == {0}


def test_networks_that_never_switch_fail_after_the_reversal(baselines):
    stubborn = subjects(3, share=1.0, delay=60)
    table = rows(trials=stubborn, baselines=baselines)
    assert not table.loc[REVERSAL, "passed"]
    assert table.loc[REVERSAL, "value"] == 0
    assert table.loc[ACQUISITION, "value"] == 1


def test_networks_no_better_than_the_habit_fail_compared_with_it(baselines):
    habit = {"win-stay-lose-shift": chooser(40, seed=9, share=0.82, delay=1)}
    minds = subjects(3, share=0.79, delay=1)
    table = rows(trials=minds, baselines=baselines | habit)
    assert table.loc[[BETTER, HABIT], "verdict"].tolist() == ["FAIL", "FAIL"]
    assert table.loc[[ACQUISITION, REVERSAL], "verdict"].tolist() == ["PASS", "PASS"]
    assert table["learned"].eq(3).all()


def test_networks_below_the_habit_have_not_learned(baselines):
    table = rows(trials=subjects(3, share=0.7, delay=1), baselines=baselines)
    assert table["learned"].eq(0).all()
    assert table.loc[BETTER, "verdict"] == "NOT LEARNED"


def test_without_the_baseline_its_row_is_missing(learners):
    table = rows(**learners | {"baselines": {}})
    assert table.loc[HABIT, "verdict"] == "MISSING"
    assert np.isnan(table.loc[HABIT, "value"])


def test_one_schedule_alone_has_its_own_rows_only(learners):
    easy = subjects(2, schedules=(80,))
    table = rows(**learners | {"trials": easy, "parameters": {"schedule": "80/20"}})
    assert not table.index.str.contains("70/30").any()
    unknown = rows(trials=subjects(2, schedules=(90,)), parameters={"a": 1})
    at = unknown[unknown.index.str.contains("90/10")]
    assert len(at) == 8
    assert at["reference"].isna().all()


def test_networks_with_pictures_have_the_same_scored_rows_of_their_own(learners):
    poor = ExperimentData(trials=subjects(3, share=0.8, delay=2), task="reversal")
    both = rows(**learners, variants={"pictures": poor})
    scored = both[both["criterion"] != ""]
    of_pictures = scored.index.str.contains(", pictures")
    assert of_pictures.sum() == len(SCORED)
    assert scored["verdict"][~of_pictures].unique() == ["PASS"]
    better = both.loc["P(choose better), pictures, mean"]
    assert 0.75 < better["value"] < 0.8
    assert better["verdict"] == "FAIL"
    assert better["claim"] == "Costa et al. 2016, accuracy"


def test_without_networks_with_pictures_there_is_no_row_of_them(passing):
    assert not passing.index.str.contains("pictures").any()


def test_networks_with_pictures_must_have_learned_themselves(learners):
    poor = ExperimentData(trials=subjects(3, share=0.6, delay=2), task="reversal")
    both = rows(**learners, variants={"pictures": poor})
    assert both.loc["P(choose better), pictures, mean", "learned"] == 0
    assert both.loc[BETTER, "learned"] == 3
