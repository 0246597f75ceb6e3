"""Subjects, sessions and episodes keep the names that their laboratory gave them."""

import pandas as pd
import pytest
from own_tables import refusal, two_step

from metarl.analysis.two_step.behaviour import read_trials, stay_probabilities


def trials_of(names, choices=(0, 0)):
    return [f"{name},{k},{c},1,common" for name in names for k, c in enumerate(choices)]


def test_subjects_are_in_the_order_in_which_people_count(written):
    data = two_step(written("own.csv", *trials_of(["m10", "m2", "M1"])))
    assert data.names == ("M1", "m2", "m10")
    assert data.trials.groupby("subject").size().to_dict() == {0: 2, 1: 2, 2: 2}


@pytest.mark.parametrize("name", ["NA", "nan", "None", "null"])
def test_a_word_for_missing_is_a_name_of_its_own(written, name):
    data = two_step(written("own.csv", *trials_of(["Bob", name])))
    assert set(data.names) == {"Bob", name}
    assert f"one subject is called {name!r}; was its name missing?" in data.notes


@pytest.mark.parametrize("blank", ["", "  ", '""'])
def test_a_subject_without_a_name_is_refused_by_its_row(written, blank):
    path = written("own.csv", *trials_of(["Bob", blank]))
    assert refusal(path) == (
        "own.csv: column subject must name the subject of every trial, got a blank in "
        "row 4; fill it in, or remove the row"
    )


def test_a_subject_missing_from_parquet_is_refused(tmp_path):
    pytest.importorskip("pyarrow")
    table = pd.DataFrame(
        {"subject": ["A", None], "trial": [0, 1], "choice": 0, "reward": 1,
         "transition": "common"}
    )  # fmt: skip
    table.to_parquet(tmp_path / "own.parquet")
    assert "got a blank in row 2" in refusal(tmp_path / "own.parquet")


def test_names_that_a_number_would_round_alike_stay_apart(written):
    names = [
        "05136",
        "5136",
        "4011612345",
        "4011612346",
        "1.2346e+09",
        "12345678901234567",
    ]
    data = two_step(written("own.csv", *trials_of(names)))
    assert set(data.names) == set(names)
    assert data.notes == (
        "subjects '05136' and '5136' are taken as 2; are they the same?",
    )


def test_a_column_animal_of_the_user_pools_nothing(written):
    header = "subject,trial,choice,reward,transition,animal"
    rows = [f"{row},mouse" for row in trials_of(["1", "2", "3"])]
    data = two_step(written("own.csv", *rows, header=header))
    assert data.names == ("1", "2", "3")
    stays = stay_probabilities(read_trials(data.trials))
    assert sorted(stays["subject"].unique()) == [0, 1, 2]
    assert data.trials["animal"].unique().tolist() == ["mouse"]


def test_sessions_have_names_or_dates(written):
    header = "subject,trial,choice,reward,transition,session"
    rows = [
        f"A,{k},0,1,common,{day}"
        for day in ("2024-01-15", "2023-12-01")
        for k in (0, 1)
    ]
    data = two_step(written("own.csv", *rows, header=header))
    assert data.trials["session"].tolist() == [1, 1, 0, 0]
    long = [f"A,{k},0,1,common,{day}" for day in (20240115, 20231201) for k in (0, 1)]
    data = two_step(written("own.csv", *long, header=header))
    assert set(data.trials["session"]) == {20240115, 20231201}


def test_a_repeated_trial_is_named_by_the_users_own_names(written):
    header = "subject,trial,choice,reward,transition,session"
    rows = [f"{name},110,0,1,common,20240115" for name in ("S1", "4011612345", "S1")]
    assert refusal(written("own.csv", *rows, header=header)) == (
        "own.csv: each trial must have one row, got a second row of subject S1, "
        "session 20240115, trial 110 in row 4; number trials within subject, session "
        "and episode"
    )


def test_several_files_are_subjects_by_their_names(written):
    for name in ("mouse_1", "mouse_2"):
        written(
            f"all/{name}.csv", "0,0,1,common", header="trial,choice,reward,transition"
        )
    folder = written(
        "all/mouse_10.csv", "0,1,1,common", header="trial,choice,reward,transition"
    ).parent
    data = two_step(folder)
    assert data.names == ("mouse_1", "mouse_2", "mouse_10")
    assert data.trials["choice"].tolist() == [0, 1, 0]


def test_several_files_of_a_subject_are_sessions_where_that_is_said(written):
    rows = trials_of(["A"])
    files = [written(f"{day}.csv", *rows) for day in ("mon", "tue")]
    assert refusal(files).endswith(
        "; if each file is a session, give --column session=@file"
    )
    data = two_step(files, columns={"session": "@file"})
    assert data.trials["session"].tolist() == [0, 0, 1, 1]


def test_a_name_of_bids_gives_subject_and_session(written):
    header = "onset\tduration\ttrial\tchoice\treward\ttransition"
    for ses in ("a", "b"):
        path = written(
            f"sub-07/ses-{ses}/beh/sub-07_ses-{ses}_task-x_events.tsv",
            "0.5\tn/a\t0\t0\t1\tcommon", "0.9\tn/a\t1\tn/a\tn/a\tn/a", header=header,
        )  # fmt: skip
    data = two_step(path.parents[3])
    assert data.names == ("07",)
    assert data.trials["session"].tolist() == [0, 0, 1, 1]
    assert data.trials["choice"].isna().tolist() == [False, True] * 2


def test_one_file_without_a_subject_says_how_to_give_it(written):
    path = written("own.csv", "0,0,1,common", header="trial,choice,reward,transition")
    assert refusal(path).endswith(
        "; take it from the file's name with --column subject=@file"
    )
    assert two_step(path, columns={"subject": "@file"}).names == ("own",)
    assert two_step(path, values={"subject": "Bob"}).names == ("Bob",)


def test_files_of_one_name_are_told_apart_by_their_folders(written):
    header = "trial,choice,reward,transition"
    for folder, trial in (("m1", 0), ("m2", 1)):
        written(f"all/{folder}/beh.csv", f"{trial},0,1,common", header=header)
    path = written("all/other.csv", "0,1,1,common", header=header)
    assert two_step(path.parent).names == ("m1/beh", "m2/beh", "other")
    files = sorted(path.parent.glob("m*/beh.csv"))
    assert two_step(files).names == ("m1/beh", "m2/beh")
