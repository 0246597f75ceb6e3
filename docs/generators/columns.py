"""Columns of the trial tables that `metarl animals` reads, from their schemas."""

import pandas as pd

from generators.markdown import code, table
from metarl.analysis.schema import BASE_SCHEMA, TrialSchema
from metarl.envs.registry import NAMES
from metarl.experiments.spec import experiment

HEADER = ("task", "column", "", "values", "meaning")


def columns_table() -> str:
    """Return the columns of every task, then those that a task adds or restricts.

    `docs/own_data.md` shows this table.
    """
    rows = _rows("every task", BASE_SCHEMA.describe())
    for schema, names in _schemas():
        own = [k for k, c in schema.columns.items() if c != BASE_SCHEMA.columns.get(k)]
        described = schema.describe()
        rows += _rows(", ".join(names), described[described["column"].isin(own)])
    return table(HEADER, rows)


def _schemas() -> list[tuple[TrialSchema, list[str]]]:
    """Return each schema of tables of animals, and the tasks that have it."""
    found: dict[int, tuple[TrialSchema, list[str]]] = {}
    for name in NAMES:
        analysis = experiment(name).load_analysis()
        if analysis.own_data:
            schema = analysis.schema
            found.setdefault(id(schema), (schema, []))[1].append(code(name))
    return list(found.values())


def _rows(task: str, described: pd.DataFrame) -> list[tuple[str, ...]]:
    """Return the rows of some columns; the task stands in the first of them."""
    cells = described[["presence", "values", "meaning"]].to_numpy().tolist()
    names = [code(name) for name in described["column"]]
    tasks = [task, *[""] * len(names)]
    return [
        (task, name, *row) for task, name, row in zip(tasks, names, cells, strict=False)
    ]
