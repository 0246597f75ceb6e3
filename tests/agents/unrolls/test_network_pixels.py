"""Unrolls of networks with an encoder: each view is encoded once."""

import pytest
import torch
from torch.testing import assert_close

from metarl.agents.config import NetworkConfig
from metarl.agents.networks.actor_critic import attach_renderer, build
from metarl.agents.unrolls.branch import LSTMUnroll, PlainUnroll
from metarl.agents.unrolls.network import PixelUnroll, ViewCache, make_unroll
from metarl.core.policy import restart

CODES, ACTIONS, UNITS, NUM_ENVS, STEPS = 2, 3, 5, 4, 9
INPUTS = CODES + ACTIONS + 1
EXACT = {"rtol": 0, "atol": 1e-9}
SIZES = {"patch": (10, 4), "stack": (20, 24)}
ENCODERS = {
    "patch": {"encoder": "patch", "filters": 3, "patch_size": 4, "patch_stride": 3},
    "stack": {"encoder": "stack", "features": 6},
}
ABLATIONS = [{}, {"action_input": False}, {"feedback": "none"}]


def normal(*size, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(size, generator=generator, dtype=torch.float64)


class Renderer:
    """A renderer of codes that records its arguments."""

    def __init__(self, view_size):
        generator = torch.Generator().manual_seed(5)
        size = (12, *view_size, 3)
        bank = torch.randint(0, 256, size, generator=generator)
        self.bank, self.asked = bank.to(torch.uint8), []

    def __call__(self, codes):
        self.asked += map(tuple, codes.tolist())
        return self.bank[(4 * codes[:, 0] + codes[:, 1]).long()]


def make_network(encoder="patch", **settings):
    """A network in double precision without zero weights, and its renderer."""
    config = NetworkConfig(
        units=UNITS, head_deviation=0.5, **ENCODERS[encoder] | settings
    )
    view_size = SIZES[encoder]
    network = build(INPUTS, ACTIONS, config, seed=3, view_size=view_size).double()
    with torch.no_grad():
        for number, parameter in enumerate(network.parameters()):
            if parameter.requires_grad:
                parameter.add_(0.3 * normal(*parameter.shape, seed=50 + number))
    render_views = Renderer(view_size)
    return attach_renderer(network, render_views), render_views


class Course:
    """Random codes, feedback, losses and restarts."""

    def __init__(self, seed, steps=STEPS, num_envs=NUM_ENVS):
        generator = torch.Generator().manual_seed(seed)
        sizes = ((3, (steps, num_envs, 1)), (4, (steps, num_envs, 1)))
        codes = [torch.randint(0, n, size, generator=generator) for n, size in sizes]
        feedback = normal(steps, num_envs, ACTIONS + 1, seed=seed)
        self.inputs = torch.cat([*codes, feedback], 2)
        self.weights = normal(steps, num_envs, ACTIONS + 1, seed=seed + 100)
        generator_of = normal(steps, num_envs, seed=seed + 200) > 0.3
        generator_of[1::2] = False
        self.starts = [row if row.any() else None for row in generator_of]

    @property
    def views(self):
        """The different codes."""
        return set(map(tuple, self.inputs[..., :CODES].flatten(0, 1).tolist()))


def drive(unroll, course, memory):
    """What the unroll answers as it is stepped, and its last memory."""
    decisions = []
    with torch.no_grad():
        unroll.begin()
        for inputs, start in zip(course.inputs, course.starts, strict=True):
            memory = restart(memory, unroll.initial_memory(len(inputs)), start)
            output = unroll.act(inputs, memory)
            memory = output.memory
            stored = output.logits, output.value, output.units
            decisions.append(tuple(part.clone() for part in stored))
        memory = tuple(part.clone() for part in memory)
    return decisions, memory


def loss_of(logits, values, course):
    into_logits, into_values = course.weights[..., :-1], course.weights[..., -1]
    linear = (logits * into_logits).sum() + (values * into_values).sum()
    return linear + logits.pow(3).sum() + values.pow(3).sum()


def gradients(network, loss):
    """Of the loss in every parameter; the last ones are forgotten."""
    network.zero_grad(set_to_none=True)
    loss.backward()
    return {name: p.grad for name, p in network.named_parameters()}


def step_by_step(network, render_views, course, memory, ablated=()):
    """Render and encode every view of every environment at every step."""
    memory = tuple(part.detach() for part in memory)
    logits, values, activity = [], [], []
    for inputs, start in zip(course.inputs, course.starts, strict=True):
        memory = restart(memory, network.initial_memory(len(inputs)), start)
        feedback = inputs[:, CODES:].clone()
        if "action_input" in ablated:
            feedback[:, :ACTIONS] = 0
        if "feedback" in ablated:
            feedback[:, ACTIONS] = 0
        features = [
            network.encoder.encode(render_views(row[None, :CODES])) for row in inputs
        ]
        fed = torch.cat([torch.cat(features), feedback], 1)
        memory = network.core(fed, memory)
        both = memory[0] @ network.heads.weight.T + network.heads.bias
        logits.append(both[:, :ACTIONS])
        values.append(both[:, ACTIONS])
        activity.append(memory[0])
    return torch.stack(logits), torch.stack(values), torch.stack(activity), memory


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("ablation", ABLATIONS, ids=str)
@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("core", ["lstm", "gru"])
def test_outputs_and_gradients_equal_those_of_encoding_every_view(
    core, encoder, ablation, seed
):
    network, render_views = make_network(encoder, core=core, **ablation)
    course = Course(seed)
    assert any(start is not None and not start.all() for start in course.starts[1:])
    assert len(course.views) < STEPS * NUM_ENVS / 2
    memory_before = tuple(
        normal(*part.shape, seed=9 + k)
        for k, part in enumerate(network.initial_memory(NUM_ENVS))
    )
    unroll = make_unroll(network, STEPS, NUM_ENVS)
    assert type(unroll) is PixelUnroll
    assert type(unroll.branch) is (LSTMUnroll if core == "lstm" else PlainUnroll)
    stepped, last = drive(unroll, course, memory_before)
    read = unroll.outputs(course.starts)
    actual = gradients(network, loss_of(*read, course))
    *expected, memory = step_by_step(
        network, render_views, course, memory_before, ablation
    )
    theirs = gradients(network, loss_of(*expected[:2], course))
    for one, other in zip(read, expected[:2], strict=True):
        assert_close(one, other, **EXACT)
    for t, tensors in enumerate(stepped):
        for part, other in zip(tensors, expected, strict=True):
            assert_close(part, other[t].detach(), **EXACT)
    for part, other in zip(last, memory, strict=True):
        assert_close(part, other.detach(), **EXACT)
    for name, gradient in theirs.items():
        assert gradient.abs().max() > 1e-3, name
        assert_close(actual[name], gradient, **EXACT, msg=lambda m, n=name: n + m)


@pytest.mark.parametrize("ablation", ABLATIONS[1:], ids=str)
def test_what_is_ablated_changes_nothing_and_all_else_does(ablation):
    network, _ = make_network(**ablation)
    course = Course(1)
    unroll = make_unroll(network, STEPS, NUM_ENVS)
    memory = network.initial_memory(NUM_ENVS)
    plain, _ = drive(unroll, course, memory)
    gone = slice(CODES, -1) if "action_input" in ablation else slice(-1, None)
    course.inputs[..., gone] += 1
    for one, other in zip(plain, drive(unroll, course, memory)[0], strict=True):
        assert torch.equal(one[0], other[0])
    feedback = slice(-1, None) if "action_input" in ablation else slice(CODES, -1)
    course.inputs[..., feedback] += 1
    assert not torch.equal(plain[-1][0], drive(unroll, course, memory)[0][-1][0])


def test_each_different_view_is_rendered_and_encoded_once_an_unroll():
    network, render_views = make_network()
    encode, encoded = network.encoder.encode, []

    def counted(pixels):
        encoded.append(len(pixels))
        return encode(pixels)

    network.encoder.encode = counted
    unroll = make_unroll(network, STEPS, NUM_ENVS)
    memory = network.initial_memory(NUM_ENVS)
    for seed in (1, 2, 1):
        course = Course(seed)
        render_views.asked.clear()
        encoded.clear()
        _, memory = drive(unroll, course, memory)
        gradients(network, loss_of(*unroll.outputs(course.starts), course))
        assert len(render_views.asked) == len(set(render_views.asked)) == sum(encoded)
        assert set(render_views.asked) == course.views
        # A step that shows nothing new encodes nothing.
        assert len(encoded) < STEPS


@pytest.mark.parametrize("core", ["lstm", "gru"])
def test_after_a_change_of_weights_views_are_encoded_again(core):
    network, render_views = make_network(core=core)
    unroll = make_unroll(network, STEPS, NUM_ENVS)
    optimizer = torch.optim.RMSprop(network.parameters(), lr=0.02)
    memory, twins = network.initial_memory(NUM_ENVS), network.initial_memory(NUM_ENVS)
    for seed in (1, 1, 2, 1):
        course = Course(seed)
        _, memory = drive(unroll, course, memory)
        actual = gradients(network, loss_of(*unroll.outputs(course.starts), course))
        *expected, twins = step_by_step(network, render_views, course, twins)
        theirs = gradients(network, loss_of(*expected[:2], course))
        for name, gradient in theirs.items():
            if gradient is not None:
                assert_close(actual[name], gradient, **EXACT)
        for one, other in zip(memory, twins, strict=True):
            assert_close(one, other.detach(), **EXACT)
        optimizer.step()


@pytest.mark.parametrize(("steps", "num_envs"), [(1, 1), (1, 5), (6, 1)])
def test_unrolls_in_which_every_view_is_new_have_room(steps, num_envs):
    network, render_views = make_network()
    course = Course(1, steps, num_envs)
    views = torch.cartesian_prod(torch.arange(3), torch.arange(4))[: steps * num_envs]
    course.inputs[..., :CODES] = views.view(steps, num_envs, CODES).flip(0)
    assert len(course.views) == steps * num_envs
    unroll = make_unroll(network, steps, num_envs)
    memory = network.initial_memory(num_envs)
    drive(unroll, course, memory)
    logits, values = unroll.outputs(course.starts)
    expected = step_by_step(network, render_views, course, memory)
    assert_close(logits, expected[0], **EXACT)
    assert_close(values, expected[1], **EXACT)


def test_no_gradient_is_computed_while_the_network_acts():
    """Features are kept as numbers: an unroll leaves no graph through its answers."""
    network, _ = make_network()
    unroll = make_unroll(network, STEPS, NUM_ENVS)
    course = Course(1)
    unroll.begin()
    with torch.no_grad():
        output = unroll.act(course.inputs[0], network.initial_memory(NUM_ENVS))
    tensors = (output.logits, output.value, output.units, *output.memory)
    assert not any(part.requires_grad for part in tensors)
    assert not unroll.features.requires_grad


# Which view is which


def by_dictionary(known, keys):
    """The place of each key; new keys get the next numbers, the smallest first."""
    new = sorted(set(keys) - set(known))
    for key in new:
        known[key] = len(known)
    return [known[key] for key in keys], new


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("most", [3, 40, 2**60 - 1])
def test_keys_have_the_numbers_that_a_dictionary_gives_them(most, seed):
    generator = torch.Generator().manual_seed(seed)
    views, known = ViewCache(), {}
    for count in (1, 7, 1, 20, 3, 20, 20, 2):
        keys = torch.randint(0, most, (count,), generator=generator)
        numbers, new = views.numbers_of(keys)
        expected, fresh = by_dictionary(known, keys.tolist())
        assert numbers.tolist() == expected
        assert new.tolist() == fresh
        assert len(views) == len(known)


def test_numbers_stay_when_smaller_and_greater_keys_are_added():
    views = ViewCache()
    assert len(views) == 0
    feedback = []
    for keys in ([50, 50], [10, 50, 90], [0, 90, 99, 10], [50, 0, 99]):
        numbers, new = views.numbers_of(torch.tensor(keys))
        feedback.append((numbers.tolist(), new.tolist()))
    assert feedback == [
        ([0, 0], [50]),
        ([1, 0, 2], [10, 90]),
        ([3, 2, 4, 1], [0, 99]),
        ([0, 3, 4], []),
    ]
    assert len(views) == 5
