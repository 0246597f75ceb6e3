"""Changes and doses: names, pairs by hand, planted directions, published directions."""

import numpy as np
import pandas as pd
import pytest
from risky_choosers import population

from metarl.analysis.risky_choice.changes import (
    ALL_TRIALS,
    FREE_TRIALS,
    STIMULATIONS,
    changes,
    doses,
    kind_and_amount,
    percents,
    reference_rats,
    summarise_changes,
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
    ("condition", "kind", "span"),
    [
        ("block-risky-win", "risky-win", ALL_TRIALS),
        ("block-safe-free", "safe", FREE_TRIALS),
        ("block-risky-loss", "risky-loss", ALL_TRIALS),
    ],
)
def test_changes_are_from_each_subjects_own_control(condition, kind, span):
    found = changes(risky(**{"control": CONTROL, condition: MOVED}))
    assert found["kind"].unique() == [kind]
    assert found["span"].unique() == [span]
    cells = found.set_index(["subject", "probability"])
    expected = {(0, 0.5): -30, (1, 0.5): -20, (0, 0.125): 1, (1, 0.125): 3}
    assert cells["change"].to_dict() == expected
    assert cells["control"].to_dict() == CONTROL
    assert cells["stimulated"].to_dict() == MOVED


def test_the_interval_and_p_are_of_paired_differences():
    table = risky(**{"control": CONTROL, "block-safe": MOVED})
    found = summarise_changes(changes(table)).set_index("probability")
    # Two differences of -30 and -20: mean -25, s.e.m. 5, t = -5 with one degree.
    high = found.loc[0.5]
    assert high["mean"] == -25
    assert high["low"] == pytest.approx(-25 - 12.706205 * 5)
    assert high["high"] == pytest.approx(-25 + 12.706205 * 5)
    assert high["p"] == pytest.approx(0.1256659)
    assert high["n"] == 2


def test_a_change_that_is_the_same_for_all_has_no_p():
    same = {key: value + 1 for key, value in CONTROL.items()}
    found = summarise_changes(
        changes(risky(**{"control": CONTROL, "block-safe": same}))
    )
    assert found["p"].isna().all()
    assert found["mean"].tolist() == [1, 1]


def test_a_subject_without_a_control_has_no_change():
    table = risky(**{"control": {(0, 0.5): 80.0}, "block-safe": MOVED})
    found = changes(table).set_index(["subject", "probability"])["change"]
    assert found[0, 0.5] == -30
    assert np.isnan(found[1, 0.5])


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("dose-risky-win=-4", ("risky-win", -4.0)),
        ("dose-safe=-0.5", ("safe", -0.5)),
        ("dose-safe=0", ("safe", 0.0)),
        ("dose-risky-loss=+2", ("risky-loss", 2.0)),
        ("block-risky-win", ("risky-win", -4.0)),
        ("block-safe", ("safe", -1.0)),
        ("block-risky-loss", ("risky-loss", 1.0)),
        ("block-safe-free", None),
        ("control", None),
        ("dose-risky-win=", None),
        ("dose-win=1", None),
    ],
)
def test_conditions_are_read_from_their_names(condition, expected):
    assert kind_and_amount(condition) == expected


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
    found = doses(table)
    assert found["amount"].drop_duplicates().tolist() == [-3, -1, 1]
    assert len(found) == 12
    assert found.loc[found["amount"] == -3, "percent"].tolist() == [80, 90, 10, 20]


def test_without_other_conditions_the_tables_are_empty_with_their_columns():
    table = risky(control=CONTROL)
    assert changes(table).empty
    assert doses(table).empty
    assert "change" in changes(table)
    assert "amount" in doses(table)
    assert list(summarise_changes(changes(table)).columns) == [
        *("kind", "span", "probability", "mean", "low", "high", "n", "p")
    ]


@pytest.fixture(scope="module")
def learned():
    """Learners and flat choosers, changed at each outcome: name -> changes."""
    names = ["control", *(f"block-{kind}" for kind in STIMULATIONS)]
    made = {}
    for name, rate in (("learner", 0.3), ("flat", 0.0)):
        conditions = {k: population(k, count=4, rate=rate) for k in names}
        made[name] = summarise_changes(changes(percents(conditions)))
    return made


def test_learners_change_in_the_planted_directions(learned):
    table = learned["learner"].set_index(["kind", "probability"])
    for kind, stimulation in STIMULATIONS.items():
        for probability in (0.5, 0.125):
            row = table.loc[(kind, probability)]
            assert np.sign(row["mean"]) == stimulation.sign
            assert row["p"] < 0.05


def test_choosers_that_learn_nothing_change_nothing(learned):
    # The noise is matched, so that not a single choice differs.
    assert (learned["flat"]["mean"] == 0).all()


def test_rats_went_as_published():
    found = reference_rats().set_index("kind")
    assert found["sign"].to_dict() == {"risky-win": -1, "safe": 1, "risky-loss": 1}
    assert found["n"].to_dict() == {"risky-win": 11, "safe": 8, "risky-loss": 9}
    assert found["study"].str.contains("Stopper").all()
    assert found["source_location"].notna().all()
    # What the networks should do is what the rats did.
    signs = {kind: stimulation.sign for kind, stimulation in STIMULATIONS.items()}
    assert found["sign"].to_dict() == signs
