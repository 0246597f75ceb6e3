"""The volatility task: how fast to learn while reversals are frequent or rare?"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated

import torch
from torch import Tensor

from metarl.core.checks import check_between, check_choice
from metarl.core.fields import Probability, Range, check_fields
from metarl.envs.task import EPISODE, LockstepTask, Step, Symbol, TrialCount

SCHEDULES = ("training", "constant", "blocks")
"""Schedules of the probabilities: the paper's generator, its control, its test."""
ORDERS = ("low-first", "high-first")
"""Whether the second or the first half of a test episode is volatile."""

SHAPE_WHY = "each magnitude is the median of twice as many random numbers"


@dataclass(frozen=True, kw_only=True)
class VolatilityParams:
    """Parameters of the volatility task; defaults follow Wang et al. 2018."""

    trial_count: TrialCount = 200
    """Trials per episode, 1 to 10,000."""
    schedule: str = "training"
    """Schedule of the probabilities: training, constant or blocks."""
    magnitude_shape: Annotated[int, Range(1, 50, why=SHAPE_WHY)] = 4
    """Both shape parameters of the beta distribution of magnitudes, 1 to 50."""
    probability_stable: Probability = 0.75
    """Probability that the better arm wins while stable, and throughout the constant
    schedule, in [0, 1]."""
    probability_volatile: Probability = 1.0
    """Probability that the better arm wins while volatile in training, in [0, 1]."""
    probability_swap: Probability = 0.2
    """Probability per trial that the arms swap while volatile in training, in [0, 1];
    while stable they never do."""
    log_change_least: Annotated[float, Range(-100, 0)] = -4.5
    """Lower bound of the natural logarithm of the probability per trial that the
    volatility changes in training, at most `log_change_most`."""
    log_change_most: Annotated[float, Range(-100, 0)] = -3.5
    """Upper bound of the same, at most 0."""
    probability_swap_constant: Probability = 0.05
    """Probability per trial that the arms swap in the constant schedule, in [0, 1]."""
    probability_blocks: Probability = 0.8
    """Probability that the better arm wins while volatile in blocks, in [0, 1]."""
    block_count: Annotated[int, EPISODE] = 2
    """Equal parts of an episode of blocks, alternately stable and volatile, 1 to
    10,000."""
    spell_count: Annotated[int, EPISODE] = 8
    """Equal parts of an episode of blocks, 1 to 10,000; while volatile, the arms swap
    between them."""

    def __post_init__(self) -> None:
        """Validate the fields."""
        check_fields(self)
        check_choice("schedule", self.schedule, SCHEDULES)
        most = self.log_change_most
        check_between("log_change_least", self.log_change_least, -100, most)

    @property
    def uniform_count(self) -> int:
        """Number of uniform numbers with a median distributed as a magnitude."""
        return 2 * self.magnitude_shape - 1


