"""Every measure laid out as one row a subject, and sessions as units."""

import numpy as np
import pandas as pd
import pytest

from metarl.analysis.by_subject import (
    MOST_POINTS,
    measures_by_subject,
    session_units,
    with_names,
)
from metarl.analysis.measures import ALL_SUBJECTS, Measure, Tables, with_all_subjects
from metarl.analysis.schema import BASE_SCHEMA, codes

SCHEMA = BASE_SCHEMA.extend("toy", reward=codes(0, 1, names=("unrewarded", "rewarded")))


def measured(rows, columns):
    table = pd.DataFrame(rows, columns=["subject", *columns])
    table.insert(0, "group", "measured")
    return table


@pytest.fixture
def tables():
    subjects = measured([(0, 10, 0.5), (1, 12, 0.25)], ["trials", "p"])
    others = pd.DataFrame(
        {"group": ["random"], "subject": [0], "trials": [99], "p": [0.9]}
    )
    stays = measured(
        [(k, r, w, k + r / 2, 5 + k) for k in (0, 1) for r in (1.0, 0.0) for w in "ab"],
        ["reward", "word", "stay", "pairs"],
    )
    stays.loc[stays["word"] == "b", "pairs"] += 1
    lines = measured([(0, "all", 1.5), (1, "all", np.nan)], ["set", "slope"])
    curve = measured(
        [(k, t, 0.1 * t) for k in (0, 1) for t in range(MOST_POINTS + 1)], ["t", "y"]
    )
    recorded = measured([(0, np.nan), (1, np.nan)], ["r2"])
    return Tables(
        {
            "stays": Measure(stays, "stay", ("reward", "word")),
            "subjects": Measure(pd.concat([subjects, others]), "p"),
            "lines": lines,
            "curve": Measure(curve, "y", ("t",)),
            "units": recorded,
            "published": pd.DataFrame({"value": [1.0]}),
        }
    )


def test_a_column_is_named_by_table_point_and_code(tables):
    laid = measures_by_subject(tables, SCHEMA)
    wide = laid.measures
    assert wide.index.tolist() == [0, 1]
    assert list(wide)[:2] == ["trials", "p"]
    assert wide["p"].tolist() == [0.5, 0.25]
    assert wide["stays.rewarded.a"].tolist() == [0.5, 1.5]
    assert wide["stays.unrewarded.b"].tolist() == [0.0, 1.0]
    assert wide["stays.rewarded.b.pairs"].tolist() == [6, 7]
    assert wide["lines.all.slope"].iloc[0] == 1.5
    assert np.isnan(wide["lines.all.slope"].iloc[1])


def test_only_the_measured_subjects_count_and_blank_columns_are_left_out(tables):
    wide = measures_by_subject(tables, SCHEMA).measures
    assert not (wide == 99).any().any()
    assert not [name for name in wide if "r2" in name or "published" in name]


def test_counts_are_distinguished_from_measures(tables):
    counts = measures_by_subject(tables, SCHEMA).counts
    assert "trials" in counts
    assert "stays.rewarded.a.pairs" in counts
    assert not {"p", "stays.rewarded.a", "lines.all.slope"} & counts


def test_a_column_that_is_the_same_at_all_points_appears_once():
    lags = measured(
        [(k, lag, 0.1 * lag, 50 + k) for k in (0, 1) for lag in (1, 2)],
        ["lag", "weight", "trials"],
    )
    tables = Tables({"lags": Measure(lags, "weight", ("lag",))})
    wide = measures_by_subject(tables, SCHEMA).measures
    assert list(wide) == ["lags.lag_1", "lags.lag_2", "lags.trials"]
    assert wide["lags.trials"].tolist() == [50, 51]


def test_a_long_curve_is_kept_in_rows(tables):
    laid = measures_by_subject(tables, SCHEMA)
    assert not [name for name in laid.measures if name.startswith("curve")]
    assert list(laid.curves) == ["table", "subject", "t", "y"]
    assert len(laid.curves) == 2 * (MOST_POINTS + 1)


def test_many_subjects_of_a_table_without_points_are_no_curve():
    many = MOST_POINTS + 5
    subjects = measured([(k, k / 2) for k in range(many)], ["p"])
    laid = measures_by_subject(Tables({"subjects": Measure(subjects, "p")}), SCHEMA)
    assert len(laid.measures) == many
    assert laid.curves.empty


def test_own_names_replace_numbers():
    table = with_names(
        pd.DataFrame({"subject": [1, 0], "p": [1.0, 2.0]}), {0: "a", 1: "b"}
    )
    assert table.to_dict("list") == {"name": ["b", "a"], "p": [1.0, 2.0]}


def test_each_session_of_each_subject_is_a_unit():
    trials = pd.DataFrame({"subject": [0, 1, 0, 1, 0], "session": [7, 7, 3, 7, 7]})
    units, named = session_units(trials)
    assert named.to_numpy().tolist() == [[0, 0, 3], [1, 0, 7], [2, 1, 7]]
    assert units["subject"].tolist() == [1, 2, 0, 2, 1]
    assert units["session"].tolist() == trials["session"].tolist()


def test_rows_of_all_subjects_are_means_over_subjects_with_a_number():
    table = pd.DataFrame(
        {"label": ["a", "b", "c"], "key": "x", "value": [1.0, 3.0, np.nan]}
    )
    first = with_all_subjects(table, ["key"]).iloc[0]
    assert (first["label"], first["value"], first["n"]) == (ALL_SUBJECTS, 2.0, 2)
    assert first["error"] == pytest.approx(2**0.5 / 2**0.5)
    assert first["over"] == "subjects"
