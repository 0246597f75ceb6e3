"""Files are written whole or not at all, and read back as they were."""

import csv
import errno
import json
import os
import resource
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure

from metarl.agents.config import NetworkConfig
from metarl.agents.networks.actor_critic import ActorCritic
from metarl.core.checks import MetaRLError
from metarl.core.files import (
    CSV_ROWS,
    _host,
    check_folder,
    csv_text,
    escaped,
    exists,
    read_json,
    read_recording,
    read_table,
    table_writer,
    unescaped,
    whole_file,
    whole_folder,
    write_json,
    write_recording,
    write_table,
    write_text,
)
from metarl.reports.figure_files import save_figure
from metarl.runs.checkpoint import save_policy, save_state

pytestmark = pytest.mark.oldest

TABLE = pd.DataFrame(
    {
        "trial": [0, 1, 2],
        "choice": pd.array([1, None, 0], dtype="Int32"),
        "reward": [1.0, -1.0, 0.25],
        "transition": pd.Categorical(["common", None, "rare"]),
    }
)


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_only_when_it_is_whole(tmp_path):
    path = tmp_path / "new" / "file.txt"
    with whole_file(path) as temporary:
        temporary.write_text("half")
        assert not path.exists()
    assert path.read_text() == "half"
    assert files(path.parent) == ["file.txt"]


def test_a_reader_of_the_old_file_never_gets_half_of_the_new_one(tmp_path):
    path = tmp_path / "file.txt"
    write_text(path, "old")
    with path.open() as reader:
        write_text(path, "new and longer")
        assert reader.read() == "old"
    assert path.read_text() == "new and longer"


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file.txt"
    write_text(path, "old")

    def fail():
        with whole_file(path) as temporary:
            temporary.write_text("new and hal")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_text() == "old"
    assert files(tmp_path) == ["file.txt"]


def test_a_full_disk_gets_one_sentence(tmp_path):
    path = tmp_path / "file.txt"
    write_text(path, "old")

    def fail():
        with whole_file(path) as temporary:
            temporary.write_text("h")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(MetaRLError) as caught:
        fail()
    assert str(caught.value) == (
        f"{path} could not be written (No space left on device); make room or choose "
        "another folder, then repeat the command"
    )
    assert path.read_text() == "old"
    assert files(tmp_path) == ["file.txt"]


def a_policy(path: Path) -> None:
    save_policy(path, ActorCritic(8, 3, NetworkConfig(), seed=0), NetworkConfig())


def a_state(path: Path) -> None:
    save_state(path, {"weights": torch.zeros(10_000)})


def a_table(path: Path) -> None:
    write_table(path, pd.DataFrame({"reward": np.random.default_rng(0).random(5000)}))


def a_recording(path: Path) -> None:
    write_recording(path, {"rpe": np.random.default_rng(0).random(5000)})


def a_figure(path: Path) -> None:
    save_figure(Figure(), path)


def a_json(path: Path) -> None:
    write_json(path, list(range(5000)))


