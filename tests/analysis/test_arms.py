"""Choices among several arms, against the same numbers computed trial by trial."""

import itertools

import numpy as np
import pandas as pd
import pytest
from arm_choosers import learner_table

from metarl.analysis import ExperimentData
from metarl.analysis.analysis import analyse
from metarl.analysis.arms import RATES, TEMPERATURES
from metarl.io.column_map import ColumnMap
from metarl.io.trials import load_table
from metarl.reports.figures import own_data_analysis, read_trials

MEANS = {f"probability_{k}": f"p{k}" for k in range(3)}


def loaded(table, tmp_path, task="bandit", **columns):
    file = tmp_path / "arms.csv"
    table.to_csv(file, index=False)
    analysis = own_data_analysis(task)
    data = load_table(file, analysis.schema, ColumnMap(columns=columns))
    names = dict(enumerate(data.names))
    experiment = ExperimentData(
        trials=data.trials, task=task, subjects_are="people", names=names
    )
    return analyse(analysis, experiment)


@pytest.fixture(scope="module")
def table():
    return learner_table(subjects=3, episodes=12, trials=20)


def by_hand(own):
    """Numbers of one person, by loops over its trials."""
    counted = own[own["valid"] == 1]
    mean = counted["reward"].mean()
    stays, best, regret = {True: [], False: []}, [], []
    for _, episode in own.groupby("episode"):
        rows = episode.sort_values("trial").to_dict("records")
        for row in rows:
            if row["valid"]:
                chances = [row["p0"], row["p1"], row["p2"]]
                chosen = chances[int(row["choice"])]
                best.append(chosen == max(chances))
                regret.append(max(chances) - chosen)
        for before, after in itertools.pairwise(rows):
            together = before["valid"] and after["valid"]
            if together and after["trial"] == before["trial"] + 1:
                stays[before["reward"] > mean].append(
                    after["choice"] == before["choice"]
                )
    tried = counted.groupby("episode")["choice"].nunique().mean()
    return {
        "reward_per_counted_trial": mean,
        "p_best": np.mean(best),
        "regret_per_trial": np.mean(regret),
        "stay_after_high": np.mean(stays[True]),
        "stay_after_low": np.mean(stays[False]),
        "arms_per_episode": tried,
    }


def fit_by_hand(own):
    """Log likelihood of every point of the grid, a choice at a time."""
    fits = np.zeros((len(RATES), len(TEMPERATURES)))
    for a, rate in enumerate(RATES):
        for _, episode in own.groupby("episode"):
            values = np.full(3, 0.5)
            for row in episode.sort_values("trial").to_dict("records"):
                if row["valid"]:
                    arm = int(row["choice"])
                    ahead = values - values[arm]
                    fits[a] -= np.log(np.exp(np.outer(TEMPERATURES, ahead)).sum(axis=1))
                    values[arm] += rate * (row["reward"] - values[arm])
    return fits


def test_every_number_is_that_of_a_loop_over_trials(table, tmp_path):
    result = loaded(table, tmp_path, **MEANS)
    subjects = result.tables["subjects"].set_index("label")
    for name, own in table.groupby("subject"):
        for measure, value in by_hand(own).items():
            assert subjects.loc[name, measure] == pytest.approx(value), measure
    behaviour = result.tables["behaviour"]
    together = behaviour[behaviour["label"] == "all subjects"]
    row = together[together["quantity"] == "stay_after_low"].iloc[0]
    each = [by_hand(own)["stay_after_low"] for _, own in table.groupby("subject")]
    assert row["value"] == pytest.approx(np.mean(each))
    assert row["error"] == pytest.approx(np.std(each, ddof=1) / np.sqrt(3))
    assert (row["n"], row["over"]) == (3, "subjects")


def test_the_fit_is_the_best_of_the_grid(table, tmp_path):
    own = table[table["subject"] == "p2"]
    fits = fit_by_hand(own)
    a, b = np.unravel_index(fits.argmax(), fits.shape)
    row = loaded(own, tmp_path).tables["subjects"].iloc[0]
    assert row["learning_rate"] == pytest.approx(RATES[a])
    assert row["temperature"] == pytest.approx(TEMPERATURES[b])
    choices = int((own["valid"] == 1).sum())
    gain = fits.max() / choices + np.log(3)
    assert row["likelihood_gain"] == pytest.approx(gain)


