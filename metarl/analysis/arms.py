"""Choices among several arms, from a trial table of animals or people alone.

A trial counts if it is valid and free and has a choice and a reward. A forced trial is
no choice, but its reward is learned from. Arms are numbered from 0; rewards may be of
any unit. The arms' expected rewards need not be known.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from metarl.analysis.measures import stack
from metarl.analysis.schema import (
    Array,
    CellError,
    Column,
    Flags,
    Integers,
    between,
    number,
)
from metarl.analysis.statistics import known_mean
from metarl.analysis.trials import TrialSequence

NAMED_ARMS = 4
"""Largest number of arms with a column of expected rewards."""
MOST_CODES = 8
"""Most codes that a message lists."""
MOST_BINS = 40
"""Most points of a curve over the trials of an episode."""
RATES = np.arange(1, 51) / 50
"""Learning rates tried."""
TEMPERATURES = np.geomspace(0.25, 64, 33)
"""Inverse temperatures tried, per range of the subject's rewards."""
CHUNK = 2_000
"""Episodes that are fitted at once."""
OUTCOMES = ("high", "low")
"""Rewards above the subject's mean, and the others."""
CURVES = ("reward", "best", "regret", "arms_tried")
"""Quantities along an episode."""
MEASURES = (
    "reward_per_counted_trial",
    "p_best",
    "regret_per_trial",
    "stay_after_high",
    "stay_after_low",
    "stay_difference",
    "arms_per_episode",
    "learning_rate",
    "temperature",
    "likelihood_gain",
)
"""Numbers of a subject."""


def mean_columns(prefix: str, meaning: str, unit: str = "") -> dict[str, Column]:
    """Columns of the arms' expected rewards, which a table may leave out.

    Args:
        prefix: of their names; the arm's number follows.
        meaning: of each, before "of arm 0".
        unit: of the numbers; "" for probabilities.
    """
    examples = ("0.8", "0.2", "", "") if not unit else ("61.5", "32", "48.1", "55")

    def column(arm: int) -> Column:
        words, example = f"{meaning} of arm {arm}", examples[arm]
        if unit:
            return number(
                meaning=words, unit=unit, required=False, example=example, own=True
            )
        return between(
            *(0, 1),
            meaning=words,
            blank=True,
            required=False,
            example=example,
            own=arm > 1,
        )

    return {f"{prefix}{arm}": column(arm) for arm in range(NAMED_ARMS)}


def check_arms(prefix: str) -> Callable[[pd.DataFrame], None]:
    """A rule for the chosen arms: one of them is arm 0.

    Arms that are counted from 1 would give the fits one arm too many, which is never
    chosen. A single arm may be any, and arm 0 is there where it is described.

    Args:
        prefix: of the columns of the arms' expected rewards.
    """

    def check(columns: pd.DataFrame) -> None:
        choice, described = columns["choice"], columns[f"{prefix}0"].notna().any()
        arms = sorted(choice.dropna().unique())
        if described or len(arms) < 2 or arms[0] == 0:
            return
        codes = " ".join(f"{arm:g}={arm - arms[0]:g}" for arm in arms[:MOST_CODES])
        more = " ..." if len(arms) > MOST_CODES else ""
        raise CellError(
            "choice",
            "the chosen arm, counted from 0, and 0 in some trial",
            arms[0],
            int(np.argmax((choice == arms[0]).to_numpy())),
            f'count from 0 with --code "choice: {codes}{more}"; if there is an arm 0 '
            f"that was never chosen, give its {prefix}0",
        )

    return check


