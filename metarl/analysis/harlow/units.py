"""Memory of the last outcome in units: the rewarded object, or its difference.

Between the pictures of a trial and those of the next, the units alone hold which object
was rewarded. Two accounts solve a problem with the same two objects in all trials:

- picture: the units keep the appearance of the rewarded object;
- relation: they keep the feature by which it differed from the other.

At the start of the fixation of trials 2 to 6 the target's cues are decoded from the
units, and the decoded cues are regressed on the true cues of the target and of the
distractor that was last seen:

    decoded = a target + b distractor;   relation index = -b / a,

0 for a store of the picture, 1 for a store of the relation, of one feature or of all.
Neither r2 separates the two by itself: a store of both pictures has both high, and an
index of 0. An untrained network with the same inputs is decoded in the same way.

Declared: the method is ours; ridge regression, problems in five folds, the penalty of
each the one that does best in the other folds.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from metarl.analysis.decoding import episode_folds, predict_by_best_penalty
from metarl.analysis.recordings import join_trials, steps_at, units_of
from metarl.analysis.schema import Array, Integers
from metarl.core.files import Recording

FOLDS = 5
"""Parts of the problems; each is predicted from the others."""
PENALTIES = 10.0 ** np.arange(-4, 3)
"""Penalties of the decoder to choose from, as shares of each unit's variance."""
DECODING_COLUMNS = (
    "subject",
    "units",
    "r2_target",
    "r2_distractor",
    "slope_target",
    "slope_distractor",
    "relation_index",
    "difference_sign",
)
"""Columns of the table of decoding, all held out. r2, mean over cues: of the target's
and of the distractor's cues; slopes a and b of the decoded target; -b / a; and how
often the decoded difference between the two has the right sign, along the axis on which
objects differ most (chance .5; about .75 for a store of the target alone)."""


LEAST_DIFFERENCE = 1.5 / 255
"""Difference of a cue up to which two objects have the same: pictures of one mean
colour are rounded to whole levels, which moves their means by up to one level."""


def differ(differences: Array) -> bool:
    """Whether any of (N, K) differences of cues is one; those of a NaN are not."""
    return bool((np.abs(differences) > LEAST_DIFFERENCE).any())


def cue_columns(trials: pd.DataFrame, role: str) -> list[str]:
    """Columns that describe the target or the distractor, real numbers each."""
    # target itself and target_left name the object and its side.
    names = [str(column) for column in trials]
    return [n for n in names if n.startswith(f"{role}_") and n != "target_left"]


def decoding_table(
    recordings: Mapping[int, Recording], trials: pd.DataFrame
) -> pd.DataFrame:
    """Memory in the units of each recorded subject.

    Args:
        recordings: subject -> its step recording of one test.
        trials: trial table of the test; without cues, or where those of all objects
            are equal, nothing is decoded.

    Returns:
        One row a subject and network (trained, untrained), with `DECODING_COLUMNS`.
    """
    cues = trials[cue_columns(trials, "target")].to_numpy(float)
    if not differ(cues - cues[:1]):
        recordings = {}
    rows = []
    for subject, recording in recordings.items():
        own = trials[trials["subject"] == subject]
        place, episode, target, distractor = fixation_cues(recording, own)
        for network, units in units_of(recording).items():
            measures = decode(units[place], episode, target, distractor)
            rows.append((subject, network, *measures))
    return pd.DataFrame(rows, columns=list(DECODING_COLUMNS))


def fixation_cues(
    recording: Recording, trials: pd.DataFrame
) -> tuple[Integers, Integers, Array, Array]:
    """The first step of fixation in trials 2 to 6, and the cues seen before it.

    Returns:
        (R,) row of the recording, (R,) episode, (R, 3) cues of the target and (R, 3) of
        the distractor, both of the trial before.
    """
    steps = steps_at(recording, "fixation")
    first = steps[steps["trial"] > 0].drop_duplicates(["episode", "trial"])
    target, distractor = (cue_columns(trials, w) for w in ("target", "distractor"))
    before = trials.assign(trial=trials["trial"] + 1)
    seen = join_trials(first, before, (*target, *distractor))
    return (
        seen["row"].to_numpy(),
        seen["episode"].to_numpy(),
        seen[target].to_numpy(float),
        seen[distractor].to_numpy(float),
    )


def decode(
    units: Array, episode: Integers, target: Array, distractor: Array
) -> tuple[float, ...]:
    """Memory in units: the last six of `DECODING_COLUMNS`; NaN for too few problems.

    Args:
        units: (R, H).
        episode: (R,) problem.
        target: (R, C) cues of the rewarded object.
        distractor: (R, C) cues of the other.
    """
    if len(np.unique(episode)) < 2 * FOLDS:
        return (np.nan,) * 6
    count = target.shape[1]
    both = np.column_stack([target, distractor])
    predicted = _predict(units, episode, both)
    residual = ((both - predicted) ** 2).sum(0)
    r2: Array = 1 - residual / ((both - both.mean(0)) ** 2).sum(0)
    each = zip(predicted.T, target.T, distractor.T, strict=False)
    slopes = [_slopes(*cue) for cue in each]
    target_slope, distractor_slope = (
        float(np.mean(one)) for one in zip(*slopes, strict=True)
    )
    index = -distractor_slope / target_slope if target_slope > 0 else np.nan
    halves = float(r2[:count].mean()), float(r2[count:].mean())
    decoded, true = predicted[:, :count] - predicted[:, count:], target - distractor
    return *halves, target_slope, distractor_slope, index, _same_sign(decoded, true)


def _same_sign(decoded: Array, true: Array) -> float:
    """Share of rows with one sign of both, along the main axis of the true ones."""
    axis = np.linalg.svd(true, full_matrices=False)[2][0]
    return float((np.sign(decoded @ axis) == np.sign(true @ axis)).mean())


def _slopes(decoded: Array, target: Array, distractor: Array) -> Array:
    """Weights of the target and of the distractor in the decoded cue."""
    design = np.column_stack([np.ones_like(target), target, distractor])
    weights = np.linalg.lstsq(design, decoded, rcond=None)[0]
    return np.asarray(weights[1:], float)


def _predict(units: Array, episode: Integers, aim: Array) -> Array:
    """(R, K) each problem's aims, from a regression on the problems of other folds."""
    fold = episode_folds(episode, FOLDS)
    return predict_by_best_penalty(units, aim, fold, PENALTIES)
