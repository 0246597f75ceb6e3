"""Effects of the risky-choice experiment, with the published directions of rats."""

from collections.abc import Iterator
from itertools import product

import pandas as pd

from metarl.analysis.analysis import Context
from metarl.analysis.criteria import Criterion
from metarl.analysis.effects import ALL_MEASURED, Effect, Shared
from metarl.analysis.measures import (
    Tables,
    group_mean,
    measured_subjects,
    rows_at,
    select_group,
    subject_values,
)
from metarl.analysis.risky_choice.behaviour import all_probabilities, probabilities
from metarl.analysis.risky_choice.changes import (
    ALL_TRIALS,
    CONTROL,
    FREE_TRIALS,
    STIMULATIONS,
)
from metarl.analysis.statistics import NO_BOUNDS, PERCENT, POINTS, Bounds

HIGH, LOW = "high", "low"
"""Names of the two probabilities of the large reward."""
BEST = "bayes-optimal"
"""Baseline that chooses as well as possible."""


def effects(tables: Tables, context: Context) -> Iterator[Effect]:
    """Every effect of the experiment."""
    yield from _control_effects(tables, context)
    yield from _other_effects(tables)
    yield from _scored_changes(tables, context)
    yield from _mean_changes(tables)
    yield from _error_effects(tables)
    yield from _ablated_effects(tables, context)
    yield from _value_effects(tables, context)


def _probability(tables: Tables, name: str) -> float:
    return float(getattr(probabilities(tables), name))


def _known(tables: Tables) -> list[str]:
    """Names of the probabilities that there are."""
    return list(probabilities(tables).named)


def _compared(
    tables: Tables, column: str, bounds: Bounds, chance: float | None = None
) -> Shared:
    """Chance, and the best possible on the same task as the reference."""
    best = group_mean(tables["subjects"], BEST, column)
    source = "" if best is None else "Bayes-optimal chooser on the same task"
    return {"chance": chance, "reference": best, "source": source, "bounds": bounds}


def _control_effects(tables: Tables, context: Context) -> Iterator[Effect]:
    """Risky choice before anything is changed."""
    subjects = select_group(tables["subjects"])
    for name, criterion in (
        (HIGH, context.criteria["takes the better risk, each network"]),
        (LOW, context.criteria["avoids the worse risk, each network"]),
    ):
        if name not in _known(tables):
            continue
        column = f"percent_{name}"
        values = subject_values(subjects, column)
        label = f"risky choices at p = {_probability(tables, name):g} (%)"
        yield Effect(
            key=f"risky.{name}.mean",
            label=f"{label}, mean",
            values=values,
            **_compared(tables, column, PERCENT, chance=50.0),
        )
        yield Effect(
            key=f"risky.{name}.{criterion.summary}",
            label=f"{label}, {criterion.summary} network",
            values=values,
            summary=criterion.summary,
            criterion=criterion,
            **_compared(tables, column, PERCENT),
        )
    better = context.criteria["better minus worse"]
    rows: tuple[tuple[str, str, Criterion | None, float | None, Bounds], ...] = (
        (
            "risk_sensitivity",
            "risky choices, better minus worse (points)",
            better,
            0.0,
            POINTS,
        ),
        ("reward_per_free_trial", "reward per free trial", None, None, NO_BOUNDS),
    )
    for column, label, rule, chance, bounds in rows:
        yield Effect(
            key=f"{column}.mean",
            label=f"{label}, mean",
            values=subject_values(subjects, column),
            criterion=rule,
            **_compared(tables, column, bounds, chance),
        )


def _other_effects(tables: Tables) -> Iterator[Effect]:
    """Risky choice at probabilities between the highest and the lowest."""
    control = rows_at(select_group(tables["risky"]), condition=CONTROL)
    everyone = measured_subjects(tables)
    for probability in all_probabilities(tables):
        if probability not in probabilities(tables):
            cell = rows_at(control, probability=probability)
            yield Effect(
                key=f"risky.p_{probability:g}.mean",
                label=f"risky choices at p = {probability:g} (%), mean",
                values=subject_values(cell, "percent").reindex(everyone),
                chance=50.0,
                bounds=PERCENT,
            )


def _scored_changes(tables: Tables, context: Context) -> Iterator[Effect]:
    """The end of the interval that must lie on one side of no change."""
    scored: tuple[tuple[str, str, Criterion], ...] = (
        ("risky-win", HIGH, context.criteria["less risky"]),
        ("safe", LOW, context.criteria["more risky"]),
        ("risky-loss", HIGH, context.criteria["more risky"]),
        ("risky-loss", LOW, context.criteria["more risky"]),
    )
    for outcome, name, criterion in scored:
        if name not in _known(tables):
            continue
        end = criterion.summary
        label = _change_label(tables, outcome, name, ALL_TRIALS)
        yield Effect(
            key=_change_key(outcome, name, ALL_TRIALS, end),
            label=f"{label}, {end} end of the mean's interval",
            values=_changes(tables, outcome, name, ALL_TRIALS),
            summary=end,
            criterion=criterion,
            bounds=POINTS,
        )


