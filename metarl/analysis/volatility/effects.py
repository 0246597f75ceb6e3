"""Effects of the volatility experiment, with controls.

Criteria were fixed beforehand, for the paper's test; on another schedule or length the
same rows are reported and not scored. A faster rate in volatile times is not
sufficient: an observer that assumes a constant probability of a swap shows a little of
it too.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from metarl.analysis.analysis import Context
from metarl.analysis.effects import (
    NO_LEARNING,
    Effect,
    trained_and_untrained,
)
from metarl.analysis.measures import (
    Tables,
    group_mean,
    measured_subjects,
    rows_at,
    select_group,
    subject_values,
)
from metarl.analysis.references import reference_value
from metarl.analysis.statistics import CORRELATION, DIFFERENCE, PROBABILITY
from metarl.analysis.volatility.behaviour import ORDERS
from metarl.analysis.volatility.units import LEVELS, TESTS

CONTROL = "constant"
"""Group and variant: networks that were trained at constant volatility."""
OBSERVER = "bayes-greedy"
"""Baseline: the Bayesian observer of the training schedule."""
PEOPLE = {
    "humans, Gagne 2020": "Gagne et al. 2020",
    "humans, Cook 2019": "Cook et al. 2019",
}
"""Label of people in the published rates -> their study."""
RANDOM_REWARD = 0.25
"""Reward per trial of random choices: half the mean magnitude."""
PAPER = "Wang et al. 2018, Results, Simulation 2"
TEST_NAMES = {"test": "test blocks", "generator": "training schedule"}
"""Test -> its episodes, in words."""


def effects(tables: Tables, context: Context) -> Iterator[Effect]:
    """Every effect of the experiment."""
    yield _reward_effect(tables)
    yield from _difference_effects(tables, context)
    yield from _people_effects(tables)
    yield from _identified_effects(tables)
    yield _trace_effect(tables, context)
    yield from _decoding_effects(tables, context)
    yield from _coding_effects(tables, context)
    yield from _threshold_effects(tables, context)
    if len(select_group(tables["subjects"], CONTROL)):
        yield _control_effect(tables, context)
    yield from _simulated_effects(tables, context)


def _reward_effect(tables: Tables) -> Effect:
    best = group_mean(tables["subjects"], OBSERVER, "reward_per_trial")
    source = "Bayesian observer of the training schedule, on the same task"
    return Effect(
        key="reward.mean",
        label="reward per trial, mean",
        values=subject_values(select_group(tables["subjects"]), "reward_per_trial"),
        chance=RANDOM_REWARD,
        reference=best,
        source="" if best is None else source,
    )


def _difference_effects(tables: Tables, context: Context) -> Iterator[Effect]:
    """Learning rate, volatile minus stable; a subject without a fit has no number."""
    differences = select_group(tables["differences"])
    hazard = _fixed_hazard(tables)
    for order in ORDERS:
        values = subject_values(rows_at(differences, order=order), "difference")
        key = f"rate_difference.{order.replace('-', '_')}"
        label = f"learning rate, volatile - stable, {order}"
        yield Effect(
            key=f"{key}.mean",
            label=f"{label}, mean",
            values=values,
            criterion=context.criteria["rate difference"],
            chance=0.0,
            bounds=DIFFERENCE,
            reference=None if hazard.empty else float(hazard.max()),
            source="" if hazard.empty else "highest of the fixed-hazard observers",
        )
        yield Effect(
            key=f"{key}.lowest",
            label=f"{label}, lowest network",
            values=values,
            summary="lowest",
            criterion=context.criteria["rate difference, each network"],
        )
        beyond = subject_values(rows_at(differences, order=order), "beyond_null")
        yield Effect(
            key=f"{key}.beyond_null.mean",
            label=f"{label}, minus that fitted to simulated learners of one rate, mean",
            values=beyond,
            chance=0.0,
        )


def _people_effects(tables: Tables) -> Iterator[Effect]:
    """The difference over both orders, beside each study of people."""
    values = _over_orders(select_group(tables["differences"]))
    rates = tables["reference_rates"].pivot(
        index="label", columns="block", values="value"
    )
    faster: pd.Series[float] = rates["Volatile"] - rates["Stable"]
    for people, study in PEOPLE.items():
        yield Effect(
            key=f"rate_difference.beside_{study.split()[0].lower()}.mean",
            label=f"learning rate, volatile - stable, beside people ({study}), mean",
            values=values,
            chance=0.0,
            bounds=DIFFERENCE,
            reference=float(faster[people]),
            source=f"people, {study}",
        )


def _identified_effects(tables: Tables) -> Iterator[Effect]:
    """How many of the fitted rates the choices determine."""
    subjects = select_group(tables["subjects"])
    for column, words in (
        (
            "identified",
            "that choices determine (likelihood beyond that of no learning)",
        ),
        ("at_edge", "at an end of the grid"),
    ):
        yield Effect(
            key=f"rates.{column}.mean",
            label=f"share of learning rates {words}, mean",
            values=subject_values(subjects, column),
            bounds=PROBABILITY,
        )


def _trace_effect(tables: Tables, context: Context) -> Effect:
    """Correlation over trials of a network's rate with the observer's, over orders."""
    traces = tables["traces"]
    observer = select_group(traces, OBSERVER).groupby(["order", "trial"])["rate"].mean()
    by_order = {
        key: _correlation(part.set_index("trial")["rate"], observer, str(key[1]))
        for key, part in select_group(traces).groupby(["subject", "order"])
    }
    everyone = measured_subjects(tables)
    correlations = pd.DataFrame(
        {
            order: [by_order.get((subject, order), np.nan) for subject in everyone]
            for order in ORDERS
        },
        index=everyone,
        dtype=float,
    )
    return Effect(
        key="trace_correlation.mean",
        label="learning rate along the episode, r with the Bayesian observer's, mean",
        values=correlations.mean(axis=1, skipna=False),
        criterion=context.criteria["rate along the episode"],
        chance=0.0,
        bounds=CORRELATION,
    )


def _correlation(
    rates: "pd.Series[float]", observer: "pd.Series[float]", order: str
) -> float:
    """Pearson's r over the trials that have both rates; NaN where one is constant."""
    if order not in observer.index.get_level_values("order"):
        return float("nan")
    both = pd.DataFrame({"own": rates, "observer": observer.xs(order)}).dropna()
    if len(both) < 3 or (both.nunique() < 2).any():
        return float("nan")
    return float(both["own"].corr(both["observer"]))


