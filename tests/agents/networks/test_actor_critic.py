"""Networks with one core or two, their heads, and weights from a seed alone."""

import pytest
import torch
from core_settings import core_settings
from torch.testing import assert_close

from metarl.agents.config import NetworkConfig
from metarl.agents.networks.actor_critic import (
    ActorCritic,
    SeparateActorCritic,
    build,
    weights_hash,
)
from metarl.agents.networks.cores import CORES
from metarl.agents.returns import reward_prediction_error
from metarl.core.policy import SignalChange, restart

INPUTS, ACTIONS, NUM_ENVS = 6, 3, 4


def make(seed=0, **settings):
    return ActorCritic(INPUTS, ACTIONS, NetworkConfig(units=5, **settings), seed=seed)


@pytest.mark.parametrize("core", CORES)
def test_an_output_has_a_row_per_environment(core):
    network = make(**core_settings(core))
    output = network.act(torch.ones(NUM_ENVS, INPUTS), network.initial_memory(NUM_ENVS))
    assert output.logits.shape == (NUM_ENVS, ACTIONS)
    assert output.value.shape == (NUM_ENVS,)
    assert output.units.shape == (NUM_ENVS, 5)
    assert torch.equal(output.units, output.memory[0])


def test_policy_and_value_read_the_same_activity():
    network = make()
    output = network.act(torch.ones(1, INPUTS), network.initial_memory(1))
    read = output.units @ network.heads.weight.T + network.heads.bias
    torch.testing.assert_close(output.logits, read[:, :ACTIONS])
    torch.testing.assert_close(output.value, read[:, ACTIONS])


@pytest.mark.parametrize("core", CORES)
def test_the_weights_depend_on_the_seed_alone(core):
    torch.manual_seed(1)
    first = weights_hash(make(3, **core_settings(core)))
    torch.manual_seed(2)
    assert weights_hash(make(3, **core_settings(core))) == first
    assert weights_hash(make(4, **core_settings(core))) != first


def test_the_hash_depends_on_every_bit_of_every_parameter():
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
        network.act(torch.ones(NUM_ENVS, INPUTS + 1), network.initial_memory(NUM_ENVS))


# Two cores, and the feedback of the actor


STEPS, DISCOUNT, UNITS = 8, 0.75, 5
KINDS = [("shared", "reward"), ("separate", "reward"), ("separate", "rpe")]


def make_separate(seed=0, **settings):
    settings = {"critic": "separate", "feedback": "rpe"} | settings
    config = NetworkConfig(units=UNITS, head_deviation=1.0, **settings)
    network = build(INPUTS, ACTIONS, config, seed=seed).double()
    with torch.no_grad():
        for number, parameter in enumerate(network.parameters()):
            generator_of = normal(*parameter.shape, seed=100 + number)
            parameter.add_(0.3 * generator_of)
    if config.critic == "separate":
        network.discount.fill_(DISCOUNT)
    return network


