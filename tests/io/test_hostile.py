"""What a stranger's files hold is read as it is meant, or refused by name."""

import json
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from own_tables import HEADER, refusal, two_step

from metarl.analysis.schema import shown
from metarl.core.checks import MetaRLError
from metarl.io.covariates import read_covariates
from metarl.io.names import number_episodes, number_sessions, session_notes

LINES = ("0,1,common", "1,0,rare", "1,1,common")
BARE = "choice,reward,transition"


def arrays(**more):
    """Three trials of one subject, as arrays."""
    return {
        "subject": np.array(["A"] * 3),
        "trial": np.arange(3.0),
        "choice": np.array([0, 1, 1.0]),
        "reward": np.array([1, 0, 1.0]),
        "transition": np.array(["common", "rare", "common"]),
        **more,
    }


def frame(**more):
    return pd.DataFrame({k: pd.Series(v) for k, v in arrays(**more).items()})


def parquet(path, table):
    pytest.importorskip("pyarrow")
    table.to_parquet(path)
    return path


def archive(path, **more):
    np.savez(path, **arrays(**more))
    return path


# Files


def test_rows_of_two_files_are_never_one_sequence(written):
    header = "subject,choice,reward,transition"
    paths = [
        written(name, *(f"q,{line}" for line in LINES), header=header)
        for name in ("one.csv", "two.csv")
    ]
    assert refusal(paths, columns={"trial": "@row"}) == (
        "one.csv and two.csv must be sessions or episodes of their own where trials are"
        " numbered by their rows, got one episode of q in both; give --column "
        "session=@file, or subject=@file"
    )
    apart = two_step(paths, columns={"trial": "@row", "session": "@file"})
    assert apart.trials["trial"].tolist() == [0, 1, 2, 0, 1, 2]
    assert apart.trials["session"].nunique() == 2


def test_runs_of_a_bids_subject_become_sessions_by_their_files(written):
    paths = [
        written(f"sub-01/sub-01_task-x_run-{k}_beh.tsv", *LINES, header=BARE)
        for k in (1, 2)
    ]
    data = two_step(paths, columns={"trial": "@row", "session": "@file"})
    assert data.names == ("01",)
    assert data.trials["session"].tolist() == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize(
    "place", ["{}/sub-01/ses-1/beh/", "{}/sub-01/", "{}/", "{}/beh/"]
)
def test_one_name_in_two_bids_data_sets_is_two_people_with_a_note(place, written):
    paths = [
        written(f"{place.format(k)}sub-01_task-x_beh.tsv", *LINES, header=BARE)
        for k in ("east", "west")
    ]
    other = place.format("west").replace("01", "02")
    paths.append(written(f"{other}sub-02_task-x_beh.tsv", *LINES, header=BARE))
    data = two_step(paths, columns={"trial": "@row"})
    inner = "beh/" if place == "{}/beh/" else ""
    east, west = (f"{k}/{inner}01" for k in ("east", "west"))
    assert data.names == tuple(sorted([east, west, "02"]))
    assert [note for note in data.notes if "data sets" in note] == [
        f"sub-01 is in 2 data sets, and is a subject of its own in each ({east}, "
        f"{west}); if it is one, give the files a column subject"
    ]


@pytest.mark.parametrize(
    "name",
    [
        "sub-01/ses-{}/beh/sub-01_ses-{}_beh.tsv",
        "sub-01/ses-{}/sub-01_beh.tsv",
        "ses-{}/sub-01_beh.tsv",
        "day{}/sub-01_ses-{}_beh.tsv",
        "sub-01_ses-{}_beh.tsv",
    ],
)
def test_one_subject_of_one_bids_data_set_stays_one(name, written):
    paths = [written(name.replace("{}", k), *LINES, header=BARE) for k in "12"]
    data = two_step(paths, columns={"trial": "@row", "session": "@file"})
    assert data.names == ("01",)
    assert not [note for note in data.notes if "data sets" in note]


