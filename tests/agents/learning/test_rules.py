"""Learning rules by name: gradient paths, refusals, learning."""

from typing import get_args

import pytest
import torch
from torch.testing import assert_close

from metarl.agents.config import A2CConfig, NetworkConfig, Rule, constant
from metarl.agents.learning.a2c import Learner, Targets, Trajectory, actor_critic_loss
from metarl.agents.learning.config import CostsConfig, ReplayConfig
from metarl.agents.learning.node_perturbation import NodePerturbation, errors_of_heads
from metarl.agents.learning.rules import RULES, make_learner
from metarl.agents.networks.actor_critic import build
from metarl.core.interventions import Intervention
from metarl.envs.registry import task_class
from metarl.envs.two_step import TwoStepParams
from metarl.runs.config import RunConfig, TrainingConfig
from metarl.training.trainer import check_trainable

INPUTS, ACTIONS = 4, 2
RESET = Intervention(target="memory", operation="reset")


def make_network(units=5, **settings):
    config = NetworkConfig(core="rnn", units=units, **settings)
    return build(INPUTS, ACTIONS, config, seed=2)


def generator_of(seed=1):
    return torch.Generator().manual_seed(seed)


def learner_of(rule, network, num_envs=3, steps=4, **settings):
    config = A2CConfig(rule=rule, learning_rate=constant(0.01), **settings)
    return make_learner(
        network, config, steps=steps, num_envs=num_envs, generator=generator_of()
    )


def test_e_prop_is_local_and_has_the_feedback_of_the_heads():
    paths = RULES["eprop"].gradient_paths(make_network(), generator_of())
    assert paths.local
    assert paths.feedback is None
    assert not paths.detached


def test_random_feedback_is_independent_for_each_subject():
    network = make_network(units=200)
    one, same, other = (
        RULES["eprop-random"].gradient_paths(network, generator_of(seed)).feedback
        for seed in (1, 1, 2)
    )
    assert one.shape == network.heads.weight.shape
    assert_close(one, same)
    assert (one - other).abs().max() > 0.05
    assert one.std() == pytest.approx(200**-0.5, rel=0.1)


def test_random_feedback_goes_through_time_or_not_by_the_rule():
    network = make_network()
    assert RULES["eprop-random"].gradient_paths(network, generator_of()).local
    paths = RULES["bptt-random"].gradient_paths(network, generator_of())
    assert not paths.local
    assert paths.feedback is not None


@pytest.mark.parametrize("rule", ["bptt", "readout"])
def test_other_rules_send_errors_through_time(rule):
    paths = RULES[rule].gradient_paths(make_network(), generator_of())
    assert paths.feedback is None
    assert not paths.detached
    assert not paths.local


def test_a_rule_that_needs_one_core_refuses_two():
    network = build(
        INPUTS, ACTIONS, NetworkConfig(core="rnn", units=4, critic="separate"), seed=1
    )
    for rule in ("eprop-random", "bptt-random", "np"):
        with pytest.raises(ValueError, match="critic must be shared"):
            learner_of(rule, network)


def test_node_perturbation_needs_the_vanilla_core():
    network = build(INPUTS, ACTIONS, NetworkConfig(core="lstm", units=4), seed=1)
    with pytest.raises(ValueError, match="core must be rnn where the rule is np"):
        learner_of("np", network)


def stepped(unroll, steps, num_envs, seed=3):
    """Step an unroll over random inputs; return an artificial trajectory."""
    generator = generator_of(seed)
    inputs = torch.rand(steps, num_envs, INPUTS, generator=generator)
    memory, values = unroll.initial_memory(num_envs), []
    starts = [torch.ones(num_envs, dtype=torch.bool), *[None] * (steps - 1)]
    with torch.no_grad():
        unroll.begin()
        for now in inputs:
            output = unroll.act(now, memory)
            memory = output.memory
            values.append(output.value.clone())
    return Trajectory(
        actions=torch.randint(ACTIONS, (steps, num_envs), generator=generator),
        rewards=torch.rand(steps, num_envs, generator=generator),
        nonterminal=torch.ones(steps, num_envs),
        values=torch.stack([*values, torch.zeros(num_envs)]),
        starts=starts,
        observations=torch.rand(steps + 1, num_envs, 1, generator=generator),
    )


