"""Training of one subject: from a configuration to a folder of weights and metrics."""

from typing import Any

import torch
from torch import Tensor

from metarl.agents.learning.a2c import Trajectory
from metarl.agents.learning.replay import check_replayable, make_replayer
from metarl.agents.learning.rules import RULES, PopulationRule, make_learner
from metarl.agents.networks.actor_critic import (
    Network,
    attach_renderer,
    build,
    check_network,
)
from metarl.core.devices import CPU, make_generator
from metarl.core.policy import input_size
from metarl.core.seeding import Purpose, stream_seed
from metarl.envs.registry import task_class
from metarl.runs.config import RunConfig
from metarl.simulation.interventions import make_interventions
from metarl.simulation.rollout import Rollout, finite_rewards
from metarl.training.black_box import BlackBoxTrainer, check_whole_episodes
from metarl.training.loop import (
    SubjectTrainer,
)


def check_trainable(config: RunConfig[Any]) -> None:
    """Raise ValueError unless network, rule, task and interventions fit together.

    No network is built. The configuration has checked its own fields before.
    """
    task = task_class(config.task)(1, config.task_params)
    check_network(config.network, task.observation_size, task.view_size)
    rule = RULES[config.learning.rule]
    rule.check(config)
    if isinstance(rule, PopulationRule):
        check_whole_episodes(config, task)
        return
    mode, steps = config.learning.replay.mode, config.training.unroll_steps
    check_replayable(mode, steps, task.episode_steps)
    interventions = make_interventions(
        config.training.interventions, task, config.network
    )
    if interventions:
        interventions.check_feedback(config.network.feedback)


def make_network(config: RunConfig[Any], subject: int) -> Network:
    """Create a subject's untrained network."""
    task = task_class(config.task)(1, config.task_params)
    network = build(
        input_size(task.observation_size, task.action_count),
        task.action_count,
        config.network,
        seed=stream_seed(config.seed, subject, "weights"),
        view_size=task.view_size,
    )
    return attach_renderer(network, task.render_views)


class Trainer(SubjectTrainer):
    """Training of one subject by a rule that learns from unrolls."""

    def __init__(self, config: RunConfig[Any], subject: int, device: str = CPU) -> None:
        """Start from random weights.

        Raises:
            ValueError: the rule does not fit the network, the training or the task.
        """
        super().__init__(config, subject)
        training = config.training
        RULES[config.learning.rule].check(config)
        self.device = device
        self.network = make_network(config, subject).to(device)
        self.task = task_class(config.task)(
            training.num_envs, config.task_params, device
        )
        # Used by the rule alone: random feedback, or noise for exploration.
        self.rule_generator = self._generator("rule")
        self.unroll, self.learner = make_learner(
            self.network,
            config.learning,
            steps=training.unroll_steps,
            num_envs=training.num_envs,
            generator=self.rule_generator,
        )
        with torch.no_grad():
            self.rollout = Rollout(
                self.task,
                self.unroll,
                self._generator("training"),
                reset_memory=training.reset_memory,
                interventions=make_interventions(
                    training.interventions, self.task, config.network
                ),
            )
        self.replayer = make_replayer(
            self.unroll,
            self.learner,
            unroll_steps=training.unroll_steps,
            episode_steps=self.task.episode_steps,
            generator=self._generator("replay"),
        )
        self.update_discount()

    def _generator(self, purpose: Purpose) -> torch.Generator:
        seed = stream_seed(self.config.seed, self.subject, purpose)
        return make_generator(seed, self.device)

    def update(self) -> None:
        """Step one unroll, learn from it, and replay."""
        trajectory = self.collect_unroll()
        self.averages.add_rewards(
            trajectory.rewards.cpu(), trajectory.nonterminal.cpu()
        )
        scalars = self.learner.update(self.unroll, trajectory, self.progress)
        if self.replayer:
            scalars |= self.replayer.update(trajectory, self.progress)
        self.averages.add_scalars(scalars)
        self.updates += 1
        self.update_discount()

    @torch.no_grad()
    def collect_unroll(self) -> Trajectory:
        """Step one unroll."""
        self.unroll.begin()
        transitions = list(self.rollout.run(self.config.training.unroll_steps))
        rollout = self.rollout
        # By the network, as the buffers of the unroll have no room for another step.
        last = self.network.act(rollout.inputs(), rollout.memory_now()).value
        return Trajectory(
            actions=torch.stack([t.actions for t in transitions]),
            rewards=finite_rewards(torch.stack([t.rewards for t in transitions])),
            nonterminal=torch.stack([t.terminated for t in transitions])
            .logical_not()
            .float(),
            values=torch.stack([*(t.output.value for t in transitions), last]),
            starts=[t.start for t in transitions],
            observations=torch.stack(
                [*(t.observation for t in transitions), rollout.observation]
            ),
            rpe_transform=_stacked([t.rpe_transform for t in transitions]),
            logits=torch.stack([t.output.logits for t in transitions]),
        )

    def learner_state(self) -> dict[str, Any]:
        """State of learner, generators, rollout and replay buffer."""
        return {
            "learner": self.learner.state(),
            "rule_generator": self.rule_generator.get_state(),
            "rollout": self.rollout.state(),
            "replayer": self.replayer.state() if self.replayer else {},
        }

    def load_learner_state(self, state: dict[str, Any]) -> None:
        """Restore a `learner_state`."""
        self.learner.load_state(state["learner"])
        self.rule_generator.set_state(state["rule_generator"])
        self.rollout.load_state(state["rollout"])
        if self.replayer:
            self.replayer.load_state(state["replayer"])


def make_trainer(
    config: RunConfig[Any], subject: int, device: str = CPU
) -> SubjectTrainer:
    """Create the trainer of one subject for the configured learning rule."""
    if isinstance(RULES[config.learning.rule], PopulationRule):
        return BlackBoxTrainer(config, subject, make_network(config, subject))
    return Trainer(config, subject, device)


def _stacked(
    pairs: list[tuple[Tensor, Tensor] | None],
) -> tuple[Tensor, Tensor] | None:
    """(T, B) factors and additions; None if no step has any."""
    changes = [pair for pair in pairs if pair is not None]
    if not changes:
        return None
    factors, additions = zip(*changes, strict=True)
    return torch.stack(factors), torch.stack(additions)
