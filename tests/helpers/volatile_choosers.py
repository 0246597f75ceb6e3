"""Simulated trials of the volatility task, by choosers of known learning rates."""

import numpy as np
import pandas as pd

from metarl.analysis import ExperimentData

TRIALS = 200
SUBJECT_COUNT = 3
PARAMETERS = {"trial_count": 200, "schedule": "blocks"}


def schedule(generator, order, episodes):
    """(E, T) probability of left and (T,) volatility of test episodes of one order."""
    calm = np.where(generator.random((episodes, 1)) < 0.5, 0.25, 0.75)
    first = np.where(generator.random((episodes, 1)) < 0.5, 0.2, 0.8)
    swapped = np.arange(TRIALS // 2) // 25 % 2 == 1
    wild = np.where(swapped, 1 - first, first)
    calm = np.repeat(calm, TRIALS // 2, axis=1)
    halves = [calm, wild] if order == "low-first" else [wild, calm]
    volatility = np.repeat([0, 1] if order == "low-first" else [1, 0], TRIALS // 2)
    return np.concatenate(halves, axis=1), volatility


def chooser_trials(
    rates=(0.1, 0.4), *, episodes=60, subject=0, seed=0, temperature=12.0
):
    """Test episodes of both orders by a learner with a rate for each volatility.

    rates: while stable, while volatile. Half of the episodes are of each order.
    """
    generator = np.random.default_rng([seed, subject])
    frames = []
    for number, order in enumerate(("low-first", "high-first")):
        probability, volatility = schedule(generator, order, episodes // 2)
        shape = probability.shape
        left_won = generator.random(shape) < probability
        magnitudes = generator.beta(4, 4, (2, *shape))
        value, choice = np.full(shape[0], 0.5), np.zeros(shape)
        for trial in range(TRIALS):
            left, right = magnitudes[:, :, trial]
            drive = temperature * (value * left - (1 - value) * right)
            choice[:, trial] = generator.random(shape[0]) > 1 / (1 + np.exp(-drive))
            rate = rates[volatility[trial]]
            value += rate * (left_won[:, trial] - value)
        won = left_won == (choice == 0)
        reward = np.where(choice == 0, *magnitudes) * won
        episode = number * shape[0] + np.arange(shape[0])
        frames.append(
            pd.DataFrame(
                {
                    "subject": subject,
                    "session": 0,
                    "episode": np.repeat(episode, TRIALS),
                    "trial": np.tile(np.arange(TRIALS), shape[0]),
                    "choice": choice.ravel(),
                    "reward": reward.ravel(),
                    "valid": 1,
                    "correct": 0,
                    "forced": 0,
                    "winner": 1 - left_won.ravel().astype(int),
                    "magnitude_left": magnitudes[0].ravel(),
                    "magnitude_right": magnitudes[1].ravel(),
                    "probability_left": probability.ravel(),
                    "volatility": np.tile(volatility, shape[0]),
                    "order": order,
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def step_recording(trials, units, untrained=None):
    """A step recording of units (E, T, H), each episode closed by an end row."""
    episodes, count, _ = units.shape

    def closed(values, end):
        column = np.full((episodes, 1, *values.shape[2:]), end, dtype=float)
        joined = np.concatenate([values, column], axis=1)
        return joined.reshape(episodes * (count + 1), *values.shape[2:])

    number = np.unique(trials["episode"])[:episodes]
    recording = {
        "episode": np.repeat(number, count + 1),
        "trial": np.tile(np.append(np.arange(count), count - 1), episodes),
        "event": np.tile(np.append(np.zeros(count, int), 1), episodes),
        "event_names": np.array(["choice", "end"]),
        "units": closed(units, np.nan),
    }
    if untrained is not None:
        recording["units_untrained"] = closed(untrained, np.nan)
    return recording


def population(rates, *, seed=0, episodes=100, temperature=12.0):
    return pd.concat(
        [
            chooser_trials(
                rates,
                episodes=episodes,
                subject=k,
                seed=seed,
                temperature=temperature,
            )
            for k in range(SUBJECT_COUNT)
        ],
        ignore_index=True,
    )


def recordings(trials, seed):
    """Units that carry volatility, and untrained ones that carry it less."""
    generator = np.random.default_rng(seed)
    by_subject = {}
    for subject, rows in trials.groupby("subject"):
        first = rows[rows["episode"] % 5 == 0]
        label = first["volatility"].to_numpy(float).reshape(-1, 200, 1)
        noise = generator.normal(size=(2, *label.shape[:2], 6))
        units = label + noise[0], 0.2 * label + noise[1]
        episode = np.unique(first["episode"])
        by_subject[subject] = step_recording(first, *units)
        assert set(by_subject[subject]["episode"]) == set(episode)
    return by_subject


def source(trials, **changes):
    usual = {
        "trials": trials,
        "task": "volatility",
        "parameters": PARAMETERS,
        "discount": 0.1,
        "expected_subjects": SUBJECT_COUNT,
    }
    return ExperimentData(**(usual | changes))


def whole_source():
    """Networks, baselines, recordings and a control, with planted effects."""
    trials = population((0.1, 0.4))
    generator = population((0.1, 0.4), seed=5, episodes=50)
    return source(
        trials,
        baselines={
            "random": chooser_trials(temperature=0.0, seed=3),
            "bayes-greedy": chooser_trials((0.12, 0.35), episodes=100, seed=4),
        },
        recordings=recordings(trials, 0),
        tests={"generator": generator.assign(order=np.nan)},
        test_recordings={"generator": recordings(generator, 1)},
        variants={"constant": source(population((0.2, 0.2), seed=9))},
    )
