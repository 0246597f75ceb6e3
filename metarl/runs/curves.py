"""Check of a learning curve that was read from a file."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metarl.core.checks import MetaRLError

if TYPE_CHECKING:
    import pandas as pd

POINT = ("update", "steps")
"""Columns that place a point of a curve; none of their cells may be missing."""
REWARD = "rollout/reward_rate"
"""Column of every curve that is drawn."""


def check_curve(path: Path, curve: "pd.DataFrame") -> None:
    """Raise MetaRLError unless every cell of a learning curve is a number.

    Outside the columns of `POINT` a cell may be missing or NaN, which is the same: no
    episode ended, or the learning diverged.

    Args:
        path: file of the curve, for the message.
        curve: one row per point.
    """
    lacks = [name for name in (*POINT, REWARD) if name not in curve]
    if lacks:
        raise _damaged(path, f"it has no column {lacks[0]}")
    if curve.empty:
        raise _damaged(path, "it has no rows")
    for name in map(str, curve):
        _check_column(path, curve[name], whole=name in POINT)


def _check_column(path: Path, cells: "pd.Series[Any]", *, whole: bool) -> None:
    if cells.dtype.kind in ("iu" if whole else "iuf"):
        return
    for row, cell in enumerate(cells.tolist(), start=1):
        if not _fits(cell, whole=whole):
            rule = "a whole number" if whole else "a number"
            got = "a blank" if cell is None or str(cell) == "nan" else repr(cell)
            raise _damaged(
                path,
                f"row {row} below the header must have {rule} in the column "
                f"{cells.name}, got {got}",
            )


def _fits(cell: object, *, whole: bool) -> bool:
    """Whether a cell is a number, or may be missing."""
    if cell is None or isinstance(cell, bool):
        return cell is None and not whole
    try:
        number = float(cell)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
    return not whole or (math.isfinite(number) and number % 1 == 0)


def _damaged(path: Path, why: str) -> MetaRLError:
    return MetaRLError(
        f"{path} is damaged: {why}; restore it from a copy, or train again with "
        "`metarl train`"
    )
