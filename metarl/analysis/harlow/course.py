"""Course of learning: when performance leaves chance, when it reaches the ceiling.

As in the paper, the learning curve, scaled so that 50 % is a random choice of pictures
and 100 % the optimum, has two change points; the time between them is cut into six
equal stages. Declared: the change points are those of the ramp (a level, a straight
line, a level) with the least squared distance from the curve; less than 50 %, where
the cross is not yet held, counts as 50 %. The paper counts episodes a thread, here they
are of all environments together: its numbers are multiplied by its 32 threads.

Source: Wang et al. 2018, Nat Neurosci 21:860, Simulation 5.
"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import pandas as pd

from metarl.analysis.harlow.behaviour import accuracy_by_trial
from metarl.analysis.measures import stack
from metarl.analysis.schema import Array
from metarl.analysis.trials import TrialSequence

CHANCE, BEST = 50.0, 100.0
"""Scaled performance, in percent."""
LEFT_CHANCE = 0.6
"""Accuracy in trials 2 to 6, at the end, above which a subject has left chance."""
STAGES = 6
"""Stages between the change points."""
FINAL = "final"
"""The stage after training."""
THREADS = 32
"""Threads of the paper, each with its own episodes."""
PAPER: Mapping[str, tuple[float, float, float]] = MappingProxyType(
    {
        "leaves_chance": (1_810 * THREADS, 3_413 * THREADS, 29_080 * THREADS),
        "takes": (1_500 * THREADS, 4_875 * THREADS, 82_760 * THREADS),
    }
)
"""Least, median and most episodes of the paper's networks, by `CHANGE_COLUMNS`."""
CHANGE_COLUMNS = (
    "subject",
    "leaves_chance",
    "reaches_ceiling",
    "takes",
    "leaves_chance_step",
    "reaches_ceiling_step",
)
"""Columns of the table of change points: in episodes of all environments together, from
the start of training; takes, from one to the other; and in steps. NaN for a point that
was never reached."""


def scaled(returns: Array, trial_count: int, reward_fixation: float) -> Array:
    """Mean return per episode as percent: 50 at random choice, 100 at the optimum.

    Args:
        returns: (N,) in reward units.
        trial_count: trials of a problem.
        reward_fixation: for holding the cross, on each trial.
    """
    chance = trial_count * reward_fixation
    return CHANCE + (BEST - CHANCE) * (returns - chance) / (trial_count - 1)


def curves_table(
    curves: Mapping[int, pd.DataFrame], parameters: Mapping[str, object]
) -> pd.DataFrame:
    """Learning curves: subject, steps, episodes, performance (percent).

    Args:
        curves: subject -> its learning curve.
        parameters: of the task, with trial_count and reward_fixation.
    """
    frames = []
    for subject, curve in curves.items():
        known = curve.dropna(subset=["rollout/return"])
        performance = scaled(
            known["rollout/return"].to_numpy(float),
            int(str(parameters["trial_count"])),
            float(str(parameters["reward_fixation"])),
        )
        columns = {
            "steps": known["steps"].to_numpy(float),
            "episodes": known["rollout/episodes"].to_numpy(float),
            "performance": performance,
        }
        frames.append(({"subject": subject}, pd.DataFrame(columns)))
    return stack(frames, ("subject", "steps", "episodes", "performance"))


def fit_ramp(x: Array, y: Array) -> tuple[float, float]:
    """Points where a level turns into a rising line, and that into another level.

    Args:
        x: (N,) increasing.
        y: (N,).

    Returns:
        The two of the x at the ends of the ramp with the least squared error; NaN for
        fewer than three points, or where no ramp rises.
    """
    if len(x) < 3:
        return np.nan, np.nan
    first, last = np.triu_indices(len(x), 1)
    rising = np.clip((x - x[first, None]) / (x[last] - x[first])[:, None], 0, 1)
    centred = rising - rising.mean(1, keepdims=True)
    spread = (centred**2).sum(1)
    along = centred @ (y - y.mean())
    explained = np.where(along > 0, along**2 / spread, 0)
    best = int(explained.argmax())
    if explained[best] <= 0:
        return np.nan, np.nan
    return float(x[first[best]]), float(x[last[best]])


def change_points(curves: pd.DataFrame, subjects: pd.DataFrame) -> pd.DataFrame:
    """Times at which each subject leaves chance and reaches the ceiling, if it does.

    Args:
        curves: `curves_table`.
        subjects: with subject, later_trials and ceiling, of the main test.

    Returns:
        One row a subject, with `CHANGE_COLUMNS`.
    """
    rows: list[tuple[object, ...]] = []
    final = subjects.set_index("subject")
    learned = final["later_trials"] > LEFT_CHANCE
    for subject, curve in curves.groupby("subject"):
        if subject not in final.index:
            continue
        steps, episodes = curve["steps"].to_numpy(), curve["episodes"].to_numpy()
        performance = np.maximum(curve["performance"].to_numpy(), CHANCE)
        leaves, reaches = fit_ramp(steps, performance)
        leaves = leaves if learned[subject] else np.nan
        reaches = reaches if final["ceiling"][subject] else np.nan
        left, reached = np.interp([leaves, reaches], steps, episodes)
        rows.append((subject, left, reached, reached - left, leaves, reaches))
    return pd.DataFrame(rows, columns=list(CHANGE_COLUMNS))


def durations_table(changes: pd.DataFrame) -> pd.DataFrame:
    """Durations, over the subjects that reached the change points.

    Returns:
        One row a name of `PAPER`: name; median, low and high (quartiles), episodes; n;
        paper_least, paper_median, paper_most, episodes. NaN without such a subject.
    """
    rows = []
    for name, paper in PAPER.items():
        reached = changes[name].dropna().to_numpy(float)
        middle = [np.nan] * 3
        if len(reached):
            middle = list(np.quantile(reached, [0.5, 0.25, 0.75]))
        rows.append((name, *middle, len(reached), *paper))
    columns = ["name", "median", "low", "high", "n"]
    columns += ["paper_least", "paper_median", "paper_most"]
    return pd.DataFrame(rows, columns=columns)


def stage_accuracy(
    stages: Mapping[float, TrialSequence],
    changes: pd.DataFrame,
    final: pd.DataFrame,
    total_steps: float,
) -> pd.DataFrame:
    """Accuracy by trial in each stage between the change points, and at the end.

    Args:
        stages: completed share of training -> trials of all subjects.
        changes: `change_points`; a subject without both has no stages.
        final: accuracy by trial of the main test: subject, trial, accuracy.
        total_steps: steps of the whole training.

    Returns:
        stage (1 to 6, or "final"), subject, trial, accuracy: mean over the subject's
        snapshots in the stage; a stage without a snapshot has no row.
    """
    known = changes.dropna().set_index("subject")
    frames = [final[final["subject"].isin(known.index)].assign(stage=FINAL)]
    for done, trials in stages.items():
        accuracy = accuracy_by_trial(trials)
        at = done * total_steps
        start = accuracy["subject"].map(known["leaves_chance_step"])
        stop = accuracy["subject"].map(known["reaches_ceiling_step"])
        stage = np.ceil(STAGES * (at - start) / (stop - start))
        within = (stage >= 1) & (stage <= STAGES)
        named = accuracy.assign(stage=stage)[within]
        frames.append(named.astype({"stage": int}))
    every = pd.concat(frames, ignore_index=True)
    every["stage"] = every["stage"].astype(str)
    keys = ["stage", "subject", "trial"]
    return every.groupby(keys)["accuracy"].mean().reset_index()
