"""A small recurrent network forecasts a chaotic series, one point ahead."""

import numpy as np
import torch
from torch import Tensor

from metarl.studies.optimizers.problems.chaos import Data, System, normalised_error
from metarl.studies.optimizers.problems.network import Shape, activity, outputs
from metarl.studies.optimizers.problems.supervised import Supervised

SEGMENTS, SEGMENT_POINTS, WARM_UP = 8, 40, 10
"""Segments of the training points that are learned from, their length, and how many
of their first forecasts do not count."""
VALID_ERROR = 0.4
"""Standard deviations of error up to which a closed-loop forecast is valid."""
STARTS, FREE_POINTS = 10, 400
"""Closed-loop forecasts of a network, and how long the longest may be."""


class Forecast(Supervised):
    """Sixteen tanh units add to the present point what they expect to change.

    Segments lie evenly among the training points, and are the same at every step.
    """

    def __init__(self, data: Data, units: int = 16) -> None:
        """Of a series."""
        self.data = data
        shape = Shape(inputs=3, units=units, outputs=3, recurrent=True)
        last = len(data.training) - SEGMENT_POINTS - 1
        starts = np.linspace(0, last, SEGMENTS).astype(int)
        places = starts[:, None] + np.arange(SEGMENT_POINTS + 1)
        points = torch.from_numpy(data.training[places])
        super().__init__(shape, points[:, :-1], points[:, 1:], warm_up=WARM_UP)

    def first(self, count: int, generator: torch.Generator) -> Tensor:
        """(count, N) weights; no change is expected yet, so it begins as persistence.

        From a random readout large first errors send D2 far away, where it stays.
        """
        weights = super().first(count, generator)
        _, readout = self.shape.parts(weights)
        readout.zero_()
        return weights

    def answers(self, told: Tensor) -> Tensor:
        """The next point is this one and the change that is told."""
        return self.inputs + told

    @torch.no_grad()
    def test_errors(self, weights: Tensor) -> list[float]:
        """Normalised error of one-step forecasts on the test points, a replica each."""
        points = torch.from_numpy(self.data.test)
        inputs = points[None, :-1]
        units = activity(self.shape, weights, inputs)
        forecasts = inputs + outputs(self.shape, weights, units)
        actual = self.data.test[1 + WARM_UP :]
        return [
            normalised_error(each[0, WARM_UP:].numpy(), actual) for each in forecasts
        ]

    @torch.no_grad()
    def valid_times(self, weights: Tensor, system: System) -> list[float]:
        """How long forecasts fed back as inputs stay valid, in Lyapunov times.

        Each follows a segment's length of actual points; the mean over starts that lie
        evenly among the test points, a replica each.
        """
        points = torch.from_numpy(self.data.test)
        last = len(points) - SEGMENT_POINTS - FREE_POINTS
        starts = np.linspace(0, last, STARTS).astype(int)
        places = starts[:, None] + np.arange(SEGMENT_POINTS + FREE_POINTS)
        actual = points[places]
        heard, free = actual[:, :SEGMENT_POINTS], actual[:, SEGMENT_POINTS:]
        forecasts = self._free_run(weights, heard, FREE_POINTS)
        errors = (forecasts - free).square().mean(-1).sqrt()
        valid = (errors <= VALID_ERROR).long().cumprod(-1).sum(-1).double().mean(-1)
        times = valid * system.interval * system.lyapunov_exponent
        return [float(time) for time in times]

    def _free_run(self, weights: Tensor, heard: Tensor, count: int) -> Tensor:
        """(S, B, count, 3) forecasts after (B, T, 3) points."""
        hidden, _ = self.shape.parts(weights)
        units = activity(self.shape, weights, heard)[:, :, -1:]
        point = heard[None, :, -1:] + outputs(self.shape, weights, units)
        course = [point]
        one = torch.ones_like(point[..., :1])
        for _ in range(count - 1):
            received = torch.cat([point, one, units], dim=-1).squeeze(2)
            units = (received @ hidden.mT).tanh()[:, :, None]
            point = point + outputs(self.shape, weights, units)
            course.append(point)
        return torch.cat(course, dim=2)
