"""One core, two heads, and weights that depend on a seed alone."""

import pytest
import torch

from metarl.agents.cores import CORES
from metarl.agents.network import ActorCritic, weights_hash
from metarl.agents.settings import NetworkConfig

INPUTS, ACTIONS, LANES = 6, 3, 4


def make(seed=0, **settings):
    return ActorCritic(INPUTS, ACTIONS, NetworkConfig(units=5, **settings), seed=seed)


@pytest.mark.parametrize("core", CORES)
def test_a_decision_has_a_row_a_lane(core):
    network = make(core=core)
    decision = network.act(torch.ones(LANES, INPUTS), network.initial_memory(LANES))
    assert decision.logits.shape == (LANES, ACTIONS)
    assert decision.value.shape == (LANES,)
    assert decision.units.shape == (LANES, 5)
    assert torch.equal(decision.units, decision.memory[0])


def test_policy_and_value_read_the_same_activity():
    network = make()
    decision = network.act(torch.ones(1, INPUTS), network.initial_memory(1))
    read = decision.units @ network.heads.weight.T + network.heads.bias
    torch.testing.assert_close(decision.logits, read[:, :ACTIONS])
    torch.testing.assert_close(decision.value, read[:, ACTIONS])


@pytest.mark.parametrize("core", CORES)
def test_the_weights_depend_on_the_seed_alone(core):
    torch.manual_seed(1)
    first = weights_hash(make(3, core=core))
    torch.manual_seed(2)
    assert weights_hash(make(3, core=core)) == first
    assert weights_hash(make(4, core=core)) != first


def test_the_hash_sees_one_changed_bit_of_any_parameter():
    network = make()
    seen = {weights_hash(network)}
    for parameter in network.parameters():
        with torch.no_grad():
            flat = parameter.view(-1)
            flat[-1] = torch.nextafter(flat[-1], torch.tensor(10.0))
        seen.add(weights_hash(network))
    assert len(seen) == 1 + len(list(network.parameters()))


def test_the_heads_start_as_small_as_asked():
    network = ActorCritic(
        INPUTS, 40, NetworkConfig(units=200, head_deviation=0.1), seed=1
    )
    assert abs(float(network.heads.weight.detach().std()) - 0.1) < 0.003
    assert not network.heads.bias.any()
    still = make(head_deviation=0.0)
    assert not still.heads.weight.any()


def test_inputs_of_another_size_are_refused():
    network = make()
    with pytest.raises((RuntimeError, TypeError)):
        network.act(torch.ones(LANES, INPUTS + 1), network.initial_memory(LANES))
