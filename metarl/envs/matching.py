"""Two baited arms: do choices match what they bring in, and which units code for it?"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from metarl.core.checks import check_at_least, check_between
from metarl.envs.task import Step, Symbol, Task

TOTAL_CHANCE = 0.5
"""Sum of the two arms' base chances."""
BAND = 0.1
"""Width of the bands of base chance; every second one is held out of training."""
PHASES = ("fixation", "choice")
"""Steps of a trial."""


@dataclass(frozen=True, kw_only=True)
class MatchingParams:
    """What the experimenter sets; defaults follow Wang et al. 2018."""

    trial_least: int = 50
    """Fewest trials of an episode, at least 1."""
    trial_most: int = 100
    """Most trials of an episode, at least `trial_least`."""
    held_out: bool = False
    """Whether base chances are also drawn where training never was: the test."""

    def __post_init__(self) -> None:
        """Refuse what is no count."""
        check_at_least("trial_least", self.trial_least, 1)
        check_at_least("trial_most", self.trial_most, self.trial_least)


class Matching(Task[MatchingParams]):
    """Two arms that are baited with a chance of their own and stay so until chosen.

    An arm's chance of reward therefore grows with the trials since it was last chosen,

        chance = 1 - (1 - base) ** (n + 1),

    with n = 0 right after a choice of it and at the start of an episode. Lanes share
    the step of the trial; each has its own number of trials.

    Observation: one-hot [fixation, choice].
    Actions: centre, left, right. Fixation takes centre, the choice left or right.
    Reward: 0 or 1 for the choice; -1 for an invalid response, and the trial goes on to
        its next step; a missing choice is paid nothing else.
    Episode end: terminates after its number of trials, uniform from `trial_least` to
        `trial_most` and drawn for each episode; never truncates.
    info["trial"]: choice (0 left, 1 right), reward (all that the trial paid), valid,
        correct (no arm had a higher chance), forced, p0_left (base chance of left; that
        of right is what is missing to 0.5), chance_left and chance_right (when
        choosing), held_out (p0_left lies in [.1, .2] or [.3, .4], where training never
        is).
    Source: Wang et al. 2018, Nat Neurosci 21:860, Simulation 1, after Lau & Glimcher
        2005, J Exp Anal Behav 84:555, and Tsutsui et al. 2016, Nat Commun 7:12554.
    Declared: the paper gives neither the steps of a trial (here two: the outcome is
        seen with the next fixation), nor what follows an invalid response. After a
        missing choice both arms have waited one trial more. At an episode's start both
        have n = 0.
    """

    params_type = MatchingParams
    event_names = PHASES
    state_names = (
        "phase",
        "trials_left",
        "base",
        "empty",
        "offered",
        "fixated",
        "responded",
        "right",
        "rewarded",
    )
    noise_size = 2
    option_names = ("p0_left",)
    real_columns = ("reward", "p0_left", "chance_left", "chance_right")

    def __init__(
        self,
        num_envs: int = 1,
        params: MatchingParams | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        """Prepare `num_envs` subjects."""
        super().__init__(num_envs, params, device)
        self.screens = torch.eye(len(PHASES), device=self.device)
        self.left = self.action_names.index("left")
        self.phase = 0
        self.fixated = self.responded = self.always
        self.right = self.rewarded = self.never
        noise = torch.full((num_envs, self.noise_size), 0.5, device=self.device)
        self.trials_left = self._draw_trials(noise[:, 0])
        self.base = self._draw_base(noise[:, 1])
        self.empty = 1 - self.base
        self.offered = self.base

    @property
    def observation_names(self) -> tuple[str, ...]:
        """Names of the one-hot entries."""
        return PHASES

    @property
    def action_names(self) -> tuple[str, ...]:
        """Names of the actions."""
        return ("centre", "left", "right")

    @property
    def episode_steps(self) -> int | None:
        """Steps of every episode, where all have the same number of trials."""
        least, most = self.params.trial_least, self.params.trial_most
        return len(PHASES) * most if least == most else None

    def reset(
        self,
        noise: Tensor,
        *,
        options: Mapping[str, float] | None = None,
        where: Tensor | None = None,
    ) -> Tensor:
        """Start an episode; in some of the lanes only when a trial has just ended."""
        chosen = self.check_options(options)
        trials, base = self._draw_trials(noise[:, 0]), self._draw_base(noise[:, 1])
        if "p0_left" in chosen:
            check_between("p0_left", chosen["p0_left"], 0, TOTAL_CHANCE)
            base = _both(torch.full_like(noise[:, 1], chosen["p0_left"]))
        where = self._startable(where)
        arms = where.unsqueeze(1)
        self.trials_left = torch.where(where, trials, self.trials_left)
        self.base = torch.where(arms, base, self.base)
        self.empty = torch.where(arms, 1 - base, self.empty)
        return self.observation()

    def _draw_trials(self, noise: Tensor) -> Tensor:
        """(B,) number of trials, every one of the range equally likely."""
        least, most = self.params.trial_least, self.params.trial_most
        drawn = least + (noise * (most - least + 1)).long()
        return drawn.clamp(max=most)

    def _draw_base(self, noise: Tensor) -> Tensor:
        """(B, 2) base chances of left and right; left's uniform where it may lie."""
        if self.params.held_out:
            return _both(TOTAL_CHANCE * noise)
        # Three bands may be drawn from; between each two lies one that is held out.
        place = 3 * noise
        band = place.floor()
        return _both(BAND * (2 * band + (place - band)))

    def _startable(self, where: Tensor | None) -> Tensor:
        """(B,) bool: the lanes to start; all of them go back to the first step."""
        if where is None:
            self.phase = 0
            return self.always
        if self.phase and not bool(where.all()):
            raise ValueError(
                "where must choose all lanes within a trial, whose steps they share; "
                "reset some of them when a trial has ended"
            )
        self.phase = 0
        return where

    def step(self, actions: Tensor, noise: Tensor) -> Step:
        """Fixate, then choose and be paid."""
        ended = self.phase == PHASES.index("choice")
        reward = (self._choose if ended else self._fixate)(actions, noise)
        self.phase = (self.phase + 1) % len(PHASES)
        over = self.trials_left == 0 if ended else self.never
        return Step(
            self.observation(), reward, over, self.always if ended else self.never
        )

    def _fixate(self, actions: Tensor, _noise: Tensor) -> Tensor:
        self.fixated = actions < self.left
        return self.fixated.float() - 1

    def _choose(self, actions: Tensor, noise: Tensor) -> Tensor:
        self.responded = actions >= self.left
        self.right = actions > self.left
        self.offered = 1 - self.empty
        self.rewarded = (noise[:, 0] < self._chance_of(self.right)) & self.responded
        arms = torch.stack([~self.right, self.right], dim=1)
        chosen = arms & self.responded.unsqueeze(1)
        # A product, not a power: its rounding is the same in every lane.
        self.empty = torch.where(chosen, 1.0, self.empty) * (1 - self.base)
        self.trials_left = self.trials_left - 1
        return self.rewarded.float() - (~self.responded).float()

    def _chance_of(self, right: Tensor) -> Tensor:
        """(B,) chance that one arm of each lane pays, when choosing."""
        return torch.where(right, self.offered[:, 1], self.offered[:, 0])

    def event(self) -> Tensor:
        """(B,) int64: the step of the trial that every lane is in."""
        return torch.full((self.num_envs,), self.phase, device=self.device)

    def observation(self) -> Tensor:
        """(B, 2): fixation or choice."""
        return self.screens[self.phase].expand(self.num_envs, -1)

    def trial_row(self) -> dict[str, Tensor]:
        """The trial that just ended."""
        invalid = (~self.fixated).float() + (~self.responded).float()
        best = self._chance_of(self.right) >= self._chance_of(~self.right)
        p0_left = self.base[:, 0]
        return {
            "choice": torch.where(self.responded, self.right.float(), torch.nan),
            "reward": self.rewarded.float() - invalid,
            "valid": (invalid == 0).float(),
            "correct": (self.responded & best).float(),
            "forced": self.never.float(),
            "p0_left": p0_left,
            "chance_left": self.offered[:, 0],
            "chance_right": self.offered[:, 1],
            "held_out": is_held_out(p0_left).float(),
        }

    def hidden(self) -> dict[str, Tensor]:
        """Left's base chance, and with which chance each arm would pay now."""
        chances = 1 - self.empty
        return {
            "p0_left": self.base[:, 0],
            "chance_left": chances[:, 0],
            "chance_right": chances[:, 1],
        }

    def scene(self, env_index: int = 0) -> list[Symbol]:
        """A cross, then two squares."""
        if self.phase == PHASES.index("fixation"):
            return [Symbol("cross", 0.5, "white")]
        return [Symbol("square", 0.25, "white"), Symbol("square", 0.75, "white")]


def is_held_out(p0_left: Tensor) -> Tensor:
    """(B,) bool: whether a base chance lies strictly within a held-out band."""
    inside = [
        (p0_left > band * BAND) & (p0_left < (band + 1) * BAND) for band in (1, 3)
    ]
    return inside[0] | inside[1]


def _both(p0_left: Tensor) -> Tensor:
    """(B, 2) base chances of left and right."""
    return torch.stack([p0_left, TOTAL_CHANCE - p0_left], dim=1)
