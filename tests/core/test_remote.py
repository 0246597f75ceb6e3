"""Jobs of an executor: progress, failures, stops and lost workers, all by files."""

import os
import signal
import threading
import time
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing.reduction import ForkingPickler
from pathlib import Path

import pytest
import toys

from metarl.core import job_files, remote
from metarl.core.checks import MetaRLError
from metarl.core.job_files import JobFiles, JobState, take_over
from metarl.core.parallel import Detached, Interrupted, Job, run_jobs
from metarl.core.progress import Bars


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Look for files a hundred times as often."""
    monkeypatch.setattr(remote, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(remote, "POLL_SECONDS", 0.01)


def run(work, executor, folder, **more):
    jobs = {name: Job(each) for name, each in work.items()}
    return run_jobs(jobs, show=False, executor=executor, folder=folder, **more)


@pytest.fixture
def threads():
    with ThreadPoolExecutor(2) as executor:
        yield executor


def states(folder):
    return {each.name: each.state for each in JobFiles.within(folder).states}


def test_every_job_runs_and_failures_are_named(threads, tmp_path):
    jobs = {
        "first": partial(toys.succeed, tmp_path / "first"),
        "a damaged one": toys.refuse,
        "blunder": toys.blunder,
        "left": exit_with_seven,
        "last": partial(toys.succeed, tmp_path / "last"),
    }
    failures = run(jobs, threads, tmp_path)
    assert (tmp_path / "first").exists()
    assert (tmp_path / "last").exists()
    assert set(failures) == {"a damaged one", "blunder", "left"}
    assert failures["a damaged one"] == "the file is damaged; train again"
    assert failures["left"] == "its process ended with exit code 7"
    assert "RuntimeError: our own mistake" in failures["blunder"]
    assert states(tmp_path) == {
        "first": "done",
        "last": "done",
        **dict.fromkeys(failures, "failed"),
    }
    damaged = JobFiles.within(tmp_path).read("a damaged one")
    assert damaged.failure == failures["a damaged one"]
    assert damaged.pid == os.getpid()


def exit_with_seven(reporter):
    raise SystemExit(7)


def climb(reporter):
    for step in range(1, 6):
        reporter.report(step / 10)
        time.sleep(0.05)


def test_the_bars_follow_the_files(threads, tmp_path, monkeypatch):
    moves = []
    move = Bars.move
    monkeypatch.setattr(
        Bars, "move", lambda self, *where: (moves.append(where), move(self, *where))
    )
    assert run({"one": climb}, threads, tmp_path) == {}
    seen = [progress for _, progress in moves]
    assert seen == sorted(seen)
    assert any(0 < progress < 1 for progress in seen)


def report_often(reporter):
    for _ in range(1000):
        reporter.report(0.5)
        reporter.should_stop()


def test_progress_is_written_at_most_once_in_a_while(threads, tmp_path, monkeypatch):
    monkeypatch.setattr(remote, "LOOK_SECONDS", 60.0)
    written = []
    write = JobFiles.write
    monkeypatch.setattr(
        JobFiles,
        "write",
        lambda self, state: (written.append(state), write(self, state)),
    )
    assert run({"one": report_often}, threads, tmp_path) == {}
    assert [each.state for each in written] == ["waiting", "running", "done"]


def test_a_sign_is_given_without_progress(threads, tmp_path, monkeypatch):
    monkeypatch.setattr(remote, "SIGN_SECONDS", 0.0)
    changed = set()

    def look(reporter):
        for _ in range(5):
            time.sleep(0.02)
            reporter.should_stop()
            changed.add(JobFiles.within(tmp_path).read("one").changed)

    monkeypatch.setattr(toys, "look", look, raising=False)
    monkeypatch.setattr(look, "__module__", "toys")
    monkeypatch.setattr(look, "__qualname__", "look")
    assert run({"one": toys.look}, threads, tmp_path) == {}
    assert len(changed) == 5


@pytest.mark.parametrize("by", ["file", "signal"])
def test_a_stop_saves_what_runs_and_starts_no_more(by, tmp_path):
    started, saved, third = (tmp_path / name for name in ("started", "saved", "third"))
    jobs = {
        "worker": partial(toys.stop_when_asked, started, saved),
        "third": partial(toys.succeed, third),
    }

    def ask():
        toys.wait_for(started.exists)
        if by == "file":
            JobFiles.within(tmp_path).stop()
        else:
            os.kill(os.getpid(), signal.SIGINT)

    asking = threading.Thread(target=ask)
    asking.start()
    before = signal.getsignal(signal.SIGINT)
    with ThreadPoolExecutor(1) as executor, pytest.raises(KeyboardInterrupt):
        run(jobs, executor, tmp_path)
    asking.join()
    assert saved.read_text() == "saved"
    assert not third.exists()
    assert states(tmp_path) == {"worker": "stopped", "third": "stopped"}
    assert signal.getsignal(signal.SIGINT) is before
    # The same call goes on.
    del jobs["worker"]
    with ThreadPoolExecutor(1) as executor:
        assert run(jobs, executor, tmp_path) == {}
    assert third.exists()


def stop_all(folder, reporter):
    JobFiles.within(folder).stop()
    raise Interrupted


def test_a_stop_is_noticed_after_the_last_job_too(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run({"one": partial(stop_all, tmp_path)}, Losing(0), tmp_path)


def be_requeued(reporter):
    """As a job of Slurm near its time limit, in the handler of its signal."""
    REQUEUED[0].set_aside()
    raise SystemExit(-1)


REQUEUED = []


def test_a_job_that_is_requeued_has_not_failed(tmp_path):
    files = JobFiles.within(tmp_path)
    call = files.begin(["one"], detached=False)
    work = bytes(ForkingPickler.dumps(be_requeued))
    job = remote.RemoteJob(work, "one", files, call, Path.cwd(), ())
    REQUEUED[:] = [job]
    with pytest.raises(SystemExit):
        job()
    assert files.read("one").state == "waiting"
    again = replace(job, work=bytes(ForkingPickler.dumps(climb)))
    assert again() == ("done", "")
    assert files.read("one").losses == 0


def test_a_second_interrupt_leaves_the_jobs_alone(threads, tmp_path):
    started, end = tmp_path / "started", tmp_path / "end"

    def ask():
        toys.wait_for(started.exists)
        os.kill(os.getpid(), signal.SIGINT)
        toys.wait_for((JobFiles.within(tmp_path).path / "STOP").exists)
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGINT)

    asking = threading.Thread(target=ask)
    asking.start()
    with pytest.raises(KeyboardInterrupt):
        run({"deaf": partial(deaf, started, end)}, threads, tmp_path)
    asking.join()
    assert states(tmp_path) == {"deaf": "running"}
    end.touch()


def deaf(started, end, reporter):
    started.touch()
    toys.wait_for(end.exists)


class Losing(Executor):
    """Loses its worker in the first calls, before the work or after."""

    def __init__(self, count, *, worked=False):
        self.left, self.worked, self.calls = count, worked, 0

    def submit(self, fn, /, *args, **kwargs):
        self.calls += 1
        future = Future()
        if self.left == 0:
            future.set_result(fn(*args, **kwargs))
            return future
        self.left -= 1
        if self.worked:
            fn.files.write(JobState(fn.name, "running", 0.5, time.time()))
        future.set_exception(BrokenExecutor("a worker died"))
        return future


@pytest.mark.parametrize("worked", [False, True])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_lost_job_is_submitted_again_twice_at_most(count, worked, tmp_path):
    executor = Losing(count, worked=worked)
    work = {"one": partial(toys.succeed, tmp_path / "one")}
    failures = run(work, executor, tmp_path)
    assert executor.calls == min(count + 1, 3)
    assert (tmp_path / "one").exists() is (count < 3)
    if count < 3:
        assert failures == {}
        state = JobFiles.within(tmp_path).read("one")
        assert (state.state, state.losses) == ("done", int(worked))
    else:
        words = "its worker was lost 3 times (BrokenExecutor: a worker died)"
        assert failures == {"one": words}
        assert states(tmp_path) == {"one": "failed"}


def test_an_engine_that_repeats_lost_jobs_by_itself_does_so_twice_at_most(tmp_path):
    class Repeating(Executor):
        def submit(self, fn, /, *args, **kwargs):
            state = JobState(fn.name, "running", 0.5, time.time(), losses=2)
            fn.files.write(state)
            future = Future()
            future.set_result(fn())
            return future

    work = {"one": partial(toys.succeed, tmp_path / "one")}
    assert run(work, Repeating(), tmp_path) == {"one": "its worker was lost 3 times"}
    assert not (tmp_path / "one").exists()


def test_exceptions_are_not_retried(tmp_path):
    executor = Losing(0)
    assert set(run({"one": toys.blunder}, executor, tmp_path)) == {"one"}
    assert executor.calls == 1


def be_superseded(folder, saved, reporter):
    JobFiles.within(folder).begin(["one"], detached=False)
    time.sleep(0.05)
    try:
        reporter.should_stop()
    except Interrupted:  # as a training that saves
        saved.touch()
        raise


def test_a_job_of_an_earlier_call_ends_without_writing(threads, tmp_path):
    saved = tmp_path / "saved"
    failures = run({"one": partial(be_superseded, tmp_path, saved)}, threads, tmp_path)
    assert failures == {"one": "it was asked to stop on its worker"}
    assert not saved.exists()
    assert states(tmp_path)["one"] == "failed"
    JobFiles.within(tmp_path).begin(["one"], detached=False)
    assert states(tmp_path) == {"one": "waiting"}


def be_replaced(folder, saved, reporter):
    files = JobFiles.within(folder)
    files.write(JobState("one", "running", 0.1, time.time(), "elsewhere", 7))
    reporter.report(0.9)
    time.sleep(0.05)
    try:
        reporter.should_stop()
    except Interrupted:
        saved.touch()
        raise


def test_a_worker_that_was_taken_for_lost_ends_without_writing(threads, tmp_path):
    saved, files = tmp_path / "saved", JobFiles.within(tmp_path)
    run({"one": partial(be_replaced, tmp_path, saved)}, threads, tmp_path)
    assert not saved.exists()
    assert (files.read("one").host, files.read("one").progress) == ("elsewhere", 0.1)


def test_an_executor_that_takes_nothing_gets_one_sentence(tmp_path):
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    with pytest.raises(MetaRLError, match=r"the engine takes no jobs \(RuntimeError: "):
        run({"one": toys.refuse}, executor, tmp_path)
    assert not list(tmp_path.iterdir())


def test_no_more_jobs_are_submitted_at_once_than_workers(tmp_path):
    class Counting(ThreadPoolExecutor):
        most, now = 0, 0

        def submit(self, fn, /, *args, **kwargs):
            self.now += 1
            self.most = max(self.most, self.now)
            future = super().submit(fn, *args, **kwargs)
            future.add_done_callback(lambda _: setattr(self, "now", self.now - 1))
            return future

    work = {str(k): partial(toys.succeed, tmp_path / str(k)) for k in range(6)}
    with Counting(6) as executor:
        assert run(work, executor, tmp_path, workers=2) == {}
        assert executor.most <= 2


def test_detached_jobs_are_submitted_and_keep_their_folder(tmp_path):
    executor, end = ThreadPoolExecutor(1), tmp_path / "end"
    jobs = {
        "first": partial(deaf, tmp_path / "started", end),
        "second": partial(toys.succeed, tmp_path / "second"),
    }
    words = f"submitted 2 jobs; look at them with `metarl status {tmp_path}`"
    with pytest.raises(Detached, match=words):
        run(jobs, executor, tmp_path, detach=True)
    toys.wait_for((tmp_path / "started").exists)
    words = f"{tmp_path} has 2 jobs on other machines .* such as first; .* --stop"
    with pytest.raises(MetaRLError, match=words):
        take_over([tmp_path])
    JobFiles.within(tmp_path).stop()
    with pytest.raises(MetaRLError, match="has 1 jobs on other machines"):
        take_over([tmp_path])
    end.touch()
    executor.shutdown()
    assert states(tmp_path) == {"first": "done", "second": "stopped"}
    take_over([tmp_path])
    assert not JobFiles.within(tmp_path).path.exists()


def test_jobs_of_this_machine_cannot_be_detached():
    with pytest.raises(ValueError, match=r"detach must be off, got True: .* an engine"):
        run_jobs({"one": Job(toys.refuse)}, detach=True)


def test_a_silent_job_holds_no_folder(tmp_path, monkeypatch):
    files = JobFiles.within(tmp_path)
    files.begin(["one"], detached=False)
    files.write(JobState("one", "running", 0.5, time.time()))
    with pytest.raises(MetaRLError):
        files.check_free()
    files.write(JobState("one", "running", 0.5, time.time() - 121))
    files.check_free()


def test_waiting_jobs_of_a_process_that_is_gone_hold_no_folder(tmp_path):
    JobFiles.within(tmp_path).begin(["one"], detached=False)
    take_over([tmp_path])


def test_work_of_a_script_is_refused_for_other_machines(tmp_path, monkeypatch):
    monkeypatch.setattr(remote, "needs_main", lambda work: True)
    with pytest.raises(MetaRLError, match=r"'one' needs what the script .* a module"):
        run({"one": toys.refuse}, Losing(0), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_worker_gets_the_folders_of_the_users_modules_alone(monkeypatch, tmp_path):
    installed = str(Path(pytest.__file__).parents[1])
    monkeypatch.setattr(remote.sys, "prefix", str(Path(installed).parents[2]))
    for where in ([str(tmp_path), installed], [installed, str(tmp_path), "none"]):
        monkeypatch.setattr(remote.sys, "path", where)
        assert remote.own_modules() == (str(tmp_path),)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(remote.sys, "path", ["", installed])
    assert remote.own_modules() == (str(tmp_path),)


def test_a_folder_that_is_not_shared_is_named(tmp_path, monkeypatch, threads):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.setattr(Path, "cwd", lambda: gone)
    files = JobFiles.within(tmp_path)
    call = files.begin(["one"], detached=False)
    job = remote.RemoteJob(b"", "one", files, call, tmp_path / "elsewhere", ())
    failure = job().failure
    assert f"{tmp_path / 'elsewhere'} cannot be opened" in failure
    assert "share" in failure


def test_names_of_jobs_give_different_folders():
    names = ["subject 0", "subject-0", "a:b", "a/b", "ä", "x" * 300, "x" * 301]
    folders = [job_files._folder_name(name) for name in names]
    assert folders[0] == "subject-0"
    assert len({name.casefold() for name in folders}) == len(names)
    for name in folders:
        assert name.replace("-", "").isascii()
        assert name.replace("-", "").isalnum()


@pytest.mark.parametrize(
    "text", ["", "[]", '{"name": "one"}', '{"name": 1, "state": "running"}']
)
def test_a_damaged_file_says_nothing(text, tmp_path):
    files = JobFiles.within(tmp_path)
    files.begin(["one"], detached=False)
    (files.path / "one" / "progress.json").write_text(text)
    assert files.states == []
    assert files.read("one") == JobState("one")
