"""Simulated risky choice: choosers of known rules, as agents' tables and recordings.

A learner moves the value of the arm it pulled by a share of the prediction error that
it receives, and prefers the arm of greater value. A changed error changes its choices.
"""

import numpy as np
import pandas as pd

FORCED, TRIALS = 10, 30
AMOUNTS = {"risky-win": -4.0, "safe": -1.0, "risky-loss": 1.0}


def changed_outcome(condition: str) -> tuple[str, float, bool]:
    """Outcome, amount, and whether forced trials are changed too."""
    if condition == "control":
        return "", 0.0, True
    if condition.startswith("dose-"):
        kind, amount = condition.removeprefix("dose-").split("=")
        return kind, float(amount), True
    kind = condition.removeprefix("block-").removesuffix("-free")
    return kind, AMOUNTS[kind], not condition.endswith("-free")


def simulate(
    condition: str = "control",
    *,
    subject: int = 0,
    episodes: int = 60,
    rate: float = 0.3,
    temperature: float = 0.4,
    probabilities: tuple[float, float] = (0.5, 0.125),
):
    """Trial table and step recording of one subject.

    The same noise in every condition; a `rate` of 0 is a chooser that learns nothing.
    """
    generator = np.random.default_rng([5, subject])
    env_index = np.arange(episodes)
    probability = np.where(env_index % 2 == 0, *probabilities)
    side = generator.integers(2, size=episodes)
    values = np.zeros((episodes, 2))
    kind, amount, on_forced = changed_outcome(condition)
    rows = []
    rpes = np.zeros((episodes, 2 * TRIALS + 1))
    rpes[:, 0] = np.nan
    for trial in range(TRIALS):
        noise = generator.random((3, episodes))
        if trial % 2 == 0:
            order = noise[2] < 0.5
        drive = (values[:, 1] - values[:, 0]) / temperature
        risky = (noise[0] < 1 / (1 + np.exp(-drive))).astype(int)
        if trial < FORCED:
            risky = (order ^ (trial % 2 == 1)).astype(int)
        won = (risky == 1) & (noise[1] < probability)
        reward = np.where(risky == 1, 4.0 * won, 1.0)
        error = reward - values[env_index, risky]
        rpes[:, 2 * trial + 2] = error
        outcome = np.where(risky == 0, "safe", np.where(won, "risky-win", "risky-loss"))
        changed = (outcome == kind) & (on_forced or trial >= FORCED)
        values[env_index, risky] += rate * np.where(changed, amount, error)
        rows.append(
            pd.DataFrame(
                {
                    "subject": subject,
                    "session": 0,
                    "episode": env_index,
                    "trial": trial,
                    "choice": np.where(risky == 1, side, 1 - side),
                    "reward": reward,
                    "valid": 1,
                    "correct": ((risky == 1) == (probability > 0.25)).astype(int),
                    "forced": int(trial < FORCED),
                    "risky": risky,
                    "won": won.astype(int),
                    "probability_risky": probability.astype(np.float32),
                    "risky_side": side,
                }
            )
        )
    trials = pd.concat(rows).sort_values(["episode", "trial"], ignore_index=True)
    return trials, make_recording(rpes)


def make_recording(rpes: np.ndarray) -> dict[str, np.ndarray]:
    """Steps fixation, choice; every episode closed by an end row.

    rpes: (E, 2 T + 1) on arrival.
    """
    episodes, steps = rpes.shape
    event = np.append(np.tile([0, 1], steps // 2), 2)
    trial = np.append(np.repeat(np.arange(steps // 2), 2), steps // 2 - 1)
    return {
        "episode": np.repeat(np.arange(episodes), steps),
        "trial": np.tile(trial, episodes),
        "event": np.tile(event, episodes),
        "event_names": np.array(["fixation", "choice", "end"]),
        "rpe": rpes.ravel(),
    }


def population(condition: str = "control", count: int = 8, **settings) -> pd.DataFrame:
    """Trial table of several subjects, each with a temperature of its own."""
    frames = [
        simulate(condition, subject=k, **{"temperature": 0.3 + 0.03 * k, **settings})[0]
        for k in range(count)
    ]
    return pd.concat(frames, ignore_index=True)
