"""Exclusive or, and the losses of every supervised problem."""

import torch
from torch.testing import assert_close

from metarl.studies.optimizers.problems.supervised import Xor


def solved():
    """Saturated units: one for each of the two pairs that differ."""
    hidden = torch.tensor([[20.0, -20, -10], [-20, 20, -10]])
    readout = torch.tensor([20.0, 20, 20])
    return torch.cat([hidden.flatten(), readout]).double()[None]


def test_a_solution_has_no_loss():
    assert Xor(2).losses(solved()[None]).item() < 1e-6


def test_predictions_of_a_half_have_a_loss_of_a_quarter():
    problem = Xor()
    silent = torch.zeros(1, 1, problem.weight_count, dtype=torch.float64)
    assert_close(problem.losses(silent).item(), 0.25)


def test_the_loss_with_a_gradient_is_the_loss():
    problem = Xor()
    weights = problem.initial_weights(
        3, torch.Generator().manual_seed(1)
    ).requires_grad_()
    losses, objectives = problem.differentiable_losses(weights)
    assert_close(losses, problem.losses(weights.detach()[None])[0])
    assert not losses.requires_grad
    assert objectives.requires_grad


def test_initial_biases_are_0():
    problem = Xor()
    hidden, readout = problem.shape.split(problem.initial_weights(5, torch.Generator()))
    assert (hidden[..., -1] == 0).all()
    assert (readout[..., -1] == 0).all()
    assert (hidden[..., :-1] != 0).all()


def test_the_mean_loss_of_samples_without_noise_is_the_loss():
    problem = Xor()
    weights = problem.initial_weights(3, torch.Generator().manual_seed(1))
    pair = problem.losses_under_noise(weights, 0.5, torch.Generator().manual_seed(2))
    assert_close(pair.losses.mean(1), problem.losses(weights[None])[0])
    assert (pair.noisy != pair.losses).all()
