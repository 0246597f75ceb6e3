"""Unrolls of networks: outputs while stepping equal those differentiated."""

import pytest
import torch
from core_settings import core_settings
from torch.testing import assert_close

from metarl.agents.config import NetworkConfig
from metarl.agents.networks.actor_critic import SeparateActorCritic, build
from metarl.agents.networks.cores import CORES
from metarl.agents.unrolls.branch import LSTMUnroll, PlainUnroll
from metarl.agents.unrolls.network import SeparateUnroll, SharedUnroll, make_unroll
from metarl.agents.unrolls.rnn import RNNUnroll
from metarl.core.policy import SignalChange, restart

INPUTS, ACTIONS, UNITS, NUM_ENVS, STEPS = 6, 3, 5, 4, 9
EXACT = {"rtol": 0, "atol": 1e-9}
ABLATIONS = [
    {"critic": "shared"},
    {"critic": "shared", "feedback": "none"},
    {"critic": "shared", "action_input": False},
    {"critic": "separate", "feedback": "reward"},
    {"critic": "separate", "feedback": "rpe"},
    {"critic": "separate", "feedback": "none"},
    {"critic": "separate", "feedback": "rpe", "action_input": False},
]
NAMES = ["-".join(map(str, settings.values())) for settings in ABLATIONS]


