"""Files: trial tables, step recordings, and JSON, each written as a whole."""

import contextlib
import hashlib
import json
import os
import re
import shutil
import socket
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metarl.core.checks import MetaRLError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

TRIAL_COLUMNS = (
    "subject",
    "session",
    "episode",
    "trial",
    "choice",
    "reward",
    "valid",
    "correct",
    "forced",
)
"""Columns of every trial table; a task adds its own."""

Recording = Mapping[str, "np.ndarray[Any, Any]"]
"""Step recording: flat arrays, one row per step, and `event_names`."""


def unwritten(path: Path, error: OSError) -> MetaRLError:
    """Return the error for a file that could not be written."""
    if (file := _file_in_place(path.parent)) is not None:
        return _no_folder(path, file)
    return MetaRLError(
        f"{path} could not be written ({error.strerror or error}); make room or "
        "choose another folder, then repeat the command"
    )


def check_folder(path: Path) -> None:
    """Raise MetaRLError if a file is in the place of a folder that is to be written."""
    if (file := _file_in_place(path)) is not None:
        raise _no_folder(path, file)


def _file_in_place(folder: Path) -> Path | None:
    """The file in the place of a folder, or of one above it; None if there is none."""
    for path in (folder, *folder.parents):
        if exists(path):
            return None if path.is_dir() else path
    return None


