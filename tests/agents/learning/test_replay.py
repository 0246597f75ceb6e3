"""Replay in a learner: rollouts, targets of each mode, refusals."""

from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from metarl.agents.config import A2CConfig, NetworkConfig, constant
from metarl.agents.learning.a2c import Learner, Trajectory
from metarl.agents.learning.config import ReplayConfig
from metarl.agents.learning.replay import (
    Replayer,
    check_replayable,
    make_replayer,
)
from metarl.agents.learning.replay_buffer import Episodes, Sample, split_episodes
from metarl.agents.learning.rules import RULES
from metarl.agents.networks.actor_critic import build
from metarl.agents.unrolls.network import make_unroll
from metarl.core.policy import join_inputs, restart

OBSERVED, ACTIONS, LENGTH, UNROLL, NUM_ENVS = 2, 2, 3, 6, 4


def generator_of(seed=1):
    return torch.Generator().manual_seed(seed)


def prepared(mode, core="rnn", critic="shared", **settings):
    """A replayer with a network that can be stepped: unroll, replayer."""
    network = build(
        OBSERVED + ACTIONS + 1,
        ACTIONS,
        NetworkConfig(core=core, units=5, critic=critic),
        seed=2,
    )
    replay = ReplayConfig(mode=mode, **{"ratio": 1, **settings})
    # Nothing moves, so that the gradients can be compared.
    config = A2CConfig(
        learning_rate=constant(0.0), discount=constant(0.8), replay=replay
    )
    unroll = make_unroll(network, UNROLL, NUM_ENVS)
    learner = Learner(network, config)
    return unroll, Replayer(
        unroll, learner, episode_steps=LENGTH, generator=generator_of()
    )


@torch.no_grad()
def make_trajectory(unroll, seed=3):
    """Unroll of two episodes in each environment, as from the stepping loop."""
    generator = generator_of(seed)
    observations = torch.rand(UNROLL + 1, NUM_ENVS, OBSERVED, generator=generator)
    actions = torch.randint(ACTIONS, (UNROLL, NUM_ENVS), generator=generator)
    rewards = torch.rand(UNROLL, NUM_ENVS, generator=generator)
    always = torch.ones(NUM_ENVS, dtype=torch.bool)
    starts = [always if t % LENGTH == 0 else None for t in range(UNROLL)]
    memory = initial = unroll.initial_memory(NUM_ENVS)
    unroll.begin()
    decisions = []
    for t, start in enumerate(starts):
        last = torch.zeros(NUM_ENVS, ACTIONS), torch.zeros(NUM_ENVS)
        if start is None:
            last = torch.eye(ACTIONS)[actions[t - 1]], rewards[t - 1]
        inputs = join_inputs(observations[t], *last)
        decisions.append(unroll.act(inputs, restart(memory, initial, start)))
        memory = decisions[-1].memory
    nonterminal = torch.ones(UNROLL, NUM_ENVS)
    nonterminal[LENGTH - 1 :: LENGTH] = 0
    return Trajectory(
        actions=actions,
        rewards=rewards,
        nonterminal=nonterminal,
        values=torch.stack([*(d.value for d in decisions), torch.zeros(NUM_ENVS)]),
        starts=starts,
        observations=observations,
        logits=torch.stack([d.logits for d in decisions]),
    )


def stored(fresh):
    """The steps of the unroll as stored ones."""
    return Episodes(
        fresh.observations[:-1],
        fresh.actions,
        fresh.rewards,
        fresh.logits,
        fresh.values[:-1],
    )


def gradients(replayer):
    network = replayer.learner.network
    return {name: p.grad.clone() for name, p in network.named_parameters()}


