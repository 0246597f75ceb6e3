"""Jobs side by side: one that fails takes no other with it; an interrupt saves all."""

import os
import signal
import threading
from functools import partial

import pytest
import toys

from metarl.core.checks import MetaRLError
from metarl.core.parallel import (
    Interrupted,
    Job,
    Outcome,
    core_count,
    describe,
    run_jobs,
    stop_on_interrupt,
)


def run(work, workers, **more):
    jobs = {name: Job(each) for name, each in work.items()}
    return run_jobs(jobs, workers=workers, show=False, **more)


@pytest.mark.parametrize("workers", [1, 2])
def test_every_job_runs_and_failures_are_named(workers, tmp_path):
    jobs = {
        "first": partial(toys.succeed, tmp_path / "first"),
        "damaged": toys.refuse,
        "blunder": toys.blunder,
        "last": partial(toys.succeed, tmp_path / "last"),
    }
    failures = run(jobs, workers)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["first", "last"]
    assert set(failures) == {"damaged", "blunder"}
    assert failures["damaged"] == "the file is damaged; train again"
    # If it may be a bug, the traceback is given.
    assert "RuntimeError: our own mistake" in failures["blunder"]
    assert "Traceback" in failures["blunder"]
    assert "toys.py" in failures["blunder"]


def test_a_killed_job_is_named_and_the_others_finish(tmp_path):
    jobs = {
        "killed": toys.die,
        "left": toys.leave,
        "last": partial(toys.succeed, tmp_path / "last"),
    }
    assert run(jobs, 2) == {
        "killed": "its process ended with signal 9",
        "left": "its process ended with exit code 7",
    }
    assert (tmp_path / "last").exists()


def test_an_interrupt_stops_what_runs_and_starts_no_more(tmp_path):
    started, saved, third = (tmp_path / name for name in ("started", "saved", "third"))
    jobs = {
        "worker": partial(toys.stop_when_asked, started, saved),
        "interrupter": partial(toys.interrupt, os.getpid(), started, saved),
        "third": partial(toys.succeed, third),
    }
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        run(jobs, 2)
    assert saved.read_text() == "saved"
    assert not third.exists()
    assert signal.getsignal(signal.SIGINT) is before


def test_jobs_are_stopped_without_a_signal(tmp_path, monkeypatch):
    """On Windows a signal would end a process before it saves."""

    def kill(pid, number):
        raise AssertionError("a signal was sent")

    started, saved = tmp_path / "started", tmp_path / "saved"
    jobs = {
        "worker": partial(toys.stop_when_asked, started, saved),
        "interrupter": partial(toys.interrupt, os.getpid(), started, saved),
    }
    monkeypatch.setattr("metarl.core.parallel.os.kill", kill)
    with pytest.raises(KeyboardInterrupt):
        run(jobs, 2)
    assert saved.read_text() == "saved"


def test_a_job_that_alone_was_asked_to_stop_is_named(tmp_path):
    jobs = {
        "asked": toys.be_terminated,
        "last": partial(toys.succeed, tmp_path / "last"),
    }
    assert run(jobs, 2) == {"asked": "its process was asked to stop"}
    assert (tmp_path / "last").exists()


def interrupt_me(path, reporter):
    assert not reporter.should_stop()
    os.kill(os.getpid(), signal.SIGINT)
    assert reporter.should_stop()
    path.write_text("saved")
    raise Interrupted


def ignore_an_interrupt(reporter):
    os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("first", [interrupt_me, ignore_an_interrupt])
def test_an_interrupt_in_this_process_stops_too(first, tmp_path):
    if first is interrupt_me:
        first = partial(first, tmp_path / "first")
    jobs = {"first": first, "second": partial(toys.succeed, tmp_path / "second")}
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        run(jobs, 1)
    assert not (tmp_path / "second").exists()
    assert signal.getsignal(signal.SIGINT) is before


