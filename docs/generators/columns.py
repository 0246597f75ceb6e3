"""Pages on the tables of `metarl animals`, one per task, from schemas and guides."""

from typing import Any

import pandas as pd

from generators.markdown import code, page, plain, section, table
from metarl.analysis.analysis import Analysis
from metarl.analysis.schema import BASE_SCHEMA, Column
from metarl.envs.registry import NAMES
from metarl.experiments.spec import experiment
from metarl.io.synonyms import SYNONYMS
from metarl.reports.figures import own_data_analysis

HEADER = ("column", "", "values", "meaning", "example")
SHOWN_NAMES = 5
"""Maximum number of usual names that are listed for a column."""


def columns_table() -> str:
    """Return the columns that every task has; `docs/own_data.md` shows this table."""
    return table(HEADER, _rows(BASE_SCHEMA.describe()))


def data_pages() -> dict[str, str]:
    """Return a page for each task, and their index."""
    pages = {name: data_page(name) for name in NAMES}
    links = [f"- [`{name}`]({name}.md): {experiment(name).summary}" for name in NAMES]
    tree = "\n".join(["```{toctree}", ":hidden:", "", *NAMES, "```"])
    index = page("# Tables of every task", "\n".join(links), tree)
    return {**pages, "index": index}


def data_page(name: str) -> str:
    """Return the page of one task: columns, codings, measures, n, missed trials."""
    analysis = own_data_analysis(name)
    return page(
        f"# Your data: {name}",
        f"{experiment(name).summary[:1].upper()}{experiment(name).summary[1:]}. "
        f"After {plain(experiment(name).source)}.",
        f"```text\nmetarl animals {name} --data FILE --who people --out FOLDER\n```",
        section("Columns", _columns(analysis), _derived(analysis)),
        section("An example row", _example(analysis)),
        section("Other names and codes", _codings(analysis)),
        _guide(analysis),
        section("Panels", _panels(analysis)),
    )


def _columns(analysis: Analysis[Any]) -> str:
    return table(HEADER, _rows(analysis.schema.describe()))


def _rows(described: pd.DataFrame) -> list[tuple[str, ...]]:
    rows = []
    for row in described.to_dict("records"):
        unit = f" ({row['unit']})" if row["unit"] and row["unit"] != "percent" else ""
        example = code(row["example"]) if row["example"] else ""
        cells = (row["presence"], plain(row["values"]), plain(row["meaning"] + unit))
        rows.append((code(row["column"]), *map(str, cells), example))
    return rows


def _derived(analysis: Analysis[Any]) -> str:
    rules = [
        f"- `{name}`, where it is left out, follows from "
        f"{' and '.join(map(code, rule.needs))}: {rule.words}."
        for name, rule in analysis.schema.derived.items()
    ]
    return "\n".join(rules)


def _example(analysis: Analysis[Any]) -> str:
    row = analysis.schema.example()
    text = row.to_csv(index=False, lineterminator="\n").strip()
    return f"```text\n{text}\n```"


def _codings(analysis: Analysis[Any]) -> str:
    """Return the options for other names and codes, and the names that are known."""
    columns = analysis.schema.columns
    lines = [
        f'--code "{name}: {_code_words(column)}"'
        for name, column in columns.items()
        if any(column.names.values()) and not column.words
    ]
    usual = [
        f"- `{name}`: {', '.join(map(code, SYNONYMS[name][:SHOWN_NAMES]))}"
        for name in columns
        if name in SYNONYMS
    ]
    return page(
        "Columns of other names are mapped by `--column choice=response`, other codes "
        "by `--code`, in which `missing` stands for no choice, and a column that a "
        "file lacks by `--value`. The codes of this task, written for a file that has "
        "words:",
        "```text\n" + "\n".join(lines) + "\n```" if lines else "",
        "`--guess` proposes a map. It knows these names, among others:",
        "\n".join(usual),
    ).rstrip()


def _code_words(column: Column) -> str:
    known = [
        f"{word.split()[-1] if word else number}={number}"
        for number, word in column.names.items()
    ]
    return " ".join([*known, "NA=missing"])


def _guide(analysis: Analysis[Any]) -> str:
    guide = analysis.guide
    if guide is None:
        return ""
    rows = [(code(name), plain(words)) for name, words in guide.measures.items()]
    return page(
        section("Measures", table(("quantity or panel", "definition"), rows)),
        section("What n is", plain(guide.n)),
        section("Missed trials", plain(guide.missed)),
    ).rstrip()


def _panels(analysis: Analysis[Any]) -> str:
    lines = []
    for panel in (*analysis.behaviour_panels, *analysis.own_panels):
        needs = " or ".join(map(code, panel.columns))
        what = (panel.draw.__doc__ or "").splitlines()[0]
        lines.append(f"- {panel.title}: {what}" + (f" Needs {needs}." if needs else ""))
    return "\n".join(lines)
