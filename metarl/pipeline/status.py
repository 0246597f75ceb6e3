"""State of the jobs of a folder: of those on other machines, or of its subjects."""

import time
from collections.abc import Iterator
from pathlib import Path

from metarl.core.checks import MetaRLError
from metarl.core.files import exists
from metarl.core.job_files import (
    DONE,
    RUNNING,
    SILENT_SECONDS,
    STOPPED,
    WAITING,
    JobFiles,
    JobState,
)
from metarl.core.locks import LOCK
from metarl.runs.folder import SNAPSHOTS, VARIANTS, Run, SubjectFolder

CONFIG = "config.json"
"""Name of the file with the configuration of a run."""


def job_states(folder: Path) -> list[JobState]:
    """States of the jobs of the last call on an engine, or else of all subjects.

    Args:
        folder: folder of a run, or of a reproduction or comparison with its own jobs.

    Raises:
        MetaRLError: it has neither jobs nor a run.
    """
    if exists(folder):
        states = JobFiles.within(folder).states or list(subject_states(folder))
        if states:
            return states
    raise MetaRLError(
        f"{folder} has no jobs and no run; give the folder of a command's results, as "
        "its --out"
    )


def subject_states(folder: Path) -> Iterator[JobState]:
    """States of the subjects of a run, or of the runs in a folder."""
    inner = "" if (folder / CONFIG).exists() else "*/"
    patterns = (f"{inner}{CONFIG}", f"{inner}{VARIANTS}/*/{CONFIG}")
    for path in [p.parent for each in patterns for p in sorted(folder.glob(each))]:
        words = path.relative_to(folder).parts
        run, works = Run(path), (path / LOCK).exists()
        for number in range(run.subject_count):
            name = " ".join([*words, f"subject {number}"])
            yield _subject(name, run.subject(number), works=works)


def _subject(name: str, subject: SubjectFolder, *, works: bool) -> JobState:
    """State of one subject, from the files of its training.

    Args:
        name: displayed name.
        subject: the subject's folder.
        works: whether a process holds the lock of the run.
    """
    files = (
        subject.snapshot_path(0),
        subject.state_path,
        subject.metrics_path,
        subject.policy_path,
    )
    changed = max((p.stat().st_mtime for p in files if p.exists()), default=0.0)
    if subject.finished:
        return JobState(name, DONE, 1.0, changed)
    if not changed:
        return JobState(name, WAITING)
    recent = time.time() - changed < SILENT_SECONDS
    state = RUNNING if works and recent else STOPPED
    return JobState(name, state, max(subject.snapshots, default=0) / SNAPSHOTS, changed)
