"""Training of several subjects in one computation.

Each subject keeps its own random numbers, weights, schedules and learning curve, and
its bytes do not depend on the other subjects of the group.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from metarl.agents.stacked.kernel import MOST_ACTIONS, Kernel
from metarl.agents.stacked.loading import KernelError, load_kernel
from metarl.agents.stacked.weights import StackedWeights
from metarl.core.seeding import stream_seed
from metarl.envs.registry import task_class
from metarl.runs.config import RunConfig
from metarl.simulation.rollout import finite_rewards
from metarl.simulation.stacked_rollout import StackedRollout
from metarl.training.loop import Subject
from metarl.training.trainer import make_network

STACKED_RULES = "bptt", "eprop"
"""Rules that the kernel has: gradient descent through time, or by local errors."""


def why_alone(config: RunConfig[Any]) -> str:
    """Reason for which each subject needs a computation of its own; empty if none."""
    return _unfit(config) or kernel_fault()


def missing_kernel(config: RunConfig[Any]) -> str:
    """Reason for which subjects that could share a computation do not, or nothing."""
    return "" if _unfit(config) else kernel_fault()


def kernel_fault() -> str:
    """Reason for which the kernel cannot be used here; empty if it can."""
    try:
        load_kernel()
    except KernelError as error:
        return str(error)
    return ""


def _unfit(config: RunConfig[Any]) -> str:
    """Property of a configuration that the kernel lacks; empty if it has all."""
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


def subject_bytes(config: RunConfig[Any]) -> int:
    """Memory of one subject of a group: the buffers of an unroll, in bytes."""
    training, units = config.training, config.network.units
    # Inputs with activity, four gates, cell and outputs of each step.
    numbers = 6 * units + SMALL_BUFFERS
    cores = 1 if config.network.critic == "shared" else 2
    return 4 * cores * numbers * training.num_envs * (training.unroll_steps + 2)


SMALL_BUFFERS = 128
"""Numbers stored for a step beyond those of the units: inputs, outputs and errors."""


class StackedSubject(Subject):
    """One subject of a group, which makes the updates."""

    stacked = True

    def __init__(self, config: RunConfig[Any], subject: int) -> None:
        """Start from random weights."""
        super().__init__(config, subject)
        self.network = make_network(config, subject)
        self.update_discount()
        seed = stream_seed(config.seed, subject, "training")
        self.generator = torch.Generator().manual_seed(seed)
        self.group: StackedGroup
        self.rollout_state: dict[str, Any] | None = None
        """State of the rollout, until the group continues it."""

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
    ) -> None:
        """Start subjects from random weights, or gather those that exist."""
        self.config, training = config, config.training
        self.members = [*members] or [StackedSubject(config, k) for k in subjects]
        for each in self.members:
            each.group = self
        self.faults: dict[int, str] = {}
        self.weights = StackedWeights([each.network for each in self.members])
        self.networks = Kernel(
            self.weights,
            config.learning,
            steps=training.unroll_steps,
            num_envs=training.num_envs,
        )
        self.rollout = StackedRollout(
            task_class(config.task)(
                training.num_envs * len(self.members), config.task_params
            ),
            self.networks,
            [each.generator for each in self.members],
            reset_memory=training.reset_memory,
        )
        self._share_returns()

    def _share_returns(self) -> None:
        """Let the kernel count the returns of episodes in progress."""
        for place, member in enumerate(self.members):
            shared = self.networks.running(place)
            shared.copy_(member.averages.running)
            member.averages.running = shared

    def load_states(
        self, states: Sequence[dict[str, Any]], paths: Sequence[Path]
    ) -> None:
        """Restore the states of all members."""
        for member, state, path in zip(self.members, states, paths, strict=True):
            member.load_state(state, path)
        self._continue_rollout()

    def _continue_rollout(self) -> None:
        """Continue the episodes of all members."""
        self._share_returns()
        self.rollout.load_states([m.rollout_state or {} for m in self.members])
        for member in self.members:
            member.rollout_state = None

    def without(self, subjects: set[int]) -> "StackedGroup":
        """Return the group of the other members, which go on as they are."""
        rest = [each for each in self.members if each.subject not in subjects]
        if not rest:
            self.members = []
            return self
        states = [each.learner_state() for each in rest]
        group = StackedGroup(self.config, members=rest)
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
        rows = zip(self.networks.scalars(), self.networks.returns(), strict=True)
        for member, (scalars, (total, episodes)) in zip(
            self.members, rows, strict=True
        ):
            member.averages.add_scalars(scalars)
            member.averages.add_returns(total, episodes)
            member.updates += 1
            member.update_discount()
            if not math.isfinite(scalars["rollout/reward_rate"]):
                self._find_fault(member)

    def _find_fault(self, member: StackedSubject) -> None:
        """Note which reward of a subject is not finite."""
        own = self.networks.rewards()[:, self.members.index(member)]
        try:
            finite_rewards(own)
        except ValueError as error:
            self.faults[member.subject] = str(error)
