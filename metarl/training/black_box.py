"""Black-box training: whole networks are evaluated, and the weights moved.

The rules wp, d0, d1, d2 and es; metarl/agents/learning/search.py has their searches.
All members of an update have the same episodes. No critic is learned: values are 0, so
the prediction error of such a network is its reward.
"""

from typing import Any

import torch
from torch import Tensor

from metarl.agents.learning.rules import RULES, PopulationRule
from metarl.agents.networks.actor_critic import ActorCritic, Network
from metarl.agents.networks.batched import BatchedNetworks
from metarl.core.checks import MetaRLError
from metarl.core.seeding import Purpose, stream_seed
from metarl.envs.registry import task_class
from metarl.envs.task import Task
from metarl.runs.config import RunConfig
from metarl.simulation.population_rollout import PopulationReturns, evaluate_population
from metarl.training.loop import Point, SubjectTrainer


class BlackBoxTrainer(SubjectTrainer):
    """Training of one subject without a derivative.

    Every update starts new episodes, and has as many steps as an unroll.
    """

    def __init__(self, config: RunConfig[Any], subject: int, network: Network) -> None:
        """Start from the weights of a network.

        Raises:
            ValueError: the rule does not fit the network, the training or the task.
        """
        super().__init__(config, subject)
        learning, training = config.learning, config.training
        rule = RULES[learning.rule]
        assert isinstance(rule, PopulationRule)
        rule.check(config)
        self.task = task_class(config.task)(training.num_envs, config.task_params)
        check_whole_episodes(config, self.task)
        assert isinstance(network, ActorCritic)
        self.network = _without_critic(network)
        self.networks = BatchedNetworks(network)
        self.search = rule.build(
            self.networks.trainable.to_vector(network.state_dict()),
            learning,
            action_count=self.task.action_count,
            greatest_return=self.task.reward_range[1] * training.unroll_steps,
        )

    def update(self) -> None:
        """Evaluate perturbed weights, and move."""
        batch, repeats = divmod(self.updates, self.search.same_episodes)
        scalars = self.search.step(
            lambda weights: self._evaluate(weights, batch),
            self.config.learning.learning_rate.at(self.progress),
            self._seed("rule", self.updates),
            new_episodes=repeats == 0,
        )
        self.averages.add_scalars(scalars)
        self.updates += 1
        state = self.networks.trainable.to_state(self.search.weights)
        self.network.load_state_dict(state)

    def _evaluate(self, weights: Tensor, batch: int) -> PopulationReturns:
        """Evaluate members with these (P, F) weights on a batch of episodes."""
        self.networks.set_weights(weights)
        generator = torch.Generator().manual_seed(self._seed("training", batch))
        steps = self.config.training.unroll_steps
        results = evaluate_population(self.networks, self.task, steps, generator)
        # Every evaluation starts new episodes; one that was cut off has no return.
        self.averages.running.zero_()
        self.averages.add_rewards(results.rewards, results.nonterminal)
        return results

    def _seed(self, purpose: Purpose, number: int) -> int:
        return stream_seed(self.config.seed, self.subject, purpose, number)

    def check_finite(self, metrics: Point) -> None:
        """Raise MetaRLError if a weight is not finite."""
        if not bool(self.search.weights.isfinite().all()):
            raise MetaRLError(
                f"training diverged before step {self.steps}: a weight is not finite; "
                "set a lower learning.learning_rate"
            )

    def learner_state(self) -> dict[str, Any]:
        """State of the search."""
        return {"search": self.search.state()}

    def load_learner_state(self, state: dict[str, Any]) -> None:
        """Restore a `learner_state`."""
        self.search.load_state(state["search"])


def _without_critic(network: ActorCritic) -> ActorCritic:
    """Set the values of a network to 0."""
    with torch.no_grad():
        network.heads.weight[-1] = network.heads.bias[-1] = 0
    return network


def check_whole_episodes(config: RunConfig[Any], task: Task[Any]) -> None:
    """Raise ValueError unless every member has whole episodes."""
    steps = config.training.unroll_steps
    if task.episode_steps and steps % task.episode_steps:
        raise ValueError(
            f"unroll_steps must be whole episodes of {task.episode_steps} steps where "
            f"the rule is {config.learning.rule}, got {steps!r}"
        )
