"""Page of all effects of the official run, from `docs/results/scorecard.csv`."""

import csv
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from generators.markdown import page, plain, section, table
from metarl.analysis.scoring import (
    CLAIM,
    HEADINGS,
    Row,
    claim_verdicts,
    counts_in_words,
    rows_by_kind,
)

SCORECARD = Path(__file__).resolve().parents[1] / "results" / "scorecard.csv"
HEADER = (
    "effect",
    "value [95 % interval]",
    "learned",
    "criterion",
    "reference",
    "verdict",
)


def scorecard_page() -> str:
    """Return the page: for each experiment, tables of claims and of other effects."""
    rows = read_rows(SCORECARD)
    introduction = (
        f"All {len(rows)} effects of the [official run](../results/index.md). A value "
        "is the mean over networks, unless the name of the effect states otherwise; "
        "`learned` is the number of networks that learned the task. Rows that test "
        "[published claims](claims.md), diagnostics of ours and controls are apart."
    )
    experiments = [
        section(name, *_tables(list(effects)))
        for name, effects in groupby(rows, key=itemgetter("experiment"))
    ]
    counts = section("Counts", counts_table(rows))
    return page("# Scorecard", introduction, counts, *experiments)


def read_rows(path: Path) -> list[Row]:
    """Read the rows of a CSV table as column -> cell."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def counts_table(rows: Sequence[Row]) -> str:
    """Return a table of verdicts: claims, each counted once, and rows of each kind."""
    counts = {"published claims, each counted once": claim_verdicts(rows).values()}
    kinds = {
        f"rows: {HEADINGS[kind].lower()}": [row["verdict"] for row in part]
        for kind, part in rows_by_kind(rows).items()
    }
    every = {**counts, **kinds}
    cells = [(name, counts_in_words(verdicts)) for name, verdicts in every.items()]
    return table(("count of", "verdicts"), cells)


def _tables(rows: Sequence[Row]) -> Iterator[str]:
    """A table for each kind of rows, that of claims with their names."""
    for kind, part in rows_by_kind(rows).items():
        if kind == CLAIM:
            cells = [[plain(row["claim"]), *_cells(row)] for row in part]
            shown = table(("claim", *HEADER), cells)
        else:
            shown = table(HEADER, map(_cells, part))
        yield section(HEADINGS[kind], shown, level=3)


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
