"""The compiled path: buffers of a group of subjects, and the calls of the kernel."""

import ctypes
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from metarl.agents.config import A2CConfig
from metarl.agents.stacked.loading import load_kernel
from metarl.agents.stacked.weights import StackedWeights

OPTIMIZERS = {"rmsprop": 0, "adam": 1, "rmsprop-tf": 2}
FEEDBACK = {"none": 0, "reward": 1, "rpe": 2}
METRICS = (
    "loss/policy",
    "loss/value",
    "loss/entropy",
    "train/grad_norm",
    "rpe/mean",
    "rpe/deviation",
    "value/mean",
    "rollout/reward_rate",
)
"""Scalars of an update, in the kernel's order; sum and number of returns follow."""
INPUTS = {
    "observation": torch.float32,
    "action": torch.int64,
    "reward": torch.float32,
    "terminated": torch.bool,
}
"""Inputs of a step that come from the task, and the types that the kernel reads."""
MOST_ACTIONS = 64
"""Largest number of actions; `MOST_ACTIONS` of the kernel."""
_WHOLE = (
    *("subjects", "envs", "steps", "observation", "units", "actions"),
    *("padded", "row", "numbers", "local"),
    *("normalize", "optimizer", "train_initial", "summed"),
    *("separate", "feedback"),
)
_REAL = ("trace_decay", "value_weight", "decay", "epsilon", "clip")
_BUFFERS = (
    *("mask", "weights", "gradient", "squares", "momentum", "updates"),
    *("scratch", "chosen", "rewards", "ended", "started", "any_start"),
    *("running", "metrics", "discounts", "values"),
)
_CORE_WHOLE = "heads", "outputs", "first"
_CORE_BUFFERS = (
    *("packed", "recurrent", "head_weights", "readout"),
    *("joined", "gates", "cells", "logits", "errors"),
)


class _Cores(ctypes.Structure):
    """Sizes and addresses of one core of each subject; `struct Cores` of the kernel."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in _CORE_WHOLE),
        *((name, ctypes.c_void_p) for name in _CORE_BUFFERS),
    ]


class _Group(ctypes.Structure):
    """Sizes, settings and addresses; `struct Group` of the kernel."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in _WHOLE),
        *((name, ctypes.c_double) for name in _REAL),
        *((name, ctypes.c_void_p) for name in _BUFFERS),
        *((name, _Cores) for name in ("actor", "critic")),
    ]


class CoreBuffers:
    """Buffers of one core of each subject."""

    def __init__(self, core: _Cores) -> None:
        """Start without buffers.

        Args:
            core: receives sizes and addresses.
        """
        self.core, self.buffers = core, dict[str, Tensor]()

    def allocate(self, g: _Group, *, heads: int, outputs: int, first: int) -> None:
        """Allocate zeros.

        Args:
            g: sizes of the group.
            heads: number of outputs.
            outputs: the same in whole vectors.
            first: place of the core's numbers among those of a subject.
        """
        s, t, b = g.subjects, g.steps, g.envs
        shapes = {
            "packed": (s, g.row, 4 * g.padded),
            "recurrent": (s, 4 * g.padded, g.padded),
            "head_weights": (s, g.padded + 1, outputs),
            "readout": (s, heads, g.padded),
            "joined": (s, t + 1, b, g.row),
            "gates": (s, t + 1, b, 4 * g.padded),
            "cells": (s, t + 2, b, g.padded),
            "logits": (s, t + 1, b, outputs),
            "errors": (s, t, b, outputs),
        }
        self.buffers = {name: torch.zeros(shape) for name, shape in shapes.items()}
        self.core.heads, self.core.outputs, self.core.first = heads, outputs, first
        for name, buffer in self.buffers.items():
            setattr(self.core, name, buffer.data_ptr())