def gradients_of(rule, network, **settings):
    unroll, learner = learner_of(rule, network, **settings)
    trajectory = stepped(unroll, settings.get("steps", 4), settings.get("num_envs", 3))
    learner.update(unroll, trajectory, 0.5)
    return {n: p.grad for n, p in network.named_parameters()}


def test_the_readout_rule_leaves_the_core_unchanged():
    network = make_network()
    before = network.core.weight.detach().clone()
    actual = gradients_of("readout", network)
    assert actual["core.weight"] is None
    assert_close(network.core.weight.detach(), before)
    assert actual["heads.weight"].abs().max() > 0


def test_errors_of_the_heads_in_closed_form_are_autograds():
    generator = generator_of()
    size = (7, 3)
    logits = torch.randn(*size, ACTIONS, generator=generator, requires_grad=True)
    values = torch.randn(size, generator=generator, requires_grad=True)
    actions = torch.randint(ACTIONS, size, generator=generator)
    targets = Targets(*(torch.randn(size, generator=generator) for _ in range(3)))
    weights = {"value_weight": 0.3, "entropy_weight": 0.2}
    loss = actor_critic_loss(
        logits, values, actions, targets.advantages, targets.returns, **weights
    )
    loss.total.backward()
    with torch.no_grad():
        actual = errors_of_heads(logits, values, actions, targets, **weights)
    assert_close(actual[..., :-1], logits.grad)
    assert_close(actual[..., -1], values.grad)


def test_node_perturbation_computes_no_derivative(monkeypatch):
    def refused(*arguments, **more):
        raise AssertionError("a derivative was asked for")

    monkeypatch.setattr(torch.Tensor, "backward", refused)
    monkeypatch.setattr(torch.autograd, "grad", refused)
    network = make_network()
    before = network.core.weight.detach().clone()
    actual = gradients_of("np", network)
    assert actual["core.weight"].abs().max() > 0
    assert (network.core.weight.detach() - before).abs().max() > 0


def test_noise_is_fresh_in_every_unroll_and_of_the_deviation_that_is_set():
    _, learner = learner_of("np", make_network(), num_envs=50, steps=40, noise=0.3)
    branch = learner.branch
    with torch.no_grad():
        branch.begin()
        one = branch.noise.clone()
        branch.begin()
    assert (one - branch.noise).abs().max() > 0.1
    assert one.std() == pytest.approx(0.3, rel=0.05)


def test_noise_and_advantage_estimate_the_gradient():
    """On a reward that only the noisy activity itself decides, over many environments.

    Reward: a fixed reading of the last activity. Without heads in between, node
    perturbation's mean update is the gradient of the mean reward.
    """
    steps, num_envs = 3, 200_000
    network = make_network(units=4, leak=0.5)
    config = A2CConfig(rule="np", noise=0.02)
    learner = NodePerturbation(
        network, config, steps=steps, num_envs=num_envs, generator=generator_of()
    )
    with torch.no_grad():
        network.heads.weight.zero_()
    trajectory = stepped(learner.unroll, steps, num_envs)
    reading = torch.tensor([1.0, -2.0, 0.5, 1.5])
    inputs = learner.branch.joined[:, :, :INPUTS]
    quiet = network.initial_memory(num_envs)
    for now in inputs:
        quiet = network.core(now, quiet)
    expected = quiet[0] @ reading
    # The best critic there is: what the reward would have been without the noise.
    gained = (learner.branch.activity[-1] @ reading - expected.detach()).expand(
        steps, num_envs
    )
    targets = Targets(gained, gained, gained)
    learner.compute_gradients(learner.unroll, trajectory, targets, 0.5)
    estimate = -network.core.weight.grad * steps
    network.zero_grad(set_to_none=True)
    expected.mean().backward()
    exact = network.core.weight.grad
    cosine = torch.cosine_similarity(estimate.flatten(), exact.flatten(), dim=0)
    assert cosine > 0.99
    assert float(estimate.norm()) == pytest.approx(float(exact.norm()), rel=0.05)


