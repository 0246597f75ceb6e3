"""Matching behaviour from the trial table alone, of a network or an animal.

A trial counts if it is valid and free and has a choice; as the outcome of any other
trial is not known from the table, a history ends there. An episode is a stretch of
constant base probabilities: an episode of a network, a block of an animal. A subject is
one unit, and an episode is one point of its matching line. Episodes with base
probabilities that were left out of training are "held-out", the others "held-in"; where
a table does not say, only "all" has numbers.

Source: Lau & Glimcher 2005, J Exp Anal Behav 84:555; Baum 1974, J Exp Anal Behav 22:231
(the generalised matching law); Wang et al. 2018, Nat Neurosci 21:860, Simulation 1.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from metarl.analysis.matching.optimum import (
    BASELINES,
    PROBABILITY_SUM,
    expected_rewards,
)
from metarl.analysis.measures import baseline_names, select_group, with_all_subjects
from metarl.analysis.schema import (
    BASE_SCHEMA,
    WITH_CHOICE,
    Array,
    Flags,
    Integers,
    between,
    codes,
    number,
)
from metarl.analysis.statistics import fit_linear, fit_logit
from metarl.analysis.trials import trial_sequence

SCHEMA = BASE_SCHEMA.extend(
    "matching",
    blocks=True,
    reward=codes(
        *(0, 1),
        names=("not rewarded", "rewarded"),
        when=WITH_CHOICE,
        meaning="outcome of the choice",
        example="1",
    ),
    held_out=number(
        meaning="1 if the base probability was left out of training, else 0",
        required=False,
    ),
    p0_left=replace(
        between(0, 1, blank=True, required=False), meaning="base probability of left"
    ),
    chance_left=number(
        meaning="probability that left, as baited, is rewarded now", required=False
    ),
)
"""Columns of the trial table."""
SPLIT = ("held-in", "held-out")
"""Sets of episodes by whether training had their base probabilities."""
SETS = (*SPLIT, "all")
"""All sets of episodes."""
LAST_COUNT = 20
"""Trials at the end of an episode in which macaques' slopes were computed."""
LAST = f"last {LAST_COUNT} trials"
"""All episodes, by these trials alone, and by ratios without PSEUDO_COUNT."""
STAYS = {
    "stay_after_reward": "pairs_after_reward",
    "switch_after_none": "pairs_after_none",
}
"""Columns of the table of subjects: responses to the last outcome, and the numbers of
pairs behind them."""
PSEUDO_COUNT = 0.5
"""Added to each count before a ratio is taken, so that no episode drops out."""
LEAST_EPISODES = 3
"""Episodes below which no line is fitted."""
LAGS = 15
"""Number of lags, as published."""
RIDGE = 0.5
"""Penalty of the history regression, on every weight.

It reproduces the published macaque rows of reference/ that were computed with it, and
keeps the weights finite where choices can be predicted from the last ones for certain.
"""
PREDICTORS = ("reward", "choice")
"""Properties of a past trial that weigh on the present choice."""


def read_trials(trials: pd.DataFrame) -> pd.DataFrame:
    """Sort a trial table that `SCHEMA` has checked, and mark the trials that count.

    Args:
        trials: trial table, one row a trial, in any order.

    Returns:
        One row a trial, by subject, session, episode and trial: these; episode_index
        (number of the episode over all, from 0); side (+1 right, -1 left, 0 not
        usable); rewarded (1, or 0 if not, or not usable); reward (in reward units, with
        penalties); valid; usable; history (usable trials right before it, unbroken);
        late (in the last two thirds of its episode, by trial numbers, from the first
        to the last that the table has); last (in its last LAST_COUNT trials); held_out
        (1 or 0), p0_left and chance_left (when choosing), NaN where the table does not
        say.

    Source: Wang et al. 2018, Nat Neurosci 21:860: only the last two thirds count.
    """
    sequence = trial_sequence(trials, SCHEMA)
    usable, episode = sequence.usable, sequence.episode_index
    last = np.append(sequence.starts[1:], len(episode)) - 1
    length = sequence.place[last] + 1
    return sequence.key_table().assign(
        episode_index=episode,
        side=np.where(usable, 2 * sequence["choice"] - 1, 0.0),
        rewarded=np.where(usable, sequence["reward"], 0.0),
        reward=sequence["reward"],
        valid=sequence["valid"] == 1,
        usable=usable,
        history=sequence.history,
        late=3 * sequence.place >= length[episode],
        last=sequence.place >= length[episode] - LAST_COUNT,
        held_out=sequence["held_out"],
        p0_left=sequence["p0_left"],
        chance_left=sequence["chance_left"],
    )


