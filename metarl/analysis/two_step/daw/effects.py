"""Effects of the human two-step task, with people and the baselines beside them."""

from collections.abc import Iterator

import pandas as pd

from metarl.analysis.analysis import Context
from metarl.analysis.effects import NO_LEARNING, Effect, mean_and_lowest
from metarl.analysis.measures import (
    MEASURED,
    Tables,
    group_mean,
    rows_at,
    select_group,
    subject_values,
)
from metarl.analysis.references import reference_value
from metarl.analysis.statistics import INTERACTION, NO_BOUNDS, PROBABILITY
from metarl.analysis.two_step.daw.better import FIRST, SECOND
from metarl.analysis.two_step.daw.hybrid import PARAMETERS, SHARES
from metarl.analysis.two_step.effects import (
    CELLS,
    regression_effects,
    reward_effects,
)

PLANNER, BASED, FREE = "kalman-greedy", "model-based", "model-free"
"""Baselines: nearly the best possible reward, and the two halves of the hybrid."""
PLANNER_WORDS = "Gaussian filter with a greedy plan, on the same task"
WEIGHT, *OTHERS = PARAMETERS
PARAMETER_WORDS = {
    "first_rate": "learning rate of the first stage",
    "second_rate": "learning rate of the second stage",
    "eligibility": "eligibility",
    "first_slope": "slope at the first stage (per reward)",
    "second_slope": "slope at the second stage (per reward)",
    "stickiness": "stickiness (in value)",
}
"""Parameter of the hybrid -> its name and unit."""
PEOPLE = "humans, Feher da Silva 2020"
"""Label of the people whose trials were fitted in the same way."""
PEOPLE_WORDS = "24 people, Feher da Silva & Hare 2020, in the same way"


def effects(tables: Tables, context: Context) -> list[Effect]:
    """Every effect of the experiment."""
    return [
        *reward_effects(tables, context, PLANNER, PLANNER_WORDS),
        *_baseline_rewards(tables, context),
        *_better_effects(tables, context),
        *_weight_effects(tables, context),
        *_interaction_effects(tables, context),
        *_stay_effects(tables),
        *regression_effects(tables, "mean of 4 groups of people, see the panel"),
    ]


def _baseline_rewards(tables: Tables, context: Context) -> Iterator[Effect]:
    """Rewards of the baselines on the same task."""
    if context.subjects_are != "networks":
        return
    groups = tables["subjects"]["group"]
    for name in groups[groups != MEASURED].unique():
        rows = select_group(tables["subjects"], name)
        yield Effect(
            key=f"reward.{name}",
            label=f"rewards per 100 trials, {name} baseline",
            values=subject_values(rows, "reward_per_100"),
            needs_learning=False,
            learning=NO_LEARNING,
        )


def _better_effects(tables: Tables, context: Context) -> Iterator[Effect]:
    """Choices of the better option, of tables that say which it was."""
    if context.subjects_are != "networks":
        return
    for measure, words in (
        (FIRST, "first choices of the better state"),
        (SECOND, "second choices of the better option"),
    ):
        table = rows_at(tables["better_options"], measure=measure)
        best = group_mean(table, PLANNER, "value")
        yield from mean_and_lowest(
            measure,
            words,
            subject_values(select_group(table), "value"),
            lowest=context.criteria[f"{words}, each network"],
            chance=0.5,
            reference=best,
            source="" if best is None else PLANNER_WORDS,
            bounds=PROBABILITY,
        )


def _weight_effects(tables: Tables, context: Context) -> list[Effect]:
    """The hybrid's parameters, and the weight of baselines without either half."""
    people = tables["reference_hybrid"]
    own = select_group(tables["hybrid"])
    weight = mean_and_lowest(
        WEIGHT,
        "model-based weight of the hybrid",
        subject_values(rows_at(own, measure=WEIGHT), "estimate"),
        mean=context.criteria["model-based weight"],
        lowest=context.criteria["model-based weight, each network"],
        reference=reference_value(people, measure=WEIGHT),
        source=PEOPLE_WORDS,
        bounds=PROBABILITY,
    )
    others = [
        Effect(
            key=f"{name}.mean",
            label=f"hybrid, {PARAMETER_WORDS[name]}, mean",
            values=subject_values(rows_at(own, measure=name), "estimate"),
            reference=reference_value(people, measure=name),
            source=PEOPLE_WORDS,
            bounds=SHARES.get(name, NO_BOUNDS),
        )
        for name in OTHERS
    ]
    if context.subjects_are != "networks":
        return [*weight, *others]
    return [*weight, *others, *_control_effects(tables, context)]


def _control_effects(tables: Tables, context: Context) -> Iterator[Effect]:
    """The weight of simulated learners; without their trials the rows fail."""
    for name in (BASED, FREE):
        table = select_group(tables["hybrid"], name)
        yield Effect(
            key=f"{WEIGHT}.{name}",
            label=f"model-based weight of the hybrid, simulated {name} learner",
            values=subject_values(rows_at(table, measure=WEIGHT), "estimate"),
            criterion=context.criteria[f"model-based weight, {name} learner"],
            needs_learning=False,
            learning=NO_LEARNING,
            bounds=PROBABILITY,
        )


def _interaction_effects(tables: Tables, context: Context) -> list[Effect]:
    people = {name: _stay_of_people(tables, name) for name in CELLS}
    rewarded = people["rewarded common"] - people["rewarded rare"]
    unrewarded = people["unrewarded common"] - people["unrewarded rare"]
    return mean_and_lowest(
        "stay_interaction",
        "stay interaction (RC - RR) - (UC - UR)",
        subject_values(select_group(tables["subjects"]), "stay_interaction"),
        mean=context.criteria["stay interaction"],
        chance=0.0,
        bounds=INTERACTION,
        reference=rewarded - unrewarded,
        source=PEOPLE_WORDS,
    )


def _stay_effects(tables: Tables) -> list[Effect]:
    return [
        Effect(
            key=f"stay.{name.replace(' ', '_')}.mean",
            label=f"stay after {name}, mean",
            values=_stays(tables, name),
            reference=_stay_of_people(tables, name),
            source=PEOPLE_WORDS,
            bounds=PROBABILITY,
        )
        for name in CELLS
    ]


def _stays(tables: Tables, name: str) -> "pd.Series[float]":
    reward, transition = CELLS[name]
    own = select_group(tables["stays"])
    rows = rows_at(own, reward=reward, transition=transition)
    return subject_values(rows, "probability")


def _stay_of_people(tables: Tables, name: str) -> float:
    reward, transition = CELLS[name]
    value = reference_value(
        tables["reference_stays"], label=PEOPLE, reward=reward, transition=transition
    )
    assert value is not None
    return value