def test_subjects_of_a_column_are_not_kept_apart_by_data_sets(written):
    lines = [f"A,{line}" for line in LINES]
    paths = [
        written(f"{k}/sub-01/sub-01_beh.tsv", *lines, header=f"subject,{BARE}")
        for k in ("east", "west")
    ]
    columns = {"trial": "@row", "session": "@file"}
    data = two_step(paths, columns=columns)
    assert data.names == ("A",)
    assert not [note for note in data.notes if "data sets" in note]


def test_files_that_differ_in_their_ending_alone_are_two_subjects(written):
    paths = [written(name, *LINES, header=BARE) for name in ("S1.csv", "S1.txt")]
    assert two_step(paths, columns={"trial": "@row"}).names == ("S1.csv", "S1.txt")


def test_one_file_by_two_paths_is_refused(written, tmp_path):
    first = written("S1.csv", *LINES, header=BARE)
    second = tmp_path / "S2.csv"
    second.symlink_to(first)
    assert refusal([first, second], columns={"trial": "@row"}) == (
        f"{str(first)!r} and {str(second)!r} are one file; give it once"
    )


# Arrays


@pytest.mark.parametrize(
    ("valid", "words"),
    [(np.zeros((3, 2)), "an array of 3x2"), (np.zeros(0), "nothing")],
)
def test_an_array_of_another_shape_is_not_left_out_in_silence(tmp_path, valid, words):
    assert refusal(archive(tmp_path / "t.npz", valid=valid)) == (
        f"t.npz: valid must have one value for each of the 3 trials, got {words}; save "
        "it so, rename it if it is not valid, or give --value valid=..."
    )


def test_an_array_that_no_column_is_like_may_have_any_shape(tmp_path):
    path = archive(tmp_path / "t.npz", spikes=np.zeros((3, 2)))
    assert len(two_step(path).trials) == 3


def test_one_value_is_that_of_all_trials(tmp_path):
    path = archive(tmp_path / "t.npz", subject=np.array("M7"), forced=np.array([1]))
    data = two_step(path)
    assert data.names == ("M7",)
    assert data.trials["forced"].tolist() == [1, 1, 1]
    content = {k: v.tolist() for k, v in arrays().items()} | {"subject": "M8"}
    (tmp_path / "t.json").write_text(json.dumps(content))
    assert two_step(tmp_path / "t.json").names == ("M8",)


def test_a_column_of_blanks_is_no_column_that_is_absent(tmp_path):
    path = archive(tmp_path / "t.npz", valid=np.full(3, np.nan))
    assert "valid must be 0 or 1, got a blank in row 1" in refusal(path)


def test_a_json_trial_with_a_name_twice_is_refused(tmp_path):
    row = '{"subject": "A", "trial": 0, "choice": 0, "choice": 1, "reward": 1}'
    (tmp_path / "t.json").write_text(f"[{row}]")
    assert "it has the entry 'choice' twice" in refusal(tmp_path / "t.json")


def test_a_named_index_is_a_column(tmp_path):
    table = frame(session=["s1", "s2", "s2"]).set_index(["subject", "session"])
    assert two_step(parquet(tmp_path / "t.parquet", table)).sessions == ("s1", "s2")


# Cells


@pytest.mark.parametrize(
    "choice",
    [
        pd.Series(["0", "1", "1"]),
        pd.Series([0, 1, 1], dtype="category"),
        pd.Series([b"0", b"1", b"1"]),
        pd.Series([Decimal("0.0"), Decimal("1"), Decimal("1.00")]),
        pd.Series([False, True, True]),
    ],
)
def test_choices_of_any_type_are_numbers(tmp_path, choice):
    data = two_step(parquet(tmp_path / "t.parquet", frame(choice=choice)))
    assert data.trials["choice"].tolist() == [0, 1, 1]
    assert "3 choices (1 of 0, 2 of 1)" in data.counts()


@pytest.mark.parametrize(
    ("rt", "word"),
    [
        (pd.to_timedelta([0.5] * 3, unit="s"), "'0 days 00:00:00.500000'"),
        (pd.to_datetime(["2024-01-02"] * 3), "'2024-01-02 00:00:00'"),
    ],
)
def test_times_are_no_numbers(tmp_path, rt, word):
    sentence = refusal(parquet(tmp_path / "t.parquet", frame(rt=rt)))
    assert sentence.startswith("t.parquet: column rt must be at least 0")
    assert f"got {word} in row 1" in sentence