@dataclass(frozen=True, kw_only=True)
class ArmTrials:
    """Trials in order, and what is known of the arms."""

    trials: TrialSequence
    """The trials; one counts where it is usable."""
    means: Array
    """(N, arms) expected reward of each arm; NaN where it is not known."""
    arms: int
    """Number of arms that any subject chose, or that columns describe."""

    @property
    def known(self) -> Flags:
        """(N,) whether the expected rewards of two arms or more are known."""
        several: Flags = np.isfinite(self.means).sum(axis=1) > 1
        return several & np.isfinite(self.chosen_mean)

    @property
    def best_mean(self) -> Array:
        """(N,) expected reward of the best arm."""
        least = np.where(np.isnan(self.means), -np.inf, self.means)
        best: Array = least.max(axis=1, initial=-np.inf)
        return best

    @property
    def chosen_mean(self) -> Array:
        """(N,) expected reward of the chosen arm; NaN without a choice that counts."""
        chosen = np.full(len(self.trials.keys), np.nan)
        rows = np.flatnonzero(self.trials.usable)
        chosen[rows] = self.means[rows, self.trials["choice"][rows].astype(np.int64)]
        return chosen

    @property
    def regret(self) -> Array:
        """(N,) expected reward of the best arm minus that of the chosen one."""
        cost: Array = np.where(
            self.known, self.best_mean - np.nan_to_num(self.chosen_mean), np.nan
        )
        return cost

    @property
    def best(self) -> Array:
        """(N,) whether the best arm was chosen: 1, 0, or NaN."""
        return np.where(self.known, np.isclose(self.regret, 0), np.nan)


def arm_trials(trials: TrialSequence, prefix: str) -> ArmTrials:
    """Trials with the columns of the arms' expected rewards.

    Args:
        trials: the trials, in order, read with reward as a needed column.
        prefix: of the columns' names.
    """
    names = [f"{prefix}{arm}" for arm in range(NAMED_ARMS)]
    columns = [trials[name] for name in names if name in trials.columns]
    described = [k for k, v in enumerate(columns) if np.isfinite(v).any()]
    choice = trials["choice"][trials.usable]
    arms = int(max([1, *described, *choice[choice < np.inf]])) + 1
    means = np.full((len(trials.keys), arms), np.nan)
    for arm in described:
        means[:, arm] = columns[arm]
    return ArmTrials(trials=trials, means=means, arms=arms)


def staying(arms: ArmTrials) -> pd.DataFrame:
    """How often an arm is chosen again, by the reward that it gave.

    Returns:
        One row a subject and outcome: subject, outcome (high: above the subject's mean
        reward; low: not), probability (NaN without a pair) and pairs, their number.
    """
    trials = arms.trials
    high = trials["reward"] > _subject_means(trials)[_subject_index(trials)]
    later = np.flatnonzero(trials.follows)
    pairs = pd.DataFrame(
        {
            "subject": trials.subject[later],
            "outcome": np.where(high[later - 1], *OUTCOMES),
            "stay": trials["choice"][later] == trials["choice"][later - 1],
        }
    )
    cells = pairs.groupby(["subject", "outcome"])["stay"].agg(["mean", "size"])
    subjects = np.unique(trials.subject)
    every = pd.MultiIndex.from_product(
        [subjects, OUTCOMES], names=["subject", "outcome"]
    )
    table = cells.reindex(every).rename(
        columns={"mean": "probability", "size": "pairs"}
    )
    table["pairs"] = table["pairs"].fillna(0).astype(np.int64)
    return table.astype({"probability": float}).reset_index()


def _subject_index(trials: TrialSequence) -> Integers:
    """(N,) number of each trial's subject among the subjects, from 0."""
    index: Integers = np.unique(trials.subject, return_inverse=True)[1].astype(np.int64)
    return index


def _subject_means(trials: TrialSequence) -> Array:
    """(S,) mean reward of each subject, over the trials that count."""
    reward = np.where(trials.usable, trials["reward"], np.nan)
    means = pd.Series(reward).groupby(_subject_index(trials)).mean()
    return np.asarray(means, float)


def arms_tried(trials: TrialSequence) -> Array:
    """(N,) different arms chosen in the episode so far; NaN where none counts."""
    table = pd.DataFrame({"episode": trials.episode_index, "choice": trials["choice"]})
    repeated = np.zeros(len(table), bool)
    repeated[trials.usable] = table[trials.usable].duplicated()
    new = trials.usable & ~repeated
    tried = pd.Series(new.astype(float)).groupby(trials.episode_index).cumsum()
    return np.where(trials.usable, tried.to_numpy(float), np.nan)


