"""Matching and earning, from the trial table alone, of a network or an animal.

All functions take the table of `matching_trials.prepare`. A subject is one unit; an
episode is a point. Episodes whose base chances training never had are "held-out", the
others "held-in"; where a table does not say, only "all" has numbers.

Source: Lau & Glimcher 2005, J Exp Anal Behav 84:555; Baum 1974, J Exp Anal Behav 22:231
(the generalised matching law); Wang et al. 2018, Nat Neurosci 21:860, Simulation 1.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from metarl.analysis.matching.optimum import CHOOSERS, expected_rewards
from metarl.analysis.matching.trials import lagged
from metarl.analysis.schema import Array, Flags
from metarl.analysis.statistics import fit_linear, fit_logit

SETS = ("held-in", "held-out", "all")
"""Which episodes."""
PSEUDO_COUNT = 0.5
"""Added to each count before a ratio is taken, so that no episode drops out."""
LEAST_EPISODES = 3
"""Episodes below which no line is fitted."""
LAGS = 15
"""Trials looked back, as published."""
RIDGE = 0.5
"""Penalty of the history regression, on every weight.

It reproduces the published macaque rows of reference/ that were computed with it, and
keeps the weights finite where choices can be told from the last ones for certain.
"""
PREDICTORS = ("reward", "choice")
"""What of a past trial weighs on the present choice."""


def of_sets(table: pd.DataFrame, held_out: Array) -> Iterator[tuple[str, pd.DataFrame]]:
    """The rows of each of SETS, given 1, 0 or NaN a row."""
    every = np.ones(len(table), dtype=bool)
    for name, chosen in zip(SETS, (held_out == 0, held_out == 1, every), strict=True):
        yield name, table[chosen]


def earnings(trials: pd.DataFrame) -> pd.DataFrame:
    """What each subject earned a trial, in whole episodes.

    Returns:
        One row for each subject and set: reward_per_trial (reward units, penalties
        included); random, matching and rich_then_poor, what these would earn in the
        same episodes; efficiency, (reward_per_trial - random) / (rich_then_poor -
        random); above_matching, reward_per_trial - matching; trials. NaN where a set
        has no trial, or the table no base chances.
    """
    runs = trials.groupby("run", sort=True)
    episodes = runs[["subject", "held_out", "p0_left"]].first()
    episodes["trials"], episodes["earned"] = runs.size(), runs["earned"].sum()
    sizes = episodes["trials"].to_numpy(np.int64)
    expected = expected_rewards(episodes["p0_left"].to_numpy(float), sizes)
    episodes[list(CHOOSERS)] = expected.to_numpy()
    parts = []
    for name, part in of_sets(episodes, episodes["held_out"].to_numpy(float)):
        sums = part.groupby("subject")[["trials", "earned", *CHOOSERS]].sum(min_count=1)
        sums = sums.reindex(_subjects(trials))
        rates = sums[["earned", *CHOOSERS]].div(sums["trials"], axis=0)
        rates = rates.rename(columns={"earned": "reward_per_trial"})
        rates.insert(0, "set", name)
        parts.append(rates.assign(trials=sums["trials"].fillna(0).astype(np.int64)))
    table = pd.concat(parts).reset_index()
    gained = table["reward_per_trial"] - table["random"]
    return table.assign(
        efficiency=gained / (table["rich_then_poor"] - table["random"]),
        above_matching=table["reward_per_trial"] - table["matching"],
    )


def _subjects(trials: pd.DataFrame) -> "pd.Index[int]":
    index: pd.Index[int] = pd.Index(np.unique(trials["subject"]), name="subject")
    return index


def subject_facts(trials: pd.DataFrame) -> pd.DataFrame:
    """Invalid trials and how the last outcome moves the next choice.

    Returns:
        One row a subject: trials, invalid_fraction (of all trials); stay_after_reward
        and switch_after_none, chances to repeat a choice that paid and to leave one
        that did not, in late trials; NaN without such a trial.
    """
    by_group = trials.groupby("subject")
    facts = pd.DataFrame(
        {"trials": by_group.size(), "invalid_fraction": 1 - by_group["valid"].mean()}
    )
    later = np.flatnonzero(_counted(trials, 1))
    side, paid = trials["side"].to_numpy(), trials["paid"].to_numpy()
    pairs = pd.DataFrame(
        {
            "subject": trials["subject"].to_numpy()[later],
            "paid": paid[later - 1] == 1,
            "stay": side[later] == side[later - 1],
        }
    )
    won, lost = pairs[pairs["paid"]], pairs[~pairs["paid"]]
    facts["stay_after_reward"] = won.groupby("subject")["stay"].mean()
    facts["switch_after_none"] = 1 - lost.groupby("subject")["stay"].mean()
    return facts.reset_index()


def _counted(trials: pd.DataFrame, lags: int) -> Flags:
    """(N,) usable late trials with so many usable ones right before."""
    counted = trials["usable"] & trials["late"] & (trials["history"] >= lags)
    flags: Flags = counted.to_numpy(dtype=bool)
    return flags


def episode_ratios(trials: pd.DataFrame) -> pd.DataFrame:
    """How choices and rewards were shared between the arms, in late trials.

    Returns:
        One row an episode with a usable late trial: subject, session, episode,
        held_out, choice_ratio and reward_ratio, log2 of right to left, each count with
        PSEUDO_COUNT added; undefined, whether a bare ratio would have been.
    """
    late = trials[trials["usable"] & trials["late"]]
    right = late["side"] > 0
    paid = late["paid"] > 0
    keys = ["subject", "session", "episode"]
    counts = late[[*keys, "held_out"]].assign(
        choices_right=right,
        choices_left=~right,
        rewards_right=right & paid,
        rewards_left=~right & paid,
    )
    sums = counts.groupby(keys, sort=False).sum().reset_index()
    told = counts.groupby(keys, sort=False)["held_out"].first()
    sums["held_out"] = told.to_numpy(float)
    for what in ("choice", "reward"):
        both = [sums[f"{what}s_{side}"] + PSEUDO_COUNT for side in ("right", "left")]
        sums[f"{what}_ratio"] = np.log2(both[0] / both[1])
    bare = [name for name in sums if str(name).endswith(("_right", "_left"))]
    sums["undefined"] = (sums[bare] == 0).any(axis=1)
    return sums.drop(columns=bare)


def matching_lines(trials: pd.DataFrame) -> pd.DataFrame:
    """The generalised matching law: a line through each subject's episodes.

        choice_ratio = bias + slope * reward_ratio

    by least squares; a slope of 1 is matching, below 1 undermatching.

    Returns:
        One row for each subject and set: slope, bias (log2 right to left), r, error
        (standard error of the slope), episodes, undefined (share of the episodes whose
        bare ratio is not defined); NaN with fewer than LEAST_EPISODES.
    """
    ratios = episode_ratios(trials)
    columns = ["subject", "set", "slope", "bias", "r", "error", "episodes"]
    rows = []
    for subject in _subjects(trials):
        own = ratios[ratios["subject"] == subject]
        for name, part in of_sets(own, own["held_out"].to_numpy(float)):
            share = part["undefined"].mean() if len(part) else np.nan
            rows.append((subject, name, *_line(part), len(part), share))
    return pd.DataFrame(rows, columns=[*columns, "undefined"])


def _line(ratios: pd.DataFrame) -> tuple[float, float, float, float]:
    """Slope, bias, r and standard error of the slope; NaN where no line is."""
    choice = ratios["choice_ratio"].to_numpy(float)
    reward = ratios["reward_ratio"].to_numpy(float)
    if len(ratios) < LEAST_EPISODES or np.ptp(reward) == 0:
        return np.nan, np.nan, np.nan, np.nan
    fit = fit_linear(choice, reward)
    bias, slope = fit.weights
    spread = ((reward - reward.mean()) ** 2).sum() * (len(reward) - 2)
    error = np.sqrt((fit.residuals**2).sum() / spread)
    return slope, bias, np.sign(slope) * np.sqrt(fit.r2), error


def history_weights(
    trials: pd.DataFrame, lags: int = LAGS, ridge: float = RIDGE
) -> pd.DataFrame:
    """Logistic regression of the choice on past rewards and past choices.

        log odds(right) = bias + sum over lags of
            reward weight * (reward right - reward left)
            + choice weight * (choice right - choice left)

    so that a past trial counts +1 or -1 by its side, and for reward 0 if not paid. A
    trial counts if it is late in its episode and it and the `lags` trials before it are
    usable; the earlier ones may lie before the last two thirds.

    Args:
        trials: table of `prepare`.
        lags: trials looked back.
        ridge: penalty of `fit_logit`.

    Returns:
        One row for each subject, predictor and lag: weight and error (log odds; NaN if
        it did not converge), converged, trials, the number regressed.

    Source: Lau & Glimcher 2005; Wang et al. 2018, Fig. 2f.
    """
    side, paid = trials["side"].to_numpy(float), trials["paid"].to_numpy(float)
    counted, back = _counted(trials, lags), range(1, lags + 1)
    rows = []
    for subject, places in trials.groupby("subject").indices.items():
        now = np.asarray(places)[counted[places]]
        past = [lagged(values, now, back) for values in (side * paid, side)]
        design = np.column_stack([np.ones(len(now)), *past])
        fit = fit_logit(design, side[now] > 0, ridge=ridge)
        weights = np.where(fit.converged, fit.weights, np.nan)[1:]
        table = pd.DataFrame(
            {
                "subject": subject,
                "predictor": np.repeat(PREDICTORS, lags),
                "lag": [*back, *back],
                "weight": weights,
                "error": fit.standard_errors[1:],
                "converged": fit.converged,
                "trials": len(now),
            }
        )
        rows.append(table)
    return pd.concat(rows, ignore_index=True)
