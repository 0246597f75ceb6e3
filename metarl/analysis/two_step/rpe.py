"""The agent's prediction errors, regressed on those of two reference learners.

Both reference learners watch the agent's own trials in order, from the start of each
episode, so that all three meet the same surprises. Each has two errors a trial: on
arrival at the second-stage state, and on the reward there. With v the value of a
second-stage state, q that of the first-stage choice, r the reward and d the discount,

    second stage: d v(state) - q(choice)        reward: r - v(state)

so that, as for the agent, a value is that of the step at which it is estimated.

Model-based (prospective planner): tracks by Bayes the belief p that S1 is the state
with the higher probability of reward, and expects v(S1) = high p + low (1 - p), its
mirror for S2, and q(choice) = d times the expectation of v under the transition
probabilities. Model-free (SARSA(0)): v and q are tables, moved by the learning rate
times their error.

The variance that the agent's error shares with the model-based one, and with the
model-free one after the model-based one is regressed out, shows its computation.

Source: Wang et al. 2018, Nat Neurosci 21:860, Simulation 4, Fig. 5f-g.
Declared: where the paper is silent, q is that of the choice taken, both learners value
the running trial only, and SARSA's tables are reset to chance with each episode.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from metarl.analysis.data import check_columns
from metarl.analysis.recordings import error_after, event_rows, join_trials, steps_at
from metarl.analysis.schema import Array, Flags, Integers
from metarl.analysis.statistics import fit_linear
from metarl.analysis.trials import EpisodeGrid, lay_out
from metarl.core.checks import check_between
from metarl.core.files import Recording

EVENTS = ("second stage", "reward")
"""When a trial's two prediction errors come."""
BOTH_EVENTS = "both"
"""The two errors of a trial taken together."""
R2_COLUMNS = ("r2_model_based", "r2_model_free_orthogonal", "r2_joint")
"""Shares of variance in the table of `error_regressions`."""
REGRESSION_COLUMNS = (
    "event",
    "n",
    *R2_COLUMNS,
    "joint_model_based",
    "joint_model_free",
    "r_learners",
)
"""Columns of the table of `error_regressions`."""


class Structure(NamedTuple):
    """Structure of the task that the model-based learner knows."""

    probability_common: float
    """Probability that left leads to S1 and right to S2, in [0, 1]."""
    probability_high: float
    """Probability of reward in the high second-stage state, in [0, 1]."""
    probability_low: float
    """Probability of reward in the other second-stage state, in [0, 1]."""
    probability_switch: float
    """Probability at each trial's start that high and low swap, in [0, 1]."""


def structure_of(parameters: Mapping[str, object]) -> Structure:
    """The structure of a task with these parameters.

    Raises:
        ValueError: a parameter is missing, or is no probability.
    """
    missing = [name for name in Structure._fields if name not in parameters]
    if missing:
        raise ValueError(
            f"parameters must have {', '.join(missing)}, got "
            f"{', '.join(parameters) or 'none'}; give all parameters of the task"
        )
    values = {name: float(str(parameters[name])) for name in Structure._fields}
    for name, value in values.items():
        check_between(name, value, 0, 1)
    return Structure(**values)


@dataclass(frozen=True, kw_only=True)
class SarsaParams:
    """Parameters of the model-free learner."""

    learning_rate: float = 0.1
    """Share of a prediction error that a value moves by, in [0, 1]. Ours: the paper
    does not state it."""
    initial_value: float = 0.5
    """Value of a second-stage state at an episode's start, in reward units: chance."""

    def __post_init__(self) -> None:
        """Validate the fields."""
        check_between("learning_rate", self.learning_rate, 0, 1)


def seen_trials(grid: EpisodeGrid) -> Flags:
    """(E, T) whether a trial reached its reward."""
    return np.isfinite(grid["choice"] + grid["second_state"] + grid["outcome"])


