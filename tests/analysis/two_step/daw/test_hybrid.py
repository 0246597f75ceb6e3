"""The hybrid's likelihood against a loop, and its estimates of simulated learners."""

import math

import numpy as np
import pandas as pd
import pytest

from metarl.analysis.two_step.behaviour import SCHEMA, read_trials
from metarl.analysis.two_step.daw import hybrid
from metarl.analysis.two_step.daw.hybrid import (
    LEAST_TRIALS,
    Likelihood,
    _choices,
    hybrid_fits,
)


def learner(weight, *, slopes=(6.0, 5.0), rates=(0.3, 0.4), eligibility=0.6, **more):
    """Trial table of a simulated hybrid, by a loop over trials."""
    stick, episodes, trials = (
        more.get(name, usual)
        for name, usual in (("stick", 0.2), ("episodes", 25), ("trials", 201))
    )
    random = np.random.default_rng(more.get("seed", 1))
    rows = []
    for episode in range(episodes):
        chances = random.uniform(0.25, 0.75, (2, 2))
        first, second, last = np.full(2, 0.5), np.full((2, 2), 0.5), np.zeros(2)
        for trial in range(trials):
            best = second.max(1)
            plan = np.array(
                [0.7 * best[0] + 0.3 * best[1], 0.3 * best[0] + 0.7 * best[1]]
            )
            worth = weight * plan + (1 - weight) * first + stick * last
            odds = slopes[0] * (worth[1] - worth[0])
            choice = int(random.random() < 1 / (1 + math.exp(-odds)))
            state = choice ^ int(random.random() > 0.7)
            odds = slopes[1] * (second[state, 1] - second[state, 0])
            option = int(random.random() < 1 / (1 + math.exp(-odds)))
            reward = int(random.random() < chances[state, option])
            rows.append((0, 0, episode, trial, choice, reward, state, option))
            value = second[state, option]
            first[choice] += rates[0] * (
                value - first[choice] + eligibility * (reward - value)
            )
            second[state, option] += rates[1] * (reward - value)
            last = np.eye(2)[choice]
            chances = (chances + random.normal(0, 0.025, (2, 2))).clip(0.25, 0.75)
    names = ["subject", "session", "episode", "trial", "choice", "reward"]
    table = pd.DataFrame(rows, columns=[*names, "second_state", "second_choice"])
    same = table["choice"] == table["second_state"]
    return table.assign(valid=1, forced=0, transition=np.where(same, "common", "rare"))


def sequence(table):
    for name in SCHEMA.columns:
        if name not in table:
            table = table.assign(**{name: np.nan})
    return read_trials(table)


def cost_by_hand(table, parameters):
    first_rate, second_rate, eligibility, based, free, slope, sticky = parameters
    common = (table["choice"] == table["second_state"]).mean()
    cost = 0.0
    for _, episode in table.groupby("episode"):
        first, second, last = np.full(2, 0.5), np.full((2, 2), 0.5), 0.0
        for row in episode.itertuples():
            best = second.max(1)
            lead = (2 * common - 1) * (best[1] - best[0])
            odds = based * lead + free * (first[1] - first[0]) + sticky * last
            sign = 2 * row.choice - 1
            cost += math.log1p(math.exp(-sign * odds))
            here = second[row.second_state]
            odds = slope * (here[1] - here[0]) * (2 * row.second_choice - 1)
            cost += math.log1p(math.exp(-odds))
            value = here[row.second_choice]
            first[row.choice] += first_rate * (
                value - first[row.choice] + eligibility * (row.reward - value)
            )
            here[row.second_choice] += second_rate * (row.reward - value)
            last = float(sign)
    return cost / (2 * len(table))


@pytest.mark.parametrize(
    "parameters",
    [(0.3, 0.4, 0.6, 4.0, 2.0, 5.0, 0.7), (1.0, 0.01, 0.0, 0.0, 9.0, 1.0, -1.0)],
)
def test_the_likelihood_and_its_slopes_are_those_of_a_loop(parameters):
    table = learner(0.5, episodes=3, trials=40)
    trials = sequence(table)
    model = Likelihood(_choices(trials, np.arange(len(table))))
    value, slopes = model(np.array(parameters))
    assert value == pytest.approx(cost_by_hand(table, parameters), rel=1e-9)
    for place in range(7):
        step = -1e-5 if parameters[place] == 1.0 else 1e-5
        moved = [*parameters]
        moved[place] += step
        slope = (cost_by_hand(table, moved) - value) / step
        assert slopes[place] == pytest.approx(slope, rel=1e-3, abs=1e-4), place


@pytest.mark.parametrize("weight", [0.0, 0.5, 1.0])
def test_the_weight_of_a_simulated_hybrid_is_recovered(weight):
    row = hybrid_fits(sequence(learner(weight))).iloc[0]
    assert row["model_based_weight"] == pytest.approx(weight, abs=0.1)
    assert row["second_rate"] == pytest.approx(0.4, abs=0.05)
    assert row["second_slope"] == pytest.approx(5, abs=0.5)
    assert row["first_slope"] == pytest.approx(6, abs=0.8)
    assert row["stickiness"] == pytest.approx(0.2, abs=0.05)
    if weight < 1:
        assert row["first_rate"] == pytest.approx(0.3, abs=0.1)
        assert row["eligibility"] == pytest.approx(0.6, abs=0.25)


def test_missed_trials_are_left_out_and_values_carried_over():
    table = learner(0.5, episodes=4, trials=60)
    missed = table.copy()
    missed["trial"] *= 2
    gaps = missed.assign(trial=missed["trial"] + 1, valid=0)
    blank = ["choice", "reward", "second_state", "second_choice", "transition"]
    gaps = gaps.astype(dict.fromkeys(blank, object))
    gaps[blank] = np.nan
    both = pd.concat([missed, gaps]).sort_values(["episode", "trial"])
    both = both.astype(dict.fromkeys(blank[:-1], float))
    left, right = hybrid_fits(sequence(table)), hybrid_fits(sequence(both))
    pd.testing.assert_frame_equal(left, right)


def test_episodes_beyond_the_most_trials_are_not_fitted(monkeypatch):
    monkeypatch.setattr(hybrid, "MOST_TRIALS", 250)
    row = hybrid_fits(sequence(learner(1.0, episodes=5, trials=100))).iloc[0]
    assert row["choices"] == 2 * 300


def test_too_few_trials_or_no_second_choices_give_no_fit():
    table = learner(0.5, episodes=1, trials=LEAST_TRIALS - 1)
    assert hybrid_fits(sequence(table)).empty
    none = learner(0.5, episodes=1).assign(second_choice=np.nan)
    assert hybrid_fits(sequence(none)).empty


def test_the_weight_of_a_chooser_without_values_is_unknown():
    table = learner(0.5, slopes=(0.0, 0.0), episodes=1, trials=60, stick=0.0, seed=4)
    table["choice"] = np.arange(len(table)) % 2
    row = hybrid_fits(sequence(table)).iloc[0]
    assert row["first_slope"] >= 0
    assert np.isnan(row["model_based_weight"]) == (row["first_slope"] < 0.1)
