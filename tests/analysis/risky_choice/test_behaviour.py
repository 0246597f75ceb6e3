"""Percent risky: by hand, with a planted preference and with none; refused tables."""

import numpy as np
import pandas as pd
import pytest
from risky_choosers import population, simulate

from metarl.analysis.analysis import analyse
from metarl.analysis.data import ExperimentData
from metarl.analysis.risky_choice import ANALYSIS
from metarl.analysis.risky_choice.behaviour import (
    SCHEMA,
    Probabilities,
    free_trials,
    percent_by_trial,
    percent_risky,
    read_trials,
    subject_measures,
)
from metarl.core.checks import MetaRLError

CHANCES = Probabilities(0.5, 0.125)


@pytest.fixture
def by_hand(table):
    """Two forced and six free trials of subject 3, one of them without a choice."""
    return table(
        subject=3,
        trial=[4, 5, 6, 7, 8, 9, 10, 11],
        forced=[1, 1, 0, 0, 0, 0, 0, 0],
        risky=[1, 0, 1, 1, 0, None, 0, 1],
        choice=[1, 0, 1, 1, 0, None, 0, 1],
        reward=[4, 1, 0, 4, 1, -1, 1, 0.0],
        valid=[1, 1, 1, 1, 1, 0, 1, 1],
        probability_risky=np.float32([0.3] * 4 + [0.6] * 4),
    )


def test_free_trials_are_numbered_from_the_first_of_them(by_hand):
    free = free_trials(read_trials(by_hand))
    assert free["place"].tolist() == [1, 2, 3, 4, 5, 6]
    np.testing.assert_array_equal(free["risky"], [1, 1, 0, np.nan, 0, 1])
    assert free["probability"].tolist() == [0.3, 0.3, 0.6, 0.6, 0.6, 0.6]


def test_percentages_are_of_free_trials_with_a_choice(by_hand):
    result = percent_risky(read_trials(by_hand)).set_index("probability")
    assert result["percent"].to_dict() == pytest.approx({0.3: 100, 0.6: 100 / 3})
    assert result["trials"].to_dict() == {0.3: 2, 0.6: 3}
    assert result["subject"].tolist() == [3, 3]


def test_a_subjects_row_by_hand(by_hand):
    row = subject_measures(read_trials(by_hand), Probabilities(0.6, 0.3)).iloc[0]
    assert row["percent_high"] == pytest.approx(100 / 3)
    assert row["percent_low"] == 100
    assert row["risk_sensitivity"] == pytest.approx(100 / 3 - 100)
    assert row["reward_per_free_trial"] == pytest.approx((0 + 4 + 1 - 1 + 1 + 0) / 6)
    assert row["invalid_fraction"] == pytest.approx(1 / 8)


def test_percentages_by_trial_are_of_each_place(by_hand):
    twice = pd.concat([by_hand, by_hand.assign(episode=1, risky=0, choice=0, valid=1)])
    table = percent_by_trial(read_trials(twice)).set_index(["probability", "place"])
    assert table.loc[(0.3, 1), "percent"] == 50
    assert table.loc[(0.6, 4), "percent"] == 0
    assert table.loc[(0.6, 4), "trials"] == 1
    assert table.loc[(0.6, 5), "percent"] == 0


def test_a_planted_preference_is_found_and_none_where_there_is_none():
    learner = subject_measures(read_trials(population(count=2)), CHANCES)
    assert (learner["percent_high"] > 60).all()
    assert (learner["percent_low"] < 30).all()
    flat = subject_measures(read_trials(population(count=2, rate=0.0)), CHANCES)
    for name in ("percent_high", "percent_low"):
        # 600 choices: four standard errors.
        assert flat[name].to_numpy() == pytest.approx([50, 50], abs=8.2)


def test_learning_shows_along_the_episode():
    table = percent_by_trial(read_trials(population(count=3)))
    low = table[table["probability"] == 0.125].groupby("place")["percent"].mean()
    assert low.index.tolist() == list(range(1, 21))
    assert low.loc[1:3].mean() > low.loc[15:20].mean() + 8


def test_a_subject_that_never_chose_keeps_its_rows_without_a_number():
    trials = simulate()[0]
    idle = trials.assign(subject=1, risky=np.nan, choice=np.nan, valid=0)
    both = pd.concat([trials, idle], ignore_index=True)
    result = percent_risky(read_trials(both)).set_index(["subject", "probability"])
    assert result.loc[(1, 0.5), "trials"] == 0
    assert np.isnan(result.loc[(1, 0.5), "percent"])
    assert len(result) == 4
    row = subject_measures(read_trials(both), CHANCES).iloc[1]
    assert np.isnan(row["risk_sensitivity"])
    assert row["invalid_fraction"] == 1


