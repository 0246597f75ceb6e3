"""The informative-arm task in animals or people; the target need not be known.

A trial counts if it is valid and free and has a choice and a reward. Trials of an
episode are counted from its first row, by their numbers.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from metarl.analysis.analysis import Analysis, Context, Guide, Panel
from metarl.analysis.data import ExperimentData
from metarl.analysis.effects import Effect
from metarl.analysis.informative_arm.behaviour import OWN_SCHEMA
from metarl.analysis.measures import (
    Measure,
    Tables,
    behaviour_rows,
    by_group,
    select_group,
    stack,
    subject_labels,
    subject_values,
)
from metarl.analysis.plotting import (
    Points,
    bars_with_subjects,
    curve_with_subjects,
    legend_below,
)
from metarl.analysis.statistics import NO_BOUNDS, PROBABILITY
from metarl.analysis.trials import trial_sequence

MEASURES = {
    "informative_first": "P(informative arm) in the first trial",
    "informative_any": "share of episodes in which the informative arm was chosen",
    "target_later": "P(target) in the trials after the first",
    "target_after_clue": "P(target) after the informative arm was chosen",
    "target_before_clue": "P(target) before it was chosen, or without it",
    "reward_after_clue": "reward per trial after the informative arm was chosen",
    "reward_without_clue": "reward per trial before it was chosen, or without it",
    "reward_per_episode": "reward per episode",
}
"""Number of a subject -> in words."""
CURVES = {
    "informative": "informative_by_trial",
    "target": "target_by_trial",
    "reward": "reward_by_trial",
}
"""Column of the trials -> the quantity along an episode."""
BOUNDS = {
    name: PROBABILITY
    for name in (*MEASURES, *CURVES.values())
    if not name.startswith("reward")
}
"""Bounds of those that are probabilities."""
GUIDE = Guide(
    measures={
        "informative_first": (
            "share of first trials in which the informative arm was chosen"
        ),
        "informative_any": MEASURES["informative_any"],
        "target_later": (
            "share of the trials after the first in which the target was chosen; "
            "without a column target there is none"
        ),
        "target_after_clue": (
            "the same of trials after the informative arm was first chosen in their "
            "episode, other choices of the informative arm included"
        ),
        "target_before_clue": (
            "the same of the other trials, except the first choice of the informative "
            "arm itself"
        ),
        "reward_after_clue": "mean reward of the trials of target_after_clue",
        "reward_without_clue": "mean reward of the trials of target_before_clue",
        "reward_per_episode": "sum of the rewards of an episode, mean over episodes",
        "informative_by_trial": "P(informative arm) by trial of the episode, from 1",
        "target_by_trial": "P(target) by trial of the episode",
        "reward_by_trial": "mean reward by trial of the episode",
    },
    n=(
        "A subject's number is over its trials (of episodes, for reward_per_episode "
        "and informative_any); the mean, its interval and n are over subjects. In "
        "rows of one subject, n is the number of trials that count."
    ),
    missed=(
        "A missed trial is left out; trials after it keep their place, by their "
        "numbers. What was known before it is still known after it."
    ),
)
"""What the numbers are."""


def read_choices(table: pd.DataFrame) -> pd.DataFrame:
    """Every trial that counts, with what was known before it.

    Returns:
        One row a trial: subject, episode (its number over all subjects), trial (from
        1), informative and target (whether it was chosen; NaN if not known), reward,
        and clue: "before", "first" (the first choice of the informative arm) or
        "after".
    """
    trials = trial_sequence(table, OWN_SCHEMA, needs=("reward",))
    choice, target = trials["choice"], trials["target"]
    clue = trials.usable & np.equal(choice, trials["informative"])
    seen = pd.Series(clue.astype(int)).groupby(trials.episode_index).cumsum()
    first = clue & (seen == 1).to_numpy()
    state = np.where(first, "first", np.where(seen > 0, "after", "before"))
    every = pd.DataFrame(
        {
            "subject": trials.subject,
            "episode": trials.episode_index,
            "trial": trials.place + 1,
            "informative": clue.astype(float),
            "target": np.where(np.isnan(target), np.nan, choice == target),
            "reward": trials["reward"],
            "clue": state,
        }
    )
    return every[trials.usable].reset_index(drop=True)


def subject_numbers(trials: pd.DataFrame) -> pd.DataFrame:
    """One row a subject: subject, counted (trials), and MEASURES."""
    rows = []
    for subject, own in trials.groupby("subject"):
        after, before = (own[own["clue"] == state] for state in ("after", "before"))
        by_episode = own.groupby("episode")
        rows.append(
            {
                "subject": subject,
                "counted": len(own),
                "informative_first": own.loc[own["trial"] == 1, "informative"].mean(),
                "informative_any": by_episode["informative"].max().mean(),
                "target_later": own.loc[own["trial"] > 1, "target"].mean(),
                "target_after_clue": after["target"].mean(),
                "target_before_clue": before["target"].mean(),
                "reward_after_clue": after["reward"].mean(),
                "reward_without_clue": before["reward"].mean(),
                "reward_per_episode": by_episode["reward"].sum().mean(),
            }
        )
    return pd.DataFrame(rows, columns=["subject", "counted", *MEASURES])


def curves(trials: pd.DataFrame) -> pd.DataFrame:
    """Choices and rewards by trial: subject, measure, trial, value, n."""
    frames = []
    for column, quantity in CURVES.items():
        cells = trials.groupby(["subject", "trial"])[column].agg(["mean", "count"])
        known = cells[cells["count"] > 0].reset_index()
        named = known.rename(columns={"mean": "value", "count": "n"})
        frames.append(({"measure": quantity}, named))
    return stack(frames, ("measure", "subject", "trial", "value", "n"))


def measures(
    data: ExperimentData, groups: Mapping[str, pd.DataFrame]
) -> dict[str, Measure | pd.DataFrame]:
    """Every table, by name.

    Returns:
        Per group and subject: subjects, curves, clue (P(target) and reward by what was
        known, one row a measure). behaviour: all of these.
    """
    subjects, along = by_group(groups, subject_numbers), by_group(groups, curves)
    clue = subjects.melt(["group", "subject"], list(MEASURES), "measure", "value")
    long = select_group(subjects).melt(
        ["subject", "counted"], list(MEASURES), "quantity", "value"
    )
    shown = select_group(along).rename(columns={"measure": "quantity"})
    values = pd.concat(
        [long.rename(columns={"counted": "n"}), shown], ignore_index=True
    )
    known = values.groupby("quantity")["value"].transform("count") > 0
    return {
        "subjects": Measure(subjects, "reward_per_episode"),
        "curves": Measure(along, "value", ("measure", "trial"), BOUNDS),
        "clue": Measure(clue, "value", ("measure",), BOUNDS),
        "behaviour": behaviour_rows(
            values.loc[known, ["subject", "quantity", "trial", "value", "n"]],
            subject_labels(data),
            points=["trial"],
        ),
    }


def effects(tables: Tables, context: Context) -> list[Effect]:
    """Every number of a subject, as its mean."""
    subjects = select_group(tables["subjects"])
    return [
        Effect(
            key=f"{column}.mean",
            label=f"{words}"
            + (f" ({context.reward_unit})" if column.startswith("reward") else "")
            + ", mean",
            values=subject_values(subjects, column),
            bounds=BOUNDS.get(column, NO_BOUNDS),
        )
        for column, words in MEASURES.items()
    ]


def plot_information(tables: Tables, context: Context, ax: Axes) -> Axes:
    """P(informative arm) by trial."""
    ax.set(ylabel="P(informative arm)", ylim=(-0.02, 1.02))
    return _curve(tables, context, ax, "informative_by_trial")


def plot_target(tables: Tables, context: Context, ax: Axes) -> Axes:
    """P(target) by trial."""
    ax.set(ylabel="P(target)", ylim=(-0.02, 1.02))
    return _curve(tables, context, ax, "target_by_trial")


def plot_reward(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Mean reward by trial."""
    ax.set(ylabel=f"Reward ({context.reward_unit})")
    return _curve(tables, context, ax, "reward_by_trial")


