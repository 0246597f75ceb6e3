"""What networks must show where it pays to ask first; criteria fixed beforehand."""

from dataclasses import replace

import pandas as pd

from metarl.analysis.bridge import CRITERIA, Tables, judge, learned_subjects
from metarl.analysis.effects import Effect
from metarl.analysis.informative_arm.choices import ARM_COUNT, TRIAL_COUNT, bounds
from metarl.analysis.measures import select_group, subject_values

MUST = CRITERIA["informative-arm"]
"""What is asked of the networks, by name."""
OPTIMUM = "asking first, worked out"


def effects(tables: Tables) -> pd.DataFrame:
    """Every effect of the experiment with its verdict, as `effect_table` lays out."""
    about = tables["about"].iloc[0]
    subjects = select_group(tables["subjects"])
    scored = bool(about["scored"])
    learned = learned_subjects(str(about["task"]), subjects) if scored else None
    arms, trials = int(about["arm_count"]), int(about["trial_count"])
    rows = [
        *_choice_effects(subjects, 1 / arms),
        *_reward_effects(subjects, arms, trials),
    ]
    return judge(tables["about"], [(effect, learned) for effect in rows])


def is_published(arm_count: int, trial_count: int) -> bool:
    """Whether these are the numbers that the criteria were fixed for."""
    return (arm_count, trial_count) == (ARM_COUNT, TRIAL_COUNT)


def _choice_effects(subjects: pd.DataFrame, chance: float) -> list[Effect]:
    asks = Effect(
        label="P(informative arm) in the first trial, mean",
        values=subject_values(subjects, "informative_first"),
        criterion=MUST["asks first"],
        needs_learning=False,
        chance=chance,
        reference=1.0,
        source=OPTIMUM,
    )
    takes = replace(
        asks,
        label="P(target) in the trials after the first, mean",
        values=subject_values(subjects, "target_later"),
        criterion=MUST["takes the target"],
    )
    told = replace(
        takes,
        label="P(target) after the informative arm was chosen, mean",
        values=subject_values(subjects, "target_after_clue"),
        criterion=None,
    )
    least = replace(
        told,
        label="P(target) after the informative arm, for the worst known target, mean",
        values=subject_values(subjects, "target_after_clue_least"),
        chance=None,
    )
    lowest = [
        replace(
            effect,
            label=effect.label.replace("mean", "lowest network"),
            summary="lowest",
            criterion=None,
            chance=None,
        )
        for effect in (asks, takes)
    ]
    return [asks, takes, *lowest, told, least]


def _reward_effects(subjects: pd.DataFrame, arms: int, trials: int) -> list[Effect]:
    best = bounds(arms, trials)
    reward = Effect(
        label="reward per episode, mean",
        values=subject_values(subjects, "reward_per_episode"),
        needs_learning=False,
        chance=best.random,
        reference=best.informed,
        source=OPTIMUM,
    )
    beyond = replace(
        reward,
        label="reward per episode beyond the best without asking, mean",
        values=reward.values - best.guesser,
        criterion=MUST["beyond guessing"],
        chance=best.random - best.guesser,
        reference=best.informed - best.guesser,
    )
    return [reward, beyond]
