"""RMSProp as in TensorFlow 1, by hand."""

from copy import deepcopy

import pytest
import torch

from metarl.agents.config import A2CConfig
from metarl.agents.learning.a2c import make_optimizer
from metarl.agents.learning.tensorflow_rmsprop import TensorFlowRMSprop


def test_two_steps_by_hand():
    weight = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    optimizer = TensorFlowRMSprop([weight], lr=0.1, decay=0.9, epsilon=0.01)
    weight.grad = torch.tensor([2.0, 0.0])
    optimizer.step()
    # s = .9 + .1 * 4 = 1.3, and .9 without a gradient.
    assert weight.tolist() == pytest.approx([1 - 0.2 / 1.31**0.5, -2.0])
    first = float(weight[0].detach())
    weight.grad = torch.tensor([-1.0, 3.0])
    optimizer.step()
    # s = .9 * 1.3 + .1 = 1.27, and .81 + .9 = 1.71.
    assert weight.tolist() == pytest.approx(
        [first + 0.1 / 1.28**0.5, -2 - 0.3 / 1.72**0.5]
    )


def test_a_parameter_without_gradient_is_skipped():
    weight = torch.nn.Parameter(torch.ones(2))
    optimizer = TensorFlowRMSprop([weight], lr=0.1)
    optimizer.step()
    assert weight.tolist() == [1, 1]
    assert not optimizer.state


def test_the_state_continues():
    def stepped(weight, optimizer, gradient):
        weight.grad = torch.tensor([gradient])
        optimizer.step()

    one = torch.nn.Parameter(torch.ones(1))
    first = TensorFlowRMSprop([one], lr=0.1)
    stepped(one, first, 2.0)
    other = torch.nn.Parameter(one.detach().clone())
    second = TensorFlowRMSprop([other], lr=0.1)
    second.load_state_dict(deepcopy(first.state_dict()))
    stepped(one, first, -1.0)
    stepped(other, second, -1.0)
    assert torch.equal(one, other)


def test_the_configuration_chooses_it():
    config = A2CConfig(optimizer="rmsprop-tf", decay=0.9, epsilon=1e-10)
    (group,) = make_optimizer([torch.nn.Parameter(torch.ones(1))], config).param_groups
    assert (group["decay"], group["epsilon"], group["lr"]) == (0.9, 1e-10, 7e-4)