def normal(*size, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(size, generator=generator, dtype=torch.float64)


def make_network(**settings):
    config = NetworkConfig(units=UNITS, head_deviation=0.5, **settings)
    network = build(INPUTS, ACTIONS, config, seed=3).double()
    with torch.no_grad():
        for number, parameter in enumerate(network.parameters()):
            if parameter.requires_grad:
                parameter.add_(0.5 * normal(*parameter.shape, seed=50 + number))
        if isinstance(network, SeparateActorCritic):
            network.discount.fill_(0.6)
    return network


def made_of(kind, network):
    """The network's unroll, its cores unrolled by one kind."""
    if not isinstance(network, SeparateActorCritic):
        return SharedUnroll(network, kind(network, STEPS, NUM_ENVS))
    branches = (kind(b, STEPS, NUM_ENVS) for b in (network.actor, network.critic))
    return SeparateUnroll(network, *branches)


class Course:
    """Inputs, losses and restarts, at random."""

    def __init__(self, seed):
        self.inputs = normal(STEPS, NUM_ENVS, INPUTS, seed=seed)
        self.weights = normal(STEPS, NUM_ENVS, ACTIONS + 1, seed=seed + 100)
        generator_of = normal(STEPS, NUM_ENVS, seed=seed + 200) > 0.3
        generator_of[1::2] = False
        self.starts = [row if row.any() else None for row in generator_of]
        self.changes = [None] * STEPS


def drive(unroll, course, memory):
    """What the unroll answers as it is stepped, and its last memory."""
    decisions = []
    with torch.no_grad():
        unroll.begin()
        for t, inputs in enumerate(course.inputs):
            fresh = unroll.initial_memory(NUM_ENVS)
            memory = restart(memory, fresh, course.starts[t])
            output = unroll.act(inputs, memory, course.changes[t])
            memory = output.memory
            stored = output.logits, output.value, output.units
            decisions.append(tuple(part.clone() for part in stored))
        memory = tuple(part.clone() for part in memory)
    return decisions, memory


def learned(unroll, network, course):
    """What is read of all steps, and the gradients of a random loss."""
    network.zero_grad(set_to_none=True)
    logits, values = unroll.outputs(course.starts)
    loss = (logits * course.weights[..., :-1]).sum() + logits.pow(3).sum()
    loss = loss + (values * course.weights[..., -1]).sum() + values.pow(3).sum()
    loss.backward()
    gradients = {name: p.grad for name, p in network.named_parameters()}
    return logits.detach(), values.detach(), gradients


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("critic", ["shared", "separate"])
def test_each_core_gets_its_fastest_unroll(core, critic):
    unroll = make_unroll(
        make_network(**core_settings(core), critic=critic), STEPS, NUM_ENVS
    )
    kind = {"lstm": LSTMUnroll, "rnn": RNNUnroll}.get(core, PlainUnroll)
    if critic == "shared":
        assert type(unroll) is SharedUnroll
        assert type(unroll.branch) is kind
        return
    assert type(unroll) is SeparateUnroll
    assert type(unroll.actor) is type(unroll.critic) is kind
    assert unroll.actor.branch is unroll.network.actor
    assert unroll.critic.branch is unroll.network.critic


@pytest.mark.parametrize("kind", [PlainUnroll, LSTMUnroll])
@pytest.mark.parametrize("settings", ABLATIONS, ids=NAMES)
def test_an_unroll_equals_its_network(settings, kind):
    network = make_network(**settings)
    course = Course(1)
    course.changes = [
        SignalChange(rpe=(normal(NUM_ENVS, seed=8), normal(NUM_ENVS, seed=9)))
    ] * STEPS
    memory = network.initial_memory(NUM_ENVS)
    stepped, last = drive(made_of(kind, network), course, memory)
    for t, inputs in enumerate(course.inputs):
        memory = restart(memory, network.initial_memory(NUM_ENVS), course.starts[t])
        output = network.act(inputs, memory, course.changes[t])
        memory = output.memory
        expected = (output.logits, output.value, output.units)
        for part, other in zip(stepped[t], expected, strict=True):
            assert_close(part, other.detach(), **EXACT)
    for part, other in zip(last, memory, strict=True):
        assert_close(part, other.detach(), **EXACT)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("settings", ABLATIONS, ids=NAMES)
def test_the_fast_pass_equals_the_plain_one_in_outputs_and_gradients(settings, seed):
    network = make_network(**settings)
    course = Course(seed)
    assert any(start is not None and not start.all() for start in course.starts[1:])
    memory_before = tuple(
        normal(*part.shape, seed=9 + k)
        for k, part in enumerate(network.initial_memory(NUM_ENVS))
    )
    results = []
    for kind in (PlainUnroll, LSTMUnroll):
        unroll = made_of(kind, network)
        stepped, last = drive(unroll, course, memory_before)
        results.append((stepped, last, *learned(unroll, network, course)))
    plain, fast = results
    for name, gradient in plain[-1].items():
        assert gradient.abs().max() > 1e-3, name
        assert_close(gradient, fast[-1][name], **EXACT)
    for one, other in zip(plain[2:4], fast[2:4], strict=True):
        assert_close(one, other, **EXACT)
    for one, other in zip(plain[1], fast[1], strict=True):
        assert_close(one, other, **EXACT)
    # What is read afterwards is what was said while stepping.
    for t, (logits, value, _) in enumerate(fast[0]):
        assert_close(fast[2][t], logits, **EXACT)
        assert_close(fast[3][t], value, **EXACT)


@pytest.mark.parametrize("kind", [PlainUnroll, LSTMUnroll])
@pytest.mark.parametrize("settings", ABLATIONS, ids=NAMES)
def test_gradients_are_those_of_the_network_stepped_with_a_graph(settings, kind):
    """The reference knows nothing of unrolls: autograd through the network's steps."""
    network = make_network(**settings)
    course = Course(2)
    course.starts[0] = torch.ones(NUM_ENVS, dtype=torch.bool)
    unroll = made_of(kind, network)
    drive(unroll, course, network.initial_memory(NUM_ENVS))
    *_, gradients = learned(unroll, network, course)
    network.zero_grad(set_to_none=True)
    memory = tuple(part.detach() for part in network.initial_memory(NUM_ENVS))
    loss = torch.zeros(()).double()
    for t, inputs in enumerate(course.inputs):
        memory = restart(memory, network.initial_memory(NUM_ENVS), course.starts[t])
        output = network.act(inputs, memory)
        memory = output.memory
        weights = course.weights[t]
        loss = loss + (output.logits * weights[:, :-1]).sum()
        loss = loss + (output.value * weights[:, -1]).sum()
        loss = loss + output.logits.pow(3).sum() + output.value.pow(3).sum()
    loss.backward()
    for name, parameter in network.named_parameters():
        assert_close(gradients[name], parameter.grad, **EXACT)


@pytest.mark.parametrize("kind", [PlainUnroll, LSTMUnroll])
@pytest.mark.parametrize("feedback", ["rpe", "reward", "none"])
@pytest.mark.parametrize("read", ["policy", "value"])
def test_policy_and_value_train_their_own_core_alone(read, feedback, kind):
    network = make_network(critic="separate", feedback=feedback)
    unroll = made_of(kind, network)
    course = Course(3)
    drive(unroll, course, network.initial_memory(NUM_ENVS))
    network.zero_grad(set_to_none=True)
    logits, values = unroll.outputs(course.starts)
    (logits if read == "policy" else values).pow(2).sum().backward()
    mine = "actor." if read == "policy" else "critic."
    for name, parameter in network.named_parameters():
        moved = parameter.grad is not None and bool(parameter.grad.any())
        assert moved == name.startswith(mine), name


def test_several_unrolls_in_a_row_with_changing_weights_agree():
    network = make_network(critic="separate", feedback="rpe")
    unrolls = [made_of(kind, network) for kind in (PlainUnroll, LSTMUnroll)]
    memories = [network.initial_memory(NUM_ENVS)] * 2
    optimizer = torch.optim.RMSprop(network.parameters(), lr=0.02)
    for seed in range(5):
        course, received = Course(seed), []
        for k, unroll in enumerate(unrolls):
            _, memories[k] = drive(unroll, course, memories[k])
            received.append(learned(unroll, network, course))
        for one, other in zip(*memories, strict=True):
            assert_close(one, other, **EXACT)
        for name, gradient in received[0][-1].items():
            if gradient is not None:
                assert_close(gradient, received[1][-1][name], **EXACT)
        optimizer.step()


def test_a_changed_error_input_is_learned_from_as_it_was_received():
    """The replayed actor is fed the changed error, not the one that would have been."""
    network = make_network(critic="separate", feedback="rpe")
    course = Course(4)
    plain = made_of(PlainUnroll, network)
    drive(plain, course, network.initial_memory(NUM_ENVS))
    before = learned(plain, network, course)
    factor, addition = (
        torch.zeros(NUM_ENVS).double(),
        torch.full((NUM_ENVS,), -4.0).double(),
    )
    course.changes[5] = SignalChange(rpe=(factor, addition))
    course.starts[5:] = [None] * (STEPS - 5)
    changed = []
    for kind in (PlainUnroll, LSTMUnroll):
        unroll = made_of(kind, network)
        stepped, _ = drive(unroll, course, network.initial_memory(NUM_ENVS))
        changed.append(learned(unroll, network, course))
        for t, (logits, *_) in enumerate(stepped):
            assert_close(changed[-1][0][t], logits, **EXACT)
    assert_close(changed[0][0][:5], before[0][:5], **EXACT)
    assert (changed[0][0][5] - before[0][5]).abs().min() > 1e-6
    for name, gradient in changed[0][-1].items():
        assert_close(gradient, changed[1][-1][name], **EXACT)