def test_the_learning_rate_of_a_simulated_learner_is_found(tmp_path):
    table = learner_table(subjects=4, episodes=40, rate=0.4, temperature=4.0)
    rates = loaded(table, tmp_path).tables["subjects"]["learning_rate"]
    assert rates.mean() == pytest.approx(0.4, abs=0.06)


def test_points_give_the_same_learning_as_rewards_of_0_and_1(table, tmp_path):
    plain = loaded(table, tmp_path).tables["subjects"]
    scaled = learner_table(subjects=3, episodes=12, trials=20, points=25)
    points = loaded(scaled, tmp_path).tables["subjects"]
    for measure in ("learning_rate", "temperature", "stay_difference"):
        pd.testing.assert_series_equal(plain[measure], points[measure])
    np.testing.assert_allclose(
        25 * plain["reward_per_counted_trial"], points["reward_per_counted_trial"]
    )


def test_arms_need_not_be_described(table, tmp_path):
    result = loaded(table.drop(columns=["p0", "p1", "p2"]), tmp_path)
    assert (
        result.tables["subjects"][["p_best", "regret_per_trial"]].isna().all(axis=None)
    )
    titles = [p.title for p in own_data_analysis("bandit").panels_of(table)]
    assert "Choosing the best arm" not in titles
    assert "Staying with an arm" in titles


def test_the_curve_is_a_mean_over_the_episodes_by_trial(table, tmp_path):
    curves = loaded(table, tmp_path, **MEANS).tables["curves"]
    counted = table[table["valid"] == 1]
    expected = counted.groupby(["subject", "trial"])["reward"].mean()
    found = curves[curves["measure"] == "reward"]
    assert found["value"].tolist() == pytest.approx(expected.tolist())


def test_a_forced_trial_is_learned_from_but_no_choice(tmp_path):
    rows = [("a", e, t, 0, 1.0, int(t < 3)) for e in range(6) for t in range(6)]
    rows += [("b", e, t, t % 2, float(t % 2), 0) for e in range(6) for t in range(6)]
    names = ["subject", "episode", "trial", "choice", "reward", "forced"]
    table = pd.DataFrame(rows, columns=names)
    subjects = loaded(table, tmp_path).tables["subjects"].set_index("label")
    assert subjects.loc["a", "counted"] == 18
    assert subjects.loc["b", "counted"] == 36


def test_four_drifting_arms_are_read_with_their_means(tmp_path):
    random = np.random.default_rng(1)
    means = np.cumsum(random.normal(0, 2, (60, 4)), axis=0) + 50
    choice = random.integers(1, 5, 60)
    table = pd.DataFrame(means, columns=["m1", "m2", "m3", "m4"])
    table = table.assign(
        subject="x", trial=range(60), choice=choice, reward=means.round().max(axis=1)
    )
    file = tmp_path / "daw.csv"
    table.to_csv(file, index=False)
    mapped = ColumnMap(
        columns={f"mean_{k}": f"m{k + 1}" for k in range(4)},
        codes={"choice": {str(k + 1): float(k) for k in range(4)}},
    )
    data = read_trials("restless-bandit", file, mapped, reward_unit="points")
    analysis = own_data_analysis("restless-bandit")
    result = analyse(
        analysis,
        ExperimentData(trials=data.trials, subjects_are="people", reward_unit="points"),
    )
    chosen = means[np.arange(60), choice - 1]
    row = result.tables["subjects"].iloc[0]
    assert row["regret_per_trial"] == pytest.approx((means.max(axis=1) - chosen).mean())
    assert row["p_best"] == pytest.approx(np.mean(chosen == means.max(axis=1)))
    labels = result.effects["effect"].tolist()
    assert "regret per trial (points), mean" in labels


def test_two_arms_of_p_and_1_minus_p_need_one_column(tmp_path):
    table = pd.DataFrame(
        {
            "subject": "x",
            "trial": range(4),
            "choice": [0, 1, 0, 1],
            "reward": [1, 0, 0, 1],
            "probability_left": [0.9, 0.9, 0.2, 0.2],
        }
    )
    row = loaded(table, tmp_path, "restless-bandit").tables["subjects"].iloc[0]
    assert row["regret_per_trial"] == pytest.approx((0 + 0.8 + 0.6 + 0) / 4)
    assert row["p_best"] == 0.5
