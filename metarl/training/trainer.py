"""Training of one subject: from a configuration to a folder of weights and metrics."""

import math
import os
import platform
import subprocess
import time
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from metarl.agents.learning.a2c import Trajectory
from metarl.agents.learning.replay import check_replayable, make_replayer
from metarl.agents.learning.rules import RULES, PopulationRule, make_learner
from metarl.agents.networks.actor_critic import (
    Network,
    SeparateActorCritic,
    attach_renderer,
    build,
    check_network,
)
from metarl.core.checks import MetaRLError
from metarl.core.files import file_hash, write_json, write_text
from metarl.core.parallel import Interrupted, Reporter
from metarl.core.policy import input_size
from metarl.core.seeding import Purpose, stream_seed
from metarl.envs.registry import task_class
from metarl.runs.checkpoint import load_state, save_policy, save_state
from metarl.runs.config import RunConfig, check_identity, identity, to_plain
from metarl.runs.folder import SNAPSHOTS, SubjectFolder
from metarl.simulation.interventions import make_interventions
from metarl.simulation.rollout import Rollout, finite_rewards
from metarl.training.black_box import BlackBoxTrainer, check_whole_episodes
from metarl.training.loop import (
    Point,
    SubjectTrainer,
    interval_ended,
    stop_if_asked,
)
from metarl.training.metrics import ComputeCost

SAVE_SECONDS = 30.0
"""Resumable state is written at least this often, and at every snapshot."""


class Observer(Protocol):
    """Observer of a subject's training, such as TensorBoard."""

    def on_metrics(self, row: Point) -> None:
        """Receive a point of the learning curve."""
        ...

    def on_snapshot(self, number: int, network: Network) -> None:
        """Receive a snapshot of the weights."""
        ...

    def close(self) -> None:
        """End the observation: training is complete or stopped."""
        ...


