"""Simulated choosers between two arms with drifting probabilities, as trial tables.

Written apart from `metarl.baselines` and `metarl.analysis`, in numpy.
"""

import numpy as np
import pandas as pd

DEVIATIONS = (0.02, 0.2)


def simulate(
    rates=(0.5, 0.5),
    episodes=40,
    *,
    subject=0,
    seed=0,
    trials=100,
    temperature=10.0,
    lapses=0.0,
    informed=False,
):
    """A Rescorla-Wagner learner with a rate for quiet and one for volatile episodes.

    Half of the episodes are quiet. Rates of None choose at random; an informed learner
    takes the better arm.
    """
    generator = np.random.default_rng([seed, subject])
    high = np.arange(episodes) % 2
    left, values = generator.random(episodes), np.full((episodes, 2), 0.5)
    rate = np.where(high == 1, *reversed(rates)) if rates else np.zeros(episodes)
    env_index, rows = np.arange(episodes), []
    for trial in range(trials):
        lead = temperature * (values[:, 1] - values[:, 0])
        right = (1 - lapses) / (1 + np.exp(-lead)) + lapses / 2
        if informed:
            right = (left < 0.5).astype(float)
        choice = (generator.random(episodes) < right).astype(int)
        probability = np.where(choice == 1, 1 - left, left)
        reward = (generator.random(episodes) < probability).astype(float)
        rows.append(
            pd.DataFrame(
                {
                    "subject": subject,
                    "session": 0,
                    "episode": env_index,
                    "trial": trial,
                    "choice": choice,
                    "reward": reward,
                    "valid": 1,
                    "correct": (probability >= 0.5).astype(int),
                    "forced": 0,
                    "volatility": np.where(high == 1, "high", "low"),
                    "probability_left": left,
                }
            )
        )
        values[env_index, choice] += rate * (reward - values[env_index, choice])
        step = np.where(high == 1, *reversed(DEVIATIONS))
        moved = np.abs(left + step * generator.standard_normal(episodes))
        left = np.clip(1 - np.abs(1 - moved), 0, 1)
    return pd.concat(rows).sort_values(["episode", "trial"], ignore_index=True)


def recording(trials):
    """A step recording of the table's trials; left has a probability of 3/4."""
    episodes, count = trials["episode"].nunique(), trials["trial"].max() + 1
    action = np.full((episodes, count + 1), -1)
    action[:, :-1] = trials["choice"].to_numpy().reshape(episodes, count)
    policy = np.full((*action.shape, 2), np.nan)
    policy[:, :-1] = 0.75, 0.25
    return {
        "episode": np.repeat(trials["episode"].unique(), count + 1),
        "trial": np.tile(np.append(np.arange(count), count - 1), episodes),
        "event": (action < 0).astype(int).ravel(),
        "event_names": np.array(["choice", "end"]),
        "action": action.ravel(),
        "policy": policy.reshape(-1, 2),
    }
