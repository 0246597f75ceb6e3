"""Changes and doses: names, pairs by hand, planted directions, published directions."""

import numpy as np
import pandas as pd
import pytest
from risky_choosers import population, simulate

from metarl.analysis.effects import Effect, chance_p
from metarl.analysis.measures import Measure
from metarl.analysis.risky_choice.behaviour import read_trials
from metarl.analysis.risky_choice.changes import (
    ALL_TRIALS,
    FREE_TRIALS,
    STIMULATIONS,
    change_of,
    changes,
    doses,
    percents,
    reference_rats,
    trials_by_condition,
)


def risky(**conditions):
    """Percentages by condition: name -> {(subject, probability): percent}."""
    rows = [
        (name, subject, probability, percent)
        for name, cells in conditions.items()
        for (subject, probability), percent in cells.items()
    ]
    return pd.DataFrame(
        rows, columns=["condition", "subject", "probability", "percent"]
    )


CONTROL = {(0, 0.5): 80.0, (1, 0.5): 90.0, (0, 0.125): 10.0, (1, 0.125): 20.0}
MOVED = {(0, 0.5): 50.0, (1, 0.5): 70.0, (0, 0.125): 11.0, (1, 0.125): 23.0}


@pytest.mark.parametrize(
    ("condition", "outcome", "span"),
    [
        ("block-risky-win", "risky-win", ALL_TRIALS),
        ("block-safe-free", "safe", FREE_TRIALS),
        ("block-risky-loss", "risky-loss", ALL_TRIALS),
    ],
)
def test_changes_are_from_each_subjects_own_control(condition, outcome, span):
    result = changes(risky(**{"control": CONTROL, condition: MOVED}))
    assert result["outcome"].unique() == [outcome]
    assert result["span"].unique() == [span]
    cells = result.set_index(["subject", "probability"])
    expected = {(0, 0.5): -30, (1, 0.5): -20, (0, 0.125): 1, (1, 0.125): 3}
    assert cells["change"].to_dict() == expected
    assert cells["control"].to_dict() == CONTROL
    assert cells["stimulated"].to_dict() == MOVED


def summary(changed):
    return Measure(changed, "change", ("outcome", "span", "probability")).summary()


def test_the_interval_and_p_are_of_paired_differences():
    changed = changes(risky(**{"control": CONTROL, "block-safe": MOVED}))
    # Two differences of -30 and -20: mean -25, s.e.m. 5, t = -5 with one degree.
    high = summary(changed).set_index("probability").loc[0.5]
    assert high["mean"] == -25
    assert high["low"] == pytest.approx(-25 - 12.706205 * 5)
    assert high["high"] == pytest.approx(-25 + 12.706205 * 5)
    assert high["n"] == 2
    values = changed.loc[changed["probability"] == 0.5, "change"]
    effect = Effect(label="change", values=values, chance=0.0)
    assert chance_p(effect) == pytest.approx(0.1256659)


def test_a_change_that_is_the_same_for_all_has_no_p():
    same = {key: value + 1 for key, value in CONTROL.items()}
    changed = changes(risky(**{"control": CONTROL, "block-safe": same}))
    assert summary(changed)["mean"].tolist() == [1, 1]
    for _, values in changed.groupby("probability")["change"]:
        assert np.isnan(chance_p(Effect(label="change", values=values, chance=0.0)))


def test_a_subject_without_a_control_has_no_change():
    table = risky(**{"control": {(0, 0.5): 80.0}, "block-safe": MOVED})
    result = changes(table).set_index(["subject", "probability"])["change"]
    assert result[0, 0.5] == -30
    assert np.isnan(result[1, 0.5])


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("dose-risky-win=-4", ("risky-win", -4.0, ALL_TRIALS, False)),
        ("dose-safe=-0.5", ("safe", -0.5, ALL_TRIALS, False)),
        ("dose-safe=0", ("safe", 0.0, ALL_TRIALS, False)),
        ("dose-risky-loss=+2", ("risky-loss", 2.0, ALL_TRIALS, False)),
        ("block-risky-win", ("risky-win", -4.0, ALL_TRIALS, True)),
        ("block-safe", ("safe", -1.0, ALL_TRIALS, True)),
        ("block-risky-loss", ("risky-loss", 1.0, ALL_TRIALS, True)),
        ("block-safe-free", ("safe", -1.0, FREE_TRIALS, True)),
        ("control", None),
        ("dose-risky-win=", None),
        ("dose-win=1", None),
    ],
)
def test_conditions_are_read_from_their_names(condition, expected):
    assert change_of(condition) == expected


def test_doses_are_on_all_trials_alone():
    assert doses(risky(**{"control": CONTROL, "block-safe-free": MOVED})).empty


def test_doses_are_in_order_and_the_papers_own_stands_once():
    table = risky(
        **{
            "control": CONTROL,
            "dose-safe=1": MOVED,
            "block-safe": MOVED,
            "dose-safe=-1": MOVED,
            "dose-safe=-3": CONTROL,
        }
    )
    result = doses(table)
    assert result["amount"].drop_duplicates().tolist() == [-3, -1, 1]
    assert len(result) == 12
    assert result.loc[result["amount"] == -3, "percent"].tolist() == [80, 90, 10, 20]


def test_without_other_conditions_the_tables_are_empty_with_their_columns():
    table = risky(control=CONTROL)
    assert changes(table).empty
    assert doses(table).empty
    assert "change" in changes(table)
    assert "amount" in doses(table)
    assert list(summary(changes(table)).columns) == [
        *("outcome", "span", "probability", "mean", "low", "high", "n", "missing")
    ]


def test_conditions_of_one_table_are_separated_and_blank_is_control():
    parts = [simulate(episodes=2)[0], simulate("block-safe", episodes=2)[0]]
    named = [parts[0], parts[1].assign(condition="block-safe", session=1)]
    conditions = trials_by_condition(read_trials(pd.concat(named)), {"more": parts[1]})
    assert list(conditions) == ["control", "block-safe", "more"]
    for name, part in zip(conditions, [*parts, parts[1]], strict=True):
        assert conditions[name]["reward"].tolist() == part["reward"].tolist()


@pytest.fixture(scope="module")
def learned():
    """Learners and flat choosers, changed at each outcome: name -> changes."""
    names = ["control", *(f"block-{outcome}" for outcome in STIMULATIONS)]
    by_name = {}
    for name, rate in (("learner", 0.3), ("flat", 0.0)):
        conditions = {k: population(k, count=4, rate=rate) for k in names}
        parsed = {k: read_trials(trials) for k, trials in conditions.items()}
        by_name[name] = changes(percents(parsed))
    return by_name


def test_learners_change_in_the_planted_directions(learned):
    # The networks should change in the directions of the rats.
    signs = reference_rats().set_index("outcome")["value"]
    cells = learned["learner"].groupby(["outcome", "probability"])["change"]
    assert len(cells) == 6
    for (outcome, _), values in cells:
        assert np.sign(values.mean()) == signs[outcome]
        assert chance_p(Effect(label="change", values=values, chance=0.0)) < 0.05


def test_choosers_that_learn_nothing_change_nothing(learned):
    # The noise is matched, so that not a single choice differs.
    assert (learned["flat"]["change"] == 0).all()


def test_rats_went_as_published():
    result = reference_rats().set_index("outcome")
    assert result["value"].to_dict() == {"risky-win": -1, "safe": 1, "risky-loss": 1}
    assert result["n"].to_dict() == {"risky-win": 11, "safe": 8, "risky-loss": 9}
    assert result["study"].str.contains("Stopper").all()
    assert result["source_location"].notna().all()
