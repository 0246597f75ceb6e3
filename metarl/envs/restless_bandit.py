"""The restless bandit: how fast to learn, where chances drift slowly or quickly?"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

from metarl.core.checks import check_at_least, check_between, check_choice
from metarl.envs.task import SMALLEST_NOISE, LockstepTask, Step, Symbol


@dataclass(frozen=True, kw_only=True)
class RestlessBanditParams:
    """What the experimenter sets; the steps' sizes are ours, the rest Wang's 2016."""

    trial_count: int = 100
    """Trials per episode, at least 1."""
    deviation_low: float = 0.02
    """Standard deviation of a trial's drift in a quiet episode, in [0, 1]."""
    deviation_high: float = 0.2
    """The same in a volatile episode."""

    def __post_init__(self) -> None:
        """Refuse what is no count, and drifts beyond the range of a chance."""
        check_at_least("trial_count", self.trial_count, 1)
        check_between("deviation_low", self.deviation_low, 0, 1)
        check_between("deviation_high", self.deviation_high, 0, 1)


class RestlessBandit(LockstepTask[RestlessBanditParams]):
    """Two arms whose chances sum to 1 and drift, slowly or quickly, all episode long.

    Observation: the number of the trial, as a share of the episode.
    Actions: left, right; both are always valid.
    Reward: 1 with the chance of the arm chosen, else 0.
    Episode end: terminates after `trial_count` trials, of one step; never truncates.
    info["trial"]: choice (0 left, 1 right), reward, valid, correct (the arm that pays
        more often, either where both do alike), forced, volatility (low, high),
        probability_left (chance that left pays; right has the rest).
    Source: Wang et al. 2016, arXiv 1611.05763, section 3.1.4.
    Declared: the paper says that chances change slowly or quickly. Here left's chance
        is a Gaussian walk, reflected at 0 and 1, of one of two step sizes; it starts
        uniform, which is how a reflected walk is spread in the long run. Episodes are
        of either kind as often, and nothing says which. The trial's number is seen,
        as in the paper's other bandits.
    """

    params_type = RestlessBanditParams
    event_names = ("choice",)
    state_names = (
        "trial",
        "phase",
        "probability",
        "volatile",
        "trial_probability",
        "right",
        "rewarded",
    )
    noise_size = 2
    categories = MappingProxyType({"volatility": ("low", "high")})
    reward_range = (0.0, 1.0)
    real_columns = ("reward", "probability_left")
    option_names = ("probability_left", "volatility")

    def __init__(
        self,
        num_envs: int = 1,
        params: RestlessBanditParams | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        """Prepare `num_envs` subjects."""
        super().__init__(num_envs, params, device)
        self.right = self.rewarded = self.never
        self._prepare(torch.full((num_envs, self.noise_size), 0.5, device=device), {})

    @property
    def observation_names(self) -> tuple[str, ...]:
        """The time that has passed."""
        return ("trial",)

    @property
    def action_names(self) -> tuple[str, ...]:
        """The arms."""
        return ("left", "right")

    @property
    def trial_count(self) -> int:
        """Trials of an episode."""
        return self.params.trial_count

    def reset(
        self,
        noise: Tensor,
        *,
        options: Mapping[str, float] | None = None,
        where: Tensor | None = None,
    ) -> Tensor:
        """Start an episode, its hidden parameters drawn or fixed by the options.

        Options: probability_left, of the first trial, and volatility (0 low, 1 high).
        """
        chosen = self.check_options(options)
        self.start_all(where)
        self._prepare(noise, chosen)
        return self.observation()

    def _prepare(self, noise: Tensor, options: Mapping[str, float]) -> None:
        self.probability, self.volatile = noise[:, 0].clone(), noise[:, 1] < 0.5
        if "probability_left" in options:
            check_between("probability_left", options["probability_left"], 0, 1)
            self.probability[:] = options["probability_left"]
        if "volatility" in options:
            check_choice("volatility", options["volatility"], (0, 1))
            self.volatile = self.always if options["volatility"] else self.never
        self.trial_probability = self.probability

    def step(self, actions: Tensor, noise: Tensor) -> Step:
        """Choose an arm, be paid or not; then the chances drift."""
        self.right = actions > 0
        chance = torch.where(self.right, 1 - self.probability, self.probability)
        self.rewarded = noise[:, 0] < chance
        self.trial_probability = self.probability
        self.probability = self._drift(noise[:, 1])
        return self.advance(self.rewarded.float())

    def _drift(self, noise: Tensor) -> Tensor:
        """One step of the walk, reflected at 0 and 1 as often as it takes."""
        low, high = self.params.deviation_low, self.params.deviation_high
        deviation = torch.where(self.volatile, high, low)
        normal: Tensor = torch.special.ndtri(noise.clamp(min=SMALLEST_NOISE))
        moved = torch.remainder(self.probability + deviation * normal, 2.0)
        return torch.minimum(moved, 2 - moved)

    def observation(self) -> Tensor:
        """(B, 1): how much of the episode has passed."""
        share = self.trial / self.trial_count
        return torch.full((self.num_envs, 1), share, device=self.device)

    def trial_row(self) -> dict[str, Tensor]:
        """The trial that just ended."""
        left = self.trial_probability
        better = torch.where(self.right, left <= 0.5, left >= 0.5)
        return {
            "choice": self.right.float(),
            "reward": self.rewarded.float(),
            "valid": self.always.float(),
            "correct": better.float(),
            "forced": self.never.float(),
            "volatility": self.volatile.float(),
            "probability_left": left,
        }

    def hidden(self) -> dict[str, Tensor]:
        """Left's chance now, and whether it drifts quickly."""
        return {"probability_left": self.probability, "volatility": self.volatile}

    def scene(self, env_index: int = 0) -> list[Symbol]:
        """Two squares that never change."""
        return [
            Symbol("square", 0.25, "deepskyblue", "left"),
            Symbol("square", 0.75, "orange", "right"),
        ]
