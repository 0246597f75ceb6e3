"""What two reference learners are surprised by, on the trials that an agent made.

Both watch the trials in order, from the start of each episode. Each gives two errors a
trial: on arrival at the second-stage state, and on the reward there. With v the value
of a second-stage state, q that of the first-stage choice and d the discount,

    second stage: d v(state) - q(choice)        reward: paid - v(state)

so that, as for the agent, a value is that of the step at which it is asked.

Model-based (prospective planner): tracks by Bayes the belief p that S1 is the state
that pays more, and expects v(S1) = high p + low (1 - p), its mirror for S2, and
q(choice) = d times the expectation of v under the transition probabilities.
Model-free (SARSA(0)): v and q are tables, moved by the learning rate times their error.

Source: Wang et al. 2018, Nat Neurosci 21:860, Simulation 4, Fig. 5f-g.
Declared: where the paper is silent, q is that of the choice taken, both learners value
the running trial only, and SARSA's tables start anew with each episode, at chance.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from metarl.analysis.columns import Array, Flags
from metarl.core.checks import check_between

EVENTS = ("second stage", "reward")
"""When a trial's two prediction errors come."""


@dataclass(frozen=True, kw_only=True)
class PlannerParams:
    """The structure that the model-based reference knows; the task's own names."""

    probability_common: float = 0.8
    """Chance that left leads to S1 and right to S2, in [0, 1]."""
    probability_high: float = 0.9
    """Chance of reward in the high second-stage state, in [0, 1]."""
    probability_low: float = 0.1
    """Chance of reward in the other second-stage state, in [0, 1]."""
    probability_switch: float = 0.025
    """Chance at each trial's start that high and low swap, in [0, 1]."""

    def __post_init__(self) -> None:
        """Refuse what is no probability."""
        for field in fields(self):
            check_between(field.name, getattr(self, field.name), 0, 1)

    @classmethod
    def of_task(cls, parameters: Mapping[str, object]) -> "PlannerParams":
        """The parameters that the planner shares with the task's."""
        names = {field.name for field in fields(cls)}
        return cls(**{k: float(str(v)) for k, v in parameters.items() if k in names})


@dataclass(frozen=True, kw_only=True)
class SarsaParams:
    """The model-free reference."""

    learning_rate: float = 0.1
    """Share of a prediction error that a value moves by, in [0, 1]. Ours: the paper
    does not state it."""
    initial_value: float = 0.5
    """Value of a second-stage state at an episode's start, in reward units: chance."""

    def __post_init__(self) -> None:
        """Refuse what is no share."""
        check_between("learning_rate", self.learning_rate, 0, 1)


@dataclass(frozen=True, kw_only=True)
class TrialGrid:
    """Trials of E episodes, T places each; NaN where nothing was seen."""

    choice: Array
    """(E, T) 0 left, 1 right."""
    second_state: Array
    """(E, T) 0 S1, 1 S2."""
    paid: Array
    """(E, T) reward at the second stage, in reward units."""

    @property
    def seen(self) -> Flags:
        """(E, T) whether the trial came to its reward."""
        return np.isfinite(self.choice + self.second_state + self.paid)


def model_based_errors(
    grid: TrialGrid, discount: float, params: PlannerParams | None = None
) -> dict[str, Array]:
    """Prediction errors of the prospective planner, (E, T) each, by event."""
    known = params or PlannerParams()
    belief = np.full(len(grid.choice), 0.5)
    errors = {event: np.full(grid.choice.shape, np.nan) for event in EVENTS}
    for place, seen in enumerate(grid.seen.T):
        belief = belief + known.probability_switch * (1 - 2 * belief)
        second = grid.second_state[:, place]
        first, mirror = _expected(belief, known), _expected(1 - belief, known)
        value = np.where(second == 0, first, mirror)
        commonly = np.where(grid.choice[:, place] == 0, first, mirror)
        rarely = first + mirror - commonly
        common = known.probability_common
        planned = discount * (common * commonly + (1 - common) * rarely)
        paid = grid.paid[:, place]
        errors["second stage"][:, place] = np.where(
            seen, discount * value - planned, np.nan
        )
        errors["reward"][:, place] = np.where(seen, paid - value, np.nan)
        belief = np.where(seen, _updated(belief, second == 0, paid > 0, known), belief)
    return errors


def _expected(belief: Array, known: PlannerParams) -> Array:
    """Chance of reward in a state that is the high one with this belief."""
    return known.probability_high * belief + known.probability_low * (1 - belief)


def _updated(belief: Array, at_first: Flags, won: Flags, known: PlannerParams) -> Array:
    """Bayes: belief that S1 is the high state, after an outcome."""
    if_high = np.where(at_first, known.probability_high, known.probability_low)
    if_low = np.where(at_first, known.probability_low, known.probability_high)
    for_first = belief * np.where(won, if_high, 1 - if_high)
    for_second = (1 - belief) * np.where(won, if_low, 1 - if_low)
    total = for_first + for_second
    return np.divide(for_first, total, out=belief.copy(), where=total > 0)


def model_free_errors(
    grid: TrialGrid, discount: float, params: SarsaParams | None = None
) -> dict[str, Array]:
    """Prediction errors of SARSA(0), (E, T) each, by event."""
    params = params or SarsaParams()
    values = np.full((len(grid.choice), 2), params.initial_value)
    choices = discount * values
    errors = {event: np.full(grid.choice.shape, np.nan) for event in EVENTS}
    for place, seen in enumerate(grid.seen.T):
        env_index = np.flatnonzero(seen)
        choice = grid.choice[env_index, place].astype(int)
        second = grid.second_state[env_index, place].astype(int)
        arrival = discount * values[env_index, second] - choices[env_index, choice]
        reward = grid.paid[env_index, place] - values[env_index, second]
        choices[env_index, choice] += params.learning_rate * arrival
        values[env_index, second] += params.learning_rate * reward
        errors["second stage"][env_index, place] = arrival
        errors["reward"][env_index, place] = reward
    return errors
