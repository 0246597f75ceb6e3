"""Forecasting of chaotic series by a small recurrent network, one point ahead.

    Lorenz    x' = 10 (y - x),  y' = x (28 - z) - y,  z' = x y - 8/3 z
    Rossler   x' = -y - z,      y' = x + .2 y,        z' = .2 + z (x - 5.7)

Source: Lorenz 1963, J Atmos Sci 20:130; Rossler 1976, Phys Lett A 57:397.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from metarl.studies.optimizers.problems.network import Shape, activity, outputs
from metarl.studies.optimizers.problems.supervised import Supervised

Points = NDArray[np.float64]

TRAINING_POINTS, TEST_POINTS = 2000, 1000
"""Points for training, which also set the scale, and later points, for tests."""
SETTLING_POINTS = 500
"""Points omitted at the start, until the state is on the attractor."""
STEPS_PER_POINT = 2
"""Runge-Kutta steps from one point to the next."""
SEGMENTS, SEGMENT_POINTS, WARM_UP = 8, 40, 10
"""Segments of the training points that are learned, their length, and the number of
their first forecasts that do not count."""
VALID_ERROR = 0.4
"""Error, in standard deviations, up to which a closed-loop forecast is valid."""
STARTS, FREE_POINTS = 10, 400
"""Closed-loop forecasts of a network, and the length of each in points."""


@dataclass(frozen=True, kw_only=True)
class System:
    """A chaotic system of three variables."""

    flow: Callable[[float, float, float], tuple[float, float, float]]
    """Derivatives of the variables by time."""
    interval: float
    """Time from one point to the next."""
    lyapunov_exponent: float
    """Largest exponent, per unit of time: errors grow by e in 1 / exponent."""


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
"""Systems by name; exponents after Sprott 2003, Chaos and Time-Series Analysis."""


@dataclass(frozen=True)
class Series:
    """A series in standard deviations of the training points, about their mean."""

    training: Points
    """(2000, 3) points for training."""
    test: Points
    """(1000, 3) points that follow them."""


def simulate(system: System, generator: np.random.Generator) -> Series:
    """Simulate a system from a random state (Runge-Kutta of fourth order)."""
    state = generator.uniform(0.5, 1.5, size=3)
    step = system.interval / STEPS_PER_POINT
    points = []
    count = SETTLING_POINTS + TRAINING_POINTS + TEST_POINTS
    for k in range(count * STEPS_PER_POINT):
        state = _runge_kutta_step(system.flow, state, step)
        if k % STEPS_PER_POINT == 0:
            points.append(state)
    settled = np.stack(points[SETTLING_POINTS:])
    training = settled[:TRAINING_POINTS]
    scaled = (settled - training.mean(0)) / training.std(0)
    return Series(scaled[:TRAINING_POINTS], scaled[TRAINING_POINTS:])


def _runge_kutta_step(
    flow: Callable[[float, float, float], tuple[float, float, float]],
    state: Points,
    step: float,
) -> Points:
    """The state one time step later."""
    first = np.array(flow(*state))
    second = np.array(flow(*(state + step / 2 * first)))
    third = np.array(flow(*(state + step / 2 * second)))
    fourth = np.array(flow(*(state + step * third)))
    slope: Points = first + 2 * second + 2 * third + fourth
    return state + step / 6 * slope


def normalised_error(forecasts: Points, actual: Points) -> float:
    """Root mean squared error, in standard deviations of the actual points."""
    errors = ((forecasts - actual) ** 2).mean()
    return float(np.sqrt(errors / actual.var(0).mean()))


def persistence(series: Series) -> float:
    """Normalised test error of the forecast that the next point is the current one."""
    return normalised_error(series.test[:-1], series.test[1:])


def linear_autoregression(series: Series) -> float:
    """Normalised test error of the best linear map from one point to the next."""
    before, after = _append_one(series.training[:-1]), series.training[1:]
    matrix, *_ = np.linalg.lstsq(before, after, rcond=None)
    return normalised_error(_append_one(series.test[:-1]) @ matrix, series.test[1:])


def _append_one(points: Points) -> Points:
    """Points with a 1 at the end of each, for the constant."""
    return np.column_stack([points, np.ones(len(points))])


class Forecast(Supervised):
    """Sixteen recurrent tanh units add the expected change to the current point.

    Segments are evenly distributed over the training points, and are the same at every
    step.
    """

    def __init__(self, series: Series, units: int = 16) -> None:
        """Take the segments of a series.

        Args:
            series: to forecast.
            units: of the network.
        """
        self.series = series
        shape = Shape(inputs=3, units=units, outputs=3, recurrent=True)
        last = len(series.training) - SEGMENT_POINTS - 1
        starts = np.linspace(0, last, SEGMENTS).astype(int)
        places = starts[:, None] + np.arange(SEGMENT_POINTS + 1)
        points = torch.from_numpy(series.training[places])
        super().__init__(shape, points[:, :-1], points[:, 1:], warm_up=WARM_UP)

    def initial_weights(self, count: int, generator: torch.Generator) -> Tensor:
        """(count, N) weights with a zero readout: training starts as persistence.

        From a random readout, large first errors drive D2 to weights from which it does
        not return.
        """
        weights = super().initial_weights(count, generator)
        _, readout = self.shape.split(weights)
        readout.zero_()
        return weights

    def predictions(self, values: Tensor) -> Tensor:
        """The next point: the current one and its predicted change."""
        return self.inputs + values

    @torch.no_grad()
    def test_errors(self, weights: Tensor) -> list[float]:
        """Normalised error of one-step forecasts of the test points, by replica."""
        points = torch.from_numpy(self.series.test)
        inputs = points[None, :-1]
        units = activity(self.shape, weights, inputs)
        forecasts = inputs + outputs(self.shape, weights, units)
        actual = self.series.test[1 + WARM_UP :]
        return [
            normalised_error(each[0, WARM_UP:].numpy(), actual) for each in forecasts
        ]

    @torch.no_grad()
    def valid_times(self, weights: Tensor, system: System) -> list[float]:
        """Duration of valid closed-loop forecasts, in Lyapunov times, by replica.

        Each forecast follows as many actual points as a segment has. The mean is over
        starts that are evenly distributed over the test points.

        Args:
            weights: (S, N) of the replicas.
            system: of the series.
        """
        points = torch.from_numpy(self.series.test)
        last = len(points) - SEGMENT_POINTS - FREE_POINTS
        starts = np.linspace(0, last, STARTS).astype(int)
        places = starts[:, None] + np.arange(SEGMENT_POINTS + FREE_POINTS)
        actual = points[places]
        given, future = actual[:, :SEGMENT_POINTS], actual[:, SEGMENT_POINTS:]
        forecasts = self._closed_loop(weights, given, FREE_POINTS)
        errors = (forecasts - future).square().mean(-1).sqrt()
        valid = (errors <= VALID_ERROR).long().cumprod(-1).sum(-1).double().mean(-1)
        times = valid * system.interval * system.lyapunov_exponent
        return [float(time) for time in times]

    def _closed_loop(self, weights: Tensor, given: Tensor, count: int) -> Tensor:
        """(S, B, count, 3) forecasts, fed back as inputs, after (B, T, 3) points."""
        hidden, _ = self.shape.split(weights)
        units = activity(self.shape, weights, given)[:, :, -1:]
        point = given[None, :, -1:] + outputs(self.shape, weights, units)
        forecasts = [point]
        one = torch.ones_like(point[..., :1])
        for _ in range(count - 1):
            received = torch.cat([point, one, units], dim=-1).squeeze(2)
            units = (received @ hidden.mT).tanh()[:, :, None]
            point = point + outputs(self.shape, weights, units)
            forecasts.append(point)
        return torch.cat(forecasts, dim=2)
