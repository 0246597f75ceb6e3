"""What the strategies of the two-step tasks share: reading, valid responses, shapes."""

import subprocess
import sys

import pytest
import torch

from metarl.baselines.two_step import make_baselines
from metarl.core.policy import join_inputs
from metarl.envs.two_step import TwoStep, TwoStepParams

NO_FIXATION = TwoStepParams(fixation=False)
NUM_ENVS = 400


@pytest.mark.parametrize("params", [TwoStepParams(), NO_FIXATION])
def test_the_inputs_are_read_as_they_were_joined(params):
    task = TwoStep(params=params)
    reader = make_baselines(task)["random"]
    screens = [*task.observation_names, ""]
    codes = {"fixation": 0, "first stage": 1, "S1": 2, "S2": 3, "": 4}
    for place, screen in enumerate(screens):
        shown = torch.eye(len(screens))[[place], :-1]
        for action in (None, *range(task.action_count)):
            acted = torch.zeros(1, task.action_count)
            if action is not None:
                acted[0, action] = 1
            senses = reader.read(join_inputs(shown, acted, torch.tensor([0.5])))
            name = None if action is None else task.action_names[action]
            choice = {"left": 0, "right": 1}.get(name, -1)
            assert [int(senses.screen), int(senses.choice)] == [codes[screen], choice]
            assert float(senses.reward) == 0.5


@pytest.mark.parametrize("params", [TwoStepParams(), NO_FIXATION])
def test_random_choice_is_uniform_over_the_valid_actions(params, play):
    task = TwoStep(NUM_ENVS, params)
    played = play(task, make_baselines(task)["random"])
    probabilities = played["logits"].softmax(2)
    at = {name: played["event"] == k for k, name in enumerate(task.event_names)}
    actions = task.action_count
    assert torch.allclose(probabilities[at["outcome"]], torch.tensor(1 / actions))
    first = [0.0, 0.5, 0.5] if params.fixation else [0.5, 0.5]
    assert torch.equal(
        probabilities[at["choice"]], torch.tensor(first).expand(100 * NUM_ENVS, -1)
    )
    if params.fixation:
        centre = torch.tensor([1.0, 0.0, 0.0]).expand(100 * NUM_ENVS, -1)
        assert torch.equal(probabilities[at["fixation"]], centre)


@pytest.mark.parametrize("params", [TwoStepParams(), NO_FIXATION])
def test_strategies_survive_responses_they_did_not_ask_for(params):
    """A driver may override the action; a missing choice teaches nothing."""
    for name in ("random", "bayes-greedy", "oracle", "sarsa"):
        task = TwoStep(8, params)
        strategy = make_baselines(task)[name]
        generator = torch.Generator().manual_seed(0)
        observation = task.reset(torch.rand(8, 2, generator=generator))
        memory = strategy.initial_memory(8)
        acted, reward = torch.zeros(8, task.action_count), torch.zeros(8)
        for _ in range(60):
            inputs = join_inputs(observation, acted, reward)
            output = strategy.act(inputs, memory)
            assert torch.isfinite(output.logits).all()
            assert torch.isfinite(output.value).all()
            actions = torch.randint(task.action_count, (8,), generator=generator)
            step = task.step(actions, torch.rand(8, 2, generator=generator))
            observation, reward, memory = step[0], step[1], output.memory
            acted = torch.eye(task.action_count)[actions]


def test_permuting_the_environments_permutes_the_decisions():
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(6, generator=generator)
    task = TwoStep(6)
    for name, strategy in make_baselines(task).items():
        if name == "oracle":
            continue
        straight = mixed = strategy.initial_memory(6)
        for _ in range(30):
            screen = torch.eye(4)[torch.randint(4, (6,), generator=generator)]
            acted = torch.eye(3)[torch.randint(3, (6,), generator=generator)]
            reward = torch.randint(2, (6,), generator=generator).float()
            inputs = join_inputs(screen, acted, reward)
            output = strategy.act(inputs, straight)
            permuted = strategy.act(inputs[order], mixed)
            assert torch.equal(output.logits[order], permuted.logits)
            assert torch.equal(output.value[order], permuted.value)
            straight, mixed = output.memory, permuted.memory


def test_decisions_have_a_policys_shapes():
    task = TwoStep(5)
    for strategy in make_baselines(task).values():
        memory = strategy.initial_memory(5)
        assert all(len(part) == 5 and part.ndim == 2 for part in memory)
        inputs = join_inputs(task.observation(), torch.zeros(5, 3), torch.zeros(5))
        output = strategy.act(inputs, memory)
        assert output.logits.shape == (5, 3)
        assert output.value.shape == (5,)
        assert output.units.shape == (5, 0)
        assert [m.shape for m in output.memory] == [m.shape for m in memory]
        assert [m.dtype for m in output.memory] == [m.dtype for m in memory]


def test_strategies_compute_on_the_tasks_device():
    task = TwoStep(3, device="meta")
    task.reset(torch.empty(3, task.noise_size, device="meta"))
    acted = torch.empty(3, 3, device="meta")
    inputs = join_inputs(task.observation(), acted, acted[:, 0])
    for strategy in make_baselines(task).values():
        output = strategy.act(inputs, strategy.initial_memory(3))
        tensors = [*output.memory, output.logits, output.value, output.units]
        assert {tensor.device.type for tensor in tensors} == {"meta"}


def test_strategies_import_no_task_and_no_agent():
    code = (
        "import sys, metarl.baselines.two_step, metarl.baselines.daw_two_step;"
        "print(*[m for m in sys.modules if m.startswith(('metarl.agents', "
        "'metarl.envs.t', 'metarl.envs.d', 'metarl.envs.a',"
        " 'metarl.simulation.rollout'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
