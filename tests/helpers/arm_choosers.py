"""Simulated people that choose among several arms, by a known learning rule."""

import numpy as np
import pandas as pd


def learner_table(
    subjects=6,
    episodes=20,
    trials=30,
    arms=3,
    rate=0.4,
    temperature=4.0,
    seed=1,
    points=None,
):
    """One row a trial, with some missed trials; probabilities change by episode.

    With `points`, a reward is that many points, or none, and means are in points.
    """
    random = np.random.default_rng(seed)
    rows = []
    for subject in range(subjects):
        for episode in range(episodes):
            chance = random.permutation(np.linspace(0.1, 0.9, arms))
            value = np.zeros(arms)
            for trial in range(trials):
                weights = np.exp(temperature * value)
                choice = random.choice(arms, p=weights / weights.sum())
                won = float(random.random() < chance[choice])
                missed = random.random() < 0.05
                row = [f"p{subject + 1}", episode, trial + 1, choice, won]
                if missed:
                    row[3:] = [np.nan, np.nan]
                else:
                    value[choice] += rate * ((won - 0.5) / 0.5 - value[choice])
                rows.append([*row, int(not missed), *chance])
    names = ["subject", "episode", "trial", "choice", "reward", "valid"]
    table = pd.DataFrame(rows, columns=[*names, *(f"p{k}" for k in range(arms))])
    if points:
        table["reward"] *= points
        table[[f"p{k}" for k in range(arms)]] *= points
    return table
