"""Files of arrays as tables: parquet, JSON, NumPy, MATLAB, NWB and ALF folders."""

import json
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import io

from metarl.analysis.matlab import UNREADABLE as MATLAB_ERRORS
from metarl.core.checks import MetaRLError
from metarl.core.files import distinct
from metarl.io.source import SourceTable, first_line, plain_table

UNREADABLE = (*MATLAB_ERRORS, EOFError, zipfile.BadZipFile)
"""Errors of the readers of files that are damaged or hold something else."""
HDF5_START = b"\x89HDF\r\n\x1a\n"
"""First bytes of an HDF5 file; in a .mat file of version 7.3 they follow a header."""
MATLAB_HEADER_SIZE = 512
"""Bytes before the HDF5 part of a .mat file."""
TRIALS_OF_NWB = "intervals/trials"
"""Place of the trial table in an NWB file."""
ALF_TRIALS = "_ibl_trials."
"""First part of the names of an ALF folder's files of trials."""


def read_parquet(path: Path) -> SourceTable:
    """Read a parquet table."""
    try:
        table = pd.read_parquet(path)
    except ImportError:
        raise MetaRLError(
            f"{path.name} needs pyarrow to be read; install metarl with the extra "
            "`data`, or save the table as CSV"
        ) from None
    except UNREADABLE as error:
        raise _damaged(path, "parquet", error) from None
    return _numbered(path, plain_table(table))


def read_json(path: Path) -> SourceTable:
    """Read JSON: a list of trials, an object of columns, or one trial in each line."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) > 1 and all(line.startswith("{") for line in lines[:2]):
            content: Any = [_loads(line) for line in lines]
        else:
            content = _loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(path, "JSON", error) from None
    return _source_of_json(content, path)


def _loads(text: str) -> Any:
    return json.loads(text, object_pairs_hook=distinct)


def _source_of_json(content: Any, path: Path) -> SourceTable:
    for inner in ("trials", "data"):
        if isinstance(content, dict) and isinstance(content.get(inner), list | dict):
            content = content[inner]
    if isinstance(content, list) and all(isinstance(row, dict) for row in content):
        flat = [row for row in content if row]
        return _numbered(path, plain_table(pd.DataFrame(flat)))
    if isinstance(content, dict):
        known = {k: v for k, v in content.items() if not isinstance(v, dict)}
        return _columns({k: _array(v) for k, v in known.items()}, path)
    raise MetaRLError(
        f"{path.name} must be a list of trials, each with its columns, or an object of "
        f"columns, got {type(content).__name__}"
    )


def _array(value: Any) -> "np.ndarray[Any, Any]":
    """A list of JSON as an array, with lists of unequal lengths as cells."""
    try:
        return np.asarray(value)
    except ValueError:
        return np.asarray(value, dtype=object)


def read_npz(path: Path) -> SourceTable:
    """Read the one-dimensional arrays of a NumPy archive as columns."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except UNREADABLE as error:
        raise _damaged(path, "a NumPy archive", error) from None
    return _columns(arrays, path)


def read_mat(path: Path) -> SourceTable:
    """Read a MATLAB file: variables of one length, or a structure of such fields."""
    with path.open("rb") as file:
        start = file.read(MATLAB_HEADER_SIZE + len(HDF5_START))
    if start.startswith(HDF5_START) or start.endswith(HDF5_START):
        return _read_hdf5_mat(path)
    try:
        with path.open("rb") as file:
            # Scipy reads a file that is open, but its stubs know paths alone.
            contents = io.loadmat(file, squeeze_me=True)  # type: ignore[arg-type]
    except UNREADABLE as error:
        raise _damaged(path, "a MATLAB file", error) from None
    own = {k: v for k, v in contents.items() if not k.startswith("__")}
    return _columns(_flat_structures(own, path), path)


