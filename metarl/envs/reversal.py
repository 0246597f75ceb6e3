"""The reversal task: how soon is a choice that turned bad given up, and found again?"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

import torch
from torch import Tensor

from metarl.core.checks import check_at_least, check_choice
from metarl.envs.task import LockstepTask, Step, Symbol

Schedule = Literal["mixed", "80/20", "70/30"]
"""Which schedules occur; "mixed" draws one of the two for each episode."""
PERCENTS: Mapping[str, int] = MappingProxyType({"80/20": 80, "70/30": 70})
"""Schedule -> chance of reward of the better option; the other has what is missing to
100 percent."""


@dataclass(frozen=True, kw_only=True)
class ReversalParams:
    """What the experimenter sets; defaults follow Costa et al. 2016."""

    trial_count: int = 80
    """Trials per episode, at least 1."""
    schedule: Schedule = "mixed"
    """Chances of reward, in percent, of the better and the worse option."""
    reversal_least: int = 31
    """Fewest trials before the reversal, at least 1."""
    reversal_most: int = 50
    """Most trials before the reversal, at least `reversal_least`."""
    fixation: bool = True
    """Whether a trial starts with a fixation step that needs the centre response."""

    def __post_init__(self) -> None:
        """Refuse what is no count and no schedule."""
        check_at_least("trial_count", self.trial_count, 1)
        check_choice("schedule", self.schedule, get_args(Schedule))
        check_at_least("reversal_least", self.reversal_least, 1)
        check_at_least("reversal_most", self.reversal_most, self.reversal_least)

    @property
    def percents(self) -> tuple[int, ...]:
        """Chances of reward, in percent, that the better option may have."""
        if self.schedule == "mixed":
            return tuple(PERCENTS.values())
        return (PERCENTS[self.schedule],)


class Reversal(LockstepTask[ReversalParams]):
    """Of two options one pays more often; once in an episode they swap, untold.

    Observation: one-hot [fixation, choice]; without the fixation step, choice alone.
    Actions: centre, left, right (left, right without the fixation step). Fixation takes
        centre, the choice left or right.
    Reward: 0 or 1 for the choice, by the schedule's chance; -1 for an invalid response,
        and the trial goes on to its next step; a missing choice is paid nothing else.
    Episode end: terminates after `trial_count` trials; never truncates. One that is not
        longer than the trials before the reversal has none.
    info["trial"]: choice (0 left, 1 right), reward (all that the trial paid), valid,
        correct (the choice of the better option), forced, better (which option paid
        more often on this trial: 0 left, 1 right), schedule (its chance of reward in
        percent: 80 or 70), reversal_trial (the trials before the reversal: the number,
        from 0, of the first trial on which the other option is better).
    Source: Costa et al. 2016, Neuron 92:505; trials released with Trepka et al. 2021,
        Nat Commun.
    Declared: the reversal comes after 31 to 50 trials, all equally likely, as it did in
        the monkeys' released trials (the paper: between trials 30 and 50). Which option
        is better at first, and the schedule, are drawn with equal chances. The price
        of an invalid response is ours.
    Departs: the monkeys chose one of two pictures, new in each block, whose sides
        changed at random; here the options are the two sides. A 60/40 schedule is left
        out, as none of its trials were released.
    """

    params_type = ReversalParams
    event_names = ("fixation", "choice")
    state_names = (
        "trial",
        "phase",
        "first_better",
        "percent",
        "reversal_trial",
        "fixated",
        "responded",
        "right",
        "trial_better",
        "rewarded",
    )
    noise_size = 3
    option_names = ("better", "schedule", "reversal_trial")

    def __init__(
        self,
        num_envs: int = 1,
        params: ReversalParams | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        """Prepare `num_envs` subjects."""
        super().__init__(num_envs, params, device)
        screens = torch.eye(len(self.event_names), device=self.device)
        self.screens = screens[:, self.phase_events[0] :]
        self.left = self.action_names.index("left")
        self.fixated = self.responded = self.always
        self.right = self.trial_better = self.rewarded = self.never
        self._draw(torch.full((num_envs, self.noise_size), 0.5, device=self.device))

    @property
    def observation_names(self) -> tuple[str, ...]:
        """Names of the one-hot entries."""
        return self.event_names[self.phase_events[0] :]

    @property
    def action_names(self) -> tuple[str, ...]:
        """Centre exists only where there is a fixation step."""
        names = ("centre", "left", "right")
        return names if self.params.fixation else names[1:]

    @property
    def trial_count(self) -> int:
        """Trials of an episode."""
        return self.params.trial_count

    @property
    def phase_events(self) -> tuple[int, ...]:
        """A trial without the fixation step is the choice alone."""
        return (0, 1) if self.params.fixation else (1,)

    def reset(
        self,
        noise: Tensor,
        *,
        options: Mapping[str, float] | None = None,
        where: Tensor | None = None,
    ) -> Tensor:
        """Start an episode, its hidden parameters drawn or fixed by the options."""
        chosen = self.check_options(options)
        self.start_all(where)
        self._draw(noise)
        self._fix(chosen)
        return self.observation()

    def _draw(self, noise: Tensor) -> None:
        """Draw which option is better first, the schedule, and the reversal."""
        self.first_better = noise[:, 0] < 0.5
        percents = self.params.percents
        self.percent = torch.where(noise[:, 1] < 0.5, percents[0], percents[-1])
        least, most = self.params.reversal_least, self.params.reversal_most
        drawn = least + (noise[:, 2] * (most - least + 1)).long()
        self.reversal_trial = drawn.clamp(max=most)

    def _fix(self, options: Mapping[str, float]) -> None:
        """Put the options in the place of what was drawn."""
        if "better" in options:
            check_choice("better", options["better"], (0, 1))
            self.first_better = torch.full_like(self.never, bool(options["better"]))
        if "schedule" in options:
            check_choice("schedule", options["schedule"], PERCENTS.values())
            self.percent = torch.full_like(self.percent, int(options["schedule"]))
        if "reversal_trial" in options:
            count = options["reversal_trial"]
            check_at_least("reversal_trial", count, 1)
            if count != int(count):
                raise ValueError(
                    f"reversal_trial must be a whole number, got {count!r}"
                )
            self.reversal_trial = torch.full_like(self.reversal_trial, int(count))

    def step(self, actions: Tensor, noise: Tensor) -> Step:
        """Fixate, then choose and be paid."""
        event = self.phase_events[self.phase]
        respond = (self._fixate, self._choose)[event]
        return self.advance(respond(actions, noise))

    def _fixate(self, actions: Tensor, _noise: Tensor) -> Tensor:
        self.fixated = actions < self.left
        return self.fixated.float() - 1

    def _choose(self, actions: Tensor, noise: Tensor) -> Tensor:
        self.responded = actions >= self.left
        self.right = actions > self.left
        self.trial_better = self.better()
        chance = self.percent / 100
        chance = torch.where(self.right == self.trial_better, chance, 1 - chance)
        self.rewarded = (noise[:, 0] < chance) & self.responded
        return self.rewarded.float() - (~self.responded).float()

    def better(self) -> Tensor:
        """(B,) bool: whether right now pays more often than left."""
        return self.first_better ^ (self.reversal_trial <= self.trial)

    def observation(self) -> Tensor:
        """(B, O): fixation or choice."""
        event = self.phase_events[self.phase]
        return self.screens[event].expand(self.num_envs, -1)

    def trial_row(self) -> dict[str, Tensor]:
        """The trial that just ended."""
        invalid = (~self.fixated).float() + (~self.responded).float()
        correct = self.responded & (self.right == self.trial_better)
        return {
            "choice": torch.where(self.responded, self.right.float(), torch.nan),
            "reward": self.rewarded.float() - invalid,
            "valid": (invalid == 0).float(),
            "correct": correct.float(),
            "forced": self.never.float(),
            "better": self.trial_better.float(),
            "schedule": self.percent.float(),
            "reversal_trial": self.reversal_trial.float(),
        }

    def hidden(self) -> dict[str, Tensor]:
        """The option that is better now, the schedule, and when the reversal comes."""
        return {
            "better": self.better(),
            "schedule": self.percent,
            "reversal_trial": self.reversal_trial,
        }

    def scene(self, env_index: int = 0) -> list[Symbol]:
        """A cross, then two squares."""
        if self.event_names[self.phase_events[self.phase]] == "fixation":
            return [Symbol("cross", 0.5, "white")]
        return [Symbol("square", 0.25, "white"), Symbol("square", 0.75, "white")]
