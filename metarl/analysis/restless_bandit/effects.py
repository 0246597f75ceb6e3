"""What networks must show where chances drift; criteria fixed beforehand."""

from dataclasses import replace

import numpy as np
import pandas as pd

from metarl.analysis.bridge import CRITERIA, Tables, judge, learned_subjects
from metarl.analysis.effects import Effect
from metarl.analysis.measures import select_group, subject_values

MUST = CRITERIA["restless-bandit"]
"""What is asked of the networks, by name."""
RIVALS = {
    "ucb": "UCB",
    "thompson": "Thompson sampling",
    "rescorla-wagner": "Rescorla-Wagner learning",
}
"""Strategies that the paper's networks did better than -> name in words."""
PLANNER = "bayes-greedy"
"""Strategy that bounds what can be saved."""
LEARNER = "rescorla-wagner"
"""Strategy whose learning rate is fixed: the analysis must find that it is."""
GAINS = {
    "volatility_gain": "a learning rate for each volatility over one for all",
    "free_rate_gain": "free learning rates (model ab) over 1/2 (model b)",
}
"""Column of a gain in BIC -> what it is gained by."""
PAPER = "Wang et al. 2016, section 3.1.4"


def effects(tables: Tables) -> pd.DataFrame:
    """Every effect of the experiment with its verdict, as `effect_table` lays out."""
    about = tables["about"].iloc[0]
    subjects = select_group(tables["subjects"])
    scored = bool(about["scored"])
    learned = learned_subjects(str(about["task"]), subjects) if scored else None
    rows = [*_regret_effects(tables["subjects"]), *_rate_effects(tables["subjects"])]
    listed = [(effect, learned) for effect in rows]
    listed += [(effect, None) for effect in _controls(tables["subjects"])]
    return judge(tables["about"], listed)


def _strategy(subjects: pd.DataFrame, name: str, column: str) -> float:
    """A strategy's number; NaN where it was not stepped."""
    values = select_group(subjects, name)[column]
    return float(values.mean()) if len(values) else float("nan")


def _regret_effects(subjects: pd.DataFrame) -> list[Effect]:
    own = select_group(subjects)
    best = _strategy(subjects, PLANNER, "regret")
    regret = Effect(
        label="regret per episode, mean",
        values=subject_values(own, "regret"),
        chance=float(own["chance_regret"].mean()),
        reference=best,
        source="Bayes-greedy planner on the same task" if np.isfinite(best) else "",
    )
    saved = [
        Effect(
            label=f"regret of {words} minus the networks', mean",
            values=_strategy(subjects, name, "regret") - regret.values,
            criterion=MUST["regret saved against a rival"],
            needs_learning=False,
            reference=_strategy(subjects, name, "regret") - best,
            source=regret.source,
        )
        for name, words in RIVALS.items()
    ]
    beyond = replace(
        regret,
        label="regret of the networks minus the Bayes-greedy planner's, mean",
        values=regret.values - best,
        chance=None,
        reference=0.0,
    )
    return [regret, *saved, beyond]


def _rate_effects(subjects: pd.DataFrame) -> list[Effect]:
    own = select_group(subjects)
    planner = "choices of the Bayes-greedy planner on the same task"
    difference = Effect(
        label="learning rate in volatile minus quiet episodes, mean",
        values=subject_values(own, "rate_difference"),
        criterion=MUST["rate difference"],
        chance=0.0,
        reference=_strategy(subjects, PLANNER, "rate_difference"),
        source=planner,
    )
    lowest = replace(
        difference,
        label="learning rate in volatile minus quiet episodes, lowest network",
        summary="lowest",
        criterion=MUST["rate difference, each network"],
        chance=None,
    )
    gains = [
        replace(
            difference,
            label=f"BIC gained per block by {words}, mean",
            values=subject_values(own, column),
            criterion=MUST["BIC gained"],
            reference=_strategy(subjects, PLANNER, column),
        )
        for column, words in GAINS.items()
    ]
    others = [
        replace(
            difference,
            label=words,
            values=subject_values(own, column),
            criterion=None,
            chance=0.0 if column == "rate_correlation" else None,
            reference=_strategy(subjects, PLANNER, column),
        )
        for column, words in (
            (
                "rate_correlation",
                "correlation of rate with volatility, over blocks, mean",
            ),
            ("rate_low", "learning rate in quiet episodes, mean"),
            ("rate_high", "learning rate in volatile episodes, mean"),
        )
    ]
    return [difference, lowest, *gains, *others]


def _controls(subjects: pd.DataFrame) -> list[Effect]:
    """The learner with a fixed rate; without its trials the rows fail."""
    own = select_group(subjects, LEARNER)
    difference = Effect(
        label="learning rate in volatile minus quiet episodes, fixed-rate learner",
        values=subject_values(own, "rate_difference"),
        criterion=MUST["rate difference, fixed rate"],
        needs_learning=False,
        reference=0.0,
        source=f"control of {PAPER}",
    )
    mean = (subject_values(own, "rate_low") + subject_values(own, "rate_high")) / 2
    recovered = replace(
        difference,
        label="learning rate, fixed-rate learner",
        values=mean,
        criterion=MUST["rate found, fixed rate"],
        reference=0.5,
    )
    gains = [
        replace(
            difference,
            label=f"BIC gained per block by {words}, fixed-rate learner",
            values=subject_values(own, column),
            criterion=MUST["BIC gained, fixed rate"],
            reference=None,
        )
        for column, words in GAINS.items()
    ]
    return [difference, recovered, *gains]
