"""Effects of the two-step experiment, with the published values for comparison."""

import pandas as pd

from metarl.analysis.analysis import Context
from metarl.analysis.criteria import Criteria
from metarl.analysis.effects import NO_LEARNING, Effect, Shared, mean_and_lowest
from metarl.analysis.measures import (
    Tables,
    group_mean,
    measured_subjects,
    rows_at,
    select_group,
    subject_values,
)
from metarl.analysis.references import reference_value
from metarl.analysis.statistics import (
    CORRELATION,
    INTERACTION,
    NO_BOUNDS,
    PROBABILITY,
)
from metarl.analysis.two_step.behaviour import PRODUCT, RIDGE
from metarl.analysis.two_step.rivals import rival_effects
from metarl.analysis.two_step.rpe import BOTH_EVENTS, EVENTS

CELLS = {
    "rewarded common": (1.0, "common"),
    "rewarded rare": (1.0, "rare"),
    "unrewarded common": (0.0, "common"),
    "unrewarded rare": (0.0, "rare"),
}
"""Name -> reward and transition of the trial before."""
TASK = "two-step"
"""The task of the paper, and the only one that the model-based learner knows."""
PLANNER, SARSA = "bayes-greedy", "sarsa"
"""Baselines: the best possible reward, and a model-free agent."""
R2_COLUMNS = {
    "model_based": "r2_model_based",
    "model_free": "r2_model_free_orthogonal",
}
"""Reference learner -> column of its r2."""
R2_WORDS = {
    "model_based": "model-based RPE",
    "model_free": "orthogonalised model-free RPE",
}
"""Reference learner -> its errors in words."""
R2_PANELS = {"model_based": "f", "model_free": "g"}
"""Reference learner -> its panel in the paper's Fig. 5."""
PAPER = "Wang et al. 2018, Fig. 5"
PLANNER_SOURCE = "Bayes-greedy planner on the same task"


def effects(tables: Tables, context: Context) -> list[Effect]:
    """Every effect of the experiment."""
    rows = [
        *reward_effects(tables, context, PLANNER, PLANNER_SOURCE),
        *_interaction_effects(tables, context),
        *_stay_effects(tables, context),
        *regression_effects(
            tables, "mean of 2 macaques, Miranda et al. 2020", context.criteria
        ),
    ]
    if context.task == TASK and context.subjects_are == "networks":
        rows += [
            *_lag_effects(tables, context),
            *rival_effects(tables, context),
            *_error_effects(tables, context),
            *_joint_effects(tables, context),
            _sarsa_effect(tables, context),
        ]
    return rows


def reward_effects(
    tables: Tables, context: Context, planner: str, source: str
) -> list[Effect]:
    """Rewards, with those of a planner.

    Args:
        tables: tables of the analysis.
        context: context of the analysis.
        planner: baseline that is the reference.
        source: its name in words.
    """
    best = group_mean(tables["subjects"], planner, "reward_per_100")
    own = select_group(tables["subjects"])
    every = mean_and_lowest(
        "reward",
        "rewards per 100 trials, missed ones too",
        subject_values(own, "reward_per_100"),
        mean=context.criteria["reward"],
        lowest=context.criteria["reward, each network"],
        needs_learning=False,
        reference=best,
        source="" if best is None else source,
    )
    counted = Effect(
        key="reward.counted.mean",
        label="rewards per 100 trials that count (valid, free, with a choice), mean",
        values=subject_values(own, "reward_per_100_counted"),
    )
    return [*every, counted]


def _published_stay(tables: Tables, name: str) -> float:
    reward, transition = CELLS[name]
    value = reference_value(
        tables["reference_stays"], kind="paper", reward=reward, transition=transition
    )
    assert value is not None
    return value


def _interaction_effects(tables: Tables, context: Context) -> list[Effect]:
    bars = [_published_stay(tables, name) for name in CELLS]
    return mean_and_lowest(
        "stay_interaction",
        "stay interaction (RC - RR) - (UC - UR)",
        subject_values(select_group(tables["subjects"]), "stay_interaction"),
        lowest=context.criteria["stay interaction, each network"],
        bounds=INTERACTION,
        reference=bars[0] - bars[1] - (bars[2] - bars[3]),
        source=f"{PAPER}c, measured from the panel",
    )


