"""Groups of subjects: laid side by side, labelled, summarised over subjects."""

import pandas as pd
import pytest

from metarl.analysis.bridge import about_table, label_table
from metarl.analysis.data import ExperimentData
from metarl.analysis.measures import (
    MEASURED,
    baseline_names,
    by_group,
    select_group,
    subject_labels,
    subject_values,
    summarise,
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


def test_groups_are_the_measured_subjects_and_each_strategy(trials):
    source = ExperimentData(
        trials=trials, baselines={"random": trials.assign(reward=0.0)}
    )
    table = by_group(trials_by_group(source), rewards)
    assert table["group"].tolist() == [MEASURED, MEASURED, "random", "random"]
    assert subject_values(select_group(table), "reward").tolist() == [1, 3]
    assert subject_values(select_group(table, "random"), "reward").tolist() == [0, 0]
    assert baseline_names(table) == ["random"]


def test_subjects_are_labelled_by_animal_where_there_is_one(trials):
    assert subject_labels(trials) == {0: "subject 0", 1: "subject 1"}
    assert subject_labels(trials.assign(animal=["C", "J"])) == {0: "C", 1: "J"}
    assert label_table(trials)["label"].tolist() == ["subject 0", "subject 1"]


def test_summaries_count_subjects():
    table = pd.DataFrame({"kind": list("aabb"), "value": [1.0, 3.0, 5.0, 5.0]})
    summary = summarise(table, "value", ["kind"])
    assert summary["mean"].tolist() == [2, 5]
    assert summary["n"].tolist() == [2, 2]
    assert summary["low"][1] == summary["high"][1] == 5


def test_what_the_tables_are_about_stands_in_one_row(trials):
    about = about_table(
        ExperimentData(trials=trials, task="x", expected_subjects=2), scored=True
    )
    assert about.iloc[0].to_dict() == {
        "task": "x",
        "subjects_are": "networks",
        "discount": None,
        "scored": True,
        "expected_subjects": 2,
    }
