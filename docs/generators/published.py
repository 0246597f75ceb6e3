"""Tables of the page on the published settings, from `docs/results/published`.

The page `docs/published_settings.md` has text of its own around them; each table is
between two comments with its name.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from generators.markdown import code, plain, section, table
from generators.results import Row, read_rows
from metarl.core.docstrings import paragraphs
from metarl.experiments.spec import experiment

DOCS = Path(__file__).resolve().parents[1]
PAGE = DOCS / "published_settings.md"
RESULTS = DOCS / "results" / "published"
NOTHING = "No run of these settings is in `docs/results/published` yet."
TRAINING = ("Training", "Departs", "Declared")
"""Notes of an experiment on its settings."""
SCORED = ("PASS", "FAIL", "NOT LEARNED", "MISSING")


def blocks(folder: Path | None = None) -> dict[str, str]:
    """Return every table of the page by name, as Markdown.

    Args:
        folder: folder with runs.csv, learned.csv, comparison.csv and effects.csv, as
            `scripts/published_settings.py` writes them; a missing file has no rows.
            RESULTS by default.
    """
    folder = folder or RESULTS
    rows = {name: _rows(folder / f"{name}.csv") for name in FILES}
    found = {name: make(rows[name]) for name, make in FILES.items()}
    found["figure"] = _figure(folder)
    found["scored"] = _scored(rows["effects"])
    return {name: text or NOTHING for name, text in found.items()}


def filled(page: str, tables: Mapping[str, str]) -> str:
    """Return the text of a page with each table between its comments."""
    for name, text in tables.items():
        between = f"<!-- {name} -->", f"<!-- end of {name} -->"
        pattern = re.compile("(?s)" + ".*?".join(map(re.escape, between)))
        block = f"{between[0]}\n\n{text}\n\n{between[1]}"
        page, count = pattern.subn(lambda _, block=block: block, page)
        if count != 1:
            raise ValueError(f"{PAGE.name} must have one place for {name}, got {count}")
    return page


def fill_page() -> None:
    """Write the tables into the page."""
    text = filled(PAGE.read_text(encoding="utf-8"), blocks())
    PAGE.write_text(text, encoding="utf-8")


def _rows(path: Path) -> list[Row]:
    return read_rows(path) if path.exists() else []


def _figure(folder: Path) -> str:
    path = folder / "figure.png"
    if not path.exists():
        return ""
    place = path.relative_to(DOCS).as_posix() if DOCS in path.parents else path.name
    return f"![Share of networks that have learned, over episodes]({place})"


def runs_table(rows: Sequence[Row]) -> str:
    """Return what was run: a row a run, then the notes of each experiment."""
    header = ("task", "arm", "preset", "differs", "networks", "seed", "steps")
    cells = [
        (
            code(row["task"]),
            row["arm"],
            code(row["preset"]),
            plain(row["differs"]),
            row["networks"],
            row["seed"],
            f"{int(row['steps']):,}",
        )
        for row in rows
    ]
    noted = [_notes(task) for task in dict.fromkeys(row["task"] for row in rows)]
    return "\n\n".join(filter(None, [table(header, cells), "\n".join(noted)]))


def _notes(task: str) -> str:
    """Return the notes of an experiment on its training, as an item of a list."""
    notes = [
        f"*{label}*: {plain(text)}"
        for label, text in paragraphs(experiment(task).notes)
        if label in TRAINING
    ]
    return f"- {code(task)}: {' '.join(notes) or 'as published.'}"


def learned_table(rows: Sequence[Row]) -> str:
    """Return how many networks learned, and when: a row a run."""
    header = (
        *("task", "arm", "learned", "share [95 %]", "at the end"),
        *("median episodes [95 %]", "episodes of training"),
    )
    return table(header, map(_learned_cells, rows))


def _learned_cells(row: Row) -> tuple[str, ...]:
    ends = f"{float(row['low']):.2f}, {float(row['high']):.2f}"
    return (
        code(row["task"]),
        row["run"],
        f"{row['learned']} of {row['networks']}",
        f"{float(row['share']):.2f} [{ends}]",
        row["meets_at_end"],
        _median(row),
        _count(row["trained_episodes"]),
    )


def _median(row: Row) -> str:
    low, high = (
        _count(row[f"median_episodes_{end}"]) or "not reached"
        for end in ("low", "high")
    )
    median = _count(row["median_episodes"]) or "not reached"
    return median if low == median else f"{median} [{low}, {high}]"


def _count(cell: str) -> str:
    return f"{float(cell):,.0f}" if cell else ""


def comparison_table(rows: Sequence[Row]) -> str:
    """Return the comparisons of arms with the first of their task."""
    header = (
        *("task", "arm", "learned", "first arm", "learned there"),
        *("times, log-rank p", "numbers, Fisher p"),
    )
    cells = [
        (
            code(row["task"]),
            row["run"],
            f"{row['learned']} of {row['networks']}",
            row["first"],
            f"{row['learned_first']} of {row['networks_first']}",
            _p(row["p_logrank_holm"]),
            _p(row["p_fisher_holm"]),
        )
        for row in rows
    ]
    return table(header, cells)


def _p(cell: str) -> str:
    return f"{float(cell):.2g}" if cell else "none learned"


def verdicts_table(rows: Sequence[Row]) -> str:
    """Return the number of effects of each run by verdict."""
    cells = []
    for (task, arm), own in groupby(rows, key=itemgetter("experiment", "arm")):
        verdicts = [row["verdict"] for row in own]
        counts = (str(verdicts.count(each)) for each in (*SCORED, "REPORTED"))
        cells.append((code(task), arm, *counts))
    return table(("task", "arm", *SCORED, "REPORTED"), cells)


def _scored(rows: Sequence[Row]) -> str:
    """Return every scored effect: a table for each task."""
    header = ("arm", "effect", "value [95 %]", "criterion", "reference", "verdict")
    parts = []
    for task, own in groupby(rows, key=itemgetter("experiment")):
        cells = [_effect_cells(row) for row in own if row["verdict"] in SCORED]
        if cells:
            parts.append(section(task, table(header, cells), level=3))
    return "\n\n".join(parts)


def _effect_cells(row: Row) -> tuple[str, ...]:
    interval = f" [{row['low']}, {row['high']}]" if row["low"] else ""
    return (
        row["arm"],
        plain(row["effect"]),
        f"{row['value'] or 'none'}{interval}",
        plain(row["criterion"]),
        row["reference"],
        row["verdict"],
    )


FILES = {
    "runs": runs_table,
    "learned": learned_table,
    "comparison": comparison_table,
    "effects": verdicts_table,
}
"""Name of a table and its file -> function that formats its rows."""