@pytest.mark.parametrize(
    "write", [a_policy, a_state, a_table, a_recording, a_figure, a_json]
)
def test_every_writer_says_when_the_disk_takes_no_more(write, tmp_path):
    """A limit on the size of files is met by the same calls as a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        with pytest.raises(MetaRLError, match=r"could not be written \(File too large"):
            write(tmp_path / "file.csv")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert files(tmp_path) == []


@pytest.mark.parametrize("place", ["taken", "taken/deeper"])
def test_a_file_where_a_folder_should_be_gets_one_sentence(place, tmp_path):
    (tmp_path / "taken").write_text("I am a file")
    words = r"could not be written: '.*taken' is a file, not a folder; choose another"
    with pytest.raises(MetaRLError, match=words):
        write_text(tmp_path / place / "file.txt", "text")
    with pytest.raises(MetaRLError, match=words):
        check_folder(tmp_path / place)
    assert (tmp_path / "taken").read_text() == "I am a file"


def test_json_comes_back_and_refuses_what_json_has_not(tmp_path):
    path = tmp_path / "file.json"
    write_json(path, {"a": [1, 2.5, None]})
    assert read_json(path) == {"a": [1, 2.5, None]}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"a": float("nan")})
    assert json.loads(path.read_text()) == {"a": [1, 2.5, None]}


def test_missing_and_broken_json_get_one_sentence(tmp_path):
    path = tmp_path / "file.json"
    with pytest.raises(MetaRLError, match=r"file.json is missing; is this a metarl fo"):
        read_json(path)
    for broken in (b'{"a": ', b"", b"\xff\xfe"):
        path.write_bytes(broken)
        with pytest.raises(MetaRLError, match=r"file.json is not readable JSON \("):
            read_json(path)


def test_a_table_is_csv_with_blanks_where_something_is_missing(tmp_path):
    path = tmp_path / "trials.csv"
    write_table(path, TABLE)
    assert path.read_bytes() == (
        b"trial,choice,reward,transition\n0,1,1.0,common\n1,,-1.0,\n2,0,0.25,rare\n"
    )


@pytest.mark.parametrize("rows", [0, 1, 3, 60])
def test_a_table_has_the_text_that_pandas_would_write(rows):
    cells = {
        "real": np.array([0.0, -0.0, np.nan, 0.1, 1e300, -np.inf], np.float64),
        "short": np.array([0.1, -0.0, 0.0, 16_777_216, 1e-9, np.nan], np.float32),
        "whole": np.array([3, -1, 3, 2**40, 0, 7]),
        "code": pd.array([1, None, 0, 0, None, 1], dtype="Int32"),
        "word": pd.Categorical(["a,b", 'a "b"', "", None, "a\nb", "1"]),
        "text, quoted": pd.Series(["x", None, "", ",0", "a\nb", "x"], dtype=object),
        "flag": [True, False, True, True, False, False],
    }
    table = pd.concat([pd.DataFrame(cells)] * 10, ignore_index=True).iloc[:rows]
    for part in (table, table[["real"]], table[["code", "word"]]):
        text = part.to_csv(index=False, lineterminator="\n")
        assert csv_text(part) == text


def test_a_table_comes_back_from_parquet_with_its_types(tmp_path):
    path = tmp_path / "trials.csv"
    write_table(path, TABLE)
    assert files(tmp_path) == ["trials.csv", "trials.parquet"]
    pd.testing.assert_frame_equal(read_table(path), TABLE)


def test_without_pyarrow_there_is_csv_alone_and_it_is_read(tmp_path, monkeypatch):
    path = tmp_path / "trials.csv"
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "pyarrow", None)
        write_table(path, TABLE)
    assert files(tmp_path) == ["trials.csv"]
    again = read_table(path)
    assert again["choice"].isna().tolist() == [False, True, False]
    assert again["reward"].tolist() == [1.0, -1.0, 0.25]


def test_a_table_written_without_pyarrow_leaves_no_older_parquet(tmp_path, monkeypatch):
    path = tmp_path / "trials.csv"
    write_table(path, TABLE)
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "pyarrow", None)
        write_table(path, TABLE.iloc[:1])
    assert files(tmp_path) == ["trials.csv"]
    assert len(read_table(path)) == 1


def test_a_missing_table_or_recording_says_what_to_do(tmp_path):
    with pytest.raises(MetaRLError, match="is missing; run `metarl evaluate` first"):
        read_table(tmp_path / "trials.csv")
    with pytest.raises(MetaRLError, match="is missing; run `metarl evaluate` first"):
        read_recording(tmp_path / "recording.npz")


def test_a_recording_comes_back_and_opens_without_pickle(tmp_path):
    recording = {
        "rpe": np.array([np.nan, 0.5], dtype=np.float32),
        "event_names": np.array(["wait", "end"]),
        "units": np.arange(6.0).reshape(2, 3),
    }
    path = tmp_path / "recording.npz"
    write_recording(path, recording)
    again = read_recording(path)
    assert again.keys() == recording.keys()
    for name, array in recording.items():
        np.testing.assert_array_equal(again[name], array)
        assert again[name].dtype == array.dtype


def test_only_the_units_of_a_recording_are_not_compressed(tmp_path):
    path = tmp_path / "recording.npz"
    write_recording(path, {"step": np.zeros(9999), "units": np.zeros((99, 9))})
    with zipfile.ZipFile(path) as archive:
        sizes = {each.filename: each.compress_size for each in archive.infolist()}
    assert sizes["units.npy"] > 99 * 9 * 8
    assert sizes["step.npy"] < 999


@pytest.mark.parametrize("name", ["trials.csv", "recording.npz"])
def test_a_damaged_table_or_recording_gets_one_sentence(name, tmp_path):
    path = tmp_path / name
    write = {"trials.csv": a_table, "recording.npz": a_recording}[name]
    read = {"trials.csv": read_table, "recording.npz": read_recording}[name]
    write(path)
    for written in tmp_path.iterdir():
        written.write_bytes(written.read_bytes()[:-200])
        if written.suffix == ".csv":
            written.write_bytes(b"")
    with pytest.raises(
        MetaRLError, match=r"is damaged \(.*run `metarl evaluate` again"
    ):
        read(path)


@pytest.fixture
def short_limit(monkeypatch):
    """Tables of more than three rows are long."""
    monkeypatch.setattr("metarl.core.files.CSV_ROWS", 3)


def test_a_long_table_is_parquet_alone_and_is_read_as_any_other(tmp_path, short_limit):
    path = tmp_path / "trials.csv"
    write_table(path, TABLE)
    assert files(tmp_path) == ["trials.csv", "trials.parquet"]
    long = pd.concat([TABLE, TABLE], ignore_index=True)
    write_table(path, long)
    assert files(tmp_path) == ["trials.parquet"]
    pd.testing.assert_frame_equal(read_table(path), long)
    write_table(path, TABLE)
    assert files(tmp_path) == ["trials.csv", "trials.parquet"]
    pd.testing.assert_frame_equal(read_table(path), TABLE)


def test_a_long_table_without_pyarrow_is_csv_all_the_same(
    tmp_path, monkeypatch, short_limit
):
    path = tmp_path / "trials.csv"
    long = pd.concat([TABLE, TABLE], ignore_index=True)
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "pyarrow", None)
        write_table(path, long)
    assert files(tmp_path) == ["trials.csv"]
    assert read_table(path)["reward"].tolist() == long["reward"].tolist()


def test_a_parquet_file_alone_without_pyarrow_gets_one_sentence(
    tmp_path, monkeypatch, short_limit
):
    path = tmp_path / "trials.csv"
    write_table(path, pd.concat([TABLE, TABLE], ignore_index=True))
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "pyarrow", None)
        words = "trials.parquet is too long for CSV, and needs pyarrow;"
        with pytest.raises(MetaRLError, match=words):
            read_table(path)


def test_the_two_step_tasks_published_test_is_no_long_table():
    assert CSV_ROWS >= 300 * 100


def test_a_sealed_file_is_read_without_its_seal_and_refused_once_it_is_changed(
    tmp_path,
):
    path = tmp_path / "facts.json"
    write_json(path, {"b": 1, "a": [0.1, None, "é"]}, seal=True)
    assert read_json(path) == {"b": 1, "a": [0.1, None, "é"]}
    assert list(json.loads(path.read_text())) == ["b", "a", "sha256"]
    path.write_text(path.read_text().replace("0.1", "0.3"))
    words = r"facts.json was changed or damaged .* or, if the change is meant, delete"
    with pytest.raises(MetaRLError, match=words):
        read_json(path)
    plain = json.loads(path.read_text())
    del plain["sha256"]
    path.write_text(json.dumps(plain))
    assert read_json(path)["a"][0] == 0.3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "it has the entry 'c' twice"),
        ('{"a": NaN}', "it has the number NaN"),
        ("[-Infinity]", "it has the number -Infinity"),
        ("[" * 100_000, "is not readable JSON"),
        ("[1]", "must hold a dict, got list"),
        ("7", "must hold a dict, got int"),
        ('{"a": ' + "9" * 5000 + "}", "is not readable JSON"),
    ],
)
def test_json_of_another_form_gets_one_sentence(text, words, tmp_path):
    (tmp_path / "facts.json").write_text(text)
    with pytest.raises(MetaRLError, match=words) as caught:
        read_json(tmp_path / "facts.json", dict)
    assert "\n" not in str(caught.value)
    with pytest.raises(MetaRLError, match="is not readable JSON"):
        read_json(tmp_path)


def test_a_table_in_parts_is_the_same_as_at_once(tmp_path, monkeypatch):
    table = pd.concat([TABLE] * 4, ignore_index=True)
    write_table(tmp_path / "whole.csv", table)
    parts = [table.iloc[:0], table.iloc[:5], table.iloc[5:7], table.iloc[7:]]
    with table_writer(tmp_path / "parts.csv") as add:
        for part in parts:
            add(part)
    whole, written = ((tmp_path / f"{n}.csv").read_bytes() for n in ("whole", "parts"))
    assert written == whole
    pd.testing.assert_frame_equal(read_table(tmp_path / "parts.csv"), table)
    monkeypatch.setattr("metarl.core.files.CSV_ROWS", 6)
    with table_writer(tmp_path / "long.csv") as add:
        for part in parts:
            add(part)
    assert "long.csv" not in files(tmp_path)
    pd.testing.assert_frame_equal(read_table(tmp_path / "long.csv"), table)


def test_a_table_whose_writing_fails_leaves_nothing(tmp_path):
    def fail():
        with table_writer(tmp_path / "trials.csv") as add:
            add(TABLE)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert files(tmp_path) == []


FORMULAS = ["=cmd|' /C calc'!A0", "+1+1", "-2-x", "@SUM(A1)", "\tx", "'=a", "''-b", "="]
PLAIN = ["a=b", "", "'", "'x", "-", "M-1", "-1", "+2.5", "1e5", "-1e-3", "NaN", "B2"]


def test_no_cell_begins_a_formula_and_all_names_come_back(tmp_path):
    names = [*FORMULAS, *PLAIN[:4], *PLAIN[5:6], "B2"]
    for kind in (str, "category", object):
        table = pd.DataFrame({"subject": pd.Series(names, dtype=kind), "n": 1.5})
        write_table(tmp_path / "t.csv", table)
        (tmp_path / "t.parquet").unlink(missing_ok=True)
        with (tmp_path / "t.csv").open(newline="") as file:
            cells = [row[0] for row in csv.reader(file)][1:]
        assert not any(cell[:1] in tuple("=+-@\t\r") and cell[:1] for cell in cells)
        again = read_table(tmp_path / "t.csv")["subject"].fillna("")
        assert again.tolist() == names
    one = csv_text(pd.DataFrame({"subject": ["=a", "b"]}))
    assert one == "subject\n'=a\nb\n"


def test_numbers_written_as_text_are_left_as_they_are():
    for text in PLAIN:
        if text != "-":
            assert escaped(text) == text
    assert escaped("-") == "'-"
    assert unescaped("'x") == "'x"
    assert escaped(3) == 3


def test_a_folder_is_replaced_only_after_success(tmp_path):
    path = tmp_path / "folder"
    with whole_folder(path) as temporary:
        (temporary / "a").write_text("1")
        assert not path.exists()
    assert files(tmp_path) == ["folder"]

    def fail():
        with whole_folder(path) as temporary:
            (temporary / "b").write_text("2")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert (files(tmp_path), files(path)) == (["folder"], ["a"])
    with whole_folder(path) as temporary:
        (temporary / "b").write_text("2")
    assert (files(tmp_path), files(path)) == (["folder"], ["b"])


def test_the_remains_of_killed_processes_are_removed_and_no_others(tmp_path):
    ended = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"],
        capture_output=True,
        check=True,
    )
    dead, host = int(ended.stdout), _host()
    remains = [f".a.txt.{host}-{dead}.partial", f".a.txt.{host}-{dead}.partial.former"]
    others = [
        f".a.txt.{host}-{os.getppid()}.partial",
        f".a.txt.elsewhere-{dead}.partial",
        f".b.txt.{host}-{dead}.partial",
        f".a.txt.{host}-x.partial",
    ]
    for name in [remains[0], *others]:
        (tmp_path / name).write_text("")
    (tmp_path / remains[1]).mkdir()
    write_text(tmp_path / "a.txt", "text")
    assert files(tmp_path) == sorted(["a.txt", *others])


def test_two_processes_write_one_file_without_a_failure(tmp_path):
    script = "import sys; from pathlib import Path; "
    script += "from metarl.core.files import write_text\n"
    script += "for k in range(300): write_text(Path(sys.argv[1]), sys.argv[2] * 50_000)"
    processes = [
        subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "f"), letter])
        for letter in "abc"
    ]
    assert [process.wait() for process in processes] == [0, 0, 0]
    text = (tmp_path / "f").read_text()
    assert text in {letter * 50_000 for letter in "abc"}
    assert files(tmp_path) == ["f"]


@pytest.mark.parametrize("path", ["a" * 300, "a/" + "b" * 5000])
def test_an_impossible_path_gets_one_sentence(path, tmp_path):
    words = r"cannot be opened .*; choose another folder"
    with pytest.raises(MetaRLError, match=words):
        exists(tmp_path / path)


def test_a_recording_names_what_it_does_not_have(tmp_path):
    path = tmp_path / "recording.npz"
    write_recording(path, {})
    with pytest.raises(
        MetaRLError, match=r"no units: this test recorded no steps; eval"
    ):
        read_recording(path)["units"]
    write_recording(path, {"rpe": np.zeros(3)})
    recording = read_recording(path)
    with pytest.raises(
        MetaRLError, match=r"^the recording has no unit; choose from: rpe$"
    ):
        recording["unit"]
    assert recording.get("unit") is None
    assert "unit" not in recording
