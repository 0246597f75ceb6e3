"""The checks of a task: each finds its fault, and says what to do."""

from dataclasses import dataclass

import pytest
import torch
from flags import Flags
from toys import Lottery, Uneven

from metarl.envs.task import LockstepTask, Step
from metarl.envs.testing import check_playable, check_task


@dataclass(frozen=True, kw_only=True)
class WheelParams:
    """What the experimenter sets."""

    trial_count: int = 12
    """Trials per episode."""


class Wheel(LockstepTask[WheelParams]):
    """A wheel is turned to a colour; a press wins on red, more after two wins."""

    params_type = WheelParams
    event_names = ("press",)
    observation_names = ("red", "black")
    action_names = ("press", "wait")
    state_names = ("trial", "phase", "red", "streak", "choice", "reward")
    noise_size = 2
    categories = {"colour": ("black", "red")}  # noqa: RUF012

    def __init__(self, num_envs=1, params=None, device="cpu"):
        super().__init__(num_envs, params, device)
        self.red = self.never
        self.streak = self.choice = torch.zeros(num_envs, dtype=torch.int64)
        self.reward = torch.zeros(num_envs)

    @property
    def trial_count(self):
        return self.params.trial_count

    def reset(self, noise, *, options=None, where=None):
        self.check_options(options)
        self.start_all(where)
        self.red = noise[:, 0] < 0.5
        self.streak = torch.zeros_like(self.streak)
        return self.observation()

    def step(self, actions, noise):
        self.choice = actions
        won = (actions == 0) & self.red & (noise[:, 1] < 0.9)
        self.reward = torch.where(self.streak > 1, 1.0, 0.5) * won
        self.streak = torch.where(won, self.streak + 1, 0)
        self.red = noise[:, 0] < 0.5
        return self.advance(self.reward)

    def observation(self):
        return torch.stack((self.red, ~self.red), 1).float()

    def trial_row(self):
        return {
            "choice": self.choice.float(),
            "reward": self.reward,
            "valid": self.always.float(),
            "correct": (self.reward > 0).float(),
            "forced": self.never.float(),
            "colour": self.red.float(),
        }

    def hidden(self):
        return {"streak": self.streak}


class Greedy(Wheel):
    """Reads a third number."""

    def step(self, actions, noise):
        return super().step(actions, noise[:, 1:3].flip(1) + 0 * noise[:, [2]])


class Private(Wheel):
    """Has randomness of its own."""

    def step(self, actions, noise):
        return super().step(actions, torch.rand(noise.shape))


class Lasting(Wheel):
    """Keeps the streak over episodes."""

    def reset(self, noise, *, options=None, where=None):
        streak = self.streak
        super().reset(noise, options=options, where=where)
        self.streak = streak
        return self.observation()


class Crowded(Wheel):
    """Gives every environment the mean streak."""

    def hidden(self):
        return {"streak": self.streak.float().mean().expand(self.num_envs)}


class Forgetful(Wheel):
    """Lacks two attributes, and has one that is no state."""

    state_names = ("trial", "phase", "choice", "reward")

    def step(self, actions, noise):
        self.shown = self.red
        return super().step(actions, noise)


class RowOnly(Wheel):
    """Lacks what only the row of the last trial reads."""

    state_names = ("trial", "phase", "red", "streak", "choice")


class Misspelt(Wheel):
    """Names an attribute that is not there."""

    state_names = (*Wheel.state_names, "streek")


class Columnless(Wheel):
    """Has no column forced."""

    def trial_row(self):
        row = super().trial_row()
        del row["forced"]
        return row


class Uncoded(Wheel):
    """Has fractions in a column of codes."""

    def trial_row(self):
        return {**super().trial_row(), "share": self.reward / 3}


class Wordless(Wheel):
    """Has a code without a word."""

    categories = {"colour": ("black",)}  # noqa: RUF012


class Scalar(Wheel):
    """Has one number for all environments."""

    def trial_row(self):
        return {**super().trial_row(), "number": torch.zeros(7, 1)}


class Generous(Wheel):
    """Rewards more than it declares."""

    def step(self, actions, noise):
        step = super().step(actions, noise)
        return step._replace(reward=3 * step.reward)


class Doubled(Wheel):
    """Has observations of another type."""

    def observation(self):
        return super().observation().double()


class Endless(Wheel):
    """Ends its episodes late."""

    def end_trial(self):
        super().end_trial()
        return self.always if self.trial > self.trial_count else self.never


class Hasty(Wheel):
    """Ends its episodes early."""

    def step(self, actions, noise):
        step = super().step(actions, noise)
        return Step(*step[:2], torch.full_like(self.always, self.trial > 3), step[3])


def test_a_task_that_keeps_the_rules_passes():
    check_task(Wheel())
    check_task(Wheel(3, WheelParams(trial_count=1)))


@pytest.mark.parametrize("task", [Lottery, Uneven, Flags])
def test_tasks_with_environments_apart_and_with_views_pass(task):
    check_playable(task())


@pytest.mark.parametrize(
    ("task", "words"),
    [
        (
            Greedy,
            "noise_size must be 3, the number of uniform numbers that a reset or ",
        ),
        (Doubled, r"observation must be torch.float32 of shape \(7, 2\) in a batch of"),
        (Private, "the same noise and actions must give the same course, and did not"),
        (Lasting, "an episode must not depend on the one before, and did: reset must"),
        (Crowded, "an environment must not depend on the others of its batch, and did"),
        (Forgetful, "state_names lacks red, streak: a task must continue from a saved"),
        (RowOnly, "state_names lacks reward: a task must continue"),
        (
            Misspelt,
            "state_names has 'streek', which is no attribute; did you mean 'str",
        ),
        (Columnless, "trial_row lacks the column forced"),
        (Uncoded, "share of trial_row must be whole numbers, or be in real_columns"),
        (Wordless, "colour of trial_row has a code without a word"),
        (Scalar, "number of trial_row must be one number per environment"),
    ],
)
def test_a_fault_is_found_before_training(task, words):
    with pytest.raises(ValueError, match=f"^{task.__name__}: {words}"):
        check_playable(task())


@pytest.mark.parametrize(
    ("task", "words"),
    [
        (Generous, r"reward must be in \[-1, 1\], got 0 to 3"),
        (Doubled, r"observation must be torch.float32 of shape \(7, 2\) in a batch of"),
        (Endless, "an episode must end after episode_steps, 12, but ended not then"),
        (Hasty, "an episode must end after episode_steps, 12, but ended after 4"),
    ],
)
def test_a_result_that_is_not_as_declared_is_found(task, words):
    with pytest.raises(ValueError, match=f"^{task.__name__}: {words}"):
        check_task(task())


def test_an_index_error_of_another_cause_is_the_tasks_own():
    class Broken(Wheel):
        def step(self, actions, noise):
            return super().step(actions[[7]], noise)

    with pytest.raises(IndexError):
        check_task(Broken())
