"""Baselines of risky choice: random, two Bayesian choosers, an oracle, a habit."""

from functools import cache

import torch
from torch import Tensor

from metarl.baselines.base import (
    IMPOSSIBLE,
    ScreenBaseline,
    ScreenInputs,
    StepInputs,
    best_logits,
)
from metarl.core.checks import check_between
from metarl.core.policy import Memory, Policy
from metarl.envs.risky_choice import FREE_SCREEN, RiskyChoice, RiskyChoiceParams

DISCOUNT = 0.9
"""Per step, of the paper's networks."""
FIXATION_SCREEN = 0
"""Index of the fixation screen."""


class RiskyChoiceBaseline(ScreenBaseline[RiskyChoice]):
    """Gives valid responses, otherwise random ones.

    A subclass updates its beliefs and gives the expected reward of each side (`worth`).
    Values are the expected reward of the present trial, and 0 at fixation.
    """

    def read(self, inputs: StepInputs, previous: Tensor) -> ScreenInputs:
        """Interpret the inputs; an invalid response has no side."""
        step = super().read(inputs, previous)
        action = inputs.last_action.argmax(1).unsqueeze(1)
        valid = self.task.screen_valid[previous].gather(1, action).squeeze(1)
        chosen = valid & inputs.last_action.any(1) & (previous != FIXATION_SCREEN)
        return step._replace(side=torch.where(chosen, step.side, -1))

    def value(self, step: ScreenInputs, beliefs: Memory, logits: Tensor) -> Tensor:
        """(B,) expected reward of the trial, under its own choices."""
        at_choice = (step.screen != FIXATION_SCREEN).unsqueeze(1)
        probabilities = logits[:, self.left :].softmax(1) * at_choice
        return (probabilities * self.worth(beliefs)).sum(1)

    def worth(self, beliefs: Memory) -> Tensor:
        """(B, 2) expected reward of left and right; 0 here."""
        return torch.zeros(2, device=self.device)


class BayesGreedy(RiskyChoiceBaseline):
    """Infers by Bayes' rule the side and probability of the risky arm; maximises.

    It knows the parameters of the task: both rewards and both probabilities. Its belief
    is in four hypotheses: risky left or right, each with the low or the high
    probability. Arms with equal expected reward are equally likely.

    Source: Wang et al. 2018, Nat Neurosci 21:860, Simulation 6, for the structure; a
    Bayesian chooser is ours.
    """

    def __init__(self, task: RiskyChoice) -> None:
        """Read the parameters of `task`."""
        super().__init__(task)
        self.params = p = task.params
        both = torch.tensor([p.probability_low, p.probability_high] * 2)
        self.probabilities = both.to(self.device)
        self.risky_side = torch.tensor([0, 0, 1, 1], device=self.device)
        right = p.probability_right
        prior = torch.tensor([1 - right, 1 - right, right, right]) / 2
        self.prior = prior.to(self.device)

    def initial_beliefs(self, num_envs: int) -> Memory:
        """(B, 4) prior probabilities of the hypotheses."""
        return (self.prior.repeat(num_envs, 1),)

    def update(self, step: ScreenInputs, beliefs: Memory) -> Memory:
        """Apply Bayes' rule to the reward, by its likelihood under each hypothesis."""
        reward, p = step.reward.unsqueeze(1), self.params
        if_risky = (reward == p.reward_risky) * self.probabilities
        if_risky = if_risky + (reward == 0) * (1 - self.probabilities)
        if_safe = (reward == p.reward_safe).float()
        risky = step.side.unsqueeze(1) == self.risky_side
        joint = beliefs[0] * torch.where(risky, if_risky, if_safe)
        total = joint.sum(1, keepdim=True)
        # A reward that is impossible under all hypotheses changes nothing.
        learned = (step.side >= 0).unsqueeze(1) & (total > 0)
        return (torch.where(learned, joint / total, beliefs[0]), *beliefs[1:])

    def preferences(self, step: ScreenInputs, beliefs: Memory) -> Tensor:
        """(B, 2) the arm with the greater expected reward."""
        return best_logits(self.worth(beliefs))

    def worth(self, beliefs: Memory) -> Tensor:
        """(B, 2) expected reward of left and right, by the belief."""
        risky = self.probabilities * self.params.reward_risky
        sides = torch.arange(2, device=self.device).unsqueeze(1)
        worth = torch.where(self.risky_side == sides, risky, self.params.reward_safe)
        return beliefs[0] @ worth.T


