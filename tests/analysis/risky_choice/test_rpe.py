"""Prediction errors at the outcomes: where they stand in a recording, and by hand."""

import numpy as np
import pandas as pd
import pytest
from risky_choosers import simulate

from metarl.analysis.risky_choice.rpe import (
    error_densities,
    error_means,
    error_table,
    outcome_errors,
)
from metarl.core.checks import MetaRLError


@pytest.fixture
def by_hand(table):
    """One episode of four trials: a win, no choice, a safe reward, a loss."""
    trials = table(
        choice=[1, None, 0, 1],
        reward=[4, -1, 1, 0.0],
        forced=[1, 0, 0, 0],
        risky=[1, None, 0, 1],
        won=[1, 0, 0, 0],
        probability_risky=0.5,
    )
    recording = {
        "episode": np.zeros(9, int),
        "trial": np.array([0, 0, 1, 1, 2, 2, 3, 3, 3]),
        "event": np.array([0, 1, 0, 1, 0, 1, 0, 1, 2]),
        "event_names": np.array(["fixation", "choice", "end"]),
        "rpe": np.array([np.nan, 0.1, 2.5, 0.2, -1.5, 0.3, 0.75, 0.4, -9.0]),
    }
    return recording, trials


def test_an_outcomes_error_stands_on_the_row_after_the_choice(by_hand):
    errors = outcome_errors(*by_hand)
    assert errors["outcome"].tolist() == ["risky-win", "safe"]
    assert errors["rpe"].tolist() == [2.5, 0.75]
    assert errors["trial"].tolist() == [0, 2]
    assert errors["forced"].tolist() == [1, 0]
    assert errors["probability"].tolist() == [0.5, 0.5]


def test_the_planted_errors_are_found():
    trials, recording = simulate(episodes=40)
    errors = outcome_errors(recording, trials)
    assert len(errors) == 40 * 29
    whole = recording["rpe"].reshape(40, -1)[:, 2:-1:2]
    assert errors["rpe"].to_numpy() == pytest.approx(whole.ravel())
    known = trials[trials["trial"] < 29]
    outcomes = np.array(["safe", "risky-loss", "risky-win"])[
        known["risky"] + known["won"]
    ]
    assert errors["outcome"].tolist() == list(outcomes)


def test_means_are_of_each_outcome_and_probability():
    trials, recording = simulate(episodes=40)
    errors = outcome_errors(recording, trials)
    result = error_means(errors.assign(subject=3)).set_index(["outcome", "probability"])
    part = errors[
        (errors["outcome"] == "risky-loss") & (errors["probability"] == 0.125)
    ]
    row = result.loc[("risky-loss", 0.125)]
    assert row["mean"] == pytest.approx(part["rpe"].mean())
    assert row["deviation"] == pytest.approx(part["rpe"].std(ddof=0))
    assert row["trials"] == len(part)
    assert result["subject"].unique() == [3]
    # Wins surprise more where they are rare.
    wins = result.loc["risky-win", "mean"]
    assert wins[0.125] > wins[0.5] > 0 > row["mean"]


def test_densities_weigh_subjects_alike_and_sum_to_one():
    cells = {"outcome": "safe", "probability": 0.5}
    few = pd.DataFrame({"subject": 0, "rpe": [0.1], **cells})
    many = pd.DataFrame({"subject": 1, "rpe": [1.1] * 50, **cells})
    result = error_densities(pd.concat([few, many])).set_index("rpe")
    assert result["density"].sum() * 0.25 == pytest.approx(1)
    assert result.loc[0.125, "density"] == result.loc[1.125, "density"] == 2
    assert result["n"].unique() == [2]
    assert result.index.tolist() == [0.125, 0.375, 0.625, 0.875, 1.125]


def test_the_greatest_error_is_in_the_last_bin():
    cells = {"outcome": "safe", "probability": 0.5}
    result = error_densities(pd.DataFrame({"subject": 0, "rpe": [-0.5, 0.5], **cells}))
    assert result["density"].sum() * 0.25 == pytest.approx(1)
    assert result["rpe"].iloc[[0, -1]].tolist() == [-0.375, 0.625]


def test_without_recordings_the_tables_are_empty_with_their_columns(by_hand):
    errors = error_table({}, by_hand[1])
    assert error_means(errors).empty
    assert "mean" in error_means(errors)
    assert error_densities(errors).empty
    assert "density" in error_densities(errors)


def test_trials_of_another_evaluation_are_refused():
    trials, recording = simulate(episodes=2)
    with pytest.raises(MetaRLError, match="lacks trial 0 of episode 1, which is rec"):
        outcome_errors(recording, trials[trials["episode"] == 0])


def test_a_recording_of_another_task_is_refused():
    trials, recording = simulate(episodes=2)
    other = recording | {"event_names": np.array(["fixation", "outcome", "end"])}
    with pytest.raises(
        MetaRLError,
        match="no event choice; its events are fixation, outcome, end",
    ):
        outcome_errors(other, trials)


def test_a_recording_without_errors_is_refused():
    trials, recording = simulate(episodes=2)
    del recording["rpe"]
    with pytest.raises(MetaRLError, match="the step recording has no column rpe"):
        outcome_errors(recording, trials)
