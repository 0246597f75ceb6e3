"""Second-stage choices of people, against the same numbers computed by a loop."""

import itertools

import numpy as np
import pandas as pd
import pytest

from metarl.analysis.two_step.behaviour import read_trials
from metarl.analysis.two_step.second_stage import OPTIONS, second_stage
from metarl.io.trials import load_table
from metarl.reports.figures import own_data_analysis

ANALYSIS = own_data_analysis("daw-two-step")


def people(seed=6, subjects=3, trials=120):
    random = np.random.default_rng(seed)
    rows = []
    for subject in range(subjects):
        value = np.full((2, 2), 0.5)
        for trial in range(trials):
            chances = random.uniform(0.25, 0.75, 4).round(3)
            choice = int(random.integers(2))
            state = choice ^ int(random.random() < 0.3)
            second = int(
                random.random() < 0.5 + 0.4 * (value[state, 1] - value[state, 0])
            )
            reward = int(random.random() < chances[2 * state + second])
            value[state, second] += 0.5 * (reward - value[state, second])
            row = [choice, state, second, reward]
            if random.random() < 0.05:
                row = [None] * 4
            rows.append((f"d{subject}", trial, *row, int(row[0] is not None), *chances))
    names = ["choice", "second_state", "second_choice", "reward", "valid"]
    chances = [f"probability_{option}" for option in OPTIONS]
    return pd.DataFrame(rows, columns=["subject", "trial", *names, *chances])


def by_hand(own):
    stays, best = {0: [], 1: []}, []
    rows = own.sort_values("trial").to_dict("records")
    for row in rows:
        if row["valid"]:
            state = int(row["second_state"]) + 1
            sides = [row[f"probability_s{state}_{side}"] for side in ("left", "right")]
            best.append(sides[int(row["second_choice"])] == max(sides))
    for before, row in itertools.pairwise(rows):
        together = before["valid"] and row["valid"]
        if together and before["second_state"] == row["second_state"]:
            same = row["second_choice"] == before["second_choice"]
            stays[int(before["reward"])].append(same)
    return {
        "second_stay_rewarded": np.mean(stays[1]),
        "second_stay_unrewarded": np.mean(stays[0]),
        "second_best": np.mean(best),
    }


def loaded(table, tmp_path):
    file = tmp_path / "daw.csv"
    table.to_csv(file, index=False)
    return load_table(file, ANALYSIS.schema).trials


def test_the_measures_are_those_of_a_loop(tmp_path):
    table = people()
    found = second_stage(read_trials(loaded(table, tmp_path)))
    found = found.set_index(["subject", "measure"])["value"]
    for subject, (_, own) in enumerate(table.groupby("subject")):
        for measure, value in by_hand(own).items():
            assert found[subject, measure] == pytest.approx(value), measure


def test_second_choices_and_probabilities_may_be_left_out(tmp_path):
    table = people()
    short = table.drop(columns=[k for k in table if k.startswith("prob")])
    found = second_stage(read_trials(loaded(short, tmp_path)))
    assert "second_best" not in set(found["measure"])
    none = short.drop(columns="second_choice")
    assert second_stage(read_trials(loaded(none, tmp_path))).empty
    titles = {p.title for p in ANALYSIS.panels_of(none)}
    assert "At the second stage" not in titles
