"""Gambles with amounts: risky choice by the difference of expected rewards."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, special

from metarl.analysis.risky_choice.behaviour import read_trials as sort_trials
from metarl.analysis.risky_choice.values import percent_by_value, value_weights
from metarl.reports.figures import own_data_analysis, read_trials
from metarl.reports.own_data import analyze_trials


def gambles(seed=6, subjects=3, trials=200):
    """People who weigh expected rewards, and want 1.5 more for a risk."""
    random = np.random.default_rng(seed)
    rows = []
    for subject in range(subjects):
        for trial in range(trials):
            chance = random.choice([0.25, 0.5, 0.75])
            big, loss = int(random.integers(2, 20)), -int(random.integers(1, 10))
            safe = int(random.integers(-3, 6))
            apart = chance * big + (1 - chance) * loss - safe
            risky = int(random.random() < special.expit(0.5 * (apart - 1.5)))
            won = big if random.random() < chance else loss
            reward = won if risky else safe
            rows.append((f"g{subject}", trial, risky, reward, chance, safe, big, loss))
    names = ["subject", "trial", "risky", "reward", "probability_risky", "reward_safe"]
    return pd.DataFrame(rows, columns=[*names, "reward_risky", "reward_risky_else"])


@pytest.fixture
def table():
    return gambles()


def loaded(table, tmp_path):
    file = tmp_path / "gambles.csv"
    table.to_csv(file, index=False)
    return read_trials("risky-choice", file, reward_unit="points")


def difference(table):
    chance = table["probability_risky"]
    risky = chance * table["reward_risky"] + (1 - chance) * table["reward_risky_else"]
    return risky - table["reward_safe"]


def test_the_weights_are_those_of_a_direct_search(table, tmp_path):
    found = value_weights(sort_trials(loaded(table, tmp_path).trials))
    for index, (_, own) in enumerate(table.groupby("subject")):
        apart, risky = difference(own), own["risky"]

        def loss(weights, apart=apart, risky=risky):
            odds = weights[0] + weights[1] * apart
            return -(risky * odds - np.logaddexp(0, odds)).sum()

        bias, slope = optimize.minimize(loss, [0.0, 0.1]).x
        assert found["slope"][index] == pytest.approx(slope, rel=1e-2)
        assert found["risk_premium"][index] == pytest.approx(-bias / slope, rel=2e-2)
    assert found["risk_premium"].mean() == pytest.approx(1.5, abs=0.6)


def test_a_bin_has_the_percentage_of_its_trials(table, tmp_path):
    found = percent_by_value(sort_trials(loaded(table, tmp_path).trials))
    apart = difference(table)
    bins = pd.qcut(apart, 8, duplicates="drop")
    expected = (
        100 * table["risky"].groupby([table["subject"], bins], observed=True).mean()
    )
    assert found["percent"].tolist() == pytest.approx(expected.tolist())
    assert found["trials"].sum() == len(table)


def test_amounts_are_analysed_in_their_unit(table, tmp_path):
    data = loaded(table, tmp_path)
    paths = analyze_trials("risky-choice", data, who="people").save(tmp_path / "out")
    effects = {row["key"]: row for row in json.loads(paths["effects"].read_text())}
    assert effects["value.premium.mean"]["effect"] == "risk premium (points), mean"
    subjects = pd.read_csv(paths["subjects"])
    expected = table.groupby("subject")["reward"].mean()
    assert subjects["reward_per_free_trial"].tolist() == pytest.approx(
        expected.tolist()
    )
    assert set(subjects["reward_unit"]) == {"points"}


def test_without_amounts_there_is_no_such_panel(table, tmp_path):
    plain = table.drop(columns=[k for k in table if k.startswith("reward_")])
    data = loaded(plain, tmp_path)
    titles = {p.title for p in own_data_analysis("risky-choice").panels_of(data.trials)}
    assert "Risky choice by expected reward" not in titles
    assert value_weights(sort_trials(data.trials)).empty
