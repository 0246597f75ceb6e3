"""The contextual bandit: is a recurring problem recognised from its context?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from metarl.core.fields import Range, check_fields, check_range
from metarl.envs.task import EPISODE, LockstepTask, Step, Symbol

MOST_BITS = 20
"""Largest length of a code; float32 noise cannot draw longer ones without gaps."""

CONTEXTS_WHY = "each code is compared with every other as they are drawn"
PROBLEMS = Range(1, 1_000, why="each problem is compared with every other of a session")
"""Range of the number of problems of a session."""


@dataclass(frozen=True, kw_only=True)
class ContextualBanditParams:
    """Parameters of the contextual bandit; short enough to be learned in seconds."""

    context_count: Annotated[int, Range(1, 100, why=CONTEXTS_WHY)] = 4
    """Contexts per session, 1 to 100."""
    occurrence_count: Annotated[int, PROBLEMS] = 3
    """Problems per context in a session, at least 1; a session has at most 1,000."""
    problem_trials: Annotated[int, EPISODE] = 5
    """Trials per problem, at least 1; a session has at most 10,000."""
    code_bits: Annotated[int, Range(1, MOST_BITS)] = 10
    """Length of the code of a context, long enough for all contexts and at most 20."""
    better_probability: Annotated[float, Range(0.5, 1)] = 0.9
    """Reward probability of the better arm, in [0.5, 1]; that of the other is 1 minus
    it."""

    def __post_init__(self) -> None:
        """Validate the fields."""
        check_fields(self)
        problems, trials = self.problem_count, self.problem_count * self.problem_trials
        check_range("context_count * occurrence_count", problems, PROBLEMS)
        check_range("the number of trials of a session", trials, EPISODE)
        if self.context_count > 2**self.code_bits:
            raise ValueError(
                f"code_bits must be enough for {self.context_count} different contexts,"
                f" got {self.code_bits!r}; use more bits or fewer contexts"
            )

    @property
    def problem_count(self) -> int:
        """Problems per session."""
        return self.context_count * self.occurrence_count


class ContextualBandit(LockstepTask[ContextualBanditParams]):
    """Short two-armed problems with contexts; the better arm belongs to the context.

    The contexts of a session recur in random order. A subject that remembers the
    earlier problem of a context need not explore again.

    Observation: whether this is the first trial of a problem (0 or 1), then the code of
        the context, bits of -1 or 1, on every trial.
    Actions: left, right; both are always valid.
    Reward: 1 with the probability of the chosen arm, else 0.
    Episode end: terminates after a session, `context_count * occurrence_count` problems
        of `problem_trials` trials; never truncates.
    info["trial"]: choice (0 left, 1 right), reward, valid, correct (the better arm),
        forced, context (number of the context, from 0), occurrence (number of earlier
        problems with it), gap (problems since the last one with it, 1 for the preceding
        problem; blank on its first), problem (number in the session, from 0),
        problem_trial (number in the problem, from 0), probability_0, probability_1
        (reward probability of each arm).
    Source: Ritter et al. 2018, Been there, done that: meta-learning with episodic
        recall, ICML (arXiv:1805.09692), contextual bandits.
    Declared: no two contexts of a session have the same code; all others are equally
        likely, as are the orders of a session's problems, so that a context can occur
        twice in succession. The same uniform number determines the reward of a trial
        whichever arm is chosen. The numbers of contexts, problems and trials, and the
        reward probabilities, are ours.
    Departs: contexts are only codes of bits, and few.
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
        """Prepare `num_envs` environments."""
        super().__init__(num_envs, params, device)
        self.choice = torch.zeros(num_envs, dtype=torch.int64, device=device)
        self.rewarded = torch.zeros(num_envs, device=device)
        self._draw(torch.full((num_envs, self.noise_size), 0.5, device=device))

    @property
    def noise_size(self) -> int:  # type: ignore[override]
        """Code and better arm of each context, and the position of each problem."""
        return 2 * self.params.context_count + self.params.problem_count

    @property
    def observation_names(self) -> tuple[str, ...]:
        """First trial of a problem, then the bits."""
        bits = range(1, self.params.code_bits + 1)
        return ("new problem", *(f"bit {bit}" for bit in bits))

    @property
    def trial_count(self) -> int:
        """Trials per session."""
        return self.params.problem_count * self.params.problem_trials

    def reset(
        self,
        noise: Tensor,
        *,
        options: Mapping[str, float] | None = None,
        where: Tensor | None = None,
    ) -> Tensor:
        """Start a session: draw its contexts, their better arms and their order."""
        self.check_options(options)
        self.start_all(where)
        self._draw(noise)
        return self.observation()

    def _draw(self, noise: Tensor) -> None:
        contexts, problems = self.params.context_count, self.params.problem_count
        sizes = [contexts, contexts, problems]
        code_noise, side_noise, order_noise = noise.split(sizes, dim=1)
        numbers = draw_distinct(code_noise, 2**self.params.code_bits)
        places = torch.arange(self.params.code_bits, device=self.device)
        self.codes = ((numbers.unsqueeze(2) >> places) & 1) * 2.0 - 1
        """(B, contexts, bits) code of each context."""
        self.better: Tensor = (side_noise >= 0.5).long()
        """(B, contexts) better arm of each context."""
        # Sorting uniform numbers permutes the problems; equal contexts are alike.
        self.contexts: Tensor = order_noise.argsort(dim=1, stable=True) % contexts
        """(B, problems) context of each problem."""
        same = self.contexts.unsqueeze(2) == self.contexts.unsqueeze(1)
        earlier, number = same.tril(-1), torch.arange(problems, device=self.device)
        self.occurrences = earlier.sum(2)
        """(B, problems) number of earlier problems with the same context."""
        last = torch.where(earlier, number, -1).amax(2)
        self.gaps = torch.where(last >= 0, number - last, torch.nan)
        """(B, problems) problems since the last with the same context; NaN if none."""

    def step(self, actions: Tensor, noise: Tensor) -> Step:
        """Choose an arm and receive its reward."""
        self.choice = actions.clone()
        best = self.params.better_probability
        probability = torch.where(actions == self._better(self.trial), best, 1 - best)
        self.rewarded = (noise[:, 0] < probability).float()
        return self.advance(self.rewarded)

    def _problem(self, trial: int) -> int:
        """Problem of a trial; the last problem of the session after its last trial."""
        last = self.params.problem_count - 1
        return min(trial // self.params.problem_trials, last)

    def _context(self, trial: int) -> Tensor:
        return self.contexts.select(1, self._problem(trial))

    def _better(self, trial: int) -> Tensor:
        return self.better.gather(1, self._context(trial).unsqueeze(1)).squeeze(1)

    def observation(self) -> Tensor:
        """(B, 1 + bits): whether the problem is new, and the code of its context."""
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
            **self._probabilities(trial),
        }

    def _probabilities(self, trial: int) -> dict[str, Tensor]:
        best, better = self.params.better_probability, self._better(trial)
        return {
            f"probability_{arm}": torch.where(better == arm, best, 1 - best)
            for arm in range(2)
        }

    def hidden(self) -> dict[str, Tensor]:
        """The current context, and the reward probability of each arm."""
        context = self._context(self.trial).float()
        return {"context": context, **self._probabilities(self.trial)}

    def scene(self, env_index: int = 0) -> list[Symbol]:
        """The arms, with the code of the context between them."""
        _, *bits = self.observation()[env_index].tolist()
        code = "".join("1" if bit > 0 else "0" for bit in bits)
        arms = [Symbol("square", x, "white") for x in (0.25, 0.75)]
        return [*arms, Symbol("text", 0.5, "white", code)]


def draw_distinct(noise: Tensor, count: int) -> Tensor:
    """Draw distinct whole numbers below `count` in each environment, equally likely.

    Args:
        noise: (B, N) uniform in [0, 1).
        count: upper limit of the numbers, at least N.

    Returns:
        (B, N) int64.
    """
    numbers = noise.new_empty(len(noise), 0, dtype=torch.int64)
    for taken, uniform in enumerate(noise.double().unbind(1)):
        number = (uniform * (count - taken)).long()
        # Drawn among the numbers that are left; skipping the taken ones in ascending
        # order makes it one of them, without rejections.
        for other in numbers.sort(dim=1).values.unbind(1):
            number = number + (number >= other)
        numbers = torch.cat([numbers, number.unsqueeze(1)], dim=1)
    return numbers