def iter_sets(
    table: pd.DataFrame, held_out: Array
) -> Iterator[tuple[str, pd.DataFrame]]:
    """The rows of each of SETS, given 1, 0 or NaN a row."""
    every = np.ones(len(table), dtype=bool)
    for name, chosen in zip(SETS, (held_out == 0, held_out == 1, every), strict=True):
        yield name, table[chosen]


def earnings(trials: pd.DataFrame, total: float = PROBABILITY_SUM) -> pd.DataFrame:
    """Reward per trial of each subject, in whole episodes.

    Args:
        trials: table of `read_trials`.
        total: sum of the base probabilities of left and right, in [0, 1].

    Returns:
        One row for each subject and set: reward_per_trial (reward units, penalties
        included); random, matching and rich_then_poor, the expected reward per trial of
        these baselines in the same episodes; efficiency, (reward_per_trial - random) /
        (rich_then_poor - random); above_matching, reward_per_trial - matching; trials.
        NaN where a set has no trial, or the table no base probabilities.
    """
    by_episode = trials.groupby("episode_index", sort=True)
    episodes = by_episode[["subject", "held_out", "p0_left"]].first()
    episodes["trials"], episodes["reward"] = (
        by_episode.size(),
        by_episode["reward"].sum(),
    )
    sizes = episodes["trials"].to_numpy(np.int64)
    expected = expected_rewards(episodes["p0_left"].to_numpy(float), sizes, total)
    episodes[list(BASELINES)] = expected.to_numpy()
    columns = ["reward", *BASELINES]
    frames = []
    for name, part in iter_sets(episodes, episodes["held_out"].to_numpy(float)):
        sums = part.groupby("subject")[["trials", *columns]].sum(min_count=1)
        sums = sums.reindex(_subjects(trials))
        rates = sums[columns].div(sums["trials"], axis=0)
        rates = rates.rename(columns={"reward": "reward_per_trial"})
        rates.insert(0, "set", name)
        frames.append(rates.assign(trials=sums["trials"].fillna(0).astype(np.int64)))
    table = pd.concat(frames).reset_index()
    gained = table["reward_per_trial"] - table["random"]
    return table.assign(
        efficiency=gained / (table["rich_then_poor"] - table["random"]),
        above_matching=table["reward_per_trial"] - table["matching"],
    )


def _subjects(trials: pd.DataFrame) -> "pd.Index[int]":
    index: pd.Index[int] = pd.Index(np.unique(trials["subject"]), name="subject")
    return index


def wide_by_set(rewards: pd.DataFrame, column: str) -> pd.DataFrame:
    """One row a group and subject, with a column for each set: column_held_in, ..."""
    wide = rewards.pivot(index=["group", "subject"], columns="set", values=column)
    names = {name: f"{column}_{name.replace('-', '_')}" for name in SETS}
    return wide[list(SETS)].rename(columns=names).reset_index()


def baseline_earnings(rewards: pd.DataFrame) -> pd.DataFrame:
    """Reward per trial of every baseline, in ascending order over all episodes.

    Args:
        rewards: table of `earnings`, with its groups.

    Returns:
        group, set and mean: exact in the measured subjects' own episodes where it is
        known, of the simulated baseline otherwise.
    """
    exact = select_group(rewards).groupby("set")[list(BASELINES)].mean()
    levels = {name.replace("_", "-"): exact[name] for name in BASELINES}
    for name in baseline_names(rewards):
        simulated = select_group(rewards, name).groupby("set")["reward_per_trial"]
        levels.setdefault(name, simulated.mean())
    ordered = sorted(levels.items(), key=lambda level: level[1].loc["all"])
    frames = [
        level.rename("mean").reset_index().assign(group=name) for name, level in ordered
    ]
    return pd.concat(frames, ignore_index=True)


