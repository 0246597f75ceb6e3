"""Users' trial tables: read, completed, and refused."""

import pytest

from metarl.analysis.animals import read_table
from metarl.core.checks import MetaRLError


def test_a_file_of_another_format_than_its_ending_is_refused(tmp_path):
    for ending, content in (
        (".csv", b""),
        (".csv", b"\xff\xfe\x00"),
        (".parquet", b"x"),
    ):
        file = tmp_path / f"bad{ending}"
        file.write_bytes(content)
        with pytest.raises(MetaRLError, match=f"bad{ending} cannot be read as"):
            read_table(file)
