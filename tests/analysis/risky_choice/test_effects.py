"""Rows of effects on simulated tables that pass, fail or are reported."""

from dataclasses import replace

import pandas as pd
import pytest
from risky_choosers import AMOUNTS, population, simulate

from metarl.analysis.analysis import analyse
from metarl.analysis.data import ExperimentData
from metarl.analysis.measures import rows_at
from metarl.analysis.risky_choice import ANALYSIS

TASK = "risky-choice"
COUNT = 4
ABLATED = "risky choices at p = {} (%) of networks trained without RPE, mean"


def rows(data):
    return analyse(ANALYSIS, data).effects.set_index("effect")


def conditions(**settings):
    return {
        f"block-{kind}{end}": population(f"block-{kind}{end}", count=COUNT, **settings)
        for kind in AMOUNTS
        for end in ("", "-free")
    }


def without_rpe(trials, expected_subjects=COUNT):
    """Networks that were trained without RPE."""
    return ExperimentData(task=TASK, trials=trials, expected_subjects=expected_subjects)


@pytest.fixture(scope="module")
def learners():
    """Learners of the task, with all further tests and variants."""
    flat = population(count=COUNT, rate=0.0, episodes=400)
    return ExperimentData(
        task=TASK,
        parameters=ANALYSIS.published,
        trials=population(count=COUNT),
        tests=conditions(),
        recordings={
            k: simulate(subject=k, temperature=0.3 + 0.03 * k)[1] for k in range(COUNT)
        },
        variants={"no-rpe": without_rpe(flat)},
        discount=0.9,
        expected_subjects=COUNT,
    )


@pytest.fixture(scope="module")
def passing(learners):
    return rows(learners)


def scored(table):
    return table[table["criterion"] != ""]


def change(kind, probability, end=None, span="all trials"):
    amount = {"risky win": "-4", "safe reward": "-1", "risky loss": "+1"}[kind]
    words = (
        f"change of risky choices by RPE {amount} at {kind}, p = {probability}, {span}"
    )
    what = "mean" if end is None else f"{end} end of the mean's interval"
    return f"{words} (points), {what}"


def test_learners_pass_every_scored_row(passing):
    table = scored(passing)
    assert table["verdict"].unique() == ["PASS"], table[["value", "verdict"]]
    assert table["subjects"].unique() == [COUNT]


def test_criteria_are_those_fixed_beforehand(passing):
    assert scored(passing)["criterion"].to_dict() == {
        "risky choices at p = 0.5 (%), lowest network": "> 50",
        "risky choices at p = 0.125 (%), highest network": "< 50",
        change("risky win", 0.5, "upper"): "< 0",
        change("safe reward", 0.125, "lower"): "> 0",
        change("risky loss", 0.5, "lower"): "> 0",
        change("risky loss", 0.125, "lower"): "> 0",
        "risky choices, better minus worse (points), mean": "> 0",
        ABLATED.format(0.5): "in [45, 55]",
        ABLATED.format(0.125): "in [45, 55]",
    }


def test_a_scored_change_is_the_end_of_the_reported_interval(passing):
    for kind, probability, end, column in (
        ("risky win", 0.5, "upper", "high"),
        ("safe reward", 0.125, "lower", "low"),
    ):
        mean = passing.loc[change(kind, probability)]
        value = passing.loc[change(kind, probability, end), "value"]
        assert value == pytest.approx(mean[column])
        assert mean["verdict"] == "REPORTED"


def test_the_interval_beyond_zero_is_the_paired_test(passing):
    reported = passing[
        passing.index.str.startswith("change") & (passing["chance"] == 0)
    ]
    assert len(reported) == 12
    beyond = (reported["low"] > 0) | (reported["high"] < 0)
    assert (beyond == (reported["p"] < 0.05)).all()
    assert reported["source"].str.contains("Stopper et al. 2014").all()
    rats = {
        kind: reported.loc[change(kind, 0.5), "source"][:10]
        for kind in ("risky win", "safe reward", "risky loss")
    }
    assert rats == {
        "risky win": "rats: less",
        "safe reward": "rats: more",
        "risky loss": "rats: more",
    }


def test_changes_on_free_trials_are_reported(passing, learners):
    name = change("safe reward", 0.125, span="free trials")
    table = analyse(ANALYSIS, learners).tables["changes"]
    part = rows_at(table, outcome="safe", span="free trials", probability=0.125)
    assert passing.loc[name, "value"] == pytest.approx(part["change"].mean())
    assert passing.loc[name, "verdict"] == "REPORTED"


def test_prediction_errors_are_reported(passing):
    win = passing.loc["RPE at risky win, p = 0.125 minus p = 0.5, mean"]
    loss = passing.loc["RPE at risky loss, p = 0.125 minus p = 0.5, mean"]
    for row in (win, loss):
        assert row["value"] > 0
        assert row["p"] < 0.05
        assert row["verdict"] == "REPORTED"
    assert passing.loc["RPE at risky loss, p = 0.5, mean", "value"] < 0


