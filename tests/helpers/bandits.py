"""Simulated bandit players of known policies, as the trial tables of agents.

Written apart from `metarl.baselines`, in numpy, so that a fault there does not repeat
itself here. All players of a seed have the same problems and random numbers.
"""

import numpy as np
import pandas as pd

GAPS = {"easy": (0.1, 0.9), "medium": (0.25, 0.75), "hard": (0.4, 0.6)}


def problems(law, episodes, generator):
    """(E, 2) probabilities of reward."""
    uniform = generator.random((episodes, 2))
    if law == "independent":
        return uniform
    left = uniform[:, 0]
    if law in GAPS:
        left = np.where(left < 0.5, *reversed(GAPS[law]))
    return np.column_stack([left, 1 - left])


def scores(mind, wins, pulls, generator):
    """(E, 2) scores of the arms; the player chooses the largest."""
    mean = (wins + 1) / (pulls + 2)
    jitter = 1e-9 * generator.random(mean.shape)
    if mind == "random":
        return jitter
    if mind == "thompson":
        return generator.beta(wins + 1, pulls - wins + 1)
    if mind == "tied":
        return wins + (pulls - wins)[:, ::-1] + jitter
    over = pulls.sum(axis=1, keepdims=True)
    return mean + 0.3 * np.sqrt(np.log(over + 1) / (pulls + 1)) + jitter


def simulate(
    mind, episodes=300, *, subject=0, law="independent", seed=0, trials=100, slips=0.0
):
    """The trial table of one subject; `slips` is the probability of a random choice."""
    shared = np.random.default_rng(seed)
    own = np.random.default_rng([seed, 1, subject])
    probabilities = problems(law, episodes, shared)
    env_index = np.arange(episodes)
    wins, pulls = np.zeros((episodes, 2)), np.zeros((episodes, 2))
    choices, rewards = [], []
    for _ in range(trials):
        choice = scores(mind, wins, pulls, own).argmax(axis=1)
        slipped = own.random(episodes) < slips
        choice = np.where(slipped, own.integers(2, size=episodes), choice)
        reward = shared.random(episodes) < probabilities[env_index, choice]
        wins[env_index, choice] += reward
        pulls[env_index, choice] += 1
        choices.append(choice)
        rewards.append(reward)
    return table(
        np.transpose(choices), probabilities, np.transpose(rewards), subject=subject
    )


def table(choices, probabilities, rewards=0, *, subject=0, session=0):
    """A trial table from (E, T) choices, (E, N) probabilities and (E, T) rewards."""
    choices = np.asarray(choices, float)
    episodes, count = choices.shape
    columns = {
        "subject": subject,
        "session": session,
        "episode": np.repeat(np.arange(episodes), count),
        "trial": np.tile(np.arange(count), episodes),
        "choice": choices.ravel(),
        "reward": np.broadcast_to(rewards, choices.shape).ravel().astype(float),
        "valid": 1,
        "correct": 0,
        "forced": 0,
    }
    for arm, probability in enumerate(np.transpose(probabilities)):
        columns[f"probability_{arm}"] = np.repeat(probability, count).astype(np.float32)
    return pd.DataFrame(columns)


def recording(trials, units, untrained=None):
    """A step recording from (E, T, H) units; each episode closed by an end row."""
    episodes, count, size = units.shape
    padded = {"units": units, "units_untrained": untrained}
    arrays = {
        name: np.concatenate(
            [values, np.full((episodes, 1, size), np.nan)], axis=1
        ).reshape(episodes * (count + 1), size)
        for name, values in padded.items()
        if values is not None
    }
    steps = np.arange(count + 1)
    return arrays | {
        "episode": np.repeat(trials["episode"].unique()[:episodes], count + 1),
        "trial": np.tile(np.minimum(steps, count - 1), episodes),
        "event": np.tile((steps == count).astype(int), episodes),
        "event_names": np.array(["choice", "end"]),
    }
