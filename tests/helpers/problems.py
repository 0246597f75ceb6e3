"""Problems of a learning-set task, solved with planted accuracies: trial tables and
recordings, written without metarl."""

import numpy as np
import pandas as pd

TRIALS = 6


def problem_trials(
    *,
    subjects=1,
    episodes=200,
    accuracy=(0.5, 1, 1, 1, 1, 1),
    replaced=False,
    missing=0.0,
    seed=0,
):
    """A trial table; `accuracy` by trial, `missing` share of trials without choice."""
    generator = np.random.default_rng(seed)
    rows = []
    for subject in range(subjects):
        for episode in range(episodes):
            target, other = generator.uniform(size=(2, 3))
            for trial, probability in enumerate(accuracy):
                if replaced and trial:
                    other = generator.uniform(size=3)
                right = float(generator.random() < probability)
                target_left = float(generator.random() < 0.5)
                absent = generator.random() < missing
                row = {
                    "subject": subject,
                    "session": 0,
                    "episode": episode,
                    "trial": trial,
                    "choice": np.nan if absent else float(right != target_left),
                    "reward": 0.0 if absent else 0.2 + (1 if right else -1),
                    "valid": int(not absent),
                    "correct": np.nan if absent else right,
                    "forced": 0,
                    "steps": 7.0 if trial else 4.0,
                    "target_left": target_left,
                }
                row |= {f"target_{c}": v for c, v in zip("rgb", target, strict=True)}
                row |= {f"distractor_{c}": v for c, v in zip("rgb", other, strict=True)}
                rows.append(row)
    return pd.DataFrame(rows)


def second_trials(rows):
    """Trial table of the test `interchange`, from the columns that a row gives."""
    default = {
        "subject": 0,
        "session": 0,
        "trial": 1,
        "reward": 0.0,
        "valid": 1,
        "forced": 0,
        "donor": "none",
        "part": "none",
        "shown": "same",
        "choice": 0.0,
        "donor_target_left": 1,
        "donor_choice": 0,
        "difference1": 1.0,
        "donor_difference1": 1.0,
    }
    table = pd.DataFrame([default | row for row in rows])
    table["session"] = table.groupby(["donor", "part", "shown"], sort=False).ngroup()
    if "episode" not in table:
        table["episode"] = table.groupby("session").cumcount()
    return table


NAMES = ("pause", "fixation", "choice", "end")


def problem_recording(trials, keep, *, noise=0.05, units=20, seed=0):
    """A recording of one subject: two fixations and three choices a trial, then an end.

    `keep(target, distractor)` gives what the units hold, (K,) numbers, once a trial is
    over; before that they hold nothing.
    """
    generator = np.random.default_rng(seed)
    mixing = generator.normal(size=(units, len(keep(np.ones(3), np.zeros(3)))))
    rows = []
    for episode, own in trials.groupby("episode"):
        held = np.zeros(mixing.shape[1])
        for row in own.to_dict("records"):
            towards = 0 if row["choice"] == 0 else 1
            steps = [(1, 2), (1, 2), (2, towards), (2, towards), (2, towards)]
            for event, action in steps:
                activity = mixing @ held + noise * generator.normal(size=units)
                rows.append((episode, row["trial"], event, action, activity))
            cues = [
                [row[f"{who}_{c}"] for c in "rgb"] for who in ("target", "distractor")
            ]
            held = np.asarray(keep(*np.array(cues)), float)
        rows.append((episode, row["trial"], 3, -1, np.full(units, np.nan)))
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    names = ("episode", "trial", "event", "action", "units")
    made = dict(zip(names, columns, strict=True))
    blind = generator.normal(size=made["units"].shape)
    return made | {"event_names": np.array(NAMES), "units_untrained": blind}