def test_other_cells_are_refused_by_column_and_row(tmp_path):
    table = frame(valid=pd.array([True, None, True], "boolean"))
    words = "t.parquet: column valid must be 0 or 1, got a blank in row 2"
    assert refusal(parquet(tmp_path / "t.parquet", table)) == words
    lists = frame(choice=[[0], [1], [1]])
    assert "got '[0]' in row 1" in refusal(parquet(tmp_path / "t.parquet", lists))
    path = archive(tmp_path / "t.npz", choice=np.array([0, 1j, 1]))
    assert "got '0j' in row 1" in refusal(path)


def test_an_infinite_reaction_time_is_refused(written):
    path = written("t.csv", "A,0,0,1,common,inf", header=f"{HEADER},rt")
    assert "got inf in row 2" in refusal(path)


def test_what_is_no_number_is_shown_as_it_is():
    assert [shown(v) for v in (pd.NA, pd.NaT, b"x", 1e308)] == [
        "a blank", "a blank", "\"b'x'\"", "1e+308",
    ]  # fmt: skip


# Order


def sessions(*names):
    numbers, _ = number_sessions(pd.Series(names), pd.Series(["A"] * len(names)))
    return numbers.tolist()


@pytest.mark.parametrize(
    "names",
    [
        ("28/11/2023", "01/12/2023", "03/01/2024"),
        ("11/28/2023", "12/01/2023", "01/03/2024"),
        ("03/12/2023", "04/11/2024"),
        ("12/03/2023", "11/04/2024"),
        ("28.11.23", "01.12.23"),
        ("Nov 28 2023", "Dec 1 2023"),
        ("2023-11-28T10:00", "2023-12-01T09:00"),
        ("pre", "post", "later"),
        ("Mon", "Tue", "Wed"),
        ("day 2", "day 10"),
    ],
)
def test_sessions_are_in_the_order_of_their_dates_or_rows(names):
    assert sessions(*names) == list(range(len(names)))


def test_dates_are_sorted_where_the_rows_are_not():
    assert sessions("01/12/2023", "28/11/2023") == [1, 0]


@pytest.mark.parametrize("names", [["b2", "a10"], ["281123", "011223"]])
def test_a_note_says_where_the_order_is_another_than_that_of_the_rows(names):
    cells, subjects = pd.Series(names), pd.Series(["ann", "ann"])
    numbers, _ = number_sessions(cells, subjects)
    (note,) = session_notes(cells, numbers, subjects)
    assert note == (
        f"sessions are taken in the order {names[1]}, {names[0]}, but the rows of ann "
        "have another; number them (1, 2, ...) if their order matters"
    )


def test_named_episodes_are_in_the_order_of_each_subject():
    table = pd.DataFrame(
        {"subject": [0, 0, 1, 1], "session": 0, "episode": ["x", "y", "y", "x"]}
    )
    assert number_episodes(table).tolist() == [0, 1, 0, 1]


# Traits


def traits(written, column, *cells, name="age"):
    lines = [f"p{k},0,0,1,common,{cell}" for k, cell in enumerate(cells)]
    data = two_step(written("t.csv", *lines, header=f"{HEADER},{column}"))
    return read_covariates(data, [name])


@pytest.mark.parametrize("cell", ["inf", "1e308"])
def test_a_trait_is_a_finite_number(written, cell):
    with pytest.raises(MetaRLError, match="--by age must name a column of finite numb"):
        traits(written, "age", 20, cell).numbers("age")


@pytest.mark.parametrize("name", ["name", "sessions", "subject"])
def test_a_trait_is_not_called_as_a_column_of_the_results(written, name):
    with pytest.raises(MetaRLError, match=f"must not be called {name}, as a column of"):
        traits(written, f"x{name}", 1, 2, name=name)


def test_a_folder_is_no_table_of_subjects(written, tmp_path):
    data = two_step(written("t.csv", "p,0,0,1,common"))
    for name in ("1.csv", "2.csv"):
        written(f"folder/{name}", "p,20", header="subject,age")
    with pytest.raises(MetaRLError, match="--subjects-file must be one file, got the"):
        read_covariates(data, [], tmp_path / "folder")
