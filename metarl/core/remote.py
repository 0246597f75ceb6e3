"""Jobs for the workers of an executor, which may be on other machines.

Everything passes through files of a shared folder (`metarl.core.job_files`): workers
write their progress and look for the request to stop; results are where the jobs write
them. So any `concurrent.futures.Executor` will do. A job that is lost with its worker
is submitted again, and resumes from its own files.
"""

import contextlib
import logging
import os
import pickle
import site
import socket
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import (
    FIRST_COMPLETED,
    Executor,
    Future,
    ThreadPoolExecutor,
    wait,
)
from dataclasses import dataclass, replace
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import NamedTuple

from metarl.core.checks import MetaRLError
from metarl.core.job_files import (
    DONE,
    FAILED,
    RUNNING,
    STOPPED,
    WAITING,
    JobFiles,
    JobState,
)
from metarl.core.parallel import (
    Detached,
    Interrupted,
    Job,
    Reporter,
    describe,
    needs_main,
    stop_on_interrupt,
)
from metarl.core.progress import Display

log = logging.getLogger(__name__)

RESUBMISSIONS = 2
"""Number of times that a job is submitted again after its worker was lost."""
LOOK_SECONDS = 1.0
"""A worker looks for the request to stop, and writes its progress, so seldom."""
SIGN_SECONDS = 10.0
"""A worker gives a sign at least this often, even without progress."""
POLL_SECONDS = 0.5
"""The submitting process reads the progress of the jobs so often."""
LOST = f"its worker was lost {RESUBMISSIONS + 1} times"
"""Reason of a failure; the worker may lack memory."""

_TURN = threading.Lock()
"""Held by the job that this process works on: figures are not safe in threads."""


class SupersededError(Exception):
    """Raised in a job that another call or worker has taken over; it must not write."""


class Ended(NamedTuple):
    """How a job ended on its worker."""

    state: str
    failure: str = ""


@dataclass(frozen=True)
class RemoteJob:
    """Job that reports by files; a call runs it. Can be sent to another machine."""

    work: bytes
    """Pickled `metarl.core.parallel.Work`."""
    name: str
    """Displayed name."""
    files: JobFiles
    """Files for its progress; with an absolute path."""
    call: str
    """Call to which it belongs."""
    directory: Path
    """Working directory, for relative paths."""
    modules: tuple[str, ...]
    """Folders of the user's own modules."""

    def __call__(self) -> Ended:
        """Run the job, and say how it ended; raises only with its worker."""
        worker = _Worker(self)
        with contextlib.suppress(SupersededError):
            while not _TURN.acquire(timeout=LOOK_SECONDS):
                if worker.should_stop():
                    return worker.end(STOPPED)
            try:
                return worker.run()
            finally:
                _TURN.release()
        return Ended(STOPPED)

    def set_aside(self) -> None:
        """Say that the job waits again, as when its time on a machine is over."""
        self.files.write(replace(self.files.read(self.name), state=WAITING))