MakeObserver = Callable[[int], Observer]
"""Creates an observer, given the number of steps already done."""


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

    def __init__(self, config: RunConfig[Any], subject: int) -> None:
        """Start from random weights.

        Raises:
            ValueError: the rule does not fit the network, the training or the task.
        """
        super().__init__(config, subject)
        training = config.training
        RULES[config.learning.rule].check(config)
        self.network = make_network(config, subject)
        self.task = task_class(config.task)(training.num_envs, config.task_params)
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
        self._update_discount()

    def _generator(self, purpose: Purpose) -> torch.Generator:
        seed = stream_seed(self.config.seed, self.subject, purpose)
        return torch.Generator().manual_seed(seed)

    def _update_discount(self) -> None:
        """Set the discount of a prediction error input to that of the learning rule."""
        if isinstance(self.network, SeparateActorCritic):
            discount = self.config.learning.discount.at(self.progress)
            self.network.discount.fill_(discount)

    def update(self) -> None:
        """Step one unroll, learn from it, and replay."""
        trajectory = self.collect_unroll()
        self.averages.add_rewards(trajectory.rewards, trajectory.nonterminal)
        scalars = self.learner.update(self.unroll, trajectory, self.progress)
        if self.replayer:
            scalars |= self.replayer.update(trajectory, self.progress)
        self.averages.add_scalars(scalars)
        self.updates += 1
        self._update_discount()

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

    def check_finite(self, metrics: Point) -> None:
        """Raise MetaRLError if the norm of the gradient is not finite."""
        norm = metrics["train/grad_norm"]
        if not math.isfinite(norm):
            raise MetaRLError(
                f"training diverged before step {self.steps}: the gradient's norm is "
                f"{norm}; set a lower learning.learning_rate, or a "
                "learning.gradient_clip"
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


def make_trainer(config: RunConfig[Any], subject: int) -> SubjectTrainer:
    """Create the trainer of one subject for the configured learning rule."""
    if isinstance(RULES[config.learning.rule], PopulationRule):
        return BlackBoxTrainer(config, subject, make_network(config, subject))
    return Trainer(config, subject)


def _stacked(
    pairs: list[tuple[Tensor, Tensor] | None],
) -> tuple[Tensor, Tensor] | None:
    """(T, B) factors and additions; None if no step has any."""
    changes = [pair for pair in pairs if pair is not None]
    if not changes:
        return None
    factors, additions = zip(*changes, strict=True)
    return torch.stack(factors), torch.stack(additions)


def train_subject(
    config: RunConfig[Any],
    subject: int,
    folder: SubjectFolder,
    reporter: Reporter,
    make_observer: MakeObserver | None = None,
) -> None:
    """Train one subject to the end, resuming from its folder.

    Args:
        config: configuration of the run.
        subject: number of the subject.
        folder: folder for its files.
        reporter: receives the progress, and asks to stop.
        make_observer: creates an observer, given the number of steps already done.

    Raises:
        Interrupted: asked to stop; the state is saved.
    """
    torch.set_num_threads(1)
    trainer = make_trainer(config, subject)
    saver = _Saver(trainer, folder)
    observers = [make_observer(trainer.steps)] if make_observer else []
    try:
        _train(trainer, saver, reporter, observers)
    finally:
        for observer in observers:
            observer.close()
    path = folder.metrics_path
    if path.exists():
        write_json(folder.hashes_path, {path.name: file_hash(path)}, seal=True)
    saver.save_policy(folder.policy_path, SNAPSHOTS)


def _train(
    trainer: SubjectTrainer,
    saver: "_Saver",
    reporter: Reporter,
    observers: list[Observer],
) -> None:
    """Train to the end, saving state on the way."""
    total, every = trainer.config.training.updates, Fraction(1, SNAPSHOTS)
    before_update = partial(_stop_or_save, saver, reporter)
    # A snapshot always coincides with a point of the learning curve: 200 is a
    # multiple of SNAPSHOTS.
    for row in trainer.run(before_update=before_update):
        saver.rows.append(row)
        for observer in observers:
            observer.on_metrics(row)
        reporter.report(trainer.progress)
        snapshot = interval_ended(trainer.updates, total, every)
        if snapshot:
            saver.save_snapshot(snapshot)
            for observer in observers:
                observer.on_snapshot(snapshot, trainer.network)
            saver.save()


def _stop_or_save(saver: "_Saver", reporter: Reporter) -> None:
    """Save and raise Interrupted if asked to stop; save if it is time to."""
    try:
        stop_if_asked(reporter)
    except Interrupted:
        saver.save()
        raise
    if time.monotonic() - saver.saved > SAVE_SECONDS:
        saver.save()


class _Saver:
    """Files of a subject during training."""

    def __init__(self, trainer: SubjectTrainer, folder: SubjectFolder) -> None:
        """Resume from a saved state, if any; otherwise write the first files."""
        self.trainer, self.folder = trainer, folder
        self.rows: list[Point] = []
        """Learning curve so far."""
        self.owner = identity(trainer.config, trainer.subject)
        self.cost = ComputeCost(folder)
        if folder.state_path.exists():
            state = load_state(folder.state_path)
            check_identity(folder.state_path, state.get("owner", {}), self.owner)
            trainer.load_state(state, folder.state_path)
            self.rows = state["rows"]
        else:
            write_json(folder.path / "config.json", to_plain(trainer.config))
            write_json(folder.path / "versions.json", versions())
            self.save_snapshot(0)
        self.saved = time.monotonic()
        """Time of the last saving."""

    def save_snapshot(self, number: int) -> None:
        """Write the weights as a snapshot."""
        self.save_policy(self.folder.snapshot_path(number), number)

    def save_policy(self, path: Path, snapshot: int) -> None:
        """Write the weights, with the subject and the number of the snapshot."""
        trainer, config = self.trainer, self.trainer.config
        owner = {**self.owner, "snapshot": snapshot}
        save_policy(path, trainer.network, config.network, owner)

    def save(self) -> None:
        """Write state, learning curve and compute cost."""
        state = {**self.trainer.state(), "rows": self.rows, "owner": self.owner}
        save_state(self.folder.state_path, state)
        if self.rows:
            lines = [",".join(self.rows[0])]
            lines += [",".join(repr(value) for value in r.values()) for r in self.rows]
            write_text(self.folder.metrics_path, "\n".join(lines) + "\n")
        self.cost.write()
        self.saved = time.monotonic()


def versions() -> dict[str, str]:
    """Versions of the software behind a result, and the number of processor cores."""
    names = ("metarl-neuro", "torch", "numpy", "scipy", "pandas", "gymnasium")
    packages = {name: metadata.version(name) for name in names}
    machine = {"python": platform.python_version(), "cores": str(os.cpu_count())}
    return {**machine, **packages, "commit": commit()}


def commit() -> str:
    """Git commit of metarl's source; empty if it is installed from a wheel."""
    folder = Path(__file__).parent
    command = ["git", "-C", str(folder), "log", "-1", "--format=%H", "--", str(folder)]
    try:
        return subprocess.run(
            command, capture_output=True, text=True, check=False
        ).stdout.strip()
    except OSError:
        return ""
