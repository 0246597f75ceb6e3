"""Engines for `--engine`: executors whose workers are on other machines.

slurm                                  a job of Slurm for each job (extra `slurm`)
slurm:partition=short,time=60          the same, with options of `sbatch`
dask:tcp://HOST:8786                   workers of a dask scheduler (extra `dask`)

Each is a `concurrent.futures.Executor`; any other one can be given in Python.
"""

import asyncio
import contextlib
import getpass
import importlib.util
import logging
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

from metarl.core.checks import MetaRLError
from metarl.core.job_files import JOBS

log = logging.getLogger(__name__)

ENGINES = "slurm, slurm:OPTION=VALUE,..., dask:ADDRESS"
"""Engines, for messages."""
REACH_SECONDS = 10.0
"""Time in which an engine has to answer."""
QUEUE_SECONDS = 2.0
"""Slurm is asked for the state of the jobs so often."""
ABSENCES = 5
"""A job that is absent from Slurm's queue so many times, without a result, is lost."""
TIME_MINUTES = 240
"""Time limit of a job of Slurm, after which it is requeued and resumes."""
REQUEUES = 1000
"""Number of times that Slurm may requeue a job after its time limit."""


@contextlib.contextmanager
def open_engine(
    text: str | None, folder: Path, *, detach: bool = False
) -> Iterator[Executor | None]:
    """Context with the executor of an engine; None for this machine's processes.

    Args:
        text: engine, as for `--engine`.
        folder: folder of the results, for logs.
        detach: jobs go on after the end of the context.

    Raises:
        ValueError: the engine or an option of it does not exist.
        MetaRLError: its package is not installed, or it does not answer.
    """
    if text is None:
        yield None
        return
    name, _, rest = text.partition(":")
    if name == "slurm":
        opened: Executor = open_slurm(rest, folder)
    elif name == "dask":
        opened = open_dask(rest, detach=detach)
    else:
        raise ValueError(f"engine must be one of {ENGINES}; got {text!r}")
    try:
        yield opened
    finally:
        opened.shutdown(wait=False)


def _require(package: str, engine: str) -> None:
    if importlib.util.find_spec(package) is None:
        raise MetaRLError(
            f"the engine {engine} needs the package {package}, which is not "
            f'installed; install it with `pip install "metarl-neuro[{engine}]"`'
        )


class EngineFuture(Future[Any]):
    """Future of a job elsewhere, which is cancelled there too."""

    def __init__(self, cancel_there: Callable[[], Any]) -> None:
        """Start without a result."""
        super().__init__()
        self.cancel_there = cancel_there

    def cancel(self) -> bool:
        """Cancel the job, unless it has ended."""
        cancelled = super().cancel()
        if cancelled:
            self.cancel_there()
        return cancelled

    def settle(self, result: Callable[[], Any]) -> None:
        """Take the result of a function, or its error."""
        if not self.set_running_or_notify_cancel():
            return
        try:
            self.set_result(result())
        except BaseException as error:  # noqa: BLE001 raised where it is asked for
            self.set_exception(error)


