"""A new evaluation of a run: written to its own folder, then put in place.

RUN/.evaluating/evaluation/...      the same folders as in the run
RUN/.evaluating/complete.json       written when all are finished

If the process is killed before that, the earlier evaluation stays as it was; if it is
killed later, `finish_swap` moves the rest.
"""

import shutil
from pathlib import Path

from metarl.core.files import (
    FORMER,
    read_json,
    replace_folder,
    unwritten,
    write_json,
)

STAGING = ".evaluating"
"""Name of the folder of an unfinished evaluation."""
_COMPLETE = "complete.json"
_BASELINES = Path("evaluation") / "baselines"


def discard(run: Path) -> None:
    """Remove an unfinished evaluation from the folder of a run."""
    try:
        if (run / STAGING).exists():
            shutil.rmtree(run / STAGING)
    except OSError as error:
        raise unwritten(run, error) from error


def is_complete(run: Path) -> bool:
    """Whether an evaluation is finished, but not all of it is in place."""
    return (run / STAGING / _COMPLETE).exists()


def swap_in(run: Path) -> None:
    """Put a finished evaluation in the place of the earlier one.

    Folders of other tests stay; baselines are replaced together.
    """
    staging = run / STAGING
    if staging.exists():
        baselines = [path.parent.name for path in _finished(staging / _BASELINES)]
        write_json(staging / _COMPLETE, {"baselines": baselines})
        finish_swap(run)


def finish_swap(run: Path) -> None:
    """Put the rest of a finished evaluation in place."""
    staging = run / STAGING
    kept = read_json(staging / _COMPLETE, dict)["baselines"]
    try:
        for path in (run / _BASELINES).glob("*") if kept else ():
            if path.name not in kept:
                shutil.rmtree(path)
        for path in _finished(staging):
            new = path.parent
            replace_folder(new, run / new.relative_to(staging))
        shutil.rmtree(staging)
    except OSError as error:
        raise unwritten(run, error) from error


def _finished(folder: Path) -> list[Path]:
    """Metadata of the finished evaluations below a folder, without remains."""
    return sorted(
        path
        for path in folder.rglob("evaluation.json")
        if not path.parent.name.startswith(".")
        and not path.parent.name.endswith(FORMER)
    )