class _Worker:
    """Work on one job in this process."""

    def __init__(self, job: RemoteJob) -> None:
        self.job, self.files = job, job.files
        self.state = JobState(job.name)
        self.asked = False
        self.looked = self.wrote = 0.0

    def run(self) -> Ended:
        self._look()
        if self.asked:
            return self.end(STOPPED)
        before = self.files.read(self.job.name)
        losses = before.losses + (before.state == RUNNING)
        if losses > RESUBMISSIONS:
            return self.end(FAILED, LOST)
        self.state = replace(
            before,
            state=RUNNING,
            losses=losses,
            host=socket.gethostname(),
            pid=os.getpid(),
        )
        self._write(begins=True)
        try:
            self._enter()
            pickle.loads(self.job.work)(Reporter(self.report, self.should_stop))
        except Interrupted:
            return self.end(STOPPED)
        except SupersededError:
            raise
        except Exception as error:  # noqa: BLE001 named in the result
            return self.end(FAILED, describe(error))
        except SystemExit as error:
            if self.files.read(self.job.name).state == WAITING:
                raise  # the engine ends the process, to begin again elsewhere
            return self.end(FAILED, f"its process ended with exit code {error.code}")
        self.state = replace(self.state, progress=1.0)
        return self.end(DONE)

    def _enter(self) -> None:
        """Take the working directory and the modules of the submitting process."""
        directory = self.job.directory
        if Path.cwd() != directory:
            try:
                os.chdir(directory)
            except OSError as error:
                raise MetaRLError(
                    f"{directory} cannot be opened on {socket.gethostname()} "
                    f"({error.strerror}); start the command in a folder that all "
                    "machines share"
                ) from None
        for folder in self.job.modules:
            if folder not in sys.path:
                sys.path.append(folder)

    def report(self, progress: float) -> None:
        self.state = replace(self.state, progress=float(progress))
        if time.monotonic() - self.wrote > LOOK_SECONDS:
            self._write()

    def should_stop(self) -> bool:
        now = time.monotonic()
        if now - self.looked > LOOK_SECONDS:
            self.looked = now
            self._look()
        if self.state.state == RUNNING and now - self.wrote > SIGN_SECONDS:
            self._write()
        return self.asked

    def _look(self) -> None:
        if not self._owns():
            raise SupersededError
        self.asked = self.files.stopping

    def _owns(self) -> bool:
        """Whether no other call, and no other worker, has taken the job over."""
        if not self.files.belongs_to(self.job.call):
            return False
        if self.state.state != RUNNING:
            return True
        # An engine may take a worker for lost that only does not answer.
        now = self.files.read(self.job.name)
        return not now.pid or (now.host, now.pid) == (self.state.host, self.state.pid)

    def end(self, state: str, failure: str = "") -> Ended:
        """Write the end of the job; raises SupersededError if it is not wanted."""
        self._look()
        self.state = replace(self.state, state=state, failure=failure)
        self._write()
        return Ended(state, failure)

    def _write(self, *, begins: bool = False) -> None:
        self.wrote = time.monotonic()
        self.state = replace(self.state, changed=time.time())
        # A full disk shows in the job's own files.
        with contextlib.suppress(MetaRLError):
            if begins or self._owns():
                self.files.write(self.state)


def run_remote(
    jobs: Mapping[str, Job],
    executor: Executor,
    folder: Path,
    shown: Display,
    *,
    count: int,
    detach: bool,
) -> dict[str, str]:
    """Run jobs by the workers of an executor; return the reasons of failures.

    Args:
        jobs: jobs by displayed name; none is finished.
        executor: its workers share `folder` and the working directory.
        folder: folder in which the files of the jobs are made.
        shown: display of the progress.
        count: number of jobs that are submitted at the same time.
        detach: raise Detached after submitting all of them.

    Raises:
        KeyboardInterrupt: interrupted, or stopped by the file.
        Detached: the jobs are submitted.
        MetaRLError: the executor takes no jobs, or cannot take these.
    """
    pickled = {name: _pickled(name, job, executor) for name, job in jobs.items()}
    files = JobFiles(JobFiles.within(folder).path.resolve())
    call = files.begin(jobs, detached=detach)
    place, modules = Path.cwd(), own_modules()
    remote = {
        name: RemoteJob(work, name, files, call, place, modules)
        for name, work in pickled.items()
    }
    driver = _Driver(executor, remote, files, shown, len(jobs) if detach else count)
    if detach:
        driver.submit()
        raise Detached(
            f"submitted {len(jobs)} jobs; look at them with `metarl status {folder}`"
        )
    return driver.run()


def own_modules() -> tuple[str, ...]:
    """Folders from which the user's own modules are imported.

    Those of the installation are left out, as each machine has its own.
    """
    installed = {sys.prefix, sys.base_prefix, sys.exec_prefix, *site.getsitepackages()}
    folders = [Path(each).absolute() for each in sys.path if Path(each).is_dir()]
    return tuple(
        str(each)
        for each in dict.fromkeys(folders)
        if not any(each.is_relative_to(base) for base in installed)
    )


def _pickled(name: str, job: Job, executor: Executor) -> bytes:
    if needs_main(job.work) and not isinstance(executor, ThreadPoolExecutor):
        raise MetaRLError(
            f"the job {name!r} needs what the script or notebook defines, which "
            "workers elsewhere cannot import; put it into a module"
        )
    return bytes(ForkingPickler.dumps(job.work))


