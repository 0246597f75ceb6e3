"""Traits of subjects from the trial table and from a file of their own."""

import numpy as np
import pandas as pd
import pytest

from metarl.analysis.reversal import ANALYSIS as REVERSAL
from metarl.analysis.two_step import ANALYSIS
from metarl.core.checks import MetaRLError
from metarl.io.column_map import ColumnMap
from metarl.io.covariates import likely_codes, read_covariates
from metarl.io.load import load_trials

NAMES = ["anna", "bert", "cleo"]


def trials(**columns):
    """Three people, four trials each, and further columns, one value a trial."""
    rows = [(name, k, k % 2, 1, "common") for name in NAMES for k in range(4)]
    table = pd.DataFrame(
        rows, columns=["subject", "trial", "choice", "reward", "transition"]
    )
    return table.assign(**columns)


def written(path, table):
    table.to_csv(path, index=False)
    return path


def each(*values):
    return [value for value in values for _ in range(4)]


def test_a_column_of_the_table_is_one_value_a_subject(tmp_path):
    table = trials(age=each(30, 41.5, ""), arm=each("x", "y", "x"))
    data = load_trials(ANALYSIS, written(tmp_path / "t.csv", table))
    traits = read_covariates(data, ["age", "arm"]).table
    assert traits["age"].tolist()[:2] == [30, 41.5]
    assert np.isnan(traits["age"].iloc[2])
    assert traits["arm"].tolist() == ["x", "y", "x"]


def test_a_trait_may_stand_in_one_trial_of_a_subject_alone(tmp_path):
    age = ["", 30, "", "", 41, "", "", "", "", "", "", 52]
    data = load_trials(ANALYSIS, written(tmp_path / "t.csv", trials(age=age)))
    assert read_covariates(data, ["age"]).table["age"].tolist() == [30, 41, 52]


def test_decimal_commas_are_numbers(tmp_path):
    path = tmp_path / "t.csv"
    table = trials(score=each("1,5", "2,25", "3"))
    table.to_csv(path, index=False, sep=";")
    data = load_trials(ANALYSIS, path)
    assert read_covariates(data, ["score"]).table["score"].tolist() == [1.5, 2.25, 3]


def test_a_trait_that_changes_is_refused_with_name_and_row(tmp_path):
    age = each(30, 41, 52)
    age[6] = 42
    data = load_trials(ANALYSIS, written(tmp_path / "t.csv", trials(age=age)))
    # Row 8 of the file: its header is row 1.
    words = r"age must be the same .* got 42 after 41 of bert in row 8 of t.csv; leave"
    with pytest.raises(MetaRLError, match=words):
        read_covariates(data, ["age"])


def test_the_row_is_that_of_the_second_file_of_several(tmp_path):
    table = trials(age=each(30, 41, 52))
    parts = [part for _, part in table.groupby("subject")]
    parts[2].iloc[3, -1] = 53
    paths = [written(tmp_path / f"{k}.csv", part) for k, part in enumerate(parts)]
    data = load_trials(ANALYSIS, paths)
    words = r"got 53 after 52 of cleo in row 5 of 2\.csv"
    with pytest.raises(MetaRLError, match=words):
        read_covariates(data, ["age"])


def test_an_unknown_column_is_refused_with_what_may_be_meant(tmp_path):
    table = trials(age_years=each(1, 2, 3))
    data = load_trials(ANALYSIS, written(tmp_path / "t.csv", table))
    with pytest.raises(MetaRLError, match=r"no column age_year .* mean age_years\?"):
        read_covariates(data, ["age_year"])


def test_a_second_file_is_joined_by_the_subjects_own_names(tmp_path):
    data = load_trials(ANALYSIS, written(tmp_path / "t.csv", trials()))
    people = pd.DataFrame(
        {"who": ["cleo", "dora", "anna"], "age": [52, 99, 30], "arm": ["x", "z", ""]}
    )
    traits = read_covariates(data, (), written(tmp_path / "people.csv", people))
    assert list(traits.table) == ["age", "arm"]
    assert traits.table["age"].tolist()[::2] == [30, 52]
    assert np.isnan(traits.table["age"].iloc[1])
    assert traits.notes == (
        "1 subject (bert) has no row in people.csv, so their traits are blank",
        "1 subject (dora) has a row in people.csv but no trial",
    )


def test_names_that_look_like_numbers_keep_their_spelling(tmp_path):
    table = trials().replace({"anna": "007", "bert": "7", "cleo": "4011612345"})
    data = load_trials(ANALYSIS, written(tmp_path / "t.csv", table))
    people = pd.DataFrame({"subject": ["7", "007", "4011612345"], "age": [1, 2, 3]})
    traits = read_covariates(data, (), written(tmp_path / "p.csv", people)).table
    ages = dict(zip(data.names, traits["age"], strict=True))
    assert ages == {"7": 1, "007": 2, "4011612345": 3}


@pytest.mark.parametrize(
    ("values", "codes"),
    [
        ([30, 41, -999, -999], [-999]),
        ([30, 41, 999, 999], [999]),
        ([0, 3, -1, -1], [-1]),
        ([30, 41, -999], [-999]),
        ([30, 41, 999], [999]),
        ([1, 2, 2, 4, 9, 9], [9]),
        ([3, 4, -8, -8, -9, -9, 99, 99], [-9, -8, 99]),
        ([30, np.nan, -1, -1], [-1]),
        # Measurements
        ([30, 41, -1], []),
        ([-3, -1, -1, 0, 2], []),
        ([-1.5, -1.5, -0.2, 0.4, 1], []),
        ([60, 71, 99, 99], []),
        ([30, 30, 41, 41, 90, 90], []),
        ([0.5, 0.5, 0.7, 0.99, 0.99], []),
        ([-1, -1, -1], []),
        ([999, 999], []),
        ([], []),
        ([np.nan], []),
    ],
)
def test_numbers_that_may_mean_missing_are_known_from_measurements(values, codes):
    assert likely_codes(pd.Series(values, dtype=float)) == codes


