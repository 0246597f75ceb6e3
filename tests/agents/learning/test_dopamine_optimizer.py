"""The torch optimizer: it learns, resumes, and computes no gradient."""

import copy
import math

import jaxtyping
import pytest
import torch
from gradients import forbid_gradients
from torch import nn
from torch.testing import assert_close

from metarl.agents.learning.dopamine_optimizer import Dopamine
from metarl.agents.learning.weight_perturbation import (
    ONE_SIDED,
    PAIR,
    UPDATE_RULES,
    evaluate_perturbation,
    initial_state,
    update_rule,
)

INPUTS = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]], dtype=torch.float64)
TARGETS = torch.tensor([[0.0], [1], [1], [0]], dtype=torch.float64)


def network(dtype=torch.float64):
    with torch.random.fork_rng():
        torch.manual_seed(3)
        layers = nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1), nn.Sigmoid()
        return nn.Sequential(*layers).to(dtype)


def loss_of(model):
    kind = next(model.parameters()).dtype
    return lambda: (model(INPUTS.to(kind)) - TARGETS.to(kind)).square().mean()


def optimizer(model, variant="d2", seed=1, lr=0.3):
    generator = torch.Generator().manual_seed(seed)
    return Dopamine(model.parameters(), lr, generator=generator, variant=variant)


@pytest.fixture
def no_gradient(monkeypatch):
    forbid_gradients(monkeypatch)


@pytest.mark.parametrize("variant", UPDATE_RULES)
def test_it_learns_without_a_gradient(variant, no_gradient):
    model = network()
    loss, learner = loss_of(model), optimizer(model, variant)
    before = loss().item()
    for _ in range(200):
        learner.step(loss)
    assert loss().item() < before
    assert all(parameter.grad is None for parameter in model.parameters())


def test_exclusive_or_is_learned():
    model = network()
    loss, learner = loss_of(model), optimizer(model, lr=1.0)
    for _ in range(1000):
        learner.step(loss)
    assert loss().item() < 0.01


@pytest.mark.parametrize("variant", UPDATE_RULES)
def test_it_is_the_rule_of_the_equations(variant):
    model = network()
    learner = optimizer(model, variant)
    weights = torch.cat([p.detach().flatten() for p in model.parameters()])[None]
    rule_state = initial_state(weights, torch.tensor([0.3], dtype=torch.float64))
    generator, twin = torch.Generator().manual_seed(1), network()
    shapes = [p.shape for p in twin.parameters()]

    def losses_of(pair):
        mean_losses = []
        for flat in pair[:, 0]:
            tensors = flat.split([s.numel() for s in shapes])
            named = zip(twin.state_dict(), tensors, shapes, strict=True)
            values = {n: part.view(shape) for n, part, shape in named}
            out = torch.func.functional_call(twin, values, INPUTS)
            mean_losses.append((out - TARGETS).square().mean().detach())
        return torch.stack(mean_losses)[:, None]

    for _ in range(5):
        trial = evaluate_perturbation(losses_of, weights, generator)
        weights, rule_state = update_rule(variant)(rule_state, weights, trial)
        assert learner.step(loss_of(model)) == pytest.approx(float(trial.losses))
    now = torch.cat([p.detach().flatten() for p in model.parameters()])[None]
    assert_close(now, weights)


@pytest.mark.parametrize("variant", UPDATE_RULES)
def test_a_restored_state_continues_unchanged(variant):
    model = network()
    learner = optimizer(model, variant)
    for _ in range(3):
        learner.step(loss_of(model))
    saved = copy.deepcopy((model.state_dict(), learner.state_dict()))
    for _ in range(4):
        learner.step(loss_of(model))

    other = network()
    other.load_state_dict(saved[0])
    again = optimizer(other, variant, seed=99)
    again.load_state_dict(saved[1])
    for _ in range(4):
        again.step(loss_of(other))
    assert again.rate == learner.rate
    for mine, its in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(mine, its)


