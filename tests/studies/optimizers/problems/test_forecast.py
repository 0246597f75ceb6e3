"""Chaotic series: known properties, baselines by hand, forecasts of known networks."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch.testing import assert_close

from metarl.studies.optimizers.problems.forecast import (
    FREE_POINTS,
    SYSTEMS,
    Forecast,
    Series,
    _runge_kutta_step,
    linear_autoregression,
    normalised_error,
    persistence,
    simulate,
)


@pytest.fixture(scope="module", params=SYSTEMS)
def simulated(request):
    system = SYSTEMS[request.param]
    return request.param, system, simulate(system, np.random.default_rng(5))


def test_the_training_points_set_the_scale(simulated):
    _, _, series = simulated
    assert series.training.shape == (2000, 3)
    assert series.test.shape == (1000, 3)
    assert_allclose(series.training.mean(0), 0, atol=1e-12)
    assert_allclose(series.training.std(0), 1)


def test_baselines_have_known_errors(simulated):
    name, _, series = simulated
    linear = {"lorenz": 0.308, "rossler": 0.291}[name]
    assert persistence(series) == pytest.approx(0.371, abs=0.03)
    assert linear_autoregression(series) == pytest.approx(linear, abs=0.03)


def test_points_follow_the_flow():
    system = SYSTEMS["lorenz"]
    state = np.array([1.0, 2.0, 20.0])
    slope = np.array(system.flow(*state))
    assert_allclose(slope, [10.0, 6.0, 2 - 160 / 3])
    series = simulate(system, np.random.default_rng(5))
    again = simulate(system, np.random.default_rng(5))
    other = simulate(system, np.random.default_rng(6))
    assert (series.test == again.test).all()
    assert (series.test != other.test).any()


def test_a_rotation_returns_to_its_start():
    state = np.array([1.0, 0.0, 0.0])
    for _ in range(100):
        state = _runge_kutta_step(lambda x, y, z: (-y, x, 0.0), state, 2 * np.pi / 100)
    assert_allclose(state, [1, 0, 0], atol=1e-5)


def test_the_error_is_in_standard_deviations():
    actual = np.array([[0.0, 0, 0], [2, 4, 0], [0, 0, 0], [2, 4, 0]])
    # Variances 1, 4, 0: mean 5/3. Errors of 1 in one variable of three.
    assert normalised_error(actual + np.array([1, 0, 0]), actual) == pytest.approx(
        (1 / 3 / (5 / 3)) ** 0.5
    )


def test_a_linear_map_has_no_error():
    matrix = np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])
    points = [np.array([1.0, 0.5, 2.0])]
    for _ in range(60):
        points.append(points[-1] @ matrix)
    series = Series(np.stack(points[:30]), np.stack(points[30:]))
    assert linear_autoregression(series) < 1e-12
    assert persistence(series) > 0.5


def test_an_untrained_network_forecasts_persistence(simulated):
    _, system, series = simulated
    problem = Forecast(series)
    weights = problem.initial_weights(2, torch.Generator().manual_seed(1))
    assert weights.shape == (2, 371)
    assert problem.test_errors(weights) == pytest.approx(
        [persistence(series)] * 2, rel=0.05
    )
    batch = (problem.targets - problem.inputs)[:, 10:].square().mean()
    assert_close(problem.losses(weights[None])[0], batch.expand(2))
    times = problem.valid_times(weights, system)
    assert times[0] == times[1] < 0.3


def test_a_perfect_forecast_is_valid_for_all_points():
    line = np.arange(1000)[:, None] * np.array([0.001, 0.002, -0.001])
    problem = Forecast(Series(np.tile(line, (2, 1)), line))
    weights = problem.initial_weights(1, torch.Generator())
    _, readout = problem.shape.split(weights)
    readout[0, :, -1] = torch.tensor([0.001, 0.002, -0.001])
    (error,) = problem.test_errors(weights)
    assert error < 1e-6
    system = SYSTEMS["lorenz"]
    (time,) = problem.valid_times(weights, system)
    assert time == pytest.approx(FREE_POINTS * system.interval * 0.906)


def test_a_constant_forecast_is_valid_until_the_series_departs():
    line = np.arange(1000)[:, None] * np.array([0.011, 0.011, 0.011])
    problem = Forecast(Series(np.tile(line, (2, 1)), line))
    weights = problem.initial_weights(1, torch.Generator())
    # Each point is .011 further away: the 36th is still within .4.
    system = SYSTEMS["lorenz"]
    (time,) = problem.valid_times(weights, system)
    assert time == pytest.approx(36 * 0.05 * 0.906)
