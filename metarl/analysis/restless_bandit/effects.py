"""Effects of the restless-bandit experiment, with the planner's values as reference."""

from dataclasses import replace

import pandas as pd

from metarl.analysis.analysis import Context
from metarl.analysis.effects import (
    NO_LEARNING,
    Effect,
    mean_and_lowest,
    relative_to_baseline,
)
from metarl.analysis.measures import (
    Tables,
    group_mean,
    select_group,
    subject_values,
)
from metarl.analysis.statistics import (
    CORRELATION,
    DIFFERENCE,
    NOT_NEGATIVE,
    PROBABILITY,
)

RIVALS = {
    "ucb": "UCB",
    "thompson": "Thompson sampling",
    "rescorla-wagner": "Rescorla-Wagner learning",
}
"""Baselines that the paper's networks outperformed -> name in words."""
PLANNER = "bayes-greedy"
"""Baseline that bounds the regret that can be saved."""
LEARNER = "rescorla-wagner"
"""Baseline of a fixed learning rate, which the analysis must recover."""
GAINS = {
    "volatility_gain": "a learning rate for each volatility over one for all",
    "free_rate_gain": "free learning rates (model ab) over 1/2 (model b)",
}
"""Column of a gain in BIC -> its source in words."""
RATES = {
    "rate_correlation": (
        "correlation of rate with volatility, over blocks, mean",
        CORRELATION,
    ),
    "rate_low": ("learning rate in quiet episodes, mean", PROBABILITY),
    "rate_high": ("learning rate in volatile episodes, mean", PROBABILITY),
    "identified": (
        "share of learning rates that choices determine (BIC beyond that of a constant "
        "preference), mean",
        PROBABILITY,
    ),
    "at_edge": ("share of learning rates at an end of the grid, mean", PROBABILITY),
}
"""Column of rates that are reported alone -> label of its effect, and its bounds."""
RATE_DIFFERENCE = "learning rate in volatile minus quiet episodes"


def effects(tables: Tables, context: Context) -> list[Effect]:
    """Every effect of the experiment."""
    subjects = tables["subjects"]
    return [
        *_regret_effects(subjects, context),
        *_rate_effects(subjects, context),
        *_fixed_rate_effects(subjects, context),
    ]


def _regret_effects(subjects: pd.DataFrame, context: Context) -> list[Effect]:
    own = select_group(subjects)
    best = group_mean(subjects, PLANNER, "regret")
    plain = Effect(
        key="regret.mean",
        label="regret per episode, mean",
        values=subject_values(own, "regret"),
        needs_learning=False,
        bounds=NOT_NEGATIVE,
        reference=best,
        source="" if best is None else "Bayes-greedy planner on the same task",
    )
    saved = [
        relative_to_baseline(
            plain,
            group_mean(subjects, name, "regret"),
            key=f"regret.saved_against_{name}",
            label=f"regret of {words} minus the networks', mean",
            criterion=context.criteria["regret saved against a rival"],
            saved=True,
        )
        for name, words in RIVALS.items()
    ]
    beyond = relative_to_baseline(
        plain,
        best,
        key=f"regret.minus_{PLANNER}",
        label="regret of the networks minus the Bayes-greedy planner's, mean",
    )
    chance = float(own["chance_regret"].mean())
    return [replace(plain, chance=chance), *saved, beyond]


def _rate_effects(subjects: pd.DataFrame, context: Context) -> list[Effect]:
    own = select_group(subjects)
    source = "choices of the Bayes-greedy planner on the same task"
    mean, lowest = mean_and_lowest(
        "rate_difference",
        RATE_DIFFERENCE,
        subject_values(own, "rate_difference"),
        bounds=DIFFERENCE,
        mean=context.criteria["rate difference"],
        lowest=context.criteria["rate difference, each network"],
        reference=group_mean(subjects, PLANNER, "rate_difference"),
        source=source,
    )
    gains = [
        Effect(
            key=f"{column}.mean",
            label=f"BIC gained per block by {words}, mean",
            values=subject_values(own, column),
            criterion=context.criteria["BIC gained"],
            chance=0.0,
            reference=group_mean(subjects, PLANNER, column),
            source=source,
        )
        for column, words in GAINS.items()
    ]
    rates = [
        Effect(
            key=f"{column}.mean",
            label=label,
            values=subject_values(own, column),
            chance=0.0 if column == "rate_correlation" else None,
            bounds=bounds,
            reference=group_mean(subjects, PLANNER, column),
            source=source,
        )
        for column, (label, bounds) in RATES.items()
    ]
    return [replace(mean, chance=0.0), lowest, *gains, *rates]


def _fixed_rate_effects(subjects: pd.DataFrame, context: Context) -> list[Effect]:
    """The learner with a fixed rate; without its trials the rows fail."""
    own = select_group(subjects, LEARNER)
    difference = Effect(
        key="rate_difference.fixed_rate",
        label=f"{RATE_DIFFERENCE}, fixed-rate learner",
        values=subject_values(own, "rate_difference"),
        criterion=context.criteria["rate difference, fixed rate"],
        needs_learning=False,
        learning=NO_LEARNING,
        reference=0.0,
        source="control of Wang et al. 2016, section 3.1.4",
    )
    rates = subject_values(own, "rate_low") + subject_values(own, "rate_high")
    rate = replace(
        difference,
        key="rate.fixed_rate",
        label="learning rate, fixed-rate learner",
        values=rates / 2,
        criterion=context.criteria["fitted rate, fixed rate"],
        reference=0.5,
    )
    gains = [
        replace(
            difference,
            key=f"{column}.fixed_rate",
            label=f"BIC gained per block by {words}, fixed-rate learner",
            values=subject_values(own, column),
            criterion=context.criteria["BIC gained, fixed rate"],
            reference=None,
        )
        for column, words in GAINS.items()
    ]
    return [difference, rate, *gains]
