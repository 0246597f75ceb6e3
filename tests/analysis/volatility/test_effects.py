"""Effects: planted, absent, unlearned, missing; and where the criteria apply."""

import numpy as np
import pandas as pd
import pytest
from volatile_choosers import (
    PARAMETERS,
    SUBJECT_COUNT,
    chooser_trials,
    population,
    source,
    whole_source,
)

from metarl.analysis.analysis import analyse
from metarl.analysis.volatility import ANALYSIS


@pytest.fixture(scope="module")
def full():
    return whole_source()


@pytest.fixture(scope="module")
def rows(full):
    return rows_of(full)


def rows_of(data):
    return analyse(ANALYSIS, data).effects.set_index("effect")


def test_planted_rates_pass_every_scored_row(rows):
    scored = rows[~rows["verdict"].isin(["REPORTED", "MISSING"])]
    assert len(scored) == 12
    # All of these units code volatility, and no episode's differs from another's.
    coded = scored.index.str.startswith("units coding volatility")
    assert coded.sum() == 4
    assert set(scored.loc[coded, "verdict"]) == {"FAIL"}
    assert (scored.loc[~coded, "verdict"] == "PASS").all()
    trace = "learning rate along the episode, r with the Bayesian observer's, mean"
    assert scored.loc[trace, "value"] > 0.9
    for order in ("low-first", "high-first"):
        mean = rows.loc[f"learning rate, volatile - stable, {order}, mean"]
        assert mean["value"] == pytest.approx(0.3, abs=0.06)
        assert mean["low"] > 0.1
        assert (mean["chance"], mean["subjects"]) == (0, SUBJECT_COUNT)
        assert mean["p"] < 0.01
        assert mean["criterion"] == ">= 0.1"
        each = rows.loc[f"learning rate, volatile - stable, {order}, lowest network"]
        assert each["value"] < mean["value"]
        assert each["criterion"] == "> 0"


def test_one_rate_throughout_fails_the_difference_and_not_the_controls():
    rows = rows_of(source(population((0.25, 0.25))))
    for order in ("low-first", "high-first"):
        mean = rows.loc[f"learning rate, volatile - stable, {order}, mean"]
        assert abs(mean["value"]) < 0.06
        assert mean["verdict"] == "FAIL"
    recovery = rows.loc["learning rate fitted to simulated learners, largest error"]
    assert recovery["verdict"] == "PASS"
    assert recovery["value"] < 0.05


def test_a_network_with_the_opposite_difference_fails_the_lowest_row(full):
    trials = full.trials[full.trials["subject"] != 2]
    odd = chooser_trials((0.4, 0.1), episodes=100, subject=2)
    rows = rows_of(source(pd.concat([trials, odd])))
    each = rows.loc["learning rate, volatile - stable, low-first, lowest network"]
    assert each["value"] == pytest.approx(-0.3, abs=0.08)
    assert each["verdict"] == "FAIL"


def test_a_control_that_learned_nothing_does_not_count(full):
    # Its reward is that of chance, and its rates happen to be equal in both blocks.
    poor = population((0.2, 0.2), temperature=1.5, seed=8, episodes=400)
    one = source(full.trials, variants={"constant": source(poor)})
    name = "learning rate, volatile - stable, trained at a constant hazard, mean"
    row = rows_of(one).loc[name]
    assert row["learned"] == 0
    assert row["verdict"] == "NOT LEARNED"


def test_a_control_that_tracks_volatility_fails(full):
    one = source(full.trials, variants={"constant": source(full.trials)})
    name = "learning rate, volatile - stable, trained at a constant hazard, mean"
    row = rows_of(one).loc[name]
    assert row["verdict"] == "FAIL"
    assert row["value"] == pytest.approx(0.3, abs=0.05)
    assert row["criterion"] == "in [-0.05, 0.05]"


def test_without_a_control_there_is_no_row_of_it(full):
    rows = rows_of(source(full.trials))
    assert not rows.index.str.contains("constant hazard").any()


def test_a_missing_subject_counts_against_the_networks(full):
    rows = rows_of(source(full.trials, expected_subjects=SUBJECT_COUNT + 1))
    mean = rows.loc["learning rate, volatile - stable, low-first, mean"]
    assert not mean["passed"]
    assert (mean["subjects"], mean["missing"]) == (SUBJECT_COUNT, 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"parameters": PARAMETERS | {"trial_count": 100}},
        {"parameters": PARAMETERS | {"schedule": "training"}},
        {"parameters": {}},
        {"as_published": False},
        {"subjects_are": "animals"},
    ],
)
def test_another_test_than_the_published_is_reported_and_not_scored(full, changes):
    some = full.trials[full.trials["episode"] % 10 == 0]
    verdicts = rows_of(source(some, **changes))["verdict"]
    assert set(verdicts) == {"REPORTED"}


def test_fixed_hazard_observers_stay_below_the_criterion(rows):
    name = "learning rate, volatile - stable, highest of the fixed-hazard observers"
    assert 0.02 < rows.loc[name, "value"] < 0.1
    mean = rows.loc["learning rate, volatile - stable, low-first, mean"]
    assert mean["reference"] == rows.loc[name, "value"]


def test_units_are_reported_with_their_nulls(rows):
    for name in (
        "units coding volatility on the test blocks, fraction",
        "units coding volatility on the training schedule, fraction",
        "volatility decoded on the test blocks, r",
        "volatility decoded on the training schedule, r",
    ):
        trained, untrained, gain = (
            rows.loc[f"{name}{kind}, mean", "value"]
            for kind in ("", ", untrained units", ", trained - untrained")
        )
        assert gain == pytest.approx(trained - untrained)
        assert gain > 0.05
        assert rows.loc[f"{name}, trained - untrained, mean", "p"] < 0.05
    published = rows.loc["units coding volatility on the test blocks, fraction, mean"]
    assert published["reference"] == 0.37
    null = "units coding volatility on the training schedule by another episode's label"
    assert f"{null}, fraction, mean" in rows.index


def test_unmeasured_units_have_no_number(full):
    rows = rows_of(source(full.trials))
    row = rows.loc[
        "volatility decoded on the test blocks, r, trained - untrained, mean"
    ]
    assert np.isnan(row["value"])
    assert (row["subjects"], row["missing"]) == (0, SUBJECT_COUNT)


def test_the_reward_row_has_the_observers_reward_as_reference(rows, full):
    row = rows.loc["reward per trial, mean"]
    assert row["value"] == pytest.approx(full.trials["reward"].mean())
    assert row["chance"] == 0.25
    assert row["reference"] == full.baselines["bayes-greedy"]["reward"].mean()


def test_the_difference_stands_beside_that_of_people(rows):
    both = [
        rows.loc[f"learning rate, volatile - stable, {order}, mean", "value"]
        for order in ("low-first", "high-first")
    ]
    for study, difference in (
        ("Gagne et al. 2020", 0.046),
        ("Cook et al. 2019", -0.002),
    ):
        row = rows.loc[
            f"learning rate, volatile - stable, beside people ({study}), mean"
        ]
        assert row["value"] == pytest.approx(sum(both) / 2)
        assert row["reference"] == pytest.approx(difference)
        assert row["verdict"] == "REPORTED"
