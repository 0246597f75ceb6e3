"""What the networks must show of volatility, beside what else could have shown it.

Criteria were fixed beforehand, for the paper's test; on another schedule or length the
same rows are reported and not scored. A faster rate in volatile times is not enough by
itself: an observer that holds the chance of a swap for fixed shows a little of it too.
"""

from dataclasses import replace

import pandas as pd

from metarl.analysis.bridge import CRITERIA, Tables, judge, learned_subjects
from metarl.analysis.effects import Effect
from metarl.analysis.measures import MEASURED, select_group, subject_values
from metarl.analysis.volatility.trials import ORDERS
from metarl.analysis.volatility.units import SCHEDULES

MUST = CRITERIA["volatility"]
"""What is asked of the networks, by name."""
CONTROL = "constant"
"""Group of the networks that were trained where volatility never changes."""
RANDOM_REWARD = 0.25
"""Reward per trial of who takes an arm at random: half the mean magnitude."""
PAPER = "Wang et al. 2018, Results, Simulation 2"


def effects(tables: Tables) -> pd.DataFrame:
    """Every effect of the experiment with its verdict, as `effect_table` lays out."""
    subjects, control = (
        select_group(tables["subjects"], g) for g in (MEASURED, CONTROL)
    )
    scored = bool(tables["about"]["scored"].iloc[0])
    learned, control_learned = (
        learned_subjects("volatility", rows) if scored else None
        for rows in (subjects, control)
    )
    rows = [
        *_reward_effects(tables, subjects),
        *_difference_effects(tables),
        *_decoding_effects(tables, subjects),
        *_coding_effects(tables, subjects),
    ]
    listed = [(effect, learned) for effect in rows]
    if not control.empty:
        listed += [(_control_effect(tables), control_learned)]
    listed += [(effect, None) for effect in _simulated_effects(tables)]
    return judge(tables["about"], listed)


def _reward_effects(tables: Tables, subjects: pd.DataFrame) -> list[Effect]:
    effect = Effect(
        label="reward per trial, mean",
        values=subject_values(subjects, "reward_per_trial"),
        chance=RANDOM_REWARD,
    )
    best = select_group(tables["subjects"], "bayes-greedy")
    if len(best):
        mean = float(best["reward_per_trial"].mean())
        source = "Bayesian observer of the training schedule, on the same task"
        effect = replace(effect, reference=mean, source=source)
    return [effect]


def _difference_effects(tables: Tables) -> list[Effect]:
    """Learning rate, volatile minus stable; a subject without a fit has no number."""
    found = select_group(tables["differences"])
    hazard = _fixed_hazard(tables)
    rows = []
    for order in ORDERS:
        mean = Effect(
            label=f"learning rate, volatile - stable, {order}, mean",
            values=subject_values(found[found["order"] == order], "difference"),
            criterion=MUST["rate difference"],
            chance=0.0,
            reference=None if hazard.empty else float(hazard.max()),
            source="" if hazard.empty else "highest of the fixed-hazard observers",
        )
        each = replace(
            mean,
            label=f"learning rate, volatile - stable, {order}, lowest network",
            summary="lowest",
            criterion=MUST["rate difference, each network"],
            chance=None,
            reference=None,
            source="",
        )
        rows += [mean, each]
    return rows


def _control_effect(tables: Tables) -> Effect:
    """Networks trained without changes of volatility; none of them: no number."""
    return Effect(
        label="learning rate, volatile - stable, trained at a constant hazard, mean",
        values=_over_orders(select_group(tables["differences"], CONTROL)),
        criterion=MUST["rate difference, constant hazard"],
        chance=0.0,
        reference=0.0,
        source="no sense of volatility",
    )


def _over_orders(differences: pd.DataFrame) -> "pd.Series[float]":
    """Mean over the two orders by subject; NaN where one has no number."""
    wide = differences.pivot(index="subject", columns="order", values="difference")
    means: pd.Series[float] = wide.reindex(columns=list(ORDERS)).mean(
        axis=1, skipna=False
    )
    return means


def _simulated_effects(tables: Tables) -> list[Effect]:
    """What the analysis finds where the truth is known; needs no learning."""
    simulated = tables["simulated"]
    fixed = simulated[simulated["kind"] == "fixed rate"]
    away = (fixed["rate"] - fixed["setting"]).abs()
    recovery = Effect(
        label="learning rate found of simulated learners, largest error",
        values=away.groupby(fixed["setting"]).agg(lambda v: v.max(skipna=False)),
        summary="highest",
        criterion=MUST["error of the rate found"],
        needs_learning=False,
    )
    hazard = Effect(
        label="learning rate, volatile - stable, highest of the fixed-hazard observers",
        values=_fixed_hazard(tables),
        summary="highest",
        needs_learning=False,
    )
    return [recovery, hazard]


def _fixed_hazard(tables: Tables) -> "pd.Series[float]":
    """Volatile minus stable rate of the observers by hazard, mean over orders."""
    found = tables["simulated_differences"]
    found = found[found["kind"] == "fixed hazard"]
    means: pd.Series[float] = found.groupby("setting")["difference"].mean()
    return means


def _decoding_effects(tables: Tables, subjects: pd.DataFrame) -> list[Effect]:
    """How much better trained units are than untrained ones with the same inputs."""
    rows = []
    for condition in SCHEDULES:
        table = tables["decoding"]
        wide = _by_units(table[table["condition"] == condition], "r", subjects)
        name = f"volatility decoded on the {_place(condition)}, r"
        rows += [
            Effect(label=f"{name}, mean", values=wide["trained"]),
            Effect(label=f"{name}, untrained units, mean", values=wide["untrained"]),
            Effect(
                label=f"{name}, trained - untrained, mean",
                values=wide["trained"] - wide["untrained"],
                chance=0.0,
            ),
        ]
    return rows


def _coding_effects(tables: Tables, subjects: pd.DataFrame) -> list[Effect]:
    """Fraction of units that code volatility, never without its nulls."""
    rows = []
    for condition, label in (
        ("test", "own"),
        ("generator", "own"),
        ("generator", "other episode"),
    ):
        table = tables["coding"]
        part = table[(table["condition"] == condition) & (table["label"] == label)]
        wide = _by_units(part, "fraction", subjects)
        null = " by another episode's label" if label == "other episode" else ""
        name = f"units coding volatility on the {_place(condition)}{null}, fraction"
        published = condition == "test"
        rows += [
            Effect(
                label=f"{name}, mean",
                values=wide["trained"],
                reference=_published_fraction(tables) if published else None,
                source=PAPER if published else "",
            ),
            Effect(label=f"{name}, untrained units, mean", values=wide["untrained"]),
            Effect(
                label=f"{name}, trained - untrained, mean",
                values=wide["trained"] - wide["untrained"],
                chance=0.0,
            ),
        ]
    return rows


def _place(condition: str) -> str:
    return "test blocks" if condition == "test" else "training schedule"


def _by_units(table: pd.DataFrame, value: str, subjects: pd.DataFrame) -> pd.DataFrame:
    """A value of trained and of untrained units, one row a subject; NaN unmeasured."""
    wide = table.pivot(index="subject", columns="units", values=value)
    return wide.reindex(
        index=subjects["subject"].to_numpy(), columns=["trained", "untrained"]
    ).astype(float)


def _published_fraction(tables: Tables) -> float:
    table = tables["reference_coding"]
    return float(table["value"].iloc[0])
