"""Costs by area: two areas, each with costs and times of its own.

The core models a prefrontal area (PFC) with activity h[t]. The heads model a striatal
area (BG): policy and value, linear in h[t]. The BG learns by reinforcement (RL), from
the agent's prediction errors. The costs of the PFC can be

    rl            errors of the BG, backpropagated: one cost, end to end
    reward        prediction of the reward that follows, x = w_a[t] h[t] + b_a[t]:
                  1/2 (r[t] - x)^2, or, for rewards of 0 or 1, p = 1 / (1 + exp(-x)):
                  -r[t] log p - (1 - r[t]) log(1 - p)
    observation   prediction of the next one:  1/2 |o[t + 1] - W [h[t], a[t]] - b|^2

each with a readout of its own, which has no influence on behaviour. Without "rl" among
the costs of the PFC no error passes from the BG into the PFC.

Source: Marblestone, Wayne & Kording 2016, Front Comput Neurosci 10:94 (a review: costs
differ by area and over development; the equations are ours).
Declared: all prediction costs are negative log likelihoods: of a normal variable of
variance 1, or of a Bernoulli variable if chosen for rewards; sums over entries, means
over steps and environments.
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


def paths_by_area(paths: GradientPaths, costs: CostsConfig) -> GradientPaths:
    """Paths of the errors of the BG; none into the PFC unless it has the cost rl."""
    return paths if "rl" in costs.pfc else replace(paths, detached=True)


class Predictors(nn.Module):
    """Readouts of the PFC for its predictions of reward and observation."""

    def __init__(
        self, network: ActorCritic, costs: CostsConfig, generator: torch.Generator
    ) -> None:
        """Draw the weights, normal with variance 1 / units."""
        super().__init__()
        self.action_count = network.action_count
        self.likelihood = costs.likelihood
        units, feedback = network.core.units, network.action_count + 1
        observed = network.input_size - feedback
        sizes = {
            "reward": (units, network.action_count),
            "observation": (units + network.action_count, observed),
        }
        readouts: dict[str, nn.Linear] = {
            name: nn.Linear(*sizes[name]) for name in costs.pfc if name in sizes
        }
        with torch.no_grad():
            for readout in readouts.values():
                readout.weight.normal_(0, units**-0.5, generator=generator)
                readout.bias.zero_()
        self.readouts = nn.ModuleDict(readouts)

    def losses(self, activity: Tensor, trajectory: Trajectory) -> dict[str, Tensor]:
        """Mean negative log likelihood, without constants, of each prediction.

        Raises:
            MetaRLError: a reward is neither 0 nor 1, but the likelihood is Bernoulli.
        """
        losses, actions = {}, trajectory.actions
        if "reward" in self.readouts:
            # One prediction for each action; only that of the taken one has a target.
            by_action = self.readouts["reward"](activity)
            predicted = by_action.gather(-1, actions.unsqueeze(-1)).squeeze(-1)
            losses["reward"] = self._reward_loss(predicted, trajectory.rewards)
        if "observation" in self.readouts:
            taken = one_hot(actions, self.action_count).to(activity)
            predicted = self.readouts["observation"](torch.cat([activity, taken], -1))
            error = trajectory.observations[1:] - predicted
            # The first observation of the next episode cannot be predicted.
            squares = error.square().sum(-1) * trajectory.nonterminal
            losses["observation"] = 0.5 * squares.mean()
        return losses

    def _reward_loss(self, predicted: Tensor, rewards: Tensor) -> Tensor:
        if self.likelihood == "normal":
            return 0.5 * (rewards - predicted).square().mean()
        others = rewards[(rewards != 0) & (rewards != 1)]
        if len(others):
            raise MetaRLError(
                "rewards must be 0 or 1 where learning.costs.likelihood is bernoulli, "
                f"got {float(others[0]):g}; choose normal, which fits any reward"
            )
        return binary_cross_entropy_with_logits(predicted, rewards)


class AreaLearner(Learner):
    """Learner with costs for each area, each at its own time of development."""

    unroll: SharedUnroll

    def __init__(
        self,
        network: Network,
        config: A2CConfig,
        unroll: Unroll,
        generator: torch.Generator,
    ) -> None:
        """Create the readouts of the PFC and the optimizer.

        The network has one core and no encoder; `LearningRule.check` refuses any other.
        """
        assert isinstance(unroll, SharedUnroll)
        assert isinstance(network, ActorCritic)
        self.predictors = Predictors(network, config.costs, generator)
        super().__init__(network, config, [*self.predictors.parameters()])
        self.network: ActorCritic = network
        self.unroll, self.updates = unroll, 0
        self.prediction_losses: dict[str, Tensor] = {}

    def update(
        self, unroll: Unroll, trajectory: Trajectory, progress: float
    ) -> dict[str, Tensor]:
        """Take one gradient step; return scalars to log, with the prediction losses."""
        scalars = super().update(unroll, trajectory, progress)
        return {**scalars, **self.prediction_losses}

    def compute_gradients(
        self, unroll: Unroll, trajectory: Trajectory, targets: Targets, progress: float
    ) -> Losses:
        """Set the gradients of all active costs; return the losses of the BG."""
        config, branch = self.config, self.unroll.branch
        activity = branch.activities(trajectory.starts)
        outputs = branch.paths.outputs(self.network.heads, activity)
        logits, values = self.network.split(outputs)
        losses = actor_critic_loss(
            logits,
            values,
            trajectory.actions,
            targets.advantages,
            targets.returns,
            value_weight=config.value_weight,
            entropy_weight=config.entropy_weight.at(progress),
        )
        # Inactive costs are multiplied by 0, not left out: their losses are logged,
        # and every parameter has a gradient at every update.
        total = losses.total * self._active("rl")
        predictions = self.predictors.losses(activity, trajectory)
        for name, loss in predictions.items():
            total = total + loss * (config.costs.prediction_weight * self._active(name))
        total.backward()
        self.prediction_losses = {
            f"loss/{name}": loss.detach() for name, loss in predictions.items()
        }
        self.updates += 1
        return losses

    def state(self) -> dict[str, Any]:
        """Resumable state, with the readouts and the number of updates."""
        predictors = self.predictors.state_dict()
        return {**super().state(), "predictors": predictors, "updates": self.updates}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore a `state`."""
        super().load_state(state)
        self.predictors.load_state_dict(state["predictors"])
        self.updates = state["updates"]

    def _active(self, cost: str) -> float:
        """1 if a cost is active at this update, else 0."""
        return float(self.config.costs.on(cost, self.updates))
