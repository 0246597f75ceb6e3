"""Yardsticks of risky choice: chance, two Bayesian choosers, an oracle, a habit."""

import torch
from torch import Tensor

from metarl.baselines.base import IMPOSSIBLE, best_logits
from metarl.baselines.risky_choice_base import (
    Outcome,
    RiskyChoiceStrategy,
    RiskyChoiceTask,
)
from metarl.baselines.risky_choice_planning import worth_exploring
from metarl.core.checks import check_between
from metarl.core.policy import Memory, Policy

DISCOUNT = 0.9
"""Per step, of the paper's networks."""


class BayesGreedy(RiskyChoiceStrategy):
    """Infers by Bayes where the risky arm is and how often it pays; takes the better.

    It knows the true structure: both payments and both chances. It believes in the four
    hypotheses risky left or right, each with the low or the high chance. Arms that are
    worth the same are equally likely.

    Source: Wang et al. 2018, Nat Neurosci 21:860, Simulation 6, for the structure; a
    Bayesian chooser is ours.
    """

    def __init__(self, task: RiskyChoiceTask) -> None:
        """Know the task's parameters."""
        super().__init__(task)
        known, device = task.params, task.device
        chances = torch.tensor([known.probability_low, known.probability_high] * 2)
        self.chances = chances.to(device)
        self.risky_side = torch.tensor([0, 0, 1, 1], device=device)
        right = known.probability_right
        prior = torch.tensor([1 - right, 1 - right, right, right]) / 2
        self.prior = prior.to(device)

    def initial_beliefs(self, num_envs: int) -> Memory:
        """(B, 4) the chances with which episodes are drawn."""
        return (self.prior.repeat(num_envs, 1),)

    def learn(self, outcome: Outcome, beliefs: Memory) -> Memory:
        """Weigh what was paid by how likely it was under each hypothesis."""
        paid, known = outcome.reward.unsqueeze(1), self.params
        if_risky = (paid == known.reward_risky) * self.chances
        if_risky = if_risky + (paid == 0) * (1 - self.chances)
        if_safe = (paid == known.reward_safe).float()
        risky = outcome.side.unsqueeze(1) == self.risky_side
        odds = beliefs[0] * torch.where(risky, if_risky, if_safe)
        total = odds.sum(1, keepdim=True)
        learned = (outcome.side >= 0).unsqueeze(1) & (total > 0)
        return (torch.where(learned, odds / total, beliefs[0]), *beliefs[1:])

    def preferences(self, beliefs: Memory) -> Tensor:
        """(B, 2) the arm worth more."""
        return best_logits(self.worth(beliefs))

    def worth(self, beliefs: Memory) -> Tensor:
        """(B, 2) reward expected of left and right, by the belief."""
        pays = self.chances * self.params.reward_risky
        sides = torch.arange(2, device=self.risky_side.device).unsqueeze(1)
        worth = torch.where(self.risky_side == sides, pays, self.params.reward_safe)
        return beliefs[0] @ worth.T


