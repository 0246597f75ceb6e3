"""Whether an analysis is current: which tests, of which networks, it was made from."""

import hashlib
from functools import partial
from pathlib import Path

from metarl.core.files import read_json, write_json
from metarl.core.parallel import Job, Reporter
from metarl.experiments.spec import experiment
from metarl.reports.figures import analyze
from metarl.runs.folder import Run
from metarl.training.trainer import versions

FILE = "made_from.json"
"""File that says which tests, of which networks, a result was made from."""


def fingerprint(run: Run) -> dict[str, str]:
    """Digest of all tests of a run and of its own variants, and the version."""
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


def made_from(folder: Path) -> object:
    """What the result in a folder was made from; None where that is not known."""
    path = folder / FILE
    return read_json(path) if path.exists() else None


def is_analysed(run: Run) -> bool:
    """Whether a run was analysed since it was last tested."""
    known = made_from(run.analysis_path)
    return known is not None and known == fingerprint(run)


def analysis_job(run: Run) -> Job:
    """The analysis of a tested run, finished where it is current."""
    return Job(partial(analyze_one, run), finished=is_analysed(run))


def analyze_one(run: Run, reporter: Reporter) -> None:
    """Analyse a run, and write what from."""
    # Effects of earlier tests would be wrong, should the analysis fail.
    run.effects_path.unlink(missing_ok=True)
    analyze(run)
    write_json(run.analysis_path / FILE, fingerprint(run))
