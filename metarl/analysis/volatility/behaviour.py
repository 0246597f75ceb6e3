"""Choices and learning rates from the trial table alone: Rescorla-Wagner fits.

The estimate p of the probability that left wins, and the choice between magnitudes l
and r:

    p += rate * (left won - p)          log odds(left) = b (p l - (1 - p) r)

The outcomes of both arms are known, as one wins. All episodes of one order are pooled.
The likelihood counts in a stretch of trials only, but earlier trials still change p,
from one half at the start of the episode. The rate and b are free in every stretch.

Source: Wang et al. 2018, Nat Neurosci 21:860, Simulation 2; Behrens et al. 2007, Nat
Neurosci 10:1214.
Declared: the maximum is sought on a grid, even in both logarithms, and refined by the
parabola through the best point and its neighbours. The paper does not give its method.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats

from metarl.analysis.learners import (
    Floats,
    grid_peak,
    softmax_log_likelihoods,
    value_traces,
)
from metarl.analysis.measures import select_group, stack
from metarl.analysis.schema import (
    BASE_SCHEMA,
    KEYS,
    Array,
    CellError,
    Derived,
    Flags,
    Integers,
    between,
    codes,
    numbers,
)
from metarl.analysis.statistics import fit_logit
from metarl.analysis.trials import (
    EPISODE_KEYS,
    EpisodeGrid,
    episode_grid,
    lay_out,
    trial_sequence,
)

ORDERS = ("low-first", "high-first")
"""Orders of a test episode: volatile in its second half, in its first."""
MAGNITUDE_ADVICE = (
    "declare the largest that there can be, as --value magnitude_max=100 where "
    "magnitudes are points from 0 to 100"
)


def winner_of(table: pd.DataFrame) -> "pd.Series[float]":
    """Arm that won, from choices and rewards: the chosen one if it gave any."""
    choice, reward = (
        pd.Series(numbers(table, name), table.index) for name in ("choice", "reward")
    )
    won = choice.where(reward > 0, 1 - choice)
    return won.where(choice.notna() & reward.notna())


def order_of(table: pd.DataFrame) -> "pd.Series[str]":
    """Order of every episode: which kind of times came first.

    Of an episode of one kind alone, it is the order in which its subject met the two.
    """
    given = pd.Series(numbers(table, "volatility"), table.index)
    keys = [key for key in KEYS if key in table]
    ordered = table.assign(volatility=given).sort_values(keys, kind="stable")
    own = ordered.groupby(list(EPISODE_KEYS))["volatility"]
    first = ordered.groupby("subject")["volatility"].transform("first")
    start = own.transform("first").where(own.transform("nunique") > 1, first)
    words = start.map(dict(enumerate(ORDERS)))
    return words.reindex(table.index)


def check_magnitudes(columns: pd.DataFrame) -> None:
    """Raise CellError unless magnitudes are at most the declared largest one."""
    for side in ("left", "right"):
        name = f"magnitude_{side}"
        most = columns["magnitude_max"].fillna(1.0)
        above = (columns[name] > most).to_numpy()
        if above.any():
            row = int(np.argmax(above))
            largest = float(most.iloc[row])
            raise CellError(
                name,
                f"at most {largest:g}, the largest magnitude (magnitude_max)",
                float(columns[name].iloc[row]),
                row,
                MAGNITUDE_ADVICE,
            )


_MAGNITUDE = replace(
    between(0, np.inf, blank=True), default=1.0, example="0.4", advice=MAGNITUDE_ADVICE
)
SCHEMA = BASE_SCHEMA.extend(
    "volatility",
    check_magnitudes,
    derived={
        "winner": Derived(
            ("choice", "reward"),
            winner_of,
            "the chosen arm if it gave a reward, else the other",
        ),
        "order": Derived(
            ("volatility",), order_of, "low-first where stable times came first"
        ),
    },
    reward=replace(BASE_SCHEMA.columns["reward"], example="0.4"),
    winner=codes(0, 1, names=("left", "right"), blank=True, meaning="arm that won"),
    magnitude_left=replace(_MAGNITUDE, meaning="reward of left if it wins"),
    magnitude_right=replace(
        _MAGNITUDE, meaning="reward of right if it wins", example="0.7"
    ),
    magnitude_max=replace(
        between(0, np.inf, own=True, required=False),
        default=1.0,
        meaning="largest magnitude that there can be, as 100 of points",
    ),
    volatility=replace(
        codes(
            *(0, 1),
            names=("stable", "volatile"),
            blank=True,
            meaning="whether the arms swap often",
        ),
        by_name=True,
    ),
    probability_left=replace(
        between(0, 1, blank=True, required=False),
        meaning="probability that left wins",
        example="0.75",
    ),
    order=codes(
        *ORDERS, blank=True, meaning="order of an episode: volatile times last or first"
    ),
)
"""Columns of the trial table."""
COLUMNS = (
    *("choice", "reward", "winner", "magnitude_left", "magnitude_right"),
    *("volatility", "probability_left"),
)
"""Columns that are laid out by episode and trial."""
RATES = np.geomspace(0.01, 1.0, 31)
"""Learning rates of the grid."""
TEMPERATURES = np.geomspace(0.5, 64.0, 15)
"""Inverse temperatures b of the grid, per unit of reward."""
PROFILE_DROP = stats.chi2.ppf(0.95, 1) / 2
"""Log likelihood below the best fit at which the interval of a rate ends."""
IDENTIFIED_GAIN = float(np.log(20))
"""How far the log likelihood must be above that of the chooser without a rate for a
rate to be identified: both have two free parameters, and the learner is then 20 times
as likely.
"""
FREE_RIDGE = 1e-6
"""Penalty of that chooser's weights: negligible, but it keeps them finite if the
magnitudes alone predict every choice."""
WINDOW = 10
"""Trials of the sliding window."""
SETTLING_SHARE = 0.1
"""First part of every stretch of one volatility that is left out, as a share of the
episode: 20 of the paper's 200 trials, while the rate still changes."""
BLOCKS = {
    ("low-first", 0): "Stable 1",
    ("low-first", 1): "Volatile 1",
    ("high-first", 1): "Volatile 2",
    ("high-first", 0): "Stable 2",
}
"""Order of the episode and volatility -> the published name of the block."""
RATE_COLUMNS = (
    *("subject", "order", "block", "volatile", "rate", "temperature"),
    *("rate_low", "rate_high", "gain", "trials", "at_edge", "identified"),
)
"""Columns of the table of `block_rates`."""
TRACE_COLUMNS = ("subject", "order", "trial", "rate")
"""Columns of the table of `rate_traces`."""