def subject_measures(trials: pd.DataFrame) -> pd.DataFrame:
    """Invalid trials, and the effect of the last outcome on the next choice.

    Returns:
        One row a subject: trials, invalid_fraction (of all trials); stay_after_reward
        and switch_after_none, probabilities to repeat a rewarded choice and to leave an
        unrewarded one, in late trials, NaN without such a trial; and the numbers of
        pairs behind them, pairs_after_reward and pairs_after_none.
    """
    by_subject = trials.groupby("subject")
    table = pd.DataFrame(
        {
            "trials": by_subject.size(),
            "invalid_fraction": 1 - by_subject["valid"].mean(),
        }
    )
    later = np.flatnonzero(_counted(trials, 1))
    side, rewarded = trials["side"].to_numpy(), trials["rewarded"].to_numpy()
    pairs = pd.DataFrame(
        {
            "subject": trials["subject"].to_numpy()[later],
            "rewarded": rewarded[later - 1] == 1,
            "stay": side[later] == side[later - 1],
        }
    )
    won, lost = pairs[pairs["rewarded"]], pairs[~pairs["rewarded"]]
    table["stay_after_reward"] = won.groupby("subject")["stay"].mean()
    table["switch_after_none"] = 1 - lost.groupby("subject")["stay"].mean()
    for name, part in (("pairs_after_reward", won), ("pairs_after_none", lost)):
        sizes = part.groupby("subject").size()
        table[name] = sizes.reindex(table.index, fill_value=0)
    return table.reset_index()


def _counted(trials: pd.DataFrame, lags: int) -> Flags:
    """(N,) usable late trials with so many usable ones right before."""
    counted = trials["usable"] & trials["late"] & (trials["history"] >= lags)
    flags: Flags = counted.to_numpy(dtype=bool)
    return flags


def episode_ratios(
    trials: pd.DataFrame, part: str = "late", pseudo_count: float = PSEUDO_COUNT
) -> pd.DataFrame:
    """Ratios of choices and of rewards between the options, in a part of the trials.

    Args:
        trials: table of `read_trials`.
        part: its column of the trials that count, late or last.
        pseudo_count: added to each count, at least 0.

    Returns:
        One row an episode with a usable trial of this part: subject, session, episode,
        held_out, choice_ratio and reward_ratio, log2 of right to left; undefined,
        whether a bare ratio is not defined, so that it is infinite or NaN here if
        pseudo_count is 0.
    """
    counted = trials[trials["usable"] & trials[part]]
    right, rewarded = counted["side"] > 0, counted["rewarded"] > 0
    keys = ["subject", "session", "episode"]
    counts = counted[[*keys, "held_out"]].assign(
        choices_right=right,
        choices_left=~right,
        rewards_right=right & rewarded,
        rewards_left=~right & rewarded,
    )
    by_episode = counts.groupby(keys, sort=False)
    sums = by_episode.sum().reset_index()
    sums["held_out"] = by_episode["held_out"].first().to_numpy(float)
    for kind in ("choice", "reward"):
        right_and_left = (sums[f"{kind}s_{side}"] for side in ("right", "left"))
        both = [(count + pseudo_count).to_numpy(float) for count in right_and_left]
        with np.errstate(divide="ignore", invalid="ignore"):
            sums[f"{kind}_ratio"] = np.log2(both[0]) - np.log2(both[1])
    bare = [name for name in sums if str(name).endswith(("_right", "_left"))]
    sums["undefined"] = (sums[bare] == 0).any(axis=1)
    return sums.drop(columns=bare)


