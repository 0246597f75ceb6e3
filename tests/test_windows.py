"""What Windows lacks is not needed: no import and no call of metarl fails there.

A process without the modules and functions of POSIX imports every module, and trains.
"""

import errno
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from metarl.core import files, locks
from metarl.core.checks import MetaRLError
from metarl.core.files import write_text
from metarl.core.locks import LOCK, locked

BEFORE = """
import importlib, multiprocessing, multiprocessing.context, os, pkgutil, signal, sys

# Python itself and other libraries choose for themselves; to them this is no Windows.
import multiprocessing.popen_spawn_posix
import gymnasium, matplotlib.pyplot, pandas, PIL.Image, scipy, seaborn, tensorboard
import torch, tqdm, tyro
"""
POSIX_MODULES = ("fcntl", "grp", "pwd", "resource", "termios")
POSIX_CALLS = (
    *("fork", "getuid", "geteuid", "getgid", "getpgid", "killpg", "pread", "pwrite"),
    *("sched_getaffinity", "setsid", "statvfs", "uname", "wait4", "mkfifo", "chown"),
    *("fchmod", "fchown", "getloadavg", "nice", "sync", "WNOHANG", "O_NONBLOCK"),
)
POSIX_SIGNALS = ("SIGHUP", "SIGKILL", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGCHLD")
REST = f"""
def no_kill(pid, number):
    raise AssertionError("on Windows this ends a process before it saves")

for name in {POSIX_MODULES!r}:
    sys.modules[name] = None
sys.modules["multiprocessing.forkserver"] = None
sys.modules["multiprocessing.popen_forkserver"] = None
for name in {POSIX_CALLS!r}:
    if hasattr(os, name):
        delattr(os, name)
for name in {POSIX_SIGNALS!r}:
    delattr(signal, name)
del multiprocessing.context.ForkServerContext
os.kill = no_kill
multiprocessing.get_all_start_methods = lambda: ["spawn"]

if __name__ == "__main__":
    import metarl
    names = [each.name for each in pkgutil.walk_packages(metarl.__path__, "metarl.")]
    for name in names:
        if not name.endswith("__main__"):
            importlib.import_module(name)
    from metarl.cli.main import main
    code = main(sys.argv[1:])
    print(len(names), "modules; exit code", code)
"""


def test_every_module_is_imported_and_networks_train_without_posix(tmp_path):
    script = tmp_path / "windows.py"
    script.write_text(BEFORE + REST)
    words = (
        "train two-step --preset smoke --subjects 2 --workers 2 --network.units 5 "
        "--training.num-envs 3 --training.unroll-steps 14 --training.updates 2 "
        "--out run"
    )
    ended = subprocess.run(
        [sys.executable, str(script), *words.split()],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stdout.endswith("modules; exit code 0\n"), ended.stderr
    assert len(list((tmp_path / "run").glob("*/policy.safetensors"))) == 2


@pytest.fixture
def windows_locks(monkeypatch):
    """Locks by bytes of a file, as on Windows: name of the file -> holder."""
    held = {}

    def locking(file, mode, count):
        where = (os.fstat(file).st_ino, os.lseek(file, 0, os.SEEK_CUR))
        if where in held:
            raise PermissionError(errno.EACCES, "locked")
        held[where] = file

    fake = SimpleNamespace(locking=locking, LK_NBLCK=2)
    monkeypatch.setitem(sys.modules, "msvcrt", fake)
    monkeypatch.setattr(locks, "fcntl", None)
    monkeypatch.setattr(locks.sys, "platform", "win32")
    return held


def test_a_lock_of_windows_keeps_others_out(windows_locks, tmp_path):
    (tmp_path / LOCK).write_text('{"pid": 1, "host": ""}')
    with locked([tmp_path]):
        assert len(windows_locks) == 1
        words = rf"is in use by process {os.getpid()} on .*, since"
        with pytest.raises(MetaRLError, match=words), locked([tmp_path]):
            pytest.fail("both hold it")


def test_a_file_that_another_process_reads_is_replaced_a_little_later(
    tmp_path, monkeypatch
):
    path, tries = tmp_path / "file", []
    replace = type(path).replace

    def busy(self, target):
        tries.append(target)
        if len(tries) < 4:
            raise PermissionError(errno.EACCES, "in use")
        return replace(self, target)

    monkeypatch.setattr(type(path), "replace", busy)
    monkeypatch.setattr(files, "os", SimpleNamespace(name="nt", getpid=os.getpid))
    write_text(path, "text")
    assert path.read_text() == "text"
    assert len(tries) == 4
