"""The contract of every baseline of every registered task."""

import dataclasses
from importlib import import_module

import pytest
import torch
from short import small

from metarl.core.policy import join_inputs
from metarl.envs.choice_task import ChoiceTask
from metarl.envs.registry import NAMES, task_class

NUM_ENVS = 6
STEPS = 90


def make_task(name, num_envs=NUM_ENVS, device="cpu", **settings):
    kind = task_class(name)
    return kind(num_envs, kind.params_type(**small(name) | settings), device)


def make_baselines(name, task, **arguments):
    """The baselines of the module named after the task."""
    module = "harlow" if name == "harlow-line" else name.replace("-", "_")
    return import_module(f"metarl.baselines.{module}").make_baselines(task, **arguments)


def variants(name):
    """Settings of the default task, and others with other screens or baselines."""
    kind = task_class(name).params_type
    others = [
        {"fixation": False},
        {"reversal_least": 3, "reversal_most": 6, "trial_count": 20},
    ]
    fields = {field.name for field in dataclasses.fields(kind)}
    return [{}, *(each for each in others if each.keys() <= fields)]


VARIANTS = [(name, settings) for name in NAMES for settings in variants(name)]
BASELINES = [
    (name, settings, baseline)
    for name, settings in VARIANTS
    for baseline in make_baselines(name, make_task(name, **settings))
]
every_baseline = pytest.mark.parametrize(("name", "settings", "baseline"), BASELINES)


def course(task, policy, *, own_actions, seed=0):
    """Each step's output, inputs and valid actions, with its own or random actions."""
    generator = torch.Generator().manual_seed(seed)
    size = task.num_envs, task.noise_size
    observation = task.reset(torch.rand(size, generator=generator))
    memory = policy.initial_memory(task.num_envs)
    last_action = torch.zeros(task.num_envs, task.action_count)
    last_reward = torch.zeros(task.num_envs)
    for _ in range(STEPS):
        inputs = join_inputs(observation, last_action, last_reward)
        output = policy.act(inputs, memory)
        yield output, inputs, task.valid_actions()
        actions = torch.randint(
            task.action_count, (task.num_envs,), generator=generator
        )
        if own_actions:
            probabilities = output.logits.softmax(1)
            actions = probabilities.multinomial(1, generator=generator).squeeze(1)
        step = task.step(actions, torch.rand(size, generator=generator))
        memory = output.memory
        observation, last_reward = step.observation, step.reward
        last_action = torch.eye(task.action_count)[actions]
        if bool(step.terminated.all()):
            return


@every_baseline
def test_outputs_have_the_shapes_of_a_policy(name, settings, baseline):
    task = make_task(name, **settings)
    policy = make_baselines(name, task)[baseline]
    before = policy.initial_memory(NUM_ENVS)
    assert all(len(tensor) == NUM_ENVS and tensor.ndim == 2 for tensor in before)
    for output, _, _ in course(task, policy, own_actions=True):
        assert output.logits.shape == (NUM_ENVS, task.action_count)
        assert output.value.shape == (NUM_ENVS,)
        assert output.units.shape == (NUM_ENVS, 0)
        assert [m.shape for m in output.memory] == [m.shape for m in before]
        assert [m.dtype for m in output.memory] == [m.dtype for m in before]


@every_baseline
def test_only_valid_actions_have_a_probability(name, settings, baseline):
    task = make_task(name, **settings)
    policy = make_baselines(name, task)[baseline]
    for output, _, valid in course(task, policy, own_actions=True):
        probabilities = output.logits.softmax(1)
        assert not probabilities[~valid].any()
        assert bool((probabilities.sum(1) - 1).abs().max() < 1e-5)
        if baseline == "random" and isinstance(task, ChoiceTask):
            uniform = valid / valid.sum(1, keepdim=True)
            torch.testing.assert_close(probabilities, uniform)


@every_baseline
def test_outputs_are_finite_after_actions_that_were_not_its_own(
    name, settings, baseline
):
    """A caller may override the actions, also with invalid ones."""
    task = make_task(name, **settings)
    policy = make_baselines(name, task)[baseline]
    for output, _, _ in course(task, policy, own_actions=False):
        assert output.logits.isfinite().all()
        assert output.value.isfinite().all()


@every_baseline
def test_permuting_the_environments_permutes_the_outputs(name, settings, baseline):
    """An oracle is given the task in the permuted order, too."""
    task, other = make_task(name, **settings), make_task(name, **settings)
    order = torch.randperm(NUM_ENVS, generator=torch.Generator().manual_seed(0))
    policy = make_baselines(name, task)[baseline]
    permuted = make_baselines(name, other)[baseline]
    memory = permuted.initial_memory(NUM_ENVS)
    for output, inputs, _ in course(task, policy, own_actions=False):
        permute_state(task, other, order)
        answer = permuted.act(inputs[order], memory)
        memory = answer.memory
        torch.testing.assert_close(output.logits[order], answer.logits)
        torch.testing.assert_close(output.value[order], answer.value)


def permute_state(task, other, order):
    """Give `other` the state of the task, with permuted environments."""
    state = task.state()
    tensors = {k: v[order] for k, v in state.items() if isinstance(v, torch.Tensor)}
    other.load_state(state | tensors)


@pytest.mark.parametrize(("name", "settings"), VARIANTS)
def test_outputs_are_on_the_device_of_the_task(name, settings):
    """The meta device holds no numbers, but refuses to mix with another device."""
    task = make_task(name, 3, "meta", **settings)
    task.reset(torch.empty(3, task.noise_size, device="meta"))
    last_action = torch.empty(3, task.action_count, device="meta")
    inputs = join_inputs(task.observation(), last_action, last_action[:, 0])
    policies = make_baselines(name, task)
    # The plan for the bandit is too large for a GPU, and is read on the CPU.
    policies.pop("bayes-optimal" if name == "bandit" else "", None)
    for policy in policies.values():
        output = policy.act(inputs, policy.initial_memory(3))
        tensors = [*output.memory, output.logits, output.value, output.units]
        assert {tensor.device.type for tensor in tensors} == {"meta"}


@pytest.mark.parametrize("name", NAMES)
def test_the_first_baseline_is_random_and_all_accept_a_discount(name):
    task = make_task(name)
    names = list(make_baselines(name, task))
    assert names[0] == "random"
    assert list(make_baselines(name, task, discount=0.5)) == names
