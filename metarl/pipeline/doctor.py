"""State of the installation: what is there, what is missing, and what would help."""

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from metarl.agents.stacked.loading import (
    KernelError,
    cache_folder,
    find_compiler,
    load_kernel,
)
from metarl.core.parallel import core_count, memory_left
from metarl.runs.versions import versions

ENOUGH_MEMORY, ENOUGH_DISK = 2 * 2**30, 2**30
"""Bytes that a run of the fast presets never exceeds."""
GIB = 2**30
EXTRAS = {
    "pyarrow": ("data", "parquet files"),
    "h5py": ("hdf5", "MATLAB v7.3 and NWB files"),
    "optuna": ("search", "metarl sweep --search"),
    "submitit": ("slurm", "--engine slurm"),
    "distributed": ("dask", "--engine dask"),
}
"""Module -> the extra that installs it, and its purpose."""


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    subject: str
    """What was looked at."""
    found: str
    """What was found."""
    remedy: str = ""
    """What would help; empty if nothing is missing."""
    optional: bool = True
    """Whether metarl works without it."""


def examine(folder: Path) -> list[Finding]:
    """Examine the installation, and the disk of a folder for runs."""
    return [
        *_software(),
        _cores(),
        _memory(),
        _disk(folder),
        _kernel(),
        _gpu(),
        *_extras(),
    ]


def _software() -> Iterator[Finding]:
    found = versions()
    commit = found.pop("commit")
    yield Finding(
        "metarl", found.pop("metarl-neuro") + (f", {commit[:7]}" * bool(commit))
    )
    yield Finding("python", f"{found.pop('python')}, {platform.platform()}")
    del found["cores"]
    yield Finding("libraries", ", ".join(f"{k} {v}" for k, v in found.items()))
    yield Finding("executable", sys.executable)


def _cores() -> Finding:
    usable, all_cores = core_count(), os.cpu_count() or 1
    few = "start it on more cores for more networks at a time" if usable == 1 else ""
    return Finding("cores", f"{usable} of {all_cores} may be used", few)


def _memory() -> Finding:
    left = memory_left()
    few = "close other programs, or take fewer workers" if left < ENOUGH_MEMORY else ""
    return Finding("memory", f"{left / GIB:.1f} GiB left", few, optional=False)


def _disk(folder: Path) -> Finding:
    """Space on the disk of the nearest folder that exists."""
    there = next(each for each in [folder, *folder.absolute().parents] if each.exists())
    left = shutil.disk_usage(there).free
    few = "free some space, or give another folder with --out" * (left < ENOUGH_DISK)
    if not os.access(there, os.W_OK):
        few = "give a folder that may be written to with --out"
    return Finding("disk", f"{left / GIB:.1f} GiB left in {there}", few, optional=False)


def _kernel() -> Finding:
    try:
        compiler = find_compiler()
        load_kernel()
    except KernelError as error:
        return Finding("kernel", "torch is used, which is slower", str(error))
    return Finding("kernel", f"compiled by {compiler}, in {cache_folder()}")


def _gpu() -> Finding:
    import torch

    names = [torch.cuda.get_device_name(k) for k in range(torch.cuda.device_count())]
    found = ", ".join(names) or "none"
    use = "; `--device cuda` uses one" if names else ""
    return Finding("GPU", f"{found}{use}")


def _extras() -> Iterator[Finding]:
    for module, (extra, purpose) in EXTRAS.items():
        if find_spec(module) is None:
            remedy = f'pip install "metarl-neuro[{extra}]", for {purpose}'
            yield Finding(module, "not installed", remedy)
        else:
            yield Finding(module, metadata.version(module))