def open_dask(address: str, *, detach: bool) -> "DaskExecutor":
    """Return an executor of the workers of a dask scheduler."""
    if not address:
        raise ValueError(
            "engine must name the scheduler's address, as in dask:tcp://HOST:8786; "
            "got 'dask'"
        )
    _require("distributed", "dask")
    from distributed import Client

    try:
        # A client that finds no scheduler tries again for long when it is closed.
        asyncio.run(asyncio.wait_for(_reach(address), REACH_SECONDS))
        client = Client(address, timeout=REACH_SECONDS, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise MetaRLError(
            f"no dask scheduler answers at {address} within {REACH_SECONDS:.0f} s "
            f"({type(error).__name__}); start one with `dask scheduler`, or correct "
            "the address"
        ) from None
    return DaskExecutor(client, detach=detach)


async def _reach(address: str) -> None:
    """Greet a scheduler; raise OSError if none answers."""
    from distributed.comm import connect
    from distributed.security import Security

    arguments = Security().get_connection_args("client")
    comm = await connect(address, timeout=REACH_SECONDS, **arguments)
    await comm.close()


class DaskExecutor(Executor):
    """Executor of the workers of a dask scheduler."""

    def __init__(self, client: Any, *, detach: bool = False) -> None:
        """Use a `distributed.Client`, which is closed at the end.

        Args:
            client: the client.
            detach: jobs go on after the client is closed.
        """
        self.client, self.detach = client, detach

    def submit(
        self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Future[Any]:
        """Submit a call."""
        from distributed import fire_and_forget

        there = self.client.submit(fn, *args, **kwargs, pure=False)
        if self.detach:
            fire_and_forget(there)
        future = EngineFuture(there.cancel)
        there.add_done_callback(lambda done: future.settle(done.result))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Close the client."""
        self.client.close()


def open_slurm(text: str, folder: Path) -> "SlurmExecutor":
    """Return an executor of the jobs of Slurm."""
    options = parse_options(text)
    _require("submitit", "slurm")
    if shutil.which("sbatch") is None:
        raise MetaRLError(
            "the engine slurm needs the commands of Slurm, such as sbatch, which this "
            "machine does not have; use it on a login node of the cluster"
        )
    if _queue() is None:
        raise MetaRLError(
            f"Slurm does not answer `squeue` within {REACH_SECONDS:.0f} s; try "
            "`sinfo`, and ask those who run the cluster"
        )
    return SlurmExecutor(folder / JOBS / "slurm", options)


def parse_options(text: str) -> dict[str, str]:
    """Return the options in NAME=VALUE,NAME=VALUE.

    Raises:
        ValueError: one is not of this form, or the time is no number of minutes.
    """
    pairs = [each.partition("=") for each in text.split(",") if each]
    for name, sign, value in pairs:
        if not (name and sign and value):
            raise ValueError(
                "engine must have options in the form OPTION=VALUE, as in "
                f"slurm:partition=short,time=60; got {name + sign + value!r}"
            )
    options = {name: value for name, _, value in pairs}
    time = options.get("time", "1")
    if not (time.isdecimal() and int(time) > 0):
        raise ValueError(
            f"the option time of the engine slurm must be whole minutes, got {time!r}"
        )
    return options


class SlurmExecutor(Executor):
    """Executor that submits each call as a job of Slurm, by submitit.

    The ends of jobs are found by their results and by `squeue`, as many clusters have
    no accounting.
    """

    def __init__(self, folder: Path, options: Mapping[str, str] | None = None) -> None:
        """Start without jobs.

        Args:
            folder: folder for logs, shared with the nodes.
            options: options of `sbatch`; `time` in minutes.
        """
        self.folder, self.options = folder, dict(options or {})
        self.followed: dict[EngineFuture, Any] = {}
        self.absent: dict[EngineFuture, int] = {}
        self.closed = threading.Event()
        self.thread: threading.Thread | None = None

    def submit(
        self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Future[Any]:
        """Submit a call."""
        job = self._inner().submit(Resumable(fn), *args, **kwargs)
        log.info("job %s of Slurm; its log: %s", job.job_id, job.paths.stderr)
        future = EngineFuture(lambda: job.cancel(check=False))
        self.followed[future] = job
        if self.thread is None:
            self.thread = threading.Thread(target=self._follow, daemon=True)
            self.thread.start()
        return future

    def _inner(self) -> Any:
        import submitit

        options = dict(self.options)
        minutes = int(options.pop("time", TIME_MINUTES))
        inner = submitit.SlurmExecutor(self.folder.resolve(), max_num_timeout=REQUEUES)
        inner.update_parameters(
            time=minutes, job_name="metarl", additional_parameters=options
        )
        return inner

    def _follow(self) -> None:
        """Settle the futures of jobs that have ended, until the executor is closed."""
        while not self.closed.wait(QUEUE_SECONDS):
            queue = _queue()
            for future, job in list(self.followed.items()):
                if job.paths.result_pickle.exists():
                    future.settle(job.result)
                elif queue is not None and job.job_id not in queue:
                    self._miss(future, job)
                if future.done():
                    del self.followed[future]

    def _miss(self, future: EngineFuture, job: Any) -> None:
        """Count the absences of a job; a shared drive may show its result late."""
        self.absent[future] = self.absent.get(future, 0) + 1
        if self.absent[future] >= ABSENCES:
            future.settle(lambda: _raise_lost(job))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Follow no more jobs; they go on."""
        self.closed.set()


def _raise_lost(job: Any) -> None:
    raise MetaRLError(
        f"job {job.job_id} left Slurm's queue without a result; its log: "
        f"{job.paths.stderr}"
    )


class Resumable:
    """Call that Slurm may requeue when its time limit is near."""

    def __init__(self, fn: Callable[..., Any]) -> None:
        """Wrap a call; its `set_aside`, if any, is called before the requeuing."""
        self.fn = fn

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it."""
        return self.fn(*args, **kwargs)

    def checkpoint(self, *args: Any, **kwargs: Any) -> Any:
        """Return the call that goes on; the name is submitit's."""
        from submitit.helpers import DelayedSubmission

        if hasattr(self.fn, "set_aside"):
            self.fn.set_aside()
        return DelayedSubmission(self, *args, **kwargs)


def _queue() -> set[str] | None:
    """Numbers of the user's jobs in Slurm's queue; None if it does not answer."""
    command = ["squeue", "--noheader", "--format=%A", f"--user={getpass.getuser()}"]
    try:
        answer = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=REACH_SECONDS
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return set(answer.stdout.split())
