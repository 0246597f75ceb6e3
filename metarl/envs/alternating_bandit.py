"""A bandit with a better arm that changes sides after every trial."""

from torch import Tensor

from metarl.envs.bandit import Bandit
from metarl.envs.task import Step


class AlternatingBandit(Bandit):
    """A bandit with arms that swap their reward probabilities after every trial.

    After a reward the subject must change arms, and otherwise stay: the reverse of the
    plain bandit, from which a light distinguishes this task.

    Observation: always 1; the plain bandit without trial input shows 0.
    Actions, Reward, Episode end, info["trial"]: as in the plain bandit; probabilities
        are those of the trial.
    Source: ours, for the effect of the second of two tasks on the first.
    """

    def step(self, actions: Tensor, noise: Tensor) -> Step:
        """Swap the probabilities, except before the first trial; then choose."""
        if self.trial > 0:
            self.probabilities = self.probabilities.flip(1)
        return super().step(actions, noise)

    def observation(self) -> Tensor:
        """(B, 1): the light."""
        return super().observation() * 0 + 1
