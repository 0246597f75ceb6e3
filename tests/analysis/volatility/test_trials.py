"""The volatility trial table laid out by episode and trial."""

import numpy as np
import pandas as pd
import pytest
from volatile_choosers import chooser_trials

from metarl.analysis.volatility.trials import check_volatility, trial_grid
from metarl.core.checks import MetaRLError


@pytest.fixture(scope="module")
def trials():
    return chooser_trials(episodes=4)


def test_a_table_in_any_order_is_laid_out_by_episode_and_trial(trials):
    grid = trial_grid(trials.sample(frac=1, random_state=3))
    assert grid.choice.shape == (4, 200)
    assert grid.episode.tolist() == [0, 1, 2, 3]
    assert grid.order.tolist() == ["low-first"] * 2 + ["high-first"] * 2
    for column in ("choice", "winner", "magnitude_right", "probability_left"):
        expected = trials[column].to_numpy().reshape(4, 200)
        np.testing.assert_array_equal(getattr(grid, column), expected)


def test_trials_that_are_not_there_are_missing(trials):
    grid = trial_grid(trials[(trials["episode"] != 1) | (trials["trial"] < 150)])
    assert np.isnan(grid.choice[1, 150:]).all()
    assert np.isfinite(np.delete(grid.choice, 1, axis=0)).all()


def test_episodes_part_by_subject_and_order_and_others_are_left_out(trials):
    other = trials.assign(subject=7)
    other.loc[other["episode"] == 3, "order"] = None
    both = trial_grid(pd.concat([trials, other]))
    found = [
        (g.subject.tolist(), g.order[0], g.episode.tolist()) for g in both.by_order()
    ]
    assert found == [
        ([0, 0], "low-first", [0, 1]),
        ([0, 0], "high-first", [2, 3]),
        ([7, 7], "low-first", [0, 1]),
        ([7], "high-first", [2]),
    ]


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("choice", 2, r"column choice must be 0, 1 or blank, got 2"),
        ("winner", 0.5, r"column winner must be 0, 1 or blank, got 0.5"),
        ("volatility", -1, r"column volatility must be 0, 1 or blank, got -1"),
        ("magnitude_left", 73, r"magnitude_left must be in \[0, 1\], got 73; divide"),
        ("order", "low", "order must be low-first, high-first or blank, got 'low'"),
        ("winner", "left", "column winner must hold numbers or blanks"),
    ],
)
def test_wrong_codes_are_named(trials, column, value, words):
    changed = trials.astype({column: object})
    changed.loc[5, column] = value
    with pytest.raises(MetaRLError, match=words):
        check_volatility(changed)


def test_a_magnitude_below_zero_is_named_with_its_value(trials):
    changed = trials.copy()
    changed.loc[5, "magnitude_right"] = -0.25
    with pytest.raises(MetaRLError, match=r"got -0\.25"):
        check_volatility(changed)


def test_a_missing_column_is_named(trials):
    with pytest.raises(MetaRLError, match="has no column winner; it needs"):
        trial_grid(trials.drop(columns="winner"))


def test_a_trial_that_is_there_twice_is_refused(trials):
    with pytest.raises(MetaRLError, match="got a trial number twice in an episode"):
        trial_grid(pd.concat([trials, trials.iloc[:1]]))
