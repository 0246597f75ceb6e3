"""Settings of the neighbouring ideas: costs by area, tried-out weights, replay."""

import re
from dataclasses import dataclass
from typing import Literal, get_args

from metarl.core.checks import check_at_least, check_between, check_choice

PrefrontalCost = Literal["rl", "reward", "observation"]
Likelihood = Literal["normal", "bernoulli"]
Objective = Literal["fitness", "variance", "entropy"]
Distribution = Literal["normal", "paired"]
ReplayMode = Literal["none", "naive", "uniform", "prioritised", "clear", "sil"]
BufferKind = Literal["ring", "reservoir"]


@dataclass(frozen=True, kw_only=True)
class CostsConfig:
    """What each of two areas learns from, and when.

    metarl/agents/learning/area_costs.py explains.
    """

    pfc: tuple[PrefrontalCost, ...] = ("rl",)
    """Costs of the core: rl, what comes back from policy and value; reward or
    observation, predicting what follows. Without rl no error of policy and value
    reaches the core."""
    likelihood: Likelihood = "normal"
    """What a reward is, given the expected one: normal of variance 1, whatever a task
    pays; or Bernoulli, where it pays 0 or 1 and nothing else."""
    prediction_weight: float = 1.0
    """Weight of each prediction's cost beside reinforcement's, >= 0."""
    schedule: tuple[str, ...] = ()
    """When costs are on, as COST:FIRST-LAST in updates, LAST left out for the end:
    'reward:0-300' 'rl:300-'. A cost that is not named is always on."""

    def __post_init__(self) -> None:
        """Refuse costs that there are not, and times that are none."""
        for cost in self.pfc:
            check_choice("costs.pfc", cost, get_args(PrefrontalCost))
        if len(set(self.pfc)) < len(self.pfc):
            raise ValueError(f"costs.pfc must be different ones, got {self.pfc!r}")
        check_choice("costs.likelihood", self.likelihood, get_args(Likelihood))
        check_at_least("costs.prediction_weight", self.prediction_weight, 0)
        for words in self.schedule:
            self._check_times(words)

    def _check_times(self, words: str) -> None:
        """Refuse times of a cost that nobody has, and times that never come."""
        cost, first, after = self._times(words)
        # The readers of policy and value learn by reinforcement whatever the core does.
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
        """Cost, first update, and the first after the last."""
        found = re.fullmatch(r"(rl|reward|observation):(\d+)-(\d*)", words)
        if not found:
            raise ValueError(
                "costs.schedule must be COST:FIRST-LAST with rl, reward or "
                f"observation, such as reward:0-300; got {words!r}"
            )
        return found[1], int(found[2]), float(found[3] or "inf")

    def on(self, cost: str, update: int) -> bool:
        """Whether a cost is on at an update, counted from 0."""
        times = [self._times(words) for words in self.schedule]
        own = [(first, after) for name, first, after in times if name == cost]
        return not own or any(first <= update < after for first, after in own)

    @property
    def plain(self) -> bool:
        """Whether there is but one cost, always, from end to end."""
        return self == CostsConfig()


@dataclass(frozen=True, kw_only=True)
class PerturbationConfig:
    """How rules without a derivative try out weights.

    The lanes of training are divided among the networks that are tried, two at an
    update, or under es as many as there are members.
    """

    size: float = 0.1
    """Deviation of what is added to each weight, > 0."""
    members: int = 64
    """Networks of a generation, under es, at least 2."""
    distribution: Distribution = "paired"
    """Whether es draws a generation's members independently (normal), or each with its
    mirror image (paired)."""
    objective: Objective = "fitness"
    """What es evolves: members that earn much (fitness), or that do different things
    (variance or entropy of behaviour, the shares of their actions)."""
    same_episodes: int = 10
    """Updates in a row that meet the same episodes under d2, which judges its steps by
    them, at least 2; other rules meet fresh ones at every update."""

    def __post_init__(self) -> None:
        """Refuse a generation in which nothing differs."""
        check_at_least("size", self.size, 1e-12)
        check_at_least("members", self.members, 2)
        check_at_least("same_episodes", self.same_episodes, 2)
        check_choice("distribution", self.distribution, get_args(Distribution))
        check_choice("objective", self.objective, get_args(Objective))
        if self.distribution == "paired" and self.members % 2:
            raise ValueError(
                f"members must be even where they are paired, got {self.members!r}; "
                "choose the distribution normal"
            )


@dataclass(frozen=True, kw_only=True)
class ReplayConfig:
    """Whole episodes kept and lived through again between fresh ones.

    naive        As if they were fresh: nothing corrects for the policy that acted.
    uniform      Corrected by V-trace; all kept episodes are equally likely.
    prioritised  Corrected by V-trace; those that would teach more come more often.
    clear        uniform, and the network is held to what it did and expected then.
    sil          Only what went better than is expected now teaches.

    Sources: Espeholt et al. 2018, ICML (V-trace); Schaul et al. 2016, ICLR; Rolnick et
    al. 2019, NeurIPS (CLEAR); Oh et al. 2018, ICML (self-imitation).
    """

    mode: ReplayMode = "none"
    """What is replayed and how it teaches; none: nothing is kept."""
    ratio: int = 4
    """Replayed updates per fresh one, each of as many episodes, at least 1."""
    episodes: int = 4000
    """Episodes that are kept, at least 1."""
    buffer: BufferKind = "ring"
    """What is kept: ring, the latest; reservoir, an equal sample of all ever seen, as
    CLEAR has it."""
    largest_ratio: float = 1.0
    """Bound of V-trace's importance ratio in an error (rho bar), > 0."""
    largest_trace: float = 1.0
    """Bound of V-trace's ratio that hands errors back in time (c bar), > 0."""
    priority_exponent: float = 0.6
    """How much priority decides where it does; 0: not at all."""
    importance_exponent: float = 0.4
    """How much of the bias of priority is taken back by weights, in [0, 1]."""
    clone_policy: float = 0.01
    """CLEAR's weight of the divergence from the policy that acted, >= 0."""
    clone_value: float = 0.005
    """CLEAR's weight of the squared distance from the value then, >= 0."""

    def __post_init__(self) -> None:
        """Refuse an unknown mode and impossible sizes."""
        check_choice("mode", self.mode, get_args(ReplayMode))
        check_choice("buffer", self.buffer, get_args(BufferKind))
        for name in ("ratio", "episodes"):
            check_at_least(name, getattr(self, name), 1)
        for name in ("largest_ratio", "largest_trace"):
            check_at_least(name, getattr(self, name), 1e-9)
        check_at_least("priority_exponent", self.priority_exponent, 0)
        check_between("importance_exponent", self.importance_exponent, 0, 1)
        for name in ("clone_policy", "clone_value"):
            check_at_least(name, getattr(self, name), 0)
