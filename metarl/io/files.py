"""Files and folders of trials: which reader each needs."""

import os
import re
import stat
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from metarl.core.checks import MetaRLError
from metarl.io.arrays import (
    ALF_TRIALS,
    read_alf,
    read_json,
    read_mat,
    read_npz,
    read_nwb,
    read_parquet,
)
from metarl.io.source import AsText, ReadingOptions, SourceTable
from metarl.io.text import read_text

TEXT = (".csv", ".tsv", ".txt", ".tab")
"""Endings of delimited text."""
ARRAYS: Mapping[str, Callable[[Path], SourceTable]] = MappingProxyType(
    {
        ".parquet": read_parquet,
        ".pqt": read_parquet,
        ".json": read_json,
        ".jsonl": read_json,
        ".npz": read_npz,
        ".mat": read_mat,
        ".nwb": read_nwb,
    }
)
"""Ending of a file -> its reader."""
ENTITY = re.compile(r"(?:^|_)(sub|ses)-([^_.]+)")
"""A subject or a session in the name of a file, as BIDS writes it."""
ALF_SESSION = re.compile(r"([^/]+)/(\d{4}-\d\d-\d\d/\d+)(?:/alf)?")
"""Subject and session in the path of an ALF folder."""
REMEDIES = {
    ".xlsx": "save the sheet as CSV",
    ".xls": "save the sheet as CSV",
    ".ods": "save the sheet as CSV",
    ".rds": "write it with write.csv in R",
    ".rdata": "write it with write.csv in R",
    ".sav": "export it as CSV",
    ".pkl": "write it with DataFrame.to_csv",
    ".h5": "save the columns as CSV, .npz or .mat",
    ".hdf5": "save the columns as CSV, .npz or .mat",
    ".gz": "unpack it first",
    ".zip": "unpack it first",
}
"""Ending of a file that is not read -> the way out."""


def list_files(paths: Sequence[Path]) -> list[Path]:
    """Files of trials: those given, and those in the folders given.

    Raises:
        MetaRLError: one is missing or no regular file, or a folder has no such file.
    """
    if not paths:
        raise MetaRLError("data must name a file or a folder of trials, got none")
    found: list[Path] = []
    for path in paths:
        if not _exists(path):
            raise MetaRLError(f"there is no file {str(path)!r}; give a path to a table")
        if path.is_dir() and not is_alf(path):
            found += _in_folder(path)
        elif path.is_dir() or stat.S_ISREG(path.stat().st_mode):
            found.append(path)
        else:
            raise MetaRLError(f"{str(path)!r} must be a file or a folder, got a device")
    files = list(dict.fromkeys(found))
    _check_distinct(files)
    return files


def _check_distinct(files: Sequence[Path]) -> None:
    """Raise MetaRLError if two paths lead to one file: its trials would count twice."""
    known: dict[tuple[int, int], Path] = {}
    for path in files:
        place = path.stat()
        first = known.setdefault((place.st_dev, place.st_ino), path)
        if first is not path:
            raise MetaRLError(
                f"{str(first)!r} and {str(path)!r} are one file; give it once"
            )


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def is_alf(folder: Path) -> bool:
    """Whether a folder holds the trials of one session as ALF files."""
    return any(folder.glob(f"{ALF_TRIALS}*"))


def _in_folder(folder: Path) -> list[Path]:
    """Files of trials in a folder and its folders, by name."""
    known = (*TEXT, *ARRAYS)
    inside = sorted(p for p in folder.rglob("*") if not p.name.startswith("."))
    alf = [p for p in inside if p.is_dir() and is_alf(p)]
    files = [p for p in inside if p.is_file() and p.suffix.lower() in known]
    bids = [p for p in files if p.stem.endswith(("_events", "_beh"))]
    found = alf or [p for p in bids if p.suffix.lower() == ".tsv"] or files
    endings = {p.suffix.lower() for p in found}
    if not found or len(endings) > 1:
        got = f"files that end in {', '.join(sorted(endings))}" if endings else "none"
        raise MetaRLError(
            f"the folder {str(folder)!r} must hold files of trials of one kind "
            f"({', '.join(known)}), got {got}; give the files by name"
        )
    return found


