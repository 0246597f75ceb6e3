"""What is kept of the last outcome: the thing that paid, or how it differs.

Between the pictures of a trial and those of the next, the units alone know what paid.
Two accounts solve a problem whose two things stay the same:

- picture: the units keep what the thing that paid looks like;
- relation: they keep by which feature it differed from the other.

At the start of the fixation of trials 2 to 6 the target's cues are decoded from the
units, and what is decoded is regressed on the true cues of the target and of the
distractor that was last seen:

    decoded = a target + b distractor;   relation index = -b / a,

0 for a store of the picture, 1 for a store of the relation, of one feature or of all.
Neither r2 separates the two by itself: who keeps both pictures has both high, and an
index of 0. An untrained network that was fed the same inputs is decoded alike.

Declared: the method is ours; ridge regression, problems in five folds, the penalty of
each the one that does best in the other folds.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from metarl.analysis.data import check_columns
from metarl.analysis.decoding import episode_folds, predict_by_best_penalty
from metarl.analysis.schema import Array, Integers, numbers
from metarl.core.files import Recording

FOLDS = 5
"""Parts of the problems; each is predicted from the others."""
PENALTIES = 10.0 ** np.arange(-4, 3)
"""Penalties of the decoder to choose from, as shares of each unit's variance."""
UNITS = {"trained": "units", "untrained": "units_untrained"}
"""Name of a set of units -> array of the recording."""
RECORDED = ("episode", "trial", "event", "event_names", "units")
"""Arrays that a recording must have."""
DECODING_COLUMNS = (
    "group",
    "test",
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
things differ most (chance .5; about .75 for who knows the target alone)."""


def cue_columns(trials: pd.DataFrame, variant_learners: str) -> list[str]:
    """Columns that describe the target or the distractor, real numbers each."""
    # target itself and target_left name the thing and its side.
    names = [str(column) for column in trials]
    return [
        n for n in names if n.startswith(f"{variant_learners}_") and n != "target_left"
    ]


def decoding_table(
    recordings: Mapping[tuple[str, str, int], Recording],
    trials: Mapping[tuple[str, str], pd.DataFrame],
) -> pd.DataFrame:
    """What each subject's units keep, in each test that was recorded.

    Args:
        recordings: (group, test, subject) -> its step recording.
        trials: (group, test) -> trial table.

    Returns:
        One row a recording and set of units, with `DECODING_COLUMNS`.
    """
    rows = []
    for (group, test, subject), recording in recordings.items():
        own = trials[group, test]
        own = own[own["subject"] == subject]
        if not cue_columns(own, "target"):
            continue
        place, episode, target, distractor = kept_at_fixation(recording, own)
        for name, array in UNITS.items():
            if array in recording:
                units = np.asarray(recording[array], float)[place]
                found = decode(units, episode, target, distractor)
                rows.append((group, test, subject, name, *found))
    return pd.DataFrame(rows, columns=list(DECODING_COLUMNS))


def kept_at_fixation(
    recording: Recording, trials: pd.DataFrame
) -> tuple[Integers, Integers, Array, Array]:
    """The first step of fixation in trials 2 to 6, and what was seen before it.

    Returns:
        (R,) row of the recording, (R,) episode, (R, 3) cues of the target and (R, 3) of
        the distractor, both of the trial before.
    """
    check_columns(list(recording), RECORDED, "the step recording")
    names = [str(name) for name in recording["event_names"]]
    steps = pd.DataFrame({k: recording[k] for k in ("episode", "trial", "event")})
    fixation = steps["event"] == names.index("fixation")
    later = fixation & (steps["trial"] > 0)
    first = steps[later].drop_duplicates(["episode", "trial"])
    cues = {who: cue_columns(trials, who) for who in ("target", "distractor")}
    seen = trials.assign(trial=trials["trial"] + 1)
    columns = ["episode", "trial", *cues["target"], *cues["distractor"]]
    found = first.reset_index(names="row").merge(seen[columns], on=["episode", "trial"])
    known = [found[cues[who]].to_numpy(float) for who in ("target", "distractor")]
    return found["row"].to_numpy(), found["episode"].to_numpy(), known[0], known[1]


def decode(
    units: Array, episode: Integers, target: Array, distractor: Array
) -> tuple[float, ...]:
    """What units keep: the last six of `DECODING_COLUMNS`; NaN for too few problems.

    Args:
        units: (R, H).
        episode: (R,) problem.
        target: (R, C) cues of the thing that paid.
        distractor: (R, C) cues of the other.
    """
    if len(np.unique(episode)) < 2 * FOLDS:
        return (np.nan,) * 6
    count = target.shape[1]
    both = np.column_stack([target, distractor])
    predicted = _predict(units, episode, both)
    left = ((both - predicted) ** 2).sum(0)
    r2: Array = 1 - left / ((both - both.mean(0)) ** 2).sum(0)
    each = zip(predicted.T, target.T, distractor.T, strict=False)
    slopes = [_slopes(*cue) for cue in each]
    kept, other = (float(np.mean(one)) for one in zip(*slopes, strict=True))
    index = -other / kept if kept > 0 else np.nan
    halves = float(r2[:count].mean()), float(r2[count:].mean())
    said, true = predicted[:, :count] - predicted[:, count:], target - distractor
    return *halves, kept, other, index, _same_sign(said, true)


def _same_sign(said: Array, true: Array) -> float:
    """How often both (R, C) are on one side, along the axis of the true ones."""
    axis = np.linalg.svd(true, full_matrices=False)[2][0]
    return float((np.sign(said @ axis) == np.sign(true @ axis)).mean())


def _slopes(decoded: Array, target: Array, distractor: Array) -> Array:
    """Weights of the target and of the distractor in what was decoded."""
    design = np.column_stack([np.ones_like(target), target, distractor])
    weights = np.linalg.lstsq(design, decoded, rcond=None)[0]
    return np.asarray(weights[1:], float)


def _predict(units: Array, episode: Integers, aim: Array) -> Array:
    """(R, K) each problem's aims, from a regression on the problems of other folds."""
    fold = episode_folds(episode, FOLDS)
    return predict_by_best_penalty(units, aim, fold, PENALTIES)


def gaze_table(recording: Recording, trials: pd.DataFrame, most: int) -> pd.DataFrame:
    """Gaze once the pictures are there, in turns towards the one that pays.

    Args:
        recording: step recording of one subject, whole episodes.
        trials: that subject's trial table, with target_left.
        most: problems to keep.

    Returns:
        subject, episode, trial (from 1), decision (0 when the pictures appear), gaze
        (turns from the cross, positive towards the target); each trial ends where a
        picture is selected.
    """
    names = [str(name) for name in recording["event_names"]]
    columns = ("episode", "trial", "event", "action")
    steps = pd.DataFrame({k: recording[k] for k in columns})
    steps = steps[steps["event"] == names.index("choice")]
    steps = steps[steps["episode"].isin(np.unique(steps["episode"])[:most])]
    sides = trials[["episode", "trial"]].assign(
        towards=np.where(numbers(trials, "target_left") == 1, -1, 1)
    )
    steps = steps.merge(sides, on=["episode", "trial"])
    turn = steps["action"].map({0: -1, 1: 1}).fillna(0) * steps["towards"]
    keys = [steps["episode"], steps["trial"]]
    after = pd.DataFrame(
        {
            "subject": trials["subject"].iloc[0],
            "episode": steps["episode"],
            "trial": steps["trial"] + 1,
            "decision": steps.groupby(keys).cumcount() + 1,
            "gaze": turn.groupby(keys).cumsum(),
        }
    )
    start = after.drop_duplicates(["episode", "trial"]).assign(decision=0, gaze=0.0)
    order = ["episode", "trial", "decision"]
    return pd.concat([start, after]).sort_values(order, ignore_index=True)
