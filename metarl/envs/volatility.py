"""The volatility task: how fast to learn, where the world changes often or seldom."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

from metarl.core.checks import check_at_least, check_choice
from metarl.envs.task import LockstepTask, Step, Symbol

SCHEDULES = ("training", "constant", "blocks")
"""How chances change: the paper's generator, its control, the paper's test."""
ORDERS = ("low-first", "high-first")
"""Which half of a test episode is volatile: the second, the first."""
CHANCES: Mapping[str, tuple[float, float, float, float]] = MappingProxyType(
    {
        "training": (0.25, 0.75, 0.0, 1.0),
        "constant": (0.25, 0.75, 0.25, 0.75),
        "blocks": (0.25, 0.75, 0.2, 0.8),
    }
)
"""Chance that left wins: stable, with right or left the better arm; then volatile."""
PROBABILITY_SWAP = 0.2
"""Chance per trial that the arms swap chances while volatile; none while stable."""
PROBABILITY_SWAP_CONSTANT = 0.05
"""The same throughout the constant schedule."""
LOG_CHANGE = (-4.5, -3.5)
"""Bounds of the natural logarithm of the chance per trial that volatility changes."""
BLOCKS = 2
"""Equal parts of a test episode, one stable and one volatile."""
SPELLS = 8
"""Equal parts of a test episode; while volatile, the arms swap between them."""
UNIFORMS = 7
"""Uniform numbers whose median is one magnitude: it is distributed as Beta(4, 4)."""


@dataclass(frozen=True, kw_only=True)
class VolatilityParams:
    """What the experimenter sets; defaults follow Wang et al. 2018."""

    trial_count: int = 200
    """Trials per episode, at least 1."""
    schedule: str = "training"
    """How the chances change: training, constant or blocks."""

    def __post_init__(self) -> None:
        """Refuse an unknown schedule and what is no count."""
        check_at_least("trial_count", self.trial_count, 1)
        check_choice("schedule", self.schedule, SCHEDULES)


class Volatility(LockstepTask[VolatilityParams]):
    """Two arms show what they would pay; which one wins must be learned.

    Observation: the magnitude of the left arm and of the right arm, in [0, 1], each
        drawn anew for every trial from Beta(4, 4), the median of 7 uniform numbers.
    Actions: left, right; both are always valid.
    Reward: the magnitude of the chosen arm if it won, else 0. In each trial one arm
        wins: left with the trial's chance, otherwise right.
    Episode end: terminates after `trial_count` trials, of one step; never truncates.
    info["trial"]: choice (0 left, 1 right), reward, valid, correct (the arm that was
        worth more, given the true chance), forced, winner (0 left, 1 right),
        magnitude_left, magnitude_right, probability_left (chance that left won),
        volatility (0 stable, 1 volatile; missing in the constant schedule), order
        (low-first, high-first; missing but in blocks).
    Schedules: training: volatile or stable at first, either as likely. While volatile,
        the arms swap chances of 0 and 1 with a chance of .2 per trial; while stable,
        they keep .25 and .75. Volatility changes with a chance per trial whose
        logarithm an episode draws from `LOG_CHANGE`. constant: .25 and .75, swapped
        with a chance of .05. blocks: half an episode at .25 and .75; the other at .2
        and .8, swapped every eighth of the episode (25 trials); the order is random.
    Source: Wang et al. 2018, Nat Neurosci 21:860, Simulation 2; after Behrens et al.
        2007, Nat Neurosci 10:1214. The constant schedule is a control of ours.
    Declared: the paper's magnitudes and rewards of 0 to 100 are divided by 100. The
        paper ties the arms' chances to 1; we also let exactly one of them win. Which
        arm is better is random at first, is kept when volatility changes, and is
        drawn anew for the second half of a test episode.
    """

    params_type = VolatilityParams
    event_names = ("choice",)
    state_names = (
        "trial",
        "phase",
        "magnitudes",
        "left_better",
        "volatile",
        "volatile_first",
        "probability_change",
        "trial_magnitudes",
        "trial_probability",
        "trial_volatile",
        "right",
        "right_won",
        "reward",
    )
    noise_size = 3 + 2 * UNIFORMS
    categories = MappingProxyType({"order": ORDERS})
    reward_range = (0.0, 1.0)
    real_columns = ("reward", "magnitude_left", "magnitude_right", "probability_left")
    option_names = ("better_arm", "volatility")

    def __init__(
        self,
        num_envs: int = 1,
        params: VolatilityParams | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        """Prepare `num_envs` subjects."""
        super().__init__(num_envs, params, device)
        chances = CHANCES[self.params.schedule]
        self.chances = torch.tensor(chances, device=self.device)
        self.right = self.right_won = self.trial_volatile = self.never
        self.reward = torch.zeros(num_envs, device=self.device)
        self._prepare(torch.full((num_envs, self.noise_size), 0.5, device=device), {})
        self.trial_magnitudes = self.magnitudes
        self.trial_probability = self.probability_left()

    @property
    def observation_names(self) -> tuple[str, ...]:
        """The arms' magnitudes."""
        return ("left magnitude", "right magnitude")

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

        Options: better_arm (0 left, 1 right) and volatility (0 stable, 1 volatile),
        both of the first trial; in blocks, volatility thereby fixes the order.
        """
        chosen = self.check_options(options)
        self.start_all(where)
        self._prepare(noise, chosen)
        return self.observation()

    def _prepare(self, noise: Tensor, options: Mapping[str, float]) -> None:
        self.left_better, self.volatile = noise[:, 0] < 0.5, noise[:, 1] < 0.5
        if self.params.schedule == "constant":
            self.volatile = self.never
        self._fix(options)
        self.volatile_first = self.volatile
        low, high = LOG_CHANGE
        self.probability_change = torch.exp(low + (high - low) * noise[:, 2])
        self.magnitudes = draw_magnitudes(noise[:, 3:])

    def _fix(self, options: Mapping[str, float]) -> None:
        for name, value in options.items():
            check_choice(name, value, (0, 1))
            fixed = self.always if value else self.never
            if name == "better_arm":
                self.left_better = ~fixed
            elif self.params.schedule == "constant":
                raise ValueError(
                    f"{name} must be left out with schedule constant, got {value!r}; "
                    "only the other schedules have stable and volatile times"
                )
            else:
                self.volatile = fixed

    def step(self, actions: Tensor, noise: Tensor) -> Step:
        """Choose an arm, be paid, and see the next trial's magnitudes."""
        self.trial_magnitudes, self.trial_volatile = self.magnitudes, self.volatile
        self.trial_probability = self.probability_left()
        self.right = actions > 0
        self.right_won = noise[:, 0] >= self.trial_probability
        offered = self.magnitudes.gather(1, actions.unsqueeze(1)).squeeze(1)
        self.reward = torch.where(self.right == self.right_won, offered, 0.0)
        self._change(noise[:, 1], noise[:, 2])
        self.magnitudes = draw_magnitudes(noise[:, 3:])
        return self.advance(self.reward)

    def probability_left(self) -> Tensor:
        """(B,) chance that left wins the trial that is on."""
        index = 2 * self.volatile.long() + self.left_better.long()
        return self.chances.index_select(0, index)

    def _change(self, swap: Tensor, change: Tensor) -> None:
        """Let the next trial's chances come, given (B,) uniform numbers."""
        if self.params.schedule == "blocks":
            self._change_block(swap)
        elif self.params.schedule == "constant":
            self.left_better = self.left_better ^ (swap < PROBABILITY_SWAP_CONSTANT)
        else:
            # The volatility of the trial that ends rules the swap after it.
            swapped = self.volatile & (swap < PROBABILITY_SWAP)
            self.left_better = self.left_better ^ swapped
            self.volatile = self.volatile ^ (change < self.probability_change)

    def _change_block(self, swap: Tensor) -> None:
        now, after = self.trial, self.trial + 1
        if now * BLOCKS // self.trial_count != after * BLOCKS // self.trial_count:
            self.volatile = ~self.volatile
            self.left_better = swap < 0.5
        elif now * SPELLS // self.trial_count != after * SPELLS // self.trial_count:
            self.left_better = self.left_better ^ self.volatile

    def observation(self) -> Tensor:
        """(B, 2): what each arm would pay."""
        return self.magnitudes

    def trial_row(self) -> dict[str, Tensor]:
        """The trial that just ended."""
        left, right = self.trial_magnitudes.unbind(1)
        chance = self.trial_probability
        left_more = chance * left > (1 - chance) * right
        return {
            "choice": self.right.float(),
            "reward": self.reward,
            "valid": self.always.float(),
            "correct": (self.right != left_more).float(),
            "forced": self.never.float(),
            "winner": self.right_won.float(),
            "magnitude_left": left,
            "magnitude_right": right,
            "probability_left": chance,
            "volatility": self._unless_constant(self.trial_volatile),
            "order": self._order(),
        }

    def _unless_constant(self, values: Tensor) -> Tensor:
        constant = self.params.schedule == "constant"
        return torch.full_like(self.reward, torch.nan) if constant else values.float()

    def _order(self) -> Tensor:
        blocks = self.params.schedule == "blocks"
        first = self.volatile_first.float()
        return first if blocks else torch.full_like(first, torch.nan)

    def hidden(self) -> dict[str, Tensor]:
        """Which arm is better, whether the world is volatile, and left's chance."""
        return {
            "better_arm": ~self.left_better,
            "volatility": self.volatile,
            "probability_left": self.probability_left(),
        }

    def scene(self, env_index: int = 0) -> list[Symbol]:
        """Two squares with what they would pay, of 100."""
        left, right = (str(round(100 * float(m))) for m in self.magnitudes[env_index])
        return [
            Symbol("square", 0.25, "deepskyblue", left),
            Symbol("square", 0.75, "orange", right),
        ]


def draw_magnitudes(noise: Tensor) -> Tensor:
    """Two magnitudes from Beta(4, 4), in [0, 1].

    The k-th smallest of n uniform numbers is Beta(k, n - k + 1): no quantile table.

    Args:
        noise: (B, 2 * UNIFORMS) uniform in [0, 1).

    Returns:
        (B, 2).
    """
    ordered = noise.reshape(len(noise), 2, UNIFORMS).sort(dim=2).values
    return ordered[:, :, UNIFORMS // 2]
