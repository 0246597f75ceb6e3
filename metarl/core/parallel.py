"""Run jobs in parallel processes, with progress, interrupts and resuming.

A job that fails or is killed does not affect the others. An interrupt is passed on to
each job, which saves its state and ends. Finished jobs are skipped, so the same call
resumes after an interrupt. With an executor, the processes are its workers, which may
be on other machines: see `metarl.core.remote`.
"""

import contextlib
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from metarl.core.checks import MetaRLError
from metarl.core.fields import Range, check_whole
from metarl.core.progress import Bars, Display, Overall

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext, SpawnContext

log = logging.getLogger(__name__)
failure_log = logging.getLogger(f"{__name__}.failures")
"""Log of failed jobs, for scripts; the command line prints them itself."""


class Interrupted(Exception):
    """Raised by a job that was asked to stop, after it saved its state."""


class Detached(Exception):
    """Raised after jobs were submitted that go on without this process."""


@dataclass
class Reporter:
    """Progress of a job, and the request to stop it."""

    report: Callable[[float], None] = lambda progress: None
    """Called with the progress, in [0, 1], from time to time."""
    should_stop: Callable[[], bool] = lambda: False
    """Called often; True if the job has to stop."""

    def part(self, number: int, count: int) -> "Reporter":
        """Return the reporter of one of `count` equal parts of the job, from 0."""
        return self.between(number / count, (number + 1) / count)

    def between(self, low: float, high: float) -> "Reporter":
        """Return the reporter of the job's part from `low` to `high`, in [0, 1]."""
        return Reporter(
            lambda progress: self.report(low + (high - low) * progress),
            self.should_stop,
        )


Work = Callable[[Reporter], None]
"""Must be picklable: a function of a module, or functools.partial of one."""


@dataclass(frozen=True)
class Job:
    """Work for one process."""

    work: Work
    """Function that does the work."""
    finished: bool = False
    """Whether the work is already done."""
    size: float = 1.0
    """Expected duration, above 0, in a unit that all jobs of a call share."""


@dataclass(frozen=True)
class Outcome:
    """Results of a call, and its failures."""

    path: Path
    """Folder of the results."""
    failures: dict[str, str]
    """Name of each failed job -> reason."""
    kept: bool = False
    """Whether earlier results were kept because a job failed."""


WORKERS = Range(1, 1000, why="each is a process of some 300 MB")
"""Range of the number of parallel processes."""


def check_workers(workers: int | None) -> None:
    """Raise ValueError unless this can be the number of processes; None can."""
    if workers is not None:
        check_whole("workers", workers, WORKERS)


