"""Files by which jobs on other machines report, and by which they are stopped.

FOLDER/.jobs/call.json             the call that submitted the jobs
FOLDER/.jobs/STOP                  asks them to save and end
FOLDER/.jobs/NAME/progress.json    state, progress and last change of a job
FOLDER/.jobs/slurm/                logs of Slurm

A job belongs to a call. As soon as another call takes the folder, jobs of an earlier
one end by themselves, without writing.
"""

import contextlib
import hashlib
import shutil
import time
import uuid
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from metarl.core.checks import LONGEST_NAME, MetaRLError
from metarl.core.fields import check_type
from metarl.core.files import read_json, unwritten, write_json, write_text

JOBS = ".jobs"
"""Name of the folder with the files of jobs on other machines."""
STOP = "STOP"
"""Name of the file that asks the jobs to stop."""
WAITING, RUNNING, DONE, FAILED, STOPPED = STATES = (
    "waiting",
    "running",
    "done",
    "failed",
    "stopped",
)
"""States of a job."""
SILENT_SECONDS = 120.0
"""Time without a sign after which a running job counts as lost."""


@dataclass(frozen=True)
class JobState:
    """What is known of one job."""

    name: str
    """Displayed name."""
    state: str = WAITING
    """One of `STATES`."""
    progress: float = 0.0
    """Progress, in [0, 1]."""
    changed: float = 0.0
    """Time of the last sign, in seconds since 1970."""
    host: str = ""
    """Machine that works or worked on it."""
    pid: int = 0
    """Number of its process there."""
    losses: int = 0
    """Number of workers that were lost during the job."""
    failure: str = ""
    """Reason of a failure."""

    @property
    def is_silent(self) -> bool:
        """Whether it should be running, but has given no sign for long."""
        return self.state == RUNNING and time.time() - self.changed > SILENT_SECONDS


@dataclass(frozen=True)
class JobFiles:
    """Files of the jobs of one call."""

    path: Path
    """The folder `.jobs`."""

    @classmethod
    def within(cls, folder: Path) -> "JobFiles":
        """Files of the jobs that write to a folder, such as that of a run."""
        return cls(folder / JOBS)

    def begin(self, names: Iterable[str], *, detached: bool) -> str:
        """Start a call with waiting jobs; return its identity."""
        self.clear()
        call = uuid.uuid4().hex
        for name in names:
            self.write(JobState(name, changed=time.time()))
        write_json(self.path / "call.json", {"call": call, "detached": detached})
        return call

    def clear(self) -> None:
        """Remove the files, which ends the jobs of earlier calls."""
        # Moved first, as such a job may be writing into the folder.
        former = self.path.with_name(f"{JOBS}.{uuid.uuid4().hex}")
        try:
            self.path.rename(former)
        except FileNotFoundError:
            return
        except OSError as error:
            raise unwritten(self.path, error) from error
        shutil.rmtree(former, ignore_errors=True)

    def belongs_to(self, call: str) -> bool:
        """Whether this call is the latest."""
        if not (self.path / "call.json").exists():
            return False
        # A drive that fails for a moment says nothing.
        known = self._call()
        return not known or known.get("call") == call

    @property
    def detached(self) -> bool:
        """Whether the jobs go on without the process that submitted them."""
        return bool(self._call().get("detached"))

    def _call(self) -> dict[str, object]:
        with contextlib.suppress(MetaRLError):
            call: dict[str, object] = read_json(self.path / "call.json", dict)
            return call
        return {}

    def stop(self) -> None:
        """Ask all jobs to save and end."""
        write_text(self.path / STOP, "")

    @property
    def stopping(self) -> bool:
        """Whether the jobs were asked to stop."""
        return (self.path / STOP).exists()

    def write(self, state: JobState) -> None:
        """Write the state of one job."""
        path = self.path / _folder_name(state.name) / "progress.json"
        write_json(path, asdict(state))

    def read(self, name: str) -> JobState:
        """State of one job; waiting if nothing is known."""
        path = self.path / _folder_name(name) / "progress.json"
        return _read(path) or JobState(name)

    @property
    def states(self) -> list[JobState]:
        """States of all jobs, by name."""
        paths = sorted(self.path.glob("*/progress.json"))
        return [state for state in map(_read, paths) if state is not None]

    def check_free(self) -> None:
        """Raise MetaRLError if jobs of an earlier call may still write.

        Waiting jobs of a call that was detached may start at any time, unless they
        were asked to stop.
        """
        waits = self.detached and not self.stopping
        names = [
            each.name
            for each in self.states
            if (each.state == RUNNING and not each.is_silent)
            or (each.state == WAITING and waits)
        ]
        if names:
            folder = self.path.parent
            raise MetaRLError(
                f"{folder} has {len(names)} jobs on other machines that have not "
                f"ended, such as {names[0]}; look at them with `metarl status "
                f"{folder}`, and wait, or stop them with `metarl status {folder} "
                "--stop`"
            )


def take_over(folders: Iterable[Path]) -> None:
    """Remove what earlier calls left in folders to which this process now writes.

    Raises:
        MetaRLError: jobs on other machines still write to one of them.
    """
    found = [JobFiles.within(folder) for folder in folders]
    for files in found:
        files.check_free()
    for files in found:
        files.clear()


def _read(path: Path) -> JobState | None:
    """State in a file; None if it is missing or damaged."""
    with contextlib.suppress(MetaRLError, TypeError, ValueError):
        plain = read_json(path, dict)
        for each in fields(JobState):
            check_type(each.name, plain.get(each.name), each.type)
        return JobState(**plain)
    return None


def _folder_name(name: str) -> str:
    """Name of a job in the form of a folder name, different for different jobs."""
    plain = "".join(c if c.isascii() and c.isalnum() else "-" for c in name.lower())
    if plain.replace("-", " ") == name and len(name) < LONGEST_NAME // 2:
        return plain
    return f"{plain[:60]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