class BayesOptimal(BayesGreedy):
    """Maximises the reward of the episode: it accounts for the value of information.

    Choosing the risky arm is informative about its reward probability, which matters
    for later trials; choosing the safe arm is not. The risky arm is therefore worth a
    choice even if its expected reward is less, the more so the more trials are left.
    The rule is computed backwards from the last trial (`exploration_gains`), for an arm
    with a known side; the first pair of forced trials reveals it.
    """

    def __init__(self, task: RiskyChoice) -> None:
        """Plan all free trials."""
        super().__init__(task)
        self.gains = exploration_gains(task.params).to(self.device)

    def initial_beliefs(self, num_envs: int) -> Memory:
        """(B, 4) as in BayesGreedy; (B, 3) free trials done, wins and losses."""
        counts = torch.zeros(num_envs, 3, dtype=torch.int64, device=self.device)
        return (*super().initial_beliefs(num_envs), counts)

    def update(self, step: ScreenInputs, beliefs: Memory) -> Memory:
        """Count free trials, and the wins and losses of the risky arm."""
        belief, counts = super().update(step, beliefs)
        risky = step.side == self._risky_side(belief).long()
        won = risky & (step.reward > 0)
        free = step.previous == FREE_SCREEN
        new = torch.stack([free, won, risky & ~won], dim=1).long()
        return belief, counts + new

    def preferences(self, step: ScreenInputs, beliefs: Memory) -> Tensor:
        """(B, 2) the arm with the greater expected reward over all trials to come."""
        belief, counts = beliefs
        # A caller may go on stepping beyond the planned trials.
        limits = torch.tensor(self.gains.shape[:3], device=counts.device) - 1
        done, wins, losses = counts.minimum(limits).unbind(1)
        gain = self.gains[done, wins, losses]
        right = torch.where(self._risky_side(belief), gain, -gain)
        return best_logits(torch.stack([-right, right], dim=1))

    def _risky_side(self, belief: Tensor) -> Tensor:
        """(B,) bool: whether the risky arm is more probably on the right."""
        return belief[:, 2:].sum(1) > belief[:, :2].sum(1)


class Oracle(RiskyChoiceBaseline):
    """Knows the side and the reward probability of the risky arm."""

    def initial_beliefs(self, num_envs: int) -> Memory:
        """(B, 2) expected rewards of the arms; read from the task before use."""
        return (torch.zeros(num_envs, 2, device=self.device),)

    def update(self, step: ScreenInputs, beliefs: Memory) -> Memory:
        """Read the expected rewards from the task."""
        hidden, p = self.task.hidden(), self.task.params
        risky = hidden["probability_risky"] * p.reward_risky
        safe = torch.full_like(risky, p.reward_safe)
        right = hidden["risky_side"]
        sides = torch.where(right, safe, risky), torch.where(right, risky, safe)
        return (torch.stack(sides, dim=1),)

    def preferences(self, step: ScreenInputs, beliefs: Memory) -> Tensor:
        """(B, 2) the arm with the greater expected reward."""
        return best_logits(beliefs[0])

    def worth(self, beliefs: Memory) -> Tensor:
        """(B, 2) expected reward of left and right."""
        return beliefs[0]


