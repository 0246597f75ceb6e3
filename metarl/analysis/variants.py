"""Effects of variants on numbers of each subject; claims without a row.

Every published claim about an experiment has a row in its table of effects. Where the
number is of a variant that was not trained, or where nothing tests the claim, the row
has no number: its verdict is MISSING, and its label says why.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

import pandas as pd

from metarl.analysis.claims import untested_claims
from metarl.analysis.criteria import LEARNED, Criteria, Criterion, untested
from metarl.analysis.data import ExperimentData
from metarl.analysis.effects import ALL_MEASURED, NO_LEARNING, Effect, key_of
from metarl.analysis.measures import (
    Measure,
    Tables,
    rows_at,
    select_group,
    subject_values,
)

COLUMNS = ("variant", "statistic", "subject", "value", "expected")
"""Columns of the table of `variant_statistics`."""
HOW_TO_TRAIN = "metarl compare RUN --variants {}, then metarl analyze RUN"
"""Commands that train variants of a run and score them."""
Measures = Callable[[ExperimentData], Mapping[str, Measure | pd.DataFrame]]
"""Data of a population -> its tables."""


def variant_statistics(
    criteria: Criteria, data: ExperimentData, measures: Measures
) -> pd.DataFrame:
    """The statistics that criteria name, of their variants.

    Args:
        criteria: of the task.
        data: the measured subjects, with their variants.
        measures: of the experiment.

    Returns:
        One row a variant, statistic and subject: these, value (in the statistic's unit)
        and expected (number of subjects of the variant; NaN if not known).
    """
    wanted: dict[str, dict[str, None]] = {}
    for rule in criteria.rules.values():
        for name in rule.variants if rule.statistic else ():
            if name in data.variants:
                wanted.setdefault(name, {})[column_of(rule, criteria)] = None
    rows = [
        (name, column, subject, value, data.variants[name].expected_subjects)
        for name, columns in wanted.items()
        for column, subject, value in _values(data.variants[name], measures, columns)
    ]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.astype({"value": float, "expected": float})


def column_of(rule: Criterion, criteria: Criteria) -> str:
    """The column of the table of subjects that a criterion names by its statistic."""
    if rule.statistic != LEARNED:
        return rule.statistic
    assert criteria.learned is not None
    return criteria.learned.statistic


def _values(
    data: ExperimentData, measures: Measures, columns: Iterable[str]
) -> Iterator[tuple[str, int, float]]:
    """Column, subject and value of a variant's networks."""
    subjects = measures(data)["subjects"]
    table = subjects.table if isinstance(subjects, Measure) else subjects
    for column in columns:
        values = subject_values(select_group(table), column)
        yield from ((column, int(str(k)), value) for k, value in values.items())


def variant_effects(tables: Tables, criteria: Criteria) -> Iterator[Effect]:
    """One effect for each criterion of a variant's statistic, if it is there.

    Args:
        tables: of the analysis, with variants (`variant_statistics`).
        criteria: of the task.
    """
    for rule in criteria.rules.values():
        if not rule.statistic:
            continue
        column = column_of(rule, criteria)
        rows = rows_at(tables["variants"], variant=rule.variant, statistic=column)
        if len(rows):
            yield _variant_effect(tables, rule, rows, column)


def _variant_effect(
    tables: Tables, rule: Criterion, rows: pd.DataFrame, statistic: str
) -> Effect:
    values, expected = subject_values(rows, "value"), rows["expected"].dropna()
    if len(expected):
        values = values.reindex(range(int(expected.iloc[0])))
    measured = select_group(tables["subjects"])[statistic]
    words = statistic.replace("_", " ")
    return Effect(
        key=f"variant.{rule.variant}.{statistic}.mean",
        label=f"{words}, variant {rule.variant}, mean",
        values=values,
        criterion=rule,
        learning=ALL_MEASURED,
        reference=float(measured.mean()),
        source="the measured networks",
    )


def missing_effects(
    task: str, criteria: Criteria, effects: Iterable[Effect], variants: Collection[str]
) -> Iterator[Effect]:
    """Effects without a number, of the claims that none of the others tests.

    Args:
        task: name of the task.
        criteria: of the task.
        effects: all effects of the analysis.
        variants: variants that were trained and tested.
    """
    used = {effect.criterion.name for effect in effects if effect.criterion}
    for name, rule in criteria.rules.items():
        if rule.claim and name not in used:
            yield _without_number(f"{name}: {_reason(rule, variants)}", rule)
    for name, claim in untested_claims(task).items():
        yield _without_number(f"{name}: {claim.missing}", untested(name))


def _without_number(label: str, rule: Criterion) -> Effect:
    nothing: pd.Series[Any] = pd.Series(dtype=float)
    return Effect(
        key=f"missing.{key_of(rule.name)}",
        label=label.rstrip("."),
        values=nothing,
        summary=rule.summary,
        criterion=rule,
        learning=NO_LEARNING,
        needs_learning=False,
    )


def _reason(rule: Criterion, variants: Collection[str]) -> str:
    """Why there is no number."""
    absent = [name for name in rule.variants if name not in variants]
    if not absent:
        return "the run has no test or recording with this number"
    several = "variants" if len(absent) > 1 else "variant"
    verb = "were" if len(absent) > 1 else "was"
    command = HOW_TO_TRAIN.format(" ".join(absent))
    return f"{several} {', '.join(absent)} {verb} not trained ({command})"
