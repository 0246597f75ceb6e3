"""Tables on disk: the trial table, the step recording, and files written whole."""

import contextlib
import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping
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
"""Columns that every trial table has; a task adds its own."""

Recording = Mapping[str, "np.ndarray[Any, Any]"]
"""A step recording: flat arrays, one row a step, and `event_names`."""


def unwritten(path: Path, error: OSError) -> MetaRLError:
    """What to tell when a file could not be written."""
    return MetaRLError(
        f"{path} could not be written ({error.strerror or error}); make room or "
        "choose another folder, then repeat the command"
    )


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Write to a temporary neighbour; it takes the name only when all went well.

    Raises:
        MetaRLError: the disk is full, or the folder cannot be written to.
    """
    # Always the same name, so that what a killed process left is written over.
    temporary = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise unwritten(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def write_bytes(path: Path, data: bytes) -> None:
    """Write bytes whole; other writers name a full disk in words of their own."""
    with whole_file(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: object) -> None:
    """Write a JSON file whole; NaN and infinity are refused."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def json_like(value: object) -> object:
    """A tuple as the list that JSON makes of it."""
    return list(value) if isinstance(value, tuple) else value


def read_json(path: Path) -> Any:
    """Read a JSON file, or say in one sentence what is wrong with it."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MetaRLError(f"{path} is missing; is this a metarl folder?") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise MetaRLError(
            f"{path} is not readable JSON ({error}); restore it from a copy, or have "
            "it made anew"
        ) from None


CSV_ROWS = 200_000
"""A longer table is written as parquet alone, where pyarrow is installed: as CSV it
would take minutes."""


def write_table(path: Path, table: "pd.DataFrame") -> None:
    """Write a table as CSV, and as parquet beside it where pyarrow is installed."""
    path.unlink(missing_ok=True)
    parquet = path.with_suffix(".parquet")
    parquet.unlink(missing_ok=True)
    if len(table) <= CSV_ROWS or not has_parquet():
        write_text(path, csv_text(table))
    if has_parquet():
        with whole_file(parquet) as temporary:
            table.to_parquet(temporary, index=False)


def csv_text(table: "pd.DataFrame") -> str:
    """The table as CSV: the text that pandas writes, several times as quickly.

    A trial table says the same few things again and again; each is put in words once.
    """
    if table.shape[1] == 1:
        # A lone empty cell is quoted, which it is nowhere else.
        return table.to_csv(index=False, lineterminator="\n")
    head = table.iloc[:0].to_csv(index=False, lineterminator="\n")
    cells = [_cells(table[name]) for name in table]
    rows = map(",".join, zip(*cells, strict=True))
    return "\n".join([head[:-1], *rows, ""])


def _cells(column: "pd.Series[Any]") -> list[str]:
    """The text of a column's cells; a missing one is empty."""
    import numpy as np

    codes, words = _words(column)
    cells: list[str] = np.array([*words, ""], dtype=object)[codes].tolist()
    return cells


def _words(column: "pd.Series[Any]") -> "tuple[np.ndarray[Any, Any], Iterable[str]]":
    """For each row the number of its word, -1 if missing; and the words."""
    import numpy as np
    import pandas as pd

    if column.dtype in ("float32", "float64"):
        # Zero and minus zero are equal and are not written alike: told apart by bits.
        codes, bits = pd.factorize(column.to_numpy().view(f"i{column.dtype.itemsize}"))
        values = bits.view(column.dtype)
        return codes, np.where(np.isnan(values), "", values.astype(str))
    codes, distinct = pd.factorize(column)
    if column.dtype.kind in "iu":
        return codes, map(str, distinct.tolist())
    # Beside a second column, as a lone empty cell would be quoted.
    text = pd.DataFrame({"value": distinct, "end": 0}).to_csv(
        index=False, header=False, lineterminator="\n"
    )
    return codes, text.split(",0\n")[:-1]


def has_parquet() -> bool:
    """Whether parquet can be written: the extra `data` is installed."""
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        return False
    return True


def read_table(path: Path, made_by: str = "metarl evaluate") -> "pd.DataFrame":
    """Read a table that `write_table` wrote; parquet where it is there."""
    import pandas as pd

    parquet = path.with_suffix(".parquet")
    with readable(path, made_by):
        if parquet.exists() and (has_parquet() or not path.exists()):
            return _read_parquet(parquet)
        return pd.read_csv(path)


def _read_parquet(path: Path) -> "pd.DataFrame":
    import pandas as pd

    try:
        return pd.read_parquet(path)
    except ImportError:
        raise MetaRLError(
            f"{path} has no CSV beside it, being long, and needs pyarrow; install "
            "metarl with the extra `data`"
        ) from None


@contextlib.contextmanager
def readable(path: Path, made_by: str) -> Iterator[None]:
    """Within, a file that is missing or damaged gets one sentence."""
    try:
        yield
    except FileNotFoundError:
        raise MetaRLError(f"{path} is missing; run `{made_by}` first") from None
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise MetaRLError(
            f"{path} is damaged ({error}); run `{made_by}` again"
        ) from None


def write_recording(path: Path, recording: Recording) -> None:
    """Write a recording as an npz file, compressed where that makes it smaller.

    The units' activity, most of a recording, hardly does, and would take the time.
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
    """Read a recording; needs numpy alone."""
    import numpy as np

    with (
        readable(path, "metarl evaluate"),
        path.open("rb") as opened,
        np.load(opened, allow_pickle=False) as file,
    ):
        return {name: file[name] for name in file.files}
