"""The informative arm in people, against the same numbers computed by a loop."""

import numpy as np
import pandas as pd
import pytest

from metarl.analysis import ExperimentData
from metarl.analysis.analysis import analyse
from metarl.io.trials import load_table
from metarl.reports.figures import own_data_analysis

ANALYSIS = own_data_analysis("informative-arm")


def people(seed=3, subjects=3, episodes=15):
    """Some choose arm 10 first, which reveals the target."""
    random = np.random.default_rng(seed)
    rows = []
    for subject in range(subjects):
        for episode in range(episodes):
            target, known = int(random.integers(10)), False
            for trial in range(1, 6):
                asks = trial == 1 and random.random() < 0.6
                choice = 10 if asks else target if known else int(random.integers(10))
                if random.random() < 0.06:
                    rows.append((subject, episode, trial, None, None, target))
                    continue
                reward = 5.0 if choice == target else 0.1 if choice == 10 else 1.0
                known = known or choice in (10, target)
                rows.append((subject, episode, trial, choice, reward, target))
    names = ["subject", "episode", "trial", "choice", "reward", "target"]
    return pd.DataFrame(rows, columns=names)


def loaded(table, tmp_path):
    file = tmp_path / "arms.csv"
    table.to_csv(file, index=False)
    trials = load_table(file, ANALYSIS.schema).trials
    data = ExperimentData(trials=trials, task="informative-arm", subjects_are="people")
    return analyse(ANALYSIS, data)


def by_hand(own):
    first, after, before, rewards = [], [], [], {True: [], False: []}
    sums = []
    for _, episode in own.groupby("episode"):
        told = False
        for row in episode.dropna().sort_values("trial").to_dict("records"):
            informed = row["choice"] == 10
            if row["trial"] == 1:
                first.append(informed)
            if not (informed and not told):
                (after if told else before).append(row["choice"] == row["target"])
                rewards[told].append(row["reward"])
            told = told or informed
        sums.append(episode["reward"].sum())
    return {
        "informative_first": np.mean(first),
        "target_after_clue": np.mean(after),
        "target_before_clue": np.mean(before),
        "reward_after_clue": np.mean(rewards[True]),
        "reward_without_clue": np.mean(rewards[False]),
        "reward_per_episode": np.mean(sums),
    }


def test_every_number_is_that_of_a_loop_over_trials(tmp_path):
    table = people()
    subjects = loaded(table, tmp_path).tables["subjects"].set_index("subject")
    for subject, own in table.groupby("subject"):
        for measure, value in by_hand(own).items():
            assert subjects.loc[subject, measure] == pytest.approx(value), measure


def test_the_target_need_not_be_known(tmp_path):
    table = people()
    known, unknown = (
        loaded(t, tmp_path).tables["subjects"]
        for t in (table, table.drop(columns="target"))
    )
    assert unknown[["target_later", "target_after_clue"]].isna().all(axis=None)
    for measure in ("informative_first", "reward_after_clue"):
        pd.testing.assert_series_equal(known[measure], unknown[measure])
    titles = {p.title for p in ANALYSIS.panels_of(table.drop(columns="target"))}
    assert "Choosing the target" not in titles


def test_the_informative_arm_may_be_another_than_the_highest(tmp_path):
    table = people()
    swapped = table.assign(
        choice=table["choice"].map({0: 10, 10: 0}).fillna(table["choice"]),
        target=table["target"].replace(0, 10),
        informative=0,
    )
    one, other = (loaded(t, tmp_path).tables["subjects"] for t in (table, swapped))
    pd.testing.assert_frame_equal(one, other)