def test_noise_in_the_value_does_not_change_the_core():
    """Without any reward, units must not learn to reduce the critic's value."""
    steps, num_envs = 3, 100_000
    network = make_network(units=4, leak=0.5, head_deviation=1.0)
    config = A2CConfig(rule="np", noise=0.1, normalize_advantages=False)
    learner = NodePerturbation(
        network, config, steps=steps, num_envs=num_envs, generator=generator_of()
    )
    trajectory = stepped(learner.unroll, steps, num_envs)
    nothing = torch.zeros(steps, num_envs)
    targets = Targets(nothing, nothing, nothing)
    learner.compute_gradients(learner.unroll, trajectory, targets, 0.5)
    actual = network.core.weight.grad.norm() * steps
    network.zero_grad(set_to_none=True)
    memory, value = network.initial_memory(num_envs), 0.0
    for now in learner.branch.joined[:, :, :INPUTS]:
        output = network.act(now, memory)
        memory, value = output.memory, value + output.value.mean()
    value.backward()
    assert actual < 0.1 * network.core.weight.grad.norm()


def test_a_learner_is_the_usual_one_but_for_node_perturbation():
    assert type(learner_of("eprop", make_network())[1]) is Learner
    assert type(learner_of("np", make_network())[1]) is NodePerturbation


def test_the_table_has_every_rule_with_summary_and_source():
    assert tuple(RULES) == get_args(Rule)
    for name, rule in RULES.items():
        assert rule.name == name
        assert rule.summary.endswith(".")
        assert rule.source


def configuration(rule, *, network=None, training=None, **learning):
    return RunConfig(
        task="two-step",
        preset="smoke",
        task_params=TwoStepParams(),
        network=network or NetworkConfig(core="rnn", units=4),
        learning=A2CConfig(rule=rule, **learning),
        training=training or TrainingConfig(num_envs=128),
    )


@pytest.mark.parametrize("rule", RULES)
def test_a_check_builds_no_network(rule, monkeypatch):
    def refuse(*_arguments, **_more):
        raise AssertionError("a network was built")

    monkeypatch.setattr(torch.nn.Module, "__init__", refuse)
    RULES[rule].check(configuration(rule))
    check_trainable(configuration(rule, training=whole_episodes()))


def whole_episodes():
    params = TwoStepParams()
    steps = task_class("two-step")(1, params).episode_steps
    return TrainingConfig(num_envs=128, unroll_steps=steps)


SEPARATE = NetworkConfig(core="rnn", units=4, critic="separate")
AREAS = CostsConfig(pfc=("reward",))
REPLAY = ReplayConfig(mode="uniform")


@pytest.mark.parametrize(
    ("rule", "settings", "words"),
    [
        ("bptt-random", {"network": SEPARATE}, "critic must be shared where the rule"),
        ("eprop-random", {"network": SEPARATE}, "critic must be shared where the rule"),
        ("np", {"network": SEPARATE}, "critic must be shared, and encoder none, where"),
        ("np", {"network": NetworkConfig()}, "core must be rnn where the rule is np"),
        ("es", {"network": SEPARATE}, "critic must be shared where the rule is es"),
        ("bptt", {"network": SEPARATE, "costs": AREAS}, "encoder none, where costs"),
        ("bptt", {"costs": AREAS, "replay": REPLAY}, "replay.mode must be none where"),
        ("np", {"costs": AREAS}, "rule must be one that sends errors to the core"),
        ("wp", {"costs": AREAS}, "rule must be one that sends errors to the core"),
        ("d2", {"replay": REPLAY}, "replay.mode must be none where the rule is d2"),
        ("wp", {"learning_rate": constant(0.0)}, "learning_rate.start must be above 0"),
        (
            "np",
            {"training": TrainingConfig(interventions=(RESET,))},
            r"interventions must be \(\) where the rule is np",
        ),
        (
            "wp",
            {"training": TrainingConfig(num_envs=2, interventions=(RESET,))},
            r"interventions must be \(\) where the rule is wp",
        ),
        (
            "d1",
            {"training": TrainingConfig(num_envs=3)},
            "num_envs must be a multiple of 2 where the rule is d1, got 3",
        ),
    ],
)
def test_a_check_refuses_what_does_not_fit(rule, settings, words):
    config = configuration(rule, **settings)
    with pytest.raises(ValueError, match=words):
        RULES[rule].check(config)


def test_a_rule_that_evaluates_networks_has_no_learner():
    with pytest.raises(ValueError, match="rule must be one that learns from single"):
        learner_of("es", make_network())
