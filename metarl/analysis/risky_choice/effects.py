"""What the risky-choice networks must show, beside what was published of rats.

Criteria were fixed beforehand, for the task and the test as published; on a variant the
same rows are reported and not scored.
"""

from collections.abc import Iterable
from itertools import product

import pandas as pd

from metarl.analysis.bridge import CRITERIA, Tables, judge, learned_subjects
from metarl.analysis.effects import Effect, variant_learners
from metarl.analysis.measures import select_group, subject_values
from metarl.analysis.risky_choice.changes import ALL_TRIALS, FREE_TRIALS, STIMULATIONS

MUST = CRITERIA["risky-choice"]
"""What is asked of the networks, by name."""
HIGH, LOW = "high", "low"
"""Names of the two chances of the large reward, as in the table about."""
SCORED = (
    ("risky-win", HIGH, MUST["less risky"]),
    ("safe", LOW, MUST["more risky"]),
    ("risky-loss", HIGH, MUST["more risky"]),
    ("risky-loss", LOW, MUST["more risky"]),
    ("risky-win", LOW, MUST["not more risky"]),
    ("safe", HIGH, MUST["not less risky"]),
)
"""Outcome, chance, criterion of an end of the interval."""
ABLATED = "no-rpe"
"""Control population that was trained without a prediction error."""
BEST = "bayes-optimal"
"""The strategy whose behaviour is the best possible."""


def effects(tables: Tables) -> pd.DataFrame:
    """Every effect of the experiment with its verdict, as `effect_table` lays out."""
    about = tables["about"]
    subjects = select_group(tables["subjects"])
    learned = None
    if bool(about["scored"].iloc[0]):
        learned = learned_subjects(str(about["task"].iloc[0]), subjects)
    rows = [
        *_control_effects(tables, subjects),
        *_change_effects(tables, subjects),
        *_error_effects(tables, subjects),
    ]
    expected = about["expected"].iloc[0]
    listed = [(effect, learned) for effect in rows]
    listed += [(e, variant_learners(e, learned, expected)) for e in _ablated(tables)]
    return judge(about, listed)


def _probability(tables: Tables, name: str) -> float:
    return float(tables["about"][name].iloc[0])


def _best(tables: Tables, column: str) -> tuple[float | None, str]:
    """What the best strategy shows on the same task, and its source."""
    table = select_group(tables["subjects"], BEST)
    if table.empty:
        return None, ""
    return float(table[column].mean()), "Bayes-optimal chooser on the same task"


def _control_effects(tables: Tables, subjects: pd.DataFrame) -> Iterable[Effect]:
    """Risky choice before anything is changed."""
    for name, criterion in (
        (HIGH, MUST["takes the better risk, each network"]),
        (LOW, MUST["avoids the worse risk, each network"]),
    ):
        column = f"percent_{name}"
        values = subject_values(subjects, column)
        best, source = _best(tables, column)
        words = f"risky choices at p = {_probability(tables, name):g} (%)"
        yield Effect(
            label=f"{words}, mean",
            values=values,
            chance=50.0,
            reference=best,
            source=source,
        )
        yield Effect(
            label=f"{words}, {criterion.summary} network",
            values=values,
            summary=criterion.summary,
            criterion=criterion,
            reference=best,
            source=source,
        )
    for column, words, chance in (
        ("risk_sensitivity", "risky choices, better minus worse (points)", 0.0),
        ("reward_per_trial", "reward per free trial", None),
    ):
        best, source = _best(tables, column)
        yield Effect(
            label=f"{words}, mean",
            values=subject_values(subjects, column),
            chance=chance,
            reference=best,
            source=source,
        )


def _change_effects(tables: Tables, subjects: pd.DataFrame) -> Iterable[Effect]:
    """What the changed prediction error does, paired over networks."""
    for kind, name, criterion in SCORED:
        end = f"{criterion.summary} end of the mean's interval"
        yield Effect(
            label=f"{_words(tables, kind, name)}, {end}",
            values=_changes(tables, subjects, kind, ALL_TRIALS, name),
            summary=criterion.summary,
            criterion=criterion,
        )
    rats = _directions(tables)
    for span, kind, name in product(
        (ALL_TRIALS, FREE_TRIALS), STIMULATIONS, (HIGH, LOW)
    ):
        yield Effect(
            label=f"{_words(tables, kind, name, span)}, mean",
            values=_changes(tables, subjects, kind, span, name),
            chance=0.0,
            source=rats[kind],
        )


def _words(tables: Tables, kind: str, name: str, span: str = ALL_TRIALS) -> str:
    chance, stimulation = _probability(tables, name), STIMULATIONS[kind]
    told = f"RPE {stimulation.amount:+g} at {stimulation.label}"
    return f"change of risky choices by {told}, p = {chance:g}, {span} (points)"


def _directions(tables: Tables) -> dict[str, str]:
    """Which way the animals went at each outcome, and how many they were."""
    rows = tables["reference_rats"]
    ways = ["more" if sign > 0 else "less" for sign in rows["sign"]]
    return {
        str(kind): f"rats: {way} (n = {n}), Stopper et al. 2014"
        for kind, way, n in zip(rows["kind"], ways, rows["n"], strict=True)
    }


def _changes(
    tables: Tables, subjects: pd.DataFrame, kind: str, span: str, name: str
) -> "pd.Series[float]":
    """Change of every measured subject; NaN where it was not tested."""
    table = tables["changes"]
    fits = (table["kind"] == kind) & (table["span"] == span)
    fits &= table["probability"] == _probability(tables, name)
    return subject_values(table[fits], "change").reindex(subjects["subject"].to_numpy())


def _error_effects(tables: Tables, subjects: pd.DataFrame) -> Iterable[Effect]:
    """The prediction errors that the change replaces; without a recording, none."""
    table = tables["rpe"]
    everyone = subjects["subject"].to_numpy()
    chances = [_probability(tables, name) for name in (HIGH, LOW)]
    for kind, stimulation in STIMULATIONS.items():
        cells = table[table["kind"] == kind].pivot_table(
            index="subject", columns="probability", values="mean"
        )
        cells = cells.reindex(index=everyone, columns=chances).astype(float)
        for chance in chances:
            yield Effect(
                label=f"RPE at {stimulation.label}, p = {chance:g}, mean",
                values=cells[chance],
            )
        if kind != "safe":
            # A critic that has inferred the chance is surprised by wins where they are
            # rare, by losses where they are not: both differences are then positive.
            yield Effect(
                label=f"RPE at {stimulation.label}, p = {chances[1]:g} minus "
                f"p = {chances[0]:g}, mean",
                values=cells[chances[1]] - cells[chances[0]],
                chance=0.0,
            )


def _ablated(tables: Tables) -> list[Effect]:
    """Networks that were never told a prediction error; missing ones have no number.

    Without such a population there is no row.
    """
    found = select_group(tables["subjects"], ABLATED).set_index("subject")
    if found.empty:
        return []
    expected = tables["about"]["expected_ablated"].iloc[0]
    if expected is not None:
        found = found.reindex(range(int(expected)))
    return [
        Effect(
            label=f"risky choices at p = {_probability(tables, name):g} (%) of "
            "networks trained without RPE, mean",
            values=found[f"percent_{name}"].astype(float),
            criterion=MUST["without prediction error"],
            chance=50.0,
        )
        for name in (HIGH, LOW)
    ]
