"""What training costs: CPU-seconds per million environment steps, one thread.

    python benchmarks/training_cost.py [--repeats 5] [--task bandit]

One row a shape, the median over repeats: the two-armed bandit and the two-step task as
shipped, 48 units, with one subject and with several in one computation. Beside it the
torch path, and where it is installed JAX (benchmarks/jax_a2c.py, the same network and
task, jitted). Where sb3-contrib is installed, its RecurrentPPO (one LSTM of 48 units,
one epoch, one batch) trains in the same run, twice: on metarl's batched environment,
the best case for it, and on its own DummyVecEnv of single environments, as its users
run it.
"""

import argparse
import os
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

# One thread each: set before JAX is loaded.
os.environ["XLA_FLAGS"] = (
    "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
)

import numpy as np
import torch

from metarl.core.parallel import core_count
from metarl.envs.adapters import TaskEnv, TaskVectorEnv
from metarl.experiments.spec import preset
from metarl.runs.config import RunConfig, TrainingConfig
from metarl.training.groups import make_group
from metarl.training.stacked import computation_of
from metarl.training.trainer import Trainer

TASKS = {"bandit": "bandit:Bandit", "two-step": "two-step"}
SHAPES = ((1, 300), (16, 20), (64, 20), (256, 20), (256, 100), (1024, 100))
"""Environments and steps of an unroll."""
SUBJECTS = (1, 8)
"""Subjects in one computation; of one environment each, also MANY."""
MANY = 24
STEPS = 400_000
"""Environment steps of one repeat."""
PEER_ENVS, PEER_STEPS = 256, 100


def configuration(task: str, num_envs: int, steps: int) -> RunConfig[Any]:
    """The fast preset's agent, at a given shape."""
    training = TrainingConfig(num_envs=num_envs, unroll_steps=steps, updates=10**6)
    return replace(preset(task), training=training)


def metarl_update(
    task: str, num_envs: int, steps: int, subjects: int
) -> Callable[[], object]:
    """One update of metarl's agent, in one computation for all subjects."""
    return make_group(configuration(task, num_envs, steps), range(subjects)).update


def torch_update(task: str, num_envs: int, steps: int) -> Callable[[], object]:
    """One update of one subject without the compiled kernel."""
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


def show_peer(name: str, num_envs: int, steps: int, costs: list[float]) -> None:
    """Print one row of another library."""
    spread = f"{min(costs):.2f}-{max(costs):.2f}"
    middle = statistics.median(costs)
    print(
        f"{name:<40} {num_envs:>5} {steps:>5} {middle:>8.2f} {spread:>14}", flush=True
    )


def show_shape(task: str, num_envs: int, steps: int, repeats: int) -> None:
    """Print the rows of one shape."""
    counts = (*SUBJECTS, MANY) if num_envs == 1 else SUBJECTS
    for subjects in counts:
        size = num_envs * steps * subjects
        costs = cost(metarl_update(task, num_envs, steps, subjects), size, repeats)
        middle = statistics.median(costs)
        words = [f"{num_envs:>5} {steps:>5} {subjects:>8} {middle:>8.2f}"]
        words.append(f"{min(costs):.2f}-{max(costs):.2f}".rjust(14))
        peers: list[Callable[[], object] | None] = [
            torch_update(task, num_envs, steps) if subjects == 1 else None,
            jax_peer(task, num_envs, steps, subjects),
        ]
        for peer in peers:
            if peer is None:
                words.append(f"{'':>14}")
                continue
            other = statistics.median(cost(peer, size, repeats))
            words.append(f"{other:>8.2f} {other / middle:>4.1f}x")
        print(" ".join(words), flush=True)


def jax_peer(
    task: str, num_envs: int, steps: int, subjects: int
) -> Callable[[], object] | None:
    """One update in JAX; None where it is not installed."""
    if not find_spec("jax"):
        return None
    from jax_a2c import jax_update

    return jax_update(task.split(":", maxsplit=1)[0], num_envs, steps, subjects)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--task", choices=TASKS, help="default: both")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, {platform.machine()}, {core_count()} cores")
    print(f"computation of metarl: {computation_of(preset('bandit'))}")
    for name in [options.task] if options.task else TASKS:
        task = TASKS[name]
        print(f"{name}\n envs steps subjects  CPU-s/M        min-max", end="")
        print(f"{'torch path':>15}{'JAX':>15}")
        for num_envs, steps in SHAPES:
            show_shape(task, num_envs, steps, options.repeats)
        if find_spec("sb3_contrib"):
            for kind, make in (("batched", batched_env), ("DummyVecEnv", single_envs)):
                shape = PEER_ENVS, PEER_STEPS
                peer = peer_update(make(task, PEER_ENVS), *shape)
                costs = cost(peer, PEER_ENVS * PEER_STEPS, options.repeats)
                show_peer(f"sb3-contrib RecurrentPPO, {kind}", *shape, costs)


if __name__ == "__main__":
    main()
