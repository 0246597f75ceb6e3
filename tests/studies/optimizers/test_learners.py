"""Learners: each learns, and only backpropagation asks for a gradient."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from gradients import forbid_gradients
from torch.testing import assert_close

from metarl.envs.bandit import BanditParams
from metarl.studies.optimizers.problems.bandit import BanditAgent
from metarl.studies.optimizers.problems.forecast import SYSTEMS, simulate
from metarl.studies.optimizers.problems.forecast import Forecast
from metarl.studies.optimizers.learners import LEARNERS
from metarl.studies.optimizers.problems.supervised import Xor

RATES = {"wp": 1.0, "np": 1.0, "d0": 3.0, "d1": 0.1, "d2": 1.0, "sgd": 3.0, "adam": 0.1}
FORWARD_ONLY = ("wp", "np", "d0", "d1", "d2")


def learner(rule, problem, rates, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return LEARNERS[rule](problem, torch.tensor(rates).double(), generator)


def problems():
    data = simulate(SYSTEMS["lorenz"], np.random.default_rng(1))
    short = BanditParams(trial_count=20, distribution="correlated", trial_input=False)
    return {
        "xor": Xor(),
        "lorenz": Forecast(data),
        "bandit": BanditAgent(short),
    }


@pytest.mark.parametrize("rule", LEARNERS)
def test_each_rule_learns_exclusive_or(rule):
    made = learner(rule, Xor(), [RATES[rule]] * 40)
    for _ in range(900):
        told = made.step()
    # D0 has hardly any rate left where it has learned a little.
    share = (told.losses < 0.05).double().mean()
    assert share > (0.4 if rule == "d0" else 0.8)


@pytest.mark.parametrize("rule", FORWARD_ONLY)
@pytest.mark.parametrize("name", ["xor", "lorenz", "bandit"])
def test_perturbation_asks_for_no_gradient(rule, name, monkeypatch):
    problem = problems()[name]
    forbid_gradients(monkeypatch)
    made = learner(rule, problem, [0.01, 0.02])
    before = made.weights.clone()
    told = [made.step() for _ in range(3)][-1]
    assert not made.weights.requires_grad
    assert told.regrets.isfinite().all()
    assert (made.weights != before).any()


@pytest.mark.parametrize("rule", ["sgd", "adam"])
def test_backpropagation_does(rule, monkeypatch):
    forbid_gradients(monkeypatch)
    with pytest.raises(AssertionError, match="a gradient was asked for"):
        learner(rule, Xor(), [0.1]).step()


@pytest.mark.parametrize("name", ["xor", "lorenz"])
def test_node_perturbation_goes_down_the_gradient_on_average(name):
    problem = problems()[name]
    start = problem.initial_weights(1, torch.Generator().manual_seed(5))
    if name == "lorenz":
        start = problem.shape.initial_weights(1, torch.Generator().manual_seed(5))
    asked = start.clone().requires_grad_()
    problem.differentiable_losses(asked)[1].sum().backward()

    made = learner("np", problem, [1.0] * 2000)
    made.weights = start.repeat(2000, 1)
    made.step()
    change = (made.weights - start).mean(0)
    cosine = torch.nn.functional.cosine_similarity(change, -asked.grad[0], dim=0)
    assert cosine > (0.98 if name == "xor" else 0.7)
    size = change @ -asked.grad[0] / asked.grad.square().sum()
    assert size == pytest.approx(1, abs=0.15)


def test_each_rate_is_its_replicas_own():
    made = learner("sgd", Xor(), [0.0, 0.0, 1.0])
    before = made.weights
    made.step()
    moved = (made.weights != before).any(1)
    assert moved.tolist() == [False, False, True]


def test_descent_is_torchs_own():
    made = learner("sgd", Xor(), [0.5, 2.0])
    weights = made.weights.requires_grad_()
    losses, graded = Xor().differentiable_losses(weights)
    graded.sum().backward()
    told = made.step()
    rates = torch.tensor([[0.5], [2.0]]).double()
    assert_close(made.weights, weights.detach() - rates * weights.grad)
    assert_close(told.losses, losses)
    assert told.regrets.isnan().all()


def test_d2_judges_no_step_across_batches():
    problem = problems()["bandit"]
    problem.held_steps = 2
    made = learner("d2", problem, [0.01])
    rates = [float(made.step().rates) for _ in range(7)]
    same = [a == b for a, b in pairwise(rates)]
    # The 2nd, 4th and 6th step judge the one before it; the others follow a new batch.
    assert same[1::2] == [True, True, True]
    assert not any(same[::2])


@pytest.mark.parametrize("rule", LEARNERS)
def test_the_same_seed_learns_the_same(rule):
    ends = []
    for _ in range(2):
        made = learner(rule, Xor(), [0.1, 0.3])
        for _ in range(3):
            made.step()
        ends.append(made.weights)
    assert torch.equal(*ends)
