"""Choices of the risky arm, from the trial table of a network or an animal.

Only valid, free trials with a choice count. A percentage is of one subject, at one
probability of the large reward. There may be any number of probabilities.

Source: Stopper et al. 2014, Neuron 84:177; Wang et al. 2018, Nat Neurosci 21:860.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from metarl.analysis.measures import Tables, select_group
from metarl.analysis.schema import (
    BASE_SCHEMA,
    Array,
    Column,
    Derived,
    between,
    codes,
    number,
)
from metarl.analysis.trials import TrialSequence, trial_sequence


def _amount(words: str, example: str) -> Column:
    return number(
        meaning=words, unit="reward units", required=False, example=example, own=True
    )


SCHEMA = BASE_SCHEMA.extend(
    "risky-choice",
    derived={
        "choice": Derived(
            ("risky",), lambda table: table["risky"], "1 for the risky option"
        )
    },
    choice=codes(
        *(0, 1),
        names=("left", "right"),
        blank=True,
        meaning="chosen side; no measure is of sides",
    ),
    reward=replace(
        BASE_SCHEMA.columns["reward"],
        default=np.nan,
        meaning="reward of the trial; a loss is below 0",
    ),
    risky=codes(
        *(0, 1),
        names=("safe", "risky"),
        blank=True,
        meaning="whether the risky arm was chosen",
        example="1",
    ),
    probability_risky=between(
        *(0, 1),
        meaning="the risky arm's probability of the large reward",
        example="0.5",
    ),
    reward_safe=_amount("reward of the safe arm; a loss is below 0", "1"),
    reward_risky=_amount("large reward of the risky arm", "4"),
    reward_risky_else=_amount(
        "what the risky arm gives otherwise, 0 if left out; a loss is below 0", "0"
    ),
    won=codes(
        *(0, 1),
        blank=True,
        required=False,
        meaning="whether the risky arm gave the large reward; needed with recordings",
    ),
    condition=Column(
        words=True,
        required=False,
        own=True,
        meaning="condition, by its changed outcome, as block-safe; blank: control",
    ),
)
"""Columns of the trial table."""
MOST_PLACES = 20
"""Most points along an episode, as many as the networks' has free trials."""
DIGITS = 6
"""Decimals of a probability that are read; the table may hold single precision."""


class Probabilities(NamedTuple):
    """The two probabilities of the large reward that are compared."""

    high: float
    """The one at which the risky arm is the better: the highest."""
    low: float
    """The one at which the safe arm is the better: the lowest; NaN if there is one
    probability alone."""

    @property
    def named(self) -> dict[str, float]:
        """Those that are known, by name."""
        return {k: v for k, v in self._asdict().items() if not np.isnan(v)}


def read_trials(trials: pd.DataFrame) -> TrialSequence:
    """Sort a trial table that `SCHEMA` has checked."""
    return trial_sequence(trials, SCHEMA, needs=("risky",))


def rounded(probability: Array) -> Array:
    """Probabilities as they were set, without the noise of single precision."""
    return np.asarray(probability, float).round(DIGITS)


def known_probabilities(
    parameters: Mapping[str, object], trials: TrialSequence
) -> Probabilities:
    """The task's two probabilities; without parameters, those of the trials.

    Args:
        parameters: all parameters of the task, or none.
        trials: trials that include both.
    """
    present = np.unique(rounded(trials["probability_risky"])).tolist() or [np.nan]
    high, low = (
        round(float(str(parameters.get(name, level))), DIGITS)
        for name, level in (
            ("probability_high", present[-1]),
            ("probability_low", present[0]),
        )
    )
    return Probabilities(high, np.nan if high == low else low)


def probabilities(tables: Tables) -> Probabilities:
    """The two probabilities of the analysis."""
    row = tables["probabilities"].iloc[0]
    return Probabilities(float(row["high"]), float(row["low"]))


def all_probabilities(tables: Tables) -> list[float]:
    """Every probability at which measured subjects were tested, from high to low."""
    tested = select_group(tables["risky"])["probability"]
    known = {*probabilities(tables).named.values(), *tested.astype(float)}
    return sorted(known, reverse=True)


def free_trials(trials: TrialSequence) -> pd.DataFrame:
    """The free trials.

    Returns:
        One row a trial: subject, place (from 1, by trial numbers from the first free
        trial of its episode), probability (of the large reward), risky (0, 1, or NaN
        where the trial does not count) and reward.
    """
    free = trials.where(trials["forced"] == 0)
    return pd.DataFrame(
        {
            "subject": free.subject,
            "place": free.place + 1,
            "probability": rounded(free["probability_risky"]),
            "risky": np.where(free.usable, free["risky"], np.nan),
            "reward": free["reward"],
        }
    )


def percent_risky(trials: TrialSequence) -> pd.DataFrame:
    """Percentage of free choices that are of the risky arm.

    Returns:
        One row for each subject and probability: percent in [0, 100], NaN without a
        free choice, and trials, the number of choices.
    """
    return _percent(trials, ["subject", "probability"])


def percent_by_trial(trials: TrialSequence) -> pd.DataFrame:
    """The same for each free trial of an episode.

    Returns:
        One row for each subject, probability and place (from 1; the middle of a bin
        where there are more than MOST_PLACES): percent, trials.
    """
    return _percent(trials, ["subject", "probability", "place"])


def _binned(place: "pd.Series[int]") -> "pd.Series[float]":
    """Places in at most MOST_PLACES bins of one width, each as its middle."""
    width = -(-int(place.max()) // MOST_PLACES) if len(place) else 1
    if width <= 1:
        return place.astype(float)
    return (place - 1) // width * width + (width + 1) / 2


def _percent(trials: TrialSequence, by: Sequence[str]) -> pd.DataFrame:
    free = free_trials(trials)
    free["place"] = _binned(free["place"])
    risky = free.groupby(list(by))["risky"]
    counted = pd.DataFrame({"percent": 100 * risky.mean(), "trials": risky.count()})
    # A subject without trials in a cell has a row, too, without a number.
    levels = [np.sort(free[name].unique()) for name in by]
    cells = pd.MultiIndex.from_product(levels, names=list(by))
    table = counted.reindex(cells).reset_index()
    return table.fillna({"trials": 0}).astype({"trials": np.int64})


def subject_measures(trials: TrialSequence, levels: Probabilities) -> pd.DataFrame:
    """Risky choices and rewards of each subject in free trials.

    Args:
        trials: the trials, in order.
        levels: the two probabilities of the large reward.

    Returns:
        One row a subject: percent_high, percent_low (of free choices, risky), and
        risk_sensitivity, their difference, in percentage points; choices, at all
        probabilities; reward_per_free_trial (those without a valid choice, and
        penalties, included) and invalid_fraction (of all trials).
    """
    valid = pd.Series(trials["valid"]).groupby(trials.subject).mean()
    cells = percent_risky(trials).set_index(["subject", "probability"])["percent"]
    high, low = (
        cells[cells.index.get_level_values("probability") == probability]
        .droplevel("probability")
        .reindex(valid.index)
        for probability in levels
    )
    free = free_trials(trials).groupby("subject")
    reward, choices = free["reward"].mean(), free["risky"].count()
    table = pd.DataFrame(
        {
            "percent_high": high,
            "percent_low": low,
            "risk_sensitivity": high - low,
            "choices": choices.reindex(valid.index, fill_value=0),
            "reward_per_free_trial": reward.reindex(valid.index),
            "invalid_fraction": 1 - valid,
        }
    )
    return table.rename_axis("subject").reset_index()
