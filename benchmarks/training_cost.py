"""What training costs: CPU-seconds per million environment steps, one thread.

    python benchmarks/training_cost.py [--repeats 5]

One row a configuration, the median over repeats: the two-armed bandit and the two-step
task as shipped, 48 units. Where sb3-contrib is installed, its RecurrentPPO (one LSTM of
48 units, one epoch, one batch) trains in the same run, twice: on metarl's batched
environment, the best case for it, and on its own DummyVecEnv of single environments, as
its users run it.
"""

import argparse
import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
import torch

import metarl
from metarl.core.parallel import core_count
from metarl.envs.adapters import TaskEnv, TaskVectorEnv
from metarl.runs.config import RunConfig, TrainingConfig
from metarl.training.trainer import Trainer

TASKS = {"two-armed bandit": "bandit:Bandit", "two-step (3 steps a trial)": "two-step"}
SHAPES = ((64, 20), (128, 20), (256, 20), (256, 100), (1024, 100))
"""Environments and steps of an unroll."""
STEPS = 400_000
"""Environment steps of one repeat."""
PEER_ENVS, PEER_STEPS = 256, 100


def configuration(task: str, num_envs: int, steps: int) -> RunConfig[Any]:
    """The fast preset's agent, at a given shape."""
    training = TrainingConfig(num_envs=num_envs, unroll_steps=steps, updates=10**6)
    return replace(metarl.preset(task), training=training)


def metarl_update(task: str, num_envs: int, steps: int) -> Callable[[], object]:
    """One update of metarl's agent."""
    return Trainer(configuration(task, num_envs, steps), 0).update


def batched_env(task: str, num_envs: int) -> Any:
    """The batched environment behind the peer's interface."""
    from stable_baselines3.common.vec_env import VecEnv

    class Batched(VecEnv):
        """The batched environment behind the peer's interface."""

        def __init__(self) -> None:
            self.env = TaskVectorEnv(task, num_envs=num_envs, agent_input=True)
            spaces = self.env.single_observation_space, self.env.single_action_space
            super().__init__(num_envs, *spaces)

        def reset(self) -> np.ndarray:
            return self.env.reset(seed=0)[0]

        def step_async(self, actions: np.ndarray) -> None:
            self.actions = actions

        def step_wait(self) -> Any:
            seen, rewards, ended, _, info = self.env.step(self.actions)
            facts: list[dict[str, Any]] = [{} for _ in range(num_envs)]
            for env_index in np.flatnonzero(ended):
                facts[env_index]["terminal_observation"] = info["final_obs"][env_index]
            return seen, rewards, ended, facts

        def close(self) -> None: ...
        def get_attr(self, name: str, indices: Any = None) -> list[Any]:
            return [None] * num_envs

        def set_attr(self, name: str, value: Any, indices: Any = None) -> None: ...
        def env_method(self, name: str, *args: Any, **more: Any) -> list[Any]:
            return [None] * num_envs

        def env_is_wrapped(self, kind: Any, indices: Any = None) -> list[bool]:
            return [False] * num_envs

    return Batched()


def single_envs(task: str, num_envs: int) -> Any:
    """As many single environments, stepped one after the other."""
    from stable_baselines3.common.vec_env import DummyVecEnv

    return DummyVecEnv([lambda: TaskEnv(task, agent_input=True)] * num_envs)


def peer_update(envs: Any, num_envs: int, steps: int) -> Callable[[], object]:
    """One update of sb3-contrib's RecurrentPPO."""
    from sb3_contrib import RecurrentPPO

    policy = {
        "lstm_hidden_size": 48,
        "net_arch": [],
        "shared_lstm": True,
        "enable_critic_lstm": False,
    }
    model = RecurrentPPO(
        "MlpLstmPolicy",
        envs,
        n_steps=steps,
        batch_size=num_envs * steps,
        n_epochs=1,
        policy_kwargs=policy,
        device="cpu",
    )
    return lambda: model.learn(num_envs * steps, reset_num_timesteps=False)


def cost(update: Callable[[], object], steps: int, repeats: int) -> list[float]:
    """CPU-seconds per million steps, of each repeat."""
    update()
    count = max(1, STEPS // steps)
    costs = []
    for _ in range(repeats):
        before = time.process_time()
        for _ in range(count):
            update()
        costs.append((time.process_time() - before) / (count * steps) * 1e6)
    return costs


def show(name: str, num_envs: int, steps: int, costs: list[float]) -> None:
    """Print one row."""
    middle = statistics.median(costs)
    spread = f"{min(costs):.2f}-{max(costs):.2f}"
    print(
        f"{name:<40} {num_envs:>5} {steps:>5} {middle:>8.2f}  {spread:>13} "
        f"{1e3 / middle:>7.0f}k",
        flush=True,
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, {platform.machine()}, {core_count()} cores")
    print(f"{'':<40} envs steps  CPU-s/M        min-max   steps/s")
    for name, task in TASKS.items():
        for num_envs, steps in SHAPES:
            update = metarl_update(task, num_envs, steps)
            show(name, num_envs, steps, cost(update, num_envs * steps, repeats))
        if find_spec("sb3_contrib"):
            for kind, make in (("batched", batched_env), ("DummyVecEnv", single_envs)):
                shape = PEER_ENVS, PEER_STEPS
                peer = peer_update(make(task, PEER_ENVS), *shape)
                costs = cost(peer, PEER_ENVS * PEER_STEPS, repeats)
                show(f"  sb3-contrib RecurrentPPO, {kind}", *shape, costs)


if __name__ == "__main__":
    main()
