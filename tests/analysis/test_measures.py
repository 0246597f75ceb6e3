"""Groups of subjects: side by side, labelled, summarised over subjects."""

import pandas as pd
import pytest

from metarl.analysis.data import ExperimentData
from metarl.analysis.measures import (
    MEASURED,
    Measure,
    Tables,
    baseline_names,
    by_group,
    in_order,
    measured_subjects,
    rows_at,
    select_group,
    stack,
    subject_labels,
    subject_values,
    summarise,
    thin,
    trials_by_group,
)
from metarl.core.files import TRIAL_COLUMNS


@pytest.fixture
def trials():
    """Two subjects with one trial each."""
    table = pd.DataFrame(0, index=[0, 1], columns=list(TRIAL_COLUMNS))
    return table.assign(subject=[0, 1], reward=[1.0, 3.0])


def rewards(trials):
    return trials[["subject", "reward"]]


def test_groups_are_the_measured_subjects_and_each_baseline(trials):
    source = ExperimentData(
        trials=trials, baselines={"random": trials.assign(reward=0.0)}
    )
    table = by_group(trials_by_group(source), rewards)
    assert table["group"].tolist() == [MEASURED, MEASURED, "random", "random"]
    assert subject_values(select_group(table), "reward").tolist() == [1, 3]
    assert subject_values(select_group(table, "random"), "reward").tolist() == [0, 0]
    assert baseline_names(table) == ["random"]


def test_subjects_are_labelled_by_their_names_where_they_have_one(trials):
    data = ExperimentData(trials=trials)
    assert subject_labels(data) == {0: "subject 0", 1: "subject 1"}
    named = ExperimentData(trials=trials, names={0: "C", 1: "J"})
    assert subject_labels(named) == {0: "C", 1: "J"}


def test_summaries_count_subjects():
    table = pd.DataFrame({"kind": list("aabb"), "value": [1.0, 3.0, 5.0, 5.0]})
    summary = summarise(table, "value", ["kind"])
    assert summary["mean"].tolist() == [2, 5]
    assert summary["n"].tolist() == [2, 2]
    assert summary["low"][1] == summary["high"][1] == 5


def test_a_measure_is_summarised_over_subjects_at_each_point():
    table = pd.DataFrame(
        {
            "group": ["measured"] * 4 + ["random"],
            "subject": [0, 0, 1, 1, 0],
            "lag": [1, 2, 1, 2, 1],
            "weight": [1.0, 2.0, 3.0, 6.0, 0.0],
        }
    )
    tables = Tables({"lags": Measure(table, "weight", ("lag",)), "other": table})
    summary = tables.summary("lags").set_index(["group", "lag"])
    assert summary["mean"].to_dict() == {
        ("measured", 1): 2,
        ("measured", 2): 4,
        ("random", 1): 0,
    }
    assert summary["n"].tolist() == [2, 2, 1]
    assert tables["lags"] is table
    assert sorted(tables) == ["lags", "other"]
    fewer = tables.replace(lags=Measure(table[:1], "weight"))
    assert fewer.summary("lags")["mean"].tolist() == [1]
    assert len(tables.summary("lags")) == 3


def test_tables_are_stacked_with_their_names_and_empty_ones_are_left_out():
    one, none = pd.DataFrame({"a": [1, 2]}), pd.DataFrame(columns=["a"])
    table = stack([({"who": "x"}, none), ({"who": "y"}, one)])
    assert table["who"].tolist() == ["y", "y"]
    assert table["a"].tolist() == [1, 2]
    assert list(stack([({"who": "x"}, none)]).columns) == ["who", "a"]
    assert list(stack([], ("who", "a")).columns) == ["who", "a"]


def test_rows_are_found_by_their_values_and_put_in_order():
    table = pd.DataFrame({"kind": ["a", "b", "a"], "lag": [1, 1, 2], "n": [5, 6, 7]})
    assert rows_at(table, kind="a", lag=2)["n"].tolist() == [7]
    ordered = in_order(table, ("kind", "lag"), [("a", 2), ("c", 1), ("b", 1)])
    assert ordered["n"].tolist()[::2] == [7, 6]
    assert ordered["n"].isna().tolist() == [False, True, False]
    assert in_order(table[:2], ("kind",), ["b", "a"])["n"].tolist() == [6, 5]


def test_a_long_table_is_thinned_evenly_and_a_short_one_is_whole():
    table = pd.DataFrame({"place": range(7)})
    assert thin(table, 3)["place"].tolist() == [0, 3, 6]
    assert thin(table, 7)["place"].tolist() == list(range(7))


def test_the_measured_subjects_are_those_of_their_group():
    table = pd.DataFrame(
        {"group": [MEASURED, "random", MEASURED], "subject": [2, 0, 5]}
    )
    assert measured_subjects(Tables({"subjects": table})).tolist() == [2, 5]