def test_a_state_is_read_by_a_safe_load(tmp_path):
    learner = optimizer(network())
    learner.step(loss_of(network()))
    torch.save(learner.state_dict(), tmp_path / "state.pt")
    optimizer(network()).load_state_dict(torch.load(tmp_path / "state.pt"))


def test_another_variants_state_is_refused():
    state = optimizer(network(), "d1").state_dict()
    with pytest.raises(ValueError, match="variant must be d2, got a state of d1"):
        optimizer(network(), "d2").load_state_dict(state)


def test_a_schedule_scales_the_rate_of_now():
    model = network()
    learner = optimizer(model, "wp", lr=0.4)
    torch.optim.lr_scheduler.LambdaLR(learner, lambda _: 0.5)
    learner.step(loss_of(model))
    assert learner.rate == pytest.approx(0.2)
    learner.step(loss_of(model))
    assert learner.rate == pytest.approx(0.2)


@pytest.mark.parametrize("variant", UPDATE_RULES)
def test_a_schedule_may_pass_through_0(variant):
    model = network()
    learner = optimizer(model, variant)
    factors = iter([1.0, 0.0, 1.0])
    schedule = torch.optim.lr_scheduler.LambdaLR(learner, lambda _: next(factors))
    rates = []
    for k in range(3):
        before = [p.clone() for p in model.parameters()]
        learner.step(loss_of(model))
        rates.append(learner.rate)
        same = map(torch.equal, before, model.parameters())
        assert all(same) == (k == 1)
        if k < 2:
            schedule.step()
    assert rates[0] > 0
    assert rates[1] == 0
    assert rates[2] > 0.1


def test_a_state_of_another_number_of_weights_is_refused():
    state = optimizer(network()).state_dict()
    other = nn.Sequential(*(nn.Linear(1, 1).double() for _ in range(2)))
    with pytest.raises(ValueError, match=r"params must have 17 weights, .* got 4"):
        optimizer(other).load_state_dict(state)


@pytest.mark.parametrize("variant", UPDATE_RULES)
def test_a_loss_that_is_no_number_leaves_the_weights_as_they_were(variant):
    model = network()
    learner = optimizer(model, variant)
    learner.step(loss_of(model))
    before = [p.clone() for p in model.parameters()]

    def fail():
        raise KeyboardInterrupt

    for closure, error in ((lambda: math.nan, ValueError), (fail, KeyboardInterrupt)):
        learner = optimizer(model, variant)
        with pytest.raises(error):
            learner.step(closure)
        assert all(map(torch.equal, before, model.parameters()))


def test_32_bits_are_perturbed_as_a_pair():
    assert optimizer(network(torch.float32)).perturbation is PAIR
    assert optimizer(network()).perturbation is ONE_SIDED
    model = network(torch.float32)
    loss, learner = loss_of(model), optimizer(model, "d1", lr=0.1)
    for _ in range(600):
        learner.step(loss)
    assert loss().item() < 0.05


def test_what_it_cannot_do_is_refused(monkeypatch):
    # The tests' type checker would be the first to say so; users run without it.
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    model = network()
    with pytest.raises(ValueError, match="closure must be a function"):
        optimizer(model).step()
    with pytest.raises(ValueError, match="rule must be one of wp"):
        optimizer(model, "adam")
    for rate in (0.0, -1.0):
        with pytest.raises(ValueError, match=f"lr must be above 0, got {rate}"):
            optimizer(model, lr=rate)
    mixed = [nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1).double())]
    whole = [nn.Parameter(torch.zeros(1, dtype=torch.int64), requires_grad=False)]
    for params in (mixed, whole):
        with pytest.raises(ValueError, match="params must be of one floating-point"):
            Dopamine(params, generator=torch.Generator())
    groups = [{"params": [p]} for p in model.parameters()]
    with pytest.raises(ValueError, match="params must be one group, got 4"):
        Dopamine(groups, generator=torch.Generator())
