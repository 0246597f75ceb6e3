"""What tests of the readers share: a file of given lines."""

from collections.abc import Callable
from pathlib import Path

import pytest
from own_tables import HEADER


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    """Write lines to a file, two-step's header first: written("own.csv", "A,0,...")."""

    def write(
        name: str, *lines: str, header: str = HEADER, encoding: str = "utf-8"
    ) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(
            "\n".join([*([header] if header else []), *lines, ""]).encode(encoding)
        )
        return path

    return write
