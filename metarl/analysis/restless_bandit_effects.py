"""What networks must show where chances drift; criteria fixed beforehand."""

from dataclasses import replace

import numpy as np
import pandas as pd

from metarl.analysis.criteria import learned_subjects
from metarl.analysis.effects import Criterion, Effect, judge
from metarl.analysis.groups import Tables, by_subject, of_group

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
BEATS_RIVAL = Criterion(low=0, strict=True)
"""Regret of a rival minus that of the networks, as in the paper's Fig. 3."""
RATE_DIFFERENCE = Criterion(low=0.1)
"""Learning rate in volatile minus quiet episodes; .3 for the Bayes-greedy planner, 0
for a fixed rate."""
RATE_DIFFERENCE_EACH = Criterion(low=0, strict=True)
"""The same of every single network."""
BIC_GAINED = Criterion(low=0, strict=True)
"""BIC gained by letting learning rates differ, as in the paper."""
NO_DIFFERENCE = Criterion(low=-0.05, high=0.05)
"""The difference of rates that a fixed learning rate may show by chance."""
RECOVERED = Criterion(low=0.45, high=0.55)
"""Fitted rate of the learner whose rate is 1/2."""
NO_BIC_GAINED = Criterion(high=0, strict=True)
"""BIC gained in vain by letting rates differ, as in the paper's control."""
GAINS = {
    "volatility_gain": "a learning rate for each volatility over one for all",
    "free_rate_gain": "free learning rates (model ab) over 1/2 (model b)",
}
"""Column of a gain in BIC -> what it is gained by."""
PAPER = "Wang et al. 2016, section 3.1.4"


def effects(tables: Tables) -> pd.DataFrame:
    """Every effect of the experiment with its verdict, as `effect_table` lays out."""
    about = tables["about"].iloc[0]
    subjects = of_group(tables["subjects"])
    scored = bool(about["scored"])
    learned = learned_subjects(str(about["task"]), subjects) if scored else None
    rows = [*_regret_effects(tables["subjects"]), *_rate_effects(tables["subjects"])]
    listed = [(effect, learned) for effect in rows]
    listed += [(effect, None) for effect in _controls(tables["subjects"])]
    return judge(tables["about"], listed)


def _strategy(subjects: pd.DataFrame, name: str, column: str) -> float:
    """A strategy's number; NaN where it was not stepped."""
    values = of_group(subjects, name)[column]
    return float(values.mean()) if len(values) else float("nan")


def _regret_effects(subjects: pd.DataFrame) -> list[Effect]:
    own = of_group(subjects)
    best = _strategy(subjects, PLANNER, "regret")
    regret = Effect(
        name="regret per episode, mean",
        values=by_subject(own, "regret"),
        chance=float(own["chance_regret"].mean()),
        reference=best,
        source="Bayes-greedy planner on the same task" if np.isfinite(best) else "",
    )
    saved = [
        Effect(
            name=f"regret of {words} minus the networks', mean",
            values=_strategy(subjects, name, "regret") - regret.values,
            criterion=BEATS_RIVAL,
            needs_learning=False,
            reference=_strategy(subjects, name, "regret") - best,
            source=regret.source,
        )
        for name, words in RIVALS.items()
    ]
    beyond = replace(
        regret,
        name="regret of the networks minus the Bayes-greedy planner's, mean",
        values=regret.values - best,
        chance=None,
        reference=0.0,
    )
    return [regret, *saved, beyond]


def _rate_effects(subjects: pd.DataFrame) -> list[Effect]:
    own = of_group(subjects)
    planner = "choices of the Bayes-greedy planner on the same task"
    difference = Effect(
        name="learning rate in volatile minus quiet episodes, mean",
        values=by_subject(own, "rate_difference"),
        criterion=RATE_DIFFERENCE,
        chance=0.0,
        reference=_strategy(subjects, PLANNER, "rate_difference"),
        source=planner,
    )
    lowest = replace(
        difference,
        name="learning rate in volatile minus quiet episodes, lowest network",
        summary="lowest",
        criterion=RATE_DIFFERENCE_EACH,
        chance=None,
    )
    gains = [
        replace(
            difference,
            name=f"BIC gained per block by {words}, mean",
            values=by_subject(own, column),
            criterion=BIC_GAINED,
            reference=_strategy(subjects, PLANNER, column),
        )
        for column, words in GAINS.items()
    ]
    others = [
        replace(
            difference,
            name=words,
            values=by_subject(own, column),
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
    own = of_group(subjects, LEARNER)
    difference = Effect(
        name="learning rate in volatile minus quiet episodes, fixed-rate learner",
        values=by_subject(own, "rate_difference"),
        criterion=NO_DIFFERENCE,
        needs_learning=False,
        reference=0.0,
        source=f"control of {PAPER}",
    )
    mean = (by_subject(own, "rate_low") + by_subject(own, "rate_high")) / 2
    recovered = replace(
        difference,
        name="learning rate, fixed-rate learner",
        values=mean,
        criterion=RECOVERED,
        reference=0.5,
    )
    gains = [
        replace(
            difference,
            name=f"BIC gained per block by {words}, fixed-rate learner",
            values=by_subject(own, column),
            criterion=NO_BIC_GAINED,
            reference=None,
        )
        for column, words in GAINS.items()
    ]
    return [difference, recovered, *gains]
