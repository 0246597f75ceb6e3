"""What the tests train and run: a small task of a user's own, and jobs for processes.

Imported by name ("toys:Lottery"), as a user's is, in this and in other processes.
"""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from metarl.core.checks import MetaRLError
from metarl.core.parallel import Interrupted
from metarl.envs.matching import Matching, MatchingParams
from metarl.envs.task import Step, Task

TICKETS = 1000


@dataclass(frozen=True, kw_only=True)
class LotteryParams:
    """What the experimenter sets."""

    longest: int = 4
    """Most trials an episode."""
    probability_good: float = 0.8
    """Probability of reward for the good button."""
    fault: str = ""
    """What goes wrong: nan, raise or kill."""
    fault_below: float = 0.0
    """It does where the opening noise is below this, so in some subjects."""
    fault_envs: int = 3
    """Batch size at which the fault occurs, so that only training has it."""


class Lottery(Task[LotteryParams]):
    """Two buttons, one of them good; each environment waits a random time per trial.

    Nothing is in lockstep: a trial has one or more waiting steps and one pressing step,
    and an episode one or more trials.
    """

    params_type = LotteryParams
    event_names = ("wait", "press")
    state_names = (
        "ready",
        "left",
        "good",
        "faulty",
        "row_choice",
        "row_reward",
        "uniform",
    )
    noise_size = 3
    option_names = ("good",)
    real_columns = ("reward", "uniform")

    def __init__(self, num_envs=1, params=None, device="cpu"):
        super().__init__(num_envs, params, device)
        self.ready = self.good = self.never
        self.left = torch.zeros(num_envs, dtype=torch.int64)
        self.row_choice = self.row_reward = self.uniform = torch.zeros(num_envs)
        self.faulty, self.opening = False, 0.0

    @property
    def observation_names(self):
        return ("wait", "press")

    @property
    def action_names(self):
        return ("left", "right")

    def reset(self, noise, *, options=None, where=None):
        chosen = self.check_options(options)
        if where is None:
            self.opening = float(noise[0, 0])
            here = self.num_envs == self.params.fault_envs
            self.faulty = here and self.opening < self.params.fault_below
        where = self.always if where is None else where
        trials = 1 + (noise[:, 0] * self.params.longest).long()
        good = noise[:, 1] < 0.5
        if "good" in chosen:
            good = torch.full_like(good, bool(chosen["good"]))
        self.left = torch.where(where, trials, self.left)
        self.good = torch.where(where, good, self.good)
        self.ready = self.ready & ~where
        return self.observation()

    def step(self, actions, noise):
        if self.faulty:
            self.fail()
        pressed = self.ready
        probability = torch.where(
            (actions == 1) == self.good, self.params.probability_good, 0
        )
        rewarded = (noise[:, 0] < probability) & pressed
        self.row_choice = torch.where(pressed, actions.float(), torch.nan)
        self.row_reward = rewarded.float()
        self.uniform = noise[:, 0]
        self.left = self.left - pressed.long()
        self.ready = torch.where(pressed, False, noise[:, 1] < 0.6)
        over = pressed & (self.left == 0)
        # Until its reset a finished environment has neither event; no row may have it.
        self.ready = self.ready | over
        reward = rewarded.float() + (torch.nan if self.fault_is("nan") else 0)
        return Step(self.observation(), reward, over, pressed)

    def fault_is(self, name):
        return self.faulty and self.params.fault == name

    def fail(self):
        if self.fault_is("raise"):
            raise RuntimeError("the lottery burnt down")
        if self.fault_is("kill"):
            os.kill(os.getpid(), signal.SIGKILL)

    def event(self):
        return self.ready.long()

    def observation(self):
        return torch.stack([~self.ready, self.ready], dim=1).float()

    def trial_row(self):
        right = self.row_choice == self.good.float()
        return {
            "choice": self.row_choice,
            "reward": self.row_reward,
            "valid": self.always.float(),
            "correct": right.float(),
            "forced": self.never.float(),
            "ticket": (self.uniform * TICKETS).floor(),
            "uniform": self.uniform,
        }

    def hidden(self):
        return {"good": self.good}


@dataclass(frozen=True, kw_only=True)
class UnevenParams(MatchingParams):
    """What the experimenter sets."""

    trial_least: int = 1
    trial_most: int = 4


class Uneven(Matching):
    """A registered task with short episodes that end at different times."""

    params_type = UnevenParams


def succeed(path: Path, reporter) -> None:
    reporter.report(0.5)
    path.write_text("done")


def refuse(reporter) -> None:
    raise MetaRLError("the file is damaged; train again")


def blunder(reporter) -> None:
    raise RuntimeError("our own mistake")


def die(reporter) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def leave(reporter) -> None:
    os._exit(7)


def interrupt(process: int, started: Path, saved: Path, reporter) -> None:
    """Interrupt a process once another job has started; end after that one has."""
    wait_for(started.exists)
    os.kill(process, signal.SIGINT)
    wait_for(saved.exists)


def be_terminated(reporter) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    wait_for(reporter.should_stop)
    raise Interrupted


def stop_when_asked(started: Path, saved: Path, reporter) -> None:
    started.write_text("started")
    wait_for(reporter.should_stop)
    saved.write_text("saved")
    raise Interrupted


def wait_for(condition, seconds: float = 120) -> None:
    """Wait until a condition holds; a limit that only a hanging test meets."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("waited in vain")
        time.sleep(0.005)
