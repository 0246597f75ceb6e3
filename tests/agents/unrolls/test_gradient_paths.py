"""Gradient paths: local paths, random feedback, detached heads."""

from functools import partial

import pytest
import torch
from torch.testing import assert_close

from metarl.agents.config import NetworkConfig
from metarl.agents.networks.actor_critic import ActorCritic
from metarl.agents.unrolls.branch import LSTMUnroll, PlainUnroll, head_outputs
from metarl.agents.unrolls.gradient_paths import BPTT, GradientPaths
from metarl.agents.unrolls.rnn import RNNUnroll
from metarl.core.policy import restart

INPUTS, ACTIONS, UNITS, NUM_ENVS, STEPS = 5, 2, 6, 4, 10
EXACT = {"rtol": 0, "atol": 1e-8}
LOCAL = GradientPaths(local=True)


def normal(*size, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(size, generator=generator, dtype=torch.float64)


def make_network(core="rnn", **settings):
    config = NetworkConfig(core=core, units=UNITS, head_deviation=0.5, **settings)
    network = ActorCritic(INPUTS, ACTIONS, config, seed=3).double()
    with torch.no_grad():
        for number, parameter in enumerate(network.parameters()):
            parameter.add_(0.4 * normal(*parameter.shape, seed=number))
    return network


def course(seed, *, restarts=True):
    """Inputs, errors of the heads, and random restarts."""
    inputs = normal(STEPS, NUM_ENVS, INPUTS, seed=seed)
    errors = normal(STEPS, NUM_ENVS, ACTIONS + 1, seed=seed + 1)
    generator_of = normal(STEPS, NUM_ENVS, seed=seed + 2) > 0.8
    starts = [row if row.any() and restarts else None for row in generator_of]
    return inputs, errors, starts


def memory_before(network, seed=9):
    parts = network.core.memory_parts
    return tuple(normal(NUM_ENVS, UNITS, seed=seed + k) for k in range(parts))


def run(kind, network, paths, seed, **more):
    """Step an unroll as the stepping loop does; gradients of all parameters."""
    inputs, errors, starts = course(seed, **more)
    unroll = kind(network, STEPS, NUM_ENVS, paths)
    memory, outputs = memory_before(network), []
    with torch.no_grad():
        unroll.begin()
        for now, start in zip(inputs, starts, strict=True):
            memory = restart(memory, network.initial_memory(NUM_ENVS), start)
            heads, memory = unroll.step(now, memory)
            outputs.append(heads.clone())
    network.zero_grad(set_to_none=True)
    read = head_outputs(unroll, starts)
    (read * errors).sum().backward()
    assert_close(read.detach(), torch.stack(outputs), **EXACT)
    return read.detach(), {n: p.grad for n, p in network.named_parameters()}


GRADIENT_PATHS = {
    "through-time": BPTT,
    "local": LOCAL,
    "random": GradientPaths(feedback=normal(ACTIONS + 1, UNITS, seed=5)),
    "local-random": GradientPaths(
        local=True, feedback=normal(ACTIONS + 1, UNITS, seed=5)
    ),
}


@pytest.mark.parametrize("paths", GRADIENT_PATHS.values(), ids=GRADIENT_PATHS)
@pytest.mark.parametrize(
    ("fast", "settings"),
    [
        (RNNUnroll, {"core": "rnn"}),
        (RNNUnroll, {"core": "rnn", "leak": 0.3}),
        (LSTMUnroll, {"core": "lstm"}),
    ],
    ids=["rnn", "leaky", "lstm"],
)
def test_passes_by_hand_are_those_of_autograd(fast, settings, paths):
    network = make_network(**settings)
    for seed in (20, 40):
        read, plain = run(PlainUnroll, network, paths, seed)
        fast_read, quick = run(fast, network, paths, seed)
        assert_close(read, fast_read, **EXACT)
        for name, gradient in plain.items():
            if gradient is None:
                assert name == "core.initial", name
                assert not quick[name].any()
                continue
            assert gradient.abs().max() > 1e-3, name
            assert_close(gradient, quick[name], **EXACT, msg=partial(named, name))


def named(name, message):
    return f"{name}: {message}"


def test_gradient_paths_differ_from_each_other():
    network = make_network(leak=0.3)
    actual = [
        run(RNNUnroll, network, c, 20)[1]["core.weight"]
        for c in GRADIENT_PATHS.values()
    ]
    for k, one in enumerate(actual):
        for other in actual[k + 1 :]:
            assert (one - other).abs().max() > 1e-2


@pytest.mark.parametrize("leak", [1.0, 0.3])
@pytest.mark.parametrize("feedback", [None, normal(ACTIONS + 1, UNITS, seed=5)])
def test_a_vanilla_synapse_finds_its_local_gradient_from_its_own_trace(leak, feedback):
    """e[t] = (1 - leak) e[t - 1] + leak (1 - tanh^2) [x, h], forwards in time."""
    network = make_network(leak=leak)
    _, actual = run(
        PlainUnroll, network, GradientPaths(local=True, feedback=feedback), 30
    )
    inputs, errors, starts = course(30)
    back = network.heads.weight if feedback is None else feedback
    received = (errors @ back).detach()
    core, (activity,) = network.core, memory_before(network)
    trace = torch.zeros(NUM_ENVS, INPUTS + UNITS, UNITS, dtype=torch.float64)
    gradient = torch.zeros_like(core.weight)
    for t, now in enumerate(inputs):
        (activity,) = restart((activity,), network.initial_memory(NUM_ENVS), starts[t])
        if starts[t] is not None:
            trace[starts[t]] = 0
        joined = torch.cat([now, activity], 1)
        new = (joined @ core.weight + core.bias).tanh().detach()
        fresh = joined.unsqueeze(2) * (leak * (1 - new.square())).unsqueeze(1)
        trace = (1 - leak) * trace + fresh.detach()
        activity = ((1 - leak) * activity + leak * new).detach()
        gradient += (trace * received[t].unsqueeze(1)).sum(0)
    assert_close(gradient.detach(), actual["core.weight"], **EXACT)


def test_an_lstm_synapse_finds_its_local_gradient_from_its_own_trace():
    """Traces run through the cell: e[t] = f e[t - 1] + the i, f, g parts."""
    network = make_network("lstm")
    _, actual = run(PlainUnroll, network, LOCAL, 30, restarts=False)
    inputs, errors, _ = course(30)
    received = (errors @ network.heads.weight).detach()
    core, (activity, cell) = network.core, memory_before(network)
    trace = torch.zeros(3, NUM_ENVS, INPUTS + UNITS, UNITS, dtype=torch.float64)
    gradient = torch.zeros(4, INPUTS + UNITS, UNITS, dtype=torch.float64)
    for t, now in enumerate(inputs):
        joined = torch.cat([now, activity], 1)
        i, f, g, o = (joined @ core.weight + core.bias).detach().chunk(4, dim=1)
        i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
        slopes = (i * (1 - i) * g, f * (1 - f) * cell, (1 - g.square()) * i)
        fresh = torch.stack([joined.unsqueeze(2) * s.unsqueeze(1) for s in slopes])
        trace = f.unsqueeze(1) * trace + fresh
        cell = f * cell + i * g
        into_cell = received[t] * o * (1 - cell.tanh().square())
        for place, stored in zip((0, 1, 2), trace, strict=True):
            gradient[place] += (stored * into_cell.unsqueeze(1)).sum(0)
        of_o = received[t] * cell.tanh() * o * (1 - o)
        gradient[3] += joined.T @ of_o
        activity = o * cell.tanh()
    assert_close(torch.cat(list(gradient), 1), actual["core.weight"], **EXACT)


@pytest.mark.parametrize("feedback", [None, normal(ACTIONS + 1, UNITS, seed=5)])
def test_errors_that_do_not_reach_the_units_still_train_the_heads(feedback):
    network = make_network()
    _, actual = run(
        RNNUnroll, network, GradientPaths(detached=True, feedback=feedback), 20
    )
    _, usual = run(RNNUnroll, network, BPTT, 20)
    assert actual["core.weight"] is None
    assert_close(actual["heads.weight"], usual["heads.weight"], **EXACT)
    assert_close(actual["heads.bias"], usual["heads.bias"], **EXACT)


def test_feedback_through_the_heads_own_weights_is_the_gradient():
    network = make_network()
    own = GradientPaths(feedback=network.heads.weight.detach().clone())
    _, actual = run(RNNUnroll, network, own, 20)
    _, usual = run(RNNUnroll, network, BPTT, 20)
    for name, gradient in usual.items():
        assert_close(gradient, actual[name], **EXACT)