class WinStay(RiskyChoiceBaseline):
    """Repeats the last arm if it was rewarded, else takes the other.

    It therefore stays on the safe arm: a habit that disregards risk.
    """

    def initial_beliefs(self, num_envs: int) -> Memory:
        """(B, 2) logits of left and right: equal."""
        return (torch.zeros(num_envs, 2, device=self.device),)

    def update(self, step: ScreenInputs, beliefs: Memory) -> Memory:
        """Set the next side from the last one and its reward."""
        won = (step.reward > 0).long()
        side = step.side * won + (1 - step.side) * (1 - won)
        sides = torch.arange(2, device=side.device)
        following = torch.where(side.unsqueeze(1) == sides, 0.0, IMPOSSIBLE)
        return (torch.where((step.side >= 0).unsqueeze(1), following, beliefs[0]),)

    def preferences(self, step: ScreenInputs, beliefs: Memory) -> Tensor:
        """(B, 2) logits of left and right."""
        return beliefs[0]


def exploration_gains(params: RiskyChoiceParams) -> Tensor:
    """Compute the gain of a risky over a safe choice, over this and all later trials.

        best[n](w, l) = max(safe + best[n - 1](w, l),
                            p risky + p best[n - 1](w + 1, l)
                            + (1 - p) best[n - 1](w, l + 1))

    for n free trials to go after w wins and l losses of the risky arm, where p is the
    probability of a win by Bayes' rule. The gain is the second line minus the first.

    Args:
        params: the parameters of the task.

    Returns:
        (free_trials, W, L) gain in reward units, by free trials done, wins and losses.

    Source: Gittins 1979, J R Stat Soc B 41:148, for a single arm of unknown value and a
    known one, here with two possible probabilities and a fixed end.
    """
    return _gains(
        params.free_trials,
        params.forced_pairs + params.free_trials + 1,
        (params.probability_low, params.probability_high),
        (params.reward_safe, params.reward_risky),
    )


@cache
def _gains(
    trials: int,
    size: int,
    probabilities: tuple[float, float],
    rewards: tuple[float, float],
) -> Tensor:
    win = win_probabilities(size, *probabilities)
    safe, risky = rewards
    best = torch.zeros(size + 1, size + 1, dtype=torch.float64)
    gains = []
    for _ in range(trials):
        later = best[:-1, :-1]
        chosen = win * (risky + best[1:, :-1]) + (1 - win) * best[:-1, 1:]
        gains.append(chosen - (safe + later))
        # Cells beyond the last possible choice are never read.
        best = torch.zeros_like(best)
        best[:-1, :-1] = torch.maximum(chosen, safe + later)
    return torch.stack(gains[::-1]).float()


def win_probabilities(size: int, low: float, high: float) -> Tensor:
    """(size, size) float64: probability of a win, by the wins and losses so far."""
    count = torch.arange(size, dtype=torch.float64)
    wins, losses = count.unsqueeze(1), count.unsqueeze(0)
    if_low, if_high = (_likelihood(p, wins, losses) for p in (low, high))
    total = if_low + if_high
    # Counts that are impossible under both probabilities are not informative.
    belief_high = torch.where(total > 0, if_high / total, 0.5)
    return low + (high - low) * belief_high


def _likelihood(probability: float, wins: Tensor, losses: Tensor) -> Tensor:
    """Likelihood of a sequence of wins and losses; 0 to the power of 0 is 1."""
    win = torch.tensor(probability, dtype=torch.float64)
    likelihood: Tensor = win.pow(wins) * (1 - win).pow(losses)
    return likelihood


def make_baselines(task: RiskyChoice, discount: float = DISCOUNT) -> dict[str, Policy]:
    """Return the baselines by name; the oracle reads this very task.

    The plan of bayes-optimal exists only if there are forced trials and the reward
    distinguishes the arms.

    Args:
        task: the task that will be stepped.
        discount: per step; without effect, because values are of a reward at once.
    """
    check_between("discount", discount, 0, 1)
    p = task.params
    policies: dict[str, Policy] = {
        "random": RiskyChoiceBaseline(task),
        "win-stay": WinStay(task),
        "bayes-greedy": BayesGreedy(task),
        "oracle": Oracle(task),
    }
    if p.forced_pairs and p.reward_safe not in (0, p.reward_risky):
        policies["bayes-optimal"] = BayesOptimal(task)
    return policies
