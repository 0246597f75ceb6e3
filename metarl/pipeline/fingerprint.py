"""Fingerprints of tests and networks: whether an analysis is up to date."""

import hashlib
from functools import partial
from pathlib import Path

from metarl.core.files import read_json, write_json
from metarl.core.parallel import Job, Reporter
from metarl.experiments.spec import experiment
from metarl.reports.figures import analyze
from metarl.runs.folder import Run
from metarl.runs.versions import versions

FILE = "made_from.json"
"""File with the fingerprint of the tests and networks of a result."""


def fingerprint(run: Run) -> dict[str, str]:
    """Digest of all tests of a run and its own variants, and the version of metarl."""
    own = experiment(run.config.task).variants
    folders = [run.path, *(run.variant(name).path for name in own)]
    tested = [p for f in folders for p in f.glob("evaluation*/**/evaluation.json")]
    digest = hashlib.sha256()
    for path in sorted(tested):
        digest.update(str(path.relative_to(run.path)).encode())
        digest.update(path.read_bytes())
    made_by = versions()
    return {
        "tests": digest.hexdigest(),
        "version": made_by["metarl-neuro"],
        "commit": made_by["commit"],
    }


def saved_fingerprint(folder: Path) -> object:
    """Fingerprint of the result in a folder; None if it is unknown."""
    path = folder / FILE
    return read_json(path) if path.exists() else None


def is_analysed(run: Run) -> bool:
    """Whether a run was analysed after its last test."""
    analysed = saved_fingerprint(run.analysis_path)
    return analysed is not None and analysed == fingerprint(run)


def analysis_job(run: Run) -> Job:
    """Job that analyses a tested run; finished if the analysis is up to date."""
    return Job(partial(analyze_one, run), finished=is_analysed(run))


def analyze_one(run: Run, reporter: Reporter) -> None:
    """Analyse a run, and write the fingerprint of its tests."""
    # If the analysis fails, effects of earlier tests must not remain.
    run.effects_path.unlink(missing_ok=True)
    analyze(run)
    write_json(run.analysis_path / FILE, fingerprint(run))