class _Driver:
    """Submits jobs, follows them, and submits lost ones again."""

    def __init__(
        self,
        executor: Executor,
        jobs: Mapping[str, RemoteJob],
        files: JobFiles,
        shown: Display,
        count: int,
    ) -> None:
        self.executor, self.jobs, self.files = executor, jobs, files
        self.shown, self.count = shown, count
        self.waiting = dict.fromkeys(jobs, 0)
        """Job that is to be submitted -> number of times that it was lost."""
        self.submitted: dict[Future[Ended], tuple[str, int]] = {}
        self.begun: set[str] = set()
        self.failures: dict[str, str] = {}
        self.stopped = False

    def run(self) -> dict[str, str]:
        with stop_on_interrupt() as asked:
            while self.waiting or self.submitted:
                if asked() or self.files.stopping:
                    self._stop()
                self.submit()
                self._follow()
        if self.stopped:
            raise KeyboardInterrupt
        return self.failures

    def submit(self) -> None:
        """Submit waiting jobs, as many as may be submitted at the same time."""
        while self.waiting and len(self.submitted) < self.count:
            name, losses = next(iter(self.waiting.items()))
            try:
                future = self.executor.submit(self.jobs[name])
            except Exception as error:
                if not self.begun and not self.submitted:
                    self.files.clear()
                    raise MetaRLError(
                        f"the engine takes no jobs ({_line(error)}); nothing was "
                        "started: correct the engine or its options, and resume"
                    ) from error
                self._end(name, f"the engine took it no more ({_line(error)})")
            else:
                self.submitted[future] = (name, losses)
            del self.waiting[name]

    def _follow(self) -> None:
        """Wait a moment for jobs to end, and show how far the others are."""
        done, _ = wait(self.submitted, POLL_SECONDS, FIRST_COMPLETED)
        for name, _ in self.submitted.values():
            self._show(self.files.read(name))
        for future in done:
            self._settle(future)

    def _show(self, state: JobState) -> None:
        if state.state != WAITING:
            self._begin(state.name)
            self.shown.move(state.name, state.progress)

    def _begin(self, name: str) -> None:
        if name not in self.begun:
            self.begun.add(name)
            self.shown.begin(name)

    def _settle(self, future: Future[Ended]) -> None:
        """Take the result of a job; submit it again if there is none."""
        name, losses = self.submitted.pop(future)
        try:
            state, failure = future.result()
        except Exception as error:  # noqa: BLE001 named in the result
            # A job reports its own failures, so this is one of its worker.
            if losses < RESUBMISSIONS:
                log.warning("%s is submitted again: %s", name, _line(error))
                self.waiting[name] = losses + 1
            else:
                self._end(name, f"{LOST} ({_line(error)})")
            return
        if state == STOPPED and self.files.stopping:
            self.stopped = True
        elif state == STOPPED:
            self._end(name, "it was asked to stop on its worker")
        else:
            self._end(name, failure)

    def _end(self, name: str, failure: str) -> None:
        if failure:
            self.failures[name] = failure
            state = replace(self.files.read(name), state=FAILED, failure=failure)
            self.files.write(state)
        self._begin(name)
        self.shown.end(name, failure)

    def _stop(self) -> None:
        """Ask all jobs to stop, and wait for them until the next interrupt.

        Raises:
            KeyboardInterrupt: always.
        """
        self.files.stop()
        for future, (name, _) in self.submitted.items():
            state = self.files.read(name)
            if state.state == WAITING and future.cancel():
                self.files.write(replace(state, state=STOPPED))
        log.warning(
            "the jobs were asked to save and end; another interrupt leaves them alone"
        )
        with stop_on_interrupt() as again:
            left = set(self.submitted)
            while left and not again():
                left = wait(left, POLL_SECONDS).not_done
        raise KeyboardInterrupt


def _line(error: BaseException) -> str:
    """An error of an engine in one line."""
    lines = str(error).strip().splitlines()
    kind = type(error).__name__
    return f"{kind}: {lines[-1][:300]}" if lines else kind
