"""Risky choice: a small certain reward, or a large one with a chance to be learned."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from metarl.core.checks import check_at_least, check_between, check_choice
from metarl.envs.task import LockstepTask, Step, Symbol

LARGEST = 4.0
"""Most that an arm can pay, in reward units."""
LEFT, RIGHT = 1, 2
"""Codes of the actions that choose an arm; centre is before them."""


@dataclass(frozen=True, kw_only=True)
class RiskyChoiceParams:
    """What the experimenter sets; defaults follow Wang et al. 2018."""

    forced_pairs: int = 5
    """Pairs of forced trials, one of each arm, that open an episode; at least 0."""
    free_trials: int = 20
    """Trials of free choice that follow, at least 1."""
    reward_safe: float = 1.0
    """What the safe arm always pays, in reward units, in [0, LARGEST]."""
    reward_risky: float = 4.0
    """What the risky arm pays when it pays, in reward units, in [0, LARGEST]."""
    probability_low: float = 0.125
    """Chance that the risky arm pays, in half of the episodes, in [0, 1]."""
    probability_high: float = 0.5
    """The same in the other half."""
    probability_right: float = 0.5
    """Chance per episode that the risky arm is on the right, in [0, 1]."""

    def __post_init__(self) -> None:
        """Refuse what is no probability, no count or no payment."""
        check_at_least("forced_pairs", self.forced_pairs, 0)
        check_at_least("free_trials", self.free_trials, 1)
        for field in ("reward_safe", "reward_risky"):
            check_between(field, getattr(self, field), 0, LARGEST)
        for name in ("low", "high", "right"):
            field = f"probability_{name}"
            check_between(field, getattr(self, field), 0, 1)


class RiskyChoice(LockstepTask[RiskyChoiceParams]):
    """Forced pulls show what a safe and a risky arm pay; free choices follow.

    Observation: one-hot [fixation, free choice, forced left, forced right].
    Actions: centre, left, right. Fixation takes centre, a free choice left or right, a
        forced one only the side that is shown.
    Reward: the safe arm pays `reward_safe`; the risky arm pays `reward_risky` with the
        episode's chance, else 0; -1 for an invalid response, and the trial goes on to
        its next step; after a missing choice nothing else is paid.
    Episode end: terminates after the forced and the free trials; never truncates.
    info["trial"]: choice (0 left, 1 right), reward (all that the trial paid), valid,
        correct (no arm has a greater expected value than the one chosen), forced, risky
        (1 if the risky arm was chosen, missing with the choice), won (1 if the risky
        arm was chosen and paid), probability_risky, risky_side (0 left, 1 right).
    Source: Wang et al. 2018, Nat Neurosci 21:860, Simulation 6, after Stopper et al.
        2014, Neuron 84:177.
    Declared: the paper does not say how a forced pull is signalled, nor what follows an
        invalid response; the rules above are ours. A pair of forced pulls is one of
        each arm, which first by chance; arm and chance are drawn for each episode.
    """

    params_type = RiskyChoiceParams
    event_names = ("fixation", "choice")
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
        "paid",
    )
    noise_size = 2
    reward_range = (-1.0, LARGEST)
    real_columns = ("reward", "probability_risky")
    option_names = ("probability_risky", "risky_side")
    observation_names = ("fixation", "free choice", "forced left", "forced right")
    action_names = ("centre", "left", "right")

    def __init__(
        self,
        num_envs: int = 1,
        params: RiskyChoiceParams | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        """Prepare `num_envs` subjects."""
        super().__init__(num_envs, params, device)
        self.screens = torch.eye(len(self.observation_names), device=device)
        self.fixated = self.responded = self.always
        self.right_first = self.trial_forced = self.right = self.won = self.never
        self.paid = self.never.float()
        self._prepare(torch.full((num_envs, self.noise_size), 0.5, device=device), {})

    @property
    def forced_trials(self) -> int:
        """Trials at an episode's start whose side is given."""
        return 2 * self.params.forced_pairs

    @property
    def trial_count(self) -> int:
        """Trials of an episode."""
        return self.forced_trials + self.params.free_trials

    @property
    def forced(self) -> bool:
        """Whether the current trial's side is given."""
        return self.trial < self.forced_trials

    def reset(
        self,
        noise: Tensor,
        *,
        options: Mapping[str, float] | None = None,
        where: Tensor | None = None,
    ) -> Tensor:
        """Start an episode, its risky arm drawn or fixed by the options."""
        chosen = self.check_options(options)
        self.start_all(where)
        self._prepare(noise, chosen)
        return self.observation()

    def _prepare(self, noise: Tensor, options: Mapping[str, float]) -> None:
        """Set where the risky arm is and how often it pays."""
        low, high = self.params.probability_low, self.params.probability_high
        self.probability = torch.where(noise[:, 0] < 0.5, high, low)
        self.risky_right = noise[:, 1] < self.params.probability_right
        if "probability_risky" in options:
            chance = options["probability_risky"]
            check_between("probability_risky", chance, 0, 1)
            self.probability = torch.full_like(self.probability, chance)
        if "risky_side" in options:
            check_choice("risky_side", options["risky_side"], (0, 1))
            side = bool(options["risky_side"])
            self.risky_right = torch.full_like(self.risky_right, side)

    def step(self, actions: Tensor, noise: Tensor) -> Step:
        """Fixate, then choose and be paid."""
        respond = (self._fixate, self._choose)[self.phase]
        return self.advance(respond(actions, noise))

    def _fixate(self, actions: Tensor, noise: Tensor) -> Tensor:
        if self.trial % 2 == 0:
            self.right_first = noise[:, 0] < 0.5
        self.fixated = actions < LEFT
        return self.fixated.float().sub_(1)

    def _choose(self, actions: Tensor, noise: Tensor) -> Tensor:
        self.right = actions == RIGHT
        self.responded = actions >= LEFT
        if self.forced:
            self.responded = self.responded & (self.right == self._forced_right())
        self.trial_forced = self.always if self.forced else self.never
        risky = self.responded & (self.right == self.risky_right)
        self.won = risky & (noise[:, 0] < self.probability)
        self.paid = self.won * self.params.reward_risky
        self.paid = self.paid + (self.responded & ~risky) * self.params.reward_safe
        return self.paid - (~self.responded).float()

    def _forced_right(self) -> Tensor:
        """(B,) bool: whether this forced trial's side is the right one."""
        return self.right_first if self.trial % 2 == 0 else ~self.right_first

    def observation(self) -> Tensor:
        """(B, O): fixation, a free choice, or the side that is to be pulled."""
        if self.phase == 0:
            return self.screens[0].expand(self.num_envs, -1)
        if not self.forced:
            return self.screens[1].expand(self.num_envs, -1)
        return self.screens.index_select(0, 2 + self._forced_right().long())

    def trial_row(self) -> dict[str, Tensor]:
        """The trial that just ended."""
        invalid = (~self.fixated).float() + (~self.responded).float()
        risky = self.right == self.risky_right
        return {
            "choice": self._if_responded(self.right),
            "reward": self.paid - invalid,
            "valid": (invalid == 0).float(),
            "correct": (self.responded & self._is_best(risky)).float(),
            "forced": self.trial_forced.float(),
            "risky": self._if_responded(risky),
            "won": self.won.float(),
            "probability_risky": self.probability,
            "risky_side": self.risky_right.float(),
        }

    def _is_best(self, risky: Tensor) -> Tensor:
        """(B,) bool: whether no arm is worth more than the one chosen."""
        advantage = self.probability * self.params.reward_risky
        advantage = advantage - self.params.reward_safe
        return torch.where(risky, advantage >= 0, advantage <= 0)

    def _if_responded(self, values: Tensor) -> Tensor:
        """The values as numbers, NaN where the choice is missing."""
        return torch.where(self.responded, values.float(), torch.nan)

    def hidden(self) -> dict[str, Tensor]:
        """How often the risky arm pays, and its side."""
        return {"probability_risky": self.probability, "risky_side": self.risky_right}

    def scene(self, env_index: int = 0) -> list[Symbol]:
        """A cross; then both levers, or the one that is to be pulled."""
        if self.phase == 0:
            return [Symbol("cross", 0.5, "white")]
        left, right = (Symbol("square", x, "white") for x in (0.25, 0.75))
        if not self.forced:
            return [left, right]
        return [right if bool(self._forced_right()[env_index]) else left]
