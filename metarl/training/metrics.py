"""Metrics of training: the learning curve, and the compute cost."""

import time
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from metarl.core.checks import MetaRLError
from metarl.core.fields import check_type
from metarl.core.files import read_json, write_json
from metarl.runs.folder import SubjectFolder


class MetricAverages:
    """Means of scalars and of returns since the last reading."""

    def __init__(self, num_envs: int) -> None:
        """Start without updates."""
        self.running = torch.zeros(num_envs)
        self.sums: dict[str, Tensor | float] = {}
        self.count = self.episodes = self.episodes_before = 0
        self.returns = 0.0

    def add_scalars(self, scalars: Mapping[str, Tensor | float]) -> None:
        """Add the scalars of one update, tensors or numbers."""
        self.count += 1
        for name, value in scalars.items():
            self.sums[name] = self.sums[name] + value if name in self.sums else value

    def add_rewards(self, rewards: Tensor, nonterminal: Tensor) -> None:
        """Add (T, B) rewards of one unroll; `nonterminal` is 0 where episodes end."""
        self.add_scalars({"rollout/reward_rate": rewards.mean()})
        # The update is counted once, with the scalars of its learner.
        self.count -= 1
        # Only the few steps at which an episode ended are visited one by one.
        first = 0
        for t in (~nonterminal.bool().all(1)).nonzero().flatten().tolist():
            self.running += rewards[first : t + 1].sum(0)
            ended = nonterminal[t] == 0
            self.returns += float(self.running[ended].sum())
            self.episodes += int(ended.sum())
            self.running[ended] = 0
            first = t + 1
        self.running += rewards[first:].sum(0)

    def add_returns(self, total: float, episodes: int) -> None:
        """Add the returns of episodes that ended, as their sum and number."""
        self.returns += total
        self.episodes += episodes

    def read(self) -> dict[str, float]:
        """Return means since the last reading, and the number of episodes so far.

        The return is NaN if no episode ended.
        """
        row = {name: float(total) / self.count for name, total in self.sums.items()}
        mean = self.returns / self.episodes if self.episodes else float("nan")
        self.episodes_before += self.episodes
        # Running returns are kept: their episodes are still in progress.
        self.sums, self.count, self.episodes, self.returns = {}, 0, 0, 0.0
        return {"rollout/return": mean, "rollout/episodes": self.episodes_before, **row}

    def state(self) -> dict[str, Any]:
        """Resumable state."""
        return {**vars(self), "running": self.running.clone(), "sums": dict(self.sums)}

    def load_state(self, state: dict[str, Any]) -> None:
        """Restore a `state`."""
        vars(self).update({name: state[name] for name in vars(self)})


def read_cost(folder: SubjectFolder) -> dict[str, float]:
    """Seconds of processor and wall time of a subject's training, by name.

    Raises:
        MetaRLError: the file is damaged.
    """
    cost: dict[str, float] = read_json(folder.cost_path, dict)
    try:
        check_type(folder.cost_path.name, cost, Mapping[str, float])
    except ValueError as error:
        raise MetaRLError(
            f"{folder.cost_path} is damaged ({error}); delete it, and the cost is "
            "counted from now on"
        ) from None
    return cost


class ComputeCost:
    """Compute cost of a subject's training in seconds, over all its resumptions.

    Of a computation that several subjects share, each has an equal part. The time of a
    killed training since its last saving is not included.
    """

    def __init__(self, folder: SubjectFolder, shared_by: int = 1) -> None:
        """Start the clocks from the cost in the folder, if training is resumed."""
        self.path, self.shared_by = folder.cost_path, shared_by
        resumed = folder.state_path.exists() and self.path.exists()
        before = read_cost(folder) if resumed else {}
        self.cpu_before = before.get("cpu_seconds", 0.0)
        self.wall_before = before.get("wall_seconds", 0.0)
        self.cpu, self.wall = time.process_time(), time.perf_counter()

    def write(self) -> None:
        """Write processor and wall time."""
        cpu = (time.process_time() - self.cpu) / self.shared_by
        wall = (time.perf_counter() - self.wall) / self.shared_by
        seconds = {
            "cpu_seconds": self.cpu_before + cpu,
            "wall_seconds": self.wall_before + wall,
        }
        write_json(self.path, {name: round(s, 2) for name, s in seconds.items()})
