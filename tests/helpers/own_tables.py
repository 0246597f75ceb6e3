"""Tables of other laboratories: written, read and refused in tests."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from metarl.analysis.two_step.behaviour import SCHEMA
from metarl.core.checks import MetaRLError
from metarl.io.column_map import ColumnMap
from metarl.io.trials import TrialData, load_table

HEADER = "subject,trial,choice,reward,transition"


def two_step(path: Path | str | Sequence[Path], **parts: object) -> TrialData:
    """Read a two-step table, with the parts of a column map."""
    return load_table(path, SCHEMA, ColumnMap(**parts))  # type: ignore[arg-type]


def refusal(path: Path | str | Sequence[Path], **parts: object) -> str:
    """The sentence with which a two-step table is refused."""
    with pytest.raises(MetaRLError) as caught:
        two_step(path, **parts)
    return str(caught.value)
