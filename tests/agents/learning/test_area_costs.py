"""Costs by area: gradients of each area, and their times."""

import math
from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from metarl.agents.config import A2CConfig, NetworkConfig, constant
from metarl.agents.learning.a2c import Trajectory
from metarl.agents.learning.area_costs import AreaLearner
from metarl.agents.learning.config import CostsConfig
from metarl.agents.learning.rules import RULES, make_learner
from metarl.agents.networks.actor_critic import build
from metarl.core.checks import MetaRLError
from metarl.core.policy import restart

SEEN, ACTIONS, STEPS, NUM_ENVS = 2, 2, 5, 3
INPUTS = SEEN + ACTIONS + 1


def make(costs=None, core="rnn", **settings):
    """A network, its unroll and its learner."""
    network = build(
        INPUTS, ACTIONS, NetworkConfig(core=core, units=6, head_deviation=0.5), seed=2
    )
    config = A2CConfig(
        learning_rate=constant(0.01), costs=costs or CostsConfig(), **settings
    )
    generator = torch.Generator().manual_seed(1)
    size = {"steps": STEPS, "num_envs": NUM_ENVS, "generator": generator}
    return network, *make_learner(network, config, **size)


def stepped(network, unroll):
    """An artificial trajectory with the end of an episode."""
    generator = torch.Generator().manual_seed(3)
    inputs = torch.rand(STEPS, NUM_ENVS, INPUTS, generator=generator)
    starts = [None] * STEPS
    starts[0], starts[3] = (
        torch.ones(NUM_ENVS).bool(),
        torch.tensor([True, False, True]),
    )
    memory, values = network.initial_memory(NUM_ENVS), []
    with torch.no_grad():
        unroll.begin()
        for now, start in zip(inputs, starts, strict=True):
            memory = restart(memory, network.initial_memory(NUM_ENVS), start)
            output = unroll.act(now, memory)
            memory = output.memory
            values.append(output.value.clone())
    nonterminal = torch.ones(STEPS, NUM_ENVS)
    nonterminal[2] = 1 - starts[3].float()
    return Trajectory(
        actions=torch.randint(ACTIONS, (STEPS, NUM_ENVS), generator=generator),
        rewards=torch.rand(STEPS, NUM_ENVS, generator=generator),
        nonterminal=nonterminal,
        values=torch.stack([*values, torch.zeros(NUM_ENVS)]),
        starts=starts,
        observations=torch.rand(STEPS + 1, NUM_ENVS, SEEN, generator=generator),
    )


def gradients(costs, **settings):
    network, unroll, learner = make(costs, **settings)
    trajectory = stepped(network, unroll)
    targets = learner.targets(trajectory, 0.5)
    learner.compute_gradients(unroll, trajectory, targets, 0.5)
    return {name: p.grad for name, p in network.named_parameters()}, learner, trajectory


def test_one_cost_is_the_usual_learner():
    assert not isinstance(make()[2], AreaLearner)
    assert isinstance(make(CostsConfig(pfc=("reward",)))[2], AreaLearner)


def test_no_error_passes_from_the_striatum_without_the_cost_rl():
    silent, _, _ = gradients(CostsConfig(pfc=("reward",), prediction_weight=0.0))
    usual, _, _ = gradients(CostsConfig())
    assert not silent["core.weight"].any()
    assert_close(silent["heads.weight"], usual["heads.weight"])
    assert usual["core.weight"].abs().max() > 1e-3


def test_both_costs_add_up_in_the_core():
    alone, _, _ = gradients(CostsConfig(pfc=("reward",)))
    usual, _, _ = gradients(CostsConfig())
    both, _, _ = gradients(CostsConfig(pfc=("reward", "rl")))
    added = alone["core.weight"] + usual["core.weight"]
    assert_close(both["core.weight"], added)


@pytest.mark.parametrize("cost", ["reward", "observation"])
@pytest.mark.parametrize("core", ["rnn", "lstm", "gru"])
def test_the_gradient_of_the_core_is_that_of_its_predictions(cost, core):
    """Against autograd on the network itself, stepped again with the equation."""
    actual, learner, _ = gradients(CostsConfig(pfc=(cost,)), core=core)
    network, unroll, _ = make(core=core)
    again = stepped(network, unroll)
    memory, activity = network.initial_memory(NUM_ENVS), []
    generator = torch.Generator().manual_seed(3)
    inputs = torch.rand(STEPS, NUM_ENVS, INPUTS, generator=generator)
    for now, start in zip(inputs, again.starts, strict=True):
        memory = restart(memory, network.initial_memory(NUM_ENVS), start)
        memory = network.core(now, memory)
        activity.append(memory[0])
    units, readout = torch.stack(activity), learner.predictors.readouts[cost]
    total = 0.0
    for t in range(STEPS):
        for env_index in range(NUM_ENVS):
            action, here = int(again.actions[t, env_index]), units[t, env_index]
            if cost == "reward":
                predicted = readout.weight[action] @ here + readout.bias[action]
                total = total + (again.rewards[t, env_index] - predicted) ** 2 / 2
            elif again.nonterminal[t, env_index]:
                taken = torch.eye(ACTIONS)[action]
                predicted = readout.weight @ torch.cat([here, taken]) + readout.bias
                error = again.observations[t + 1, env_index] - predicted
                total = total + (error**2).sum() / 2
    (total / (STEPS * NUM_ENVS)).backward()
    assert_close(actual["core.weight"], network.core.weight.grad)


