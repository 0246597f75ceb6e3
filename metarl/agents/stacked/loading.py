"""Compile the kernel where there is a compiler, and load it.

The shared library is compiled at the first use, for the processor at hand, and kept in
the user's cache. It has a plain C interface, so it depends on no version of torch.
"""

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).with_name("kernel.cpp")
SWITCH = "METARL_KERNEL"
"""Environment variable: off for the torch path, or the path of a compiler."""
PROCESSOR = "mcpu" if platform.machine() in ("arm64", "aarch64") else "march"
FLAGS = (
    *("-std=c++20", "-O3", f"-{PROCESSOR}=native"),
    *("-fno-math-errno", "-shared", "-fPIC"),
)
COMPILERS = "g++", "clang++", "c++"
COMPILE_SECONDS = 120.0


class KernelError(Exception):
    """The kernel cannot be used; the message says why, and what would help."""


@cache
def load_kernel() -> ctypes.CDLL:
    """Compile and load the kernel.

    Raises:
        KernelError: it is switched off, there is no compiler, or it does not compile.
    """
    compiler = find_compiler()
    path = _library_path(compiler)
    if not path.exists():
        _compile(compiler, path)
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise KernelError(
            f"the compiled kernel {path} does not load ({error}); delete it"
        ) from None


def find_compiler() -> str:
    """Path of the C++ compiler.

    Raises:
        KernelError: there is none, or the kernel is switched off.
    """
    chosen = os.environ.get(SWITCH, "")
    if chosen == "off":
        raise KernelError(f"the kernel is switched off by {SWITCH}=off")
    for name in (chosen,) if chosen else COMPILERS:
        path = shutil.which(name)
        if path:
            return path
    if chosen:
        raise KernelError(f"{SWITCH} names no compiler: {chosen}")
    raise KernelError(
        "there is no C++ compiler; install g++ or clang++ for faster training"
    )


def cache_folder() -> Path:
    """Folder of compiled kernels."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "metarl"


def _library_path(compiler: str) -> Path:
    """Path of the library: one for each source, compiler and processor."""
    parts = (SOURCE.read_bytes(), " ".join(FLAGS), _version(compiler), _processor())
    key = hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
    return cache_folder() / f"kernel-{key}.so"


def _version(compiler: str) -> str:
    try:
        done = subprocess.run(
            [compiler, "--version"], capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise KernelError(f"the compiler {compiler} does not run ({error})") from None
    return done.stdout


def _processor() -> str:
    """Kind of processor and its instructions, for which the kernel is compiled."""
    lines = {platform.machine(), platform.processor()}
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = ("model name", "flags", "Features", "CPU part")
        text = info.read_text(errors="replace").splitlines()
        lines |= {line for line in text if line.startswith(names)}
    return "\n".join(sorted(lines))


def _compile(compiler: str, path: Path) -> None:
    """Compile into a temporary file, which then takes its place as a whole."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            made = Path(folder) / path.name
            done = subprocess.run(
                [compiler, *FLAGS, str(SOURCE), "-o", str(made)],
                capture_output=True,
                text=True,
                check=False,
                timeout=COMPILE_SECONDS,
            )
            if done.returncode:
                reason = (done.stderr.strip().splitlines() or ["no message"])[0]
                raise KernelError(f"{compiler} does not compile the kernel ({reason})")
            made.replace(path)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise KernelError(f"the kernel cannot be compiled ({error})") from None
