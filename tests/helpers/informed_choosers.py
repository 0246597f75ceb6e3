"""Simulated choosers among arms, the last of which reveals the best one.

Written apart from `metarl.baselines`, one episode at a time.
"""

import numpy as np
import pandas as pd

from metarl.analysis import ExperimentData
from metarl.analysis.analysis import analyse
from metarl.analysis.informative_arm import ANALYSIS

ORDINARY = 10


def reward_of(arm, target):
    """Reward of an arm."""
    if arm == ORDINARY:
        return (target + 1) / 10
    return 5.0 if arm == target else 1.0


def next_arm(mind, trial, clue, tried, target, generator):
    """The arm a chooser takes next; `tried` is arm -> its reward."""
    if mind == "informed-first":
        return ORDINARY if trial == 0 else clue
    if mind == "ignores-clue":
        return ORDINARY if trial == 0 else int(generator.integers(ORDINARY))
    if mind == "guesser":
        if target in tried:
            return target
        return int(generator.choice([a for a in range(ORDINARY) if a not in tried]))
    return int(generator.integers(ORDINARY + 1))


def simulate(mind, episodes=200, *, subject=0, seed=0, slips=0.0, trials=5):
    """A trial table; with a probability of `slips` a choice is random."""
    generator = np.random.default_rng([seed, subject])
    rows = []
    for episode in range(episodes):
        target, tried = int(generator.integers(ORDINARY)), {}
        for trial in range(trials):
            arm = next_arm(mind, trial, target, tried, target, generator)
            if generator.random() < slips:
                arm = int(generator.integers(ORDINARY + 1))
            tried[arm] = reward_of(arm, target)
            rows.append((episode, trial, arm, tried[arm], arm == target, target))
    names = ["episode", "trial", "choice", "reward", "correct", "target"]
    table = pd.DataFrame(rows, columns=names)
    return table.assign(subject=subject, session=0, valid=1, forced=0)


def analysed(minds, **more):
    """The analysis of one chooser for each policy, with two baselines."""
    tables = [simulate(m, subject=k, slips=0.02) for k, m in enumerate(minds)]
    data = {
        "trials": pd.concat(tables, ignore_index=True),
        "baselines": {
            "informed": simulate("informed-first", subject=0, seed=9),
            "guesser": simulate("guesser", subject=1, seed=9),
        },
        "task": "informative-arm",
        "parameters": ANALYSIS.published,
        "expected_subjects": len(minds),
    }
    return analyse(ANALYSIS, ExperimentData(**data | more))
