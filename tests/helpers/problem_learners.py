"""Simulated animals that solve learning-set problems, better with each problem."""

import numpy as np
import pandas as pd


def problem_table(subjects=4, problems=40, trials=6, seed=2, missed=0.05):
    """One row a trial: subject, problem, trial, object, rewarded_object."""
    random = np.random.default_rng(seed)
    rows = []
    for subject in range(subjects):
        for problem in range(problems):
            objects = [f"o{2 * problem}", f"o{2 * problem + 1}"]
            known = 0.5
            for trial in range(trials):
                correct = random.random() < (0.5 if trial == 0 else known)
                chosen = objects[0] if correct else objects[1]
                if trial == 0:
                    known = 0.55 + 0.4 * problem / problems
                if trial and random.random() < missed:
                    chosen = None
                rows.append((f"m{subject}", problem + 1, trial + 1, chosen, objects[0]))
    names = ["subject", "problem", "trial", "object", "rewarded_object"]
    return pd.DataFrame(rows, columns=names)
