"""Gradient ascent with a step size that hardly depends on the size of the gradient."""

from dataclasses import dataclass, replace

import numpy as np

from metarl.agents.evolution.distributions import Array

FIRST, SECOND = 0.9, 0.999
"""Decay per step of the running means of gradients and of their squares."""
TINY = 1e-8


@dataclass(frozen=True)
class Ascent:
    """Adam, as ascent.

    m <- b1 m + (1 - b1) g;  v <- b2 v + (1 - b2) g^2
    x <- x + rate (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + tiny)

    Source: Kingma & Ba 2015, ICLR.
    """

    slopes: Array
    """(D,) m, running mean of gradients."""
    squares: Array
    """(D,) v, running mean of squared gradients."""
    steps: int = 0
    """t, number of steps taken."""

    @classmethod
    def start(cls, size: int) -> "Ascent":
        """Return the state before the first step."""
        return cls(np.zeros(size), np.zeros(size))

    def step(
        self, parameters: Array, gradient: Array, rate: float
    ) -> tuple[Array, "Ascent"]:
        """Take one step; return the new parameters and the new state."""
        slopes = FIRST * self.slopes + (1 - FIRST) * gradient
        squares = SECOND * self.squares + (1 - SECOND) * gradient**2
        steps = self.steps + 1
        scale = np.sqrt(squares / (1 - SECOND**steps)) + TINY
        moved = parameters + rate * slopes / (1 - FIRST**steps) / scale
        return moved, replace(self, slopes=slopes, squares=squares, steps=steps)
