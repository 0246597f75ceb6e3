"""What a population is drawn from: a mean that learns, and a fixed spread."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from metarl.core.checks import check_at_least

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Normal:
    """Members scattered around a mean, alike in every direction."""

    mean: Array
    """(D,) the parameters that learn."""
    deviation: float
    """Standard deviation of each coordinate, > 0; it stays as it is."""

    def __post_init__(self) -> None:
        """Refuse a population without spread: it would tell nothing."""
        check_at_least("deviation", self.deviation, 1e-300)

    def sample(self, count: int, generator: np.random.Generator) -> Array:
        """(N, D) members, drawn independently."""
        return self.mean + self.deviation * self._noise(count, generator)

    def _noise(self, count: int, generator: np.random.Generator) -> Array:
        return generator.standard_normal((count, len(self.mean)))

    def score(self, sample: Array) -> Array:
        """(N, D) how each member's log-probability grows with the mean.

        d log p(theta) / d mean = (theta - mean) / deviation^2
        """
        return (sample - self.mean) / self.deviation**2


class PairedNormal(Normal):
    """The same, but each member has a mirror image on the mean's other side.

    Whatever is even around the mean cancels within a pair and adds no noise to a
    gradient (antithetic sampling). Mirror images stand in the sample's second half.
    """

    def _noise(self, count: int, generator: np.random.Generator) -> Array:
        if count % 2:
            raise ValueError(
                f"count must be even where members come in pairs, got {count!r}; "
                "choose the distribution normal"
            )
        half = super()._noise(count // 2, generator)
        return np.concatenate([half, -half])


DISTRIBUTIONS: Mapping[str, type[Normal]] = MappingProxyType(
    {"normal": Normal, "paired": PairedNormal}
)
"""Distributions by name."""
