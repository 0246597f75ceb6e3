"""Simulated trials of the matching task, by choosers of known rules."""

import numpy as np
import pandas as pd

from metarl.analysis import ExperimentData

PARAMETERS = {"trial_least": 50, "trial_most": 100, "held_out": True}
REWARDS = (1.0, 1.1, 1.0, 0.9, 0.7, 0.5, 0.4, 0.3, 0.2, 0.1)
CHOICES = (-2.9, -1.2, -0.5, 0.0, 0.2, 0.4, 0.4, 0.4, 0.4, 0.4)
"""Weights, by lag, of a learner like trained networks."""
GRID = np.linspace(0.01, 0.49, 25)
"""Base probabilities of left on the Bayesian chooser's grid."""
SHARPNESS = 35.0
"""Slope of the Bayesian chooser's log odds on its expected probabilities."""


def baited_trials(
    kind="learner",
    *,
    episodes=120,
    subject=0,
    seed=0,
    rewards=REWARDS,
    choices=CHOICES,
):
    """Test episodes of one chooser.

    kind: learner (logistic in past rewards and choices), bayes (infers the base
    probabilities, and prefers the arm that is more likely rewarded now), matching
    (knows the base probabilities), random or alternation.
    """
    generator = np.random.default_rng([seed, subject])
    left = generator.uniform(0, 0.5, episodes)
    length = generator.integers(50, 101, episodes)
    base, env_index = np.stack([left, 0.5 - left], axis=1), np.arange(episodes)
    waited = np.zeros((episodes, 2))
    side, rewarded = np.zeros((episodes, 100)), np.zeros((episodes, 100))
    likely, both = np.zeros((episodes, len(GRID))), np.stack([GRID, 0.5 - GRID])
    rows = []
    for trial in range(100):
        probability = 1 - (1 - base) ** (waited + 1)
        # (arms, E, grid): probability that each arm is rewarded now.
        guess = 1 - (1 - both[:, None]) ** (waited.T[:, :, None] + 1)
        belief = np.exp(likely - likely.max(axis=1, keepdims=True))
        belief /= belief.sum(axis=1, keepdims=True)
        past = trial - 1 - np.arange(min(trial, len(rewards)))
        drive = {
            "learner": (rewarded * side)[:, past] @ np.array(rewards)[: len(past)]
            + side[:, past] @ np.array(choices)[: len(past)],
            "matching": np.log(odds(base[:, 1])) - np.log(odds(base[:, 0])),
            "random": np.zeros(episodes),
            "alternation": -99 * side[:, trial - 1] if trial else np.zeros(episodes),
            "bayes": SHARPNESS * (belief * (guess[1] - guess[0])).sum(axis=1),
        }[kind]
        right = generator.random(episodes) < 1 / (1 + np.exp(-drive))
        choice = right.astype(int)
        won = generator.random(episodes) < probability[env_index, choice]
        side[:, trial], rewarded[:, trial] = 2 * choice - 1, won
        expected = guess[choice, env_index]
        likely += np.log(
            np.clip(np.where(won[:, None], expected, 1 - expected), 1e-9, 1)
        )
        best = probability[env_index, choice] >= probability[env_index, 1 - choice]
        rows.append(
            {
                "trial": np.full(episodes, trial),
                "choice": choice,
                "reward": won.astype(float),
                "correct": best.astype(int),
                "chance_left": probability[:, 0],
                "chance_right": probability[:, 1],
            }
        )
        waited += 1
        waited[env_index, choice] = 0
    played = np.arange(100) < length[:, None]
    columns = {k: np.stack([r[k] for r in rows], axis=1)[played] for k in rows[0]}
    band = (left / 0.1).astype(int)
    return pd.DataFrame(columns).assign(
        subject=subject,
        session=0,
        episode=np.repeat(env_index, length),
        valid=1,
        forced=0,
        p0_left=np.repeat(left, length),
        held_out=np.repeat(np.isin(band, (1, 3)).astype(int), length),
    )


def odds(probability):
    return probability / (1 - probability)


def recording_of(trials, units, untrained=None, episodes=40):
    """Steps fixation and choice of the first episodes, each closed by an end row.

    units, untrained: (trials, H) activity at the fixation of each trial.
    """
    recorded = (trials["episode"] < episodes).to_numpy()
    table = trials[recorded].reset_index(drop=True)
    activity = {"units": units, "units_untrained": untrained}
    frames = []
    for episode, rows in table.groupby("episode"):
        count = len(rows)
        trial = np.append(np.repeat(np.arange(count), 2), count - 1)
        part = {
            "subject": np.full(len(trial), table["subject"].iloc[0]),
            "episode": np.full(len(trial), episode),
            "trial": trial,
            "step": np.arange(len(trial)),
            "event": np.append(np.tile([0, 1], count), 2),
        }
        for name, values in activity.items():
            if values is not None:
                wide = np.full((len(trial), values.shape[1]), np.nan)
                wide[:-1:2] = values[recorded][rows.index]
                wide[1:-1:2] = 7.0
                part[name] = wide
        frames.append(part)
    joined = {k: np.concatenate([p[k] for p in frames]) for k in frames[0]}
    return joined | {"event_names": np.array(["fixation", "choice", "end"])}


def coding_units(trials, generator, *, upcoming=1.0, size=12):
    """(trials, H) units that hold last choice and reward, and some the next choice."""
    side = 2.0 * trials["choice"].to_numpy() - 1
    start = (trials["trial"] == 0).to_numpy()
    last = np.where(start, 0, np.roll(side, 1))
    won = np.where(start, 0, np.roll(trials["reward"].to_numpy(), 1))
    noise = generator.normal(size=(len(trials), size))
    weights = generator.normal(size=(3, size))
    weights[2] *= upcoming
    return np.stack([last, won, side], axis=1) @ weights + noise


def source_of(kind="bayes", *, subjects=3, episodes=120, upcoming=1.0, **more):
    """Data of such subjects, with their recordings."""
    tables, recordings = [], {}
    for subject in range(subjects):
        trials = baited_trials(kind, subject=subject, episodes=episodes)
        generator = np.random.default_rng(subject)
        units = coding_units(trials, generator, upcoming=upcoming)
        untrained = coding_units(trials, generator, upcoming=0.0)
        recordings[subject] = recording_of(trials, units, untrained)
        tables.append(trials)
    settings = {"task": "matching", "parameters": PARAMETERS, "discount": 0.75}
    return ExperimentData(
        trials=pd.concat(tables, ignore_index=True),
        recordings=recordings,
        **settings | {"expected_subjects": subjects} | more,
    )
