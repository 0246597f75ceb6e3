"""Baselines of the bandit: random, UCB, greedy, Thompson, Gittins, optimal.

They count the wins and pulls of each arm, and know the number of trials of an episode.
Except for bayes-greedy, they assume independent arms with uniform prior distributions
of the reward probabilities, so that the mean of an arm is (wins + 1) / (pulls + 2).
They report no values.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.polynomial import legendre
from torch import Tensor

from metarl.baselines.base import (
    IMPOSSIBLE,
    TIE,
    BaselinePolicy,
    StepInputs,
    best_logits,
)
from metarl.core.policy import Memory, Policy
from metarl.envs.bandit import Bandit

LEAST_PROBABILITY = 1e-12
"""Lower limit of an arm's probability to be the best, before its logarithm is taken."""
TUNED_BONUS = 0.09
"""Bonus of the tuned confidence bound; 0.3 squared."""
LONGEST = 120
"""Largest number of trials to plan; time and memory grow with the fourth power."""
LEVELS = 501
"""Levels of the sure reward that an arm is compared with, evenly spaced in [0, 1]."""


class BanditBaseline(BaselinePolicy[Bandit]):
    """Counts, and chooses at random; a subclass prefers arms by the counts."""

    def __init__(self, task: Bandit) -> None:
        """Read the numbers of arms and trials of `task`."""
        super().__init__(task)
        self.trial_count = task.params.trial_count

    def initial_memory(self, num_envs: int) -> Memory:
        """(B, N) wins and pulls: none yet."""
        zeros = torch.zeros(num_envs, self.action_count, device=self.device)
        return zeros, zeros

    def learn(self, step: StepInputs, beliefs: Memory) -> Memory:
        """Wins and pulls after the last trial."""
        wins = beliefs[0] + step.last_action * step.reward.unsqueeze(1)
        pulls = beliefs[1] + step.last_action
        # Where memory outlasts the episode, a new episode starts with no counts.
        going_on = pulls.sum(1, keepdim=True) < self.trial_count
        return wins * going_on, pulls * going_on

    def logits(self, step: StepInputs, beliefs: Memory) -> Tensor:
        """(B, N) logits of the arms."""
        return self.preferences(*beliefs)

    def preferences(self, wins: Tensor, pulls: Tensor) -> Tensor:
        """(B, N) logits of the arms, given the counts; equal here."""
        return torch.zeros_like(wins)


class Greedy(BanditBaseline):
    """Takes the arm with the best posterior mean, without exploration."""

    def preferences(self, wins: Tensor, pulls: Tensor) -> Tensor:
        """(B, N) the best mean."""
        return best_logits((wins + 1) / (pulls + 2))


class UpperConfidence(BanditBaseline):
    """Takes the arm with the highest upper confidence bound: UCB.

        bound = mean + sqrt(bonus ln(trials) / pulls)

    An arm that was never pulled comes first. With a `prior`, the mean includes one
    imaginary win and one loss per arm, and the bonus one imaginary pull per arm and one
    trial.

    Source: Auer et al. 2002, Mach Learn 47:235 (bonus 2); Wang et al. 2016.
    """

    def __init__(
        self, task: Bandit, bonus: float = 1.0, *, prior: bool = False
    ) -> None:
        """Explore by the `bonus` of the bound, at least 0."""
        super().__init__(task)
        self.bonus, self.prior = bonus, float(prior)

    def preferences(self, wins: Tensor, pulls: Tensor) -> Tensor:
        """(B, N) the best bound."""
        mean = (wins + self.prior) / (pulls + 2 * self.prior).clamp_min(1)
        trials = (pulls.sum(1, keepdim=True) + self.prior).clamp_min(1)
        counted = pulls + self.prior
        width = torch.sqrt(self.bonus * trials.log() / counted.clamp_min(1))
        untried = counted == 0
        return best_logits((mean + width).masked_fill(untried, -IMPOSSIBLE))