def read_episodes(trials: pd.DataFrame) -> EpisodeGrid:
    """Lay out a trial table that `SCHEMA` has checked, by episode and trial.

    Args:
        trials: trial table, one row a trial, in any order.

    Returns:
        COLUMNS, and the order of each episode; episodes by subject and number.
    """
    grid = episode_grid(trial_sequence(trials, SCHEMA), COLUMNS, by_episode=["order"])
    if "magnitude_max" not in trials:
        return grid
    largest = float(np.nanmax(numbers(trials, "magnitude_max")))
    if largest in (0, 1):
        return grid
    sides = ("magnitude_left", "magnitude_right")
    return grid.assign(**{name: grid[name] / largest for name in sides})


def by_order(grid: EpisodeGrid) -> Iterator[EpisodeGrid]:
    """The test episodes of each subject and order, end to end if they differ."""
    for _, own in grid.iter_subjects():
        for order in ORDERS:
            rows = np.equal(own.episodes["order"].to_numpy(object), order)
            if rows.any():
                part = own.where(rows)
                yield part if alike(part) else one_behind_the_other(part)


def subject_measures(grid: EpisodeGrid) -> pd.DataFrame:
    """Reward of each subject.

    Returns:
        One row a subject: subject, trials (with a known reward, those that do not count
        too), reward_per_trial (of these, in reward units).
    """
    reward = pd.DataFrame(
        {
            "subject": np.repeat(grid.subject, grid["reward"].shape[1]),
            "reward": grid["reward"].ravel(),
        }
    )
    by_subject = reward.groupby("subject", sort=True)["reward"]
    table = by_subject.agg(trials="count", reward_per_trial="mean")
    return table.reset_index()