class Kernel:
    """A2C of S subjects with B environments each, by the compiled kernel.

    Between two updates: `begin`, then `step` for each of T steps and once after the
    last, then `update`. Subjects are computed one after the other by the same code, so
    the bytes of each do not depend on the others.
    """

    def __init__(
        self, weights: StackedWeights, config: A2CConfig, *, steps: int, num_envs: int
    ) -> None:
        """Allocate the buffers of an unroll.

        Raises:
            KernelError: the kernel cannot be used on this machine.
        """
        self.compiled = load_kernel()
        self._step = self.compiled.step
        # Declared, as conversions at each call would take as long as a small step.
        address, whole = ctypes.c_void_p, ctypes.c_int64
        self._step.argtypes = [address, whole, address, whole, *[address] * 5]
        self.weights, self.steps, self.num_envs = weights, steps, num_envs
        self.buffers: dict[str, Tensor] = {}
        self.group = _Group()
        cores = (self.group.actor, self.group.critic)[: len(weights.sizes.heads)]
        self.cores = [CoreBuffers(core) for core in cores]
        """Buffers of the one core, or of the actor's and the critic's."""
        self.address = ctypes.addressof(self.group)
        group, clip = self.group, config.gradient_clip
        sizes = weights.sizes
        padded = self._in_vectors(sizes.units)
        settings = {
            "subjects": weights.subjects,
            "envs": num_envs,
            "steps": steps,
            "observation": sizes.observation,
            "units": sizes.units,
            "actions": sizes.actions,
            "padded": padded,
            "row": padded + sizes.inputs + 1,
            "numbers": sizes.numbers,
            "normalize": config.normalize_advantages,
            "optimizer": OPTIMIZERS[config.optimizer],
            "summed": config.reduction == "sum",
            "local": config.rule == "eprop",
            "train_initial": weights.trains_initial,
            "separate": len(self.cores) > 1,
            "feedback": FEEDBACK[weights.feedback],
            "trace_decay": config.trace_decay,
            "value_weight": config.value_weight,
            "decay": config.decay,
            "epsilon": config.epsilon,
            "clip": 0.0 if clip is None else clip,
        }
        for name, value in settings.items():
            setattr(group, name, value)
        if config.optimizer == "rmsprop-tf":
            weights.squares.fill_(1)
        self._allocate()

    def _allocate(self) -> None:
        """Allocate what the kernel reads and writes; zeros at first."""
        g, weights = self.group, self.weights
        s, t, b = g.subjects, g.steps, g.envs
        for number, core in enumerate(self.cores):
            heads = weights.sizes.heads[number]
            core.allocate(
                g,
                heads=heads,
                outputs=self._in_vectors(heads),
                first=weights.sizes.first(number),
            )
        self._use("rewards", torch.zeros(t, s, b))
        self._use("values", torch.zeros(s, b))
        self._use("ended", torch.zeros(t, s, b, dtype=torch.bool))
        self._use("started", torch.zeros(t + 1, s, b, dtype=torch.bool))
        self._use("any_start", torch.zeros(t + 1, dtype=torch.bool))
        self._use("running", torch.zeros(s, b))
        self._use("metrics", torch.zeros(s, len(METRICS) + 2, dtype=torch.float64))
        names = "weights", "gradient", "squares", "momentum", "updates", "discounts"
        for name in names:
            self._use(name, getattr(weights, name))
        if weights.mask is not None:
            self._use("mask", weights.mask)
        self.compiled.scratch_size.restype = ctypes.c_int64
        size = self.compiled.scratch_size(ctypes.byref(g))
        self._use("scratch", torch.zeros(size))

    def _in_vectors(self, numbers: int) -> int:
        """Count of the numbers when they are padded to whole vectors."""
        width: int = self.compiled.vector_width()
        return -(-numbers // width) * width

    def _use(self, name: str, buffer: Tensor) -> None:
        """Keep a buffer alive, and tell the kernel its address."""
        self.buffers[name] = buffer
        setattr(self.group, name, buffer.data_ptr())

    def begin(self) -> None:
        """Begin an unroll with the present weights."""
        shape = self.steps, self.group.subjects, self.num_envs
        # New in each unroll: a task may keep the actions that it was given.
        self._use("chosen", torch.empty(shape, dtype=torch.int64))
        self.actions = self.buffers["chosen"].flatten(1).unbind()
        self.compiled.begin(ctypes.byref(self.group))

    def step(
        self,
        t: int,
        observation: Tensor,
        last_action: Tensor,
        last_reward: Tensor,
        ended: Tensor,
        start: Tensor | None,
        gumbel: Tensor | None,
    ) -> Tensor:
        """Take step t; return the (S B,) actions, after the last step the last ones.

        Args:
            t: number of the step, T for the step after the last.
            observation: (S B, O) observations, subject by subject.
            last_action: (S B,) codes of the actions before.
            last_reward: (S B,) rewards that followed them.
            ended: (S B,) bool: the episode ended with the step before.
            start: (S B,) bool: environments with an initial memory; None if none.
            gumbel: (S B, A) noise by which actions are sampled; None after the last.
        """
        observation, *feedback = self._checked(
            observation, last_action, last_reward, ended
        )
        # Rows may be the same one for all environments, but not in pieces.
        if observation.stride(1) != 1:
            observation = observation.contiguous()
        if not all(each.is_contiguous() for each in feedback):
            feedback = [each.contiguous() for each in feedback]
        self._step(
            self.address,
            t,
            observation.data_ptr(),
            observation.stride(0),
            *[each.data_ptr() for each in feedback],
            None if start is None else start.data_ptr(),
            None if gumbel is None else gumbel.data_ptr(),
        )
        return self.actions[min(t, self.steps - 1)]

    def _checked(self, *inputs: Tensor) -> Sequence[Tensor]:
        """Inputs of a step in the types that the kernel reads.

        Raises:
            ValueError: the task gave one of another shape.
        """
        envs = self.group.subjects * self.num_envs
        rows = (envs, self.group.observation), (envs,), (envs,), (envs,)
        for name, values, shape in zip(INPUTS, inputs, rows, strict=True):
            if values.shape != shape:
                raise ValueError(
                    f"{name} of {envs} environments must be of shape {shape}, got "
                    f"{tuple(values.shape)}; correct the task's `step`"
                )
        if all(v.dtype is d for v, d in zip(inputs, INPUTS.values(), strict=True)):
            return inputs
        return [v.to(d) for v, d in zip(inputs, INPUTS.values(), strict=True)]

    def update(
        self,
        rates: Sequence[float],
        discounts: Sequence[float],
        entropy: Sequence[float],
    ) -> None:
        """Learn from the finished unroll; schedules hold a number a subject."""
        self.differentiate(discounts, entropy)
        self.compiled.optimize(ctypes.byref(self.group), _floats(rates))

    def differentiate(
        self, discounts: Sequence[float], entropy: Sequence[float]
    ) -> None:
        """Compute the gradients of the finished unroll, without a step along them."""
        self.compiled.differentiate(
            ctypes.byref(self.group), _floats(discounts), _floats(entropy)
        )

    def metrics(self) -> Tensor:
        """(S, M + 2) `METRICS` of the last update, sum and number of returns."""
        return self.buffers["metrics"]

    def running(self, subject: int) -> Tensor:
        """(B,) returns so far of the episodes in progress."""
        return self.buffers["running"][subject]

    def rewards(self) -> Tensor:
        """(T, S, B) rewards of the unroll."""
        return self.buffers["rewards"]

    def memory(self, subject: int) -> tuple[Tensor, ...]:
        """(B, H) activity and cell of each core after the last step of the unroll.

        With a separate critic also its (B,) values at that step.
        """
        units, last = self.group.units, self.steps
        parts = [
            core.buffers[name][subject, last, :, :units]
            for core in self.cores
            for name in ("joined", "cells")
        ]
        if len(self.cores) > 1:
            parts.append(self.buffers["values"][subject])
        return tuple(parts)

    def set_memory(self, subject: int, memory: Sequence[Tensor]) -> None:
        """Set the memory from which the next unroll begins."""
        for part, values in zip(self.memory(subject), memory, strict=True):
            part.copy_(values)


def _floats(values: Sequence[float]) -> Any:
    return (ctypes.c_float * len(values))(*values)
