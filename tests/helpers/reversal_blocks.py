"""Simulated reversal trials: blocks by hand, choosers of known rules, a release."""

import matlab_file as mat
import numpy as np
import pandas as pd

TRIALS = 80


def block(choice, reward, *, reversal, better=0, schedule=80, **changes):
    """One block; `reversal` is the number of trials before it, None for never."""
    choice = np.asarray(choice, float)
    trial = np.arange(len(choice))
    now = np.full(len(choice), better)
    if reversal is not None:
        now[reversal:] = 1 - better
    usual = {
        "subject": 0,
        "session": 0,
        "episode": 0,
        "trial": trial,
        "choice": choice,
        "reward": np.asarray(reward, float),
        "valid": 1,
        "correct": choice == now,
        "forced": 0,
        "better": now,
        "schedule": schedule,
    }
    return pd.DataFrame(usual | changes)


def chooser(blocks, *, subject=0, seed=0, share=0.9, delay=3, schedules=(80, 70)):
    """Choose the option believed to be better with a probability of `share`.

    The better option is known from the first trial on, and the reversal `delay` trials
    late.
    """
    generator = np.random.default_rng([seed, subject])
    size = (blocks, TRIALS)
    reversal = generator.integers(31, 51, (blocks, 1))
    first = generator.integers(2, size=(blocks, 1))
    schedule = np.resize(schedules, (blocks, 1))
    trial = np.broadcast_to(np.arange(TRIALS), size)
    believed = np.where(trial < reversal + delay, first, 1 - first)
    choice = np.where(generator.random(size) < share, believed, 1 - believed)
    better = np.where(trial < reversal, first, 1 - first)
    probability = np.where(choice == better, schedule, 100 - schedule) / 100
    reward = generator.random(size) < probability
    columns = {
        "episode": np.broadcast_to(np.arange(blocks)[:, None], size),
        "trial": trial,
        "choice": choice.astype(float),
        "reward": reward.astype(float),
        "correct": choice == better,
        "better": better,
        "schedule": np.broadcast_to(schedule, size),
    }
    table = pd.DataFrame({name: values.ravel() for name, values in columns.items()})
    return table.assign(subject=subject, session=0, valid=1, forced=0)


ANIMALS = ("BB10", "BB10", "BB6")
"""Animal of each superblock of the synthetic release."""
LAYOUT = {
    "prob6040": ([0, 0], "uint8"),
    "prob7030": ([0, 0], "uint8"),
    "prob8020": ([1, 1], "uint8"),
    "r": ([1, 0, 1, 0, 1, 1], "uint8"),
    "abs_superblock_idx": ([4], "uint8"),
    "c": ([-1, 1, -1, -1, 1, 1], "int16"),
    "animal_ids": None,
    "block_addresses": ([1, 4, 6], "uint8"),
    "rewardprob": ([[0.8, 0.2]] * 6, "float64"),
    "hr_side": ([-1, -1, -1, 1, 1, 1], "int16"),
}
"""Field of a synthetic superblock of six trials -> values and type, as in the
release."""


def write_release(path, *, animals=ANIMALS, without=(), numbered=None, **changes):
    """A file with the layout of the release; `changes` replace fields of the second."""
    superblocks = []
    for number in range(len(animals)):
        replaced = changes if number == 1 else {}
        fields = {}
        for name, usual in LAYOUT.items():
            if name == "animal_ids":
                place = number + 1 if numbered is None else numbered[number]
                fields[name] = mat.string(place)
            elif name not in without:
                values, kind = usual
                fields[name] = mat.numbers(replaced.get(name, values), kind)
        superblocks.append(mat.record(fields))
    cells = mat.cells(superblocks, (1, len(superblocks)), name="all_stats")
    return mat.write(path, cells, mat.subsystem(animals))
