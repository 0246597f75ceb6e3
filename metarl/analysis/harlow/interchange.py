"""Memory of trial 1 by interchange: which part carries it, and of what it is.

In the test `interchange` a problem, the recipient, gets the memory of another, the
donor, or a part of it, before its second choice. The shares of choices that follow the
donor (`MEASURES`) tell apart kinds of memory (`PREDICTED`):

- picture: the appearance of the two pictures, each of which is recognized;
- likeness: a feature of the rewarded picture; the one that is closest to it is taken;
- order: whether the rewarded picture had more of a feature than the other;
- side: on which side the reward was (a latch; it solves no problem).

A part that carries no memory leaves the recipient its own choice: 0 for the donor's
picture, half for the donor's order and side.

The feature of an order is not known. It is the axis in the space of the pictures'
features that fits the choices in the other half of the problems best; `turned` needs no
axis. A memory by likeness is no order, and yet takes the picture with more of a feature
in 17 of 24 cases, as a rewarded picture with more than the other has more than most.

Source: the method is interchange intervention, or activation patching (Geiger et al.
    2021, NeurIPS 34:9574; Vig et al. 2020, NeurIPS 33:12388).
Declared: the measures are ours.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from metarl.analysis.harlow.units import differ
from metarl.analysis.schema import Array, Flags
from metarl.analysis.statistics import known_mean

TEST = "interchange"
"""Name of the test."""
COLUMNS = ("subject", "donor", "part", "measure", "share", "choices")
"""Columns of the table of interchange."""
ROUNDS = 20
"""Steps from the first axis to the one that fits the choices."""
RIDGE = 0.1
"""Penalty of the squared weights: without it they grow for ever where an order fits all
choices."""
NOTHING = 1e-9
"""Product of choices and features up to which it is 0: with opposite donors, choices
that do not depend on them cancel."""
MEASURES = {
    "own": "its own rewarded picture",
    "rewarded_new": "the rewarded picture, shown with a new one",
    "unrewarded_new": "a new picture, shown with the unrewarded one",
    "picture": "the donor's rewarded picture (same two pictures)",
    "order": "the picture by the donor's order",
    "turned": "another picture if the donor's reward was opposite",
    "side": "the side of the donor's rewarded picture",
    "action": "the side that the donor chose",
}
"""Measure -> chosen in trial 2."""
PREDICTED = {
    ("none", "rewarded_new"): (1.0, 1.0, 2 / 3, 0.5),
    ("none", "unrewarded_new"): (1.0, 0.5, 2 / 3, 0.5),
    ("opposite", "picture"): (1.0, 1.0, 1.0, 0.5),
    ("other", "order"): (0.5, 17 / 24, 1.0, 0.5),
    ("other", "turned"): (0.0, 10 / 24, 1.0, 0.5),
    ("other", "side"): (0.5, 0.5, 0.5, 1.0),
}
"""Donor and measure -> share predicted for four memories, each in the part that the
donor gives: of both pictures; of a feature of the rewarded one, with which others are
compared by likeness (for a uniform feature); of the order of the two by a feature; and
of the side."""


def interchange_table(trials: pd.DataFrame) -> pd.DataFrame:
    """Shares of choices that follow the donor.

    Args:
        trials: trial table of the test; without its columns the result is empty.

    Returns:
        One row a subject, donor (none, opposite, other), part of the memory (none,
        hidden, cell, all) and measure: share, in [0, 1], and choices behind it.
    """
    if "donor" not in trials:
        return pd.DataFrame(columns=list(COLUMNS))
    rows = [
        (subject, *row)
        for subject, own in trials.groupby("subject")
        for row in _subject_rows(own.reset_index(drop=True))
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


Row = tuple[str, str, str, float, int]
"""donor, part, measure, share, choices."""


def _subject_rows(trials: pd.DataFrame) -> Iterator[Row]:
    """Rows of one subject."""
    correct = trials["correct"].astype(float)
    for shown, measure in (
        ("same", "own"),
        ("rewarded", "rewarded_new"),
        ("unrewarded", "unrewarded_new"),
    ):
        at = (trials["donor"] == "none") & (trials["shown"] == shown)
        yield _row("none", "none", measure, correct[at])
    for part in trials.loc[trials["donor"] == "opposite", "part"].unique():
        given = trials[trials["part"] == part]
        opposite = given[given["donor"] == "opposite"]
        yield _row("opposite", part, "picture", 1 - correct[opposite.index])
        yield from _side_rows("opposite", part, opposite)
        other = given[given["donor"].isin(["other", "reversed"])]
        yield _row("other", part, "order", follows_order(other))
        yield _row("other", part, "turned", _turned(other))
        yield from _side_rows("other", part, other)


def _row(donor: str, part: str, measure: str, follows: "pd.Series[float]") -> Row:
    return donor, part, measure, known_mean(follows), int(follows.notna().sum())


def _side_rows(donor: str, part: str, trials: pd.DataFrame) -> Iterator[Row]:
    """How often the side of the donor's reward, and of its choice, is chosen."""
    choice = trials["choice"].astype(float)
    rewarded = 1 - trials["donor_target_left"].astype(float)
    chosen = trials["donor_choice"].astype(float)
    for measure, side in (("side", rewarded), ("action", chosen)):
        known = choice.notna() & side.notna()
        yield _row(donor, part, measure, (choice == side)[known].astype(float))