def test_the_best_chooser_is_the_reference(learners):
    best = population(count=1, temperature=0.01)
    table = rows(replace(learners, baselines={"bayes-optimal": best}))
    row = table.loc["risky choices at p = 0.5 (%), lowest network"]
    here = best[(best["forced"] == 0) & (best["probability_risky"] == 0.5)]
    assert row["reference"] == pytest.approx(100 * here["risky"].mean())
    assert row["source"] == "Bayes-optimal chooser on the same task"


def test_choosers_that_learn_nothing_pass_nothing(learners):
    flat = replace(
        learners,
        trials=population(count=COUNT, rate=0.0),
        tests=conditions(rate=0.0),
        recordings={},
    )
    table = scored(rows(flat))
    assert not table["passed"].any()
    # A row that a flat agent meets does not count.
    assert table.loc[ABLATED.format(0.5), "verdict"] == "NOT LEARNED"


def swapped(learners, one, other):
    given = dict(learners.tests)
    given[one], given[other] = given[other], given[one]
    return replace(learners, tests=given)


def test_a_reversed_change_fails(learners):
    table = rows(swapped(learners, "block-risky-win", "block-safe"))
    failed = [
        change("risky win", 0.5, "upper"),
        change("safe reward", 0.125, "lower"),
    ]
    assert set(table.loc[failed, "verdict"]) == {"FAIL"}


def test_a_change_that_subjects_do_not_share_fails(learners):
    """The mean has the right sign; its interval does not keep from zero."""
    control, moved = learners.trials, learners.tests["block-safe"]
    mixed = pd.concat([moved[moved["subject"] == 0], control[control["subject"] > 0]])
    given = {**learners.tests, "block-safe": mixed}
    table = rows(replace(learners, tests=given))
    assert table.loc[change("safe reward", 0.125), "value"] > 10
    row = table.loc[change("safe reward", 0.125, "lower")]
    assert row["value"] < 0
    assert row["verdict"] == "FAIL"


def test_a_change_of_nothing_is_no_row_of_a_claim(passing):
    """Where there is little room, a change is reported, in either direction."""
    for kind, probability in (("risky win", 0.125), ("safe reward", 0.5)):
        assert passing.loc[change(kind, probability), "verdict"] == "REPORTED"
        for end in ("lower", "upper"):
            assert change(kind, probability, end) not in passing.index


def test_changes_that_were_not_tested_cannot_pass(learners):
    table = rows(replace(learners, tests={}, variants={}, recordings={}))
    names = [name for name in scored(table).index if name.startswith("change")]
    assert len(names) == 4
    assert not table.index.str.contains("without RPE").any()
    assert set(table.loc[names, "verdict"]) == {"MISSING"}
    assert table.loc[names, "value"].isna().all()
    assert table.loc["RPE at risky win, p = 0.5, mean", "verdict"] == "REPORTED"


def test_a_variant_that_chooses_fails(learners):
    chooses = without_rpe(learners.trials)
    table = rows(replace(learners, variants={"no-rpe": chooses}))
    names = [name for name in table.index if "without RPE" in name]
    assert set(table.loc[names, "verdict"]) == {"FAIL"}


def test_a_variant_of_fewer_networks_counts_by_itself(learners):
    flat = population(count=2, rate=0.0, episodes=400)
    for expected, verdict in ((2, "PASS"), (3, "FAIL")):
        variant = without_rpe(flat, expected)
        table = rows(replace(learners, variants={"no-rpe": variant}))
        name = ABLATED.format(0.5)
        assert table.loc[name, "verdict"] == verdict
        numbers = table.loc[name, ["subjects", "missing"]]
        assert numbers.tolist() == [2, expected - 2]


def test_one_network_that_did_not_learn_is_counted_and_named(learners):
    idle = population(count=COUNT, rate=0.0)
    trials = learners.trials
    mixed = pd.concat([trials[trials["subject"] > 0], idle[idle["subject"] == 0]])
    table = rows(replace(learners, trials=mixed))
    row = table.loc["risky choices at p = 0.125 (%), highest network"]
    assert (row["subjects"], row["learned"]) == (COUNT, COUNT - 1)
    assert row["verdict"] == "NOT LEARNED"
    control = ABLATED.format(0.5)
    assert table.loc[control, "verdict"] == "NOT LEARNED"


def test_keys_are_stable_and_distinct(passing):
    keys = list(passing["key"])
    assert len(set(keys)) == len(keys)
    assert keys[:2] == ["risky.high.mean", "risky.high.lowest"]
    assert keys[6] == "change.risky-win.high.all_trials.upper"
    assert keys[-1] == "risky.without_rpe.low.mean"