def test_the_handler_of_interrupts_is_put_back_after_a_failure():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(RuntimeError, match="failed"), stop_on_interrupt():
        raise RuntimeError("failed")
    assert signal.getsignal(signal.SIGINT) is before


def test_jobs_run_in_a_thread_too(tmp_path):
    # Only the main thread may handle signals.
    jobs = {"only": partial(toys.succeed, tmp_path / "only")}
    results = []
    thread = threading.Thread(target=lambda: results.append(run(jobs, 1)))
    thread.start()
    thread.join()
    assert results == [{}]


def test_no_workers_are_refused():
    with pytest.raises(ValueError, match="workers must be at least 1, got 0"):
        run({"only": toys.refuse}, 0)


def stop_by(number, path, reporter):
    os.kill(os.getpid(), number)
    path.write_text(str(reporter.should_stop()))
    raise Interrupted


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_request_to_end_is_heard_like_an_interrupt(number, tmp_path):
    def harmless(number, frame):
        """Replaces the previous handler, which would end the tests."""

    before = signal.signal(number, harmless)
    try:
        with pytest.raises(KeyboardInterrupt):
            run({"only": partial(stop_by, number, tmp_path / "heard")}, 1)
        assert signal.getsignal(number) is harmless
    finally:
        signal.signal(number, before)
    assert (tmp_path / "heard").read_text() == "True"


@pytest.mark.parametrize("workers", [1, 2])
def test_a_job_that_was_finished_before_is_left_out(workers, tmp_path):
    jobs = {
        "done": Job(toys.blunder, finished=True),
        "left": Job(partial(toys.succeed, tmp_path / "left")),
        "too": Job(partial(toys.succeed, tmp_path / "too")),
    }
    assert run_jobs(jobs, workers=workers, show=False) == {}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["left", "too"]


def test_one_bar_for_all_jobs_shows_those_that_are_left(tmp_path, caplog):
    jobs = {
        "done": Job(toys.blunder, finished=True),
        "left": Job(partial(toys.succeed, tmp_path / "left"), size=2.0),
        "bad": Job(toys.refuse),
    }
    with caplog.at_level("INFO"):
        failures = run_jobs(jobs, workers=1, overall=True)
    assert list(failures) == ["bad"]
    assert "2 of 2: bad failed" in caplog.text
    assert "1 of 2: left done" in caplog.text


def test_modules_that_are_preloaded_are_there_in_every_process(tmp_path):
    work = {
        name: partial(toys.succeed, tmp_path / name) for name in ("first", "second")
    }
    assert run(work, 2, preload=("toys",)) == {}
    assert len(list(tmp_path.iterdir())) == 2


def test_an_outcome_is_a_folder_and_its_failures(tmp_path):
    outcome = Outcome(tmp_path, {"subject 0": "no power"})
    assert (outcome.path, outcome.failures["subject 0"]) == (tmp_path, "no power")


def test_no_jobs_are_no_trouble():
    assert run({}, 1) == {}
    assert run({}, None) == {}


def test_expected_errors_are_described_in_a_sentence():
    for error in (MetaRLError("a"), ValueError("a"), OSError("a")):
        assert describe(error) == "a"
    assert describe(KeyError("a")).splitlines()[-1] == "KeyError: 'a'"


def test_at_least_one_core_may_be_used():
    assert 1 <= core_count() <= os.cpu_count()


def test_a_hang_up_that_is_ignored_stays_so():
    """As after `nohup`."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_on_interrupt() as should_stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not should_stop()
            os.kill(os.getpid(), signal.SIGTERM)
            assert should_stop()
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(
    ("workers", "words"),
    [
        (0, "workers must be at least 1, got 0"),
        (1.0, "workers must be a whole number, got 1.0"),
        (True, "workers must be a whole number, got True"),
        (1001, "workers must be at most 1,000, got 1001: each is a process of"),
    ],
)
def test_an_impossible_number_of_processes_is_refused(workers, words):
    with pytest.raises(ValueError, match=words):
        run_jobs({}, workers=workers)
