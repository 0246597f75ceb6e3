"""What choices cost where chances drift, and how fast they learn, by volatility.

Regret is what the better arm of the trial would have paid in expectation, less what the
chosen one would: the outcome's luck is left out.

Source: Wang et al. 2016, arXiv 1611.05763, section 3.1.4.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from metarl.analysis.bridge import grid_of
from metarl.analysis.data import READ_COLUMNS, check_columns
from metarl.analysis.restless_bandit.fits import VOLATILITIES, Blocks, volatility_gain
from metarl.analysis.schema import Array, numbers
from metarl.analysis.trials import EpisodeGrid
from metarl.core.files import Recording

COLUMNS = (*READ_COLUMNS, "volatility", "probability_left")
"""Columns that the analysis needs."""
RATE_MODEL = "abe"
"""Model whose learning rate is reported: it leaves temperature and lapses free."""
EXAMPLE_COLUMNS = (
    "subject",
    "episode",
    "volatility",
    "trial",
    "probability_left",
    "choice",
    "reward",
    "policy_left",
)
"""Columns of the table of examples."""


def bandit_grid(trials: pd.DataFrame) -> EpisodeGrid:
    """The trial table by episode and trial.

    Returns:
        Columns choice (0 left, 1 right), reward, probability_left, and volatility
        (0 low, 1 high).
    """
    check_columns(list(trials.columns), COLUMNS, "the restless-bandit trial table")
    names = ("choice", "reward", "probability_left")
    high = (trials["volatility"] == "high").to_numpy(float)
    known = trials["volatility"].isin(VOLATILITIES).to_numpy()
    columns = {name: numbers(trials, name) for name in names}
    return grid_of(trials, columns | {"volatility": np.where(known, high, np.nan)})


def regrets(grid: EpisodeGrid) -> Array:
    """(E, T) what each choice cost, in reward units; NaN without a choice."""
    left, choice = grid["probability_left"], grid["choice"]
    chosen = np.where(choice == 0, left, 1 - left)
    cost = np.maximum(left, 1 - left) - chosen
    return np.where(np.isfinite(choice), cost, np.nan)


def chance_regrets(grid: EpisodeGrid) -> Array:
    """(E, T) what a choice at random costs in expectation, in reward units."""
    return np.abs(grid["probability_left"] - 0.5)


def regret_by_trial(grid: EpisodeGrid) -> pd.DataFrame:
    """Regret summed over the trials so far, mean over episodes.

    Returns:
        One row a subject and trial: subject, trial (from 1), regret (reward units).
    """
    parts = []
    for subject, own in grid.iter_subjects():
        regret = regrets(own).cumsum(axis=1).mean(axis=0)
        trial = np.arange(1, len(regret) + 1)
        columns = {"subject": subject, "trial": trial, "regret": regret}
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def regret_by_volatility(grid: EpisodeGrid) -> pd.DataFrame:
    """Regret of an episode, mean over quiet and over volatile ones.

    Returns:
        One row a subject and volatility (low, high): subject, volatility, regret
        (reward units; NaN where there is no such episode).
    """
    rows = []
    for subject, own in grid.iter_subjects():
        total = regrets(own).sum(axis=1)
        for code, volatility in enumerate(VOLATILITIES):
            part = total[own["volatility"][:, 0] == code]
            mean = float(part.mean()) if part.size else np.nan
            rows.append((subject, volatility, mean))
    return pd.DataFrame(rows, columns=["subject", "volatility", "regret"])


def subject_regrets(grid: EpisodeGrid) -> pd.DataFrame:
    """What each subject's episodes cost.

    Returns:
        One row a subject: subject, regret (per episode, reward units), chance_regret
        (of choosing at random in the very same episodes) and regret_saved (share of
        the latter that was saved).
    """
    rows = []
    for subject, own in grid.iter_subjects():
        regret = float(regrets(own).sum(axis=1).mean())
        chance = float(np.nansum(chance_regrets(own), axis=1).mean())
        saved = 1 - regret / chance if chance > 0 else np.nan
        rows.append((subject, regret, chance, saved))
    columns = ["subject", "regret", "chance_regret", "regret_saved"]
    return pd.DataFrame(rows, columns=columns)


def subject_rates(
    fits: pd.DataFrame, blocks: Mapping[int, Mapping[str, Blocks]]
) -> pd.DataFrame:
    """How each subject's learning rate goes with volatility.

    Args:
        fits: `fit_blocks` of the subjects, with the column subject.
        blocks: subject -> volatility -> its blocks.

    Returns:
        One row a subject: subject, rate_low, rate_high (mean learning rate of
        RATE_MODEL over blocks), rate_difference (high minus low), rate_correlation (of
        the blocks' rates with their volatility), volatility_gain and free_rate_gain
        (BIC of model b minus that of ab, a block). NaN without blocks of both kinds.
    """
    rows = []
    for subject, own in blocks.items():
        mine = fits[fits["subject"] == subject]
        rates = mine[mine["model"] == RATE_MODEL]
        low, high = (
            rates.loc[rates["volatility"] == volatility, "alpha"].to_numpy(float)
            for volatility in VOLATILITIES
        )
        row = {"subject": subject, "rate_low": _mean(low), "rate_high": _mean(high)}
        row["rate_difference"] = row["rate_high"] - row["rate_low"]
        row["rate_correlation"] = _correlation(low, high)
        row["volatility_gain"] = volatility_gain(own)
        bic = mine.groupby("model")["bic"].mean()
        row["free_rate_gain"] = float(bic["b"] - bic["ab"]) if len(bic) else np.nan
        rows.append(row)
    return pd.DataFrame(rows)


def _mean(values: Array) -> float:
    return float(values.mean()) if values.size else np.nan


def _correlation(low: Array, high: Array) -> float:
    """Pearson's r of rates with volatility; NaN where either does not vary."""
    rates = np.concatenate([low, high])
    if not (low.size and high.size) or np.ptp(rates) == 0:
        return np.nan
    volatile = np.repeat([0.0, 1.0], [len(low), len(high)])
    return float(np.corrcoef(rates, volatile)[0, 1])


def example_episodes(
    trials: pd.DataFrame, recordings: Mapping[int, Recording]
) -> pd.DataFrame:
    """A quiet and a volatile episode of one subject, trial by trial.

    Declared: the first of each kind, of the first subject that was recorded (of the
    first subject where none was).

    Returns:
        Columns EXAMPLE_COLUMNS; policy_left is the chance of taking left, NaN without a
        recording.
    """
    subjects = sorted(recordings) or sorted(trials["subject"].unique())[:1]
    own = trials[trials["subject"] == subjects[0]]
    chances = _policies(recordings[subjects[0]]) if recordings else None
    if chances is not None:
        own = own[own["episode"].isin(chances["episode"])]
    first = own[["volatility", "episode"]].drop_duplicates("volatility")
    shown = own.merge(first, on=["volatility", "episode"])
    if chances is None:
        shown = shown.assign(policy_left=np.nan)
    else:
        shown = shown.merge(chances, on=["episode", "trial"], how="left")
    return shown[list(EXAMPLE_COLUMNS)].sort_values(["episode", "trial"])


def _policies(recording: Recording) -> pd.DataFrame:
    """episode, trial, policy_left of the steps at which a choice was due."""
    chose = recording["action"] >= 0
    return pd.DataFrame(
        {
            "episode": recording["episode"][chose],
            "trial": recording["trial"][chose],
            "policy_left": recording["policy"][chose, 0],
        }
    )
