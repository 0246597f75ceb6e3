"""The hybrid of model-based and model-free learning, fitted to both choices of a trial.

Values start at 1/2 in each episode. With q2 of the second-stage options, q1 of the
first-stage choices, and the chosen ones of a trial with reward r,

    q1 += rate1 (q2 - q1) + rate1 eligibility (r - q2);    q2 += rate2 (r - q2)
    m(choice) = sum over states of P(state | choice) max q2(state)
    log odds(first choice 1) = slope1 (w m + (1 - w) q1 + stickiness * last), 1 minus 0
    log odds(second choice 1) = slope2 (q2(1) - q2(0)) in the present state

`last` marks the choice of the last trial that counts. The weight w is 1 for a
model-based learner, 0 for a model-free one.

Source: Daw et al. 2011, Neuron 69:1204.
Declared: the estimate is the most likely one, for each subject alone; P is the
subject's own share of common transitions; where a subject has more trials than
MOST_TRIALS, its first episodes are fitted. A learner of another kind also gets a w.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import optimize, signal, special

from metarl.analysis.schema import Array, Flags, Integers
from metarl.analysis.statistics import PROBABILITY
from metarl.analysis.trials import TrialSequence

PARAMETERS = (
    "model_based_weight",
    "first_rate",
    "second_rate",
    "eligibility",
    "first_slope",
    "second_slope",
    "stickiness",
)
"""Parameters of the fit; w is the first."""
SHARES = dict.fromkeys(
    ("model_based_weight", "first_rate", "second_rate", "eligibility"), PROBABILITY
)
"""Parameter between 0 and 1 -> its bounds."""
FIT_COLUMNS = ("subject", *PARAMETERS, "log_likelihood", "choices")
"""Columns of the table of `hybrid_fits`."""
MOST_TRIALS = 20_000
"""Trials of a subject up to which all episodes are fitted, and whole ones beyond."""
LEAST_TRIALS = 50
"""Trials below which a subject has no fit: seven parameters would be arbitrary."""
INITIAL = 0.5
"""Value of everything before an episode's first trial."""
STARTS = ((0.2, 0.5), (0.5, 0.5), (0.7, 0.9))
"""Rate and eligibility from which the search starts."""
BOUNDS = ((0.01, 1), (0.01, 1), (0, 1), (0, 60), (0, 60), (0, 60), (-5, 5))
"""Of rate1, rate2, eligibility; slope1 w, slope1 (1 - w), slope2, slope1 stickiness."""
NONLINEAR = 3
"""Number of the first of these that the log odds are not linear in."""
LEAST_SLOPE = 0.1
"""Sum of the slopes of both values below which w is unknown."""


Differences = tuple[Array, Array, Array]
"""(N,) each, choice 1 minus 0: m, q1, q2 of the present state."""


class Visits:
    """A value for each of several options, updated when the option is chosen.

    An option's value is a filter of what its choices yielded, so that the values of all
    trials are computed at once.
    """

    def __init__(self, episode: Integers, option: Integers, count: int) -> None:
        """Number the choices of each of `count` options in each episode.

        Args:
            episode: (N,) number of each trial's episode, in order.
            option: (N,) chosen option.
            count: number of options.
        """
        chosen = option[:, None] == np.arange(count)
        first = np.flatnonzero(np.diff(episode, prepend=-1))
        total = chosen.cumsum(axis=0) - chosen
        before = total - total[first][episode]
        self.line = episode * count + option
        self.place = before[np.arange(len(option)), option]
        self.shape = (int(episode[-1]) + 1) * count, int(before.max()) + 1
        lines = episode[:, None] * count + np.arange(count)
        self.lookup = lines * (self.shape[1] + 1) + before

    def values(self, yielded: Array, rate: float, start: float = INITIAL) -> Array:
        """(N, count) values before each trial.

        Args:
            yielded: (N,) target of the chosen option's value.
            rate: learning rate.
            start: value of every option before an episode.
        """
        targets = np.zeros(self.shape)
        targets[self.line, self.place] = yielded
        before = np.full((len(targets), 1), start)
        after, _ = signal.lfilter(
            [rate], [1, rate - 1], targets, axis=1, zi=(1 - rate) * before
        )
        values: Array = np.concatenate([before, after], axis=1).ravel()[self.lookup]
        return values

    def slopes(self, change: Array, rate: float) -> Array:
        """(N, count) slopes of the values in a parameter.

        Args:
            change: (N,) slope of the step that the chosen option's value makes, with
                this value held fixed.
            rate: learning rate.
        """
        return self.values(change / rate, rate, start=0.0)


