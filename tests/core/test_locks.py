"""Locks: one process a folder, and a dead one holds nothing."""

import errno
import json
import os
import signal
import socket
import subprocess
import sys

import pytest
from toys import wait_for

from metarl.core.checks import MetaRLError
from metarl.core.locks import LOCK, locked

HOLD = """
import sys, time
from pathlib import Path
from metarl.core.locks import locked
with locked([Path(sys.argv[1])]):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path):
    """A process that holds the lock of tmp_path / "run"."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "run")],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_process_is_refused_with_the_holder(holder, tmp_path):
    words = (
        rf"is in use by process {holder.pid} on {socket.gethostname()}, since 2\d{{3}}"
    )
    with pytest.raises(MetaRLError, match=words), locked([tmp_path / "run"]):
        pytest.fail("both hold it")
    assert (tmp_path / "run" / LOCK).exists()
    with locked([tmp_path / "other"]):
        pass


def test_the_lock_of_a_killed_process_is_taken_over(holder, tmp_path):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    path = tmp_path / "run" / LOCK
    assert json.loads(path.read_text())["pid"] == holder.pid
    with locked([tmp_path / "run"]):
        assert json.loads(path.read_text())["pid"] == os.getpid()
    assert not path.exists()


def test_the_lock_of_another_machine_is_kept(tmp_path):
    path = tmp_path / LOCK
    text = json.dumps({"pid": 7, "host": "elsewhere", "since": "2026-01-01 10:00"})
    path.write_text(text)
    words = f"process 7 on elsewhere, since 2026-01-01 10:00; .* delete {path}"
    with pytest.raises(MetaRLError, match=words), locked([tmp_path]):
        pytest.fail("both hold it")
    assert path.read_text() == text


@pytest.mark.parametrize("text", ["", "[", "[1]", "{}", '{"pid": null}', "\0" * 40])
def test_a_file_without_a_holder_holds_nothing(text, tmp_path):
    (tmp_path / LOCK).write_text(text)
    with locked([tmp_path]):
        assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid()
    assert not list(tmp_path.iterdir())


def test_one_call_locks_a_folder_once_and_all_are_released_after_an_error(tmp_path):
    folders = [tmp_path / "a", tmp_path / "b", tmp_path / "x" / ".." / "a"]

    def fail():
        with locked(folders):
            words = f"process {os.getpid()} on"
            with pytest.raises(MetaRLError, match=words), locked([tmp_path / "b"]):
                pytest.fail("both hold it")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with locked(folders):
        pass
    assert not list(tmp_path.rglob(LOCK))


def test_of_many_processes_at_once_each_gets_the_lock_alone(tmp_path):
    """Every process adds one to a number, again and again, with the lock."""
    (tmp_path / "number").write_text("0")
    script = """
import sys, time
from pathlib import Path
from metarl.core.checks import MetaRLError
from metarl.core.locks import locked
folder, done = Path(sys.argv[1]), 0
while done < 50:
    try:
        with locked([folder]):
            number = int((folder / "number").read_text())
            time.sleep(0.0005)
            (folder / "number").write_text(str(number + 1))
            done += 1
    except MetaRLError:
        time.sleep(0.001)
"""
    words = [sys.executable, "-c", script, str(tmp_path)]
    processes = [subprocess.Popen(words) for _ in range(4)]
    wait_for(lambda: all(process.poll() is not None for process in processes))
    assert {process.returncode for process in processes} == {0}
    assert (tmp_path / "number").read_text() == "200"


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_on_a_drive_without_locks_the_running_process_in_the_file_holds_it(
    number, holder, tmp_path, monkeypatch
):
    def refuse(*arguments):
        raise OSError(number, "no locks")

    monkeypatch.setattr("fcntl.flock", refuse)
    words = f"in use by process {holder.pid}"
    with pytest.raises(MetaRLError, match=words), locked([tmp_path / "run"]):
        pytest.fail("both hold it")
    holder.kill()
    holder.wait()
    with locked([tmp_path / "run"]):
        assert (tmp_path / "run" / LOCK).exists()


def test_a_place_that_cannot_be_written_gets_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    words = "could not be written"
    with pytest.raises(MetaRLError, match=words), locked([tmp_path / "file" / "run"]):
        pytest.fail("there is no folder")
