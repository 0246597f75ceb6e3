"""What the strategies of risky choice share: valid responses, shapes, devices."""

import subprocess
import sys

import torch

from metarl.baselines.risky_choice import make_baselines
from metarl.core.policy import join_inputs
from metarl.envs.risky_choice import RiskyChoice


def test_strategies_survive_responses_they_did_not_ask_for():
    """A driver may override the action, and step on beyond the episode."""
    for name in make_baselines(RiskyChoice()):
        task = RiskyChoice(8)
        strategy = make_baselines(task)[name]
        generator = torch.Generator().manual_seed(0)
        observation = task.reset(torch.rand(8, 2, generator=generator))
        memory = strategy.initial_memory(8)
        acted, reward = torch.zeros(8, 3), torch.zeros(8)
        for _ in range(150):
            output = strategy.act(join_inputs(observation, acted, reward), memory)
            assert torch.isfinite(output.logits).all()
            assert torch.isfinite(output.value).all()
            actions = torch.randint(3, (8,), generator=generator)
            step = task.step(actions, torch.rand(8, 2, generator=generator))
            observation, reward, memory = step[0], step[1], output.memory
            acted = torch.eye(3)[actions]


def test_permuting_the_environments_permutes_the_decisions():
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(6, generator=generator)
    for name, strategy in make_baselines(RiskyChoice(6)).items():
        if name == "oracle":
            continue
        straight = mixed = strategy.initial_memory(6)
        for _ in range(30):
            screen = torch.eye(4)[torch.randint(4, (6,), generator=generator)]
            acted = torch.eye(3)[torch.randint(3, (6,), generator=generator)]
            reward = torch.tensor([0.0, 1.0, 4.0, -1.0])[
                torch.randint(4, (6,), generator=generator)
            ]
            inputs = join_inputs(screen, acted, reward)
            output = strategy.act(inputs, straight)
            permuted = strategy.act(inputs[order], mixed)
            assert torch.equal(output.logits[order], permuted.logits)
            torch.testing.assert_close(output.value[order], permuted.value)
            straight, mixed = output.memory, permuted.memory


def test_decisions_have_a_policys_shapes():
    task = RiskyChoice(5)
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
    task = RiskyChoice(3, device="meta")
    task.reset(torch.empty(3, task.noise_size, device="meta"))
    acted = torch.empty(3, 3, device="meta")
    inputs = join_inputs(task.observation(), acted, acted[:, 0])
    for strategy in make_baselines(task).values():
        output = strategy.act(inputs, strategy.initial_memory(3))
        tensors = [*output.memory, output.logits, output.value, output.units]
        assert {tensor.device.type for tensor in tensors} == {"meta"}


def test_strategies_import_no_task_and_no_agent():
    code = (
        "import sys, metarl.baselines.risky_choice;"
        "print(*[m for m in sys.modules if m.startswith(('metarl.agents', "
        "'metarl.envs.ri', 'metarl.envs.t', 'metarl.envs.a',"
        " 'metarl.simulation.rollout'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
