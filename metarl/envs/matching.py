"""Two baited options: do choices match their income, and do units code for it?"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Annotated

import torch
from torch import Tensor

from metarl.core.checks import check_at_least, check_between
from metarl.core.fields import Probability, Range, check_fields
from metarl.envs.choice_task import ChoiceTask
from metarl.envs.task import TrialCount

BANDS_WHY = "each trial is compared with every band, and narrower ones mean nothing"


@dataclass(frozen=True, kw_only=True)
class MatchingParams:
    """Parameters of the matching task; defaults follow Wang et al. 2018."""

    trial_least: TrialCount = 50
    """Smallest number of trials of an episode, 1 to 10,000."""
    trial_most: TrialCount = 100
    """Largest number of trials of an episode, `trial_least` to 10,000."""
    probability_sum: Probability = 0.5
    """Sum of the base reward probabilities of left and right, in [0, 1]."""
    band_count: Annotated[int, Range(1, 100, why=BANDS_WHY)] = 5
    """Bands of equal width that divide the base probability of left, 1 to 100; every
    second one is held out of training."""
    held_out: bool = False
    """Whether base probabilities are drawn from all bands: the test."""

    def __post_init__(self) -> None:
        """Validate the fields."""
        check_fields(self)
        check_at_least("trial_most", self.trial_most, self.trial_least)

    @property
    def band_width(self) -> float:
        """Width of a band of the base probability of left."""
        return self.probability_sum / self.band_count

    @property
    def held_out_bands(self) -> tuple[tuple[float, float], ...]:
        """Bounds of the bands that are held out of training."""
        width = self.band_width
        bands = range(1, self.band_count, 2)
        return tuple((band * width, (band + 1) * width) for band in bands)


class Matching(ChoiceTask[MatchingParams]):
    """Two options, each baited with its own probability, stay baited until chosen.

    The reward probability of an option therefore grows with the number of trials since
    it was last chosen,

        probability = 1 - (1 - base) ** (n + 1),

    with n = 0 right after a choice of it and at the start of an episode. Environments
    share the step of the trial; each has its own number of trials.

    Observation: one-hot [fixation, choice].
    Actions: centre, left, right. Valid are centre at fixation, left or right at the
        choice.
    Reward: 0 or 1 for the choice; -1 for an invalid response, and the trial goes on to
        its next step; no further reward after a missing choice.
    Episode end: terminates after its number of trials, drawn for each episode uniformly
        from `trial_least` to `trial_most`; never truncates.
    info["trial"]: choice (0 left, 1 right), reward (total of the trial), valid,
        correct (the other option had no higher reward probability), forced, p0_left
        (base probability of left; that of right is the difference from 0.5),
        chance_left and chance_right (reward probabilities at the choice), held_out
        (p0_left is in (.1, .2) or (.3, .4), outside the range of training).
    Source: Wang et al. 2018, Nat Neurosci 21:860, Simulation 1, after Lau & Glimcher
        2005, J Exp Anal Behav 84:555, and Tsutsui et al. 2016, Nat Commun 7:12554.
    Declared: the paper specifies neither the steps of a trial (here two: the outcome is
        observed at the next fixation) nor the consequence of an invalid response. After
        a missing choice, n grows by one for both options. At the start of an episode
        both have n = 0.
    """

    params_type = MatchingParams
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
    trials_left: Tensor
    """(B,) int64: trials to go in the episode."""
    base: Tensor
    """(B, 2) base probabilities of left and right."""
    empty: Tensor
    """(B, 2) probability that left and right are not baited now."""

    def __init__(
        self,
        num_envs: int = 1,
        params: MatchingParams | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        """Prepare `num_envs` environments."""
        super().__init__(num_envs, params, device)
        self.held_out_bands = self.params.held_out_bands
        self.rewarded = self.never
        self.offered = self.base

    @property
    def observation_names(self) -> tuple[str, ...]:
        """Names of the one-hot entries."""
        return self.event_names

    @property
    def trial_count(self) -> int:
        """Largest number of trials of an episode."""
        return self.params.trial_most

    @property
    def episode_steps(self) -> int | None:
        """Steps per episode; None if episodes differ in their number of trials."""
        same = self.params.trial_least == self.params.trial_most
        return super().episode_steps if same else None

    def reset(
        self,
        noise: Tensor,
        *,
        options: Mapping[str, float] | None = None,
        where: Tensor | None = None,
    ) -> Tensor:
        """Start an episode; in only some environments right after a trial has ended."""
        checked = self.check_options(options)
        # Within a trial all environments start, or none can.
        if where is None or where is self.always or self.phase:
            self._start_whole(where)
            self.start_episode(noise, checked)
            return self.observation()
        before = self.trials_left, self.base, self.empty
        self.start_episode(noise, checked)
        started = self.trials_left, self.base, self.empty
        chosen = where, where.unsqueeze(1), where.unsqueeze(1)
        self.trials_left, self.base, self.empty = map(
            torch.where, chosen, started, before
        )
        return self.observation()

    def _start_whole(self, where: Tensor | None) -> None:
        """Return to the first step of a trial in all environments."""
        if not self.selects_all(where):
            raise ValueError(
                "where must select all environments within a trial, because they share "
                "its steps; reset some of them after the trial has ended"
            )
        self.start_all(None)

    def start_episode(self, noise: Tensor, options: Mapping[str, float]) -> None:
        """Draw the number of trials and the base probabilities."""
        p = self.params
        left = self._draw_base(noise[:, 1])
        if "p0_left" in options:
            check_between("p0_left", options["p0_left"], 0, p.probability_sum)
            left = torch.full_like(left, options["p0_left"])
        span = p.trial_most - p.trial_least + 1
        trials = p.trial_least + (noise[:, 0] * span).long()
        # Rounding could lift a number just below 1 to one trial too many.
        self.trials_left = trials.clamp(max=p.trial_most)
        self.base = torch.stack([left, p.probability_sum - left], dim=1)
        self.empty = 1 - self.base

    def _draw_base(self, noise: Tensor) -> Tensor:
        """(B,) base probability of left, uniform in the bands in use."""
        p = self.params
        if p.held_out:
            return p.probability_sum * noise
        # Between each two bands of training lies one that is held out.
        place = (p.band_count + 1) // 2 * noise
        band = place.floor()
        return p.band_width * (2 * band + (place - band))

    def is_held_out(self, p0_left: Tensor) -> Tensor:
        """(B,) bool: whether base probabilities lie strictly within held-out bands."""
        inside = [
            (p0_left > low) & (p0_left < high) for low, high in self.held_out_bands
        ]
        return reduce(or_, inside) if inside else self.never

    def choose(self, actions: Tensor, noise: Tensor) -> Tensor:
        """(B,) reward of the choice."""
        self.note_choice(actions)
        self.offered = 1 - self.empty
        self.rewarded = (noise[:, 0] < self._offered_on(self.right)) & self.responded
        sides = torch.stack([~self.right, self.right], dim=1)
        chosen = sides & self.responded.unsqueeze(1)
        # A product, not a power: its rounding is the same in every environment.
        self.empty = torch.where(chosen, 1.0, self.empty) * (1 - self.base)
        return self.rewarded.float() - (~self.responded).float()

    def end_trial(self) -> Tensor:
        """(B,) bool: the episode ends with this trial, after its own number."""
        self.trials_left = self.trials_left - 1
        return self.trials_left == 0

    def _offered_on(self, right: Tensor) -> Tensor:
        """(B,) reward probability at the choice of right where True, else of left."""
        return torch.where(right, self.offered[:, 1], self.offered[:, 0])

    def trial_row(self) -> dict[str, Tensor]:
        """The trial that just ended."""
        best = self._offered_on(self.right) >= self._offered_on(~self.right)
        p0_left, rewarded = self.base[:, 0], self.rewarded.float()
        correct = self.responded & best
        row = self.choice_row(
            self.right, reward=rewarded, correct=correct, forced=self.never
        )
        return row | {
            "p0_left": p0_left,
            "chance_left": self.offered[:, 0],
            "chance_right": self.offered[:, 1],
            "held_out": self.is_held_out(p0_left).float(),
        }

    def hidden(self) -> dict[str, Tensor]:
        """Base probability of left, and the present reward probability of each side."""
        probabilities = 1 - self.empty
        return {
            "p0_left": self.base[:, 0],
            "chance_left": probabilities[:, 0],
            "chance_right": probabilities[:, 1],
        }
