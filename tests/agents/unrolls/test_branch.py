"""The LSTM's pass by hand against the plain replay: same activity, same gradients."""

import pytest
import torch
from torch.testing import assert_close

from metarl.agents.config import NetworkConfig
from metarl.agents.networks.actor_critic import ActorCritic
from metarl.agents.unrolls.branch import LSTMUnroll, PlainUnroll, head_outputs
from metarl.agents.unrolls.network import SharedUnroll
from metarl.core.policy import restart

INPUTS, ACTIONS, UNITS, NUM_ENVS, STEPS = 5, 3, 6, 4, 9
EXACT = {"rtol": 0, "atol": 1e-9}


def make_network(core="lstm", units=UNITS, **settings):
    config = NetworkConfig(core=core, units=units, **settings)
    network = ActorCritic(INPUTS, ACTIONS, config, seed=3).double()
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.requires_grad:
                parameter.add_(0.5 * torch.randn(parameter.shape, generator=generator))
    return network


class Course:
    """Random inputs, losses and restarts, the same for every unroll that is driven."""

    def __init__(self, seed, steps=STEPS, num_envs=NUM_ENVS):
        self.generator = torch.Generator().manual_seed(seed)
        self.inputs = self.normal(steps, num_envs, INPUTS)
        self.into_heads = self.normal(steps, num_envs, ACTIONS + 1)
        generator_of = torch.rand(steps, num_envs, generator=self.generator) < 0.4
        generator_of[1::2] = False
        self.starts = [row if row.any() else None for row in generator_of]

    def normal(self, *size):
        return torch.randn(size, generator=self.generator, dtype=torch.float64)


def drive(unroll, network, course, memory):
    """Step an unroll like the stepping loop; return outputs and last memory."""
    outputs = []
    with torch.no_grad():
        unroll.begin()
        for inputs, start in zip(course.inputs, course.starts, strict=True):
            memory = restart(memory, unroll.initial_memory(len(inputs)), start)
            output = unroll.act(inputs, memory)
            memory = output.memory
            # The unroll may reuse its buffers: copy the outputs.
            outputs.append((output.logits.clone(), output.value.clone()))
        memory = tuple(part.clone() for part in memory)
    return outputs, memory


def read(unroll, course):
    """(T, B, A + 1) logits with values, differentiable."""
    logits, values = unroll.outputs(course.starts)
    return torch.cat([logits, values.unsqueeze(-1)], dim=-1)


def gradients(unroll, network, course):
    """Outputs, and the gradient of a random loss in every parameter."""
    network.zero_grad(set_to_none=True)
    heads = read(unroll, course)
    ((heads * course.into_heads).sum() + heads.pow(3).sum()).backward()
    return heads.detach(), {n: p.grad for n, p in network.named_parameters()}


def assert_twins(network, course, memories, unrolls):
    """Assert that both unrolls agree in everything; return their last memories."""
    stepped, last, results = zip(
        *(
            (
                *drive(unroll, network, course, memory),
                gradients(unroll, network, course),
            )
            for unroll, memory in zip(unrolls, memories, strict=True)
        ),
        strict=True,
    )
    for plain, fast in zip(*stepped, strict=True):
        for one, other in zip(plain, fast, strict=True):
            assert_close(one, other, **EXACT)
    for one, other in zip(*last, strict=True):
        assert_close(one, other, **EXACT)
    (heads, plain), (fast_heads, fast) = results
    assert_close(heads, fast_heads, **EXACT)
    for name, gradient in plain.items():
        if gradient is None:
            assert fast[name] is None, name
            continue
        assert gradient.abs().max() > 1e-3, name
        assert_close(gradient, fast[name], **EXACT, msg=lambda m, n=name: f"{n}: {m}")
    return last


def make(kind, network, steps=STEPS, num_envs=NUM_ENVS):
    return SharedUnroll(network, kind(network, steps, num_envs))


def twins(network, steps=STEPS, num_envs=NUM_ENVS):
    kinds = (PlainUnroll, LSTMUnroll)
    return tuple(make(kind, network, steps, num_envs) for kind in kinds)


