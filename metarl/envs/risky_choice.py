"""Risky choice: a small certain reward, or a large one of unknown probability."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from metarl.core.checks import check_between, check_choice
from metarl.core.fields import Probability, Range, check_fields, check_range
from metarl.envs.choice_task import SQUARES, ChoiceTask
from metarl.envs.task import EPISODE, MOST_TRIALS, Symbol

LARGEST_REWARD = 4.0
"""Upper limit of the reward of an arm, in reward units."""
ArmReward = Annotated[float, Range(0, LARGEST_REWARD)]
"""Reward of an arm, in reward units."""
FREE_SCREEN, FORCED_SCREEN = 1, 2
"""Indices of the screens of a free choice and of a forced left (right follows)."""


@dataclass(frozen=True, kw_only=True)
class RiskyChoiceParams:
    """Parameters of the risky-choice task; defaults follow Wang et al. 2018."""

    forced_pairs: Annotated[int, Range(0, MOST_TRIALS, why=EPISODE.why)] = 5
    """Pairs of forced trials, one of each arm, at the start of an episode; at least
    0."""
    free_trials: Annotated[int, EPISODE] = 20
    """Free-choice trials that follow, at least 1; an episode has at most 10,000
    trials."""
    reward_safe: ArmReward = 1.0
    """Reward of the safe arm, in reward units, in [0, LARGEST_REWARD]."""
    reward_risky: ArmReward = 4.0
    """Reward of the risky arm when it has one, in [0, LARGEST_REWARD]."""
    probability_low: Probability = 0.125
    """Reward probability of the risky arm in half of the episodes, in [0, 1]."""
    probability_high: Probability = 0.5
    """Reward probability of the risky arm in the other half, in [0, 1]."""
    probability_right: Probability = 0.5
    """Probability per episode that the risky arm is on the right, in [0, 1]."""

    def __post_init__(self) -> None:
        """Validate the fields."""
        check_fields(self)
        trials = 2 * self.forced_pairs + self.free_trials
        check_range("2 * forced_pairs + free_trials", trials, EPISODE)


class RiskyChoice(ChoiceTask[RiskyChoiceParams]):
    """Forced trials show the rewards of a safe and a risky arm; free choices follow.

    Observation: one-hot [fixation, free choice, forced left, forced right].
    Actions: centre, left, right. Valid are centre at fixation, left or right at a free
        choice, and only the side shown at a forced one.
    Reward: `reward_safe` for the safe arm; `reward_risky` for the risky arm with the
        probability of the episode, else 0; -1 for an invalid response, and the trial
        goes on to its next step; no further reward after a missing choice.
    Episode end: terminates after the forced and the free trials; never truncates.
    info["trial"]: choice (0 left, 1 right), reward (total of the trial), valid,
        correct (the other arm has no greater expected reward), forced, risky (1 if the
        risky arm was chosen, missing if the choice is), won (1 if the risky arm was
        chosen and rewarded), probability_risky, risky_side (0 left, 1 right).
    Source: Wang et al. 2018, Nat Neurosci 21:860, Simulation 6, after Stopper et al.
        2014, Neuron 84:177.
    Declared: the paper specifies neither the signal of a forced trial nor the
        consequence of an invalid response; the rules above are ours. A pair of forced
        trials has one of each arm, in random order; the side of the risky arm and its
        probability are drawn for each episode.
    """

    params_type = RiskyChoiceParams
    screen_actions = (("centre",), ("left", "right"), ("left",), ("right",))
    state_names = (
        "trial",
        "phase",
        "probability",
        "risky_right",
        "right_first",
        "trial_forced",
        "fixated",
        "responded",
        "right",
        "won",
        "choice_reward",
    )
    noise_size = 2
    reward_range = (-1.0, LARGEST_REWARD)
    real_columns = ("reward", "probability_risky")
    option_names = ("probability_risky", "risky_side")
    observation_names = ("fixation", "free choice", "forced left", "forced right")

    def __init__(
        self,
        num_envs: int = 1,
        params: RiskyChoiceParams | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        """Prepare `num_envs` environments."""
        super().__init__(num_envs, params, device)
        self.right_first = self.trial_forced = self.won = self.never
        self.choice_reward = self.never.float()

    @property
    def forced_trials(self) -> int:
        """Number of forced trials at the start of an episode."""
        return 2 * self.params.forced_pairs

    @property
    def trial_count(self) -> int:
        """Trials per episode."""
        return self.forced_trials + self.params.free_trials

    @property
    def forced(self) -> bool:
        """Whether the current trial is forced."""
        return self.trial < self.forced_trials

    def start_episode(self, noise: Tensor, options: Mapping[str, float]) -> None:
        """Draw the side and the probability of the risky arm."""
        low, high = self.params.probability_low, self.params.probability_high
        self.probability = torch.where(noise[:, 0] < 0.5, high, low)
        self.risky_right = noise[:, 1] < self.params.probability_right
        if "probability_risky" in options:
            probability = options["probability_risky"]
            check_between("probability_risky", probability, 0, 1)
            self.probability = torch.full_like(self.probability, probability)
        if "risky_side" in options:
            check_choice("risky_side", options["risky_side"], (0, 1))
            side = bool(options["risky_side"])
            self.risky_right = torch.full_like(self.risky_right, side)

    def fixate(self, actions: Tensor, noise: Tensor) -> Tensor:
        """(B,) reward at fixation; draws the order of a new pair of forced trials."""
        if self.trial % 2 == 0:
            self.right_first = noise[:, 0] < 0.5
        return super().fixate(actions, noise)

    def choose(self, actions: Tensor, noise: Tensor) -> Tensor:
        """(B,) reward of the choice."""
        self.note_choice(actions)
        if self.forced:
            self.responded = self.responded & (self.right == self._forced_right())
        self.trial_forced = self.always if self.forced else self.never
        risky = self.responded & (self.right == self.risky_right)
        self.won = risky & (noise[:, 0] < self.probability)
        risky_reward = self.won * self.params.reward_risky
        safe_reward = (self.responded & ~risky) * self.params.reward_safe
        self.choice_reward = risky_reward + safe_reward
        return self.choice_reward - (~self.responded).float()

    def _forced_right(self) -> Tensor:
        """(B,) bool: whether this forced trial is of the right side."""
        return self.right_first if self.trial % 2 == 0 else ~self.right_first

    def screen(self) -> int | Tensor:
        """Fixation, a free choice, or the side of a forced one."""
        if self.phase == 0:
            return 0
        if not self.forced:
            return FREE_SCREEN
        return FORCED_SCREEN + self._forced_right().long()

    def trial_row(self) -> dict[str, Tensor]:
        """The trial that just ended."""
        risky = self.right == self.risky_right
        row = self.choice_row(
            self.right,
            reward=self.choice_reward,
            correct=self.responded & self._is_best(risky),
            forced=self.trial_forced,
        )
        return row | {
            "risky": self.if_responded(risky),
            "won": self.won.float(),
            "probability_risky": self.probability,
            "risky_side": self.risky_right.float(),
        }

    def _is_best(self, risky: Tensor) -> Tensor:
        """(B,) bool: whether the other arm has no greater expected reward."""
        advantage = self.probability * self.params.reward_risky
        advantage = advantage - self.params.reward_safe
        return torch.where(risky, advantage >= 0, advantage <= 0)

    def hidden(self) -> dict[str, Tensor]:
        """Reward probability and side (0 left, 1 right) of the risky arm."""
        return {"probability_risky": self.probability, "risky_side": self.risky_right}

    def scene(self, env_index: int = 0) -> list[Symbol]:
        """A cross; then both options, or the only one of a forced trial."""
        if self.phase == 0 or not self.forced:
            return super().scene(env_index)
        return [SQUARES[int(self._forced_right()[env_index])]]
