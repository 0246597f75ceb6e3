"""Advantage actor-critic: the paper's gradient, the targets, and the update."""

from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from metarl.agents.config import A2CConfig, NetworkConfig, Schedule, constant
from metarl.agents.learning.a2c import Learner, Trajectory, actor_critic_loss
from metarl.agents.learning.rules import make_learner
from metarl.agents.networks.actor_critic import ActorCritic, build
from metarl.agents.unrolls.branch import PlainUnroll
from metarl.agents.unrolls.network import SharedUnroll, make_unroll

INPUTS, ACTIONS, UNITS, NUM_ENVS, STEPS = 4, 3, 5, 2, 6
EXACT = {"rtol": 0, "atol": 1e-12}


def make_network(core="lstm"):
    config = NetworkConfig(core=core, units=UNITS, head_deviation=0.5)
    return ActorCritic(INPUTS, ACTIONS, config, seed=2)


def normal(*size, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(size, generator=generator, dtype=torch.float64)


def make_trajectory(network, unroll, *, end=3):
    """Trajectory on random inputs; the episode of environment 0 ends at `end`."""
    inputs = normal(STEPS + 1, NUM_ENVS, INPUTS, seed=3).float()
    actions = torch.randint(
        ACTIONS, (STEPS, NUM_ENVS), generator=torch.Generator().manual_seed(4)
    )
    nonterminal = torch.ones(STEPS, NUM_ENVS)
    starts = [torch.ones(NUM_ENVS, dtype=torch.bool), *[None] * (STEPS - 1)]
    if end is not None:
        nonterminal[end, 0] = 0
        starts[end + 1] = torch.tensor([True, False])
    memory, values = network.initial_memory(NUM_ENVS), []
    with torch.no_grad():
        unroll.begin()
        for t in range(STEPS):
            if starts[t] is not None and t:
                fresh = network.initial_memory(NUM_ENVS)
                chosen = starts[t].unsqueeze(1)
                memory = tuple(
                    torch.where(chosen, new, old)
                    for new, old in zip(fresh, memory, strict=True)
                )
            output = unroll.act(inputs[t], memory)
            memory = tuple(part.clone() for part in output.memory)
            values.append(output.value.clone())
        values.append(network.act(inputs[STEPS], memory).value)
    return Trajectory(
        actions=actions,
        rewards=normal(STEPS, NUM_ENVS, seed=5).float(),
        nonterminal=nonterminal,
        values=torch.stack(values),
        starts=starts,
        observations=inputs[:, :, : -ACTIONS - 1].float(),
    )


def test_the_losss_gradient_is_the_papers_formula():
    logits = normal(2, 2, ACTIONS).requires_grad_()
    values = normal(2, 2, seed=2).requires_grad_()
    actions = torch.tensor([[0, 2], [1, 1]])
    delta, beta_v, beta_e = normal(2, 2, seed=3), 0.05, 0.3
    losses = actor_critic_loss(
        logits,
        values,
        actions,
        delta,
        (delta + values).detach(),
        value_weight=beta_v,
        entropy_weight=beta_e,
    )
    losses.total.backward()
    for t in range(2):
        for env_index in range(2):
            pi = logits[t, env_index].detach().softmax(0)
            entropy = -float((pi * pi.log()).sum())
            chosen = torch.zeros(ACTIONS, dtype=torch.float64)
            chosen[actions[t, env_index]] = 1
            # d log pi(a) / d logits = onehot(a) - pi;  dH / d logits = -pi (log pi + H)
            climb = delta[t, env_index] * (chosen - pi) - beta_e * pi * (
                pi.log() + entropy
            )
            assert_close(logits.grad[t, env_index], -climb / 4, **EXACT)
    assert_close(values.grad, -beta_v * delta / 4, **EXACT)


def test_the_terms_of_the_loss_by_hand():
    losses = actor_critic_loss(
        torch.zeros(1, 2, 4),
        torch.tensor([[1.0, 3.0]]),
        torch.tensor([[0, 3]]),
        torch.tensor([[2.0, -4.0]]),
        torch.tensor([[2.0, 1.0]]),
        value_weight=0.5,
        entropy_weight=0.1,
    )
    log_four = torch.tensor(4.0).log()
    assert_close(losses.policy, (2 - 4) * log_four / 2)
    assert_close(losses.value, torch.tensor((0.5 * 1 + 0.5 * 4) / 2))
    assert_close(losses.entropy, log_four)
    assert_close(losses.total, -log_four + 0.5 * 1.25 - 0.1 * log_four)


@pytest.mark.parametrize("core", ["lstm", "gru", "rnn"])
def test_every_weight_gets_a_gradient_the_critics_too(core):
    network = make_network(core)
    unroll = make_unroll(network, STEPS, NUM_ENVS)
    Learner(network, A2CConfig()).update(unroll, make_trajectory(network, unroll), 0.0)
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name
    policy, value = network.heads.weight.grad.split([ACTIONS, 1])
    assert policy.any(dim=1).all()
    assert value.any()
    assert network.heads.bias.grad[-1] != 0


def expected_gradients(network, trajectory, config, progress):
    """The paper's gradient, summed step by step over one plain replay."""
    gamma = config.discount.at(progress)
    beta_e = config.entropy_weight.at(progress)
    returns = torch.zeros(STEPS, NUM_ENVS)
    following = trajectory.values[-1]
    for t in reversed(range(STEPS)):
        following = (
            trajectory.rewards[t] + gamma * trajectory.nonterminal[t] * following
        )
        returns[t] = following
    delta = returns - trajectory.values[:-1]
    inputs = normal(STEPS + 1, NUM_ENVS, INPUTS, seed=3).float()
    memory, loss = network.initial_memory(NUM_ENVS), torch.zeros(())
    for t in range(STEPS):
        start = trajectory.starts[t]
        if start is not None:
            fresh = network.initial_memory(NUM_ENVS)
            memory = tuple(
                torch.where(start.unsqueeze(1), new, old)
                for new, old in zip(fresh, memory, strict=True)
            )
        output = network.act(inputs[t], memory)
        memory = output.memory
        log_pi = output.logits.log_softmax(1)
        for env_index in range(NUM_ENVS):
            chosen = log_pi[env_index, trajectory.actions[t, env_index]]
            entropy = -(log_pi[env_index].exp() * log_pi[env_index]).sum()
            loss = loss - delta[t, env_index] * chosen - beta_e * entropy
            loss = (
                loss
                - config.value_weight * delta[t, env_index] * output.value[env_index]
            )
    network.zero_grad(set_to_none=True)
    (loss / (STEPS * NUM_ENVS)).backward()
    return {name: p.grad.clone() for name, p in network.named_parameters()}


@pytest.mark.parametrize("core", ["lstm", "gru"])
def test_an_updates_gradient_is_the_papers_from_rewards_to_weights(core):
    network = make_network(core)
    unroll = make_unroll(network, STEPS, NUM_ENVS)
    trajectory = make_trajectory(network, unroll)
    config = A2CConfig(
        learning_rate=constant(0.0),
        discount=Schedule(start=0.2, end=0.8),
        entropy_weight=Schedule(start=0.0, end=0.5),
    )
    expected = expected_gradients(network, trajectory, config, 0.5)
    network.zero_grad(set_to_none=True)
    Learner(network, config).update(unroll, trajectory, 0.5)
    for name, parameter in network.named_parameters():
        assert_close(parameter.grad, expected[name], rtol=1e-4, atol=1e-6)


def update(config, **changes):
    """Learn once from the same trajectory; the network, scalars and weights before."""
    network = make_network()
    before = [p.detach().clone() for p in network.parameters()]
    unroll = SharedUnroll(network, PlainUnroll(network, STEPS, NUM_ENVS))
    trajectory = replace(make_trajectory(network, unroll), **changes)
    scalars = Learner(network, config).update(unroll, trajectory, 0.0)
    return network, scalars, before


def test_the_scalars_are_of_this_update():
    config = A2CConfig(discount=constant(0.5))
    network, scalars, _ = update(config)
    twin = make_network()
    trajectory = make_trajectory(
        twin, SharedUnroll(twin, PlainUnroll(twin, STEPS, NUM_ENVS))
    )
    discounts = trajectory.nonterminal * 0.5
    rpes = (
        trajectory.rewards + discounts * trajectory.values[1:] - trajectory.values[:-1]
    )
    assert_close(scalars["rpe/mean"], rpes.mean())
    assert_close(scalars["rpe/deviation"], rpes.std(correction=0))
    assert_close(scalars["value/mean"], trajectory.values.mean())
    total = torch.cat([p.grad.flatten() for p in network.parameters()]).norm()
    assert_close(scalars["train/grad_norm"], total)
    assert not any(value.requires_grad for value in scalars.values())


def test_the_learning_rate_follows_its_schedule():
    config = A2CConfig(learning_rate=Schedule(start=0.0, end=1.0))
    network, _, before = update(config)
    assert all(
        torch.equal(p, b) for p, b in zip(network.parameters(), before, strict=True)
    )


def test_clipping_scales_the_whole_gradient_and_reports_its_full_norm():
    unclipped, scalars, _ = update(A2CConfig(learning_rate=constant(0.0)))
    limit = float(scalars["train/grad_norm"]) / 4
    config = A2CConfig(learning_rate=constant(0.0), gradient_clip=limit)
    clipped, feedback, _ = update(config)
    assert_close(feedback["train/grad_norm"], scalars["train/grad_norm"])
    for one, other in zip(unclipped.parameters(), clipped.parameters(), strict=True):
        assert_close(other.grad, one.grad / 4, rtol=1e-4, atol=1e-7)


def test_normalized_advantages_move_the_policy_but_not_the_critics_targets():
    config = A2CConfig(learning_rate=constant(0.0))
    plain, _, _ = update(config)
    normalized, _, _ = update(replace(config, normalize_advantages=True))
    one, other = plain.heads.weight.grad, normalized.heads.weight.grad
    assert_close(other[-1], one[-1])
    assert not torch.allclose(other[:-1], one[:-1], rtol=0.01)


@pytest.mark.parametrize(("decay", "targets"), [(1.0, 6), (0.0, 1)])
def test_a_last_reward_reaches_earlier_steps_only_through_the_trace(decay, targets):
    config = A2CConfig(
        learning_rate=constant(0.0), trace_decay=decay, discount=constant(0.5)
    )
    rewards = torch.zeros(STEPS, NUM_ENVS)
    rewards[-1, 1] = 10
    # A critic that answered 0 while acting: each target is the reward's trace alone.
    values = torch.zeros(STEPS + 1, NUM_ENVS)
    network, scalars, _ = update(config, rewards=rewards, values=values)
    unroll = SharedUnroll(network, PlainUnroll(network, STEPS, NUM_ENVS))
    now = make_trajectory(network, unroll).values[:-1]
    expected = torch.zeros(STEPS, NUM_ENVS)
    for back in range(targets):
        expected[-1 - back, 1] = 10 * 0.5**back
    assert_close(scalars["loss/value"], 0.5 * (expected - now).square().mean())


@pytest.mark.parametrize("optimizer", ["rmsprop", "adam"])
def test_an_update_raises_the_probability_of_actions_better_than_expected(optimizer):
    config = A2CConfig(
        optimizer=optimizer,
        learning_rate=constant(1e-3),
        entropy_weight=constant(0.0),
        value_weight=0.0,
    )
    rewards = torch.zeros(STEPS, NUM_ENVS)
    rewards[2, 1] = 5
    network = make_network()
    unroll = SharedUnroll(network, PlainUnroll(network, STEPS, NUM_ENVS))
    trajectory = make_trajectory(network, unroll, end=None)
    zero = torch.zeros_like(trajectory.values)
    discounts = torch.zeros(STEPS, NUM_ENVS)
    trajectory = replace(
        trajectory, rewards=rewards, values=zero, nonterminal=discounts
    )

    def probability():
        with torch.no_grad():
            logits, _ = unroll.outputs(trajectory.starts)
        return float(logits.softmax(-1)[2, 1, trajectory.actions[2, 1]])

    before = probability()
    Learner(network, config).update(unroll, trajectory, 0.0)
    assert probability() > before + 1e-4


def test_the_optimizers_are_those_named():
    network = make_network()
    rmsprop = Learner(network, A2CConfig(decay=0.9, epsilon=1e-3)).optimizer
    assert type(rmsprop) is torch.optim.RMSprop
    assert (rmsprop.defaults["alpha"], rmsprop.defaults["eps"]) == (0.9, 1e-3)
    adam = Learner(network, A2CConfig(optimizer="adam")).optimizer
    assert type(adam) is torch.optim.Adam


READOUT = A2CConfig(rule="readout")


def learner_of(network, config):
    generator = torch.Generator()
    return make_learner(
        network, config, steps=STEPS, num_envs=NUM_ENVS, generator=generator
    )


@pytest.mark.parametrize("critic", ["shared", "separate"])
@pytest.mark.parametrize("core", ["lstm", "gru"])
def test_the_readout_rule_trains_the_heads_alone(core, critic):
    config = NetworkConfig(core=core, critic=critic, units=UNITS, head_deviation=0.5)
    network = build(INPUTS, ACTIONS, config, seed=2)
    before = {k: v.clone() for k, v in network.state_dict().items()}
    unroll, learner = learner_of(network, replace(READOUT, gradient_clip=0.1))
    for _ in range(3):
        learner.update(unroll, make_trajectory(network, unroll), 0.0)
    moved = {
        k for k, v in network.state_dict().items() if not torch.equal(before[k], v)
    }
    heads = {name for name in before if ".heads." in f".{name}"}
    assert moved == heads
    assert len(heads) == (2 if critic == "shared" else 4)


def test_the_readouts_first_gradient_is_the_one_it_has_among_all():
    actual = []
    for config in (READOUT, A2CConfig()):
        network = make_network()
        unroll, learner = learner_of(network, config)
        learner.update(unroll, make_trajectory(network, unroll), 0.0)
        actual.append(network.heads.weight.grad)
    assert_close(*actual, rtol=0, atol=0)
