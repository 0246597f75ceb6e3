"""Trials of animals or people: a published release, or a user's own files."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
from scipy import io

from metarl.analysis.analysis import Analysis, Release
from metarl.analysis.matlab import UNREADABLE
from metarl.core.checks import MetaRLError
from metarl.io.column_map import ColumnMap
from metarl.io.parts import trial_rows
from metarl.io.source import SourceTable
from metarl.io.trials import TrialData, load_frame, load_table


def load_trials(
    analysis: Analysis[Any],
    paths: pd.DataFrame | Path | str | Sequence[Path | str],
    column_map: ColumnMap | None = None,
) -> TrialData:
    """Read trials from a user's files, or the one published release that is known.

    Args:
        analysis: the analysis of the task.
        paths: one or more files or folders, or a table in memory.
        column_map: where columns have other names or codes. Of a release only its
            `where` applies.

    Raises:
        MetaRLError: a file is missing, cannot be read, or is not coded as required.
    """
    if isinstance(paths, pd.DataFrame):
        return load_frame(paths, analysis.schema, column_map)
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
    if replace(column_map, where={}, further={}) != ColumnMap():
        raise MetaRLError(
            f"{path.name} is a published release, which is read as it is; leave out "
            "all options of columns but --where"
        )
    source = SourceTable(name=path.name, table=release.load(path))
    table = trial_rows(source, column_map).table
    named = table.drop_duplicates("subject").sort_values("subject")
    numbers = {old: new for new, old in enumerate(named["subject"])}
    trials = table.assign(subject=table["subject"].map(numbers)).reset_index(drop=True)
    return TrialData(
        trials=trials,
        names=tuple(map(str, named["animal"])),
        kind=release.subjects_are,
    )