def curves(arms: ArmTrials) -> pd.DataFrame:
    """Rewards and choices along an episode.

    Returns:
        One row a subject, measure (CURVES) and trial: subject, measure, trial (from 1;
        the middle of a bin where episodes are longer than MOST_BINS), value (mean over
        the subject's trials there) and n, their number. A measure that is not known
        has no row.
    """
    trials = arms.trials
    length = int(trials.place.max(initial=0)) + 1
    width = -(-length // MOST_BINS)
    middle = trials.place // width * width + (width + 1) / 2
    counted = np.where(trials.usable, trials["reward"], np.nan)
    values = dict(
        zip(
            CURVES,
            (counted, arms.best, arms.regret, arms_tried(trials)),
            strict=True,
        )
    )
    frames = []
    for name, each in values.items():
        table = pd.DataFrame({"subject": trials.subject, "trial": middle, "v": each})
        cells = table.groupby(["subject", "trial"])["v"].agg(["mean", "count"])
        known = cells[cells["count"] > 0].reset_index()
        named = known.rename(columns={"mean": "value", "count": "n"})
        frames.append(({"measure": name}, named))
    columns = ("measure", "subject", "trial", "value", "n")
    return stack(frames, columns)[["subject", *columns[:1], *columns[2:]]]


def fits(arms: ArmTrials) -> pd.DataFrame:
    """Learning rate and inverse temperature of each subject.

        value(chosen) += rate * (reward - value(chosen))
        P(arm) = exp(temperature * value(arm)) / sum over arms

    Rewards are scaled so that the subject's least is 0 and its greatest 1; every value
    is 1/2 at an episode's start. Declared: the most likely point of a grid.

    Returns:
        One row a subject: subject, learning_rate, temperature, choices, their number,
        and likelihood_gain, by how much a choice is likelier, in mean log likelihood,
        than at random. The rate and temperature are NaN where the lowest temperature
        fits best (no rate is then better than another), and where all rewards are
        equal.
    """
    rows = []
    for subject, own in arms.trials.iter_subjects():
        rows.append({"subject": subject, **_fit(own, arms.arms)})
    columns = ["subject", *MEASURES[-3:], "choices"]
    return pd.DataFrame(rows, columns=columns)


def _fit(trials: TrialSequence, arms: int) -> dict[str, float]:
    """One subject's fit."""
    choices = int(trials.usable.sum())
    nothing = dict.fromkeys(MEASURES[-3:], np.nan) | {"choices": choices}
    reward = trials["reward"]
    spread = float(np.ptp(reward[trials.usable])) if choices else 0.0
    if spread == 0:
        return nothing
    scaled = (reward - reward[trials.usable].min()) / spread
    fit = _log_likelihoods(trials, scaled, arms)
    rate, temperature = np.unravel_index(fit.argmax(), fit.shape)
    gain = float(fit.max() / choices + np.log(arms))
    if temperature == 0:
        return nothing | {"likelihood_gain": gain}
    return {
        "learning_rate": float(RATES[rate]),
        "temperature": float(TEMPERATURES[temperature]),
        "likelihood_gain": gain,
        "choices": choices,
    }


def _log_likelihoods(trials: TrialSequence, reward: Array, arms: int) -> Array:
    """(A, B) log likelihood of one subject's choices by rate and temperature."""
    # A forced or excluded trial is no choice; a valid one is learned from, too.
    learned = np.equal(trials["valid"], 1) & np.isfinite(trials["choice"] + reward)
    episode, place = trials.episode_index, trials.place
    shape = len(trials.starts), int(place.max(initial=0)) + 1
    choice = np.full(shape, -1, np.int64)
    outcome, counts = np.zeros(shape), np.zeros(shape, bool)
    rows = np.flatnonzero(learned)
    choice[episode[rows], place[rows]] = trials["choice"][rows].astype(np.int64)
    outcome[episode[rows], place[rows]] = reward[rows]
    counts[episode, place] = trials.usable
    total = np.zeros((len(RATES), len(TEMPERATURES)))
    for first in range(0, shape[0], CHUNK):
        part = slice(first, first + CHUNK)
        total += _chunk(choice[part], outcome[part], counts[part], arms)
    return total


def _chunk(choice: Integers, outcome: Array, counts: Flags, arms: int) -> Array:
    """(A, B) log likelihood of some episodes, each (E, T); a choice of -1 is none."""
    total = np.zeros((len(RATES), len(TEMPERATURES)))
    values = np.full((len(RATES), len(choice), arms), 0.5)
    episodes = np.arange(len(choice))
    for place in range(choice.shape[1]):
        rows = episodes[choice[:, place] >= 0]
        arm = choice[rows, place]
        counted = counts[rows, place]
        if counted.any():
            total += _choice_likelihood(values[:, rows[counted]], arm[counted])
        error = outcome[rows, place] - values[:, rows, arm]
        values[:, rows, arm] += RATES[:, None] * error
    return total


def _choice_likelihood(values: Array, arm: Integers) -> Array:
    """(A, B) log likelihood of choices, summed, given the values (A, E, arms)."""
    chosen = np.take_along_axis(values, arm[None, :, None], axis=2)
    ahead = values - chosen
    return np.stack(
        [
            -np.log(np.exp(temperature * ahead).sum(axis=2)).sum(axis=1)
            for temperature in TEMPERATURES
        ],
        axis=1,
    )


def subject_numbers(arms: ArmTrials) -> pd.DataFrame:
    """Every number of each subject.

    Returns:
        One row a subject: subject, episodes, counted (trials), and MEASURES.
    """
    trials, stays = arms.trials, staying(arms)
    wide = stays.pivot(index="subject", columns="outcome", values="probability")
    counted = np.where(trials.usable, trials["reward"], np.nan)
    tried, regret, best = arms_tried(trials), arms.regret, arms.best
    rows = []
    for subject in np.unique(trials.subject):
        own = trials.subject == subject
        index = trials.episode_index[own]
        most = pd.Series(tried[own]).groupby(index).max()
        high, low = (float(wide.loc[subject, outcome]) for outcome in OUTCOMES)
        rows.append(
            {
                "subject": int(subject),
                "episodes": len(np.unique(index)),
                "counted": int(trials.usable[own].sum()),
                "reward_per_counted_trial": known_mean(counted[own]),
                "p_best": known_mean(best[own]),
                "regret_per_trial": known_mean(regret[own]),
                "stay_after_high": high,
                "stay_after_low": low,
                "stay_difference": high - low,
                "arms_per_episode": known_mean(most.to_numpy(float)),
            }
        )
    return pd.DataFrame(rows).merge(fits(arms).drop(columns="choices"), on="subject")


def behaviour_values(
    subjects: pd.DataFrame, stays: pd.DataFrame, along: pd.DataFrame
) -> pd.DataFrame:
    """Tables of measured subjects as `behaviour_rows` takes them, with a point trial.

    Args:
        subjects: `subject_numbers`.
        stays: `staying`.
        along: `curves`.
    """
    long = subjects.melt(["subject", "counted"], list(MEASURES), "quantity", "value")
    pairs = stays.assign(quantity="stay_after_" + stays["outcome"])
    long = long.rename(columns={"counted": "n"}).merge(
        pairs[["subject", "quantity", "pairs"]], how="left", on=["subject", "quantity"]
    )
    long["n"] = long["pairs"].fillna(long["n"])
    known = long[long.groupby("quantity")["value"].transform("count") > 0]
    shown = along.assign(quantity=along["measure"].map(CURVE_NAMES))
    columns: Sequence[str] = ["subject", "quantity", "trial", "value", "n"]
    return pd.concat([known, shown], ignore_index=True)[columns]


CURVE_NAMES: Mapping[str, str] = {
    "reward": "reward_by_trial",
    "best": "p_best_by_trial",
    "regret": "regret_by_trial",
    "arms_tried": "arms_tried_by_trial",
}
"""Quantity along an episode -> its name in the table of behaviour."""
