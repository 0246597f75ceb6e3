"""The volatility trial table laid out by episode and trial."""

import numpy as np
import pandas as pd
import pytest
from volatile_choosers import chooser_trials

from metarl.analysis.volatility.behaviour import SCHEMA, by_order, read_episodes
from metarl.core.checks import MetaRLError


@pytest.fixture(scope="module")
def trials():
    return chooser_trials(episodes=4)


def test_a_table_in_any_order_is_laid_out_by_episode_and_trial(trials):
    grid = read_episodes(trials.sample(frac=1, random_state=3))
    assert grid["choice"].shape == (4, 200)
    assert grid.episodes["episode"].tolist() == [0, 1, 2, 3]
    assert grid.episodes["order"].tolist() == ["low-first"] * 2 + ["high-first"] * 2
    for column in ("choice", "winner", "magnitude_right", "probability_left"):
        expected = trials[column].to_numpy().reshape(4, 200)
        np.testing.assert_array_equal(grid[column], expected)


def test_absent_trials_are_blank(trials):
    grid = read_episodes(trials[(trials["episode"] != 1) | (trials["trial"] < 150)])
    assert np.isnan(grid["choice"][1, 150:]).all()
    assert np.isfinite(np.delete(grid["choice"], 1, axis=0)).all()


def test_episodes_are_divided_by_subject_and_order_and_others_are_left_out(trials):
    other = trials.assign(subject=7)
    other.loc[other["episode"] == 3, "order"] = None
    both = read_episodes(pd.concat([trials, other]))
    result = [
        (
            g.subject.tolist(),
            g.episodes["order"].iloc[0],
            g.episodes["episode"].tolist(),
        )
        for g in by_order(both)
    ]
    assert result == [
        ([0, 0], "low-first", [0, 1]),
        ([0, 0], "high-first", [2, 3]),
        ([7, 7], "low-first", [0, 1]),
        ([7], "high-first", [2]),
    ]


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("choice", 2, r"column choice must be 0 \(left\), 1 \(right\) or blank, got 2"),
        (
            "winner",
            0.5,
            r"column winner must be 0 \(left\), 1 \(right\) or blank, got 0.5",
        ),
        (
            "volatility",
            -1,
            r"volatility must be 0 \(stable\), 1 \(volatile\) or blank, got -1",
        ),
        (
            "magnitude_left",
            73,
            r"magnitude_left must be at most 1, .* got 73 in row 6; declare the",
        ),
        ("order", "low", "order must be low-first, high-first or blank, got 'low'"),
        ("winner", "left", "column winner must be 0 .* got 'left' in row 6"),
    ],
)
def test_wrong_codes_are_named(trials, column, value, words):
    changed = trials.astype({column: object})
    changed.loc[5, column] = value
    with pytest.raises(MetaRLError, match=words):
        SCHEMA.check(changed)


def test_a_magnitude_below_zero_is_named_with_its_value(trials):
    changed = trials.copy()
    changed.loc[5, "magnitude_right"] = -0.25
    with pytest.raises(MetaRLError, match=r"got -0\.25"):
        SCHEMA.check(changed)


def test_a_missing_column_is_named(trials):
    with pytest.raises(MetaRLError, match="has no column winner; it needs"):
        SCHEMA.check(trials.drop(columns="winner"))


def test_a_repeated_trial_is_refused(trials):
    with pytest.raises(MetaRLError, match="each trial must have one row"):
        SCHEMA.check(pd.concat([trials, trials.iloc[:1]]))
