"""Choices between asking and taking: by hand, on planted choosers, and as drawn."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from askers import simulate

from metarl.analysis import ExperimentData
from metarl.analysis.informative_arm.choices import (
    bounds,
    choice_grid,
    choices_after_clue,
    choices_by_trial,
    regret_by_trial,
    subject_choices,
)
from metarl.analysis.informative_arm.plots import (
    plot_after_clue,
    plot_choices,
    plot_regret,
)
from metarl.analysis.informative_arm.tables import PANELS, effects, tables
from metarl.core.checks import MetaRLError

FIRST = "P(informative arm) in the first trial, mean"
LATER = "P(target) in the trials after the first, mean"
BEYOND = "reward per episode beyond the best without asking, mean"
TASK = "informative-arm"


@pytest.fixture
def trials():
    """Two episodes by hand of 4 arms: target arm 2, then arm 3; one choice missing."""
    return pd.DataFrame(
        {
            "subject": 0,
            "session": 0,
            "episode": [0, 0, 0, 1, 1, 1],
            "trial": [0, 1, 2] * 2,
            "choice": [3, 1, 0, 2, 3, np.nan],
            "reward": [2 / 3, 5, 1, 5, 1, -1],
            "valid": [1, 1, 1, 1, 1, 0],
            "forced": 0,
            "target": [1, 1, 1, 2, 2, 2],
        }
    )


def test_what_can_be_earned_is_worked_out():
    published = bounds()
    assert published.random == pytest.approx(5 * (5 + 9 + 0.55) / 11)
    assert published.guesser == pytest.approx(1.4 + 1.8 + 2.2 + 2.6 + 3.0)
    assert published.informed == pytest.approx(20.55)
    few = bounds(arm_count=4, trial_count=4)
    assert few.guesser == pytest.approx(7 / 3 + 11 / 3 + 5 + 5)
    assert few.informed == pytest.approx(2 / 3 + 15)


def test_simulated_choosers_earn_the_bounds():
    for mind, bound in (("asker", 20.55), ("guesser", 11.0), ("random", 6.6136)):
        reward = simulate(mind, 2000).groupby("episode")["reward"].sum()
        assert abs(reward.mean() - bound) < 4 * reward.std() / 2000**0.5 + 1e-9


def test_choices_by_trial_count_over_the_choices_made(trials):
    made = choices_by_trial(choice_grid(trials), 4).set_index(["kind", "trial"])
    shares = made["probability"]
    assert shares["informative arm"].tolist() == [0.5, 0.5, 0]
    assert shares["target"].tolist() == [0.5, 0.5, 0]


def test_regret_is_what_the_target_would_have_paid_more(trials):
    made = regret_by_trial(choice_grid(trials))
    first, second = np.cumsum([5 - 2 / 3, 0, 4]), np.cumsum([0, 4, 6])
    assert made["regret"].tolist() == pytest.approx(list((first + second) / 2))


def test_choices_after_the_clue_are_told_by_target(trials):
    made = choices_after_clue(choice_grid(trials), 4).set_index(["target", "arm"])
    shares = made["probability"]
    assert shares[2].tolist() == [0.5, 0.5, 0, 0]
    assert shares[1].isna().all()
    # The only choice after the second episode's clue is missing.
    assert shares[3].isna().all()


def test_a_subjects_numbers_are_those_by_hand(trials):
    (row,) = subject_choices(choice_grid(trials), 4).to_dict("records")
    assert row["reward_per_episode"] == pytest.approx((2 / 3 + 6 + 5) / 2)
    assert row["informative_first"] == 0.5
    assert row["target_later"] == pytest.approx(1 / 3)
    assert row["target_after_clue"] == 0.5
    assert np.isnan(row["target_after_clue_least"])


def test_a_table_without_targets_is_refused(trials):
    words = "the informative-arm trial table has no column target"
    with pytest.raises(MetaRLError, match=words):
        choice_grid(trials.drop(columns="target"))


def source(minds, **more):
    parts = [simulate(m, subject=k, slips=0.02) for k, m in enumerate(minds)]
    baselines = {
        "informed": simulate("asker", subject=0, seed=9),
        "guesser": simulate("guesser", subject=1, seed=9),
    }
    given = {"baselines": baselines, "task": TASK, "expected_subjects": len(minds)}
    return ExperimentData(trials=pd.concat(parts, ignore_index=True), **given | more)


def rows(minds, **more):
    return effects(tables(source(minds, **more))).set_index("effect")


@pytest.fixture(scope="module")
def found():
    return tables(source(["asker"] * 3 + ["guesser"]))


def test_askers_pass_every_scored_row():
    made = rows(["asker"] * 4)
    scored = made[made["criterion"] != ""]
    assert scored["criterion"].to_dict() == {
        FIRST: ">= 0.9",
        LATER: ">= 0.9",
        BEYOND: "> 0",
    }
    assert set(scored["verdict"]) == {"PASS"}
    assert scored["learned"].tolist() == [4, 4, 4]
    reward = made.loc["reward per episode, mean"]
    assert reward["reference"] == pytest.approx(20.55)
    assert reward["chance"] == pytest.approx(6.6136, abs=1e-4)
    assert made.loc[FIRST, "chance"] == pytest.approx(1 / 11)
    assert made.loc[LATER, "p"] < 1e-6


@pytest.mark.parametrize("mind", ["guesser", "random", "asks-in-vain"])
def test_others_pass_nothing(mind):
    made = rows([mind] * 4)
    assert not made["passed"].drop(FIRST).any()
    assert made.loc[FIRST, "passed"] == (mind == "asks-in-vain")
    assert made.loc[BEYOND, "value"] < 0.1
    assert made.loc[LATER, "learned"] == 0


def test_one_guesser_among_askers_is_counted():
    made = rows(["asker"] * 3 + ["guesser"])
    assert made.loc[FIRST, "verdict"] == "NOT LEARNED"
    assert made.loc[FIRST, "learned"] == 3
    assert made.loc[FIRST, "value_learners"] > 0.95
    lowest = made.loc["P(informative arm) in the first trial, lowest network"]
    assert lowest["value"] < 0.1


def test_the_use_of_the_clue_is_told_apart_from_asking():
    told = "P(target) after the informative arm was chosen, mean"
    assert rows(["asker"] * 3).loc[told, "value"] > 0.95
    assert rows(["asks-in-vain"] * 3).loc[told, "value"] == pytest.approx(0.1, abs=0.03)
    worst = "P(target) after the informative arm, for the worst known target, mean"
    assert rows(["asker"] * 3).loc[worst, "value"] > 0.85


@pytest.mark.parametrize(
    "change",
    [
        {"parameters": {"trial_count": 6}},
        {"parameters": {"arm_count": 12}},
        {"as_published": False},
        {"subjects_are": "animals"},
        {"task": "my-task"},
    ],
)
def test_another_task_or_test_is_reported_and_not_scored(change):
    made = rows(["asker"] * 2, **change)
    assert set(made["verdict"]) == {"REPORTED"}
    assert made["reference"].isna().all()


def test_the_published_parameters_are_scored():
    same = {"trial_count": 5, "arm_count": 11}
    assert "PASS" in set(rows(["asker"] * 2, parameters=same)["verdict"])


def test_a_missing_subject_lets_no_row_pass():
    assert not rows(["asker"] * 2, expected_subjects=3)["passed"].any()


@pytest.fixture
def ax():
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


def lines(ax):
    return {line.get_label(): line for line in ax.lines}


def test_choices_are_lines_by_trial(found, ax):
    assert plot_choices(found, ax) is ax
    summary = found["choices_summary"].set_index(["group", "kind"])
    drawn = lines(ax)
    for kind in ("target", "informative arm"):
        for group, name in (("measured", "networks (n = 4)"), ("guesser", "guesser")):
            expected = summary.loc[(group, kind), "mean"].tolist()
            assert list(drawn[f"{kind}, {name}"].get_ydata()) == expected
    assert drawn["target, informed"].get_ydata()[0] == 0
    assert drawn["informative arm, informed"].get_ydata()[0] == 1
    # Two kinds of choice: four subjects, their mean and two strategies each.
    assert len(ax.lines) == 2 * (4 + 1 + 2)


def test_the_square_is_of_targets_and_arms(found, ax):
    plot_after_clue(found, ax)
    square = np.asarray(ax.images[0].get_array())
    each = found["after_clue"]
    assert square.shape == (10, 11)
    for target, arm in ((1, 1), (10, 10), (4, 11), (3, 8)):
        cell = each[(each["target"] == target) & (each["arm"] == arm)]
        # The guesser asks by a slip only, if at all.
        expected = cell["probability"].dropna().mean()
        assert square[target - 1, arm - 1] == pytest.approx(expected)
    assert square[0, 0] > square[0, 1]
    assert ax.images[0].get_extent() == [0.5, 11.5, 0.5, 10.5]
    assert ax.get_xlabel().endswith("4 asked, of networks (n = 4)")


def test_regrets_are_lines_with_an_interval(found, ax):
    plot_regret(found, ax)
    summary = found["regret_summary"].set_index("group")
    measured = summary.loc["measured"]
    drawn = lines(ax)["networks (n = 4)"]
    assert list(drawn.get_ydata()) == measured["mean"].tolist()
    tips = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert tips.max() == pytest.approx(measured["high"].max())
    names = [text.get_text() for text in ax.texts]
    assert names == ["informed", "guesser"]
    ends = [line.get_ydata()[-1] for line in ax.lines[:2]]
    assert ends == summary.loc[names].query("trial == 5")["mean"].tolist()


def test_every_panel_can_be_drawn_from_few_trials_alone():
    trials = simulate("guesser", 2)
    made = tables(ExperimentData(trials=trials, task=TASK))
    for _, draw in PANELS:
        figure, axes = plt.subplots()
        draw(made, axes)
        plt.close(figure)
    figure, axes = plt.subplots()
    plot_after_clue(made, axes)
    assert axes.texts[0].get_text() == "the informative arm was never chosen"
    plt.close(figure)
    assert not effects(made)["passed"].any()
