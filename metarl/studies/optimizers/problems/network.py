"""Networks with one hidden layer of tanh units, recurrent or not, for all replicas.

    h[t] = tanh(W (x[t], 1, h[t-1])),  y[t] = R (h[t], 1)

The weights of a replica are one row: W (units, inputs + 1 + units), then R (outputs,
units + 1); without recurrence W has no columns for h[t-1].
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
        """Inputs of a hidden unit, with the 1 of its bias."""
        return self.inputs + 1 + self.units * self.recurrent

    @property
    def weight_count(self) -> int:
        """N, the number of weights."""
        return self.units * self.fan_in + self.outputs * (self.units + 1)

    def split(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        """W and R as views of (..., N) weights."""
        hidden, readout = weights.tensor_split([self.units * self.fan_in], dim=-1)
        return (
            hidden.unflatten(-1, (self.units, self.fan_in)),
            readout.unflatten(-1, (self.outputs, self.units + 1)),
        )

    def initial_weights(self, count: int, generator: torch.Generator) -> Tensor:
        """(count, N) normal weights with standard deviation 1 / sqrt(fan-in)."""
        hidden, readout = self.split(torch.ones(count, self.weight_count).double())
        scaled = [
            (matrix / matrix.shape[-1] ** 0.5).flatten(1)
            for matrix in (hidden, readout)
        ]
        sizes = torch.cat(scaled, dim=1)
        return sizes * torch.randn(sizes.shape, generator=generator).double()


@dataclass(frozen=True)
class Noise:
    """Noise on the summed inputs of all nodes."""

    hidden: Tensor
    """(S, B, T, units) noise of the hidden layer."""
    readout: Tensor
    """(S, B, T, outputs) noise of the readout."""

    @classmethod
    def sample(
        cls, shape: Shape, size: list[int], generator: torch.Generator
    ) -> "Noise":
        """Standard normal noise for activity of `size` (S, B, T)."""
        counts = (shape.units, shape.outputs)
        return cls(
            *(torch.randn(*size, n, generator=generator).double() for n in counts)
        )

    def scaled(self, size: float) -> "Noise":
        """The same noise with another standard deviation."""
        return Noise(size * self.hidden, size * self.readout)


def activity(
    shape: Shape, weights: Tensor, inputs: Tensor, noise: Noise | None = None
) -> Tensor:
    """(S, B, T, units) hidden activity, from rest.

    Args:
        shape: of the networks.
        weights: (S, N).
        inputs: (S, B, T, inputs), or (B, T, inputs), the same for all replicas.
        noise: on the summed inputs of the units.
    """
    hidden, _ = shape.split(weights)
    times = inputs.shape[-2]
    drive = _append_one(inputs).flatten(-3, -2) @ hidden[:, :, : shape.inputs + 1].mT
    drive = drive.unflatten(1, (-1, times))
    if noise is not None:
        drive = drive + noise.hidden
    if not shape.recurrent:
        return torch.tanh(drive)
    recurrence = hidden[:, :, shape.inputs + 1 :].mT
    units = drive[:, :, 0].tanh()
    steps = [units]
    for received in drive.unbind(2)[1:]:
        units = torch.baddbmm(received, units, recurrence).tanh()
        steps.append(units)
    return torch.stack(steps, dim=2)


def outputs(
    shape: Shape, weights: Tensor, units: Tensor, noise: Noise | None = None
) -> Tensor:
    """(S, B, T, outputs) outputs of (S, B, T, units) activity."""
    _, readout = shape.split(weights)
    flat = torch.bmm(_append_one(units).flatten(1, 2), readout.mT)
    values = flat.view(*units.shape[:3], shape.outputs)
    return values if noise is None else values + noise.readout


def layers(
    shape: Shape, inputs: Tensor, units: Tensor, noise: Noise
) -> tuple[Layer, ...]:
    """Noise and inputs of both layers.

    Args:
        shape: of the networks.
        inputs: as in `activity`.
        units: (S, B, T, units) activity.
        noise: of both layers.
    """
    received = [_append_one(inputs).expand(len(units), -1, -1, -1)]
    if shape.recurrent:
        rest = torch.zeros_like(units[:, :, :1])
        received.append(torch.cat([rest, units[:, :, :-1]], dim=2))
    return (
        Layer(noise.hidden, torch.cat(received, dim=-1)),
        Layer(noise.readout, _append_one(units)),
    )


def _append_one(values: Tensor) -> Tensor:
    """Values with a 1 at the end of each row, for the bias."""
    return torch.cat([values, torch.ones_like(values[..., :1])], dim=-1)
