"""Learners: each rule learns, and only backpropagation needs a gradient."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from gradients import forbid_gradients
from torch.testing import assert_close

from metarl.envs.bandit import BanditParams
from metarl.studies.optimizers.learners import LEARNERS
from metarl.studies.optimizers.problems.bandit import BanditAgent
from metarl.studies.optimizers.problems.forecast import SYSTEMS, Forecast, simulate
from metarl.studies.optimizers.problems.supervised import Xor

RATES = {"wp": 1.0, "np": 1.0, "d0": 3.0, "d1": 0.1, "d2": 1.0, "sgd": 3.0, "adam": 0.1}
FORWARD_ONLY = ("wp", "np", "d0", "d1", "d2")


def learner(rule, problem, rates, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return LEARNERS[rule](problem, torch.tensor(rates).double(), generator)


def problems():
    series = simulate(SYSTEMS["lorenz"], np.random.default_rng(1))
    short = BanditParams(trial_count=20, distribution="correlated", trial_input=False)
    return {
        "xor": Xor(),
        "lorenz": Forecast(series),
        "bandit": BanditAgent(short),
    }


@pytest.mark.parametrize("rule", LEARNERS)
def test_each_rule_learns_exclusive_or(rule):
    replicas = learner(rule, Xor(), [RATES[rule]] * 40)
    for _ in range(900):
        step = replicas.step()
    # The rate of D0 falls to almost 0 once it has learned a little.
    share = (step.losses < 0.05).double().mean()
    assert share > (0.4 if rule == "d0" else 0.8)


@pytest.mark.parametrize("rule", FORWARD_ONLY)
@pytest.mark.parametrize("name", ["xor", "lorenz", "bandit"])
def test_perturbation_needs_no_gradient(rule, name, monkeypatch):
    problem = problems()[name]
    forbid_gradients(monkeypatch)
    replicas = learner(rule, problem, [0.01, 0.02])
    before = replicas.weights.clone()
    step = [replicas.step() for _ in range(3)][-1]
    assert not replicas.weights.requires_grad
    assert step.regrets.isfinite().all()
    assert (replicas.weights != before).any()


@pytest.mark.parametrize("rule", ["sgd", "adam"])
def test_backpropagation_needs_a_gradient(rule, monkeypatch):
    forbid_gradients(monkeypatch)
    with pytest.raises(AssertionError, match="a gradient was asked for"):
        learner(rule, Xor(), [0.1]).step()


@pytest.mark.parametrize("name", ["xor", "lorenz"])
def test_node_perturbation_goes_down_the_gradient_on_average(name):
    problem = problems()[name]
    start = problem.initial_weights(1, torch.Generator().manual_seed(5))
    if name == "lorenz":
        start = problem.shape.initial_weights(1, torch.Generator().manual_seed(5))
    weights = start.clone().requires_grad_()
    problem.differentiable_losses(weights)[1].sum().backward()

    replicas = learner("np", problem, [1.0] * 2000)
    replicas.weights = start.repeat(2000, 1)
    replicas.step()
    change = (replicas.weights - start).mean(0)
    cosine = torch.nn.functional.cosine_similarity(change, -weights.grad[0], dim=0)
    assert cosine > (0.98 if name == "xor" else 0.7)
    size = change @ -weights.grad[0] / weights.grad.square().sum()
    assert size == pytest.approx(1, abs=0.15)


def test_each_replica_has_its_own_rate():
    replicas = learner("sgd", Xor(), [0.0, 0.0, 1.0])
    before = replicas.weights
    replicas.step()
    moved = (replicas.weights != before).any(1)
    assert moved.tolist() == [False, False, True]


def test_descent_is_torchs_own():
    replicas = learner("sgd", Xor(), [0.5, 2.0])
    weights = replicas.weights.requires_grad_()
    losses, objectives = Xor().differentiable_losses(weights)
    objectives.sum().backward()
    step = replicas.step()
    rates = torch.tensor([[0.5], [2.0]]).double()
    assert_close(replicas.weights, weights.detach() - rates * weights.grad)
    assert_close(step.losses, losses)
    assert step.regrets.isnan().all()


def test_d2_compares_no_losses_of_different_batches():
    problem = problems()["bandit"]
    problem.held_steps = 2
    replicas = learner("d2", problem, [0.01])
    rates = [float(replicas.step().rates) for _ in range(7)]
    same = [a == b for a, b in pairwise(rates)]
    # The 2nd, 4th and 6th step evaluate the one before; the others have a new batch.
    assert same[1::2] == [True, True, True]
    assert not any(same[::2])


@pytest.mark.parametrize("rule", LEARNERS)
def test_the_same_seed_learns_the_same(rule):
    ends = []
    for _ in range(2):
        replicas = learner(rule, Xor(), [0.1, 0.3])
        for _ in range(3):
            replicas.step()
        ends.append(replicas.weights)
    assert torch.equal(*ends)
