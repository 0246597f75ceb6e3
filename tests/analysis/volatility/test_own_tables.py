"""Tables of people in changing times: points, words, blocks, and what follows."""

import numpy as np
import pandas as pd
import pytest

from metarl.analysis import ExperimentData
from metarl.analysis.analysis import analyse
from metarl.analysis.volatility.behaviour import RATES, TEMPERATURES
from metarl.core.checks import MetaRLError
from metarl.io.column_map import ColumnMap
from metarl.io.trials import load_table
from metarl.reports.figures import own_data_analysis

ANALYSIS = own_data_analysis("volatility")


def people(seed=5, subjects=2, half=100):
    """Learners that double their rate in volatile times; odd ones meet these first."""
    random = np.random.default_rng(seed)
    rows = []
    for subject in range(subjects):
        estimate, left = 0.5, True
        for trial in range(2 * half):
            volatile = (trial >= half) != bool(subject % 2)
            if volatile and trial % 15 == 0:
                left = not left
            chance = 0.8 if left else 0.2
            winner = int(random.random() >= chance)
            points = random.integers(1, 100, 2)
            worth = estimate * points[0] - (1 - estimate) * points[1]
            choice = int(random.random() >= 1 / (1 + np.exp(-0.1 * worth)))
            reward = int(points[choice]) if choice == winner else 0
            kind = "volatile" if volatile else "stable"
            rows.append((f"b{subject}", trial, choice, reward, winner, *points, kind))
            rate = 0.4 if volatile else 0.1
            estimate += rate * ((winner == 0) - estimate)
    names = ["subject", "trial", "choice", "reward", "winner"]
    amounts = ["magnitude_left", "magnitude_right"]
    return pd.DataFrame(rows, columns=[*names, *amounts, "volatility"])


def loaded(table, tmp_path, largest="100"):
    file = tmp_path / "people.csv"
    table.to_csv(file, index=False)
    values = {"magnitude_max": float(largest)} if largest else {}
    return load_table(file, ANALYSIS.schema, ColumnMap(values=values)).trials


def result_of(trials):
    data = ExperimentData(trials=trials, task="volatility", subjects_are="people")
    return analyse(ANALYSIS, data)


def best_by_hand(own, kind):
    """Rate of the grid with the highest likelihood in the settled times of a kind."""
    rows = own.sort_values("trial").to_dict("records")
    best = (-np.inf, 0.0)
    for rate in RATES:
        estimate, fits = 0.5, np.zeros(len(TEMPERATURES))
        for place, row in enumerate(rows):
            settled = place % 100 >= 20
            sides = row["magnitude_left"] / 100, row["magnitude_right"] / 100
            worth = estimate * sides[0] - (1 - estimate) * sides[1]
            if settled and row["volatility"] == kind:
                sign = 1 if row["choice"] == 0 else -1
                fits -= np.log1p(np.exp(-sign * worth * TEMPERATURES))
            estimate += rate * ((row["winner"] == 0) - estimate)
        best = max(best, (fits.max(), rate))
    return best[1]


def test_points_and_words_give_the_rates_of_a_loop(tmp_path):
    table = people()
    rates = result_of(loaded(table, tmp_path)).tables["rates"]
    step = np.log(RATES[1] / RATES[0])
    for subject, (_, own) in enumerate(table.groupby("subject")):
        for volatile, kind in enumerate(("stable", "volatile")):
            found = rates[
                (rates["subject"] == subject) & (rates["volatile"] == volatile)
            ]
            expected = best_by_hand(own, kind)
            assert np.log(found["rate"].item() / expected) == pytest.approx(0, abs=step)


def test_the_order_follows_from_the_times(tmp_path):
    trials = loaded(people(), tmp_path)
    orders = trials.groupby("subject")["order"].unique().map(list)
    assert orders.tolist() == [["low-first"], ["high-first"]]


def test_the_winner_follows_from_choice_and_reward(tmp_path):
    table = people()
    # A magnitude of 0 is never drawn, so that a reward of 0 means the other arm.
    trials = loaded(table.drop(columns="winner"), tmp_path)
    assert trials["winner"].tolist() == table["winner"].tolist()


def test_undeclared_points_are_refused_with_the_way_out(tmp_path):
    with pytest.raises(MetaRLError, match="--value magnitude_max=100"):
        loaded(people(), tmp_path, largest=None)


def test_magnitudes_may_be_left_out(tmp_path):
    table = people().drop(columns=["magnitude_left", "magnitude_right"])
    trials = loaded(table, tmp_path, largest=None)
    assert set(trials["magnitude_left"]) == {1.0}
    assert result_of(trials).tables["rates"]["rate"].notna().all()


def test_stable_and_volatile_blocks_may_be_episodes_of_their_own(tmp_path):
    table = people()
    block = (table["trial"] >= 100).astype(int)
    apart = table.assign(episode=block, trial=table["trial"] % 100)
    trials = loaded(apart, tmp_path)
    orders = trials.groupby("subject")["order"].unique().map(list)
    assert orders.tolist() == [["low-first"], ["high-first"]]
    result = result_of(trials)
    rates = result.tables["rates"]
    assert len(rates) == 4
    assert rates["rate"].notna().all()
    assert rates.groupby("volatile")["rate"].mean().diff().iloc[1] > 0.05
    behaviour = result.tables["behaviour"]
    over = behaviour[behaviour["quantity"] == "volatile_minus_stable"]
    together = over[(over["label"] == "all subjects") & over["order"].isna()]
    wide = rates.pivot(index="subject", columns="volatile", values="rate")
    assert together["value"].item() == pytest.approx((wide[1] - wide[0]).mean())