@pytest.mark.parametrize("seed", range(8))
def test_outputs_and_every_gradient_agree_with_random_restarts(seed):
    network = make_network()
    course = Course(seed)
    memory = tuple(course.normal(NUM_ENVS, UNITS) for _ in range(2))
    assert_twins(network, course, [memory, memory], twins(network))


@pytest.mark.parametrize(
    ("steps", "num_envs"), [(1, 1), (1, 5), (2, 1), (20, 1), (3, 17)]
)
def test_unrolls_of_every_shape_agree(steps, num_envs):
    network = make_network()
    course = Course(1, steps, num_envs)
    course.starts[0] = torch.ones(num_envs, dtype=torch.bool)
    memory = network.initial_memory(num_envs)
    assert_twins(network, course, [memory, memory], twins(network, steps, num_envs))


def test_a_batch_too_large_for_the_cache_agrees():
    steps, num_envs, units = 40, 64, 64
    network = make_network(units=units)
    course = Course(9, steps, num_envs)
    memory = tuple(course.normal(num_envs, units) for _ in range(2))
    assert_twins(network, course, [memory, memory], twins(network, steps, num_envs))


def test_they_agree_if_every_environment_starts_and_if_none_does():
    network = make_network()
    for start in (torch.ones(NUM_ENVS, dtype=torch.bool), None):
        course = Course(2)
        course.starts = [start] * STEPS
        network_memory = tuple(course.normal(NUM_ENVS, UNITS) for _ in range(2))
        unrolls = twins(network)
        drive(unrolls[0], network, course, network_memory)
        drive(unrolls[1], network, course, network_memory)
        plain, fast = (gradients(unroll, network, course)[1] for unroll in unrolls)
        for name, gradient in plain.items():
            assert (gradient is None) == (fast[name] is None), name
            if gradient is not None:
                assert_close(gradient, fast[name], **EXACT)


def test_the_courses_have_steps_with_and_without_restarts():
    for seed in range(8):
        starts = Course(seed).starts
        assert any(start is not None and not start.all() for start in starts[1:])
        assert any(start is None for start in starts[1:])


def test_several_unrolls_in_a_row_with_carried_memory_and_changing_weights_agree():
    network = make_network()
    unrolls = twins(network)
    memories = [network.initial_memory(NUM_ENVS)] * 2
    optimizer = torch.optim.RMSprop(network.parameters(), lr=0.02)
    for seed in range(5):
        memories = assert_twins(network, Course(seed), memories, unrolls)
        optimizer.step()


def test_an_unlearned_initial_memory_gets_no_gradient_from_either():
    network = make_network(learned_initial_state=False)
    memory = network.initial_memory(NUM_ENVS)
    assert_twins(network, Course(3), [memory, memory], twins(network))
    assert network.core.initial.grad is None


@pytest.mark.parametrize("kind", [PlainUnroll, LSTMUnroll])
def test_no_gradient_flows_back_past_an_unrolls_first_step(kind):
    network = make_network()
    course = Course(4)
    course.starts = [None] * STEPS
    memory_before = [part.clone() for part in network.initial_memory(NUM_ENVS)]
    unroll = make(kind, network)
    drive(unroll, network, course, tuple(memory_before))
    _, actual = gradients(unroll, network, course)
    assert actual["core.initial"] is None or not actual["core.initial"].any()


def weight_gradient_of_last_reading(kind, network, course, env_index):
    """Gradient in the core's weights of one environment's last output alone."""
    unroll = make(kind, network)
    drive(unroll, network, course, network.initial_memory(NUM_ENVS))
    network.zero_grad(set_to_none=True)
    (
        read(unroll, course)[-1, env_index] * course.into_heads[-1, env_index]
    ).sum().backward()
    return network.core.weight.grad


