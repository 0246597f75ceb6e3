"""Training: a task and a network go in, weights come out, nothing is lost between."""

import math
import os
import platform
import subprocess
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from metarl.agents.config import DERIVATIVE_FREE
from metarl.agents.learning.a2c import Trajectory
from metarl.agents.learning.replay import check_replayable, make_replayer
from metarl.agents.learning.rules import make_learner
from metarl.agents.networks.actor_critic import (
    Network,
    SeparateActorCritic,
    attach_renderer,
    build,
)
from metarl.core.checks import MetaRLError
from metarl.core.files import write_json, write_text
from metarl.core.parallel import Interrupted, Reporter
from metarl.core.policy import input_size
from metarl.core.seeding import stream_seed
from metarl.envs.registry import task_class
from metarl.runs.checkpoint import load_state, load_weights, save_policy, save_state
from metarl.runs.config import RunConfig, in_words, to_plain
from metarl.runs.folder import SNAPSHOTS, SubjectFolder
from metarl.simulation.interventions import make_interventions
from metarl.simulation.rollout import Rollout, finite_rewards
from metarl.training.black_box import DerivativeFreeTrainer
from metarl.training.metrics import ComputeCost, MetricAverages

METRIC_ROWS = 200
"""Points of the learning curve."""
SAVE_SECONDS = 30.0
"""Resumable state is written at least this often, and at every snapshot."""


class Observer(Protocol):
    """Looks on while a subject trains; TensorBoard is one."""

    def on_metrics(self, row: dict[str, float]) -> None:
        """A point of the learning curve."""
        ...

    def on_snapshot(self, number: int, network: Network) -> None:
        """A snapshot of the weights."""
        ...

    def close(self) -> None:
        """The subject is done or stopped."""
        ...


MakeObserver = Callable[[int], Observer]
"""Given the environment steps already done, makes an observer."""


def check_trainable(config: RunConfig[Any]) -> None:
    """Raise ValueError unless the network fits the task, and so do the interventions.

    `intervention.check_training` has seen before that any training could do them.
    """
    network = make_network(config, 0)
    if config.learning.rule in DERIVATIVE_FREE:
        DerivativeFreeTrainer(config, 0, network)
        return
    generator = torch.Generator()
    make_learner(network, config.learning, steps=1, num_envs=1, generator=generator)
    if config.learning.rule == "np" and config.training.interventions:
        raise ValueError(
            "interventions must be () where the rule is np, got "
            f"{in_words(config.training.interventions)}: its core learns from returns "
            "less values without noise, which no change of the prediction error reaches"
        )
    task = task_class(config.task)(1, config.task_params)
    mode, steps = config.learning.replay.mode, config.training.unroll_steps
    check_replayable(mode, steps, task.episode_steps)
    if hand := make_interventions(config.training.interventions, task, config.network):
        hand.check_feedback(config.network.feedback)


def make_network(config: RunConfig[Any], subject: int) -> Network:
    """A subject's untrained network."""
    task = task_class(config.task)(1, config.task_params)
    network = build(
        input_size(task.observation_size, task.action_count),
        task.action_count,
        config.network,
        seed=stream_seed(config.seed, subject, "weights"),
        view_size=task.view_size,
    )
    return attach_renderer(network, task.look)


