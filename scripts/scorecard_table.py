"""Write a scorecard as CSV: python scripts/scorecard_table.py runs/x/scorecard.json.

Numbers have three significant digits. `docs/results/scorecard.csv` is such a table.
"""

import sys
from pathlib import Path

import pandas as pd

from metarl.reports.scorecard import read_scorecard

NUMBERS = ("value", "low", "high", "reference")
COLUMNS = (
    "experiment",
    "effect",
    "value",
    "low",
    "high",
    "subjects",
    "learned",
    "claim",
    "control",
    "criterion",
    "reference",
    "source",
    "verdict",
)


def rounded(number: float) -> str:
    """A number with three significant digits; empty if it is missing."""
    return f"{number:.3g}" if pd.notna(number) else ""


def main(path: Path) -> None:
    """Write the table to the standard output."""
    card = read_scorecard(path)
    table = card.assign(**{name: card[name].map(rounded) for name in NUMBERS})
    table.to_csv(sys.stdout, columns=list(COLUMNS), index=False, lineterminator="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
