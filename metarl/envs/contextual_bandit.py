"""The contextual bandit: is a problem that comes back known from its context?"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from metarl.core.checks import check_at_least, check_between
from metarl.envs.task import LockstepTask, Step, Symbol

MOST_BITS = 20
"""Longest code; a number of one more bit would be rounded."""


@dataclass(frozen=True, kw_only=True)
class ContextualBanditParams:
    """What the experimenter sets; short enough to be learned in seconds."""

    context_count: int = 4
    """Contexts of a session, at least 1."""
    occurrence_count: int = 3
    """Problems with the same context in a session, at least 1."""
    problem_trials: int = 5
    """Trials of a problem, at least 1."""
    code_bits: int = 10
    """Length of a context's code, enough for so many contexts and at most 20."""
    better_probability: float = 0.9
    """Chance of reward of a problem's better arm, in [0.5, 1]; the other has what is
    left to 1."""

    def __post_init__(self) -> None:
        """Refuse what is no count or no chance, and a code that is too short."""
        for name in ("context_count", "occurrence_count", "problem_trials"):
            check_at_least(name, getattr(self, name), 1)
        check_between("code_bits", self.code_bits, 1, MOST_BITS)
        if self.context_count > 2**self.code_bits:
            raise ValueError(
                f"code_bits must be enough for {self.context_count} different contexts,"
                f" got {self.code_bits!r}"
            )
        check_between("better_probability", self.better_probability, 0.5, 1)

    @property
    def problem_count(self) -> int:
        """Problems of a session."""
        return self.context_count * self.occurrence_count


