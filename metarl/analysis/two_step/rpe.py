"""The agent's prediction errors, regressed on those of two reference learners.

The references (`two_step_references`) watch the agent's own trials, so that all three
meet the same surprises. What the agent's error shares with the model-based one, and
with what the model-based one leaves of the model-free, says what it computes.

Source: Wang et al. 2018, Nat Neurosci 21:860, Simulation 4, Fig. 5f-g.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarl.analysis.columns import Array, Integers, numbers
from metarl.analysis.data import check_columns
from metarl.analysis.statistics import fit_linear
from metarl.analysis.two_step.references import (
    EVENTS,
    PlannerParams,
    SarsaParams,
    TrialGrid,
    model_based_errors,
    model_free_errors,
)
from metarl.analysis.two_step.trials import check_two_step
from metarl.core.checks import MetaRLError
from metarl.core.files import Recording

RECORDING_ARRAYS = ("episode", "trial", "event", "event_names", "reward", "rpe")
"""Arrays of a step recording that are read here."""
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
)
"""Columns of the table of `error_regressions`."""


def recorded_errors(recording: Recording) -> pd.DataFrame:
    """The agent's own prediction errors at the second stage and at the reward.

    A step's error stands on the row that reveals it: the second stage's on the
    "outcome" row, the reward's on the row after it. At an episode's end the latter
    also holds the loss of all trials that will not come, which the references, valuing
    one trial at a time, do not know: it is left out.

    Returns:
        One row a trial: episode, trial, paid (reward at the second stage), and the
        errors, one column an event, in reward units; NaN where left out.
    """
    check_columns(list(recording), RECORDING_ARRAYS, "the step recording")
    names = [str(name) for name in recording["event_names"]]
    for needed in ("outcome", "end"):
        if needed not in names:
            raise MetaRLError(
                f"the step recording has no event {needed}; its events are "
                + ", ".join(names)
            )
    rows = np.flatnonzero(recording["event"] == names.index("outcome"))
    episode = np.asarray(recording["episode"])
    if len(rows) and (rows[-1] + 1 == len(episode) or _leaves(episode, rows)):
        raise MetaRLError(
            "the step recording stops after an outcome, so that the error at its "
            "reward is not known; record whole episodes, with their end rows"
        )
    rpe = np.asarray(recording["rpe"], float)
    ends = np.asarray(recording["event"])[rows + 1] == names.index("end")
    return pd.DataFrame(
        {
            "episode": episode[rows],
            "trial": np.asarray(recording["trial"])[rows],
            "paid": np.asarray(recording["reward"], float)[rows],
            "second stage": rpe[rows],
            "reward": np.where(ends, np.nan, rpe[rows + 1]),
        }
    )


def _leaves(episode: NDArray[np.generic], rows: Integers) -> bool:
    """Whether any of the rows is the last of its episode."""
    return bool((episode[rows] != episode[rows + 1]).any())


def error_table(
    recording: Recording,
    trials: pd.DataFrame,
    discount: float,
    *,
    planner: PlannerParams | None = None,
    sarsa: SarsaParams | None = None,
) -> pd.DataFrame:
    """The agent's prediction errors beside those of the reference learners.

    Args:
        recording: step recording of one subject.
        trials: that subject's trial table, with second_state.
        discount: the agent's, per step.
        planner: structure that the model-based reference knows.
        sarsa: the model-free reference.

    Returns:
        One row for each trial and event: episode, trial, event, rpe, model_based,
        model_free, all in reward units. Trials without a choice have no row, nor has
        the reward of an episode's last trial.
    """
    check_two_step(trials)
    check_columns(list(trials.columns), ["second_state"], "the two-step trial table")
    table = _with_choices(recorded_errors(recording), trials)
    grid, cell = _grid(table)
    based = model_based_errors(grid, discount, planner)
    free = model_free_errors(grid, discount, sarsa)
    parts = [
        table[["episode", "trial"]].assign(
            event=event,
            rpe=table[event],
            model_based=based[event][cell],
            model_free=free[event][cell],
        )
        for event in EVENTS
    ]
    stacked = pd.concat(parts, ignore_index=True)
    return stacked[stacked[["rpe", "model_based"]].notna().all(axis=1)].reset_index(
        drop=True
    )


def _with_choices(errors: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """Add what the subject chose and reached in each recorded trial."""
    names = ("episode", "trial", "choice", "second_state")
    chosen = pd.DataFrame({name: numbers(trials, name) for name in names})
    keys = ["episode", "trial"]
    if chosen.duplicated(keys).any():
        raise MetaRLError(
            "a recording goes with the trials of one subject and session, got a trial "
            "table that numbers an episode's trial twice"
        )
    table = errors.merge(chosen, how="left", on=keys, indicator=True)
    unknown = table[table["_merge"] != "both"]
    if len(unknown):
        row = unknown.iloc[0]
        raise MetaRLError(
            f"the trial table lacks trial {row['trial']} of episode {row['episode']}, "
            "which is recorded; give the trials of the same evaluation"
        )
    return table


def _grid(table: pd.DataFrame) -> tuple[TrialGrid, tuple[Integers, Integers]]:
    """Lay trials out by episode and trial; also where each row of the table stands."""
    env_index = np.unique(table["episode"], return_inverse=True)[1].astype(np.int64)
    place = table["trial"].to_numpy(np.int64)
    shape = (env_index.max(initial=-1) + 1, place.max(initial=-1) + 1)
    columns = {}
    for name in ("choice", "second_state", "paid"):
        columns[name] = np.full(shape, np.nan)
        columns[name][env_index, place] = table[name]
    return TrialGrid(**columns), (env_index, place)


def error_regressions(errors: pd.DataFrame) -> pd.DataFrame:
    """How much of the agent's prediction errors each reference explains.

    As in the paper: first the agent's error on the model-based one; then on what is
    left of the model-free one after regressing the model-based one out of it. Then a
    joint regression on both.

    Args:
        errors: table of `error_table`, of one subject.

    Returns:
        One row for both events together and for each apart: event, n (errors),
        r2_model_based, r2_model_free_orthogonal and r2_joint in [0, 1], and the joint
        weights joint_model_based, joint_model_free.

    Source: Wang et al. 2018, Fig. 5f-g and Supplementary Fig. 6.
    """
    rows = []
    for event in (BOTH_EVENTS, *EVENTS):
        part = errors if event == BOTH_EVENTS else errors[errors["event"] == event]
        joint = fit_linear(part["rpe"], part["model_based"], part["model_free"])
        based = fit_linear(part["rpe"], part["model_based"]).r2
        free = fit_linear(part["rpe"], model_free_residual(part)).r2
        rows.append((event, len(part), based, free, joint.r2, *joint.weights[1:]))
    return pd.DataFrame(rows, columns=list(REGRESSION_COLUMNS))


def model_free_residual(errors: pd.DataFrame) -> Array:
    """(N,) what the model-based errors leave of the model-free ones, reward units."""
    return fit_linear(errors["model_free"], errors["model_based"]).residuals
