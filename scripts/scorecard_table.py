"""Print a scorecard as Markdown: python scripts/scorecard_table.py scorecard.json."""

import sys
from pathlib import Path
from typing import Any

import pandas as pd

from metarl.reports.scorecard import read_scorecard

HEADINGS = (
    "effect",
    "value [95 % interval]",
    "learned",
    "criterion",
    "reference",
    "verdict",
)


def cells(row: dict[Any, Any]) -> list[str]:
    """One row of the table."""
    value = f"{row['value']:.3g}" if pd.notna(row["value"]) else "none"
    if pd.notna(row["low"]):
        value += f" [{row['low']:.3g}, {row['high']:.3g}]"
    learned = f"{row['learned']:.0f} of " if pd.notna(row["learned"]) else ""
    reference = f"{row['reference']:.3g}" if pd.notna(row["reference"]) else ""
    source = f" ({row['source']})" if row["source"] else ""
    return [
        row["effect"],
        value,
        f"{learned}{row['subjects']}",
        row["criterion"],
        reference + source,
        row["verdict"],
    ]


def main(path: Path) -> None:
    """Print a table for each experiment."""
    for name, part in read_scorecard(path).groupby("experiment", sort=False):
        print(f"\n**{name}**\n\n| {' | '.join(HEADINGS)} |")
        print("|---" * len(HEADINGS) + "|")
        for row in part.to_dict("records"):
            print(f"| {' | '.join(cells(row))} |")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