@dataclass(frozen=True, kw_only=True)
class Likelihood:
    """Log likelihood of a subject's choices, by learning rate and temperature."""

    subject: int
    """Number of the subject."""
    order: str
    """Order of the test episodes."""
    values: Array
    """(A, B, T) log likelihood by rate, temperature and trial, over all episodes."""
    settled: tuple[Flags, Flags]
    """(T,) each: the trials that count as stable, and as volatile."""
    rate_free: tuple[float, float]
    """Log likelihood of those trials by a chooser that never learns."""
    choices: Integers
    """(T,) choices behind the likelihood, of all episodes."""
    episodes: int
    """Number of the episodes."""
    alike: bool = True
    """Whether all episodes are stable and volatile at the same trials; otherwise they
    are laid end to end."""


def likelihoods(grid: EpisodeGrid) -> list[Likelihood]:
    """One for each subject and order of the test episodes."""
    return [order_likelihood(part) for part in by_order(grid)]


def order_likelihood(grid: EpisodeGrid) -> Likelihood:
    """Likelihood of one subject's test episodes of one order."""
    stable, volatile = settled_trials(grid)
    return Likelihood(
        subject=int(grid.subject[0]),
        order=str(grid.episodes["order"].iloc[0]),
        values=log_likelihoods(grid, value_traces(grid["winner"], RATES)),
        settled=(stable, volatile),
        rate_free=(
            rate_free_likelihood(grid, stable),
            rate_free_likelihood(grid, volatile),
        ),
        choices=known_choices(grid).sum(axis=0),
        episodes=len(grid.episodes),
        alike=bool((_volatility(grid) >= 0).all()),
    )


def alike(grid: EpisodeGrid) -> bool:
    """Whether all episodes are stable and volatile at the same trials."""
    volatility = _volatility(grid)
    same = np.isnan(grid["volatility"]) | (grid["volatility"] == volatility)
    return bool(same.all())


def _volatility(grid: EpisodeGrid) -> Array:
    """(T,) volatility of each trial in any of the episodes; -1 where it has none."""
    known = np.where(np.isnan(grid["volatility"]), -1.0, grid["volatility"])
    volatility: Array = known.max(axis=0, initial=-1.0)
    return volatility


def one_behind_the_other(grid: EpisodeGrid) -> EpisodeGrid:
    """The same episodes at places of their own, each after a blank one."""
    count, length = grid["choice"].shape
    row, place = np.divmod(np.arange(count * length), length)
    columns = {name: values.ravel() for name, values in grid.columns.items()}
    moved = lay_out(row, place + row * (length + 1), columns)
    return EpisodeGrid(episodes=grid.episodes, columns=moved)


def rate_free_likelihood(grid: EpisodeGrid, where: Flags) -> float:
    """Log likelihood of choices by a chooser that never learns.

    Its estimate p is one constant, so that log odds(left) = b p (l + r) - b r has two
    free weights, as the learner has a rate and b. A preference for one side, which a
    slow learner would follow as well, is thus no sign of learning.

    Args:
        grid: choices and magnitudes.
        where: (T,) trials that count.
    """
    counts = known_choices(grid) & where
    left, right = grid["magnitude_left"][counts], grid["magnitude_right"][counts]
    design, chosen = np.column_stack([left + right, -right]), grid["choice"][counts]
    fit = fit_logit(design, chosen == 0, ridge=FREE_RIDGE)
    log_odds = design @ fit.weights
    return float(log_odds @ (chosen == 0) - np.logaddexp(0.0, log_odds).sum())


