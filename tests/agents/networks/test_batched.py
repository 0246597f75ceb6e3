"""Batched networks: outputs of the members alone, and weights as vectors."""

import pytest
import torch

from metarl.agents.config import A2CConfig, NetworkConfig
from metarl.agents.learning.rules import RULES
from metarl.agents.networks.actor_critic import build
from metarl.agents.networks.batched import (
    BatchedNetworks,
    TrainableWeights,
)

SIZES = 5, 3  # inputs, actions
CONFIGS = {
    "rnn": NetworkConfig(core="rnn", units=7),
    "leaky": NetworkConfig(core="rnn", units=7, leak=0.3),
    "lstm": NetworkConfig(units=7),
    "gru": NetworkConfig(core="gru", units=7),
    "feedforward": NetworkConfig(core="feedforward", units=7),
    "no feedback": NetworkConfig(units=7, feedback="none", action_input=False),
}


def single(config, seed):
    """A network with random weights and a random initial memory."""
    network = build(*SIZES, config, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(0, 0.5, generator=generator)
    return network


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_batched_networks_compute_the_outputs_of_their_members_alone(config):
    singles = [single(config, seed) for seed in range(4)]
    with torch.no_grad():
        for network in singles:  # what is not trainable is the first one's
            network.heads.weight[-1] = singles[0].heads.weight[-1]
            network.heads.bias[-1] = singles[0].heads.bias[-1]
    networks = BatchedNetworks(singles[0])
    networks.set_weights(
        torch.stack([networks.trainable.to_vector(n.state_dict()) for n in singles])
    )
    memory = networks.initial_memory(12)
    alone = [network.initial_memory(3) for network in singles]
    for step in range(5):
        inputs = torch.randn(12, 5, generator=torch.Generator().manual_seed(step))
        output = networks.act(inputs, memory)
        memory = output.memory
        for p, network in enumerate(singles):
            num_envs = slice(3 * p, 3 * p + 3)
            one = network.act(inputs[num_envs], alone[p])
            alone[p] = one.memory
            for name in ("logits", "value", "units"):
                both = getattr(output, name)[num_envs], getattr(one, name)
                torch.testing.assert_close(*both, atol=1e-6, rtol=0)


def test_a_vector_becomes_the_state_of_an_ordinary_network_and_back():
    network = single(CONFIGS["lstm"], 1)
    weights = TrainableWeights(network)
    vector = torch.arange(len(weights)) / 100.0
    state = weights.to_state(vector)
    network.load_state_dict(state)
    torch.testing.assert_close(weights.to_vector(network.state_dict()), vector)
    assert list(state) == list(network.state_dict())


def test_weights_of_the_value_and_weights_that_are_not_learned_stay():
    config = NetworkConfig(core="rnn", units=7, learned_initial_state=False)
    network = single(config, 1)
    weights = TrainableWeights(network)
    # 12 x 7 weights, 7 biases, three actions' 7 + 1; no initial state, no value.
    assert len(weights) == 84 + 7 + 24
    before = {name: value.clone() for name, value in network.state_dict().items()}
    state = weights.to_state(torch.full((len(weights),), 9.0))
    assert torch.equal(state["heads.weight"][-1], before["heads.weight"][-1])
    assert torch.equal(state["heads.bias"][-1], before["heads.bias"][-1])
    assert torch.equal(state["core.initial"], before["core.initial"])
    assert bool((state["core.weight"] == 9).all())


def test_a_learned_initial_state_is_trainable():
    assert len(TrainableWeights(single(CONFIGS["rnn"], 1))) == 84 + 7 + 24 + 7


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {"critic": "separate"},
            "critic must be shared where the rule is es, got 'sep",
        ),
        (
            {"encoder": "patch"},
            "encoder must be none where the rule is es, got 'patch'",
        ),
        (
            {"core": "episodic", "context_size": 1},
            "core must not be episodic where the rule is es",
        ),
    ],
)
def test_networks_that_cannot_be_batched_are_refused(settings, words):
    config = NetworkConfig(units=4, **settings)
    with pytest.raises(ValueError, match=words):
        RULES["es"].check_network(config, A2CConfig(rule="es"))