def test_local_paths_apply_to_predictions_too():
    local, _, _ = gradients(CostsConfig(pfc=("reward",)), rule="eprop")
    exact, _, _ = gradients(CostsConfig(pfc=("reward",)))
    assert (local["core.weight"] - exact["core.weight"]).abs().max() > 1e-4
    assert_close(local["heads.weight"], exact["heads.weight"])


def test_costs_are_active_at_their_times():
    costs = CostsConfig(pfc=("reward", "rl"), schedule=("reward:0-2", "rl:2-"))
    network, unroll, learner = make(costs)
    learned = []
    for update in range(4):
        before = {n: p.detach().clone() for n, p in network.named_parameters()}
        learner.update(unroll, stepped(network, unroll), update / 4)
        learned.append(
            [
                bool((p.detach() != before[n]).any())
                for n, p in network.named_parameters()
            ]
        )
    names = [name for name, _ in network.named_parameters()]
    heads, core = names.index("heads.weight"), names.index("core.weight")
    assert [row[heads] for row in learned] == [False, False, True, True]
    assert all(row[core] for row in learned)


def test_times_are_from_first_up_to_last():
    costs = CostsConfig(pfc=("reward",), schedule=("reward:2-4", "reward:6-"))
    assert [costs.on("reward", k) for k in range(8)] == [
        *[False] * 2,
        *[True] * 2,
        *[False] * 2,
        *[True] * 2,
    ]
    assert costs.on("rl", 0)


def test_binary_rewards_are_predicted_by_their_probability():
    """By hand: -log p of the outcome, p logistic in the readout's output."""
    costs = CostsConfig(pfc=("reward",), likelihood="bernoulli")
    network, unroll, learner = make(costs)
    trajectory = stepped(network, unroll)
    rewarded = (trajectory.rewards > 0.5).float()
    assert 0 < rewarded.mean() < 1
    trajectory = replace(trajectory, rewards=rewarded)
    readout, units = (
        learner.predictors.readouts["reward"],
        torch.rand(STEPS, NUM_ENVS, 6),
    )
    outputs, total = readout(units).detach(), 0.0
    for t in range(STEPS):
        for env_index in range(NUM_ENVS):
            action = int(trajectory.actions[t, env_index])
            predicted = float(outputs[t, env_index, action])
            probability = 1 / (1 + math.exp(-predicted))
            total -= math.log(
                probability if rewarded[t, env_index] else 1 - probability
            )
    actual = learner.predictors.losses(units, trajectory)["reward"]
    assert actual.item() == pytest.approx(total / (STEPS * NUM_ENVS), rel=1e-5)


def test_a_reward_that_is_not_binary_is_refused_with_the_way_out():
    network, unroll, learner = make(
        CostsConfig(pfc=("reward",), likelihood="bernoulli")
    )
    with pytest.raises(
        MetaRLError, match=r"rewards must be 0 or 1 .* choose normal, which fits"
    ):
        learner.update(unroll, stepped(network, unroll), 0.1)


def test_the_learning_curve_has_the_prediction_losses():
    network, unroll, learner = make(CostsConfig(pfc=("reward", "observation")))
    trajectory = stepped(network, unroll)
    units = unroll.branch.activities(trajectory.starts)
    losses = learner.predictors.losses(units, trajectory)
    scalars = learner.update(unroll, stepped(network, unroll), 0.1)
    for cost in ("reward", "observation"):
        assert scalars[f"loss/{cost}"].item() == pytest.approx(losses[cost].item())


def test_it_continues_from_its_state():
    costs = CostsConfig(pfc=("reward", "observation"), schedule=("reward:1-",))
    network, unroll, learner = make(costs)
    learner.update(unroll, stepped(network, unroll), 0.1)
    twin, twin_unroll, other = make(costs)
    twin.load_state_dict(network.state_dict())
    other.load_state(deepcopy(learner.state()))
    for pair in ((network, unroll, learner), (twin, twin_unroll, other)):
        pair[2].update(pair[1], stepped(pair[0], pair[1]), 0.2)
    for one, same in zip(network.parameters(), twin.parameters(), strict=True):
        assert_close(one, same, rtol=0, atol=0)
    for name, one in learner.predictors.state_dict().items():
        assert_close(one, other.predictors.state_dict()[name], rtol=0, atol=0)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"pfc": ("reward", "reward")}, "costs.pfc must be different ones"),
        ({"schedule": ("reward",)}, "costs.schedule must be COST:FIRST-LAST"),
        ({"schedule": ("sleep:0-3",)}, "costs.schedule must be COST:FIRST-LAST"),
        ({"schedule": ("reward:0-3",)}, "must be of rl or of costs.pfc, .* add reward"),
        (
            {"pfc": ("reward",), "schedule": ("reward:3-3",)},
            "costs.schedule must have LAST greater than FIRST, got 'reward:3-3'",
        ),
        ({"prediction_weight": -1.0}, "costs.prediction_weight must be at least 0"),
    ],
)
def test_costs_that_cannot_be_are_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        CostsConfig(**settings)


def test_areas_need_one_core_and_a_rule_that_reaches_it():
    learning = A2CConfig(rule="readout", costs=CostsConfig(pfc=("reward",)))
    with pytest.raises(ValueError, match="rule must be one that sends errors"):
        RULES["readout"].check_learning(learning)
    network = build(
        INPUTS, ACTIONS, NetworkConfig(core="rnn", units=4, critic="separate"), seed=1
    )
    config = replace(A2CConfig(), costs=CostsConfig(pfc=("reward",)))
    with pytest.raises(ValueError, match="critic must be shared"):
        make_learner(network, config, steps=2, num_envs=2, generator=torch.Generator())