def _stay_effects(tables: Tables, context: Context) -> list[Effect]:
    """Staying after each kind of trial, then its distance to the published bar."""
    means, distances = [], []
    for name, (reward, transition) in CELLS.items():
        bar = _published_stay(tables, name)
        stays = rows_at(
            select_group(tables["stays"]), reward=reward, transition=transition
        )
        values = subject_values(stays, "probability")
        key = f"stay.{name.replace(' ', '_')}"
        source = f"{PAPER}c, measured from the panel"
        mean = Effect(
            key=f"{key}.mean",
            label=f"stay after {name}, mean",
            values=values,
            criterion=context.criteria[f"stay after {name}"],
            reference=bar,
            source=source,
            bounds=PROBABILITY,
        )
        distance = Effect(
            key=f"{key}.distance",
            label=f"stay after {name}, distance to the published bar",
            values=values - bar,
            reference=0.0,
            source=source,
            bounds=PROBABILITY.minus(bar),
        )
        means.append(mean)
        distances.append(distance)
    return [*means, *distances]


def regression_effects(
    tables: Tables, source: str, criteria: Criteria | None = None
) -> list[Effect]:
    """Weights of the regressions, shrunk by their ridge, and the product beyond it.

    Args:
        tables: tables of the analysis; the reference is the mean of the first kind of
            subjects in reference_regression.
        source: of the reference.
        criteria: of the weights at lag 1; None: they are reported.
    """
    rules = criteria or Criteria()
    own = rows_at(select_group(tables["stay_regression"]), term=PRODUCT)
    published = rows_at(tables["reference_regression"], term=PRODUCT)
    published = rows_at(published, kind=published["kind"].iloc[0])
    words = f"log odds, ridge {RIDGE:g}"
    interaction = Effect(
        key="stay_regression.reward_x_transition.mean",
        label=f"stay regression, reward x transition ({words}), mean",
        values=subject_values(own, "weight"),
        reference=float(published["value"].mean()),
        source=source,
    )
    subjects = select_group(tables["subjects"])
    nulls = [
        Effect(
            key=f"stay_regression.reward_x_transition.{column}.mean",
            label=f"stay regression, reward x transition, {label} ({words}), mean",
            values=subject_values(subjects, f"{PRODUCT}_{column}"),
            chance=chance,
        )
        for column, label, chance in (
            ("null", "of simulated choosers without it", None),
            ("beyond_null", "minus that of choosers without it", 0.0),
        )
    ]
    last = rows_at(select_group(tables["lags"]), lag=1)
    weights = [
        Effect(
            key=f"lag_1.{name.replace(' ', '_')}.mean",
            label=f"lag 1 weight, {name} ({words}), mean",
            values=subject_values(
                rows_at(last, reward=reward, transition=transition), "weight"
            ),
            criterion=rules.get(f"weight at lag 1, {sign_words(reward, transition)}"),
            chance=0.0,
        )
        for name, (reward, transition) in CELLS.items()
    ]
    return [interaction, *nulls, *weights]


def sign_words(reward: float, transition: str) -> str:
    """Sign of a model-based learner's weight of a trial, in words."""
    return "positive" if (reward > 0) == (transition == "common") else "negative"


def _lag_effects(tables: Tables, context: Context) -> list[Effect]:
    """The model-based weight of past trials over their lags."""
    lags = select_group(tables["lags"])
    signs = [
        1 if sign_words(reward, transition) == "positive" else -1
        for reward, transition in zip(lags["reward"], lags["transition"], strict=True)
    ]
    signed = lags.assign(weight=lags["weight"] * signs)
    weights = signed.pivot_table(
        index="subject", columns="lag", values="weight", dropna=False
    ).reindex(measured_subjects(tables))
    later = [lag for lag in weights if lag != 1]
    away = weights.columns.to_numpy(float) - weights.columns.to_numpy(float).mean()
    words = f"log odds, ridge {RIDGE:g}"
    return [
        Effect(
            key="lag_weights.first_minus_later",
            label=f"model-based weight at lag 1 minus the largest later ({words}), "
            "mean",
            values=weights[1] - weights[later].max(axis=1, skipna=False),
            criterion=context.criteria["lag 1 beyond later lags"],
            chance=0.0,
        ),
        Effect(
            key="lag_weights.slope",
            label=f"model-based weight, slope over lags ({words} per lag), mean",
            values=weights @ away / (away @ away),
            criterion=context.criteria["slope of the weights over lags"],
            chance=0.0,
        ),
    ]