def block_rates(fits: Sequence[Likelihood]) -> pd.DataFrame:
    """Learning rate in the stable and in the volatile part of test episodes.

    Returns:
        One row for each subject, order and volatility that occurs: block, volatile (0,
        1), rate (in [0, 1]; NaN where choices do not follow the estimate at all),
        temperature (b, per unit of reward), rate_low and rate_high (the 95 % interval
        of the profile likelihood, within the grid), gain (log likelihood above that of
        `rate_free_likelihood`), trials (choices), at_edge (whether
        the rate is at an end of the grid) and identified (whether the gain is at least
        IDENTIFIED_GAIN and the rate not at an edge).
    """
    rows = []
    for fit in fits:
        for volatile, where in enumerate(fit.settled):
            if where.any():
                block = BLOCKS[fit.order, volatile]
                fitted = _fitted(fit, where, fit.rate_free[volatile])
                rows.append((fit.subject, fit.order, block, volatile, *fitted))
    return pd.DataFrame(rows, columns=list(RATE_COLUMNS))


def _fitted(
    fit: Likelihood, where: Flags, rate_free: float
) -> tuple[float | bool, ...]:
    """The fitted columns of RATE_COLUMNS in some trials."""
    # A trial that does not count adds log(1/2) to every fit.
    unknown = fit.episodes * where.sum() - fit.choices @ where
    likelihood = fit.values @ where + unknown * np.log(2)
    rate, temperature = (float(number) for number in best_fit(likelihood))
    profile = likelihood.max(axis=1)
    within = np.flatnonzero(profile >= profile.max() - PROFILE_DROP)
    # The drop is reached between two points of the grid: the outer one is the end.
    ends = RATES[[max(within[0] - 1, 0), min(within[-1] + 1, len(RATES) - 1)]]
    gain = float(profile.max() - rate_free)
    edge = bool(np.isclose(rate, RATES[[0, -1]]).any())
    identified = gain >= IDENTIFIED_GAIN and not edge and np.isfinite(rate)
    count = int(fit.choices @ where)
    return rate, temperature, *ends.tolist(), gain, count, edge, bool(identified)


def rate_traces(fits: Sequence[Likelihood]) -> pd.DataFrame:
    """Learning rate in a window that slides through the episode, trial by trial.

    Returns:
        One row for each subject, order and window: trial (the window's middle) and
        rate, as in `block_rates`.
    """
    frames = []
    for fit in fits:
        if not fit.alike:
            continue
        total = np.pad(fit.values.cumsum(axis=2), ((0, 0), (0, 0), (1, 0)))
        rates = best_fit(total[:, :, WINDOW:] - total[:, :, :-WINDOW])[0]
        middles = np.arange(len(rates)) + (WINDOW - 1) / 2
        table = pd.DataFrame({"trial": middles, "rate": rates})
        frames.append(({"subject": fit.subject, "order": fit.order}, table))
    return stack(frames, TRACE_COLUMNS)


def rate_differences(rates: pd.DataFrame) -> pd.DataFrame:
    """Volatile minus stable learning rate, one row a subject and order.

    Args:
        rates: table of `block_rates`, with any further columns to group by.

    Returns:
        Those columns, order and difference; NaN where a rate is.
    """
    keys = [c for c in rates.columns if c not in RATE_COLUMNS[2:]]
    wide = rates.set_index([*keys, "volatile"])["rate"].unstack("volatile")
    wide = wide.reindex(columns=[0, 1])
    return (wide[1] - wide[0]).rename("difference").reset_index()