class BayesOptimal(BayesGreedy):
    """Earns the most that can be earned without being told: it values information.

    Pulling the risky arm also teaches how often it pays, which later trials can use;
    the safe arm teaches nothing. So the risky arm is worth a pull even where it is
    expected to pay less, the more so the more trials are to come. The rule is computed
    backwards from the last trial (`worth_exploring`), for an arm whose side is known;
    the first pair of forced trials tells it.
    """

    def __init__(self, task: RiskyChoiceTask) -> None:
        """Plan all free trials."""
        super().__init__(task)
        self.table = worth_exploring(task.params).to(task.device)

    def initial_beliefs(self, num_envs: int) -> Memory:
        """(B, 4) as a greedy chooser's; (B, 3) free trials done, wins and losses."""
        counts = torch.zeros(num_envs, 3, dtype=torch.int64, device=self.valid.device)
        return (*super().initial_beliefs(num_envs), counts)

    def learn(self, outcome: Outcome, beliefs: Memory) -> Memory:
        """Count free trials, and what the risky arm has paid."""
        belief, counts = super().learn(outcome, beliefs)
        risky = outcome.side == self._risky_side(belief).long()
        won = risky & (outcome.reward > 0)
        news = torch.stack([outcome.free, won, risky & ~won], dim=1).long()
        return belief, counts + news

    def preferences(self, beliefs: Memory) -> Tensor:
        """(B, 2) the arm that promises more over all trials to come."""
        belief, counts = beliefs
        # A driver may step on beyond the trials that were planned.
        limits = torch.tensor(self.table.shape[:3], device=counts.device) - 1
        done, wins, losses = counts.minimum(limits).unbind(1)
        gain = self.table[done, wins, losses]
        right = torch.where(self._risky_side(belief), gain, -gain)
        return best_logits(torch.stack([-right, right], dim=1))

    def _risky_side(self, belief: Tensor) -> Tensor:
        """(B,) bool: whether the risky arm is on the right, as far as is known."""
        return belief[:, 2:].sum(1) > belief[:, :2].sum(1)


class Oracle(BayesGreedy):
    """Is told where the risky arm is and how often it pays."""

    def __init__(self, task: RiskyChoiceTask) -> None:
        """Look into `task`, which must be the one that is being stepped."""
        super().__init__(task)
        self.hidden = task.hidden

    def initial_beliefs(self, num_envs: int) -> Memory:
        """(B, 2) what the arms are worth; looked up before it is used."""
        return (torch.zeros(num_envs, 2, device=self.valid.device),)

    def learn(self, outcome: Outcome, beliefs: Memory) -> Memory:
        """Look what the arms are worth."""
        hidden = self.hidden()
        risky = hidden["probability_risky"] * self.params.reward_risky
        safe = torch.full_like(risky, self.params.reward_safe)
        right = hidden["risky_side"]
        sides = torch.where(right, safe, risky), torch.where(right, risky, safe)
        return (torch.stack(sides, dim=1),)

    def worth(self, beliefs: Memory) -> Tensor:
        """(B, 2) reward expected of left and right."""
        return beliefs[0]


class WinStay(RiskyChoiceStrategy):
    """Repeats the last arm if it paid, else takes the other; its memory is one trial.

    So it stays on the safe arm for good: a habit that earns, but weighs no risk.
    """

    def initial_beliefs(self, num_envs: int) -> Memory:
        """(B, 2) logits of left and right: none is better."""
        return (torch.zeros(num_envs, 2, device=self.valid.device),)

    def learn(self, outcome: Outcome, beliefs: Memory) -> Memory:
        """The side to take next."""
        won = (outcome.reward > 0).long()
        side = outcome.side * won + (1 - outcome.side) * (1 - won)
        sides = torch.arange(2, device=side.device)
        taken = torch.where(side.unsqueeze(1) == sides, 0.0, IMPOSSIBLE)
        return (torch.where((outcome.side >= 0).unsqueeze(1), taken, beliefs[0]),)

    def preferences(self, beliefs: Memory) -> Tensor:
        """(B, 2) logits of left and right."""
        return beliefs[0]


def make_baselines(
    task: RiskyChoiceTask, discount: float = DISCOUNT
) -> dict[str, Policy]:
    """The yardsticks by name; the oracle looks into this very task.

    `discount` scales nothing: a choice is paid at once, and values count one trial.
    Without forced trials, or where a payment does not tell the arms apart, there is no
    plan of the best rule.
    """
    check_between("discount", discount, 0, 1)
    known = task.params
    strategies: dict[str, Policy] = {
        "random": RiskyChoiceStrategy(task),
        "win-stay": WinStay(task),
        "bayes-greedy": BayesGreedy(task),
        "oracle": Oracle(task),
    }
    if known.forced_pairs and known.reward_safe not in (0, known.reward_risky):
        strategies["bayes-optimal"] = BayesOptimal(task)
    return strategies
