"""Page of all effects of the official run, from `docs/results/scorecard.csv`."""

import csv
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from generators.markdown import page, plain, section, table

SCORECARD = Path(__file__).resolve().parents[1] / "results" / "scorecard.csv"
HEADER = (
    "effect",
    "value [95 % interval]",
    "learned",
    "criterion",
    "reference",
    "verdict",
)
Row = dict[str, str]


def scorecard_page() -> str:
    """Return the page: a table for each experiment, one row per effect."""
    rows = read_rows(SCORECARD)
    introduction = (
        f"All {len(rows)} effects of the [official run](../results/index.md). A value "
        "is the mean over networks, unless the name of the effect states otherwise; "
        "`learned` is the number of networks that learned the task."
    )
    tables = [
        section(name, table(HEADER, map(_cells, effects)))
        for name, effects in groupby(rows, key=itemgetter("experiment"))
    ]
    return page("# Scorecard", introduction, *tables)


def read_rows(path: Path) -> list[Row]:
    """Read the rows of a CSV table as column -> cell."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _cells(row: Row) -> list[str]:
    interval = f" [{row['low']}, {row['high']}]" if row["low"] else ""
    learned = f"{row['learned']} of " if row["learned"] else ""
    source = f" ({row['source']})" if row["source"] else ""
    return [
        plain(row["effect"]),
        f"{row['value'] or 'none'}{interval}",
        f"{learned}{row['subjects']}",
        plain(row["criterion"]),
        plain(f"{row['reference']}{source}".strip()),
        row["verdict"],
    ]
