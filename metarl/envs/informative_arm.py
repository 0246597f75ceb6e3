"""The informative arm: paying at once, or learning first where the good arm is?"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from metarl.core.checks import check_at_least, check_choice
from metarl.envs.task import LockstepTask, Step, Symbol

TARGET_REWARD = 5.0
"""What the target arm pays."""
OTHER_REWARD = 1.0
"""What an ordinary arm pays that is not the target."""


@dataclass(frozen=True, kw_only=True)
class InformativeArmParams:
    """What the experimenter sets; defaults follow Wang et al. 2016."""

    trial_count: int = 5
    """Trials per episode, at least 1."""
    arm_count: int = 11
    """Arms, at least 3; the last one is informative."""

    def __post_init__(self) -> None:
        """Refuse what is no count."""
        check_at_least("trial_count", self.trial_count, 1)
        check_at_least("arm_count", self.arm_count, 3)


class InformativeArm(LockstepTask[InformativeArmParams]):
    """One ordinary arm pays best; the last arm pays little and tells which one.

    Observation: one-hot of what the last trial paid: .1, .2, ... 1, 5 (11 entries, with
        11 arms); all zeros on an episode's first trial.
    Actions: arm 1, arm 2, ... arm 11; all are always valid.
    Reward: 5 for the target, 1 for any other ordinary arm; the informative arm, which
        is the last one, pays the target's number / 10: .1 for arm 1, 1 for arm 10.
    Episode end: terminates after `trial_count` trials, of one step; never truncates.
    info["trial"]: choice (0 arm 1, 1 arm 2, ...), reward, valid, correct (the target
        was chosen), forced, target (coded as choices are).
    Source: Wang et al. 2016, arXiv 1611.05763, section 3.1.3.
    Declared: the paper gives the reward as one-hot; so does this observation, beside
        the plain number that every metarl agent gets with its last action. A reward
        of 1 has one entry, whichever arm paid it: the last action tells them apart.
        The target is uniform among the ordinary arms.
    """

    params_type = InformativeArmParams
    event_names = ("choice",)
    state_names = ("trial", "phase", "target", "choice", "reward", "screen")
    reward_range = (0.0, TARGET_REWARD)
    option_names = ("target",)

    def __init__(
        self,
        num_envs: int = 1,
        params: InformativeArmParams | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        """Prepare `num_envs` subjects."""
        super().__init__(num_envs, params, device)
        self.ordinary = self.params.arm_count - 1
        # Screens: each reward there is and, last, nothing at all.
        shown = len(self.observation_names)
        screens = torch.cat([torch.eye(shown), torch.zeros(1, shown)])
        self.screens = screens.to(self.device)
        self.choice = torch.zeros(num_envs, dtype=torch.int64, device=self.device)
        self.reward = torch.zeros(num_envs, device=self.device)
        self._prepare(torch.full((num_envs, self.noise_size), 0.5, device=device), {})

    @property
    def observation_names(self) -> tuple[str, ...]:
        """What a trial can pay, least first; an ordinary arm's 1 is the greatest clue.

        The informative arm's last reward and an ordinary arm's are the same number.
        """
        clues = [number / self.ordinary for number in range(1, self.ordinary + 1)]
        return tuple(f"paid {reward:g}" for reward in (*clues, TARGET_REWARD))

    @property
    def action_names(self) -> tuple[str, ...]:
        """The arms by number; the last one is informative."""
        return tuple(f"arm {number + 1}" for number in range(self.params.arm_count))

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
        """Start an episode, its target drawn or fixed by the option of that name."""
        chosen = self.check_options(options)
        self.start_all(where)
        self._prepare(noise, chosen)
        return self.observation()

    def _prepare(self, noise: Tensor, options: Mapping[str, float]) -> None:
        drawn = (noise[:, 0] * self.ordinary).long()
        # Rounding could lift a number just below 1 to one arm too many.
        self.target = drawn.clamp(max=self.ordinary - 1)
        if "target" in options:
            check_choice("target", options["target"], range(self.ordinary))
            self.target = torch.full_like(self.target, int(options["target"]))
        self.screen = torch.full_like(self.target, len(self.screens) - 1)

    def step(self, actions: Tensor, noise: Tensor) -> Step:
        """Choose an arm and be paid; nothing is left to chance."""
        self.choice = actions.clone()
        informative, hit = actions == self.ordinary, actions == self.target
        clue = (self.target + 1) / self.ordinary
        paid = torch.where(hit, TARGET_REWARD, OTHER_REWARD)
        self.reward = torch.where(informative, clue, paid)
        paid_screen = torch.where(hit, self.ordinary, self.ordinary - 1)
        self.screen = torch.where(informative, self.target, paid_screen)
        return self.advance(self.reward)

    def observation(self) -> Tensor:
        """(B, O): what the last trial paid."""
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
        """Which arm is the target."""
        return {"target": self.target}

    def scene(self, env_index: int = 0) -> list[Symbol]:
        """The ordinary arms to the left, the informative one to the right."""
        return [
            Symbol("square", 0.3, "deepskyblue", f"1-{self.ordinary}"),
            Symbol("disc", 0.75, "gold", str(self.ordinary + 1)),
        ]