def _control_effect(tables: Tables, context: Context) -> Effect:
    """Networks trained at constant volatility, which must have learned themselves."""
    return Effect(
        key="rate_difference.constant_hazard.mean",
        label="learning rate, volatile - stable, trained at a constant hazard, mean",
        values=_over_orders(select_group(tables["differences"], CONTROL)),
        criterion=context.criteria["rate difference, constant hazard"],
        learning=CONTROL,
        chance=0.0,
        bounds=DIFFERENCE,
        reference=0.0,
        source="no estimate of volatility",
    )


def _over_orders(differences: pd.DataFrame) -> "pd.Series[float]":
    """Mean over the two orders by subject; NaN where one has no number."""
    wide = differences.pivot(index="subject", columns="order", values="difference")
    means: pd.Series[float] = wide.reindex(columns=list(ORDERS)).mean(
        axis=1, skipna=False
    )
    return means


def _simulated_effects(tables: Tables, context: Context) -> list[Effect]:
    """Results of the analysis where the truth is known; they need no learning."""
    fixed = rows_at(tables["simulated"], kind="fixed rate")
    errors = (fixed["rate"] - fixed["setting"]).abs()
    recovery = Effect(
        key="simulated.rate_error.highest",
        label="learning rate fitted to simulated learners, largest error",
        values=errors.groupby(fixed["setting"]).agg(lambda v: v.max(skipna=False)),
        summary="highest",
        criterion=context.criteria["error of the fitted rate"],
        needs_learning=False,
        learning=NO_LEARNING,
    )
    hazard = Effect(
        key="simulated.rate_difference.highest",
        label="learning rate, volatile - stable, highest of the fixed-hazard observers",
        values=_fixed_hazard(tables),
        summary="highest",
        needs_learning=False,
        learning=NO_LEARNING,
    )
    return [recovery, hazard]


def _fixed_hazard(tables: Tables) -> "pd.Series[float]":
    """Volatile minus stable rate of the observers by hazard, mean over orders."""
    differences = rows_at(tables["simulated_differences"], kind="fixed hazard")
    means: pd.Series[float] = differences.groupby("setting")["difference"].mean()
    return means


def _decoding_effects(tables: Tables, context: Context) -> Iterator[Effect]:
    """Decoding from trained units, and from untrained ones with the same inputs."""
    beyond = context.criteria["volatility decoded beyond untrained units"]
    for test in TESTS:
        yield from trained_and_untrained(
            f"decoding.{test}",
            f"volatility decoded on the {TEST_NAMES[test]}, r",
            _by_network(tables, rows_at(tables["decoding"], test=test), "r"),
            difference=beyond if test == "test" else None,
            bounds=DIFFERENCE,
        )


def _threshold_effects(tables: Tables, context: Context) -> Iterator[Effect]:
    """Fraction of units by the threshold of p, beyond another episode's label."""
    table = rows_at(tables["thresholds"], test="generator", units="trained")
    everyone = measured_subjects(tables)
    for level in LEVELS:
        own, other = (
            subject_values(rows_at(table, level=level, label=label), "fraction")
            for label in ("own", "other episode")
        )
        yield Effect(
            key=f"coding.beyond_other_episode.p_{level:g}",
            label="units coding volatility on the training schedule minus by another "
            f"episode's label, fraction at p < {level:g}, mean",
            values=(own - other).reindex(everyone),
            criterion=context.criteria[
                "units coding volatility beyond another episode"
            ],
            chance=0.0,
            bounds=DIFFERENCE,
        )


def _coding_effects(tables: Tables, context: Context) -> Iterator[Effect]:
    """Fraction of units that code volatility, never without its nulls."""
    value = reference_value(tables["reference_coding"])
    published = context.criteria["units coding volatility"]
    for test, label in (
        ("test", "own"),
        ("generator", "own"),
        ("generator", "other episode"),
    ):
        part = rows_at(tables["coding"], test=test, label=label)
        null = " by another episode's label" if label == "other episode" else ""
        yield from trained_and_untrained(
            f"coding.{test}{'.other_episode' if null else ''}",
            f"units coding volatility on the {TEST_NAMES[test]}{null}, fraction",
            _by_network(tables, part, "fraction"),
            trained=published if test == "test" else None,
            bounds=PROBABILITY,
            reference=value if test == "test" else None,
            source=PAPER if test == "test" else "",
        )


def _by_network(tables: Tables, rows: pd.DataFrame, value: str) -> pd.DataFrame:
    """A value of trained and of untrained units, one row a subject; NaN unmeasured."""
    everyone = measured_subjects(tables)
    wide = rows.pivot(index="subject", columns="units", values=value)
    return wide.reindex(index=everyone, columns=["trained", "untrained"]).astype(float)
