"""Populations: equal random numbers, differences by weights alone."""

import pytest
import torch

from metarl.agents.config import NetworkConfig
from metarl.agents.networks.actor_critic import build
from metarl.agents.networks.batched import BatchedNetworks
from metarl.core.policy import input_size
from metarl.envs.registry import task_class
from metarl.simulation.population_rollout import (
    CommonRandomNumbers,
    evaluate_population,
)

TASKS = ["bandit", "two-step", "harlow-line"]


def batched_for(task, members, *, identical=True):
    """Batched networks for a task, all identical or with different weights."""
    sizes = input_size(task.observation_size, task.action_count), task.action_count
    config = NetworkConfig(units=6, head_deviation=2.0)
    singles = [
        build(*sizes, config, seed=0 if identical else p) for p in range(members)
    ]
    networks = BatchedNetworks(singles[0])
    networks.set_weights(
        torch.stack([networks.trainable.to_vector(n.state_dict()) for n in singles])
    )
    return networks


def make(name, num_envs):
    kind = task_class(name)
    return kind(num_envs, kind.params_type())


def generator(seed=1):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("name", TASKS)
def test_identical_members_have_identical_rollouts(name):
    task = make(name, 12)
    result = evaluate_population(batched_for(task, 3), task, 200, generator())
    for feedback in (result.rewards, result.actions, result.nonterminal):
        first, second, third = feedback.chunk(3, dim=1)
        assert torch.equal(first, second)
        assert torch.equal(first, third)
    assert not torch.equal(result.actions[:, 0], result.actions[:, 1])
    assert len(set(result.returns.tolist())) == 1


def test_members_who_differ_meet_the_same_problems():
    task = make("bandit", 12)
    result = evaluate_population(
        batched_for(task, 3, identical=False), task, 99, generator()
    )
    first, second, third = task.probabilities.chunk(3)
    assert torch.equal(first, second)
    assert torch.equal(first, third)
    assert len(first.unique()) == 8
    assert len(set(result.returns.tolist())) == 3


@pytest.mark.parametrize("name", TASKS)
def test_a_member_of_a_population_acts_as_it_would_alone(name):
    """The random numbers of a member do not depend on the number of members."""
    many, few = make(name, 12), make(name, 4)
    networks = batched_for(many, 3, identical=False)
    together = evaluate_population(networks, many, 150, generator())
    networks.set_weights(networks.trainable.to_vector(_state(networks, 0))[None])
    alone = evaluate_population(networks, few, 150, generator())
    assert torch.equal(together.actions[:, :4], alone.actions)
    assert torch.equal(together.rewards[:, :4], alone.rewards)


def _state(networks, member):
    """The member's weights by name, as a network would have them."""
    return {
        "core.weight": networks.core.weight[member],
        "core.bias": networks.core.bias[member, 0],
        "core.initial": networks.initial[member],
        "heads.weight": networks.head_weights[member].mT,
        "heads.bias": networks.head_biases[member, 0],
    }


def test_returns_and_action_shares_by_hand():
    task = make("bandit", 6)
    result = evaluate_population(
        batched_for(task, 2, identical=False), task, 100, generator()
    )
    mine = result.rewards[:, 3:]
    torch.testing.assert_close(result.returns[1], mine.sum() / 3)
    left = (result.actions[:, 3:] == 0).float().mean()
    torch.testing.assert_close(
        result.action_shares(2)[1], torch.stack([left, 1 - left])
    )


def test_options_hold_in_every_members_episodes():
    task = make("bandit", 6)
    evaluate_population(
        batched_for(task, 2), task, 5, generator(), {"probability_0": 0.9}
    )
    assert bool((task.probabilities[:, 0] == 0.9).all())


def test_random_numbers_are_drawn_once_for_all_members():
    task = make("bandit", 12)
    rollout = CommonRandomNumbers(task, batched_for(task, 3), generator())
    assert rollout.independent_envs == 4
    noise = rollout._noise(2)
    assert noise.shape == (2, 12, 2)
    assert len(noise.unique()) == 16
