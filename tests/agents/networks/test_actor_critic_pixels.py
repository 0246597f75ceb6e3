"""Networks with an encoder: features instead of codes, and initial weights."""

import math

import pytest
import torch
from torch.testing import assert_close

from metarl.agents.config import NetworkConfig
from metarl.agents.networks.actor_critic import (
    ActorCritic,
    attach_renderer,
    build,
    features_kept,
    weights_hash,
)
from metarl.agents.networks.cores import CORES
from metarl.core.policy import SignalChange

CODES, ACTIONS, NUM_ENVS, UNITS = 2, 3, 4, 5
INPUTS = CODES + ACTIONS + 1
VIEW = (9, 4)
PATCH = {"encoder": "patch", "filters": 3, "patch_size": 4, "patch_stride": 1}
ENCODERS = {"patch": (VIEW, PATCH), "stack": ((20, 24), {"encoder": "stack"})}
SETTINGS = {"units": UNITS, "head_deviation": 1.0}


def make(kind="patch", seed=0, **settings):
    view_size, renderer = ENCODERS[kind]
    config = NetworkConfig(**SETTINGS | renderer | settings)
    return build(INPUTS, ACTIONS, config, seed=seed, view_size=view_size)


def make_renderer(view_size, seed=5):
    """Render (N, 2) codes."""
    generator = torch.Generator().manual_seed(seed)
    bank = torch.randint(0, 256, (12, *view_size, 3), generator=generator)
    return lambda codes: bank[(4 * codes[:, 0] + codes[:, 1]).long()].to(torch.uint8)


def initialize_inputs():
    generator = torch.Generator().manual_seed(2)
    codes = torch.tensor([[0.0, 1], [2, 3], [0, 1], [1, 2]])
    feedback = torch.randn(NUM_ENVS, ACTIONS + 1, generator=generator)
    return torch.cat([codes, feedback], 1)


@pytest.mark.parametrize("core", [core for core in CORES if core != "episodic"])
@pytest.mark.parametrize("kind", ENCODERS)
def test_a_network_with_an_encoder_acts_on_its_features(kind, core):
    network, view_size = make(kind, core=core), ENCODERS[kind][0]
    render_views, inputs = make_renderer(view_size), initialize_inputs()
    memory = network.initial_memory(NUM_ENVS)
    output = attach_renderer(network, render_views).act(inputs, memory)
    features = network.encoder.encode(render_views(inputs[:, :CODES]))
    assert features.shape == (NUM_ENVS, network.encoder.features)
    after = network.core(torch.cat([features, inputs[:, CODES:]], 1), memory)
    both = after[0] @ network.heads.weight.T + network.heads.bias
    assert_close(output.logits, both[:, :ACTIONS])
    assert_close(output.value, both[:, ACTIONS])
    assert_close(output.units, after[0])
    assert output.units is output.memory[0]


def test_only_the_views_of_codes_matter():
    network, inputs = make(), initialize_inputs()
    memory = network.initial_memory(NUM_ENVS)
    other = inputs.clone()
    other[:, 0] += 40
    render_views = make_renderer(VIEW)

    def shifted(codes):
        return render_views(codes - torch.tensor([40.0, 0]))

    one = attach_renderer(network, render_views).act(inputs, memory)
    assert torch.equal(
        attach_renderer(network, shifted).act(other, memory).logits, one.logits
    )
    another = attach_renderer(network, make_renderer(VIEW, seed=6)).act(inputs, memory)
    assert (another.logits - one.logits).abs().min() > 1e-6


def test_a_network_has_the_view_and_the_inputs_of_its_task():
    network = make()
    assert network.view_size == VIEW
    assert network.input_size == INPUTS
    assert network.encoder.features == 6 * 3
    assert network.core.input_size == 18 + ACTIONS + 1
    blind = build(INPUTS, ACTIONS, NetworkConfig(units=UNITS), seed=1)
    apart = build(INPUTS, ACTIONS, NetworkConfig(critic="separate"), seed=1)
    assert blind.view_size is apart.view_size is blind.encoder is None
    # There is no encoder to attach it to.
    for network in (blind, apart):
        assert attach_renderer(network, make_renderer(VIEW)) is network
    assert blind.core.input_size == INPUTS


