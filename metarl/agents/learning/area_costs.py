"""Two areas, each with costs of its own: who learns from what, and when.

The core is a prefrontal area (PFC): h[t], its activity, changes with what is seen and
earned. The readout is a striatal area (BG): policy and value, linear in h[t]. The BG
learns from reinforcement (RL), by the agent's prediction errors. The PFC can learn from

    rl            what comes back from the BG's own errors: one cost, end to end
    reward        predicting the reward that follows, x = w_a[t] h[t] + b_a[t]:
                  1/2 (r[t] - x)^2, or, where it is 0 or 1, with p = 1 / (1 + exp(-x)):
                  -r[t] log p - (1 - r[t]) log(1 - p)
    observation   predicting what is seen next:  1/2 |o[t + 1] - W [h[t], a[t]] - b|^2

each through a reader of its own, which the agent's behaviour never sees. Without "rl"
among the PFC's costs no error crosses from the BG into the PFC.

Source: Marblestone, Wayne & Kording 2016, Front Comput Neurosci 10:94 (a review: that
costs differ by area and over development; equations are ours).
Declared: all predictions are by log likelihood: of a normal variable of variance 1, or
of a Bernoulli one where that is chosen for rewards; sums over what is predicted, means
over steps and lanes.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, one_hot

from metarl.agents.config import A2CConfig
from metarl.agents.learning.a2c import (
    Learner,
    Losses,
    Targets,
    Trajectory,
    actor_critic_loss,
)
from metarl.agents.learning.config import CostsConfig
from metarl.agents.networks.actor_critic import ActorCritic, Network
from metarl.agents.unrolls.gradient_paths import GradientPaths
from metarl.agents.unrolls.network import SharedUnroll, Unroll
from metarl.core.checks import MetaRLError


def credit_by_area(
    credit: GradientPaths, costs: CostsConfig, network: Network
) -> GradientPaths:
    """The paths of the BG's errors; none into the PFC unless RL is its cost too."""
    if "rl" in costs.pfc or not isinstance(network, ActorCritic):
        return credit
    return replace(credit, cut=True)


class Predictors(nn.Module):
    """The PFC's own readers: the reward of the action taken, and what is seen next."""

    def __init__(
        self, network: ActorCritic, costs: CostsConfig, generator: torch.Generator
    ) -> None:
        """Draw the readers, normal with variance 1 / units."""
        super().__init__()
        self.action_count = network.action_count
        self.likelihood = costs.likelihood
        units, told = network.core.units, network.action_count + 1
        seen = network.input_size - told
        sizes = {
            "reward": (units, network.action_count),
            "observation": (units + network.action_count, seen),
        }
        readers: dict[str, nn.Linear] = {
            name: nn.Linear(*sizes[name]) for name in costs.pfc if name in sizes
        }
        with torch.no_grad():
            for reader in readers.values():
                reader.weight.normal_(0, units**-0.5, generator=generator)
                reader.bias.zero_()
        self.readers = nn.ModuleDict(readers)

    def losses(self, activity: Tensor, trajectory: Trajectory) -> dict[str, Tensor]:
        """Mean of minus the log likelihood, but for constants, of each that there is.

        Raises:
            MetaRLError: a reward that is to be 0 or 1 is neither.
        """
        found, actions = {}, trajectory.actions
        if "reward" in self.readers:
            every = self.readers["reward"](activity)
            expected = every.gather(-1, actions.unsqueeze(-1)).squeeze(-1)
            found["reward"] = self._reward_loss(expected, trajectory.rewards)
        if "observation" in self.readers:
            taken = one_hot(actions, self.action_count).to(activity)
            expected = self.readers["observation"](torch.cat([activity, taken], -1))
            error = trajectory.observations[1:] - expected
            # After an episode's end comes another, which nothing foretells.
            squares = error.square().sum(-1) * trajectory.nonterminal
            found["observation"] = 0.5 * squares.mean()
        return found

    def _reward_loss(self, expected: Tensor, rewards: Tensor) -> Tensor:
        if self.likelihood == "normal":
            return 0.5 * (rewards - expected).square().mean()
        others = rewards[(rewards != 0) & (rewards != 1)]
        if len(others):
            raise MetaRLError(
                "rewards must be 0 or 1 where learning.costs.likelihood is bernoulli, "
                f"got {float(others[0]):g}; normal fits whatever a task pays"
            )
        return binary_cross_entropy_with_logits(expected, rewards)


class AreaLearner(Learner):
    """Teaches each area by its own costs, each at its own time of development."""

    unroll: SharedUnroll

    def __init__(
        self,
        network: Network,
        config: A2CConfig,
        unroll: Unroll,
        generator: torch.Generator,
    ) -> None:
        """Prepare the PFC's readers and the optimizer.

        Raises:
            ValueError: the network's policy and value do not read one core.
        """
        if not isinstance(unroll, SharedUnroll) or not isinstance(network, ActorCritic):
            raise ValueError(
                "critic must be shared, and encoder none, where costs are by area; got "
                f"{type(network).__name__}"
            )
        self.predictors = Predictors(network, config.costs, generator)
        super().__init__(network, config, [*self.predictors.parameters()])
        self.network: ActorCritic = network
        self.unroll, self.updates = unroll, 0
        self.predicted: dict[str, Tensor] = {}

    def update(
        self, unroll: Unroll, trajectory: Trajectory, progress: float
    ) -> dict[str, Tensor]:
        """One gradient step; scalars to log, how well is predicted among them."""
        scalars = super().update(unroll, trajectory, progress)
        return {**scalars, **self.predicted}

    def compute_gradients(
        self, unroll: Unroll, trajectory: Trajectory, lesson: Targets, progress: float
    ) -> Losses:
        """The gradients of all costs that are on now."""
        config, branch = self.config, self.unroll.branch
        activity = branch.activities(trajectory.starts)
        said = branch.credit.read(self.network.heads, activity)
        logits, values = self.network.split(said)
        losses = actor_critic_loss(
            logits,
            values,
            trajectory.actions,
            lesson.advantage,
            lesson.targets,
            value_weight=config.value_weight,
            entropy_weight=config.entropy_weight.at(progress),
        )
        total = losses.total * self._on("rl")
        predictions = self.predictors.losses(activity, trajectory)
        for name, loss in predictions.items():
            total = total + loss * (config.costs.prediction_weight * self._on(name))
        total.backward()
        self.predicted = {f"loss/{k}": loss.detach() for k, loss in predictions.items()}
        self.updates += 1
        return losses

    def state(self) -> dict[str, Any]:
        """Also the readers, and how many updates there were."""
        readers = self.predictors.state_dict()
        return {**super().state(), "readers": readers, "updates": self.updates}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state`."""
        super().load_state(state)
        self.predictors.load_state_dict(state["readers"])
        self.updates = state["updates"]

    def _on(self, cost: str) -> float:
        """1 where a cost is on at this time of development, else 0."""
        return float(self.config.costs.on(cost, self.updates))
