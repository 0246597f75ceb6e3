"""Encoders: from what is seen, picture by picture, to features for the core.

A task shows codes, and tells what a code looks like (`look`); equal codes look the
same, so each different view is encoded once.
"""

from collections.abc import Callable
from math import sqrt

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional

from metarl.agents.config import NetworkConfig
from metarl.core.checks import check_at_least, check_between

Look = Callable[[Tensor], Tensor]
"""(N, C) codes -> (N, W, H, 3) uint8 pixels, column by column."""
GREY = 128.0
"""Level that reads as 0."""
STACK = ((16, 8, 4), (32, 4, 2))
"""Filters, size and stride of the stack's layers; Mnih et al. 2016, ICML."""
STACK_LEAST = 20
"""Pixels each way from which the stack's second layer has something to read."""


class Encoder(nn.Module):
    """Convolutions with rectified outputs; the last layer's are the features.

    patch: one layer whose filters are as tall as the retina and `patch_size` wide, and
        move by `patch_stride`: they fit a picture of this size.
    stack: two layers and a full one, as usual for 84 x 84 pixels.
    """

    def __init__(self, view_size: tuple[int, int], config: NetworkConfig) -> None:
        """Allocate for a retina of this width and height; `draw` sets the weights.

        Raises:
            ValueError: the retina is too small for the filters.
        """
        super().__init__()
        width, height = view_size
        self.view_size = view_size
        self.look: Look | None = None
        """What codes look like: the task's; set before the first view."""
        self.layers = nn.ModuleList()
        if config.encoder == "patch":
            check_between("patch_size", config.patch_size, 1, width)
            filters = (config.patch_size, height)
            self.layers.append(_layer(3, config.filters, filters, config.patch_stride))
            places = (width - config.patch_size) // config.patch_stride + 1
            self.features = places * config.filters
            return
        least = "least side of the retina, for encoder stack,"
        check_at_least(least, min(view_size), STACK_LEAST)
        channels = 3
        for filters_there, size, stride in STACK:
            self.layers.append(_layer(channels, filters_there, (size, size), stride))
            width, height = ((n - size) // stride + 1 for n in (width, height))
            channels = filters_there
        self.layers.append(nn.Linear(channels * width * height, config.features))
        self.features = config.features

    def draw(self, generator: torch.Generator) -> None:
        """Draw weights uniform within sqrt(3 / inputs), so that outputs vary by 1."""
        with torch.no_grad():
            for parameter in self.parameters():
                bound = sqrt(3 / parameter[0].numel()) if parameter.dim() > 1 else 0
                parameter.uniform_(-bound, bound, generator=generator)

    def encode(self, pixels: UInt8[Tensor, "n w h 3"]) -> Float[Tensor, "n features"]:
        """Features of each picture."""
        # Channels come last in memory, as the views have them.
        values = pixels.to(next(self.parameters()).dtype) / GREY - 1
        values = values.permute(0, 3, 1, 2)
        for layer in self.layers:
            if isinstance(layer, nn.Linear):
                values = values.flatten(1)
            values = functional.relu(layer(values))
        return values.flatten(1)

    def forward(self, codes: Float[Tensor, "n codes"]) -> Float[Tensor, "n features"]:
        """Features of what each row of codes stands for, each different view once."""
        seen, back = unique_rows(codes)
        features: Tensor = self.encode(self.view(seen)).index_select(0, back)
        return features

    def view(self, codes: Tensor) -> Tensor:
        """The pixels that codes stand for."""
        if self.look is None:
            raise ValueError(
                "the network's encoder.look must be the task's `look`, got None: "
                "metarl.agents.networks.actor_critic.open_eyes(network, task.look)"
            )
        return self.look(codes)


def unique_rows(codes: Tensor) -> tuple[Tensor, Tensor]:
    """The different rows, and for each row which of them it is."""
    keys, back = torch.unique(pack(codes), return_inverse=True)
    return unpack(keys, codes.shape[1]), back


BITS = 20
"""Bits of a code: whole numbers below 2**20, at most three in a row."""


def pack(codes: Tensor) -> Tensor:
    """(N,) int64, one number for each row of (N, C) codes."""
    keys = codes[:, 0].long()
    for column in codes[:, 1:].unbind(1):
        keys = (keys << BITS) | column.long()
    return keys


def unpack(keys: Tensor, count: int) -> Tensor:
    """(N, count) codes from their keys."""
    shifts = range((count - 1) * BITS, -1, -BITS)
    mask = (1 << BITS) - 1
    return torch.stack([(keys >> shift) & mask for shift in shifts], 1).float()


def _layer(
    channels: int, filters: int, size: tuple[int, int], stride: int
) -> nn.Conv2d:
    layer = nn.Conv2d(channels, filters, size, stride)
    layer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return layer
