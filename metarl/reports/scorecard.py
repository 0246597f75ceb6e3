"""Scorecard: table of all effects of all experiments, with their verdicts."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from metarl.analysis.criteria import Criterion
from metarl.analysis.effects import COLUMNS, Effect, effect_table
from metarl.analysis.scoring import (
    CONTROL,
    HEADINGS,
    VERDICTS,
    claim_verdicts,
    kind_of,
)
from metarl.core.checks import MetaRLError
from metarl.core.files import read_json, write_json
from metarl.experiments.spec import experiment
from metarl.reports.figures import effect_lines, read_effects
from metarl.runs.config import check_trusted
from metarl.runs.folder import Run


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
    """Read a scorecard from `write_scorecard`.

    Raises:
        MetaRLError: it lacks a column, as one of an earlier version does.
    """
    card = pd.DataFrame(read_json(path))
    for name in COLUMNS:
        if len(card) and name not in card:
            raise MetaRLError(
                f"{path} has no {name}; remove it, and repeat the command that made it"
            )
    return card


def tally(card: pd.DataFrame) -> pd.DataFrame:
    """Count effects without controls by verdict: a row per experiment, one for all."""
    rest = card[card.apply(kind_of, axis=1) != CONTROL]
    counted = _counted(rest, rest["experiment"])
    counted.loc["all"] = counted.sum()
    return counted


def claim_tally(card: pd.DataFrame) -> pd.DataFrame:
    """Count published claims by verdict: a row per experiment with some, one for all.

    A claim that several experiments test is counted once in each, and once in all.
    """
    verdicts = {
        name: claim_verdicts(part.to_dict("records"))
        for name, part in card.groupby("experiment", sort=False)
    }
    whole = {**verdicts, "all": claim_verdicts(card.to_dict("records"))}
    counts = {name: Counter(of.values()) for name, of in whole.items() if of}
    table = pd.DataFrame.from_dict(counts, orient="index")
    return table.reindex(columns=list(VERDICTS[:-1])).fillna(0).astype(int)


def kind_tally(card: pd.DataFrame) -> pd.DataFrame:
    """Count effects by verdict: a row for each kind."""
    kinds = card.apply(lambda row: HEADINGS[kind_of(row)], axis=1)
    return _counted(card, kinds.astype(str))


def _counted(card: pd.DataFrame, by: "pd.Series[str]") -> pd.DataFrame:
    counted = pd.crosstab(by, card["verdict"]).reindex(by.unique())
    counted = counted.reindex(columns=list(VERDICTS), fill_value=0)
    return counted.rename_axis(index=None, columns=None)


def scorecard_text(card: pd.DataFrame) -> str:
    """Format the scorecard as text: every effect, then the counts.

    The kinds of effects are apart; the counts are of claims, each counted once, and of
    rows.
    """
    lines = []
    for name, part in card.groupby("experiment", sort=False):
        check_trusted(str(name))
        entry = experiment(str(name))
        lines += [f"{name}: {entry.summary}"]
        lines += [entry.source_line, ""] if entry.source else [""]
        lines += [*effect_lines(part), ""]
    counts = {
        "Published claims, each counted once": claim_tally(card),
        "Rows by kind": kind_tally(card),
        "Rows by experiment, without controls": tally(card),
    }
    for heading, table in counts.items():
        lines += [heading, "", table.to_string() if len(table) else "  none", ""]
    return "\n".join(lines[:-1])
