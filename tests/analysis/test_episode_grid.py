"""Columns laid out by episode and trial."""

import numpy as np
import pandas as pd
import pytest

from metarl.analysis.bridge import grid_of, grouped_grids
from metarl.analysis.trials import EpisodeGrid
from metarl.core.checks import MetaRLError


@pytest.fixture
def trials():
    """Two subjects; the second has two sessions with an episode 4 each."""
    keys = [(7, 0, 2, 0), (7, 0, 2, 1), (7, 0, 3, 0), (3, 0, 4, 0), (3, 1, 4, 2)]
    table = pd.DataFrame(keys, columns=["subject", "session", "episode", "trial"])
    return table.assign(reward=[1.0, 2.0, 3.0, 4.0, 5.0])


def laid(trials):
    return grid_of(trials, {"reward": trials["reward"].to_numpy()})


def test_episodes_are_rows_and_trials_are_columns_whatever_the_order(trials):
    nan = np.nan
    expected = [[4, nan, nan], [nan, nan, 5], [1, 2, nan], [3, nan, nan]]
    for table in (trials, trials.iloc[::-1], trials.sample(frac=1, random_state=1)):
        grid = laid(table)
        np.testing.assert_array_equal(grid["reward"], expected)
        assert grid.subject.tolist() == [3, 3, 7, 7]


def test_each_subject_has_its_episodes(trials):
    parts = dict(laid(trials).iter_subjects())
    assert list(parts) == [3, 7]
    np.testing.assert_array_equal(parts[7]["reward"][:, 0], [1, 3])
    assert parts[7].subject.tolist() == [7, 7]


def test_a_trial_with_two_rows_is_refused_by_name(trials):
    doubled = pd.concat([trials, trials.iloc[[1]]], ignore_index=True)
    words = "one row, got subject 7, session 0, episode 2, trial 1 more than once"
    with pytest.raises(MetaRLError, match=words):
        laid(doubled)


def test_groups_are_joined_with_their_names(trials):
    def count(grid: EpisodeGrid) -> pd.DataFrame:
        return pd.DataFrame({"episodes": [len(grid.subject)]})

    grids = {"measured": laid(trials), "random": laid(trials.iloc[:3])}
    made = grouped_grids(grids, count)
    assert made["group"].tolist() == ["measured", "random"]
    assert made["episodes"].tolist() == [4, 2]
