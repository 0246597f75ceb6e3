"""One row a subject of any task: numbers of trials, rewards and reaction times."""

import numpy as np
import pandas as pd

from metarl.analysis.data import ExperimentData
from metarl.analysis.schema import TrialSchema
from metarl.analysis.trials import EPISODE_KEYS

AMOUNT = "amount"
"""Column of the rewards in the user's unit, where the task's rewards are codes."""


def subject_summary(data: ExperimentData, schema: TrialSchema) -> pd.DataFrame:
    """Numbers of trials, rewards and reaction times of each subject.

    Args:
        data: trials of animals or people.
        schema: their columns; it has checked them.

    Returns:
        By subject: sessions, episodes, trials (rows),
        counted (valid and free, with a choice), missed (valid or not, without a
        choice), reward_per_trial (of trials with a reward), total_reward, reward_unit;
        where there are reaction times, rt_mean and rt_median (of valid trials with a
        choice) and rt_unit.
    """
    columns = schema.read(data.trials)
    table = pd.DataFrame({k: columns[k] for k in (*EPISODE_KEYS, "choice", "rt")})
    reward = data.trials[AMOUNT] if AMOUNT in data.trials else columns["reward"]
    answered = np.equal(columns["valid"], 1) & table["choice"].notna().to_numpy()
    counted = answered & np.equal(columns["forced"], 0)
    table = table.assign(
        reward=np.asarray(reward, float),
        counted=counted,
        missed=table["choice"].isna(),
        rt=table["rt"].where(answered),
    )
    by_subject = table.groupby("subject", sort=True)
    summary = pd.DataFrame(
        {
            "sessions": by_subject["session"].nunique(),
            "episodes": _episodes(table),
            "trials": by_subject.size(),
            "counted": by_subject["counted"].sum(),
            "missed": by_subject["missed"].sum(),
            "reward_per_trial": by_subject["reward"].mean(),
            "total_reward": by_subject["reward"].sum(min_count=1),
            "reward_unit": data.reward_unit,
        }
    )
    if table["rt"].notna().any():
        summary = summary.assign(
            rt_mean=by_subject["rt"].mean(),
            rt_median=by_subject["rt"].median(),
            rt_unit=data.rt_unit,
        )
    return summary


def _episodes(table: pd.DataFrame) -> "pd.Series[int]":
    """Number of episodes of each subject, by subject."""
    distinct = table[list(EPISODE_KEYS)].drop_duplicates()
    return distinct.groupby("subject").size()