def test_one_probability_alone_leaves_no_difference():
    trials = simulate(probabilities=(0.5, 0.5))[0]
    row = subject_measures(read_trials(trials), Probabilities(0.5, 0.5)).iloc[0]
    assert row["risk_sensitivity"] == 0
    assert row["percent_high"] == row["percent_low"] > 60


def test_nullable_columns_read_the_same():
    trials = simulate(episodes=8)[0]
    result = percent_risky(read_trials(trials.convert_dtypes()))
    pd.testing.assert_frame_equal(result, percent_risky(read_trials(trials)))


@pytest.mark.parametrize(
    ("column", "value", "sentence"),
    [
        (
            "risky",
            2,
            "column risky must be 0 (safe), 1 (risky) or blank, got 2 in row 3",
        ),
        ("forced", 3, "column forced must be 0 or 1, got 3 in row 3"),
        (
            "probability_risky",
            1.5,
            "column probability_risky must be the risky arm's probability of the large "
            "reward, 0 to 1, got 1.5 in row 3",
        ),
        ("won", 2, "column won must be 0, 1 or blank, got 2 in row 3"),
    ],
)
def test_a_wrong_coding_gets_one_sentence(column, value, sentence):
    trials = simulate(episodes=2)[0]
    trials.loc[2, column] = value
    with pytest.raises(MetaRLError) as caught:
        SCHEMA.check(trials)
    assert str(caught.value) == sentence


def test_a_missing_column_gets_one_sentence():
    trials = simulate(episodes=2)[0].drop(columns="risky")
    with pytest.raises(
        MetaRLError, match="the risky-choice trial table has no column risky; it needs"
    ):
        SCHEMA.check(trials)


def people(probabilities, count=20):
    """One person who takes the risk on every second trial."""
    trial = np.arange(count)
    return pd.DataFrame(
        {
            "subject": 1, "session": 0, "episode": 0, "trial": trial,
            "choice": trial % 2, "risky": trial % 2, "reward": 1.0,
            "probability_risky": np.resize(probabilities, count),
            "valid": 1, "forced": 0,
        }
    )  # fmt: skip


def analysed(trials):
    data = ExperimentData(trials=trials, task="risky-choice", subjects_are="animals")
    result = analyse(ANALYSIS, data)
    for panel in ANALYSIS.behaviour_panels:
        panel(result.tables, result.context)
    return result


@pytest.mark.parametrize("count", [1, 2, 20])
def test_one_probability_has_a_percentage_and_no_difference(count):
    result = analysed(people([0.5], count))
    row = result.tables["subjects"].iloc[0]
    assert row["percent_high"] == 50 * (count > 1)
    assert (row["choices"], np.isnan(row["risk_sensitivity"])) == (count, True)
    effects = result.effects.set_index("key")
    known = effects.index[effects["value"].notna()]
    assert set(known) == {
        *("risky.high.mean", "risky.high.lowest", "reward_per_free_trial.mean")
    }


def test_every_probability_has_its_percentage():
    result = analysed(people([0.1, 0.25, 0.5, 0.5, 0.75], 100))
    effects = result.effects.set_index("key")["value"]
    assert effects["risky.high.mean"] == effects["risky.low.mean"] == 50
    assert {"risky.p_0.25.mean", "risky.p_0.5.mean"} <= set(effects.index)
    behaviour = result.tables["behaviour"]
    each = behaviour[behaviour["label"] != "all subjects"]
    assert each["trials"].tolist() == [20, 20, 40, 20]


def test_choices_of_invalid_trials_do_not_count():
    trials = people([0.25, 0.75], 40)
    trials["valid"] = trials["choice"]
    table = percent_risky(read_trials(trials))
    assert table["percent"].tolist()[1:] == [100]
    assert table["trials"].tolist() == [0, 20]


def test_places_are_counted_from_the_first_free_trial_of_each_episode():
    trials = people([0.5], 6).assign(episode=[0, 0, 0, 1, 1, 1])
    trials["forced"] = [1, 0, 0, 1, 0, 0]
    free = free_trials(read_trials(trials.drop(index=5)))
    assert free["place"].tolist() == [1, 2, 1]