class Volatility(LockstepTask[VolatilityParams]):
    """Two arms show their magnitudes; which of them wins must be learned.

    Observation: the magnitude of the left arm and of the right arm, in [0, 1], each
        drawn for every trial from Beta(4, 4), the median of 7 uniform numbers.
    Actions: left, right; both are always valid.
    Reward: the magnitude of the chosen arm if it won, else 0. In each trial one arm
        wins: left with the probability of the trial, otherwise right.
    Episode end: terminates after `trial_count` trials of one step; never truncates.
    info["trial"]: choice (0 left, 1 right), reward, valid, correct (the arm with the
        greater expected reward, given the true probability), forced, winner (0 left, 1
        right), magnitude_left, magnitude_right, probability_left (probability that left
        won), volatility (0 stable, 1 volatile; missing in the constant schedule), order
        (low-first, high-first; only in blocks).
    Schedules: training: volatile or stable at first, with equal probability. While
        volatile, the arms swap winning probabilities of 0 and 1 with a probability of
        .2 per trial; while stable, they keep .25 and .75. Volatility changes with a
        probability per trial with a logarithm that is drawn for each episode, uniform
        from `log_change_least` to `log_change_most`. constant: .25 and .75, swapped
        with a probability of .05 per trial. blocks: half an episode at .25 and .75, the
        other at .2 and .8, swapped after every eighth of the episode (25 trials); the
        order is random.
    Source: Wang et al. 2018, Nat Neurosci 21:860, Simulation 2; after Behrens et al.
        2007, Nat Neurosci 10:1214. The constant schedule is a control of ours.
    Declared: the paper's magnitudes and rewards of 0 to 100 are divided by 100. In the
        paper the probabilities of the arms sum to 1; here, in addition, exactly one of
        them wins. The better arm is random at first, stays the same when volatility
        changes, and is redrawn for the second half of a test episode.
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
    categories = MappingProxyType({"order": ORDERS})
    reward_range = (0.0, 1.0)
    real_columns = ("reward", "magnitude_left", "magnitude_right", "probability_left")
    option_names = ("better_arm", "volatility")
    observation_names = ("left magnitude", "right magnitude")
    action_names = ("left", "right")

    def __init__(
        self,
        num_envs: int = 1,
        params: VolatilityParams | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        """Prepare `num_envs` environments."""
        super().__init__(num_envs, params, device)
        self.probabilities = torch.tensor(self._probabilities(), device=self.device)
        self.right = self.right_won = self.trial_volatile = self.never
        self.reward = torch.zeros(num_envs, device=self.device)
        noise = torch.full((num_envs, self.noise_size), 0.5, device=device)
        self._start_episode(noise, {})
        self.trial_magnitudes = self.magnitudes
        self.trial_probability = self.probability_left()

    def _probabilities(self) -> tuple[float, float, float, float]:
        """Probability that left wins: stable, right or left better; then volatile."""
        p = self.params
        stable = p.probability_stable
        volatile = {
            "training": p.probability_volatile,
            "constant": stable,
            "blocks": p.probability_blocks,
        }[p.schedule]
        return 1 - stable, stable, 1 - volatile, volatile

    @property
    def noise_size(self) -> int:  # type: ignore[override]
        """Reward, swap and change of volatility, and the uniforms of two magnitudes."""
        return 3 + 2 * self.params.uniform_count

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
        """Start an episode; the options replace the hidden variables drawn.

        Options: better_arm (0 left, 1 right) and volatility (0 stable, 1 volatile),
        both of the first trial; in blocks, volatility thereby sets the order.
        """
        checked = self.check_options(options)
        self.start_all(where)
        self._start_episode(noise, checked)
        return self.observation()

    def _start_episode(self, noise: Tensor, options: Mapping[str, float]) -> None:
        self.left_better, self.volatile = noise[:, 0] < 0.5, noise[:, 1] < 0.5
        if self.params.schedule == "constant":
            self.volatile = self.never
        self._apply_options(options)
        self.volatile_first = self.volatile
        low, high = self.params.log_change_least, self.params.log_change_most
        self.probability_change = torch.exp(low + (high - low) * noise[:, 2])
        self.magnitudes = draw_magnitudes(noise[:, 3:])

    def _apply_options(self, options: Mapping[str, float]) -> None:
        for name, value in options.items():
            check_choice(name, value, (0, 1))
            flag = self.always if value else self.never
            if name == "better_arm":
                self.left_better = ~flag
            elif self.params.schedule == "constant":
                raise ValueError(
                    f"{name} must be left out in the schedule constant, got {value!r}; "
                    "only the other schedules have stable and volatile trials"
                )
            else:
                self.volatile = flag

    def step(self, actions: Tensor, noise: Tensor) -> Step:
        """Choose an arm, receive the reward, and draw the next trial."""
        self.trial_magnitudes, self.trial_volatile = self.magnitudes, self.volatile
        self.trial_probability = self.probability_left()
        self.right = actions > 0
        self.right_won = noise[:, 0] >= self.trial_probability
        chosen = self.magnitudes.gather(1, actions.unsqueeze(1)).squeeze(1)
        self.reward = torch.where(self.right == self.right_won, chosen, 0.0)
        self._change(noise[:, 1], noise[:, 2])
        self.magnitudes = draw_magnitudes(noise[:, 3:])
        return self.advance(self.reward)

    def probability_left(self) -> Tensor:
        """(B,) probability that left wins the current trial."""
        index = 2 * self.volatile.long() + self.left_better.long()
        return self.probabilities.index_select(0, index)

    def _change(self, swap: Tensor, change: Tensor) -> None:
        """Set the probabilities of the next trial, given (B,) uniform numbers."""
        if self.params.schedule == "blocks":
            self._change_block(swap)
        elif self.params.schedule == "constant":
            swapped = swap < self.params.probability_swap_constant
            self.left_better = self.left_better ^ swapped
        else:
            # The volatility of the trial that ends determines the swap after it.
            swapped = self.volatile & (swap < self.params.probability_swap)
            self.left_better = self.left_better ^ swapped
            self.volatile = self.volatile ^ (change < self.probability_change)

    def _change_block(self, swap: Tensor) -> None:
        if self._next_starts_part(self.params.block_count):
            self.volatile = ~self.volatile
            self.left_better = swap < 0.5
        elif self._next_starts_part(self.params.spell_count):
            self.left_better = self.left_better ^ self.volatile

    def _next_starts_part(self, count: int) -> bool:
        """Whether the next trial is in another of `count` equal parts than this."""
        now, after = self.trial, self.trial + 1
        return now * count // self.trial_count != after * count // self.trial_count

    def observation(self) -> Tensor:
        """(B, 2): the magnitude of each arm."""
        return self.magnitudes

    def trial_row(self) -> dict[str, Tensor]:
        """The trial that just ended."""
        left, right = self.trial_magnitudes.unbind(1)
        probability = self.trial_probability
        left_more = probability * left > (1 - probability) * right
        return {
            "choice": self.right.float(),
            "reward": self.reward,
            "valid": self.always.float(),
            "correct": (self.right != left_more).float(),
            "forced": self.never.float(),
            "winner": self.right_won.float(),
            "magnitude_left": left,
            "magnitude_right": right,
            "probability_left": probability,
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
        """Better arm (0 left, 1 right), volatility, and probability that left wins."""
        return {
            "better_arm": ~self.left_better,
            "volatility": self.volatile,
            "probability_left": self.probability_left(),
        }

    def scene(self, env_index: int = 0) -> list[Symbol]:
        """Two squares with their magnitudes, in units of 0 to 100."""
        left, right = (str(round(100 * float(m))) for m in self.magnitudes[env_index])
        return [
            Symbol("square", 0.25, "deepskyblue", left),
            Symbol("square", 0.75, "orange", right),
        ]


def draw_magnitudes(noise: Tensor) -> Tensor:
    """Draw two magnitudes from Beta(n, n), in [0, 1].

    The k-th smallest of m uniform numbers is distributed as Beta(k, m - k + 1), so the
    median of 2 n - 1 needs no table of quantiles.

    Args:
        noise: (B, 2 * (2 * n - 1)) uniform in [0, 1).

    Returns:
        (B, 2).
    """
    count = noise.shape[1] // 2
    ordered = noise.reshape(len(noise), 2, count).sort(dim=2).values
    return ordered[:, :, count // 2]
