"""Arrays of NumPy, MATLAB, JSON, parquet, NWB and ALF become the same table."""

import json

import numpy as np
import pandas as pd
import pytest
from own_tables import refusal, two_step
from scipy import io

COLUMNS = {
    "subject": ["A", "A", "B"],
    "trial": [0, 1, 0],
    "choice": [0.0, 1.0, np.nan],
    "reward": [1.0, 0.0, 0.0],
    "transition": ["common", "rare", ""],
}


def assert_read(path):
    data = two_step(path)
    assert data.names == ("A", "B")
    trials = data.trials
    assert trials["trial"].tolist() == [0, 1, 0]
    assert trials["choice"].astype(float).fillna(-1).tolist() == [0, 1, -1]
    assert trials["reward"].tolist() == [1, 0, 0]
    assert trials["transition"].fillna("").tolist() == ["common", "rare", ""]


def cell(words):
    array = np.empty(len(words), dtype=object)
    array[:] = words
    return array


def test_an_archive_of_numpy(tmp_path):
    np.savez(tmp_path / "own.npz", **COLUMNS)
    assert_read(tmp_path / "own.npz")


def test_variables_of_matlab(tmp_path):
    own = {k: cell(v) if isinstance(v[0], str) else v for k, v in COLUMNS.items()}
    io.savemat(tmp_path / "own.mat", own)
    assert_read(tmp_path / "own.mat")


def test_a_structure_of_matlab_with_its_columns_as_fields(tmp_path):
    own = {k: cell(v) if isinstance(v[0], str) else v for k, v in COLUMNS.items()}
    io.savemat(tmp_path / "own.mat", {"data": own})
    assert_read(tmp_path / "own.mat")


def test_a_structure_of_matlab_for_each_trial(tmp_path):
    rows = pd.DataFrame(COLUMNS).to_dict("records")
    table = np.array(
        [tuple(row.values()) for row in rows], dtype=[(k, object) for k in COLUMNS]
    )
    io.savemat(tmp_path / "own.mat", {"trials": table})
    assert_read(tmp_path / "own.mat")


def test_a_file_of_matlab_7_3(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "own.mat", "w", userblock_size=512) as file:
        for name in ("trial", "choice", "reward"):
            file[name] = np.array([COLUMNS[name]], float)
    trials = two_step(
        tmp_path / "own.mat", values={"subject": "A", "transition": "common"},
        columns={"trial": "@row"},
    ).trials  # fmt: skip
    assert trials["reward"].tolist() == [1, 0, 0]


def test_a_file_of_matlab_7_3_without_its_reader_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    (tmp_path / "own.mat").write_bytes(b"MATLAB 7.3".ljust(512) + b"\x89HDF\r\n\x1a\n")
    assert refusal(tmp_path / "own.mat") == (
        "own.mat was saved as v7.3; save it again with -v7, or install h5py: pip "
        "install h5py"
    )


@pytest.mark.parametrize("kind", ["records", "columns", "lines", "inside"])
def test_json_of_every_form(tmp_path, kind):
    rows = json.loads(pd.DataFrame(COLUMNS).to_json(orient="records"))
    columns = {name: [row[name] for row in rows] for name in COLUMNS}
    text = {
        "records": json.dumps(rows),
        "columns": json.dumps(columns),
        "lines": "\n".join(map(json.dumps, rows)),
        "inside": json.dumps({"id": 7, "trials": rows}),
    }[kind]
    (tmp_path / "own.json").write_text(text)
    assert_read(tmp_path / "own.json")


def test_parquet(tmp_path):
    pytest.importorskip("pyarrow")
    pd.DataFrame(COLUMNS).to_parquet(tmp_path / "own.parquet")
    assert_read(tmp_path / "own.parquet")


def test_the_trials_of_an_nwb_file(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "own.nwb", "w") as file:
        group = file.create_group("intervals/trials")
        names = ["trial", "choice", "reward", "transition"]
        group.attrs["colnames"] = names
        for name in names:
            group[name] = COLUMNS[name]
        group["id"] = [0, 1, 2]
        file["general/subject/subject_id"] = "M1"
        file["identifier"] = "day-3"
    data = two_step(tmp_path / "own.nwb", columns={"trial": "@row"})
    assert data.names == ("M1",)
    assert data.trials["reward"].tolist() == [1, 0, 0]


def test_a_folder_of_alf_arrays_is_a_session(tmp_path):
    for place in ("KS014/2019-12-10/001", "KS014/2019-12-11/001", "B/2020-01-02/001"):
        folder = tmp_path / place / "alf"
        folder.mkdir(parents=True)
        np.save(folder / "_ibl_trials.choice.npy", [-1, 1, 0])
        np.save(folder / "_ibl_trials.feedbackType.npy", [1, -1, -1])
    data = two_step(
        tmp_path,
        columns={
            "subject": "@file", "trial": "@row", "reward": "feedbackType",
        },
        codes={
            "choice": {"-1": 0.0, "1": 1.0, "0": "missing"},
            "reward": {"1": 1.0, "-1": 0.0},
        },
        values={"transition": "common"},
    )  # fmt: skip
    assert data.names == ("B", "KS014")
    sessions = data.trials.groupby("subject")["session"].nunique()
    assert sessions.to_dict() == {0: 1, 1: 2}
    assert data.trials["trial"].tolist() == [0, 1, 2] * 3
    assert data.trials["choice"].fillna(-1).tolist() == [0, 1, -1] * 3


@pytest.mark.parametrize(
    "name", ["own.npz", "own.mat", "own.parquet", "own.json", "own.nwb"]
)
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04cut", b"\x00" * 200, b"[1, 2"])
def test_a_damaged_file_gets_one_sentence(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    sentence = refusal(tmp_path / name)
    assert sentence.startswith(name)
    assert "\n" not in sentence


def test_columns_of_several_lengths_are_refused_with_their_sizes(tmp_path):
    np.savez(tmp_path / "own.npz", choice=[0, 1, 1], reward=[1, 0])
    assert refusal(tmp_path / "own.npz") == (
        "own.npz must hold one array a column, all with one value a trial, got choice "
        "3, reward 2; save the columns of the trials alone"
    )


def test_other_files_are_refused_with_the_way_out(tmp_path):
    for name, remedy in (("a.xlsx", "save the sheet as CSV"), ("b.pkl", "to_csv")):
        (tmp_path / name).write_bytes(b"x")
        sentence = refusal(tmp_path / name)
        assert sentence.startswith(f"{name} must end in .csv")
        assert remedy in sentence
    assert refusal(tmp_path / "none.csv").startswith("there is no file")
    assert "must hold files of trials of one kind" in refusal(tmp_path)
    import os

    os.mkfifo(tmp_path / "pipe.csv")
    assert "must be a file or a folder, got a device" in refusal(tmp_path / "pipe.csv")
    assert "there is no file" in refusal(tmp_path / ("x" * 300))


def test_cells_of_json_that_hold_more_are_text(tmp_path):
    rows = json.loads(pd.DataFrame(COLUMNS).to_json(orient="records"))
    rows = [row | {"mood": {"now": [1, 2]}} for row in rows]
    (tmp_path / "own.json").write_text(json.dumps(rows))
    assert_read(tmp_path / "own.json")
    rows = [row | {"subject": [row["subject"]]} for row in rows]
    (tmp_path / "own.json").write_text(json.dumps(rows))
    assert two_step(tmp_path / "own.json").names == ('["A"]', '["B"]')
