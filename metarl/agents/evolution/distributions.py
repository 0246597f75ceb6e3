"""Distributions of a population: a mean that learns, and a fixed deviation."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from metarl.core.checks import check_at_least

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Normal:
    """Normal distribution around a mean, with equal deviation in every direction."""

    mean: Array
    """(D,) parameters that learn."""
    deviation: float
    """Standard deviation of each coordinate, > 0; it is not learned."""

    def __post_init__(self) -> None:
        """Validate the fields."""
        check_at_least("deviation", self.deviation, 1e-300)

    def sample(self, count: int, generator: np.random.Generator) -> Array:
        """(N, D) members, sampled independently."""
        return self.mean + self.deviation * self._noise(count, generator)

    def _noise(self, count: int, generator: np.random.Generator) -> Array:
        return generator.standard_normal((count, len(self.mean)))

    def score(self, sample: Array) -> Array:
        """(N, D) derivative of each member's log probability in the mean.

        d log p(theta) / d mean = (theta - mean) / deviation^2
        """
        return (sample - self.mean) / self.deviation**2


class PairedNormal(Normal):
    """Normal distribution of pairs: each member has a mirror image about the mean.

    Any even function about the mean cancels within a pair and adds no noise to a
    gradient (antithetic sampling). Mirror images are the second half of the sample.
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
