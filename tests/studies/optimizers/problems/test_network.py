"""Batches of networks: by hand, and against torch's own layers."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from metarl.studies.optimizers.problems.network import (
    Noise,
    Shape,
    activity,
    layers,
    outputs,
)

SHAPE = Shape(inputs=3, units=5, outputs=2, recurrent=True)


def normal(*size, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*size, generator=generator, dtype=torch.float64)


def test_weights_are_counted():
    assert SHAPE.weight_count == 5 * (3 + 1 + 5) + 2 * 6
    assert Shape(inputs=2, units=4, outputs=1, recurrent=False).weight_count == 17
    assert Shape(inputs=3, units=16, outputs=3, recurrent=True).weight_count == 371


def test_a_recurrent_network_is_torchs_own():
    weights, inputs = (
        normal(2, SHAPE.weight_count),
        normal(4, 6, 3, seed=2),
    )
    units = activity(SHAPE, weights, inputs)
    values = outputs(SHAPE, weights, units)
    for k in range(2):
        hidden, readout = SHAPE.split(weights[k])
        twin = nn.RNN(3, 5, batch_first=True).double()
        with torch.no_grad():
            twin.weight_ih_l0.copy_(hidden[:, :3])
            twin.bias_ih_l0.copy_(hidden[:, 3])
            twin.bias_hh_l0.zero_()
            twin.weight_hh_l0.copy_(hidden[:, 4:])
            expected, _ = twin(inputs)
        assert_close(units[k], expected)
        assert_close(values[k], expected @ readout[:, :5].mT + readout[:, 5])


def test_each_replica_may_have_its_own_inputs():
    weights, inputs = (
        normal(2, SHAPE.weight_count),
        normal(2, 4, 6, 3, seed=2),
    )
    together = activity(SHAPE, weights, inputs)
    for k in range(2):
        assert_close(together[k], activity(SHAPE, weights[k : k + 1], inputs[k])[0])


@pytest.mark.parametrize("recurrent", [False, True])
def test_layers_have_the_noise_and_inputs_of_each(recurrent):
    shape = Shape(inputs=3, units=5, outputs=2, recurrent=recurrent)
    weights, inputs = (
        normal(2, shape.weight_count),
        normal(4, 6, 3, seed=2),
    )
    noise = Noise.sample(shape, [2, 4, 6], torch.Generator().manual_seed(3))
    units = activity(shape, weights, inputs)
    first, second = layers(shape, inputs, units, noise)
    hidden, readout = shape.split(weights)
    assert_close(units, (first.inputs @ hidden[:, None].mT).tanh())
    values = second.inputs @ readout[:, None].mT
    assert_close(values, outputs(shape, weights, units))
    assert first.noise is noise.hidden
    assert second.noise is noise.readout


def test_noise_is_added_to_the_inputs_of_nodes():
    shape = Shape(inputs=1, units=1, outputs=1, recurrent=False)
    weights = torch.tensor([[2.0, 1.0, 3.0, 0.5]], dtype=torch.float64)
    noise = Noise(*(torch.full((1, 1, 1, 1), x).double() for x in (0.25, -0.125)))
    inputs = torch.ones(1, 1, 1, dtype=torch.float64)
    units = activity(shape, weights, inputs, noise)
    assert_close(units.item(), torch.tensor(3.25).double().tanh().item())
    value = outputs(shape, weights, units, noise)
    assert_close(value.item(), 3 * units.item() + 0.5 - 0.125)
