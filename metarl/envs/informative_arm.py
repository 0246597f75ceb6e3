"""The informative arm: take a reward now, or first learn which arm is the best?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from metarl.core.checks import check_at_least, check_choice
from metarl.core.fields import Range, check_fields
from metarl.envs.task import LockstepTask, Step, Symbol, TrialCount

ARMS_WHY = "every arm is an output of the network"
REWARD_WHY = "larger rewards let the errors of a network overflow; use a larger unit"


@dataclass(frozen=True, kw_only=True)
class InformativeArmParams:
    """Parameters of the informative-arm task; defaults follow Wang et al. 2016."""

    trial_count: TrialCount = 5
    """Trials per episode, 1 to 10,000."""
    arm_count: Annotated[int, Range(3, 10_000, why=ARMS_WHY)] = 11
    """Number of arms, 3 to 10,000; the last one is informative."""
    reward_target: Annotated[float, Range(1e-6, 1_000, why=REWARD_WHY)] = 5.0
    """Reward of the target arm, in reward units, more than `reward_other`, at most
    1,000."""
    reward_other: Annotated[float, Range(1e-6, 1_000, why=REWARD_WHY)] = 1.0
    """Reward of the other ordinary arms, in reward units, more than 0."""

    def __post_init__(self) -> None:
        """Validate the fields."""
        check_fields(self)
        # The rewards differ, because the target is recognised from its reward.
        check_at_least("reward_target", self.reward_target, self.reward_other + 1e-6)


class InformativeArm(LockstepTask[InformativeArmParams]):
    """One ordinary arm has the best reward; the last arm has little, but reveals it.

    Observation: one-hot code of the last reward: .1, .2, ... 1, 5 (11 entries, with 11
        arms); all zeros on the first trial of an episode.
    Actions: arm 1, arm 2, ... arm 11; all are always valid.
    Reward: 5 for the target, 1 for any other ordinary arm; for the informative arm,
        which is the last one, the number of the target / 10: .1 for arm 1, 1 for arm
        10.
    Episode end: terminates after `trial_count` trials, of one step; never truncates.
    info["trial"]: choice (0 arm 1, 1 arm 2, ...), reward, valid, correct (the target
        was chosen), forced, target (coded as choices are).
    Source: Wang et al. 2016, arXiv 1611.05763, section 3.1.3.
    Declared: the reward is one-hot in the paper; so it is in this observation, in
        addition to the plain number among the inputs of every metarl agent. A reward of
        1 has one entry, whichever arm it comes from: the last action distinguishes
        them. The target is uniform among the ordinary arms.
    """

    params_type = InformativeArmParams
    event_names = ("choice",)
    state_names = ("trial", "phase", "target", "choice", "reward", "screen")
    option_names = ("target",)

    def __init__(
        self,
        num_envs: int = 1,
        params: InformativeArmParams | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        """Prepare `num_envs` environments."""
        super().__init__(num_envs, params, device)
        self.ordinary = self.params.arm_count - 1
        self.clue_divisor = self.ordinary / self.params.reward_other
        """Number of the target divided by the reward of the informative arm."""
        # Screens: each possible reward and, last, none.
        size = len(self.observation_names)
        screens = torch.cat([torch.eye(size), torch.zeros(1, size)])
        self.screens = screens.to(self.device)
        self.choice = torch.zeros(num_envs, dtype=torch.int64, device=self.device)
        self.reward = torch.zeros(num_envs, device=self.device)
        noise = torch.full((num_envs, self.noise_size), 0.5, device=device)
        self._start_episode(noise, {})

    @property
    def reward_range(self) -> tuple[float, float]:  # type: ignore[override]
        """Smallest and largest possible reward of one step."""
        return 0.0, self.params.reward_target

    @property
    def observation_names(self) -> tuple[str, ...]:
        """Possible rewards, in ascending order.

        The largest reward of the informative arm equals that of an ordinary arm.
        """
        clues = [number / self.clue_divisor for number in range(1, self.ordinary + 1)]
        return tuple(
            f"paid {reward:g}" for reward in (*clues, self.params.reward_target)
        )

    @property
    def action_names(self) -> tuple[str, ...]:
        """Names of the arms; the last one is informative."""
        return tuple(f"arm {number + 1}" for number in range(self.params.arm_count))

    @property
    def trial_count(self) -> int:
        """Trials per episode."""
        return self.params.trial_count

    def reset(
        self,
        noise: Tensor,
        *,
        options: Mapping[str, float] | None = None,
        where: Tensor | None = None,
    ) -> Tensor:
        """Start an episode; the option replaces the target drawn."""
        checked = self.check_options(options)
        self.start_all(where)
        self._start_episode(noise, checked)
        return self.observation()

    def _start_episode(self, noise: Tensor, options: Mapping[str, float]) -> None:
        target = (noise[:, 0] * self.ordinary).long()
        # Rounding could lift a number just below 1 to one arm too many.
        self.target = target.clamp(max=self.ordinary - 1)
        if "target" in options:
            check_choice("target", options["target"], range(self.ordinary))
            self.target = torch.full_like(self.target, int(options["target"]))
        self.screen = torch.full_like(self.target, len(self.screens) - 1)

    def step(self, actions: Tensor, noise: Tensor) -> Step:
        """Choose an arm and receive its reward, which is certain."""
        self.choice = actions.clone()
        informative, hit = actions == self.ordinary, actions == self.target
        clue = (self.target + 1) / self.clue_divisor
        reward = torch.where(hit, self.params.reward_target, self.params.reward_other)
        self.reward = torch.where(informative, clue, reward)
        screen = torch.where(hit, self.ordinary, self.ordinary - 1)
        self.screen = torch.where(informative, self.target, screen)
        return self.advance(self.reward)

    def observation(self) -> Tensor:
        """(B, O): one-hot code of the last reward."""
        return self.screens.index_select(0, self.screen)

    def trial_row(self) -> dict[str, Tensor]:
        """The trial that just ended."""
        return {
            "choice": self.choice.float(),
            "reward": self.reward,
            "valid": self.always.float(),
            "correct": (self.choice == self.target).float(),
            "forced": self.never.float(),
            "target": self.target.float(),
        }

    def hidden(self) -> dict[str, Tensor]:
        """The target arm."""
        return {"target": self.target}

    def scene(self, env_index: int = 0) -> list[Symbol]:
        """The ordinary arms on the left, the informative one on the right."""
        return [
            Symbol("square", 0.3, "deepskyblue", f"1-{self.ordinary}"),
            Symbol("disc", 0.75, "gold", str(self.ordinary + 1)),
        ]
