"""Observers of the inferred-value task with known beliefs, as tables and recordings.

Written apart from the baselines, trial by trial, so that a fault there does not repeat
itself here. The belief of an observer is the probability that B is the rewarded cue;
its expectation is the reward of the present trial.
"""

import numpy as np
import pandas as pd

EVENTS = ("fixation", "cue", "go", "outcome")
BLOCKS, BLOCK_TRIALS = 10, 5
DISCOUNT = 0.9
IDEAL = 0.8 * DISCOUNT**2


def simulate(
    kind="inferring",
    episodes=40,
    *,
    subject=0,
    seed=0,
    noise=0.0,
    invalid=0.0,
    reset=False,
    inference=1.0,
):
    """Trial table and recording of one observer.

    Args:
        kind: "inferring"; "counting" the trials of a block; "experienced", which knows
            of each cue only its own last outcome; or "flat".
        episodes: of 10 blocks of 5 trials.
        subject: its number.
        seed: of all random numbers.
        noise: standard deviation added to every value.
        invalid: probability of an invalid response at go.
        reset: whether everything is forgotten at each block's start.
        inference: share of one outcome's information that the other cue takes up.
    """
    draw = np.random.default_rng([seed, subject])
    rewarded = draw.random(episodes) < 0.5
    worth = np.full((episodes, 2), 0.5)
    rows, steps = [], []
    num_envs = np.arange(episodes)
    switched = np.full(episodes, np.nan)
    for trial in range(BLOCKS * BLOCK_TRIALS):
        block, place = divmod(trial, BLOCK_TRIALS)
        if place == 0 and block:
            switched = (draw.random(episodes) < 0.5).astype(float)
            rewarded = rewarded ^ (switched == 1)
        if place == 0 and (kind == "counting" or reset):
            worth = np.full_like(worth, 0.5)
        cue = (draw.random(episodes) < 0.5).astype(int)
        answered = draw.random(episodes) >= invalid
        reward = np.where(answered, cue == rewarded, -1).astype(float)
        expected = worth[num_envs, cue]
        believed = worth[:, 1].copy()
        if kind != "flat":
            own = np.where(reward == 1, 1.0, 0.0)
            known = worth.copy()
            known[num_envs, cue] = own
            if kind != "experienced":
                moved = (
                    inference * (1 - own) + (1 - inference) * worth[num_envs, 1 - cue]
                )
                known[num_envs, 1 - cue] = moved
            if kind != "counting":
                known = 0.1 + 0.8 * known
            worth = np.where(answered[:, None], known, worth)
        values = np.stack(
            [
                np.full(episodes, 0.5 * DISCOUNT**2),
                DISCOUNT * expected,
                expected,
                np.zeros(episodes),
            ]
        )
        values += noise * draw.normal(size=values.shape)
        rows.append(
            {
                "subject": subject,
                "session": 0,
                "episode": num_envs,
                "trial": trial,
                "choice": np.where(answered, cue, np.nan),
                "reward": reward,
                "valid": answered,
                "correct": answered,
                "forced": 1,
                "cue": cue,
                "rewarded_cue": rewarded,
                "block": block,
                "block_trial": place,
                "switched": switched,
            }
        )
        beliefs = np.stack([believed, believed, believed, worth[:, 1]])
        steps.append((values, reward, beliefs, cue, place))
    return _table(rows, episodes), _recording(
        steps, episodes, kind, np.random.default_rng([7, seed])
    )


def _table(rows, episodes):
    whole = ("valid", "correct")
    columns = {}
    for name in rows[0]:
        column = np.stack([np.broadcast_to(row[name], episodes) for row in rows])
        columns[name] = column.T.ravel()
        if name in whole:
            columns[name] = columns[name].astype(int)
        if "cue" in name:
            columns[name] = np.array(["A", "B"])[columns[name].astype(int)]
    return pd.DataFrame(columns)


def _recording(steps, episodes, kind, draw):
    count = len(steps)
    value = np.zeros((episodes, 4 * count + 1))
    reward = np.zeros_like(value)
    units = draw.normal(size=(episodes, 4 * count + 1, 5))
    for trial, (values, rewards, beliefs, cue, place) in enumerate(steps):
        at = slice(4 * trial, 4 * trial + 4)
        value[:, at] = values.T
        reward[:, 4 * trial + 2] = rewards
        units[:, at, 0] = beliefs.T
        units[:, 4 * trial + 1 : 4 * trial + 4, 1] = cue[:, None]
        if kind == "counting":
            units[:, at, 2] = place == 0
    rpe = np.full_like(value, np.nan)
    rpe[:, 1:] = reward[:, :-1] + DISCOUNT * value[:, 1:] - value[:, :-1]
    reward[:, -1] = np.nan
    event = np.append(np.tile(np.arange(4), count), 4)
    trial = np.append(np.repeat(np.arange(count), 4), count - 1)
    return {
        "episode": np.repeat(np.arange(episodes), len(event)),
        "trial": np.tile(trial, episodes),
        "event": np.tile(event, episodes),
        "event_names": np.array([*EVENTS, "end"]),
        "reward": reward.ravel(),
        "value": value.ravel(),
        "rpe": rpe.ravel(),
        "units": units.reshape(-1, 5),
        "units_untrained": draw.normal(size=(rpe.size, 3)),
    }


def population(kind="inferring", count=4, **settings):
    """Trial table and recordings, by subject, of several observers."""
    observers = [
        simulate(kind, subject=subject, **settings) for subject in range(count)
    ]
    trials = pd.concat([trials for trials, _ in observers], ignore_index=True)
    return trials, {k: recording for k, (_, recording) in enumerate(observers)}