def matching_lines(trials: pd.DataFrame) -> pd.DataFrame:
    """The generalised matching law: a line through each subject's episodes.

        choice_ratio = bias + slope * reward_ratio

    by least squares; a slope of 1 is matching, below 1 undermatching. The set LAST is
    for comparison with macaques: the noise of so few trials lowers a slope.

    Returns:
        One row for each subject and set of SETS, and LAST: slope, bias (log2 right to
        left), r, error (standard error of the slope), episodes, undefined (share of the
        episodes with a bare ratio that is not defined); NaN with fewer than
        LEAST_EPISODES.
    """
    ratios = episode_ratios(trials)
    last = episode_ratios(trials, "last", pseudo_count=0)
    columns = ["subject", "set", "slope", "bias", "r", "error", "episodes"]
    rows = []
    for subject in _subjects(trials):
        own = ratios[ratios["subject"] == subject]
        for name, part in iter_sets(own, own["held_out"].to_numpy(float)):
            rows.append((subject, name, *_line(part), len(part), _undefined(part)))
        short = last[last["subject"] == subject]
        defined = short[~short["undefined"]]
        line = (*_line(defined), len(defined), _undefined(short))
        rows.append((subject, LAST, *line))
    return pd.DataFrame(rows, columns=[*columns, "undefined"])


def _undefined(ratios: pd.DataFrame) -> float:
    """Share of the episodes with a bare ratio that is not defined; NaN without any."""
    return float(ratios["undefined"].mean()) if len(ratios) else np.nan


def _line(ratios: pd.DataFrame) -> tuple[float, float, float, float]:
    """Slope, bias, r and standard error of the slope; NaN where no line fits."""
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

    so that a past trial counts +1 or -1 by its side, and for reward 0 if not rewarded.
    A trial counts if it is late in its episode and it and the `lags` trials before it
    are usable; the earlier ones may lie before the last two thirds.

    Args:
        trials: table of `read_trials`.
        lags: number of past trials.
        ridge: penalty of `fit_logit`.

    Returns:
        One row for each subject, predictor and lag: weight and error (log odds; NaN if
        it did not converge), converged, trials, the number regressed, and ridge.

    Source: Lau & Glimcher 2005; Wang et al. 2018, Fig. 2f.
    """
    side, rewarded = trials["side"].to_numpy(float), trials["rewarded"].to_numpy(float)
    counted, back = _counted(trials, lags), range(1, lags + 1)
    rows = []
    for subject, places in trials.groupby("subject").indices.items():
        now = np.asarray(places)[counted[places]]
        past = [lagged(values, now, back) for values in (side * rewarded, side)]
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
                "ridge": ridge,
            }
        )
        rows.append(table)
    return pd.concat(rows, ignore_index=True)


def lagged(values: Array, rows: Integers, lags: Sequence[int]) -> Array:
    """(R, L) values at each of L lags before each of R rows."""
    past: Array = values[rows[:, None] - np.asarray(lags)[None, :]]
    return past


def behaviour_summary(
    lines: pd.DataFrame,
    history: pd.DataFrame,
    subjects: pd.DataFrame,
    labels: Mapping[int, str],
) -> pd.DataFrame:
    """Every behavioural number of each measured subject.

    Args:
        lines: table of `matching_lines`, with its groups.
        history: table of `history_weights`, with its groups.
        subjects: table of `subject_measures`, with its groups.
        labels: subject -> its name.

    Returns:
        One row for each subject and quantity that any subject has: label, measure, set
        and lag (blank where they do not apply), value (blank for a subject without it),
        error (standard error of a slope or weight), n and over, the number of episodes,
        trials or pairs behind it; and first such a row over all subjects.
    """
    known = select_group(lines).melt(
        ["subject", "set", "error", "episodes"], ["slope", "bias", "r"], "measure"
    )
    known["error"] = known["error"].where(known["measure"] == "slope")
    fits = known.rename(columns={"episodes": "n"}).assign(over="episodes")
    weights = select_group(history).rename(columns={"weight": "value", "trials": "n"})
    weights = weights.assign(measure=weights["predictor"] + " weight", over="trials")
    stays = select_group(subjects)
    frames = [fits, weights]
    frames += [
        stays[["subject"]].assign(
            measure=name, value=stays[name], n=stays[pairs], over="pairs"
        )
        for name, pairs in STAYS.items()
    ]
    table = pd.concat(frames, ignore_index=True)
    table["label"] = table["subject"].map(dict(labels))
    table["set"] = table["set"].fillna("")
    keys = ["measure", "set", "lag"]
    anyone = table.groupby(keys, dropna=False)["value"].transform("count") > 0
    columns = ["label", *keys, "value", "error", "n", "over"]
    return with_all_subjects(table.loc[anyone, columns].reset_index(drop=True), keys)
