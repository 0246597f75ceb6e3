"""Encoders: from images to features for the core.

The observation of a task with pixels is a code, which the task renders as an image
(`render_views`). Equal codes give equal images, so each distinct view is encoded once.
"""

from collections.abc import Callable
from math import sqrt

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional

from metarl.agents.config import NetworkConfig
from metarl.core.checks import check_at_least, check_between

RenderViews = Callable[[Tensor], Tensor]
"""(N, C) codes -> (N, W, H, 3) uint8 pixels, column by column."""
GREY = 128.0
"""Grey level that is encoded as 0."""
STACK = ((16, 8, 4), (32, 4, 2))
"""Filters, size and stride of the layers of the stack; Mnih et al. 2016, ICML."""
STACK_LEAST = 20
"""Least width and height, in pixels, for which the stack's second layer has inputs."""


class Encoder(nn.Module):
    """Convolutions with rectified outputs; those of the last layer are the features.

    patch: one layer of filters as tall as the image and `patch_size` wide, with stride
        `patch_stride`: each fits a picture of this size.
    stack: two convolutions and a fully connected layer, as usual for 84 x 84 pixels.
    """

    def __init__(self, view_size: tuple[int, int], config: NetworkConfig) -> None:
        """Allocate for images of (width, height); `initialize` draws the weights.

        Raises:
            ValueError: the image is too small for the filters.
        """
        super().__init__()
        check_view_size(view_size, config)
        width, height = view_size
        self.view_size = view_size
        self.render_views: RenderViews | None = None
        """Renderer of the task; attached before the first step."""
        self.kept: KeptFeatures | None = None
        """Features of views while the weights are frozen, in `features_kept`."""
        self.layers = nn.ModuleList()
        if config.encoder == "patch":
            filters = (config.patch_size, height)
            self.layers.append(_layer(3, config.filters, filters, config.patch_stride))
            places = (width - config.patch_size) // config.patch_stride + 1
            self.features = places * config.filters
            return
        channels = 3
        for filter_count, size, stride in STACK:
            self.layers.append(_layer(channels, filter_count, (size, size), stride))
            width, height = ((n - size) // stride + 1 for n in (width, height))
            channels = filter_count
        self.layers.append(nn.Linear(channels * width * height, config.features))
        self.features = config.features

    def initialize(self, generator: torch.Generator) -> None:
        """Draw weights uniform within sqrt(3 / inputs), for outputs of variance 1."""
        with torch.no_grad():
            for parameter in self.parameters():
                bound = sqrt(3 / parameter[0].numel()) if parameter.dim() > 1 else 0
                parameter.uniform_(-bound, bound, generator=generator)

    def encode(self, pixels: UInt8[Tensor, "n w h 3"]) -> Float[Tensor, "n features"]:
        """Features of each image."""
        # Only the strides are permuted: channels stay last in memory, as in the views,
        # which is also the format of the convolutions' weights.
        values = pixels.to(next(self.parameters()).dtype) / GREY - 1
        values = values.permute(0, 3, 1, 2)
        for layer in self.layers:
            if isinstance(layer, nn.Linear):
                values = values.flatten(1)
            values = functional.relu(layer(values))
        return values.flatten(1)

    def forward(self, codes: Float[Tensor, "n codes"]) -> Float[Tensor, "n features"]:
        """Features of the view of each row of codes; each distinct view once."""
        # Many environments have equal views, and encoding takes most of the time.
        if self.kept is not None:
            return self.kept.of(codes, lambda new: self.encode(self.views(new)))
        distinct, back = unique_rows(codes)
        features: Tensor = self.encode(self.views(distinct)).index_select(0, back)
        return features

    def attach(self, render_views: RenderViews | None) -> None:
        """Read the views of a task, whose pictures may be others than before."""
        self.render_views = render_views
        if self.kept is not None:
            self.kept = KeptFeatures()

    def views(self, codes: Tensor) -> Tensor:
        """(N, W, H, 3) uint8 pixels of (N, C) codes, by the task's renderer."""
        if self.render_views is None:
            raise ValueError(
                "the network's encoder.render_views must be the task's `render_views`, "
                "got None; call metarl.agents.networks.actor_critic.attach_renderer("
                "network, task.render_views)"
            )
        return self.render_views(codes)


def check_view_size(view_size: tuple[int, int], config: NetworkConfig) -> None:
    """Raise ValueError if an image of (width, height) is too small for the filters."""
    if config.encoder == "patch":
        check_between("patch_size", config.patch_size, 1, view_size[0])
    else:
        least = "least side of the image, for encoder stack,"
        check_at_least(least, min(view_size), STACK_LEAST)


def unique_rows(codes: Tensor) -> tuple[Tensor, Tensor]:
    """Distinct rows, and for each row its index among them."""
    keys, back = torch.unique(pack(codes), return_inverse=True)
    return unpack(keys, codes.shape[1]), back


BITS = 20
"""Bits of an entry of a code: whole numbers below 2**20, at most three a row."""


def pack(codes: Tensor) -> Tensor:
    """(N,) int64 keys of (N, C) codes, in one number as it is faster to sort."""
    keys = codes[:, 0].long()
    for column in codes[:, 1:].unbind(1):
        keys = (keys << BITS) | column.long()
    return keys


def unpack(keys: Tensor, count: int) -> Tensor:
    """(N, count) codes from their keys."""
    shifts = range((count - 1) * BITS, -1, -BITS)
    mask = (1 << BITS) - 1
    return torch.stack([(keys >> shift) & mask for shift in shifts], 1).float()


class ViewCache:
    """Numbers for the distinct keys of views, in order of first occurrence."""

    def __init__(self) -> None:
        """Start without keys."""
        self.keys = torch.empty(0, dtype=torch.int64)
        """Known keys, sorted, for the binary search."""
        self.numbers = self.keys
        """Number of each of the sorted keys."""

    def __len__(self) -> int:
        """Number of distinct keys."""
        return len(self.keys)

    def numbers_of(self, keys: Tensor) -> tuple[Tensor, Tensor]:
        """(B,) number of each of (B,) keys, and the new keys in order of their numbers.

        Batched, as a dictionary lookup for each environment would take longer than the
        step of the network.
        """
        distinct, back = torch.unique(keys, return_inverse=True)
        if not len(self):
            self.keys = distinct
            self.numbers = torch.arange(len(distinct), device=keys.device)
            return back, distinct
        # Clamped, as a key greater than all known ones would be sought past the end.
        near = torch.searchsorted(self.keys, distinct).clamp_(max=len(self) - 1)
        known = self.keys[near] == distinct
        new = distinct[~known]
        numbers = self.numbers[near]
        if len(new):
            added = torch.arange(len(self), len(self) + len(new), device=keys.device)
            numbers[~known] = added
            self.keys, order = torch.cat([self.keys, new]).sort()
            self.numbers = torch.cat([self.numbers, added])[order]
        return numbers[back], new


class KeptFeatures:
    """Features of all views that a frozen network has met, each computed once."""

    def __init__(self) -> None:
        """Start without views."""
        self.cache = ViewCache()
        self.features = torch.empty(0, 0)

    def of(self, codes: Tensor, encode: Callable[[Tensor], Tensor]) -> Tensor:
        """(N, F) features of (N, C) codes.

        Args:
            codes: codes of the views.
            encode: codes of distinct views -> their features.
        """
        numbers, new = self.cache.numbers_of(pack(codes))
        if len(new):
            self._add(encode(unpack(new, codes.shape[1])))
        return self.features.index_select(0, numbers)

    def _add(self, features: Tensor) -> None:
        """Add the features of the latest views; the room for them is doubled."""
        count = len(self.cache)
        if count > len(self.features):
            room = features.new_empty(2 * count, features.shape[1])
            if len(self.features):
                room[: len(self.features)] = self.features
            self.features = room
        self.features[count - len(features) : count] = features


def _layer(
    channels: int, filters: int, size: tuple[int, int], stride: int
) -> nn.Conv2d:
    layer = nn.Conv2d(channels, filters, size, stride)
    layer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return layer