class Trainer:
    """One subject: its network, its stream of experience, its learning."""

    def __init__(self, config: RunConfig[Any], subject: int) -> None:
        """Start from random weights."""
        training = config.training
        self.config, self.updates = config, 0
        self.network = make_network(config, subject)
        self.task = task_class(config.task)(training.num_envs, config.task_params)
        # Random feedback, or noise that explores: whatever a rule draws for itself.
        self.drawn = torch.Generator().manual_seed(
            stream_seed(config.seed, subject, "rule")
        )
        self.unroll, self.learner = make_learner(
            self.network,
            config.learning,
            steps=training.unroll_steps,
            num_envs=training.num_envs,
            generator=self.drawn,
        )
        generator = torch.Generator().manual_seed(
            stream_seed(config.seed, subject, "training")
        )
        with torch.no_grad():
            hand = make_interventions(training.interventions, self.task, config.network)
            self.rollout = Rollout(
                self.task,
                self.unroll,
                generator,
                reset_memory=training.reset_memory,
                interventions=hand,
            )
        self.replayer = make_replayer(
            self.unroll,
            self.learner,
            unroll_steps=training.unroll_steps,
            episode_steps=self.task.episode_steps,
            generator=torch.Generator().manual_seed(
                stream_seed(config.seed, subject, "replay")
            ),
        )
        self.averages = MetricAverages(training.num_envs)
        self._follow_discount()

    def _follow_discount(self) -> None:
        """The discount of a prediction error that is an input is training's."""
        if isinstance(self.network, SeparateActorCritic):
            discount = self.config.learning.discount.at(self.progress)
            self.network.discount.fill_(discount)

    @property
    def progress(self) -> float:
        """Part of the training that is done, in [0, 1]."""
        return self.updates / self.config.training.updates

    @property
    def steps(self) -> int:
        """Environment steps done, in all lanes."""
        training = self.config.training
        return self.updates * training.num_envs * training.unroll_steps

    def update(self) -> None:
        """Step one unroll and learn from it."""
        trajectory = self.trajectory()
        self.averages.add_rewards(trajectory.rewards, trajectory.nonterminal)
        scalars = self.learner.update(self.unroll, trajectory, self.progress)
        if self.replayer:
            scalars |= self.replayer.update(trajectory, self.progress)
        self.averages.add_scalars(scalars)
        self.updates += 1
        self._follow_discount()

    @torch.no_grad()
    def trajectory(self) -> Trajectory:
        """Step one unroll."""
        self.unroll.begin()
        transitions = list(self.rollout.run(self.config.training.unroll_steps))
        rollout = self.rollout
        last = self.network.act(rollout.inputs(), rollout.memory_now()).value
        return Trajectory(
            actions=torch.stack([m.actions for m in transitions]),
            rewards=finite_rewards(torch.stack([m.rewards for m in transitions])),
            nonterminal=torch.stack([m.terminated for m in transitions])
            .logical_not()
            .float(),
            values=torch.stack([*(m.output.value for m in transitions), last]),
            starts=[m.start for m in transitions],
            observations=torch.stack(
                [*(m.observation for m in transitions), rollout.observation]
            ),
            rpe_transform=_stacked([m.rpe_transform for m in transitions]),
            logits=torch.stack([m.output.logits for m in transitions]),
        )

    def row(self) -> dict[str, float]:
        """A point of the learning curve: means since the last one.

        Raises:
            MetaRLError: the weights have gone where no number is.
        """
        row = {"update": self.updates, "steps": self.steps, **self.averages.read()}
        if not math.isfinite(row["train/grad_norm"]):
            raise MetaRLError(
                f"training diverged before step {self.steps}: the gradient's norm is "
                f"{row['train/grad_norm']}; set a lower learning.learning_rate, or a "
                "learning.gradient_clip"
            )
        return row

    def state(self) -> dict[str, Any]:
        """Everything needed to go on to the same bytes."""
        return {
            "updates": self.updates,
            "network": self.network.state_dict(),
            "learner": self.learner.state(),
            "drawn": self.drawn.get_state(),
            "rollout": self.rollout.state(),
            "replayer": self.replayer.state() if self.replayer else {},
            "averages": self.averages.state(),
        }

    def load_state(self, state: dict[str, Any], path: Path) -> None:
        """Go on from a `state` that was read from `path`."""
        try:
            load_weights(self.network, state["network"], path)
            self.learner.load_state(state["learner"])
            self.drawn.set_state(state["drawn"])
            self.rollout.load_state(state["rollout"])
            if self.replayer:
                self.replayer.load_state(state["replayer"])
            self.averages.load_state(state["averages"])
            self.updates = state["updates"]
        except (KeyError, TypeError, ValueError) as error:
            raise MetaRLError(
                f"{path} does not fit this version of metarl ({error}); "
                "delete its folder to train this subject anew"
            ) from None


AnyTrainer = Trainer | DerivativeFreeTrainer


def make_trainer(config: RunConfig[Any], subject: int) -> AnyTrainer:
    """One subject with what trains it, by the rule it is to have."""
    if config.learning.rule in DERIVATIVE_FREE:
        network = make_network(config, subject)
        return DerivativeFreeTrainer(config, subject, network)
    return Trainer(config, subject)


