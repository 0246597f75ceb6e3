"""Engines: one that cannot be reached is refused; jobs of Slurm are followed."""

import pickle
import socket
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from toys import wait_for

from metarl.core import engines
from metarl.core.checks import MetaRLError
from metarl.core.engines import Resumable, SlurmExecutor, open_engine, parse_options


def open_it(text, folder):
    with open_engine(text, folder):
        pytest.fail("it was opened")


def test_this_machine_needs_no_executor(tmp_path):
    with open_engine(None, tmp_path) as executor:
        assert executor is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ray", "engine must be one of slurm, .*, dask:ADDRESS; got 'ray'"),
        ("", "engine must be one of"),
        ("Slurm", "engine must be one of"),
        ("dask", "engine must name the scheduler's address, as in dask:tcp://HOST"),
        ("dask:", "engine must name the scheduler's address"),
        ("slurm:short", "in the form OPTION=VALUE, .*; got 'short'"),
        ("slurm:=1", "in the form OPTION=VALUE"),
        ("slurm:mem=", "in the form OPTION=VALUE"),
        ("slurm:time=2h", "time of the engine slurm must be whole minutes, got '2h'"),
        ("slurm:time=0", "must be whole minutes, got '0'"),
    ],
)
def test_an_unknown_engine_is_refused(text, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        open_it(text, tmp_path)
    assert not list(tmp_path.iterdir())


def test_options_of_slurm_are_read():
    assert parse_options("partition=short,time=60") == {
        "partition": "short",
        "time": "60",
    }
    assert parse_options("") == {}


@pytest.mark.parametrize("text", ["slurm", "dask:tcp://127.0.0.1:1"])
def test_a_missing_package_is_named_with_the_line_that_installs_it(
    text, tmp_path, monkeypatch
):
    monkeypatch.setattr(engines.importlib.util, "find_spec", lambda name: None)
    engine = text.partition(":")[0]
    words = (
        rf'is not installed; install it with `pip install "metarl-neuro\[{engine}\]"'
    )
    with pytest.raises(MetaRLError, match=words):
        open_it(text, tmp_path)


def test_a_machine_without_slurm_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(engines, "_require", lambda *names: None)
    monkeypatch.setattr(engines.shutil, "which", lambda name: None)
    with pytest.raises(
        MetaRLError, match=r"commands of Slurm, such as sbatch, .* login"
    ):
        open_it("slurm", tmp_path)


def test_a_slurm_that_does_not_answer_is_refused(tmp_path, monkeypatch):
    def hang(command, **more):
        raise subprocess.TimeoutExpired(command, more["timeout"])

    monkeypatch.setattr(engines, "_require", lambda *names: None)
    monkeypatch.setattr(engines.shutil, "which", lambda name: name)
    monkeypatch.setattr(engines.subprocess, "run", hang)
    with pytest.raises(MetaRLError, match="does not answer `squeue` within 10 s"):
        open_it("slurm", tmp_path)


@pytest.mark.parametrize("listens", [False, True])
def test_a_scheduler_that_does_not_answer_is_refused_in_time(
    listens, tmp_path, monkeypatch
):
    pytest.importorskip("distributed", reason="needs the extra `dask`")
    monkeypatch.setattr(engines, "REACH_SECONDS", 0.5)
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if listens:
            server.listen()
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        began = time.monotonic()
        words = f"no dask scheduler answers at {address} within .*; start one with"
        with pytest.raises(MetaRLError, match=words):
            open_it(f"dask:{address}", tmp_path)
        assert time.monotonic() - began < 30


class Inner:
    """Slurm's side: jobs with results in files."""

    def __init__(self, folder):
        self.folder, self.jobs = folder, []

    def submit(self, fn):
        number = len(self.jobs)
        job = SimpleNamespace(
            job_id=str(number),
            paths=SimpleNamespace(
                stderr=self.folder / f"{number}.err",
                result_pickle=self.folder / f"{number}.pkl",
            ),
            cancelled=False,
        )
        job.result = lambda: pickle.loads(job.paths.result_pickle.read_bytes())
        job.cancel = lambda check: setattr(job, "cancelled", True)
        self.jobs.append(job)
        return job


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """An executor with a false Slurm, and the numbers in its queue."""
    inner, queue = Inner(tmp_path), set()
    answers = [None]
    monkeypatch.setattr(engines, "QUEUE_SECONDS", 0.01)
    monkeypatch.setattr(engines, "_queue", lambda: answers[0])
    monkeypatch.setattr(SlurmExecutor, "_inner", lambda self: inner)
    executor = SlurmExecutor(tmp_path)
    yield SimpleNamespace(
        executor=executor, jobs=inner.jobs, queue=queue, answers=answers
    )
    executor.shutdown()
    executor.thread.join()


def test_a_result_ends_a_job_of_slurm(slurm):
    future = slurm.executor.submit(print)
    time.sleep(0.1)
    assert not future.done()
    slurm.jobs[0].paths.result_pickle.write_bytes(pickle.dumps(("done", "")))
    assert future.result(60) == ("done", "")


def test_a_job_that_leaves_slurms_queue_without_a_result_is_lost(slurm):
    lost, there = slurm.executor.submit(print), slurm.executor.submit(print)
    # A queue that does not answer says nothing.
    time.sleep(0.2)
    assert not lost.done()
    slurm.answers[0] = {"1"}
    with pytest.raises(MetaRLError, match=r"job 0 left .* its log: .*0\.err"):
        lost.result(60)
    assert not there.done()


def test_a_job_of_slurm_is_cancelled_there(slurm):
    future = slurm.executor.submit(print)
    assert future.cancel()
    assert slurm.jobs[0].cancelled
    wait_for(lambda: not slurm.executor.followed or future.cancelled())


def test_the_queue_is_asked_with_a_time_limit(monkeypatch):
    asked = []

    def answer(command, **more):
        asked.append((command, more["timeout"]))
        return SimpleNamespace(stdout="7\n8\n")

    monkeypatch.setattr(engines.subprocess, "run", answer)
    assert engines._queue() == {"7", "8"}
    assert asked[0][0][0] == "squeue"
    assert asked[0][1] == engines.REACH_SECONDS


def test_a_requeued_job_goes_on_and_waits_until_then():
    pytest.importorskip("submitit", reason="needs the extra `slurm`")
    aside = []

    class Call:
        def set_aside(self):
            aside.append(True)

        def __call__(self, number):
            return number + 1

    call = Resumable(Call())
    again = call.checkpoint(1)
    assert aside == [True]
    assert again.result() == 2


def test_engines_of_the_extras_are_not_needed_for_the_rest():
    text = Path(engines.__file__).read_text()
    head = text[: text.index("\nlog =")]
    for package in ("submitit", "distributed"):
        assert f"import {package}" not in head
        assert f"from {package}" not in head
