"""Input of an analysis: what is accepted and refused."""

import pytest

from metarl.analysis import ExperimentData
from metarl.analysis.data import check_columns
from metarl.core.checks import MetaRLError


def test_a_missing_column_is_named_with_those_needed(table):
    trials = table(choice=[0], reward=[1]).drop(columns=["valid", "session"])
    with pytest.raises(MetaRLError) as caught:
        ExperimentData(trials=trials)
    assert str(caught.value) == (
        "the trial table has no columns session, valid; it needs "
        "subject, session, episode, trial, choice, reward, valid, forced"
    )


def test_a_baseline_without_a_column_is_named(table):
    trials = table(choice=[0], reward=[1])
    broken = trials.drop(columns="choice")
    with pytest.raises(
        MetaRLError, match="the trial table of oracle has no column cho"
    ):
        ExperimentData(trials=trials, baselines={"oracle": broken})


def test_recordings_need_the_discount(table):
    trials = table(choice=[0], reward=[1])
    with pytest.raises(ValueError, match="discount must be the agent's discount"):
        ExperimentData(trials=trials, recordings={0: {}})
    with pytest.raises(ValueError, match=r"discount must be in \[0, 1\], got 9"):
        ExperimentData(trials=trials, discount=9)


def test_columns_that_are_present_pass():
    check_columns(["a", "b", "c"], ["a", "c"], "it")