class Thompson(BanditBaseline):
    """Takes each arm with its posterior probability to be the best: Thompson sampling.

    The logits are exact logarithms of these probabilities, so that sampling the action
    is the only source of randomness.

    Source: Thompson 1933, Biometrika 25:285; Wang et al. 2016.
    """

    def __init__(self, task: Bandit) -> None:
        """Choose a quadrature that is exact for all possible counts."""
        super().__init__(task)
        self.nodes = self.trial_count + self.action_count
        self.rule = quadrature(self.nodes).to(self.device)

    def preferences(self, wins: Tensor, pulls: Tensor) -> Tensor:
        """(B, N) log probability to be the best."""
        posteriors = self.posteriors(wins, pulls - wins)
        best = probabilities_to_be_best(posteriors, self.rule)
        return best.clamp_min(LEAST_PROBABILITY).log().float()

    def posteriors(self, wins: Tensor, losses: Tensor) -> "Posteriors":
        """Posterior distributions of the arms, from a table unless it is too large."""
        if self.trial_count > LONGEST:
            return compute_posteriors(wins, losses, self.rule)
        table = posterior_table(self.trial_count, self.nodes)
        place = (wins * (self.trial_count + 1) + losses).long()
        return Posteriors(*(values.to(self.device)[place] for values in table))


class Gittins(BanditBaseline):
    """Takes the arm with the best Gittins index for the trials that are left."""

    def preferences(self, wins: Tensor, pulls: Tensor) -> Tensor:
        """(B, N) the best index."""
        left = self.trial_count - pulls.sum(1, keepdim=True).long()
        indices = gittins_indices(self.trial_count).to(self.device)
        return best_logits(indices[left, wins.long(), (pulls - wins).long()])


class BayesOptimal(BanditBaseline):
    """Plans to the end: the upper limit of reward while learning two independent arms.

    Source: Bellman 1956, Sankhya 16:221.
    """

    def preferences(self, wins: Tensor, pulls: Tensor) -> Tensor:
        """(B, 2) the better arm."""
        plan = optimal_plan(self.trial_count)
        choice = plan.choice(wins.long().cpu(), pulls.long().cpu()).to(self.device)
        logits = [[0.0, IMPOSSIBLE], [IMPOSSIBLE, 0.0], [0.0, 0.0]]
        return torch.tensor(logits, device=self.device).index_select(0, choice)


class BayesGreedy(BanditBaseline):
    """Knows that the two probabilities sum to 1, and takes the arm that seems better.

    A loss of one arm is as informative as a win of the other, whichever is pulled, so
    that exploration gains nothing and this policy is optimal.
    """

    def preferences(self, wins: Tensor, pulls: Tensor) -> Tensor:
        """(B, 2) the arm with more evidence."""
        return best_logits(wins + (pulls - wins).flip(1))


class Quadrature(NamedTuple):
    """Integrals over [0, 1] of functions known at G nodes."""

    nodes: Tensor
    """(G,) float64."""
    weights: Tensor
    """(G,) weights of the values at the nodes, for the integral from 0 to 1."""
    running: Tensor
    """(G, G) weights of the values, for the integrals from 0 to each node."""

    def to(self, device: torch.device) -> "Quadrature":
        """Return the quadrature on another device."""
        return Quadrature(*(tensor.to(device) for tensor in self))


@cache
def quadrature(count: int) -> Quadrature:
    """Make a Gauss-Legendre quadrature.

    `weights` is exact for polynomials below degree 2 count, `running` below count. The
    Legendre coefficients of the values are integrals too, and Legendre polynomials have
    the integrals (P[k + 1] - P[k - 1]) / (2 k + 1), with P[-1] = -1 from the left end.

    Args:
        count: number of nodes.
    """
    nodes, weights = legendre.leggauss(count)
    values = legendre.legvander(nodes, count)
    below = np.column_stack([-np.ones(count), values[:, : count - 1]])
    integrals = (values[:, 1:] - below) / 2
    running = integrals @ values[:, :count].T * weights
    # From [-1, 1] to [0, 1], which is half as long.
    arrays = ((nodes + 1) / 2, weights / 2, running / 2)
    return Quadrature(*(torch.from_numpy(array) for array in arrays))