def _curve(tables: Tables, context: Context, ax: Axes, quantity: str) -> Axes:
    ax.set_xlabel("Trial of the episode")
    return curve_with_subjects(ax, tables, context, "curves", "value", measure=quantity)


def plot_target_by_clue(tables: Tables, context: Context, ax: Axes) -> Axes:
    """P(target), with and without a previous choice of the informative arm."""
    names = ["target_before_clue", "target_after_clue"]
    ax.set(ylabel="P(target)", ylim=(0, 1.02))
    return _by_clue(tables, context, ax, names)


def plot_reward_by_clue(tables: Tables, context: Context, ax: Axes) -> Axes:
    """Reward per trial, with and without a previous choice of the informative arm."""
    names = ["reward_without_clue", "reward_after_clue"]
    ax.set_ylabel(f"Reward per trial ({context.reward_unit})")
    return _by_clue(tables, context, ax, names)


def _by_clue(tables: Tables, context: Context, ax: Axes, names: list[str]) -> Axes:
    points = Points(("measure",), names)
    places = bars_with_subjects(ax, tables, context, "clue", "value", points)
    ax.set_xticks(places, ["before, or\nwithout it", "after it"])
    ax.set_xlabel("Informative arm")
    return legend_below(ax)


ANALYSIS = Analysis(
    schema=OWN_SCHEMA,
    parse=read_choices,
    measures=measures,
    effects=effects,
    panels=(
        Panel("Choosing information", plot_information, shared=True),
        Panel("Choosing the target", plot_target, columns=("target",), shared=True),
        Panel("Reward along an episode", plot_reward, shared=True),
        Panel(
            "The target, with and without",
            plot_target_by_clue,
            columns=("target",),
            shared=True,
        ),
        Panel("Reward, with and without", plot_reward_by_clue, shared=True),
    ),
    needs=("reward",),
    guide=GUIDE,
)
"""From trial tables of animals or people to effects and panels."""
