"""Regret of choices, by hand and of simulated players."""

import numpy as np
import pandas as pd
import pytest
from bandits import simulate, table

from metarl.analysis.bandit.behaviour import (
    MIDDLES,
    SCHEMA,
    read_problems,
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
    (problems,) = read_problems(trials).values()
    return problems


def first_row(table):
    """The table's first row as a mapping."""
    return table.iloc[0].to_dict()


def test_a_choices_regret_is_the_difference_to_the_best_arm():
    problems = only(table(CHOICES, CHANCES))
    assert problems.episode.tolist() == [0, 1]
    np.testing.assert_allclose(problems.probabilities, CHANCES, rtol=1e-6)
    expected = [[0, 0.5, 0.5, 0], [0.4, 0, 0, 0]]
    np.testing.assert_allclose(problems.regret, expected, rtol=1e-6)
    assert problems.final == pytest.approx([1.0, 0.4])
    assert problems.best == pytest.approx([0.8, 0.6])
    assert problems.gap == pytest.approx([0.5, 0.4])
    # Four trials at half of the gap.
    assert problems.random_regret == pytest.approx([1.0, 0.8])


def test_trials_are_numbered_from_any_number_and_incomplete_episodes_are_counted():
    trials = table(CHOICES, CHANCES)
    later = trials.assign(trial=trials["trial"] + 7)
    one, other = (subject_regrets(read_problems(t)) for t in (trials, later))
    assert one.to_dict() == other.to_dict()
    fewer = first_row(subject_regrets(read_problems(later.iloc[1:])))
    assert (fewer["episodes"], fewer["incomplete"]) == (1, 1)


def test_an_invalid_choice_is_none():
    trials = table(CHOICES, CHANCES)
    invalid = trials.assign(valid=np.where(trials["trial"] == 0, 0, trials["valid"]))
    problems = only(invalid)
    assert problems.missed[:, 0].all()
    assert problems.regret[:, 0] == pytest.approx(problems.best)


def test_a_subjects_row_is_computed_by_hand():
    trials = table(CHOICES, CHANCES, subject=7)
    row = first_row(subject_regrets(read_problems(trials)))
    assert row == pytest.approx(
        {
            "subject": 7,
            "episodes": 2,
            "trials": 4,
            "regret": 0.7,
            "random_regret": 0.9,
            "regret_saved": 1 - 0.7 / 0.9,
            "suboptimal": 1.5,
            "missed": 0,
            "incomplete": 0,
        }
    )


def test_regret_adds_up_over_trials():
    result = regret_by_trial(read_problems(table(CHOICES, CHANCES)))
    assert result["trial"].tolist() == [1, 2, 3, 4]
    assert result["regret"].tolist() == pytest.approx([0.2, 0.45, 0.7, 0.7])
    assert result["suboptimal"].tolist() == [0.5, 0.5, 0.5, 0]


def test_regret_is_sorted_by_the_difference_between_the_arms():
    probabilities = [[0.8, 0.3], [0.25, 0.75], [0.5, 0.4], [0.0, 1.0]]
    choices = [[1, 1], [1, 0], [1, 0], [1, 0]]
    result = regret_by_gap(read_problems(table(choices, probabilities))).set_index(
        "gap"
    )
    assert result["episodes"].tolist() == [1, 0, 2, 0, 1]
    assert result["regret"].tolist() == pytest.approx(
        [0.1, np.nan, 0.75, np.nan, 1.0], nan_ok=True
    )
    assert tuple(result.index) == MIDDLES


def test_equal_arms_cost_nothing_whichever_is_pulled():
    row = first_row(subject_regrets(read_problems(table([[0, 1, 0]], [[0.4, 0.4]]))))
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
def test_a_missing_choice_has_the_full_regret(nullable):
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
        result = read_problems(rows)
        assert set(result) == {1, 3}
        assert result[1].final == pytest.approx([3.2])
        assert result[3].final == pytest.approx([1.0, 0.4, 1.6])


def test_the_table_is_not_changed():
    trials = pd.concat([table(CHOICES, CHANCES, subject=k) for k in (2, 0)])
    before = trials.copy()
    for problems in read_problems(trials).values():
        problems.regret[:] = 9
    pd.testing.assert_frame_equal(trials, before)


def test_a_table_without_trials_has_no_subject():
    assert read_problems(table(CHOICES, CHANCES).iloc[:0]) == {}


def test_a_subject_without_a_whole_episode_has_no_numbers():
    trials = pd.concat([table(CHOICES, CHANCES), table([[0]], [[0.2, 0.6]], subject=1)])
    by_name = {1: read_problems(trials)[1]}
    row = first_row(subject_regrets(by_name))
    assert row["episodes"] == 0
    assert np.isnan([row["regret"], row["regret_saved"], row["suboptimal"]]).all()
    assert regret_by_trial(by_name).empty
    assert regret_by_gap(by_name)["regret"].isna().all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "the bandit trial table has no column probability_1; it needs subject, "),
        (
            {"probability_1": 50},
            "second arm's probability of reward, 0 to 1, got 50 in",
        ),
        (
            {"probability_1": 0.5, "choice": 0.5},
            "choice must be whole numbers or blank",
        ),
    ],
)
def test_a_table_without_probabilities_or_with_half_arms_is_refused(change, words):
    trials = table(CHOICES, CHANCES).drop(columns="probability_1")
    with pytest.raises(MetaRLError, match=words):
        SCHEMA.check(trials.assign(**change))


def test_a_learner_saves_most_of_the_regret_and_a_random_player_none():
    saved = {
        mind: first_row(subject_regrets(read_problems(simulate(mind, 2000))))[
            "regret_saved"
        ]
        for mind in ("random", "thompson", "bound")
    }
    assert saved["random"] == pytest.approx(0, abs=0.02)
    assert saved["thompson"] == pytest.approx(1 - 2.78 / 16.67, abs=0.02)
    assert saved["bound"] == pytest.approx(1 - 1.87 / 16.67, abs=0.02)
