"""One hidden layer of tanh units, with or without recurrence, for replicas at once.

    h[t] = tanh(W (x[t], 1, h[t-1])),  y[t] = R (h[t], 1)

Weights lie side by side in one row a replica: W (units, inputs + 1 + units), then R
(outputs, units + 1); without recurrence W has no columns for h[t-1].
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from metarl.studies.optimizers.problems.problem import Layer


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Sizes of a network."""

    inputs: int
    units: int
    outputs: int
    recurrent: bool

    @property
    def fan_in(self) -> int:
        """Numbers that a hidden unit receives, with the 1 of its bias."""
        return self.inputs + 1 + self.units * self.recurrent

    @property
    def weight_count(self) -> int:
        """N."""
        return self.units * self.fan_in + self.outputs * (self.units + 1)

    def parts(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        """W and R of (..., N) weights."""
        hidden, readout = weights.tensor_split([self.units * self.fan_in], dim=-1)
        return (
            hidden.unflatten(-1, (self.units, self.fan_in)),
            readout.unflatten(-1, (self.outputs, self.units + 1)),
        )

    def first(self, count: int, generator: torch.Generator) -> Tensor:
        """(count, N) normal weights; their standard deviation is 1 / sqrt(fan-in)."""
        hidden, readout = self.parts(torch.ones(count, self.weight_count).double())
        scaled = [
            (part / part.shape[-1] ** 0.5).flatten(1) for part in (hidden, readout)
        ]
        sizes = torch.cat(scaled, dim=1)
        return sizes * torch.randn(sizes.shape, generator=generator).double()


@dataclass(frozen=True)
class Noise:
    """Numbers to add to what all nodes receive."""

    hidden: Tensor
    """(S, B, T, units)."""
    readout: Tensor
    """(S, B, T, outputs)."""

    @classmethod
    def draw(cls, shape: Shape, size: list[int], generator: torch.Generator) -> "Noise":
        """Standard normal noise for (S, B, T) activity."""
        parts = (shape.units, shape.outputs)
        drawn = (torch.randn(*size, n, generator=generator).double() for n in parts)
        return cls(*drawn)

    def scaled(self, size: float) -> "Noise":
        """The same, of another standard deviation."""
        return Noise(size * self.hidden, size * self.readout)


def activity(
    shape: Shape, weights: Tensor, inputs: Tensor, noise: Noise | None = None
) -> Tensor:
    """(S, B, T, units) hidden activity, from rest.

    Args:
        shape: of the networks.
        weights: (S, N).
        inputs: (S, B, T, inputs), or (B, T, inputs), the same for all replicas.
        noise: to add to what units receive.
    """
    hidden, _ = shape.parts(weights)
    times = inputs.shape[-2]
    drive = _with_one(inputs).flatten(-3, -2) @ hidden[:, :, : shape.inputs + 1].mT
    drive = drive.unflatten(1, (-1, times))
    if noise is not None:
        drive = drive + noise.hidden
    if not shape.recurrent:
        return torch.tanh(drive)
    recurrence = hidden[:, :, shape.inputs + 1 :].mT
    units = drive[:, :, 0].tanh()
    course = [units]
    for received in drive.unbind(2)[1:]:
        units = torch.baddbmm(received, units, recurrence).tanh()
        course.append(units)
    return torch.stack(course, dim=2)


def outputs(
    shape: Shape, weights: Tensor, units: Tensor, noise: Noise | None = None
) -> Tensor:
    """(S, B, T, outputs) of (S, B, T, units) activity."""
    _, readout = shape.parts(weights)
    flat = torch.bmm(_with_one(units).flatten(1, 2), readout.mT)
    told = flat.view(*units.shape[:3], shape.outputs)
    return told if noise is None else told + noise.readout


def layers(
    shape: Shape, inputs: Tensor, units: Tensor, noise: Noise
) -> tuple[Layer, ...]:
    """What both layers received, of inputs as in `activity`, (S, B, T, units) units."""
    received = [_with_one(inputs).expand(len(units), -1, -1, -1)]
    if shape.recurrent:
        rest = torch.zeros_like(units[:, :, :1])
        received.append(torch.cat([rest, units[:, :, :-1]], dim=2))
    return (
        Layer(noise.hidden, torch.cat(received, dim=-1)),
        Layer(noise.readout, _with_one(units)),
    )


def _with_one(values: Tensor) -> Tensor:
    """A 1 behind each row, for the bias."""
    return torch.cat([values, torch.ones_like(values[..., :1])], dim=-1)
