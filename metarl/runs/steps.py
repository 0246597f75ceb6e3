"""Recorded steps of a run as tables, with the names of the task."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarl.core.checks import MetaRLError, check_choice
from metarl.envs.registry import task_class

if TYPE_CHECKING:
    from metarl.core.files import Recording
    from metarl.runs.config import RunConfig

NUMBERS = ("subject", "episode", "trial", "step")
"""Arrays that number a step."""
SIGNALS = ("reward", "value", "rpe")
"""Arrays of one number a step."""
NONE = "none"
"""Action of the row after the last step of an episode."""
KEYS = ["subject", "episode", "trial"]
"""Columns by which a step belongs to a trial."""


def step_table(
    config: "RunConfig[Any]",
    recordings: Mapping[int, "Recording"],
    trials: pd.DataFrame,
) -> pd.DataFrame:
    """Recorded steps of all subjects, with the columns of their trials.

    Args:
        config: configuration of the run.
        recordings: subject -> its recording.
        trials: trial table of the same test.

    Returns:
        One row a step, in order: subject, episode, trial, step, event (its name), one
        column an entry of the observation, action (its name; none after the last
        step), reward, value and rpe (reward units), `p_ACTION` (probability of each
        action); then the columns of the trial, as `trial_reward` where steps have one
        of this name too.

    Raises:
        MetaRLError: no step was recorded.
    """
    parts = [_steps(config, each) for each in recordings.values() if each]
    if not parts:
        raise MetaRLError(
            "the test has no recorded steps; run `metarl evaluate` with "
            "--record-episodes"
        )
    steps = pd.concat(parts, ignore_index=True)
    named = {
        name: f"trial_{name}" for name in trials if name in steps and name not in KEYS
    }
    return steps.merge(trials.rename(columns=named), how="left", on=KEYS)


def _steps(config: "RunConfig[Any]", recording: "Recording") -> pd.DataFrame:
    """Steps of one subject."""
    task = task_class(config.task)(1, config.task_params)
    actions = [*task.action_names, NONE]
    columns: dict[str, Any] = {name: recording[name] for name in NUMBERS}
    columns["event"] = np.asarray(recording["event_names"])[recording["event"]]
    for name, values in zip(
        task.observation_names, recording["observation"].T, strict=True
    ):
        columns[name] = values
    columns["action"] = np.asarray(actions)[recording["action"]]
    columns |= {name: recording[name] for name in SIGNALS}
    for name, values in zip(task.action_names, recording["policy"].T, strict=True):
        columns[f"p_{name}"] = values
    return pd.DataFrame(columns)


def activity_at(
    recording: "Recording", trials: pd.DataFrame, subject: int, event: str
) -> tuple[NDArray[np.float32], pd.DataFrame]:
    """Activity of the units at an event of each trial, with the trials.

    Args:
        recording: recording of the subject.
        trials: trial table of all subjects.
        subject: number of the subject.
        event: name of the event; "": the first step of each trial.

    Returns:
        (N, H) activity at the first step of the event in each of N trials, and their N
        rows of the trial table.

    Raises:
        MetaRLError: nothing was recorded.
        ValueError: no event has this name.
    """
    if not recording:
        raise MetaRLError(
            f"subject {subject} has no recorded steps; run `metarl evaluate` with "
            "--record-episodes"
        )
    names = [str(name) for name in recording["event_names"]]
    table = pd.DataFrame({name: recording[name] for name in KEYS})
    table["row"] = np.arange(len(table))
    within = recording["action"] >= 0
    if event:
        check_choice("event", event, names)
        within = within & (recording["event"] == names.index(event))
    first = table[within].drop_duplicates(KEYS)
    joined = first.merge(trials, on=KEYS)
    units: NDArray[np.float32] = recording["units"][joined["row"]]
    return units, joined.drop(columns="row")
