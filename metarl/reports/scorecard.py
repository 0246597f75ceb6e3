"""Scorecard: table of all effects of all experiments, with their verdicts."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from metarl.analysis.criteria import Criterion
from metarl.analysis.effects import COLUMNS, Effect, effect_table
from metarl.core.files import read_json, write_json
from metarl.experiments.spec import experiment
from metarl.reports.figures import effect_line, read_effects
from metarl.runs.config import check_trusted
from metarl.runs.folder import Run

VERDICTS = ("PASS", "FAIL", "MISSING", "NOT LEARNED", "REPORTED")
"""Verdicts, in the order of a tally."""


def scorecard(runs: Mapping[str, Run]) -> pd.DataFrame:
    """Return effects of all experiments in order; a missing analysis is a failed row.

    Args:
        runs: experiment -> its run.

    Returns:
        One row per effect, with the columns of an effects table.
    """
    rows = [row for name, run in runs.items() for row in effect_rows(name, run)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def effect_rows(name: str, run: Run) -> list[dict[str, Any]]:
    """Return effects of one experiment; one failed row if its analysis is missing."""
    if run.effects_path.exists():
        command = f"metarl analyze {run.path}"
        return read_effects(run.effects_path, command, run.tests_digest())
    return json.loads(missing(name, run.config.subjects).to_json(orient="records"))  # type: ignore[no-any-return]


def missing(name: str, subjects: int) -> pd.DataFrame:
    """Return the row of an experiment without a result."""
    tested = pd.Series(0.0, index=range(subjects))
    effect = Effect(
        label="subjects that were trained and tested, part of all",
        values=tested,
        criterion=Criterion(low=1.0),
        needs_learning=False,
    )
    return effect_table(name, [(effect, None)])


def write_scorecard(path: Path, card: pd.DataFrame) -> None:
    """Write the scorecard as JSON rows, blanks as null."""
    write_json(path, json.loads(card.to_json(orient="records", double_precision=15)))


def read_scorecard(path: Path) -> pd.DataFrame:
    """Read a scorecard from `write_scorecard`."""
    return pd.DataFrame(read_json(path))


def tally(card: pd.DataFrame) -> pd.DataFrame:
    """Count effects by verdict: one row per experiment, and one for all."""
    counted = pd.crosstab(card["experiment"], card["verdict"])
    counted = counted.reindex(card["experiment"].unique())
    counted = counted.reindex(columns=list(VERDICTS), fill_value=0)
    counted.loc["all"] = counted.sum()
    return counted.rename_axis(index=None, columns=None)


def scorecard_text(card: pd.DataFrame) -> str:
    """Format the scorecard as text: every effect, then the tally."""
    lines = []
    for name, part in card.groupby("experiment", sort=False):
        check_trusted(str(name))
        entry = experiment(str(name))
        lines += [f"{name}: {entry.summary}"]
        lines += [entry.source_line, ""] if entry.source else [""]
        lines += [effect_line(row) for row in part.to_dict("records")]
        lines += [""]
    return "\n".join([*lines, tally(card).to_string()])
