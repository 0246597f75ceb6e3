"""Versions of the software behind a result."""

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path


def versions() -> dict[str, str]:
    """Versions of the software behind a result, and the number of processor cores."""
    names = ("metarl-neuro", "torch", "numpy", "scipy", "pandas", "gymnasium")
    packages = {name: metadata.version(name) for name in names}
    machine = {"python": platform.python_version(), "cores": str(os.cpu_count())}
    return {**machine, **packages, "commit": commit()}


def commit() -> str:
    """Git commit of metarl's source; empty if it is installed from a wheel."""
    folder = Path(__file__).parents[1]
    command = ["git", "-C", str(folder), "log", "-1", "--format=%H", "--", str(folder)]
    try:
        return subprocess.run(
            command, capture_output=True, text=True, check=False
        ).stdout.strip()
    except OSError:
        return ""