@dataclass(frozen=True, kw_only=True)
class Choices:
    """Trials of one subject with both choices."""

    episode: Integers
    """(N,) number of the episode, from 0."""
    first: Integers
    """(N,) first choice, 0 or 1."""
    state: Integers
    """(N,) second-stage state, 0 or 1."""
    second: Integers
    """(N,) second choice, 0 or 1."""
    reward: Array
    """(N,) reward, in [0, 1]."""

    @property
    def last(self) -> Array:
        """(N,) choice of the trial before: 1, -1 for choice 0, 0 at the start."""
        sides = 2.0 * self.first - 1
        same = np.diff(self.episode, prepend=-1) == 0
        return np.where(same, np.roll(sides, 1), 0.0)

    def common(self) -> float:
        """Share of common transitions."""
        return float((self.first == self.state).mean())


def hybrid_fits(trials: TrialSequence) -> pd.DataFrame:
    """Fit the hybrid to each subject that has both choices.

    Returns:
        One row a subject: FIT_COLUMNS; rates, eligibility and w in [0, 1], slopes per
        unit of reward, stickiness in units of value; log_likelihood over choices, the
        number of them. w is NaN where neither value has an influence. No row of a
        subject with fewer than LEAST_TRIALS trials with both choices.
    """
    rows = [(subject, *fit(own)) for subject, own in _subjects(trials)]
    return pd.DataFrame(rows, columns=list(FIT_COLUMNS))


def _subjects(trials: TrialSequence) -> Iterator[tuple[int, Choices]]:
    both = trials["second_choice"] + trials["second_state"] + trials["reward"]
    known = trials.usable & np.isfinite(both)
    for subject in np.unique(trials.subject):
        rows = np.flatnonzero(known & (trials.subject == subject))
        if len(rows) >= LEAST_TRIALS:
            yield int(subject), _choices(trials, _whole_episodes(trials, rows))


def _whole_episodes(trials: TrialSequence, rows: Integers) -> Integers:
    """The rows of a subject's first episodes, to MOST_TRIALS."""
    episode = trials.episode_index[rows]
    inside: Flags = episode <= episode[min(len(rows), MOST_TRIALS) - 1]
    return rows[inside]


def _choices(trials: TrialSequence, rows: Integers) -> Choices:
    _, episode = np.unique(trials.episode_index[rows], return_inverse=True)
    first, state, second = (
        trials[name][rows].astype(np.int64)
        for name in ("choice", "second_state", "second_choice")
    )
    reward = trials["reward"][rows]
    return Choices(
        episode=episode.astype(np.int64),
        first=first,
        state=state,
        second=second,
        reward=reward,
    )


def fit(choices: Choices) -> tuple[float, ...]:
    """The PARAMETERS that make the choices most likely, log likelihood and count."""
    model = Likelihood(choices)
    found = [
        optimize.minimize(
            model,
            [rate, rate, eligibility, 3.0, 3.0, 5.0, 0.0],
            jac=True,
            method="L-BFGS-B",
            bounds=BOUNDS,
        )
        for rate, eligibility in STARTS
    ]
    best = min(found, key=lambda result: float(result.fun))
    first, second, eligibility, based, free, slope, sticky = map(float, best.x)
    both = based + free
    known = both >= LEAST_SLOPE
    return (
        based / both if known else np.nan,
        *(first, second, eligibility, both, slope),
        sticky / both if known else np.nan,
        -float(best.fun) * model.count,
        model.count,
    )


