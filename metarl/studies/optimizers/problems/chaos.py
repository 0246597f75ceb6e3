"""Chaotic series, and what forecasts of them are measured against.

    Lorenz    x' = 10 (y - x),  y' = x (28 - z) - y,  z' = x y - 8/3 z
    Rossler   x' = -y - z,      y' = x + .2 y,        z' = .2 + z (x - 5.7)

Source: Lorenz 1963, J Atmos Sci 20:130; Rossler 1976, Phys Lett A 57:397.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

Series = NDArray[np.float64]

TRAINING_POINTS, TEST_POINTS = 2000, 1000
"""Points to learn from, which also give the scale; and points after them, to test."""
SETTLING_POINTS = 500
"""Points left out at the start, until the state is on the attractor."""
STEPS_A_POINT = 2
"""Runge-Kutta steps from one point to the next."""


@dataclass(frozen=True, kw_only=True)
class System:
    """A chaotic system of three variables."""

    flow: Callable[[float, float, float], tuple[float, float, float]]
    """Its derivatives by time."""
    interval: float
    """Time from one point to the next."""
    lyapunov_exponent: float
    """Greatest, a unit of time: errors grow by e in 1 / exponent."""


def _lorenz(x: float, y: float, z: float) -> tuple[float, float, float]:
    return 10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z


def _rossler(x: float, y: float, z: float) -> tuple[float, float, float]:
    return -y - z, x + 0.2 * y, 0.2 + z * (x - 5.7)


SYSTEMS: Mapping[str, System] = MappingProxyType(
    {
        "lorenz": System(flow=_lorenz, interval=0.05, lyapunov_exponent=0.906),
        "rossler": System(flow=_rossler, interval=0.2, lyapunov_exponent=0.071),
    }
)
"""By name; exponents after Sprott 2003, Chaos and Time-Series Analysis."""


@dataclass(frozen=True)
class Data:
    """A series in standard deviations of the training points, about their mean."""

    training: Series
    """(2000, 3)."""
    test: Series
    """(1000, 3), what follows."""


def series(system: System, generator: np.random.Generator) -> Data:
    """Draw a beginning and follow it (Runge-Kutta of fourth order)."""
    state = generator.uniform(0.5, 1.5, size=3)
    step = system.interval / STEPS_A_POINT
    points = []
    for k in range((SETTLING_POINTS + TRAINING_POINTS + TEST_POINTS) * STEPS_A_POINT):
        state = _advanced(system.flow, state, step)
        if k % STEPS_A_POINT == 0:
            points.append(state)
    settled = np.stack(points[SETTLING_POINTS:])
    training = settled[:TRAINING_POINTS]
    scaled = (settled - training.mean(0)) / training.std(0)
    return Data(scaled[:TRAINING_POINTS], scaled[TRAINING_POINTS:])


def _advanced(
    flow: Callable[[float, float, float], tuple[float, float, float]],
    state: Series,
    step: float,
) -> Series:
    """One Runge-Kutta step."""
    first = np.array(flow(*state))
    second = np.array(flow(*(state + step / 2 * first)))
    third = np.array(flow(*(state + step / 2 * second)))
    fourth = np.array(flow(*(state + step * third)))
    slope: Series = first + 2 * second + 2 * third + fourth
    return state + step / 6 * slope


def normalised_error(forecasts: Series, actual: Series) -> float:
    """Root mean squared error, in standard deviations of what was to be forecast."""
    errors = ((forecasts - actual) ** 2).mean()
    return float(np.sqrt(errors / actual.var(0).mean()))


def persistence(data: Data) -> float:
    """Normalised test error of saying that the next point is this one."""
    return normalised_error(data.test[:-1], data.test[1:])


def linear_autoregression(data: Data) -> float:
    """Normalised test error of the best linear map from one point to the next."""
    matrix, *_ = np.linalg.lstsq(
        _with_one(data.training[:-1]), data.training[1:], rcond=None
    )
    return normalised_error(_with_one(data.test[:-1]) @ matrix, data.test[1:])


def _with_one(points: Series) -> Series:
    return np.column_stack([points, np.ones(len(points))])
