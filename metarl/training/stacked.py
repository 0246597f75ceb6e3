"""Training of several subjects in one computation.

Each subject keeps its own random numbers, weights, schedules and learning curve, and
its bytes do not depend on the other subjects of the group.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from metarl.agents.stacked.kernel import METRICS, MOST_ACTIONS, Kernel
from metarl.agents.stacked.loading import KernelError, load_kernel
from metarl.agents.stacked.tensors import TensorNetworks
from metarl.agents.stacked.weights import StackedWeights
from metarl.core.devices import CPU, make_generator
from metarl.core.seeding import stream_seed
from metarl.envs.registry import task_class
from metarl.runs.config import RunConfig
from metarl.simulation.rollout import finite_rewards
from metarl.simulation.stacked_rollout import StackedRollout
from metarl.training.loop import METRIC_INTERVAL, Subject, interval_ended, restoring
from metarl.training.trainer import make_network

STACKED_RULES = "bptt", "eprop"
"""Rules that the kernel has: gradient descent through time, or by local errors."""


Computation = Literal["kernel", "stacked", "torch"]
"""The compiled kernel; its equations by torch, for several subjects or on a GPU; or the
general path by torch, for one subject."""


def computation_of(
    config: RunConfig[Any], device: str = CPU, *, shared: bool = False
) -> Computation:
    """Computation by which the training of subjects begins.

    Args:
        config: configuration of the run.
        device: device of the training.
        shared: whether several subjects share it.
    """
    if why_alone(config, device):
        return "torch"
    if device == CPU and not kernel_fault():
        return "kernel"
    return "stacked" if shared or device != CPU else "torch"


def why_alone(config: RunConfig[Any], device: str = CPU) -> str:
    """Reason for which a subject needs a computation of its own; empty if none."""
    if reason := _unfit(config):
        return reason
    critic = config.network.critic
    if critic == "shared" or (device == CPU and not kernel_fault()):
        return ""
    return f"the critic is {critic}, for which the compiled kernel is needed"


def missing_kernel(config: RunConfig[Any], device: str) -> str:
    """Reason for which a training by the kernel takes another path, or nothing."""
    return "" if device != CPU or _unfit(config) else kernel_fault()


def kernel_fault() -> str:
    """Reason for which the kernel cannot be used here; empty if it can."""
    try:
        load_kernel()
    except KernelError as error:
        return str(error)
    return ""


def _unfit(config: RunConfig[Any]) -> str:
    """Property of a configuration that no shared computation has; empty if none."""
    network, learning = config.network, config.learning
    reasons = {
        f"the core is {network.core}": network.core != "lstm",
        f"the encoder is {network.encoder}": network.encoder != "none",
        f"the rule is {learning.rule}": learning.rule not in STACKED_RULES,
        "costs are by area": not learning.costs.plain,
        "episodes are replayed": learning.replay.mode != "none",
        "there are interventions during training": bool(config.training.interventions),
    }
    found = [reason for reason, applies in reasons.items() if applies]
    if found:
        return found[0]
    actions = task_class(config.task)(1, config.task_params).action_count
    if actions > MOST_ACTIONS:
        return f"the task has {actions} actions, more than {MOST_ACTIONS}"
    return ""


def check_device(config: RunConfig[Any], device: str) -> None:
    """Raise ValueError if a training is possible on the CPU only."""
    learning = config.learning
    reasons = {
        f"the rule is {learning.rule}": learning.rule not in STACKED_RULES,
        "costs are by area": not learning.costs.plain,
        "episodes are replayed": learning.replay.mode != "none",
    }
    found = [reason for reason, applies in reasons.items() if applies]
    if device != CPU and found:
        raise ValueError(f"device must be cpu here, got {device}, as {found[0]}")


def subject_bytes(config: RunConfig[Any], by: Computation = "kernel") -> int:
    """Memory of one subject of a group: the buffers of an unroll, in bytes."""
    training, units = config.training, config.network.units
    numbers = UNIT_NUMBERS[by] * units + SMALL_BUFFERS
    cores = 1 if config.network.critic == "shared" else 2
    return 4 * cores * numbers * training.num_envs * (training.unroll_steps + 2)


UNIT_NUMBERS = {"kernel": 6, "stacked": 18}
"""Numbers stored for a unit at each step: inputs, four gates, cell; and by torch the
gradients in them, with temporary copies."""
SMALL_BUFFERS = 128
"""Numbers stored for a step beyond those of the units: inputs, outputs and errors."""


class StackedSubject(Subject):
    """One subject of a group, which makes the updates."""

    def __init__(self, config: RunConfig[Any], subject: int) -> None:
        """Start from random weights."""
        super().__init__(config, subject)
        self.network = make_network(config, subject)
        self.update_discount()
        self.group: StackedGroup
        self.rollout_state: dict[str, Any] | None = None
        """State of the rollout, until the group continues it."""

    def state(self) -> dict[str, Any]:
        """Complete state."""
        self.group.read()
        return super().state()

    def learner_state(self) -> dict[str, Any]:
        """State of optimizer, generator and rollout."""
        group = self.group
        place = group.members.index(self)
        return {
            "optimizer": group.weights.state(place),
            "rollout": self.rollout_state or group.rollout.state(place),
        }

    def load_learner_state(self, state: dict[str, Any]) -> None:
        """Restore a `learner_state`; the group restores the rollout."""
        self.group.weights.load_state(
            self.group.members.index(self), state["optimizer"]
        )
        self.rollout_state = state["rollout"]


class StackedGroup:
    """S subjects of a run that are stepped and updated together."""

    def __init__(
        self,
        config: RunConfig[Any],
        subjects: Sequence[int] = (),
        members: Sequence[StackedSubject] = (),
        *,
        by: Computation = "kernel",
        device: str = CPU,
    ) -> None:
        """Start subjects from random weights, or gather those that exist."""
        self.config, training = config, config.training
        self.by, self.device = by, device
        self.members = [*members] or [StackedSubject(config, k) for k in subjects]
        for each in self.members:
            each.group = self
        self.faults: dict[int, str] = {}
        self.measured: list[Tensor] = []
        """(S, M + 2) of each update since the last reading."""
        self.weights = StackedWeights([each.network for each in self.members], device)
        make = Kernel if by == "kernel" else TensorNetworks
        self.networks = make(
            self.weights,
            config.learning,
            steps=training.unroll_steps,
            num_envs=training.num_envs,
        )
        self.rollout = StackedRollout(
            task_class(config.task)(
                training.num_envs * len(self.members), config.task_params, device
            ),
            self.networks,
            [self._generator(each.subject) for each in self.members],
            reset_memory=training.reset_memory,
        )
        self._set_returns()

    def _generator(self, subject: int) -> torch.Generator:
        seed = stream_seed(self.config.seed, subject, "training")
        return make_generator(seed, self.device)

    def _set_returns(self) -> None:
        """Continue the returns of the members' episodes in progress."""
        for place, member in enumerate(self.members):
            self.networks.running(place).copy_(member.averages.running)

    def load_states(
        self, states: Sequence[dict[str, Any]], paths: Sequence[Path]
    ) -> None:
        """Restore the states of all members."""
        for member, state, path in zip(self.members, states, paths, strict=True):
            member.load_state(state, path)
        with restoring(paths[0]):
            self._continue_rollout()

    def _continue_rollout(self) -> None:
        """Continue the episodes of all members, with their present weights."""
        self.weights.push()
        self._set_returns()
        self.rollout.load_states([m.rollout_state or {} for m in self.members])
        for member in self.members:
            member.rollout_state = None

    def without(self, subjects: set[int]) -> "StackedGroup":
        """Return the group of the other members, which go on as they are."""
        rest = [each for each in self.members if each.subject not in subjects]
        if not rest:
            self.members = []
            return self
        self.read()
        states = [each.learner_state() for each in rest]
        group = StackedGroup(self.config, members=rest, by=self.by, device=self.device)
        for member, state in zip(rest, states, strict=True):
            member.load_learner_state(state)
        group._continue_rollout()
        return group

    @torch.inference_mode()
    def update(self) -> None:
        """Step one unroll of every subject, and learn from it."""
        learning = self.config.learning
        self.rollout.run(self.config.training.unroll_steps)
        progress = [each.progress for each in self.members]
        self.networks.update(
            [learning.learning_rate.at(p) for p in progress],
            [learning.discount.at(p) for p in progress],
            [learning.entropy_weight.at(p) for p in progress],
        )
        self.measured.append(self.networks.metrics().clone())
        for member in self.members:
            member.updates += 1
            member.update_discount()
        total = self.config.training.updates
        # Rarely on a GPU, which would have to be waited for.
        ended = interval_ended(self.members[0].updates, total, METRIC_INTERVAL)
        if self.device == CPU or ended:
            self.read()

    @torch.inference_mode()
    def read(self) -> None:
        """Give the members their weights, and what was measured since the last time."""
        self.weights.pull()
        measured, self.measured = self.measured, []
        for rows in torch.stack(measured).tolist() if measured else []:
            for member, row in zip(self.members, rows, strict=True):
                self._add(member, row)
        for place, member in enumerate(self.members):
            member.averages.running.copy_(self.networks.running(place))

    def _add(self, member: StackedSubject, row: list[float]) -> None:
        """Add the scalars of one update to a learning curve."""
        scalars = dict(zip(METRICS, row, strict=False))
        total, episodes = row[len(METRICS) :]
        member.averages.add_scalars(scalars)
        member.averages.add_returns(total, int(episodes))
        if not math.isfinite(scalars["rollout/reward_rate"]):
            self._find_fault(member)

    def _find_fault(self, member: StackedSubject) -> None:
        """Note which reward of a subject is not finite."""
        own = self.networks.rewards()[:, self.members.index(member)]
        try:
            finite_rewards(own)
        except ValueError as error:
            self.faults[member.subject] = str(error)