GROUP = ColumnMap(further={"group": "arm"})


def test_numbers_led_by_a_zero_are_groups_as_they_are_written(tmp_path):
    table = trials(arm=each("01", "1", "1.0"))
    data = load_trials(ANALYSIS, written(tmp_path / "t.csv", table), GROUP)
    traits = read_covariates(data, ["arm"])
    assert traits.numbers("arm").tolist() == [1, 1, 1]
    assert traits.words("arm", 9).tolist() == ["01", "1", "1"]
    people = pd.DataFrame({"subject": NAMES, "arm": ["01", "1", ""]})
    data = load_trials(ANALYSIS, written(tmp_path / "t.csv", trials()))
    traits = read_covariates(data, (), written(tmp_path / "people.csv", people))
    assert traits.numbers("arm").tolist()[:2] == [1, 1]
    assert traits.words("arm", 9).tolist()[:2] == ["01", "1"]
    assert traits.words("arm", 9).isna().tolist() == [False, False, True]


def test_numbers_spelled_in_two_ways_in_one_subject_are_one_group(tmp_path):
    table = trials(arm=["01", "1", *each("1", "2", "")[2:]])
    data = load_trials(ANALYSIS, written(tmp_path / "t.csv", table), GROUP)
    traits = read_covariates(data, ["arm"])
    assert traits.words("arm", 9).tolist()[:2] == ["1", "2"]


def test_words_led_by_a_zero_are_groups_in_a_column_of_words(tmp_path):
    table = trials(arm=each("01", "1", "x"))
    data = load_trials(ANALYSIS, written(tmp_path / "t.csv", table))
    traits = read_covariates(data, ["arm"])
    assert traits.words("arm", 9).tolist() == ["01", "1", "x"]


def test_a_column_in_both_files_is_that_of_the_second_with_a_note(tmp_path):
    data = load_trials(ANALYSIS, written(tmp_path / "t.csv", trials(age=each(1, 2, 3))))
    people = pd.DataFrame({"subject": NAMES, "age": [30, 41, 52], "arm": [*"xyx"]})
    path = written(tmp_path / "people.csv", people)
    traits = read_covariates(data, ["age"], path)
    assert traits.table["age"].tolist() == [30, 41, 52]
    assert traits.notes == (
        "column age is in the table and in people.csv: that of the second is taken",
    )
    assert read_covariates(data, ["arm"], path).notes == ()


def test_a_second_file_with_a_name_twice_is_refused(tmp_path):
    data = load_trials(ANALYSIS, written(tmp_path / "t.csv", trials()))
    people = pd.DataFrame({"subject": ["anna", "bert", "anna"], "age": [1, 2, 3]})
    with pytest.raises(MetaRLError, match="got 'anna' again in row 4; keep one"):
        read_covariates(data, (), written(tmp_path / "people.csv", people))


def test_a_second_file_without_the_names_is_refused(tmp_path):
    data = load_trials(ANALYSIS, written(tmp_path / "t.csv", trials()))
    people = pd.DataFrame({"subject": ["xx", "yy"], "age": [1, 2]})
    words = "must have a column subject with the subjects' names, as anna, bert, cleo"
    with pytest.raises(MetaRLError, match=words):
        read_covariates(data, (), written(tmp_path / "people.csv", people))


def test_only_numbers_are_correlated_and_only_few_names_are_groups(tmp_path):
    table = trials(age=each(1, 2, 3), arm=each("x", "y", "x"), same=each(1, 1, 1))
    data = load_trials(ANALYSIS, written(tmp_path / "t.csv", table))
    traits = read_covariates(data, ["age", "arm", "same"])
    assert traits.numbers("age").tolist() == [1, 2, 3]
    assert traits.words("age", 6).tolist() == ["1", "2", "3"]
    with pytest.raises(MetaRLError, match="--by arm must name a column of numbers"):
        traits.numbers("arm")
    with pytest.raises(MetaRLError, match="two groups or more, got only '1'"):
        traits.words("same", 6)
    with pytest.raises(
        MetaRLError, match=r"at most 2 groups, got 3; did you mean --by"
    ):
        traits.words("age", 2)


def test_a_table_in_memory_is_read_by_the_same_rules():
    table = trials(age=each(30, 41, 52))
    data = load_trials(ANALYSIS, table)
    assert data.names == tuple(NAMES)
    assert read_covariates(data, ["age"]).table["age"].tolist() == [30, 41, 52]
    wrong = table.assign(choice=[*table["choice"][:-1], 7])
    with pytest.raises(
        MetaRLError, match=r"the table: column choice .* got 7 in row 12"
    ):
        load_trials(ANALYSIS, wrong)
    with pytest.raises(MetaRLError, match=r"the table has no column better; it needs"):
        load_trials(REVERSAL, table)


def test_a_table_in_memory_with_two_columns_of_one_name_is_refused():
    table = pd.DataFrame(
        [["A", 0, 0, 1]], columns=["subject", "trial", "choice", "choice"]
    )
    with pytest.raises(MetaRLError, match="the table has two columns named choice"):
        load_trials(ANALYSIS, table)
