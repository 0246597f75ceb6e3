"""Files: trial tables, step recordings, and JSON, each written as a whole."""

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
"""Columns of every trial table; a task adds its own."""

Recording = Mapping[str, "np.ndarray[Any, Any]"]
"""Step recording: flat arrays, one row per step, and `event_names`."""


def unwritten(path: Path, error: OSError) -> MetaRLError:
    """Return the error for a file that could not be written."""
    return MetaRLError(
        f"{path} could not be written ({error.strerror or error}); make room or "
        "choose another folder, then repeat the command"
    )


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Write to a temporary file, which is renamed only after success.

    Raises:
        MetaRLError: the disk is full, or the folder cannot be written to.
    """
    # Always the same name, so that the remains of a killed process are overwritten.
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
    """Write a file as a whole."""
    with whole_file(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write a text file as a whole."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: object) -> None:
    """Write a JSON file as a whole; NaN and infinity are refused."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file; raise MetaRLError if it is missing or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MetaRLError(f"{path} is missing; is this a metarl folder?") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise MetaRLError(
            f"{path} is not readable JSON ({error}); restore it from a copy, or "
            "create it again"
        ) from None


CSV_ROWS = 200_000
"""Rows above which a table is written as parquet alone, if pyarrow is installed: as CSV
it would take minutes."""


def write_table(path: Path, table: "pd.DataFrame") -> None:
    """Write a table as CSV, and also as parquet if pyarrow is installed."""
    path.unlink(missing_ok=True)
    parquet = path.with_suffix(".parquet")
    parquet.unlink(missing_ok=True)
    if len(table) <= CSV_ROWS or not has_parquet():
        write_text(path, csv_text(table))
    if has_parquet():
        with whole_file(parquet) as temporary:
            table.to_parquet(temporary, index=False)


def csv_text(table: "pd.DataFrame") -> str:
    """Return the table as CSV: the same text as from pandas, several times faster.

    A trial table has few distinct values in many rows; each is formatted once.
    """
    if table.shape[1] == 1:
        # An empty cell in a single column is quoted, unlike in several columns.
        return table.to_csv(index=False, lineterminator="\n")
    head = table.iloc[:0].to_csv(index=False, lineterminator="\n")
    cells = [_cells(table[name]) for name in table]
    rows = map(",".join, zip(*cells, strict=True))
    return "\n".join([head[:-1], *rows, ""])


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
    text = pd.DataFrame({"value": distinct, "end": 0}).to_csv(
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
        return pd.read_csv(path)


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
