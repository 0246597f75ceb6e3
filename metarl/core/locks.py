"""Locks of folders: only one process at a time writes to a run.

RUN/.lock holds the process id and the host of the holder. The lock itself is the
system's, which ends with the process, however it ends; on a drive without locks, the
process in the file holds it while it is running.
"""

import contextlib
import errno
import json
import os
import socket
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from metarl.core.checks import MetaRLError
from metarl.core.files import is_alive, unwritten

try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None  # type: ignore[assignment]

LOCK = ".lock"
"""Name of the file in a locked folder."""
_LOCKED_BYTE = 1_000_000
"""Byte of the file that is locked on Windows."""
_WITHOUT_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)
"""Errors of drives that have no locks."""


@contextlib.contextmanager
def locked(folders: Iterable[Path]) -> Iterator[None]:
    """Context in which no other process can lock any of these folders.

    The folders are created if they do not exist.

    Raises:
        MetaRLError: another process has the lock of a folder, or a folder cannot be
            written to.
    """
    with contextlib.ExitStack() as stack:
        for folder in dict.fromkeys(each.resolve() for each in folders):
            stack.enter_context(_locked(folder))
        yield


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    path = folder / LOCK
    file = _acquire(path)
    try:
        yield
    finally:
        # Removed before it is released, so that only its holder ever removes it. On
        # Windows an open file stays, which does no harm.
        with contextlib.suppress(OSError):
            path.unlink()
        os.close(file)


def _acquire(path: Path) -> int:
    """Lock a file, and write the holder into it; return its descriptor."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                _lock(path, file)
                if _is_file(path, file):
                    os.ftruncate(file, 0)
                    os.lseek(file, 0, os.SEEK_SET)
                    os.write(file, _holder().encode())
                    return file
            except BaseException:
                os.close(file)
                raise
            # The former holder removed the file between the two calls.
            os.close(file)
    except OSError as error:
        raise unwritten(path.parent, error) from error


def _lock(path: Path, file: int) -> None:
    """Lock an open file; raise MetaRLError if another process has the lock."""
    supported = True
    try:
        _take(file)
    except BlockingIOError:
        raise _held(path, _read(file)) from None
    except OSError as error:
        if error.errno not in _WITHOUT_LOCKS:
            raise
        supported = False
    before = _read(file)
    # The locks of some network drives hold on one machine only, and some have none.
    elsewhere = before.get("host", "") not in ("", socket.gethostname())
    pid = before.get("pid", "")
    if elsewhere or (not supported and pid.isdigit() and is_alive(int(pid))):
        raise _held(path, before)


def _take(file: int) -> None:
    """Take the system's lock of an open file; it ends with the process.

    Raises:
        BlockingIOError: another process has it.
        OSError: the drive has no locks.
    """
    if fcntl is not None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    elif sys.platform == "win32":
        import msvcrt

        # One byte far behind the text, as a locked byte cannot be read there.
        os.lseek(file, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError(error.errno, error.strerror) from None
    else:
        raise OSError(errno.ENOSYS, "no locks")


def _is_file(path: Path, file: int) -> bool:
    """Whether the open file is still the one at the path."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file))
    except FileNotFoundError:
        return False


def _holder() -> str:
    since = time.strftime("%Y-%m-%d %H:%M")
    host = socket.gethostname()
    return json.dumps({"pid": os.getpid(), "host": host, "since": since})


def _read(file: int) -> dict[str, str]:
    """Holder in an open file; empty if it has none."""
    with contextlib.suppress(ValueError, AttributeError, TypeError):
        os.lseek(file, 0, os.SEEK_SET)
        known = json.loads(os.read(file, 10_000))
        return {name: str(known.get(name, "")) for name in ("pid", "host", "since")}
    return {}


def _held(path: Path, holder: dict[str, str]) -> MetaRLError:
    who = "another process"
    if holder:
        who = "process {pid} on {host}, since {since}".format_map(holder)
    return MetaRLError(
        f"{path.parent} is in use by {who}; wait until it ends, or, if it has ended, "
        f"delete {path}"
    )