def settled_trials(grid: EpisodeGrid) -> tuple[Flags, Flags]:
    """(T,) flags of the stable and of the volatile trials, after the rate has settled.

    Args:
        grid: episodes that are stable and volatile at the same trials.
    """
    volatility = _volatility(grid)
    place = np.arange(len(volatility))
    changed = np.append(True, volatility[1:] != volatility[:-1])
    since = place - np.maximum.accumulate(np.where(changed, place, 0))
    length = int((volatility >= 0).sum())
    settled = since >= int(SETTLING_SHARE * length)
    return settled & (volatility == 0), settled & (volatility == 1)


def known_choices(grid: EpisodeGrid) -> Flags:
    """(E, T) whether a choice counts: it is known, and so are both magnitudes."""
    return np.isfinite(
        grid["choice"] + grid["magnitude_left"] + grid["magnitude_right"]
    )


def log_likelihoods(grid: EpisodeGrid, estimates: Floats) -> Array:
    """(A, B, T) log likelihood of the choices, summed over episodes.

    For each learner, inverse temperature and trial.

    Args:
        grid: choices and magnitudes.
        estimates: (A, E, T) each learner's probability that left wins.
    """
    choice = grid["choice"]
    left, right = grid["magnitude_left"], grid["magnitude_right"]
    sign = np.where(choice == 0, 1.0, -1.0)
    # p l - (1 - p) r = p (l + r) - r, in favour of the chosen arm.
    slope, offset = (sign * (left + right)), (sign * right)
    worth = estimates * slope.astype(np.float32)
    worth -= offset.astype(np.float32)
    # Equal arms: a trial that does not count adds the same to every fit.
    worth[:, ~known_choices(grid)] = 0
    return softmax_log_likelihoods(worth, TEMPERATURES)


def best_fit(likelihood: Array) -> tuple[Array, Array]:
    """Rate and inverse temperature of the highest likelihood.

    Args:
        likelihood: (A, B, ...) over RATES and TEMPERATURES.

    Returns:
        (...) each. The rate is NaN where the lowest temperature fits best: the choices
        then follow no estimate, and any rate is as good.
    """
    temperature, height = grid_peak(likelihood.swapaxes(0, 1), np.log(TEMPERATURES))
    rate, _ = grid_peak(height, np.log(RATES))
    nearest = np.abs(np.log(RATES).reshape(-1, *[1] * rate.ndim) - rate).argmin(0)
    chosen = np.take_along_axis(temperature, nearest[None], axis=0)[0]
    lost = chosen <= np.log(TEMPERATURES[0])
    return np.where(lost, np.nan, np.exp(rate)), np.exp(chosen)


def behaviour_values(rates: pd.DataFrame, subjects: pd.DataFrame) -> pd.DataFrame:
    """Numbers of the measured subjects as `behaviour_rows` takes them.

    Args:
        rates: table of `block_rates`, with its groups.
        subjects: table of `subject_measures`, with its groups.

    Returns:
        One row a subject, quantity and block.
    """
    own = select_group(rates)
    fitted = {
        "learning_rate": "rate",
        "temperature": "temperature",
        "rate_identified": "identified",
        "rate_at_edge": "at_edge",
    }
    frames = [
        own.assign(quantity=name, value=own[column].astype(float), n=own["trials"])
        for name, column in fitted.items()
    ]
    count = own.groupby("subject")["trials"].sum()
    apart = rate_differences(own).rename(columns={"difference": "value"})
    over = apart.groupby("subject", as_index=False)["value"].mean()
    frames += [
        table.assign(quantity="volatile_minus_stable", n=table["subject"].map(count))
        for table in (over, apart)
    ]
    rewards = select_group(subjects).assign(quantity="reward_per_trial")
    names = {"reward_per_trial": "value", "trials": "n"}
    table = pd.concat([*frames, rewards.rename(columns=names)], ignore_index=True)
    return table.reindex(
        columns=["subject", "quantity", "order", "block", "value", "n"]
    )
