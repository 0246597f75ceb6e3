"""Settings of costs by area, weight perturbation and replay."""

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from metarl.core.checks import check_at_least, check_between
from metarl.core.fields import Range, check_fields

PrefrontalCost = Literal["rl", "reward", "observation"]
Likelihood = Literal["normal", "bernoulli"]
Objective = Literal["fitness", "variance", "entropy"]
Distribution = Literal["normal", "paired"]
ReplayMode = Literal["none", "naive", "uniform", "prioritised", "clear", "sil"]
BufferKind = Literal["ring", "reservoir"]


@dataclass(frozen=True, kw_only=True)
class CostsConfig:
    """Costs of each of two areas, and their times.

    metarl/agents/learning/area_costs.py gives the equations.
    """

    pfc: tuple[PrefrontalCost, ...] = ("rl",)
    """Costs of the core: rl, the errors of policy and value; reward or observation,
    the prediction of the next one. Without rl no error of policy and value reaches
    the core."""
    likelihood: Likelihood = "normal"
    """Distribution of a reward given its prediction: normal with variance 1, for any
    rewards; or bernoulli, for rewards of 0 or 1 alone."""
    prediction_weight: float = 1.0
    """Weight of each prediction cost relative to the reinforcement cost, >= 0."""
    schedule: tuple[str, ...] = ()
    """Times of the costs, as COST:FIRST-LAST in updates, without LAST until the end:
    'reward:0-300' 'rl:300-'. A cost that is not listed is always active."""

    def __post_init__(self) -> None:
        """Validate the fields."""
        check_fields(self)
        if len(set(self.pfc)) < len(self.pfc):
            raise ValueError(f"costs.pfc must be different ones, got {self.pfc!r}")
        check_at_least("costs.prediction_weight", self.prediction_weight, 0)
        for words in self.schedule:
            self._check_times(words)

    def _check_times(self, words: str) -> None:
        """Raise ValueError for the times of an unknown cost, or an empty interval."""
        cost, first, after = self._times(words)
        # Policy and value always have the cost rl, even if the core does not.
        if cost not in ("rl", *self.pfc):
            raise ValueError(
                f"costs.schedule must be of rl or of costs.pfc, {self.pfc!r}, got "
                f"{words!r}; add {cost} to costs.pfc or leave its times out"
            )
        if after <= first:
            raise ValueError(
                f"costs.schedule must have LAST greater than FIRST, got {words!r}: "
                "LAST is the first update without the cost"
            )

    @staticmethod
    def _times(words: str) -> tuple[str, int, float]:
        """Return the cost, its first update, and the first update without it."""
        match = re.fullmatch(r"(rl|reward|observation):(\d+)-(\d*)", words)
        if not match:
            raise ValueError(
                "costs.schedule must be COST:FIRST-LAST with rl, reward or "
                f"observation, such as reward:0-300; got {words!r}"
            )
        return match[1], int(match[2]), float(match[3] or "inf")

    def on(self, cost: str, update: int) -> bool:
        """Whether a cost is active at an update, counted from 0."""
        times = [self._times(words) for words in self.schedule]
        spans = [(first, after) for name, first, after in times if name == cost]
        return not spans or any(first <= update < after for first, after in spans)

    @property
    def plain(self) -> bool:
        """Whether both areas always share the one reinforcement cost."""
        return self == CostsConfig()


@dataclass(frozen=True, kw_only=True)
class PerturbationConfig:
    """Perturbation of the weights by rules without a derivative.

    The training environments are divided equally among the perturbed networks: two at
    each update, or with es as many as there are members.
    """

    size: float = 0.1
    """Standard deviation of the perturbation of each weight, > 0."""
    members: Annotated[
        int, Range(2, 100_000, why="each member is a network in memory")
    ] = 64
    """Number of networks of a generation with es, at least 2."""
    distribution: Distribution = "paired"
    """Sampling of the members with es: independently (normal), or each with its mirror
    image (paired)."""
    objective: Objective = "fitness"
    """Objective of es: reward (fitness), or diversity of behaviour (variance or entropy
    of the shares of actions)."""
    same_episodes: Annotated[
        int, Range(2, 10**9, why="no training has so many updates")
    ] = 10
    """Consecutive updates on the same episodes with d2, which compares their losses, at
    least 2; the other rules use new episodes at every update."""

    def __post_init__(self) -> None:
        """Validate the fields."""
        check_fields(self)
        check_at_least("size", self.size, 1e-12)
        if self.distribution == "paired" and self.members % 2:
            raise ValueError(
                f"members must be even where they are paired, got {self.members!r}; "
                "choose the distribution normal"
            )


@dataclass(frozen=True, kw_only=True)
class ReplayConfig:
    """Replay of whole stored episodes between new ones.

    naive        No correction for the policy that acted.
    uniform      Corrected by V-trace; all stored episodes are equally likely.
    prioritised  Corrected by V-trace; episodes with larger errors are more likely.
    clear        As uniform, with the old policy and values cloned.
    sil          Self-imitation: only returns above the present value are learned from.

    Sources: Espeholt et al. 2018, ICML (V-trace); Schaul et al. 2016, ICLR; Rolnick et
    al. 2019, NeurIPS (CLEAR); Oh et al. 2018, ICML (self-imitation).
    """

    mode: ReplayMode = "none"
    """Kind of replay; none: no episode is stored."""
    ratio: Annotated[int, Range(1, 10_000, why="an update would take hours")] = 4
    """Replayed updates per new one, with equally many episodes each, at least 1."""
    episodes: Annotated[int, Range(1, 10**6, why="the buffer is in memory")] = 4000
    """Capacity of the buffer in episodes, at least 1."""
    buffer: BufferKind = "ring"
    """Contents of the buffer: ring, the latest episodes; reservoir, a uniform sample of
    all episodes so far, as in CLEAR."""
    largest_ratio: float = 1.0
    """Maximum importance ratio of an error in V-trace (rho bar), > 0."""
    largest_trace: float = 1.0
    """Maximum importance ratio of the trace in V-trace (c bar), > 0."""
    priority_exponent: float = 0.6
    """Exponent of the priority; 0: all episodes are equally likely."""
    importance_exponent: float = 0.4
    """Exponent of the weights that correct for the priority, in [0, 1]."""
    clone_policy: float = 0.01
    """Weight in CLEAR of the divergence from the policy that acted, >= 0."""
    clone_value: float = 0.005
    """Weight in CLEAR of the squared distance from the old value, >= 0."""

    def __post_init__(self) -> None:
        """Validate the fields."""
        check_fields(self)
        for name in ("largest_ratio", "largest_trace"):
            check_at_least(name, getattr(self, name), 1e-9)
        check_at_least("priority_exponent", self.priority_exponent, 0)
        check_between("importance_exponent", self.importance_exponent, 0, 1)
        for name in ("clone_policy", "clone_value"):
            check_at_least(name, getattr(self, name), 0)