class Posteriors(NamedTuple):
    """Posterior distributions of reward probabilities at G nodes; (..., G) each.

    The density of an arm is a polynomial of a degree equal to its pulls; so are its
    integral and products of these, for which Gauss-Legendre quadrature is exact.
    """

    density: Tensor
    """Probability density of the reward probability."""
    distribution: Tensor
    """Probability that the reward probability is below the node."""


def compute_posteriors(wins: Tensor, losses: Tensor, rule: Quadrature) -> Posteriors:
    """Compute the posterior distributions after (...) wins and losses."""
    wins, losses = wins.double().unsqueeze(-1), losses.double().unsqueeze(-1)
    log_density = (
        wins * rule.nodes.log()
        + losses * (-rule.nodes).log1p()
        + torch.lgamma(wins + losses + 2)
        - torch.lgamma(wins + 1)
        - torch.lgamma(losses + 1)
    )
    density = log_density.exp()
    return Posteriors(density, density @ rule.running.T)


@cache
def posterior_table(most: int, nodes: int) -> Posteriors:
    """Posteriors after up to `most` wins and losses, at wins * (most + 1) + losses."""
    counts = torch.arange(most + 1)
    wins, losses = torch.cartesian_prod(counts, counts).unbind(1)
    return compute_posteriors(wins, losses, quadrature(nodes))


def probabilities_to_be_best(arms: Posteriors, rule: Quadrature) -> Tensor:
    """Probability that each arm has the highest reward probability.

        P(arm is best) = integral of density(arm) times the product of the others'
                         distribution functions

    Args:
        arms: (B, N, G) posterior distributions.
        rule: quadrature of at least N nodes, and more than any arm was pulled.

    Returns:
        (B, N) float64; the rows sum to 1.
    """
    density, distribution = arms
    places = range(density.shape[1])
    integrands = [
        density[:, arm]
        * torch.stack([distribution[:, k] for k in places if k != arm]).prod(0)
        for arm in places
    ]
    return torch.stack(integrands, dim=1) @ rule.weights