class ContextualBandit(LockstepTask[ContextualBanditParams]):
    """Short two-armed problems, each with a context; a context's better arm stays.

    A session's contexts come back in random order. Whoever remembers what a context's
    problem taught need not find it out again.

    Observation: whether this is a problem's first trial (0 or 1), then the context's
        code, bits of -1 or 1, on every trial.
    Actions: left, right; both are always valid.
    Reward: 1 with the chosen arm's chance, else 0.
    Episode end: terminates after a session, `context_count * occurrence_count` problems
        of `problem_trials` trials; never truncates.
    info["trial"]: choice (0 left, 1 right), reward, valid, correct (the better arm),
        forced, context (number of the context, from 0), occurrence (how often it was
        met before: 0 on its first problem), gap (problems since it was last met, 1 for
        the one before; blank on its first), problem (number in the session, from 0),
        problem_trial (number in the problem, from 0), probability_0, probability_1
        (chance of each arm).
    Source: Ritter et al. 2018, Been there, done that: meta-learning with episodic
        recall, ICML (arXiv:1805.09692), contextual bandits.
    Declared: no two contexts of a session have the same code; all others are equally
        likely, as are the orders of a session's problems, so that a context can come
        twice in a row. One uniform number decides on a trial's reward whatever arm is
        chosen. How many contexts, problems and trials there are, and the chances, is
        ours.
    Departs: contexts are codes of bits only, and few.
    """

    params_type = ContextualBanditParams
    event_names = ("choice",)
    state_names = (
        "trial",
        "phase",
        "codes",
        "better",
        "contexts",
        "occurrences",
        "gaps",
        "choice",
        "rewarded",
    )
    observation_range = (-1.0, 1.0)
    reward_range = (0.0, 1.0)
    real_columns = ("reward", "probability_0", "probability_1")
    action_names = ("left", "right")

    def __init__(
        self,
        num_envs: int = 1,
        params: ContextualBanditParams | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        """Prepare `num_envs` subjects."""
        super().__init__(num_envs, params, device)
        self.choice = torch.zeros(num_envs, dtype=torch.int64, device=device)
        self.rewarded = torch.zeros(num_envs, device=device)
        self._draw(torch.full((num_envs, self.noise_size), 0.5, device=device))

    @property
    def noise_size(self) -> int:  # type: ignore[override]
        """A number for each context's code and better arm, and each problem's place."""
        return 2 * self.params.context_count + self.params.problem_count

    @property
    def observation_names(self) -> tuple[str, ...]:
        """The flag, then the bits."""
        bits = range(1, self.params.code_bits + 1)
        return ("new problem", *(f"bit {bit}" for bit in bits))

    @property
    def trial_count(self) -> int:
        """Trials of a session."""
        return self.params.problem_count * self.params.problem_trials

    def reset(
        self,
        noise: Tensor,
        *,
        options: Mapping[str, float] | None = None,
        where: Tensor | None = None,
    ) -> Tensor:
        """Start a session: its contexts, their better arms, their order."""
        self.check_options(options)
        self.start_all(where)
        self._draw(noise)
        return self.observation()

    def _draw(self, noise: Tensor) -> None:
        contexts, problems = self.params.context_count, self.params.problem_count
        coded, sided, ordered = noise.split([contexts, contexts, problems], dim=1)
        numbers = draw_distinct(coded, 2**self.params.code_bits)
        places = torch.arange(self.params.code_bits, device=self.device)
        self.codes = ((numbers.unsqueeze(2) >> places) & 1) * 2.0 - 1
        """(B, contexts, bits) what each context looks like."""
        self.better: Tensor = (sided >= 0.5).long()
        """(B, contexts) the better arm of each."""
        self.contexts: Tensor = ordered.argsort(dim=1, stable=True) % contexts
        """(B, problems) the context of each problem."""
        same = self.contexts.unsqueeze(2) == self.contexts.unsqueeze(1)
        earlier, number = same.tril(-1), torch.arange(problems, device=self.device)
        self.occurrences = earlier.sum(2)
        """(B, problems) how often its context was there before."""
        last = torch.where(earlier, number, -1).amax(2)
        self.gaps = torch.where(last >= 0, number - last, torch.nan)
        """(B, problems) problems since then; NaN where it was not."""

    def step(self, actions: Tensor, noise: Tensor) -> Step:
        """Pull an arm and be paid."""
        self.choice = actions.clone()
        best = self.params.better_probability
        chance = torch.where(actions == self._better(self.trial), best, 1 - best)
        self.rewarded = (noise[:, 0] < chance).float()
        return self.advance(self.rewarded)

    def _problem(self, trial: int) -> int:
        """The problem of a trial; the session's last one when all trials are over."""
        last = self.params.problem_count - 1
        return min(trial // self.params.problem_trials, last)

    def _context(self, trial: int) -> Tensor:
        return self.contexts.select(1, self._problem(trial))

    def _better(self, trial: int) -> Tensor:
        return self.better.gather(1, self._context(trial).unsqueeze(1)).squeeze(1)

    def observation(self) -> Tensor:
        """(B, 1 + bits): whether the problem is new, and its context."""
        new = float(self.trial % self.params.problem_trials == 0)
        flag = torch.full((self.num_envs, 1), new, device=self.device)
        env_index = torch.arange(self.num_envs, device=self.device)
        return torch.cat(
            [flag, self.codes[env_index, self._context(self.trial)]], dim=1
        )

    def trial_row(self) -> dict[str, Tensor]:
        """The trial that just ended."""
        trial = max(self.trial - 1, 0)
        problem, within = self._problem(trial), trial % self.params.problem_trials
        return {
            "choice": self.choice.float(),
            "reward": self.rewarded,
            "valid": self.always.float(),
            "correct": (self.choice == self._better(trial)).float(),
            "forced": self.never.float(),
            "context": self._context(trial).float(),
            "occurrence": self.occurrences[:, problem].float(),
            "gap": self.gaps[:, problem],
            "problem": torch.full_like(self.rewarded, problem),
            "problem_trial": torch.full_like(self.rewarded, within),
            **self._chances(trial),
        }

    def _chances(self, trial: int) -> dict[str, Tensor]:
        best, better = self.params.better_probability, self._better(trial)
        return {
            f"probability_{arm}": torch.where(better == arm, best, 1 - best)
            for arm in range(2)
        }

    def hidden(self) -> dict[str, Tensor]:
        """The chance of each arm, and which context it is."""
        context = self._context(self.trial).float()
        return {"context": context, **self._chances(self.trial)}

    def scene(self, env_index: int = 0) -> list[Symbol]:
        """The arms side by side, the context's code between them."""
        _, *bits = self.observation()[env_index].tolist()
        code = "".join("1" if bit > 0 else "0" for bit in bits)
        arms = [Symbol("square", x, "white") for x in (0.25, 0.75)]
        return [*arms, Symbol("text", 0.5, "white", code)]


def draw_distinct(noise: Tensor, count: int) -> Tensor:
    """Whole numbers below `count`, in each lane all different and equally likely.

    Each is drawn among those that are left, then moved past those that are taken.

    Args:
        noise: (B, N) uniform in [0, 1).
        count: at least N.
    """
    drawn = noise.new_empty(len(noise), 0, dtype=torch.int64)
    for taken, uniform in enumerate(noise.double().unbind(1)):
        number = (uniform * (count - taken)).long()
        for other in drawn.sort(dim=1).values.unbind(1):
            number = number + (number >= other)
        drawn = torch.cat([drawn, number.unsqueeze(1)], dim=1)
    return drawn