def test_a_network_without_renderer_is_refused():
    network = make()
    words = r"encoder\.render_views must be the task's `render_views`, got None"
    with pytest.raises(ValueError, match=words):
        network.act(initialize_inputs(), network.initial_memory(NUM_ENVS))
    attach_renderer(network, make_renderer(VIEW)).act(
        initialize_inputs(), network.initial_memory(NUM_ENVS)
    )
    attach_renderer(network, None)
    with pytest.raises(ValueError, match=words):
        network.act(initialize_inputs(), network.initial_memory(NUM_ENVS))


def test_pixels_need_an_encoder_and_an_encoder_pixels():
    words = "encoder must be none for a task without pixels, else patch or stack; got "
    config = NetworkConfig(units=UNITS, **PATCH)
    with pytest.raises(ValueError, match=f"{words}'patch' for no pixels"):
        build(INPUTS, ACTIONS, config, seed=1)
    for critic in ("shared", "separate"):
        config = NetworkConfig(units=UNITS, critic=critic)
        with pytest.raises(ValueError, match=f"{words}'none' for pixels"):
            build(INPUTS, ACTIONS, config, seed=1, view_size=VIEW)


# Ablations


def moved_by(part, kind, **settings):
    """Whether the policy knows a part of the inputs."""
    render_views, inputs = make_renderer(ENCODERS[kind][0]), initialize_inputs()
    network = attach_renderer(make(kind, **settings), render_views)
    memory = network.initial_memory(NUM_ENVS)
    plain = network.act(inputs, memory)
    columns = {"codes": slice(0, 1), "action": slice(2, 5), "reward": slice(5, 6)}
    inputs[:, columns[part]] += 1 if part != "codes" else -inputs[:, :1]
    return not torch.equal(plain.logits, network.act(inputs, memory).logits)


@pytest.mark.parametrize("kind", ENCODERS)
@pytest.mark.parametrize(
    ("settings", "knows"),
    [
        ({}, (True, True, True)),
        ({"action_input": False}, (True, False, True)),
        ({"feedback": "none"}, (True, True, False)),
        ({"action_input": False, "feedback": "none"}, (True, False, False)),
    ],
)
def test_an_ablated_network_still_has_its_features(settings, knows, kind):
    columns = ("codes", "action", "reward")
    assert tuple(moved_by(part, kind, **settings) for part in columns) == knows


def test_interventions_change_the_units_of_a_network_with_an_encoder():
    network = attach_renderer(make(), make_renderer(VIEW))
    inputs, memory = initialize_inputs(), network.initial_memory(NUM_ENVS)
    plain = network.act(inputs, memory)
    factor = torch.full((NUM_ENVS, UNITS), -2.0)
    changed = network.act(inputs, memory, SignalChange(units=(factor, factor + 3)))
    assert_close(changed.units, -2 * plain.units + 1)


# Initial weights


def test_the_weights_of_an_encoder_depend_on_the_seed_alone():
    for kind in ENCODERS:
        torch.manual_seed(1)
        first = weights_hash(make(kind, 3))
        torch.manual_seed(2)
        assert weights_hash(make(kind, 3)) == first
        assert weights_hash(make(kind, 4)) != first
        renderer = (weights_hash(make(kind, seed).encoder) for seed in (3, 4))
        assert len(set(renderer)) == 2


def test_the_hash_depends_on_the_encoder():
    network = make()
    seen = {weights_hash(network)}
    for parameter in network.encoder.parameters():
        with torch.no_grad():
            parameter[-1] += 1e-3
        seen.add(weights_hash(network))
    assert len(seen) == 3