def memory_left() -> int:
    """Bytes of memory that new processes can use; half of all where this is unknown."""
    info = Path("/proc/meminfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (AttributeError, ValueError):
        return 4 * 2**30


def core_count() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_jobs(
    jobs: Mapping[str, Job],
    *,
    workers: int | None = None,
    show: bool = True,
    overall: bool = False,
    preload: Sequence[str] = (),
    executor: Executor | None = None,
    detach: bool = False,
    folder: Path | None = None,
) -> dict[str, str]:
    """Run all jobs that are not finished, in parallel.

    Args:
        jobs: jobs by displayed name.
        workers: number of parallel processes; default: all cores; 1: this process only.
            With an executor: jobs submitted at the same time; default: all.
        show: draw progress bars, if there is a terminal.
        overall: one bar for all jobs, instead of a bar for each.
        preload: modules that all processes need; they are imported only once.
        executor: workers for the jobs; default: processes of this machine.
        detach: end after submitting the jobs to the executor.
        folder: folder that this process and the executor's workers share, for the
            progress of the jobs; needed with an executor.

    Returns:
        Name of each failed job -> reason.

    Raises:
        KeyboardInterrupt: interrupted; every running job has saved its state.
        Detached: the jobs are submitted, and `detach` is on.
        MetaRLError: the executor takes no jobs.
    """
    end_if_importing()
    check_workers(workers)
    check_detach(executor, detach=detach)
    left = {name: job for name, job in jobs.items() if not job.finished}
    if not left:
        return {}
    if executor is None:
        display = partial(_display, left, workers or core_count(), overall=overall)
        failures = _run_here(left, workers, partial(display, show=show), preload)
    else:
        from metarl.core.remote import run_remote

        assert folder is not None, "jobs of an executor need a folder"
        count = min(workers or len(left), len(left))
        with _display(left, count, show=show, overall=overall) as shown:
            failures = run_remote(
                left, executor, folder, shown, count=count, detach=detach
            )
    for name, reason in failures.items():
        failure_log.error("%s failed: %s", name, reason)
    return failures


def check_detach(executor: Executor | None, *, detach: bool) -> None:
    """Raise ValueError if the jobs of this machine would have to go on alone."""
    if detach and executor is None:
        raise ValueError(
            "detach must be off, got True: the jobs of this machine end with this "
            "command; choose an engine too, slurm or dask:ADDRESS"
        )


def _run_here(
    left: Mapping[str, Job],
    workers: int | None,
    display: Callable[[], Display],
    preload: Sequence[str],
) -> dict[str, str]:
    """Run jobs on this machine: in a pool of processes, or in this process."""
    work = {name: job.work for name, job in left.items()}
    count = min(workers or core_count(), len(left))
    if count > 1 and not _main_is_file() and any(map(needs_main, work.values())):
        log.warning(NO_FILE)
        count = 1
    failures: dict[str, str] = {}
    if count > 1:
        with display() as shown:
            failures = _Pool(work, count, shown, preload).run()
        work = {name: work[name] for name in failures if failures[name] == UNGUARDED}
        if work:
            log.warning(UNGUARDED)
    if work and (count == 1 or failures):
        with display() as shown:
            again = _run_in_process(work, shown)
        failures = {k: v for k, v in failures.items() if k not in work} | again
    return failures


def _display(
    jobs: Mapping[str, Job], workers: int, *, show: bool, overall: bool
) -> Display:
    if not overall:
        return Bars(jobs, show=show)
    sizes = {name: job.size for name, job in jobs.items()}
    return Overall(sizes, workers, show=show)


@contextlib.contextmanager
def stop_on_interrupt() -> Iterator[Callable[[], bool]]:
    """Context in which an interrupt only sets a flag; the function reads the flag."""
    asked = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        asked.set()

    with _signals(ask, signal.SIGINT, signal.SIGTERM, *_hang_up()):
        yield asked.is_set


def _hang_up() -> list[signal.Signals]:
    """The signal of a closed terminal, unless it is ignored, as after `nohup`."""
    if not hasattr(signal, "SIGHUP"):
        return []
    ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    return [] if ignored else [signal.SIGHUP]


@contextlib.contextmanager
def _signals(handler: Any, *numbers: signal.Signals) -> Iterator[None]:
    """Context with a handler of signals; only the main thread can have one."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, before in previous.items():
            signal.signal(number, before)


def _run_in_process(jobs: Mapping[str, Work], shown: Display) -> dict[str, str]:
    failures = {}
    for name, job in jobs.items():
        shown.begin(name)
        with stop_on_interrupt() as should_stop:
            try:
                job(Reporter(lambda p, name=name: shown.move(name, p), should_stop))  # type: ignore[misc]
            except Interrupted:
                raise KeyboardInterrupt from None
            except Exception as error:  # one job's failure must not end the others
                log.debug("%s failed", name, exc_info=True)
                failures[name] = describe(error)
            if should_stop():
                raise KeyboardInterrupt
        shown.end(name, failures.get(name, ""))
    return failures


def describe(error: Exception) -> str:
    """Describe an error: one line, or the traceback if it may be a bug."""
    if isinstance(error, MetaRLError | ValueError | OSError):
        return str(error)
    return "".join(traceback.format_exception(error)).rstrip()


@dataclass
class _Running:
    name: str
    process: BaseProcess
    line: Connection
    """Closed to ask the job to stop; it also closes when this process ends."""
    failure: str = ""


class _Pool:
    """Pool of `count` processes that works until all jobs are done."""

    def __init__(
        self,
        jobs: Mapping[str, Work],
        count: int,
        shown: Display,
        preload: Sequence[str],
    ) -> None:
        self.waiting, self.count, self.shown = dict(jobs), count, shown
        self.running: dict[Connection, _Running] = {}
        self.failures: dict[str, str] = {}
        self.interrupted: list[str] = []
        self.stopping = False
        self.context = _context(preload)

    def run(self) -> dict[str, str]:
        with stop_on_interrupt() as should_stop:
            while self.running or (self.waiting and not self.stopping):
                if should_stop() and not self.stopping:
                    self._stop()
                while self.waiting and len(self.running) < self.count:
                    if self.stopping:
                        break
                    self._start()
                for channel in wait(list(self.running), timeout=0.2):
                    self._receive(channel)  # type: ignore[arg-type]
            # Jobs may hear an interrupt of the terminal before this process does.
            if self.stopping or (self.interrupted and should_stop()):
                raise KeyboardInterrupt
        alone = dict.fromkeys(self.interrupted, "its process was asked to stop")
        return self.failures | alone

    def _start(self) -> None:
        name = next(iter(self.waiting))
        job = self.waiting.pop(name)
        ours, theirs = self.context.Pipe(duplex=False)
        their_line, line = self.context.Pipe(duplex=False)
        process = self.context.Process(
            target=_work, args=(job, theirs, their_line), daemon=True
        )
        with contextlib.nullcontext() if needs_main(job) else _without_main():
            process.start()
        theirs.close()
        their_line.close()
        self.shown.begin(name)
        self.running[ours] = _Running(name, process, line)

    def _receive(self, channel: Connection) -> None:
        """Receive a message or the end of a job: its channel closes at any exit."""
        job = self.running[channel]
        try:
            message = channel.recv()
        except EOFError:
            self._end(channel)
            return
        if isinstance(message, float):
            self.shown.move(job.name, message)
        else:
            job.failure = message

    def _end(self, channel: Connection) -> None:
        job = self.running.pop(channel)
        job.process.join()
        job.line.close()
        code = job.process.exitcode
        if code == _UNGUARDED:
            job.failure = UNGUARDED
        if code and code != _INTERRUPTED and not job.failure:
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            job.failure = f"its process ended with {how}"
        if job.failure:
            self.failures[job.name] = job.failure
        if code == _INTERRUPTED:
            self.interrupted.append(job.name)
        else:
            self.shown.end(job.name, job.failure)

    def _stop(self) -> None:
        # By no signal: on Windows it would end the process before it saves.
        self.stopping = True
        for job in self.running.values():
            job.line.close()


_INTERRUPTED, _UNGUARDED = 130, 131
UNGUARDED = (
    "this script does not put its calls to metarl under `if __name__ == '__main__':`, "
    "so that other processes would run it again; it works in this process alone"
)
"""Reason why a job has to be done in this process."""
NO_FILE = (
    "what is defined in a notebook or on standard input cannot be imported by other "
    "processes; it works in this process alone: put it into a module to use all cores"
)
"""The same, if there is no script."""


def end_if_importing() -> None:
    """End this process if it is only importing the user's script, for a job.

    The calls of a script without its guard would otherwise run in every process.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        os._exit(_UNGUARDED)


def needs_main(job: Work) -> bool:
    """Whether work refers to something that the user's script defines."""
    return b"__main__" in bytes(ForkingPickler.dumps(job))


def _main_is_file() -> bool:
    """Whether other processes can import what this process runs."""
    main = sys.modules["__main__"]
    path = getattr(main, "__file__", None)
    spec = getattr(main, "__spec__", None)
    return spec is not None or (path is not None and Path(path).is_file())


@contextlib.contextmanager
def _without_main() -> Iterator[None]:
    """Context in which processes start without importing the user's script.

    Most jobs do not need it, and a script without its guard would run again.
    """
    main = vars(sys.modules["__main__"])
    before: dict[str, Any] = {}
    for name in ("__spec__", "__file__"):
        if name in main:
            before[name] = main[name]
    main.update(dict.fromkeys(before))
    try:
        yield
    finally:
        main.update(before)


def _context(preload: Sequence[str]) -> "SpawnContext | ForkServerContext":
    """Return a fork server that has imported modules, if the system has one."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    from multiprocessing.forkserver import ensure_running

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    # Ctrl-C and the end of a terminal reach the server too; it must not end, as it
    # starts the processes and reports how they ended.
    with _signals(signal.SIG_IGN, signal.SIGINT, *_hang_up()):
        ensure_running()
    return context


class _Line:
    """Line to the parent, which closes it to ask for a stop, or when it ends."""

    def __init__(self, line: Connection) -> None:
        self.line, self.looked, self.closed = line, 0.0, False

    def is_closed(self) -> bool:
        """Whether it is closed; looks at most ten times a second."""
        now = time.monotonic()
        if not self.closed and now - self.looked > 0.1:
            self.looked = now
            try:
                self.closed = self.line.poll()
            except OSError:  # on Windows, the end of the other side
                self.closed = True
        return self.closed


def _work(job: Work, channel: Connection, line: Connection) -> None:
    """Run a job in a child process, and report to the parent."""
    lost, parent = threading.Event(), _Line(line)

    def report(progress: float) -> None:
        try:
            channel.send(float(progress))
        except OSError:  # the parent is gone: save and end
            lost.set()

    with stop_on_interrupt() as asked:

        def should_stop() -> bool:
            return asked() or lost.is_set() or parent.is_closed()

        try:
            job(Reporter(report, should_stop))
        except Interrupted:
            sys.exit(_INTERRUPTED)
        except Exception as error:  # noqa: BLE001 sent to the parent, which continues
            channel.send(describe(error))
            sys.exit(1)
