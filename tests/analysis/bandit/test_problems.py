"""What choices cost, by hand and on simulated players."""

import numpy as np
import pandas as pd
import pytest
from bandits import simulate, table

from metarl.analysis.bandit.problems import (
    GAPS,
    problems_by_subject,
    regret_by_gap,
    regret_by_trial,
    subject_regrets,
)
from metarl.core.checks import MetaRLError

CHANCES = [[0.8, 0.3], [0.2, 0.6]]
CHOICES = [[0, 1, 1, 0], [0, 1, 1, 1]]
"""Costs .5 twice, then .4 once."""


def only(trials):
    """The problems of a table's one subject."""
    ((_, problems),) = problems_by_subject(trials)
    return problems


def test_a_choice_costs_what_the_best_arm_would_have_paid_more():
    problems = only(table(CHOICES, CHANCES))
    assert problems.episode.tolist() == [0, 1]
    np.testing.assert_allclose(problems.chances, CHANCES, rtol=1e-6)
    expected = [[0, 0.5, 0.5, 0], [0.4, 0, 0, 0]]
    np.testing.assert_allclose(problems.regret, expected, rtol=1e-6)
    assert problems.final == pytest.approx([1.0, 0.4])
    assert problems.best == pytest.approx([0.8, 0.6])
    assert problems.gap == pytest.approx([0.5, 0.4])
    # Four trials at half of the gap.
    assert problems.random_regret == pytest.approx([1.0, 0.8])


def test_a_subjects_row_is_worked_by_hand():
    trials = table(CHOICES, CHANCES, subject=7)
    ((subject, problems),) = problems_by_subject(trials)
    row = subject_regrets(subject, problems)
    assert row == pytest.approx(
        {
            "subject": 7,
            "episodes": 2,
            "trials": 4,
            "regret": 0.7,
            "random_regret": 0.9,
            "regret_saved": 1 - 0.7 / 0.9,
            "suboptimal": 1.5,
        }
    )


def test_regret_adds_up_over_trials():
    found = regret_by_trial(only(table(CHOICES, CHANCES)))
    assert found["trial"].tolist() == [1, 2, 3, 4]
    assert found["regret"].tolist() == pytest.approx([0.2, 0.45, 0.7, 0.7])
    assert found["suboptimal"].tolist() == [0.5, 0.5, 0.5, 0]


def test_regret_is_sorted_by_how_far_the_arms_are_apart():
    chances = [[0.8, 0.3], [0.25, 0.75], [0.5, 0.4], [0.0, 1.0]]
    choices = [[1, 1], [1, 0], [1, 0], [1, 0]]
    found = regret_by_gap(only(table(choices, chances))).set_index("gap")
    assert list(found.index) == [0.1, 0.3, 0.5, 0.7, 0.9]
    assert found["episodes"].tolist() == [1, 0, 2, 0, 1]
    assert found["regret"].tolist() == pytest.approx(
        [0.1, np.nan, 0.75, np.nan, 1.0], nan_ok=True
    )
    assert len(found) == len(GAPS) - 1


def test_equal_arms_cost_nothing_whichever_is_pulled():
    problems = only(table([[0, 1, 0]], [[0.4, 0.4]]))
    row = subject_regrets(0, problems)
    assert row["regret"] == row["suboptimal"] == row["random_regret"] == 0
    assert np.isnan(row["regret_saved"])


def test_there_may_be_more_arms():
    problems = only(table([[0, 1, 2]], [[0.9, 0.6, 0.3]]))
    assert problems.regret[0].tolist() == pytest.approx([0, 0.3, 0.6])
    assert problems.gap.tolist() == pytest.approx([0.3])
    assert problems.random_regret.tolist() == pytest.approx([0.9])


def test_arms_are_in_the_order_of_their_numbers_not_of_their_names():
    trials = table([[10, 2]], [[*np.linspace(0, 0.9, 10), 1.0]])
    assert only(trials).regret[0].tolist() == pytest.approx([0, 0.8], abs=1e-6)
    shuffled = trials[sorted(trials.columns)]
    assert only(shuffled).regret[0].tolist() == pytest.approx([0, 0.8], abs=1e-6)


@pytest.mark.parametrize("nullable", [False, True])
def test_a_missing_choice_costs_all_that_could_be_won(nullable):
    trials = table([[0, np.nan]], [[0.8, 0.3]])
    if nullable:
        trials["choice"] = trials["choice"].astype("Int32")
    assert only(trials).regret[0].tolist() == pytest.approx([0, 0.8])


def test_episodes_that_lack_a_trial_are_left_out():
    trials = table(CHOICES, CHANCES)
    cut = trials.drop(index=[2])
    assert only(cut).episode.tolist() == [1]
    running = trials.iloc[:6]
    assert only(running).final == pytest.approx([1.0])


def test_rows_may_come_in_any_order_and_sessions_repeat_their_episodes():
    parts = [
        table(CHOICES, CHANCES, subject=3),
        table([[1, 1, 1, 1]], [[0.9, 0.1]], subject=1),
        table([[0, 0, 0, 0]], [[0.2, 0.6]], subject=3, session=1),
    ]
    trials = pd.concat(parts, ignore_index=True)
    mixed = trials.sample(frac=1, random_state=4)
    for rows in (trials, mixed):
        found = dict(problems_by_subject(rows))
        assert set(found) == {1, 3}
        assert found[1].final == pytest.approx([3.2])
        assert found[3].final == pytest.approx([1.0, 0.4, 1.6])


def test_the_table_is_not_changed():
    trials = pd.concat([table(CHOICES, CHANCES, subject=k) for k in (2, 0)])
    before = trials.copy()
    for _, problems in problems_by_subject(trials):
        problems.regret[:] = 9
    pd.testing.assert_frame_equal(trials, before)


def test_a_table_without_trials_has_no_subject():
    assert not list(problems_by_subject(table(CHOICES, CHANCES).iloc[:0]))


def test_a_subject_without_a_whole_episode_has_no_numbers():
    trials = pd.concat([table(CHOICES, CHANCES), table([[0]], [[0.2, 0.6]], subject=1)])
    found = dict(problems_by_subject(trials))
    row = subject_regrets(1, found[1])
    assert row["episodes"] == 0
    assert np.isnan([row["regret"], row["regret_saved"], row["suboptimal"]]).all()
    assert regret_by_trial(found[1]).empty
    assert regret_by_gap(found[1])["regret"].isna().all()


def test_a_table_without_chances_is_refused():
    trials = table(CHOICES, CHANCES).drop(columns="probability_1")
    words = "the bandit trial table has no column probability_1; it needs subject, "
    with pytest.raises(MetaRLError, match=words):
        list(problems_by_subject(trials))


def test_one_who_learns_saves_most_of_the_regret_and_one_who_does_not_none():
    found = {
        mind: subject_regrets(0, only(simulate(mind, 2000)))
        for mind in ("random", "thompson", "bound")
    }
    assert found["random"]["regret_saved"] == pytest.approx(0, abs=0.02)
    assert found["thompson"]["regret_saved"] == pytest.approx(
        1 - 2.78 / 16.67, abs=0.02
    )
    assert found["bound"]["regret_saved"] == pytest.approx(1 - 1.87 / 16.67, abs=0.02)