class Plan(NamedTuple):
    """The best choice after any outcomes of two independent arms."""

    choices: Tensor
    """int8: 0 left, 1 right, 2 either. The best choice after t trials is at
    (t (t + 1) / 2)^2 + (w (t + 1) + l) (t + 1) + v, where w and l are the wins and
    losses of left, and v the wins of right."""
    reward: float
    """Expected reward of an episode, in reward units."""

    def choice(self, wins: Tensor, pulls: Tensor) -> Tensor:
        """(B,) 0 left, 1 right, 2 either, given (B, 2) int64 wins and pulls."""
        over = pulls.sum(1)
        losses = pulls[:, 0] - wins[:, 0]
        within = (wins[:, 0] * (over + 1) + losses) * (over + 1) + wins[:, 1]
        return self.choices[(over * (over + 1) // 2) ** 2 + within].long()


@cache
def optimal_plan(trial_count: int) -> Plan:
    """Compute the Bayes-optimal plan for two independent arms, from the last trial.

        value(counts) = max over arms of mean (1 + value(counts + win))
                                       + (1 - mean) value(counts + loss)

    Args:
        trial_count: trials of an episode, at most LONGEST.

    Source: Bellman 1956, Sankhya 16:221.
    """
    value = torch.zeros([trial_count + 1] * 3, dtype=torch.float64)
    choices = []
    for over in reversed(range(trial_count)):
        left, right = _arm_values(value, over)
        value = torch.maximum(left, right)
        best = (right > left).to(torch.int8)
        choices.append(best.masked_fill_((right - left).abs() < TIE, 2).flatten())
    return Plan(torch.cat(choices[::-1]), float(value))


def _arm_values(value: Tensor, over: int) -> tuple[Tensor, Tensor]:
    """Values of left and right after `over` trials, given the values one trial later.

    Args:
        value: (over + 2,) * 3 by the wins and losses of left and the wins of right;
            meaningless where these are more than the trials.
        over: number of trials so far.
    """
    count = torch.arange(over + 1, dtype=torch.float64)
    wins, losses, right_wins = count[:, None, None], count[None, :, None], count
    left_mean = (wins + 1) / (wins + losses + 2)
    # The clamps keep impossible counts finite: the arrays are cubes, for speed.
    right_pulls = (over - wins - losses + 2).clamp_min(1)
    right_mean = ((right_wins + 1) / right_pulls).clamp_max(1)
    left = left_mean * (1 + value[1:, :-1, :-1])
    left += (1 - left_mean) * value[:-1, 1:, :-1]
    right = right_mean * (1 + value[:-1, :-1, 1:])
    right += (1 - right_mean) * value[:-1, :-1, :-1]
    return left, right


@cache
def gittins_indices(trial_count: int) -> Tensor:
    """Compute the sure reward that an arm is equivalent to, by the trials left.

    With it, pulling the arm at least once, and then for as long as is best, is as good
    as taking the sure reward every time:

        ahead(left, arm) = mean - sure + mean gain(left - 1, arm + win)
                                       + (1 - mean) gain(left - 1, arm + loss)
        gain = max(ahead, 0);  the index is the sure reward where ahead is 0

    Between LEVELS of the sure reward, `ahead` is interpolated linearly.

    Args:
        trial_count: trials of an episode, at most LONGEST.

    Returns:
        (trial_count + 1, trial_count, trial_count) float32 in [0, 1], by trials left,
        wins and losses of the arm; 0 where these are more than the trials.

    Source: Gittins 1979, J R Stat Soc B 41:148; with a finite horizon, Kaufmann 2018,
    Ann Stat 46:842.
    """
    sure = torch.linspace(0, 1, LEVELS, dtype=torch.float64)[:, None, None]
    indices = torch.zeros(trial_count + 1, trial_count, trial_count)
    gain = torch.zeros(1, trial_count + 1, trial_count + 1, dtype=torch.float64)
    for left in range(1, trial_count + 1):
        size = trial_count - left + 1
        wins = torch.arange(size, dtype=torch.float64)[:, None]
        mean = (wins + 1) / (wins + wins.T + 2)
        ahead = mean - sure + mean * gain[:, 1:, :-1] + (1 - mean) * gain[:, :-1, 1:]
        indices[left, :size, :size] = _zero_crossing(ahead)
        gain = ahead.clamp_min_(0)
    return indices


def _zero_crossing(ahead: Tensor) -> Tensor:
    """Position, from 0 to 1, at which values that decrease along dimension 0 are 0."""
    below = (ahead > 0).sum(0, keepdim=True)
    before, after = ahead.gather(0, below - 1), ahead.gather(0, below)
    fraction = before / (before - after)
    crossing: Tensor = (below - 1 + fraction).squeeze(0) / (LEVELS - 1)
    return crossing


def make_baselines(task: Bandit, discount: float = 0.0) -> dict[str, Policy]:
    """Return the baselines by name.

    Args:
        task: the task that will be stepped.
        discount: per step; without effect, because no values are reported.
    """
    policies: dict[str, Policy] = {
        "random": BanditBaseline(task),
        "ucb": UpperConfidence(task),
        "thompson": Thompson(task),
        "greedy": Greedy(task),
        "ucb-tuned": UpperConfidence(task, TUNED_BONUS, prior=True),
    }
    independent = task.params.distribution == "independent"
    plannable = task.params.trial_count <= LONGEST
    if plannable:
        policies["gittins"] = Gittins(task)
    if plannable and independent and task.params.arm_count == 2:
        policies["bayes-optimal"] = BayesOptimal(task)
    if not independent:
        policies["bayes-greedy"] = BayesGreedy(task)
    return policies