def core_weights(**settings):
    """Of the core, or the cores, of a network that sees 12 numbers."""
    config = NetworkConfig(units=300, **settings)
    network = build(12 + ACTIONS + 1, ACTIONS, config, seed=1)
    shared = isinstance(network, ActorCritic)
    branches = [network] if shared else [network.actor, network.critic]
    return [branch.core.weight.detach() for branch in branches]


@pytest.mark.parametrize("critic", ["shared", "separate"])
@pytest.mark.parametrize("core", ["lstm", "rnn"])
def test_inputs_in_groups_start_by_their_own_size(core, critic):
    settings = {"core": core, "critic": critic}
    by_group = core_weights(**settings, group_fan_in=True)
    for weight in by_group:
        for rows in weight[:16].split((12, ACTIONS, 1)):
            bound = math.sqrt(3 / len(rows))
            assert 0.97 * bound < float(rows.abs().max()) <= bound
        assert float(weight[16:].abs().max()) <= 1 / math.sqrt(300)
    for weight in core_weights(**settings, input_gain=2.0):
        assert float(weight[:16].abs().max()) <= 2 / math.sqrt(300)
    # With groups, the gain is not used.
    gained = core_weights(**settings, group_fan_in=True, input_gain=0.1)
    for one, other in zip(by_group, gained, strict=True):
        assert torch.equal(one, other)


def test_features_are_a_group_of_their_own():
    network = make(units=300, group_fan_in=True)
    rows = network.core.weight.detach()[: 18 + ACTIONS + 1]
    for group, size in zip(rows.split((18, ACTIONS, 1)), (18, 3, 1), strict=True):
        bound = math.sqrt(3 / size)
        assert 0.97 * bound < float(group.abs().max()) <= bound


def test_without_encoder_and_groups_only_core_and_heads_are_drawn():
    """In this order, so that a seed's networks stay those that they were."""
    network = build(INPUTS, ACTIONS, NetworkConfig(units=UNITS), seed=1)
    generator = torch.Generator().manual_seed(1)
    bound = 1 / math.sqrt(UNITS)
    weight = torch.empty(INPUTS + UNITS, 4 * UNITS)
    weight.uniform_(-bound, bound, generator=generator)
    heads = torch.empty(ACTIONS + 1, UNITS).normal_(0, 0.1, generator=generator)
    assert torch.equal(network.core.weight[INPUTS:], weight[INPUTS:])
    assert torch.equal(network.heads.weight, heads)


def test_an_encoder_is_drawn_last():
    network = make(seed=1)
    blind = build(
        18 + ACTIONS + 1, ACTIONS, NetworkConfig(**SETTINGS), seed=1
    ).state_dict()
    for name, value in blind.items():
        assert torch.equal(network.state_dict()[name], value), name


def test_features_of_a_view_are_computed_once_while_the_weights_are_frozen():
    render_views, inputs = make_renderer(VIEW), initialize_inputs()
    network = attach_renderer(make(), render_views)
    fresh, encode, counted = network.encode(inputs), network.encoder.encode, []
    network.encoder.encode = lambda seen: counted.append(len(seen)) or encode(seen)
    with torch.no_grad(), features_kept(network):
        for rows in (inputs[:1], inputs, inputs):
            assert_close(network.encode(rows), fresh[: len(rows)])
        assert sum(counted) == 3  # of four codes, two are equal
        # Another task may have other pictures for the same codes.
        attach_renderer(network, make_renderer(VIEW, seed=6))
        assert not torch.allclose(network.encode(inputs), fresh)
    with torch.no_grad():
        network.encoder.layers[0].weight.add_(1)
        assert not torch.allclose(network.encode(inputs), fresh)


def test_features_are_forgotten_after_a_test_that_fails():
    network = attach_renderer(make(), make_renderer(VIEW))
    with pytest.raises(RuntimeError), features_kept(network):
        raise RuntimeError
    assert network.encoder.kept is None