def beliefs(grid: EpisodeGrid, structure: Structure) -> Array:
    """Belief of an observer that knows the task and sees its outcomes.

    Args:
        grid: choice, second_state (0 S1, 1 S2) and outcome (reward units); NaN where
            nothing was seen.
        structure: structure of the task.

    Returns:
        (E, T) probability, at each trial's first stage, that S1 is the high state.
    """
    seen, at_first = seen_trials(grid), grid["second_state"] == 0
    won, now = grid["outcome"] > 0, np.full(len(seen), 0.5)
    course = np.empty(seen.shape)
    for place in range(seen.shape[1]):
        now = now + structure.probability_switch * (1 - 2 * now)
        course[:, place] = now
        updated = _updated(now, at_first[:, place], won[:, place], structure)
        now = np.where(seen[:, place], updated, now)
    return course


def model_based_errors(
    grid: EpisodeGrid, discount: float, structure: Structure
) -> dict[str, Array]:
    """Prediction errors of the prospective planner.

    Args:
        grid: choice (0 left, 1 right), second_state (0 S1, 1 S2) and outcome (reward
            units); NaN where nothing was seen.
        discount: per step, in [0, 1].
        structure: structure of the task, known to the planner.

    Returns:
        Event -> (E, T), in reward units; NaN where nothing was seen.
    """
    belief, common = beliefs(grid, structure), structure.probability_common
    first = expected_rewards(belief, structure)
    mirror = expected_rewards(1 - belief, structure)
    value = np.where(grid["second_state"] == 0, first, mirror)
    commonly = np.where(grid["choice"] == 0, first, mirror)
    rarely = first + mirror - commonly
    planned = discount * (common * commonly + (1 - common) * rarely)
    seen = seen_trials(grid)
    return {
        "second stage": np.where(seen, discount * value - planned, np.nan),
        "reward": np.where(seen, grid["outcome"] - value, np.nan),
    }


def expected_rewards(belief: Array, structure: Structure) -> Array:
    """Probability of reward in a state that is the high one with this belief."""
    high, low = structure.probability_high, structure.probability_low
    return high * belief + low * (1 - belief)


def _updated(belief: Array, at_first: Flags, won: Flags, structure: Structure) -> Array:
    """Bayes: belief that S1 is the high state, after an outcome."""
    high, low = structure.probability_high, structure.probability_low
    if_high, if_low = np.where(at_first, high, low), np.where(at_first, low, high)
    for_first = belief * np.where(won, if_high, 1 - if_high)
    for_second = (1 - belief) * np.where(won, if_low, 1 - if_low)
    total = for_first + for_second
    return np.divide(for_first, total, out=belief.copy(), where=total > 0)


def model_free_errors(
    grid: EpisodeGrid, discount: float, params: SarsaParams | None = None
) -> dict[str, Array]:
    """Prediction errors of SARSA(0), as `model_based_errors` gives them."""
    params = params or SarsaParams()
    outcome = grid["outcome"]
    values = np.full((len(outcome), 2), params.initial_value)
    choices = discount * values
    errors = {event: np.full(outcome.shape, np.nan) for event in EVENTS}
    for place, seen in enumerate(seen_trials(grid).T):
        row = np.flatnonzero(seen)
        choice = grid["choice"][row, place].astype(int)
        second = grid["second_state"][row, place].astype(int)
        arrival = discount * values[row, second] - choices[row, choice]
        reward = outcome[row, place] - values[row, second]
        choices[row, choice] += params.learning_rate * arrival
        values[row, second] += params.learning_rate * reward
        errors["second stage"][row, place] = arrival
        errors["reward"][row, place] = reward
    return errors


def recorded_errors(recording: Recording) -> pd.DataFrame:
    """The agent's own prediction errors at the second stage and at the reward.

    The second stage's error stands on the "outcome" row, the reward's on the row after
    it. At an episode's end the latter also contains the lost value of all further
    trials, which the reference learners, valuing one trial at a time, do not know: it
    is left out.

    Returns:
        One row a trial: episode, trial, outcome (reward at the second stage), and the
        errors, one column an event, in reward units; NaN where left out.
    """
    event_rows(recording, "end")
    steps = steps_at(recording, "outcome", ("reward", "rpe"))
    return pd.DataFrame(
        {
            "episode": steps["episode"],
            "trial": steps["trial"],
            "outcome": steps["reward"].astype(float),
            "second stage": steps["rpe"].astype(float),
            "reward": error_after(recording, steps["row"].to_numpy()),
        }
    )


