"""Learning sets of animals, against the same numbers computed in plain pandas."""

import numpy as np
import pandas as pd
import pytest
from problem_learners import problem_table

from metarl.analysis import ExperimentData
from metarl.analysis.analysis import analyse
from metarl.io.column_map import ColumnMap
from metarl.io.trials import load_table
from metarl.reports.figures import own_data_analysis

ANALYSIS = own_data_analysis("harlow")


def loaded(table, tmp_path, **columns):
    file = tmp_path / "problems.csv"
    table.to_csv(file, index=False)
    data = load_table(file, ANALYSIS.schema, ColumnMap(columns=columns))
    experiment = ExperimentData(
        trials=data.trials,
        task="harlow",
        subjects_are="monkeys",
        names=dict(enumerate(data.names)),
    )
    return analyse(ANALYSIS, experiment)


@pytest.fixture
def table():
    return problem_table(subjects=3, problems=24)


def test_objects_and_problems_give_accuracy_by_trial(table, tmp_path):
    result = loaded(table, tmp_path, episode="problem")
    made = table.dropna(subset="object")
    correct = made["object"] == made["rewarded_object"]
    expected = correct.groupby([made["subject"], made["trial"]]).mean()
    found = result.tables["accuracy"].set_index(["subject", "trial"])["value"]
    assert found.tolist() == pytest.approx(expected.tolist())
    means = result.tables.summary("accuracy").set_index("trial")
    assert means.loc[2, "mean"] == pytest.approx(expected.unstack()[2].mean())
    assert means.loc[2, "n"] == 3


def test_quarters_and_the_first_outcome_are_those_of_a_loop(table, tmp_path):
    subjects = loaded(table, tmp_path, episode="problem").tables["subjects"]
    for index, (_, own) in enumerate(table.groupby("subject")):
        after, quarter = {True: [], False: []}, {0: [], 3: []}
        for problem, trials in own.groupby("problem"):
            one, two = trials.sort_values("trial").iloc[:2].to_dict("records")
            if two["object"] != two["object"]:
                continue
            good = two["object"] == two["rewarded_object"]
            after[one["object"] == one["rewarded_object"]].append(good)
            if (part := (problem - 1) * 4 // 24) in quarter:
                quarter[part].append(good)
        row = subjects.iloc[index]
        assert row["second_after_correct"] == pytest.approx(np.mean(after[True]))
        assert row["second_after_error"] == pytest.approx(np.mean(after[False]))
        gain = np.mean(quarter[3]) - np.mean(quarter[0])
        assert row["second_trial_gain"] == pytest.approx(gain)


def test_correct_alone_is_enough_and_trials_may_count_from_0(table, tmp_path):
    correct = (table["object"] == table["rewarded_object"]).astype(float)
    short = table[["subject", "problem", "trial"]].assign(
        correct=correct.where(table["object"].notna()), trial=table["trial"] - 1
    )
    one = loaded(short, tmp_path, episode="problem").tables["subjects"]
    other = loaded(table, tmp_path, episode="problem").tables["subjects"]
    pd.testing.assert_frame_equal(one, other)


def test_a_missed_trial_leaves_those_after_it_in_their_place(tmp_path):
    rows = [
        ("a", p, t, None if t == 1 else float(t >= 2)) for p in (1, 2) for t in range(4)
    ]
    table = pd.DataFrame(rows, columns=["subject", "episode", "trial", "correct"])
    for given in (table, table.dropna()):
        accuracy = loaded(given, tmp_path).tables["accuracy"]
        assert accuracy.set_index("trial")["value"].to_dict() == {1: 0, 3: 1, 4: 1}
