"""Results of a sweep: networks by the settings that they were trained with.

The table of a sweep has one row a run and subject: run, the settings, subject, state,
reward_per_episode, first_half, second_half (of the test's episodes), score, learned.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from metarl.analysis.statistics import Interval, mean_interval

REWARD, FIRST, SECOND = "reward_per_episode", "first_half", "second_half"
"""Columns of the reward per episode: of the whole test, and of its halves."""
SCORE = "score"
"""Column of the experiment's main score."""
TESTED = "tested"
"""State of a subject that was trained and tested."""


def half_rewards(trials: pd.DataFrame, episodes: int) -> tuple[float, float]:
    """Reward per episode of one subject in the first and second half of a test.

    Args:
        trials: trial table of the subject.
        episodes: number of episodes of the test; with an odd number, the second half
            has one more.

    Returns:
        First and second half; the first is NaN for a test of one episode.
    """
    rewards = trials.groupby(["session", "episode"], sort=True)["reward"].sum()
    number = rewards.groupby("session").cumcount().to_numpy()
    first = number < episodes // 2
    halves = (
        (rewards[first].sum(), episodes // 2),
        (
            rewards[~first].sum(),
            episodes - episodes // 2,
        ),
    )
    (low, before), (high, after) = halves
    return (float(low) / before if before else float("nan"), float(high) / after)


def summarise_runs(table: pd.DataFrame, settings: Sequence[str]) -> pd.DataFrame:
    """One row a run, in their order: means over its subjects.

    Args:
        table: table of a sweep.
        settings: columns of the settings.

    Returns:
        run, the settings; mean, low, high (reward per test episode), n, missing;
        first_half, second_half, score, score_low, score_high (means and the interval of
        the score); learned (subjects that learned; blank where no criterion applies),
        pruned (whether the training was stopped as not promising).
    """
    rows = []
    for run, part in table.groupby("run", sort=False):
        reward, score = mean_interval(part[REWARD]), mean_interval(part[SCORE])
        known = part["learned"].dropna()
        rows.append(
            {
                "run": run,
                **{name: part[name].iloc[0] for name in settings},
                **reward._asdict(),
                "missing": len(part) - reward.n,
                FIRST: _mean(part[FIRST]),
                SECOND: _mean(part[SECOND]),
                SCORE: score.mean,
                "score_low": score.low,
                "score_high": score.high,
                "learned": int(known.sum()) if len(known) else None,
                "pruned": bool((part["state"] == "pruned").any()),
            }
        )
    summary = pd.DataFrame(rows)
    return summary.astype({"learned": "Int64"})


def _mean(values: "pd.Series[float]") -> float:
    return mean_interval(values).mean


def select_runs(summary: pd.DataFrame, count: int) -> list[str]:
    """Names of the runs with the most reward in the first half of the test.

    A run without the test of every subject cannot be selected: the others could be
    those that did well. Of equal runs the earlier one is taken.

    Args:
        summary: `summarise_runs`.
        count: number of runs to select, at least 1.
    """
    whole = summary[(summary["missing"] == 0) & summary[FIRST].notna()]
    best = whole.sort_values(FIRST, ascending=False, kind="stable")["run"]
    return [str(run) for run in best.head(count)]


def selected_reward(
    summary: pd.DataFrame, selected: Sequence[str], *, independent: bool
) -> Interval:
    """Mean reward of the selected runs in the second half, which did not select them.

    Args:
        summary: `summarise_runs`.
        selected: names of runs.
        independent: whether the runs share no random numbers. If they do, the spread
            between them says nothing about the error of their mean.

    Returns:
        Mean over the runs and its 95 % interval, n being the number of runs; low and
        high are NaN if they are not independent.
    """
    rows = summary[summary["run"].isin(selected)]
    found = mean_interval(rows[SECOND])
    return found if independent else found._replace(low=np.nan, high=np.nan)


def varied(table: pd.DataFrame, settings: Sequence[str]) -> list[str]:
    """Settings with more than one value."""
    return [name for name in settings if table[name].astype(str).nunique() > 1]
