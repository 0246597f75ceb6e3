"""The drawn marks are the tables' numbers; labels have units and shares."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from metarl.analysis.snapshot_plots import MARKS, plot_rpe_by_event, plot_trial_states


@pytest.fixture
def ax():
    return Figure().subplots()


def errors():
    return pd.DataFrame(
        {
            "event": ["look", "look", "press"],
            "order": [0, 1, 0],
            "reward": ["0", "1", "0"],
            "rpe": [-0.5, 0.5, 0.2],
            "deviation": [np.nan, 0.1, 0.3],
            "n": [1, 5, 4],
        }
    )


def states(count=6):
    trial = np.arange(count)
    return pd.DataFrame(
        {
            "episode": 0,
            "trial": trial,
            "reward": np.where(trial == 0, np.nan, trial % 2),
            "pc1": trial * 1.0,
            "pc2": trial * -2.0,
            "share1": 0.617,
            "share2": 0.25,
        }
    )


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_each_reward_has_its_marks_at_its_events(ax):
    plot_rpe_by_event(errors(), ax)
    assert labels(ax) == ["0", "1"]
    none, one = (bar.lines[0] for bar in ax.containers)
    np.testing.assert_allclose(none.get_ydata().astype(float), [-0.5, 0.2])
    np.testing.assert_allclose(one.get_ydata().astype(float), [0.5])
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["look", "press"]
    np.testing.assert_array_equal(np.round(none.get_xdata().astype(float)), [0, 1])
    (ends,) = (bar.get_segments() for bar in ax.containers[1].lines[2])
    np.testing.assert_allclose(ends[0][:, 1], [0.4, 0.6])
    assert ax.get_ylabel() == "RPE, mean and s.d. (reward units)"


def test_an_empty_table_is_stated(ax):
    plot_rpe_by_event(errors()[:0], ax)
    assert [text.get_text() for text in ax.texts] == ["no recording"]


def test_states_are_drawn_by_the_reward_of_the_trial_before(ax):
    plot_trial_states(states(), ax)
    places = [marks.get_offsets().tolist() for marks in ax.collections]
    assert places == [
        [[0, 0]],
        [[1, -2], [3, -6], [5, -10]],
        [[2, -4], [4, -8]],
    ]
    assert labels(ax) == [
        "start",
        "after reward",
        "after no reward",
        "trial 1",
        "trial 3",
        "trial 6",
    ]
    assert ax.get_xlabel() == "PC 1 of units (62 % of variance)"
    assert ax.get_ylabel() == "PC 2 of units (25 % of variance)"


def test_later_trials_have_other_shades(ax):
    plot_trial_states(states(), ax)
    rewarded = ax.collections[1].get_facecolors()
    assert len({tuple(shade) for shade in rewarded}) == 3


def test_episodes_of_one_trial_can_be_drawn_and_long_ones_are_cut(ax):
    plot_trial_states(states(1), ax)
    assert labels(ax)[3:] == ["trial 1"]
    plot_trial_states(states(MARKS + 9), ax)
    assert sum(len(marks.get_offsets()) for marks in ax.collections[3:]) == MARKS
