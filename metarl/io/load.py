"""Trials of animals or people: a published release, or a user's own files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scipy import io

from metarl.analysis.analysis import Analysis, Release
from metarl.analysis.matlab import UNREADABLE
from metarl.io.cells import as_words
from metarl.io.column_map import ColumnMap
from metarl.io.trials import TrialData, load_table


def load_trials(
    analysis: Analysis[Any],
    paths: Path | str | Sequence[Path | str],
    column_map: ColumnMap | None = None,
) -> TrialData:
    """Read trials from a user's files, or the one published release that is known.

    Args:
        analysis: the analysis of the task.
        paths: one or more files or folders.
        column_map: where columns have other names or codes. Of a release only its
            `where` applies.

    Raises:
        MetaRLError: a file is missing, cannot be read, or is not coded as required.
    """
    given = [Path(paths)] if isinstance(paths, Path | str) else [Path(p) for p in paths]
    release = analysis.release
    if release is not None and len(given) == 1 and _holds(given[0], release):
        return _of_release(release, given[0], column_map or ColumnMap())
    return load_table(given, analysis.schema, column_map)


def _holds(path: Path, release: Release) -> bool:
    """Whether a file is a MATLAB file with the release's variable."""
    if path.suffix.lower() != ".mat" or not path.is_file():
        return False
    try:
        return any(name == release.variable for name, *_ in io.whosmat(path))
    except UNREADABLE:
        return False


def _of_release(release: Release, path: Path, column_map: ColumnMap) -> TrialData:
    table = release.load(path)
    for column, values in column_map.where.items():
        table = table[as_words(table[column]).isin(values)]
    named = table.drop_duplicates("subject").sort_values("subject")
    numbers = {old: new for new, old in enumerate(named["subject"])}
    trials = table.assign(subject=table["subject"].map(numbers)).reset_index(drop=True)
    return TrialData(trials=trials, names=tuple(map(str, named["animal"])))
