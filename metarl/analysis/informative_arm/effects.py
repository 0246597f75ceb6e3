"""Effects of the informative-arm experiment, with the computed optimum as reference."""

from dataclasses import replace

import pandas as pd

from metarl.analysis.analysis import Context
from metarl.analysis.effects import Effect, relative_to_baseline
from metarl.analysis.informative_arm.behaviour import Design
from metarl.analysis.measures import Tables, select_group, subject_values
from metarl.analysis.statistics import PROBABILITY

OPTIMUM = "informative arm first, computed"
"""Source of the references."""


def effects(tables: Tables, context: Context) -> list[Effect]:
    """Every effect of the experiment."""
    subjects = select_group(tables["subjects"])
    design = Design.read(context.parameters)
    return [
        *_choice_effects(subjects, context, design),
        *_reward_effects(subjects, context, design),
    ]


def _choice_effects(
    subjects: pd.DataFrame, context: Context, design: Design
) -> list[Effect]:
    first = Effect(
        key="informative_first.mean",
        label="P(informative arm) in the first trial, mean",
        values=subject_values(subjects, "informative_first"),
        criterion=context.criteria["informative arm first"],
        needs_learning=False,
        bounds=PROBABILITY,
        chance=1 / design.arm_count,
        reference=1.0,
        source=OPTIMUM,
    )
    later = replace(
        first,
        key="target_later.mean",
        label="P(target) in the trials after the first, mean",
        values=subject_values(subjects, "target_later"),
        criterion=context.criteria["target later"],
    )
    after_clue = replace(
        later,
        key="target_after_clue.mean",
        label="P(target) after the informative arm was chosen, mean",
        values=subject_values(subjects, "target_after_clue"),
        criterion=None,
    )
    least = replace(
        after_clue,
        key="target_after_clue_least.mean",
        label="P(target) after the informative arm, for the worst known target, mean",
        values=subject_values(subjects, "target_after_clue_least"),
        chance=None,
    )
    return [first, later, _lowest(first), _lowest(later), after_clue, least]


def _lowest(mean: Effect) -> Effect:
    """The same of the lowest network, without a criterion."""
    return replace(
        mean,
        key=mean.key.replace("mean", "lowest"),
        label=mean.label.replace("mean", "lowest network"),
        summary="lowest",
        criterion=None,
        chance=None,
    )


def _reward_effects(
    subjects: pd.DataFrame, context: Context, design: Design
) -> list[Effect]:
    reward = Effect(
        key="reward.mean",
        label="reward per episode, mean",
        values=subject_values(subjects, "reward_per_episode"),
        needs_learning=False,
        chance=design.random,
        reference=design.informed,
        source=OPTIMUM,
    )
    beyond = relative_to_baseline(
        reward,
        design.guesser,
        key="reward.minus_guesser",
        label="reward per episode beyond the best without the informative arm, mean",
        criterion=context.criteria["beyond guessing"],
    )
    return [reward, beyond]