@pytest.mark.parametrize("core", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("critic", ["shared", "separate"])
def test_a_replay_with_the_same_weights_has_the_same_outputs(core, critic):
    unroll, replayer = prepared("uniform", core, critic)
    fresh = make_trajectory(unroll)
    replayed = replayer.rollout(stored(fresh))
    assert_close(replayed.logits, fresh.logits)
    assert_close(replayed.values, fresh.values)
    assert_close(replayed.nonterminal, fresh.nonterminal)
    assert [s is None for s in replayed.starts] == [s is None for s in fresh.starts]


@pytest.mark.parametrize("mode", ["naive", "uniform", "prioritised", "clear"])
def test_an_episode_replayed_at_once_has_the_fresh_ones_gradient(mode, monkeypatch):
    """V-trace is then on policy, and cloning asks for what there is."""
    unroll, replayer = prepared(mode)
    fresh = make_trajectory(unroll)
    replayer.learner.update(unroll, fresh, 0.5)
    expected = gradients(replayer)
    count = UNROLL // LENGTH * NUM_ENVS
    everything = Episodes(*(split_episodes(part, LENGTH) for part in stored(fresh)))
    monkeypatch.setattr(
        replayer.buffer,
        "sample",
        lambda asked: Sample(everything, torch.arange(asked), torch.ones(count)),
    )
    replayer.update(fresh, 0.5)
    for name, gradient in gradients(replayer).items():
        assert_close(gradient, expected[name])
        assert gradient.abs().max() > 0


def targets(mode, ratios=None, **settings):
    unroll, replayer = prepared(mode, **settings)
    fresh = make_trajectory(unroll)
    ratios = torch.ones(UNROLL, NUM_ENVS) if ratios is None else ratios
    replayed = replayer.rollout(stored(fresh))
    actual, surprise = replayer.targets(replayed, stored(fresh), ratios, 0.5)
    return fresh, actual, surprise


def test_only_the_naive_mode_ignores_the_old_policy():
    halves = torch.full((UNROLL, NUM_ENVS), 0.5)
    _, naive, _ = targets("naive")
    assert_close(targets("naive", halves)[1].advantages, naive.advantages)
    corrected = targets("uniform", halves)[1].advantages
    ends = corrected[LENGTH - 1 :: LENGTH]
    assert_close(ends, 0.5 * naive.advantages[LENGTH - 1 :: LENGTH])


def test_self_imitation_learns_only_from_returns_above_the_value():
    fresh, actual, surprise = targets("sil")
    returned = fresh.rewards.clone()
    for t in (1, 0, 4, 3):
        returned[t] += 0.8 * returned[t + 1]
    gained = (returned - fresh.values[:-1]).clamp(min=0)
    assert_close(actual.advantages, gained)
    assert_close(actual.returns, fresh.values[:-1] + gained)
    assert_close(surprise, gained)


def test_priority_is_an_episodes_mean_surprise():
    _, replayer = prepared("prioritised")
    replayer.buffer.update_priorities = lambda places, actual: feedback.append(
        (places, actual)
    )
    feedback = []
    surprise = torch.arange(UNROLL * NUM_ENVS).float().view(UNROLL, NUM_ENVS)
    replayer._update_priorities(torch.arange(8), surprise)
    expected = [surprise[:3, 0].mean(), surprise[3:, 3].mean()]
    assert_close(feedback[0][1][[0, 7]], torch.stack(expected))


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_the_weight_of_an_episode_scales_its_effect_on_policy_and_value(
    weight, monkeypatch
):
    """What takes back the bias of priority: of no weight, it teaches nothing at all."""
    unroll, replayer = prepared("prioritised")
    replayer.config = replace(replayer.config, entropy_weight=constant(0.0))
    fresh = make_trajectory(unroll)
    episodes = Episodes(*(split_episodes(part, LENGTH) for part in stored(fresh)))
    count = episodes.actions.shape[1]
    feedback = Sample(episodes, torch.arange(count), torch.full((count,), weight))
    monkeypatch.setattr(replayer.buffer, "sample", lambda count: feedback)
    replayer.update(fresh, 0.5)
    learned_from = {name: bool(g.any()) for name, g in gradients(replayer).items()}
    assert set(learned_from.values()) == {weight > 0}


def test_cloning_keeps_the_network_near_its_old_outputs():
    """The further the stored policy, the larger the gradient towards it."""
    unroll, replayer = prepared("clear", clone_policy=1.0, clone_value=1.0)
    _, plain = prepared("uniform")
    fresh = make_trajectory(unroll)
    old = stored(fresh)._replace(values=fresh.values[:-1] + 10.0)
    actual = []
    for each in (replayer, plain):
        episodes = Episodes(*(split_episodes(part, LENGTH) for part in old))
        each._learn(Sample(episodes, torch.arange(8), torch.ones(8)), NUM_ENVS, 0.5)
        actual.append(gradients(each)["heads.bias"])
    # d/dV of (V - V then)^2, in the mean, is 2 * -10 on the value's bias.
    difference = actual[0] - actual[1]
    assert float(difference[-1]) == pytest.approx(-20.0, rel=1e-4)
    assert_close(difference[:-1], torch.zeros(ACTIONS), atol=1e-6, rtol=0)


def test_each_update_is_followed_by_the_configured_number_of_replays(monkeypatch):
    unroll, replayer = prepared("uniform", ratio=3)
    counted = []
    monkeypatch.setattr(
        replayer.learner,
        "optimizer_step",
        lambda rate: counted.append(rate) or torch.ones(()),
    )
    feedback = replayer.update(make_trajectory(unroll), 0.5)
    assert len(counted) == 3
    assert set(feedback) == {"replay/grad_norm", "replay/ratio"}
    assert float(feedback["replay/ratio"]) == pytest.approx(1.0, abs=1e-5)


def test_there_is_no_replayer_without_replay():
    unroll, replayer = prepared("none")
    sizes = {"unroll_steps": 5, "episode_steps": None, "generator": generator_of()}
    assert make_replayer(unroll, replayer.learner, **sizes) is None


@pytest.mark.parametrize(
    ("steps", "outputs"), [(None, "of different lengths"), (40, 40)]
)
def test_episodes_that_do_not_fill_an_unroll_are_refused(steps, outputs):
    with pytest.raises(
        ValueError, match=f"unrolls of 60 steps and episodes {outputs};"
    ):
        check_replayable("uniform", 60, steps)
    check_replayable("none", 60, steps)
    check_replayable("uniform", 80, 40)


@pytest.mark.parametrize(
    "settings",
    [
        {"ratio": 0},
        {"episodes": 0},
        {"largest_ratio": 0.0},
        {"largest_trace": 0.0},
        {"priority_exponent": -1.0},
        {"importance_exponent": 1.5},
        {"clone_policy": -0.1},
        {"clone_value": -0.1},
    ],
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        ReplayConfig(**settings)


def test_replay_refuses_a_rule_with_noise_that_is_not_stored():
    learning = A2CConfig(rule="np", replay=ReplayConfig(mode="uniform"))
    with pytest.raises(ValueError, match=r"replay.mode must be none where the rule"):
        RULES["np"].check_learning(learning)