def _no_folder(path: Path, file: Path) -> MetaRLError:
    return MetaRLError(
        f"{path} could not be written: {str(file)!r} is a file, not a folder; choose "
        "another folder"
    )


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Write to a temporary file, which is renamed only after success.

    If the temporary file is removed instead, nothing is written.

    Raises:
        MetaRLError: the disk is full, or the folder cannot be written to.
    """
    # Named after the process, so that two of them never write to the same file.
    temporary = path.with_name(f".{path.name}.{_host()}-{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_remains(path)
        yield temporary
        if temporary.exists():
            _put(temporary, path)
    except OSError as error:
        raise unwritten(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


@contextlib.contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Write to a temporary folder, which replaces the folder only after success.

    Raises:
        MetaRLError: the disk is full, or the folder cannot be written to.
    """
    temporary = path.with_name(f".{path.name}.{_host()}-{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_remains(path)
        temporary.mkdir()
        yield temporary
        replace_folder(temporary, path)
    except OSError as error:
        raise unwritten(path, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


REPLACE_SECONDS = 2.0
"""Windows replaces no file while another process reads it: time to try again."""


def _put(new: Path, path: Path) -> None:
    """Move a file to a path, in the place of the one that is there."""
    end = time.monotonic() + REPLACE_SECONDS
    while True:
        try:
            new.replace(path)
        except PermissionError:
            if os.name == "posix" or time.monotonic() > end:
                raise
            time.sleep(0.02)
        else:
            return


FORMER = ".former"
"""End of the name of a folder while another takes its place."""


def replace_folder(new: Path, path: Path) -> None:
    """Move a folder to a path, and remove the one that is there."""
    former = new.with_name(f"{new.name}{FORMER}")
    shutil.rmtree(former, ignore_errors=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        path.rename(former)
    new.rename(path)
    shutil.rmtree(former, ignore_errors=True)


def _host() -> str:
    """Name of this machine, in a form for a file name."""
    return "".join(filter(str.isalnum, socket.gethostname()))[:20]


def _remove_remains(path: Path) -> None:
    """Remove the temporary files that killed processes of this machine left."""
    start = f".{path.name}.{_host()}-"
    for remains in path.parent.iterdir():
        name = remains.name
        number = name.removeprefix(start).removesuffix(FORMER).removesuffix(".partial")
        if not name.startswith(start) or not number.isdigit() or is_alive(int(number)):
            continue
        if remains.is_dir():
            shutil.rmtree(remains, ignore_errors=True)
        else:
            remains.unlink(missing_ok=True)


def is_alive(pid: int) -> bool:
    """Whether a process of this machine is running; True if that is unknown."""
    if os.name != "posix":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def exists(path: Path) -> bool:
    """Whether a file exists; raise MetaRLError if its path is impossible."""
    try:
        return path.exists()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise MetaRLError(
            f"{str(path)!r} cannot be opened ({reason}); choose another folder"
        ) from None


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file as a whole."""
    with whole_file(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write a text file as a whole."""
    # A path may hold bytes that are no text, which would be refused here.
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


SEAL = "sha256"
"""Entry of a sealed JSON file: the SHA-256 of its other entries."""


def write_json(path: Path, value: object, *, seal: bool = False) -> None:
    """Write a JSON file as a whole; NaN and infinity are refused.

    Args:
        path: file.
        value: value of plain types.
        seal: add the SHA-256 of the value, a dictionary, which `read_json` checks.
    """
    if seal:
        assert isinstance(value, dict)
        value = {**value, SEAL: _seal_of(value)}
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def _seal_of(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def read_json(path: Path, kind: type = object) -> Any:
    """Read a JSON file, without its seal.

    Raises:
        MetaRLError: it is missing or damaged, differs from its seal, has the same name
            twice, or its value is not of a kind: dict or list.
    """
    value = _parsed(path, kind)
    return _unsealed(path, value) if isinstance(value, dict) else value


def _parsed(path: Path, kind: type) -> Any:
    """Value of a JSON file of a kind, with its seal."""
    try:
        value = json.loads(
            path.read_text(encoding="utf-8"),
            object_pairs_hook=distinct,
            parse_constant=_refuse_constant,
        )
    except FileNotFoundError:
        raise MetaRLError(f"{path} is missing; is this a metarl folder?") from None
    except (ValueError, RecursionError, OSError) as error:
        raise MetaRLError(
            f"{path} is not readable JSON ({error}); restore it from a copy, or "
            "create it again"
        ) from None
    if not isinstance(value, kind):
        raise MetaRLError(
            f"{path} must hold a {kind.__name__}, got {type(value).__name__}; restore "
            "it from a copy, or create it again"
        )
    return value


def read_sealed(path: Path) -> dict[str, Any]:
    """Read a JSON file that must have a seal, without it.

    Raises:
        MetaRLError: as for `read_json`, or the file has no seal.
    """
    value: dict[str, Any] = _parsed(path, dict)
    seal = value.pop(SEAL, None)
    if seal != _seal_of(value):
        raise MetaRLError(
            f"{path} was changed or damaged after it was written: it does not fit its "
            f"entry {SEAL}, or has none; restore it from a copy"
        )
    return value


def distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Dictionary of the entries of a JSON object; refuse a repeated name."""
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"it has the entry {twice!r} twice")
    return value


def _refuse_constant(word: str) -> None:
    raise ValueError(f"it has the number {word}")


def _unsealed(path: Path, value: dict[str, Any]) -> dict[str, Any]:
    """The entries without the seal; raise MetaRLError if they differ from it."""
    if SEAL not in value:
        return value
    seal = value.pop(SEAL)
    if seal != _seal_of(value):
        raise MetaRLError(
            f"{path} was changed or damaged after it was written: it does not fit its "
            f"entry {SEAL}; restore it from a copy, or, if the change is meant, delete "
            "this entry"
        )
    return value


def file_hash(path: Path) -> str:
    """SHA-256 of the bytes of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


CSV_ROWS = 200_000
"""Rows above which a table is written as parquet alone, if pyarrow is installed: as CSV
it would take minutes."""


def write_table(path: Path, table: "pd.DataFrame") -> None:
    """Write a table as CSV, and also as parquet if pyarrow is installed."""
    with table_writer(path) as add:
        add(table)


@contextlib.contextmanager
def table_writer(path: Path) -> Iterator[Callable[["pd.DataFrame"], None]]:
    """Write a table in parts, with the same columns, as `write_table` does.

    Yields:
        Function that adds rows; only these rows are in memory.
    """
    path.unlink(missing_ok=True)
    parquet = path.with_suffix(".parquet")
    parquet.unlink(missing_ok=True)
    with contextlib.ExitStack() as files:
        writer = _TableWriter(
            files.enter_context(whole_file(path)),
            files.enter_context(whole_file(parquet)) if has_parquet() else None,
        )
        files.callback(writer.close)
        yield writer.add


class _TableWriter:
    """A table in two formats; only as parquet, if possible, once it is long."""

    def __init__(self, csv: Path, parquet: Path | None) -> None:
        """Start without rows; the file of parquet is opened with its columns."""
        self.path, self.parquet = csv, parquet
        self.csv = csv.open("w", encoding="utf-8", newline="\n")
        self.part: Any = None
        self.rows, self.empty = 0, True

    def add(self, table: "pd.DataFrame") -> None:
        """Add rows."""
        self.rows += len(table)
        if not self._is_long():
            self.csv.write(csv_text(table, header=self.empty))
        self.empty = False
        if self.parquet is not None:
            import pyarrow as pa
            from pyarrow.parquet import ParquetWriter

            rows = pa.Table.from_pandas(table, preserve_index=False)
            self.part = self.part or ParquetWriter(self.parquet, rows.schema)
            self.part.write_table(rows)

    def _is_long(self) -> bool:
        return self.parquet is not None and self.rows > CSV_ROWS

    def close(self) -> None:
        """Close the files; remove the CSV file if it does not have all rows."""
        self.csv.close()
        if self.part is not None:
            self.part.close()
        if self._is_long():
            self.path.unlink()


def write_table_as_csv(path: Path, table: "pd.DataFrame") -> None:
    """Write a small table as CSV, a whole file or none."""
    write_text(path, csv_text(table))


def csv_text(table: "pd.DataFrame", *, header: bool = True) -> str:
    """Return the table as CSV: the same text as from pandas, several times faster.

    A trial table has few distinct values in many rows; each is formatted once. Text
    that a spreadsheet would take for a formula is escaped; see `escaped`.
    """
    if table.shape[1] == 1:
        # An empty cell in a single column is quoted, unlike in several columns.
        (column,) = (table[name] for name in table)
        text = column if column.dtype.kind in "biuf" else column.map(escaped)
        return text.to_frame().to_csv(header=header, index=False, lineterminator="\n")
    head = table.iloc[:0].to_csv(index=False, lineterminator="\n") if header else ""
    cells = [_cells(table[name]) for name in table]
    rows = map(",".join, zip(*cells, strict=True))
    return head + "\n".join([*rows, ""])


FORMULA = re.compile(r"'*[=+\-@\t\r]")
"""Beginning of text that a spreadsheet takes for a formula, perhaps escaped."""


def escaped(value: Any) -> Any:
    """Return text that no spreadsheet takes for a formula: a quote before = + - @.

    A number is left as it is. `unescaped` returns the text.
    """
    if isinstance(value, str) and FORMULA.match(value) and not _is_number(value):
        return f"'{value}"
    return value


def unescaped(value: Any) -> Any:
    """Return the text from which `escaped` made this one."""
    if isinstance(value, str) and value[:1] == "'" and FORMULA.match(value):
        return value[1:]
    return value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def _cells(column: "pd.Series[Any]") -> list[str]:
    """Text of the cells of a column; empty for a missing value."""
    import numpy as np

    codes, words = _words(column)
    cells: list[str] = np.array([*words, ""], dtype=object)[codes].tolist()
    return cells


def _words(column: "pd.Series[Any]") -> "tuple[np.ndarray[Any, Any], Iterable[str]]":
    """For each row the index of its text, -1 if missing; and the texts."""
    import numpy as np
    import pandas as pd

    if column.dtype in ("float32", "float64"):
        # 0.0 and -0.0 are equal but written differently, so bits are compared.
        codes, bits = pd.factorize(column.to_numpy().view(f"i{column.dtype.itemsize}"))
        values = bits.view(column.dtype)
        return codes, np.where(np.isnan(values), "", values.astype(str))
    codes, distinct = pd.factorize(column)
    if column.dtype.kind in "iu":
        return codes, map(str, distinct.tolist())
    # With a second column, as an empty cell in a single column would be quoted.
    words = [escaped(value) for value in distinct]
    text = pd.DataFrame({"value": words, "end": 0}).to_csv(
        index=False, header=False, lineterminator="\n"
    )
    return codes, text.split(",0\n")[:-1]


def has_parquet() -> bool:
    """Whether parquet can be written, with the extra `data` installed."""
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        return False
    return True


def read_table(path: Path, made_by: str = "metarl evaluate") -> "pd.DataFrame":
    """Read a table from `write_table`, from parquet if it exists."""
    import pandas as pd

    parquet = path.with_suffix(".parquet")
    with readable(path, made_by):
        if parquet.exists() and (has_parquet() or not path.exists()):
            return _read_parquet(parquet)
        table = pd.read_csv(path)
        for name in table:
            if table[name].dtype.kind not in "biuf":
                table[name] = table[name].map(unescaped)
        return table


def _read_parquet(path: Path) -> "pd.DataFrame":
    import pandas as pd

    try:
        return pd.read_parquet(path)
    except ImportError:
        raise MetaRLError(
            f"{path} is too long for CSV, and needs pyarrow; install metarl with the "
            "extra `data`"
        ) from None


@contextlib.contextmanager
def readable(path: Path, made_by: str) -> Iterator[None]:
    """Context in which a missing or damaged file raises a MetaRLError."""
    try:
        yield
    except FileNotFoundError:
        raise MetaRLError(f"{path} is missing; run `{made_by}` first") from None
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise MetaRLError(
            f"{path} is damaged ({error}); run `{made_by}` again"
        ) from None


def write_recording(path: Path, recording: Recording) -> None:
    """Write a recording as an npz file, compressed except for the activity of units.

    The activity is most of a recording; compression takes long and hardly shrinks it.
    """
    import numpy as np

    with whole_file(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, array in recording.items():
            entry = zipfile.ZipInfo(f"{name}.npy")
            if not name.startswith("units"):
                entry.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(entry, "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)


def read_recording(path: Path) -> "dict[str, np.ndarray[Any, Any]]":
    """Read a recording; requires only numpy."""
    import numpy as np

    with (
        readable(path, "metarl evaluate"),
        path.open("rb") as opened,
        np.load(opened, allow_pickle=False) as file,
    ):
        return RecordedSteps({name: file[name] for name in file.files})


class RecordedSteps(dict[str, "np.ndarray[Any, Any]"]):
    """Arrays of a recording by name; a missing one is named in a sentence."""

    def __missing__(self, name: str) -> "np.ndarray[Any, Any]":
        """Raise MetaRLError."""
        if not self:
            raise MetaRLError(
                f"there is no {name}: this test recorded no steps; evaluate with "
                "--record-episodes"
            )
        raise MetaRLError(
            f"the recording has no {name}; choose from: {', '.join(self)}"
        )