def _error_effects(tables: Tables, context: Context) -> list[Effect]:
    """RPE rows; a network without a recording has no r2, and so fails."""
    based = mean_and_lowest(
        "r2.model_based",
        "r2 of RPE with model-based RPE",
        _r2(tables, BOTH_EVENTS, "model_based"),
        mean=context.criteria["model-based r2"],
        lowest=context.criteria["model-based r2, each network"],
        **_published_r2(tables, "model_based"),
    )
    free = Effect(
        key="r2.model_free.mean",
        label="r2 of RPE with orthogonalised model-free RPE, mean",
        values=_r2(tables, BOTH_EVENTS, "model_free"),
        criterion=context.criteria["model-free r2"],
        **_published_r2(tables, "model_free"),
    )
    by_event = [
        Effect(
            key=f"r2.{learner}.{event.replace(' ', '_')}.mean",
            label=f"r2 of RPE at the {event} with {words}, mean",
            values=_r2(tables, event, learner),
            **_published_r2(tables, learner),
        )
        for event in EVENTS
        for learner, words in R2_WORDS.items()
    ]
    return [*based, free, *by_event]


def _r2(tables: Tables, event: str, learner: str) -> "pd.Series[float]":
    """The measured subjects' r2 with a reference learner; NaN without a recording."""
    everyone = measured_subjects(tables)
    rows = rows_at(select_group(tables["rpe"]), event=event)
    return subject_values(rows, R2_COLUMNS[learner]).reindex(everyone)


def _published_r2(tables: Tables, learner: str) -> Shared:
    """Reference and source of the r2 with a reference learner."""
    name = learner.replace("_", "-")
    value = reference_value(tables["reference_rpe"], reference=name)
    source = f"{PAPER}{R2_PANELS[learner]}"
    return {"reference": value, "source": source, "bounds": PROBABILITY}


def _joint_effects(tables: Tables, context: Context) -> list[Effect]:
    """The reference learners' errors: correlation, and weights in one regression."""
    rows = rows_at(select_group(tables["rpe"]), event=BOTH_EVENTS)
    everyone = measured_subjects(tables)
    return [
        Effect(
            key=key,
            label=f"{label}, mean",
            values=subject_values(rows, column).reindex(everyone),
            criterion=context.criteria[rule],
            chance=chance,
            bounds=bounds,
        )
        for key, column, label, rule, chance, bounds in (
            (
                "learners.correlation",
                "r_learners",
                "r of model-based with model-free RPE",
                "correlation of the learners' errors",
                0.0,
                CORRELATION,
            ),
            (
                "joint.model_based",
                "joint_model_based",
                "weight of model-based RPE in a regression on both",
                "model-based weight",
                0.0,
                NO_BOUNDS,
            ),
            (
                "joint.model_free",
                "joint_model_free",
                "weight of model-free RPE in a regression on both",
                "model-free weight",
                None,
                NO_BOUNDS,
            ),
        )
    ]


def _sarsa_effect(tables: Tables, context: Context) -> Effect:
    """The simulated model-free agent; without its recording the row fails."""
    rows = rows_at(select_group(tables["rpe"], SARSA), event=BOTH_EVENTS)
    return Effect(
        key="r2.model_free.sarsa",
        label="r2 of RPE with orthogonalised model-free RPE, simulated SARSA agent",
        values=subject_values(rows, R2_COLUMNS["model_free"]),
        criterion=context.criteria["model-free r2, SARSA agent"],
        needs_learning=False,
        learning=NO_LEARNING,
    )
