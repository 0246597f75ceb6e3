"""A bandit whose better arm changes sides at every trial."""

from torch import Tensor

from metarl.envs.bandit import Bandit
from metarl.envs.task import Step


class AlternatingBandit(Bandit):
    """A bandit whose arms swap their chances after every trial, told apart by a light.

    Who has won must change arms, who has lost must not: what is right in the plain
    bandit is wrong here.

    Observation: 1 throughout, where the plain bandit without trial input shows 0.
    Actions, Reward, Episode end, info["trial"]: as in the plain bandit; chances are
        those of the trial.
    Source: ours, to ask what the second of two tasks does to the first.
    """

    def step(self, actions: Tensor, noise: Tensor) -> Step:
        """Swap the arms' chances, but for the first trial; then pull an arm."""
        if self.trial > 0:
            self.probabilities = self.probabilities.flip(1)
        return super().step(actions, noise)

    def observation(self) -> Tensor:
        """(B, 1): the light."""
        return super().observation() * 0 + 1