def normal(*size, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(size, generator=generator, dtype=torch.float64)


def walk(network, inputs, *, starts=None, changes=None):
    """Decisions at each step, and what the actor's core was fed (separate cores)."""
    fed = []
    separate = isinstance(network, SeparateActorCritic)
    if separate:
        step = network.actor.step

        def watched(inputs, memory, units=None):
            fed.append(inputs)
            return step(inputs, memory, units)

        network.actor.step = watched
    memory, decisions = network.initial_memory(NUM_ENVS), []
    for t, now in enumerate(inputs):
        start = starts[t] if starts else None
        memory = restart(memory, network.initial_memory(NUM_ENVS), start)
        output = network.act(now, memory, changes[t] if changes else None)
        memory = output.memory
        decisions.append(output)
    if separate:
        del network.actor.step
    return decisions, fed


@pytest.mark.parametrize(("critic", "feedback"), KINDS)
def test_the_configuration_chooses_the_kind_of_network(critic, feedback):
    network = make_separate(critic=critic, feedback=feedback)
    kinds = {"shared": ActorCritic, "separate": SeparateActorCritic}
    assert type(network) is kinds[critic]
    (output,), _ = walk(network, normal(1, NUM_ENVS, INPUTS))
    cores = 1 if critic == "shared" else 2
    assert output.units.shape == (NUM_ENVS, cores * UNITS)
    assert output.logits.shape == (NUM_ENVS, ACTIONS)
    assert output.value.shape == (NUM_ENVS,)


def test_the_error_is_an_input_of_the_actor_at_the_step_that_reveals_it():
    network = make_separate()
    inputs = normal(STEPS, NUM_ENVS, INPUTS)
    starts = [None] * STEPS
    starts[3] = torch.tensor([True, False, False, True])
    starts[5] = torch.tensor([True, True, False, False])
    decisions, fed = walk(network, inputs, starts=starts)
    values = torch.stack([output.value for output in decisions]).detach()
    rewards = inputs[..., -1]
    for t, received in enumerate(fed):
        assert torch.equal(received[:, :-1], inputs[t, :, :-1])
        for env_index in range(NUM_ENVS):
            fresh = t == 0 or (starts[t] is not None and starts[t][env_index])
            before = values[t - 1, env_index]
            rpe = rewards[t, env_index] + DISCOUNT * values[t, env_index] - before
            assert float(received[env_index, -1]) == pytest.approx(
                0 if fresh else float(rpe)
            )
    # The formula is the one that teaches: an error on arrival is that of the step left.
    discounts = torch.full((STEPS - 1, NUM_ENVS), DISCOUNT).double()
    learned_from = reward_prediction_error(rewards[1:], values, discounts)
    arrived = torch.stack(fed)[1:, 2, -1]
    assert_close(arrived, learned_from[:, 2], rtol=0, atol=1e-12)
    assert arrived.abs().min() > 1e-3


def test_the_reward_is_an_input_of_the_critic_and_the_error_follows_the_discount():
    network = make_separate()
    inputs = normal(2, NUM_ENVS, INPUTS)
    decisions, fed = walk(network, inputs)
    inputs[1, :, -1] += 1
    other, other_fed = walk(network, inputs)
    assert not torch.equal(decisions[1].value, other[1].value)
    gain = 1 + DISCOUNT * (other[1].value - decisions[1].value)
    assert_close(other_fed[1][:, -1] - fed[1][:, -1], gain)
    network.discount.fill_(0.0)
    decisions, fed = walk(network, inputs)
    assert_close(fed[1][:, -1], inputs[1, :, -1] - decisions[0].value)


def test_no_gradient_passes_between_actor_and_critic():
    network = make_separate()
    inputs = normal(STEPS, NUM_ENVS, INPUTS)
    for read, learns in (("logits", network.actor), ("value", network.critic)):
        network.zero_grad(set_to_none=True)
        decisions, fed = walk(network, inputs)
        assert not any(received.requires_grad for received in fed)
        sum((getattr(d, read) ** 2).sum() for d in decisions).backward()
        for name, parameter in network.named_parameters():
            mine = name.startswith("actor." if learns is network.actor else "critic.")
            moved = parameter.grad is not None and bool(parameter.grad.any())
            assert moved == mine, name


@pytest.mark.parametrize(("critic", "feedback"), KINDS)
def test_a_change_of_the_units_reaches_memory_and_heads(critic, feedback):
    network = make_separate(critic=critic, feedback=feedback)
    inputs = normal(3, NUM_ENVS, INPUTS)
    count = UNITS * (1 if critic == "shared" else 2)
    factor, addition = normal(NUM_ENVS, count, seed=2), normal(NUM_ENVS, count, seed=3)
    changes = [None, SignalChange(units=(factor, addition)), None]
    plain, _ = walk(network, inputs)
    touched, _ = walk(network, inputs, changes=changes)
    assert torch.equal(touched[0].units, plain[0].units)
    if feedback != "rpe":  # else the error input of the actor changes too
        assert_close(touched[1].units, plain[1].units * factor + addition)
    critics = slice(-UNITS, None)
    assert_close(
        touched[1].units[:, critics],
        plain[1].units[:, critics] * factor[:, critics] + addition[:, critics],
    )
    heads = network.heads if critic == "shared" else network.critic.heads
    value = (touched[1].units[:, critics] @ heads.weight.T + heads.bias)[:, -1]
    assert_close(touched[1].value, value)
    heads = network.heads if critic == "shared" else network.actor.heads
    logits = touched[1].units[:, :UNITS] @ heads.weight.T + heads.bias
    assert_close(touched[1].logits, logits[:, :ACTIONS])
    assert (touched[2].units - plain[2].units).abs().min() > 0


def test_units_of_actor_and_critic_are_changed_separately():
    network = make_separate()
    inputs = normal(2, NUM_ENVS, INPUTS)
    plain, _ = walk(network, inputs)
    factor = torch.ones(NUM_ENVS, 2 * UNITS).double()
    addition = torch.zeros_like(factor)
    addition[:, 0] = 1  # a unit of the actor
    changes = [SignalChange(units=(factor, addition))] * 2
    touched, _ = walk(network, inputs, changes=changes)
    assert_close(touched[0].units - plain[0].units, addition)
    for one, other in zip(touched, plain, strict=True):
        assert torch.equal(one.value, other.value)
        assert not torch.equal(one.logits, other.logits)


def test_an_error_is_changed_but_at_an_episodes_first_step():
    network = make_separate()
    inputs = normal(STEPS, NUM_ENVS, INPUTS)
    starts = [None] * STEPS
    starts[4] = torch.tensor([True, False, True, False])
    factor, addition = normal(NUM_ENVS, seed=2), normal(NUM_ENVS, seed=3)
    changes = [SignalChange(rpe=(factor, addition))] * STEPS
    plain, fed = walk(network, inputs, starts=starts)
    touched, other = walk(network, inputs, starts=starts, changes=changes)
    for t in range(STEPS):
        changed = fed[t][:, -1] * factor + addition
        if t == 0:
            changed = torch.zeros(NUM_ENVS).double()
        elif starts[t] is not None:
            changed = changed.masked_fill(starts[t], 0)
        assert_close(other[t][:, -1], changed)
        assert torch.equal(touched[t].value, plain[t].value)
    assert not torch.equal(touched[-1].logits, plain[-1].logits)


# Ablations


def moved_by(network, part):
    """Whether the policy, and the value, at a second step know a part of its input."""
    columns = {"observation": slice(0, 2), "action": slice(2, 5), "reward": slice(5, 6)}
    inputs = normal(2, NUM_ENVS, INPUTS)
    plain, _ = walk(network, inputs)
    inputs[1, :, columns[part]] += 1
    other, _ = walk(network, inputs)
    return tuple(
        not torch.equal(getattr(plain[1], read), getattr(other[1], read))
        for read in ("logits", "value")
    )


@pytest.mark.parametrize(("critic", "feedback"), KINDS)
def test_a_network_uses_all_its_inputs(critic, feedback):
    network = make_separate(critic=critic, feedback=feedback)
    for part in ("observation", "action", "reward"):
        assert moved_by(network, part) == (True, True)


@pytest.mark.parametrize(("critic", "knows"), [("shared", False), ("separate", True)])
def test_without_feedback_the_policy_does_not_depend_on_the_reward(critic, knows):
    network = make_separate(critic=critic, feedback="none")
    assert moved_by(network, "reward") == (False, knows)
    assert moved_by(network, "action") == (True, True)
    assert moved_by(network, "observation") == (True, True)


@pytest.mark.parametrize(("critic", "feedback"), KINDS)
def test_without_the_action_input_nothing_depends_on_the_last_action(critic, feedback):
    network = make_separate(critic=critic, feedback=feedback, action_input=False)
    assert moved_by(network, "action") == (False, False)
    assert moved_by(network, "reward") == (True, True)
    assert moved_by(network, "observation") == (True, True)


@pytest.mark.parametrize("core", CORES)
def test_a_feedforward_core_remembers_nothing_and_every_other_one_does(core):
    network = make_separate(critic="shared", feedback="reward", **core_settings(core))
    inputs = normal(2, NUM_ENVS, INPUTS)
    plain, _ = walk(network, inputs)
    inputs[0] += 1
    other, _ = walk(network, inputs)
    forgets = torch.equal(plain[1].units, other[1].units)
    assert forgets == (core == "feedforward")
    inputs[1] += 1
    again, _ = walk(network, inputs)
    assert (again[1].units - other[1].units).abs().min() > 0