def _stacked(
    pairs: list[tuple[Tensor, Tensor] | None],
) -> tuple[Tensor, Tensor] | None:
    """(T, B) factors and additions of each step's; None where nothing is done."""
    done = [pair for pair in pairs if pair is not None]
    if not done:
        return None
    factors, additions = zip(*done, strict=True)
    return torch.stack(factors), torch.stack(additions)


def train_subject(
    config: RunConfig[Any],
    subject: int,
    folder: SubjectFolder,
    reporter: Reporter,
    make_observer: MakeObserver | None = None,
) -> None:
    """Train one subject to its end, from where its folder left off.

    Args:
        config: the run's.
        subject: the subject's number.
        folder: where its files go.
        reporter: is told the progress and asked whether to stop.
        make_observer: given the steps already done, somebody who looks on.

    Raises:
        Interrupted: asked to stop; the state is saved.
    """
    torch.set_num_threads(1)
    trainer = make_trainer(config, subject)
    rows = _resume(trainer, folder, config)
    observers = [make_observer(trainer.steps)] if make_observer else []
    try:
        _train(trainer, rows, folder, reporter, observers)
    finally:
        for observer in observers:
            observer.close()


def _train(
    trainer: AnyTrainer,
    rows: list[dict[str, float]],
    folder: SubjectFolder,
    reporter: Reporter,
    observers: list[Observer],
) -> None:
    config = trainer.config
    cost = ComputeCost(folder)
    saved = time.monotonic()
    while trainer.updates < config.training.updates:
        if reporter.should_stop():
            _save(trainer, rows, folder)
            cost.write()
            raise Interrupted
        trainer.update()
        if due(trainer.updates, config.training.updates, METRIC_ROWS):
            rows.append(trainer.row())
            for observer in observers:
                observer.on_metrics(rows[-1])
            reporter.report(trainer.progress)
        snapshot = due(trainer.updates, config.training.updates, SNAPSHOTS)
        if snapshot:
            _snapshot(snapshot, trainer, folder, observers)
        if snapshot or time.monotonic() - saved > SAVE_SECONDS:
            _save(trainer, rows, folder)
            cost.write()
            saved = time.monotonic()
    save_policy(folder.policy_path, trainer.network, config.network)


def due(updates: int, total: int, parts: int) -> int:
    """Which of `parts` equal parts of `total` ended with this update; 0 for none."""
    done = updates * parts // total
    return done if done > (updates - 1) * parts // total else 0


def _snapshot(
    number: int, trainer: AnyTrainer, folder: SubjectFolder, observers: list[Observer]
) -> None:
    path = folder.snapshot_path(number)
    save_policy(path, trainer.network, trainer.config.network)
    for observer in observers:
        observer.on_snapshot(number, trainer.network)


def _resume(
    trainer: AnyTrainer, folder: SubjectFolder, config: RunConfig[Any]
) -> list[dict[str, float]]:
    """Go on from saved state where there is some; the learning curve so far."""
    if not folder.state_path.exists():
        write_json(folder.path / "config.json", to_plain(config))
        write_json(folder.path / "versions.json", versions())
        save_policy(folder.snapshot_path(0), trainer.network, config.network)
        return []
    state = load_state(folder.state_path)
    trainer.load_state(state, folder.state_path)
    rows: list[dict[str, float]] = state["rows"]
    return rows


def _save(
    trainer: AnyTrainer, rows: list[dict[str, float]], folder: SubjectFolder
) -> None:
    save_state(folder.state_path, {**trainer.state(), "rows": rows})
    if rows:
        lines = [",".join(rows[0])]
        lines += [",".join(repr(value) for value in row.values()) for row in rows]
        write_text(folder.metrics_path, "\n".join(lines) + "\n")


def versions() -> dict[str, str]:
    """Versions of what made a result, and the machine's cores."""
    names = ("metarl-neuro", "torch", "numpy", "scipy", "pandas", "gymnasium")
    found = {name: metadata.version(name) for name in names}
    machine = {"python": platform.python_version(), "cores": str(os.cpu_count())}
    return {**machine, **found, "commit": commit()}


def commit() -> str:
    """The git commit of metarl's source; empty where it is installed from a wheel."""
    folder = Path(__file__).parent
    asked = ["git", "-C", str(folder), "log", "-1", "--format=%H", "--", str(folder)]
    try:
        return subprocess.run(
            asked, capture_output=True, text=True, check=False
        ).stdout.strip()
    except OSError:
        return ""