class Likelihood:
    """Mean negative log likelihood of all choices, and its gradient.

    The parameters are those of BOUNDS.
    """

    def __init__(self, choices: Choices) -> None:
        """Prepare the values' filters."""
        self.choices = choices
        option = 2 * choices.state + choices.second
        self.second = Visits(choices.episode, option, 4)
        self.first = Visits(choices.episode, choices.first, 2)
        self.option, self.rows = option, np.arange(len(option))
        self.last, self.common = choices.last, choices.common()
        self.count = 2 * len(option)

    def __call__(self, parameters: Array) -> tuple[float, Array]:
        """Value and (7,) gradient."""
        nonlinear, weights = parameters[:NONLINEAR], parameters[NONLINEAR:]
        (plan, habit, here), slopes = self.differences(nonlinear)
        based, free, slope, sticky = weights
        odds = based * plan + free * habit + sticky * self.last
        cost, error = _logistic(odds, self.choices.first)
        more, second_error = _logistic(slope * here, self.choices.second)
        # Sums, as the threads of a matrix product take longer to start.
        gradient = [
            (error * (based * of_plan + free * of_habit)).sum()
            + slope * (second_error * of_here).sum()
            for of_plan, of_habit, of_here in slopes
        ]
        gradient += [(error * each).sum() for each in (plan, habit)]
        gradient += [(second_error * here).sum(), (error * self.last).sum()]
        return (cost + more) / self.count, np.array(gradient) / self.count

    def differences(self, nonlinear: Array) -> tuple[Differences, list[Differences]]:
        """Return m, q1 and q2 of the present state, choice 1 minus 0, and slopes.

        Args:
            nonlinear: (3,) rate1, rate2 and eligibility.

        Returns:
            The three, (N,) each, and their slopes in each of the three parameters.
        """
        first_rate, second_rate, eligibility = map(float, nonlinear)
        reward = self.choices.reward
        q2 = self.second.values(reward, second_rate)
        chosen = q2[self.rows, self.option]
        q2_slope = self.second.slopes(reward - chosen, second_rate)
        target = chosen + eligibility * (reward - chosen)
        q1 = self.first.values(target, first_rate)
        held = q1[self.rows, self.choices.first]
        moved = (1 - eligibility) * q2_slope[self.rows, self.option]
        changes = (
            target - held,
            first_rate * moved,
            first_rate * (reward - chosen),
        )
        by_first, by_second, by_trace = (
            _difference(self.first.slopes(change, first_rate)) for change in changes
        )
        best = q2.reshape(-1, 2, 2).argmax(axis=2)
        plan, here = self._second_stage(q2, best)
        plan_slope, here_slope = self._second_stage(q2_slope, best)
        none = np.zeros(len(self.rows))
        return (plan, _difference(q1), here), [
            (none, by_first, none),
            (plan_slope, by_second, here_slope),
            (none, by_trace, none),
        ]

    def _second_stage(self, values: Array, best: Integers) -> tuple[Array, Array]:
        """(N,) difference of the states by their `best` option, and of options here."""
        states = values.reshape(-1, 2, 2)
        of_best = np.take_along_axis(states, best[:, :, None], axis=2)[:, :, 0]
        here = states[self.rows, self.choices.state]
        return (2 * self.common - 1) * _difference(of_best), _difference(here)


def _difference(pairs: Array) -> Array:
    """(N,) second column of (N, 2) minus the first."""
    difference: Array = pairs[:, 1] - pairs[:, 0]
    return difference


def _logistic(odds: Array, choice: Integers) -> tuple[float, Array]:
    """Negative log likelihood of (N,) choices, and its slope in each log odds."""
    signs = 2.0 * choice - 1
    cost = -special.log_expit(signs * odds).sum()
    slope: Array = special.expit(odds) - choice
    return float(cost), slope