def _mean_changes(tables: Tables) -> Iterator[Effect]:
    """Every change, paired over networks, with the rats' direction."""
    rats = _directions(tables)
    spans = (ALL_TRIALS, FREE_TRIALS)
    for span, outcome, name in product(spans, STIMULATIONS, _known(tables)):
        yield Effect(
            key=_change_key(outcome, name, span, "mean"),
            label=f"{_change_label(tables, outcome, name, span)}, mean",
            values=_changes(tables, outcome, name, span),
            chance=0.0,
            source=rats[outcome],
            bounds=POINTS,
        )


def _change_key(outcome: str, name: str, span: str, summary: str) -> str:
    return f"change.{outcome}.{name}.{span.replace(' ', '_')}.{summary}"


def _change_label(tables: Tables, outcome: str, name: str, span: str) -> str:
    probability, stimulation = _probability(tables, name), STIMULATIONS[outcome]
    change = f"RPE {stimulation.amount:+g} at {stimulation.label}"
    return f"change of risky choices by {change}, p = {probability:g}, {span} (points)"


def _directions(tables: Tables) -> dict[str, str]:
    """Outcome -> direction of the rats' change, and their number."""
    rows = tables["reference_rats"]
    ways = ["more" if sign > 0 else "less" for sign in rows["value"]]
    return {
        str(outcome): f"rats: {way} (n = {n:g}), Stopper et al. 2014"
        for outcome, way, n in zip(rows["outcome"], ways, rows["n"], strict=True)
    }


def _changes(tables: Tables, outcome: str, name: str, span: str) -> "pd.Series[float]":
    """Change of every measured subject; NaN where it was not tested."""
    where = {
        "outcome": outcome,
        "span": span,
        "probability": _probability(tables, name),
    }
    cell = rows_at(tables["changes"], **where)
    return subject_values(cell, "change").reindex(measured_subjects(tables))


def _error_effects(tables: Tables) -> Iterator[Effect]:
    """The prediction errors that the change replaces; without a recording, none."""
    levels = probabilities(tables)
    for outcome, stimulation in STIMULATIONS.items():
        label = f"RPE at {stimulation.label}"
        errors = {
            name: subject_values(
                rows_at(tables["rpe"], outcome=outcome, probability=probability), "mean"
            ).reindex(measured_subjects(tables))
            for name, probability in levels.named.items()
        }
        for name, values in errors.items():
            yield Effect(
                key=f"rpe.{outcome}.{name}.mean",
                label=f"{label}, p = {_probability(tables, name):g}, mean",
                values=values,
            )
        if outcome != "safe" and LOW in errors:
            # A critic that has inferred the probability is surprised by wins where
            # they are rare, by losses where they are not: both differences are then
            # positive.
            yield Effect(
                key=f"rpe.{outcome}.low_minus_high.mean",
                label=f"{label}, p = {levels.low:g} minus p = {levels.high:g}, mean",
                values=errors[LOW] - errors[HIGH],
                chance=0.0,
            )


def _value_effects(tables: Tables, context: Context) -> Iterator[Effect]:
    """Weight of the difference of expected rewards; without amounts, no row."""
    weights = select_group(tables["value_weights"])
    if weights.empty:
        return
    unit = context.reward_unit
    for column, key, label in (
        (
            "slope",
            "slope",
            f"risky choice by expected reward, log odds ({unit})",
        ),
        ("risk_premium", "premium", f"risk premium ({unit})"),
    ):
        yield Effect(
            key=f"value.{key}.mean",
            label=f"{label}, mean",
            values=subject_values(weights, column),
            chance=0.0,
        )


def _ablated_effects(tables: Tables, context: Context) -> Iterator[Effect]:
    """Networks that never received a prediction error; missing ones have no number.

    Without such a population there is no row.
    """
    if tables["without_rpe"].empty:
        return
    for name in _known(tables):
        yield Effect(
            key=f"risky.without_rpe.{name}.mean",
            label=f"risky choices at p = {_probability(tables, name):g} (%) of "
            "networks trained without RPE, mean",
            values=subject_values(tables["without_rpe"], f"percent_{name}"),
            criterion=context.criteria["without prediction error"],
            learning=ALL_MEASURED,
            chance=50.0,
            bounds=PERCENT,
        )