def _turned(trials: pd.DataFrame) -> "pd.Series[float]":
    """Whether each recipient chose otherwise with the opposite donor; NaN if missing.

    Both choices have the same random numbers.
    """
    choices = trials.astype({"choice": float}).pivot_table(
        index="episode", columns="donor", values="choice", dropna=False
    )
    pairs = choices.reindex(columns=["other", "reversed"]).dropna()
    return (pairs["other"] != pairs["reversed"]).astype(float)


def follows_order(trials: pd.DataFrame) -> "pd.Series[float]":
    """Whether each choice follows the donor's order; NaN if it is missing.

    NaN throughout where the features of all objects are equal: no axis is an order.
    The axis of each half of the problems, pair by pair, is fitted to the other half.
    """
    own, donor = (
        _features(trials, name) for name in ("difference", "donor_difference")
    )
    correct = trials["correct"].astype(float)
    half = trials["episode"].to_numpy() // 2 % 2
    signs = 2 * correct.to_numpy() - 1
    known = np.isfinite(signs)
    follows = pd.Series(np.nan, index=trials.index)
    if not differ(own):
        return follows
    for part in (0, 1):
        fitted, tested = known & (half != part), known & (half == part)
        if fitted.any():
            axis = order_axis(own[fitted], donor[fitted], signs[fitted])
            expected = np.sign(own[tested] @ axis) * np.sign(donor[tested] @ axis)
            # Without an order nothing is predicted: half of the choices are right.
            follows[tested] = np.where(expected == 0, 0.5, expected == signs[tested])
    return follows


def _features(trials: pd.DataFrame, name: str) -> Array:
    """(N, K) features of the rewarded object minus those of the other."""
    columns = [c for c in trials if str(c).removeprefix(name).isdigit()]
    return trials[columns].to_numpy(float)


def order_axis(own: Array, donor: Array, signs: Array) -> Array:
    """Return the axis by the order along which choices follow the donor most.

    For an axis w the choice is sign(w x) sign(w y). First w is the main axis of the
    choice-weighted product of x and y, whitened. Then, in turn, sign(w y) times the
    choice is taken as known, and w moves by one Newton step of its logistic regression
    on x, and the same with x and y exchanged. Of all these axes the one that fits most
    choices is returned, as where an order explains little the steps need not converge.

    Args:
        own: (N, K) x, features of the recipient's rewarded object minus the other's.
        donor: (N, K) y, those of the donor.
        signs: (N,) 1 where the recipient's rewarded object was chosen, else -1.

    Returns:
        (K,); zeros where the choices do not depend on the donor at all.
    """
    inverse = np.linalg.pinv(own.T @ own / len(own))
    product = own.T @ (donor * signs[:, None]) / len(own)
    matrix = inverse @ (product + product.T) @ inverse
    if np.abs(matrix).max() < NOTHING:
        return np.zeros(own.shape[1])
    axis: Array = np.linalg.eigh(matrix)[1][:, -1]
    both, axes = np.vstack([own, donor]), [axis]
    for _ in range(ROUNDS):
        labels = [signs * np.sign(donor @ axis), signs * np.sign(own @ axis)]
        axis = _newton_step(axis, both, np.concatenate(labels) > 0)
        axes.append(axis)
    fits = [(np.sign(own @ w) * np.sign(donor @ w) == signs).mean() for w in axes]
    return axes[int(np.argmax(fits))]


def _newton_step(weights: Array, inputs: Array, labels: Flags) -> Array:
    """(K,) weights after a step of ridge logistic regression without intercept."""
    probability = 1 / (1 + np.exp(-np.clip(inputs @ weights, -30, 30)))
    slope = inputs.T @ (labels - probability) - RIDGE * weights
    spread = (inputs.T * (probability * (1 - probability))) @ inputs
    step = np.linalg.solve(spread + RIDGE * np.eye(len(weights)), slope)
    return np.asarray(weights + step, float)