def _flat_structures(own: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Variables, with the fields of structures as variables of their own."""
    flat: dict[str, Any] = {}
    for name, value in own.items():
        if isinstance(value, io.matlab.MatlabOpaque):
            raise MetaRLError(
                f"{path.name} holds {name} as a MATLAB table or object, which only "
                "MATLAB can read; save table2struct(T, 'ToScalar', true) with -v7, or "
                "writetable(T, 'trials.csv')"
            )
        array = np.asarray(value)
        if array.dtype.names is None:
            flat[name] = array
        else:
            flat.update({k: _field(array[k]) for k in array.dtype.names})
    return flat


def _field(cells: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """A field of a structure: of one structure its array, of many a value of each."""
    if cells.ndim == 0:
        return np.atleast_1d(np.asarray(cells.item()))
    if all(np.size(cell) == 1 for cell in cells.ravel()):
        return np.array([np.asarray(cell).item() for cell in cells.ravel()])
    return cells


def _read_hdf5_mat(path: Path) -> SourceTable:
    """Read a .mat file of version 7.3, which is HDF5."""
    h5py = _h5py(path, "was saved as v7.3; save it again with -v7")
    try:
        with h5py.File(path) as file:
            groups = [file, *(v for v in file.values() if hasattr(v, "keys"))]
            arrays: dict[str, Any] = {}
            for group in groups:
                for name, value in group.items():
                    if hasattr(value, "shape") and not name.startswith("#"):
                        arrays[name] = _matlab_array(value)
    except UNREADABLE as error:
        raise _damaged(path, "a MATLAB file of version 7.3", error) from None
    return _columns(arrays, path)


def _matlab_array(dataset: Any) -> "np.ndarray[Any, Any]":
    """An array of a .mat file of version 7.3; text is held as numbers of letters."""
    array = np.asarray(dataset[()])
    if dataset.attrs.get("MATLAB_class") == b"char":
        return np.array("".join(map(chr, array.ravel().tolist())))
    return array.squeeze()


def _h5py(path: Path, otherwise: str) -> Any:
    """The module h5py; MetaRLError if it is not installed."""
    try:
        import h5py
    except ImportError:
        raise MetaRLError(
            f"{path.name} {otherwise}, or install h5py: pip install h5py"
        ) from None
    return h5py


def read_nwb(path: Path) -> SourceTable:
    """Read the trial table of an NWB file, with the subject and session it names."""
    h5py = _h5py(path, "is an NWB file, which needs h5py; save its trials as CSV")
    try:
        with h5py.File(path) as file:
            if TRIALS_OF_NWB not in file:
                raise MetaRLError(
                    f"{path.name} must have a trial table at {TRIALS_OF_NWB}, got "
                    "none; add the trials, or give them as CSV"
                )
            group = file[TRIALS_OF_NWB]
            names = [_plain(name) for name in group.attrs["colnames"]]
            arrays = {name: _nwb_column(group[name]) for name in names}
            for name, place in (
                ("subject", "general/subject/subject_id"),
                ("session", "identifier"),
            ):
                if name not in arrays and place in file:
                    arrays[name] = np.full(len(group["id"]), _plain(file[place][()]))
    except UNREADABLE as error:
        raise _damaged(path, "an NWB file", error) from None
    return _columns(arrays, path)


def _nwb_column(dataset: Any) -> "np.ndarray[Any, Any]":
    array = np.asarray(dataset[()])
    if array.dtype.kind in "OS":
        return np.array([_plain(cell) for cell in array], dtype=object)
    return array


def _plain(value: Any) -> Any:
    """Text that HDF5 holds as bytes."""
    return value.decode("utf-8") if isinstance(value, bytes) else value


def read_alf(folder: Path) -> SourceTable:
    """Read the trials of an ALF folder: one NumPy array for each column, or a table."""
    whole = sorted(folder.glob(f"{ALF_TRIALS}table*.pqt"))
    if whole:
        return read_parquet(whole[0])
    arrays: dict[str, Any] = {}
    for file in sorted(folder.glob(f"{ALF_TRIALS}*.npy")):
        name = file.name.removeprefix(ALF_TRIALS).split(".")[0]
        try:
            with file.open("rb") as opened:
                arrays[name] = np.load(opened, allow_pickle=False)
        except UNREADABLE as error:
            raise _damaged(file, "a NumPy array", error) from None
    return _columns(arrays, folder)


def _columns(arrays: Mapping[str, Any], path: Path) -> SourceTable:
    """Arrays with one value a trial as columns.

    Raises:
        MetaRLError: there is none, or there are several lengths.
    """
    flat = {name: np.squeeze(np.asarray(value)) for name, value in arrays.items()}
    lines = {k: v for k, v in flat.items() if v.ndim == 1 and len(v) > 1}
    lengths = sorted({len(value) for value in lines.values()})
    if len(lengths) != 1:
        found = ", ".join(
            f"{k} {'x'.join(map(str, np.atleast_1d(v).shape))}" for k, v in flat.items()
        )
        raise MetaRLError(
            f"{path.name} must hold one array a column, all with one value a trial, "
            f"got {found or 'none'}; save the columns of the trials alone"
        )
    cells = {name: _words(value) for name, value in lines.items()}
    # MATLAB's cells that hold no number or word.
    empty = [k for k, v in cells.items() if v.dtype == object and pd.isna(v).all()]
    table = pd.DataFrame({k: v for k, v in cells.items() if k not in empty})
    others = {k: v for k, v in flat.items() if k not in lines}
    single = {k: _scalar(v) for k, v in others.items()}
    return replace(
        _numbered(path, table),
        single={k: v for k, v in single.items() if v is not None},
        left_out={
            **dict.fromkeys(empty, "cells that are no number or word"),
            **{k: _shape(v) for k, v in others.items() if single[k] is None},
        },
    )


def _shape(values: "np.ndarray[Any, Any]") -> str:
    """Content of an array that is no column, in words."""
    size = "x".join(map(str, values.shape)) or "1"
    return f"an array of {size}" if values.size else "nothing"


def _words(values: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """Cells of a MATLAB cell array as words; numbers as they are."""
    if values.dtype != object:
        return values
    cells = [np.squeeze(np.asarray(cell)) for cell in values]
    plain = np.empty(len(cells), dtype=object)
    plain[:] = [_scalar(cell) for cell in cells]
    return plain


def _scalar(cell: "np.ndarray[Any, Any]") -> str | float | None:
    """A word or a number; None for a cell that holds anything else."""
    value = cell.item() if cell.ndim == 0 else None
    value = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    return value if isinstance(value, str | float | int) else None


def _numbered(path: Path, table: pd.DataFrame) -> SourceTable:
    """The table, with its trials counted from 1."""
    if table.empty:
        raise MetaRLError(f"{path.name} must have at least one trial, got none")
    named = table.rename(columns=str)
    named.index = pd.RangeIndex(1, len(named) + 1)
    return SourceTable(name=path.name, table=named)


def _damaged(path: Path, kind: str, error: Exception) -> MetaRLError:
    return MetaRLError(
        f"{path.name} cannot be read as {kind} ({first_line(error) or 'no content'}); "
        "is it whole, and of the kind that its name says?"
    )