@pytest.mark.parametrize("kind", [PlainUnroll, LSTMUnroll])
def test_a_restart_stops_the_gradient_of_its_environment_alone(kind):
    network = make_network()
    course = Course(5)
    course.starts = [None] * STEPS
    course.starts[4] = torch.tensor([True, False, False, False])
    restarted, other = (
        weight_gradient_of_last_reading(kind, network, course, env_index)
        for env_index in (0, 1)
    )
    course.inputs[:4] += 10
    after = weight_gradient_of_last_reading(kind, network, course, 0)
    assert_close(after, restarted, **EXACT)
    assert network.core.initial.grad.any()
    after = weight_gradient_of_last_reading(kind, network, course, 1)
    assert (after - other).abs().max() > 1e-3


@pytest.mark.parametrize("kind", [PlainUnroll, LSTMUnroll])
def test_while_it_acts_an_unroll_equals_the_network(kind):
    network = make_network()
    course = Course(6)
    memory = network.initial_memory(NUM_ENVS)
    outputs, last = drive(make(kind, network), network, course, memory)
    for (logits, value), inputs, start in zip(
        outputs, course.inputs, course.starts, strict=True
    ):
        memory = restart(memory, network.initial_memory(NUM_ENVS), start)
        output = network.act(inputs, memory)
        memory = output.memory
        assert_close(logits, output.logits.detach(), **EXACT)
        assert_close(value, output.value.detach(), **EXACT)
    assert_close(last[0], memory[0].detach(), **EXACT)


def test_the_handmade_gradient_is_the_numerical_one():
    network = make_network()
    course = Course(7)
    # Carried memory does not move with the weights: only restarts count.
    memory = tuple(part.detach().clone() for part in network.initial_memory(NUM_ENVS))

    def loss():
        unroll = make(LSTMUnroll, network)
        drive(unroll, network, course, memory)
        return (read(unroll, course) * course.into_heads).sum()

    network.zero_grad(set_to_none=True)
    loss().backward()
    generator = torch.Generator().manual_seed(1)
    for parameter in network.parameters():
        direction = torch.randn(parameter.shape, generator=generator).double()
        with torch.no_grad():
            parameter.add_(1e-6 * direction)
            above = float(loss().detach())
            parameter.sub_(2e-6 * direction)
            below = float(loss().detach())
            parameter.add_(1e-6 * direction)
        slope = float((parameter.grad * direction).sum())
        assert (above - below) / 2e-6 == pytest.approx(slope, rel=1e-6)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("steps", "num_envs", "units"), [(1, 1, 6), (9, 4, 6), (40, 64, 64)]
)
def test_the_gradient_reaches_the_inputs_if_needed(steps, num_envs, units, seed):
    """Against the branch stepped with a graph; 40 steps are more than one chunk."""
    network = make_network(units=units)
    course = Course(seed, steps, num_envs)
    memory = tuple(course.normal(num_envs, units) for _ in range(2))
    given = course.inputs.clone().requires_grad_()
    memory_before, activity = memory, []
    for now, start in zip(given, course.starts, strict=True):
        memory_before = restart(memory_before, network.initial_memory(num_envs), start)
        memory_before = network.step(now, memory_before)
        activity.append(memory_before[0])
    (network.heads(torch.stack(activity)) * course.into_heads).sum().backward()
    weights = network.core.weight.grad.clone()
    assert given.grad.abs().max() > 1e-3
    for kind in (PlainUnroll, LSTMUnroll):
        unroll = make(kind, network, steps, num_envs)
        drive(unroll, network, course, memory)
        network.zero_grad(set_to_none=True)
        inputs = course.inputs.clone().requires_grad_()
        read = head_outputs(unroll.branch, course.starts, inputs)
        (read * course.into_heads).sum().backward()
        assert_close(inputs.grad, given.grad, **EXACT)
        assert_close(network.core.weight.grad, weights, **EXACT)


def test_restart_replaces_the_chosen_environments():
    memory, initial = (torch.zeros(3, 2),), (torch.ones(3, 2),)
    assert restart(memory, initial, None) is memory
    (now,) = restart(memory, initial, torch.tensor([True, False, True]))
    assert now.tolist() == [[1, 1], [0, 0], [1, 1]]