def read_file(path: Path, options: ReadingOptions, as_text: AsText) -> SourceTable:
    """Read one file, or one ALF folder.

    Args:
        path: the file.
        options: how to read a text without a header.
        as_text: columns of a text with cells that are kept as they are written.

    Raises:
        MetaRLError: it cannot be read.
    """
    if path.is_dir():
        return read_alf(path)
    ending = path.suffix.lower()
    if ending in TEXT:
        return read_text(path, options, as_text)
    if options.names or options.skip_rows:
        raise MetaRLError(
            f"--names and --skip-rows are for text files, got {path.name}; leave them "
            "out"
        )
    if ending in ARRAYS:
        return ARRAYS[ending](path)
    remedy = REMEDIES.get(ending, "save the trial table as CSV")
    raise MetaRLError(
        f"{path.name} must end in {', '.join((*TEXT, *ARRAYS))}, got {ending!r}; "
        f"{remedy}"
    )


def name_parts(path: Path, files: Sequence[Path] = ()) -> dict[str, str]:
    """Subject and session from the name of a file or of its folders.

    Args:
        path: the file, or an ALF folder.
        files: all files that are read; if others have the same name, the folders are
            part of it.

    Returns:
        file, its whole name without its ending; subject and, if the name has it,
        session: of a BIDS name those of its parts sub- and ses-, of an ALF folder those
        of its path, of any other name the whole name. Equal subjects of several BIDS
        data sets are kept apart by the folders of these.
    """
    whole = {"file": _own_name(path, files)}
    if path.is_dir() and (alf := ALF_SESSION.search(path.resolve().as_posix())):
        return whole | {"subject": alf[1], "session": alf[2]}
    found = _entities(path)
    names = _names_of_subjects(tuple(files) or (path,))
    subject = names.get(found.get("sub", ""), {}).get(path, whole["file"])
    parts = whole | {"subject": subject}
    return parts | ({"session": found["ses"]} if "ses" in found else {})


def data_set_note(path: Path, files: Sequence[Path]) -> str:
    """A note on a subject that is in several BIDS data sets; "" for any other."""
    subject = _entities(path).get("sub", "")
    names = _names_of_subjects(tuple(files)).get(subject, {})
    apart = sorted(set(names.values()))
    if len(apart) < 2:
        return ""
    return (
        f"sub-{subject} is in {len(apart)} data sets, and is a subject of its own in "
        f"each ({', '.join(apart)}); if it is one, give the files a column subject"
    )


def _entities(path: Path) -> dict[str, str]:
    """Subject and session in the BIDS name of a file, or of its folder."""
    return dict(ENTITY.findall(path.name)) or dict(ENTITY.findall(path.parent.name))


@lru_cache(maxsize=1)
def _names_of_subjects(files: tuple[Path, ...]) -> dict[str, dict[Path, str]]:
    """Subject in BIDS names -> its files, each with the subject's name.

    The name is that in the files, after the data set if it is in several.
    """
    of: dict[str, list[Path]] = {}
    for file in files:
        if subject := _entities(file).get("sub"):
            of.setdefault(subject, []).append(file)
    return {subject: _with_data_sets(subject, own) for subject, own in of.items()}


def _with_data_sets(subject: str, files: Sequence[Path]) -> dict[Path, str]:
    """The files of one BIDS subject, each with its name."""
    names = {file.name for file in files}
    places = {f: _data_set(f, subject, apart=len(names) < len(files)) for f in files}
    known = {place for place in places.values() if place is not None}
    if len(known) < 2:
        return dict.fromkeys(files, subject)
    folder = os.path.commonpath(known)
    return {
        file: str(Path(os.path.relpath(place or folder, folder)) / subject)
        for file, place in places.items()
    }


def _data_set(path: Path, subject: str, *, apart: bool) -> Path | None:
    """Folder of a BIDS data set: that above the folder of the subject.

    Args:
        path: a file.
        subject: the subject in its name.
        apart: where there is no such folder, take that of the file, or of its session;
            else None.
    """
    above = path.absolute().parents
    for folder in above:
        if folder.name == f"sub-{subject}":
            return folder.parent
    return next(k for k in above if not k.name.startswith("ses-")) if apart else None


def _own_name(path: Path, files: Sequence[Path]) -> str:
    """A file's name, after the folders and with the ending if it needs them."""
    alike = [file for file in files if file.stem == path.stem]
    if len(alike) < 2:
        return path.stem
    folder = os.path.commonpath([file.parent.absolute() for file in files])
    own, *others = (
        Path(os.path.relpath(file, folder))
        for file in (path, *(file for file in alike if file != path))
    )
    bare = [other.with_suffix("") for other in others]
    return str(own if own.with_suffix("") in bare else own.with_suffix(""))