def error_table(
    recording: Recording,
    trials: pd.DataFrame,
    discount: float,
    structure: Structure,
    *,
    sarsa: SarsaParams | None = None,
) -> pd.DataFrame:
    """The agent's prediction errors and those of the reference learners.

    Args:
        recording: step recording of one subject.
        trials: that subject's trial table, with second_state.
        discount: the agent's, per step.
        structure: structure of the task, known to the model-based learner.
        sarsa: the model-free learner.

    Returns:
        One row for each trial and event: episode, trial, event, rpe, model_based,
        model_free, all in reward units. Trials without a choice have no row, nor has
        the reward of an episode's last trial.
    """
    check_columns(list(trials.columns), ["second_state"], "the two-step trial table")
    own = recorded_errors(recording)
    table = join_trials(own, trials, ("choice", "second_state"))
    grid, cell = _grid(table)
    based = model_based_errors(grid, discount, structure)
    free = model_free_errors(grid, discount, sarsa)
    frames = [
        table[["episode", "trial"]].assign(
            event=event,
            rpe=table[event],
            model_based=based[event][cell],
            model_free=free[event][cell],
        )
        for event in EVENTS
    ]
    stacked = pd.concat(frames, ignore_index=True)
    known = stacked[["rpe", "model_based"]].notna().all(axis=1)
    return stacked[known].reset_index(drop=True)


def _grid(table: pd.DataFrame) -> tuple[EpisodeGrid, tuple[Integers, Integers]]:
    """Lay trials out by episode and trial; also the cell of each row of the table."""
    episodes, row = np.unique(table["episode"], return_inverse=True)
    cell = row.astype(np.int64), table["trial"].to_numpy(np.int64)
    names = ("choice", "second_state", "outcome")
    columns = lay_out(*cell, {name: table[name].to_numpy(float) for name in names})
    return EpisodeGrid(
        episodes=pd.DataFrame({"episode": episodes}), columns=columns
    ), cell


def error_regressions(errors: pd.DataFrame) -> pd.DataFrame:
    """Share of the agent's prediction errors that each reference learner explains.

    As in the paper: first the agent's error on the model-based one; then on the
    model-free one, after regressing the model-based one out of it. Then a joint
    regression on both.

    Args:
        errors: table of `error_table`, of one subject.

    Returns:
        One row for both events together and for each apart: event, n (errors),
        r2_model_based, r2_model_free_orthogonal and r2_joint in [0, 1], the joint
        weights joint_model_based, joint_model_free, and r_learners, the correlation of
        the two reference learners' errors.

    Source: Wang et al. 2018, Fig. 5f-g and Supplementary Fig. 6.
    """
    rows = []
    for event in (BOTH_EVENTS, *EVENTS):
        part = errors if event == BOTH_EVENTS else errors[errors["event"] == event]
        joint = fit_linear(part["rpe"], part["model_based"], part["model_free"])
        based = fit_linear(part["rpe"], part["model_based"]).r2
        free = fit_linear(part["rpe"], model_free_residual(part)).r2
        weights, r = joint.weights[1:], _correlation(part)
        rows.append((event, len(part), based, free, joint.r2, *weights, r))
    return pd.DataFrame(rows, columns=list(REGRESSION_COLUMNS))


def _correlation(errors: pd.DataFrame) -> float:
    """Pearson's r of the two learners' errors; NaN where one does not vary."""
    both = errors[["model_based", "model_free"]]
    if len(both) < 2 or (both.nunique() < 2).any():
        return float("nan")
    return float(both["model_based"].corr(both["model_free"]))


def model_free_residual(errors: pd.DataFrame) -> Array:
    """(N,) residual of model-free errors given model-based ones, in reward units."""
    return fit_linear(errors["model_free"], errors["model_based"]).residuals
