"""Simulated choosers with known learning rules, as the trial tables and recordings of
agents.

Written apart from the reference learners of `metarl.analysis`, step by step as the task
goes, so that a fault there does not repeat itself here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import io

Recording = dict[str, NDArray[np.generic]]
Simulate = Callable[..., tuple[pd.DataFrame, Recording]]

TRIALS = 100
DISCOUNT = 0.9
STEPS = 3


@dataclass
class Chooser:
    """Values of one simulated subject, one episode an environment."""

    num_envs: int
    learning_rate: float

    def __post_init__(self) -> None:
        self.belief = np.full(self.num_envs, 0.5)
        self.second = np.full((self.num_envs, 2), 0.5)
        self.first = np.full((self.num_envs, 2), 0.5 * DISCOUNT)


class Planner(Chooser):
    """Knows the task: infers the better state by Bayes, and plans one trial ahead."""

    def start_trial(self) -> None:
        self.belief = 0.975 * self.belief + 0.025 * (1 - self.belief)
        probability = 0.1 + 0.8 * self.belief
        self.second = np.stack([probability, 1 - probability], axis=1)
        mixed = self.second @ np.array([[0.8, 0.2], [0.2, 0.8]])
        self.first = DISCOUNT * mixed

    def learn(self, env_index, choice, state, reward) -> None:
        odds = self.belief / (1 - self.belief)
        odds *= np.where((state == 0) == (reward == 1), 9.0, 1 / 9)
        self.belief = odds / (1 + odds)


class Sarsa(Chooser):
    """Knows nothing of the task: one value for each choice and each state."""

    def start_trial(self) -> None:
        pass

    def learn(self, env_index, choice, state, reward) -> None:
        arrival = (
            DISCOUNT * self.second[env_index, state] - self.first[env_index, choice]
        )
        self.first[env_index, choice] += self.learning_rate * arrival
        result = reward - self.second[env_index, state]
        self.second[env_index, state] += self.learning_rate * result


@pytest.fixture(scope="session")
def simulate() -> Simulate:
    """A function that lets a chooser do the two-step task."""

    def run(
        kind: str,
        episodes: int = 40,
        seed: int = 0,
        subject: int = 0,
        *,
        temperature: float = 0.02,
        learning_rate: float = 0.1,
        discount: float = DISCOUNT,
    ) -> tuple[pd.DataFrame, Recording]:
        generator = np.random.default_rng([seed, subject])
        minds = {"planner": Planner, "sarsa": Sarsa}
        mind = minds.get(kind, Sarsa)(episodes, learning_rate)
        env_index = np.arange(episodes)
        high_first = generator.random(episodes) < 0.5
        rows, errors = [], np.full((episodes, TRIALS, 2), np.nan)
        for trial in range(TRIALS):
            high_first = high_first ^ (generator.random(episodes) < 0.025)
            mind.start_trial()
            drive = np.zeros(episodes)
            if kind != "random":
                drive = (mind.first[:, 0] - mind.first[:, 1]) / temperature
                drive = np.clip(drive, -500, 500)
            left = generator.random(episodes) < 1 / (1 + np.exp(-drive))
            choice = 1 - left.astype(int)
            common = generator.random(episodes) < 0.8
            state = np.where(common, choice, 1 - choice)
            probability = np.where((state == 0) == high_first, 0.9, 0.1)
            reward = (generator.random(episodes) < probability).astype(float)
            errors[:, trial, 0] = (
                discount * mind.second[env_index, state] - mind.first[env_index, choice]
            )
            errors[:, trial, 1] = reward - mind.second[env_index, state]
            mind.learn(env_index, choice, state, reward)
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
                        "correct": (choice == 0) == high_first,
                        "forced": 0,
                        "transition": np.where(common, "common", "rare"),
                        "second_state": state,
                        "second_choice": np.nan,
                        "high_state": 1 - high_first.astype(int),
                    }
                )
            )
        trials = pd.concat(rows).sort_values(["episode", "trial"], ignore_index=True)
        return trials, make_recording(trials, errors)

    return run


def make_recording(trials: pd.DataFrame, errors: NDArray[np.float64]) -> Recording:
    """Steps fixation, choice, outcome; every episode closed by an end row.

    errors: (E, T, 2) at the second stage and at the reward.
    """
    episodes, count = errors.shape[:2]
    rpe = np.zeros((episodes, count * STEPS + 1))
    reward = np.zeros_like(rpe)
    rpe[:, 0] = np.nan
    rpe[:, 2:-1:STEPS] = errors[:, :, 0]
    rpe[:, STEPS::STEPS] = errors[:, :, 1]
    reward[:, 2:-1:STEPS] = trials["reward"].to_numpy().reshape(episodes, count)
    reward[:, -1] = np.nan
    event = np.append(np.tile([0, 1, 2], count), 3)
    trial = np.append(np.repeat(np.arange(count), STEPS), count - 1)
    return {
        "episode": np.repeat(np.arange(episodes), len(event)),
        "trial": np.tile(trial, episodes),
        "event": np.tile(event, episodes),
        "event_names": np.array(["fixation", "choice", "outcome", "end"]),
        "reward": reward.ravel(),
        "rpe": rpe.ravel(),
    }


@pytest.fixture
def table() -> Callable[..., pd.DataFrame]:
    """A function that writes a small trial table from columns."""

    def make(**columns: object) -> pd.DataFrame:
        usual = {"subject": 0, "session": 0, "episode": 0, "valid": 1, "forced": 0}
        result = pd.DataFrame(columns)
        count = len(result)
        return result.assign(
            **{k: v for k, v in usual.items() if k not in columns},
            **({} if "trial" in columns else {"trial": range(count)}),
        )

    return make


@pytest.fixture
def macaque_file(tmp_path: Path) -> Path:
    """A synthetic file of the macaque release: 2 monkeys, with 2 and 1 sessions."""
    return write_release(tmp_path / "release.mat")


def write_release(path: Path, **changes: object) -> Path:
    """Six trials a session; `changes` replace fields."""
    fields = {
        "TotalNumTrials": [[9]],
        "indxGoodTrials": [2, 3, 4, 6, 7, 8],
        "TrialType": [1, 1, 1, 3, 2, 1],
        "PicChosen1": [1, 1, 2, 2, 1, 1],
        "SideResp1": [1, 3, 2, 1, 1, 2],
        "Transition": [1, 2, 1, 1, 2, 1],
        "PicChosen2": [3, 5, 6, 5, 6, 4],
        "LevelRew2": [1, 3, 2, 1, 1, 3],
    } | changes
    fields = {name: value for name, value in fields.items() if value is not None}
    monkeys = np.empty((2, 1), dtype=object)
    for monkey, count in enumerate((2, 1)):
        sessions = np.empty((count, 1), dtype=[(name, object) for name in fields])
        for session in range(count):
            for name, values in fields.items():
                sessions[session, 0][name] = np.reshape(values, (-1, 1)).astype(
                    np.uint16
                )
        monkeys[monkey, 0] = sessions
    io.savemat(path, {"PreparedData": monkeys})
    return path


@pytest.fixture
def release() -> Callable[..., Path]:
    """A function that writes a file with the layout of the macaque release."""
    return write_release
