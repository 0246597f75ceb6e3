"""Steps by their event, joined to trials; errors and units of a recording."""

import numpy as np
import pandas as pd
import pytest

from metarl.analysis.recordings import (
    error_after,
    event_rows,
    has_next,
    join_trials,
    steps_at,
    units_of,
)
from metarl.core.checks import MetaRLError


@pytest.fixture
def recording():
    """Two episodes: of two trials and of one; each step's rpe is its row."""
    return {
        "episode": np.array([4, 4, 4, 4, 4, 6, 6, 6]),
        "trial": np.array([0, 0, 1, 1, 1, 0, 0, 0]),
        "event": np.array([0, 1, 0, 1, 2, 0, 1, 2]),
        "event_names": np.array(["cue", "outcome", "end"]),
        "rpe": np.arange(8.0),
        "units": np.zeros((8, 3)),
        "units_untrained": np.ones((8, 3)),
    }


def test_the_steps_of_an_event_have_their_rows_and_trials(recording):
    steps = steps_at(recording, "outcome", ("rpe",))
    assert steps["row"].tolist() == [1, 3, 6]
    assert steps["episode"].tolist() == [4, 4, 6]
    assert steps["trial"].tolist() == [0, 1, 0]
    assert steps["rpe"].tolist() == [1, 3, 6]


def test_an_event_or_an_array_that_is_not_there_is_named(recording):
    with pytest.raises(MetaRLError) as caught:
        event_rows(recording, "go")
    assert str(caught.value) == (
        "the step recording has no event go; its events are cue, outcome, end"
    )
    with pytest.raises(MetaRLError, match="the step recording has no column value; it"):
        steps_at(recording, "cue", ("value",))


def trials(**columns):
    usual = {"episode": [6, 4, 4], "trial": [0, 1, 0], "choice": [1, 0, None]}
    return pd.DataFrame(usual | columns)


def test_steps_are_joined_to_their_trials_in_their_own_order(recording):
    joined = join_trials(steps_at(recording, "outcome"), trials(), ("choice",))
    assert joined["row"].tolist() == [1, 3, 6]
    assert joined["choice"].tolist()[1:] == [0, 1]
    assert np.isnan(joined["choice"][0])
    whole = join_trials(steps_at(recording, "outcome"), trials(word=["a", "b", "c"]))
    assert whole["word"].tolist() == ["c", "b", "a"]


def test_trials_of_another_evaluation_are_refused(recording):
    steps = steps_at(recording, "outcome")
    with pytest.raises(MetaRLError) as caught:
        join_trials(steps, trials(episode=[6, 4, 5]))
    assert str(caught.value) == (
        "the trial table lacks trial 0 of episode 4, which is recorded; give the "
        "trials of the same evaluation"
    )
    with pytest.raises(MetaRLError, match="the trials of one subject and session"):
        join_trials(steps, trials(trial=[0, 0, 0]))


def test_an_error_stands_on_the_row_after_the_reward_but_not_at_an_end(recording):
    rows = event_rows(recording, "outcome")
    np.testing.assert_array_equal(error_after(recording, rows), [2, np.nan, np.nan])
    np.testing.assert_array_equal(error_after(recording, rows[:0]), [])


def test_an_episode_that_stops_short_is_refused(recording):
    cut = {k: v if k == "event_names" else v[:-1] for k, v in recording.items()}
    assert has_next(cut, event_rows(cut, "outcome")).tolist() == [True, True, False]
    with pytest.raises(MetaRLError, match="stops after an outcome"):
        error_after(cut, event_rows(cut, "outcome"))


def test_units_are_those_of_the_networks_that_were_recorded(recording):
    assert list(units_of(recording)) == ["trained", "untrained"]
    assert units_of(recording)["untrained"].sum() == 24
    none = recording | {"units": np.zeros((8, 0))}
    assert list(units_of(none)) == ["untrained"]
    del none["units_untrained"]
    assert units_of(none) == {}
