"""A task's lanes as the Gymnasium faces use them: numpy in and out, noise, rows."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Box, Dict, Space
from numpy.typing import NDArray
from torch import Tensor

from metarl.core.policy import join_inputs
from metarl.envs.rendering import amount, draw_frame, draw_line, shown
from metarl.envs.task import Step, Task

Array = NDArray[np.float32] | NDArray[np.uint8]
Observations = Array | dict[str, Array]
Actions = NDArray[np.int64]
Flags = NDArray[np.bool_]
Frame = NDArray[np.uint8] | str


class VectorState:
    """A task's lanes and what every face adds: noise, last action, trial number."""

    def __init__(self, task: Task[Any], *, agent_input: bool) -> None:
        """Wrap a task; `agent_input` puts last action and reward in the view."""
        self.task = task
        self.agent_input = agent_input
        self.one_hot = torch.eye(task.action_count, device=task.device)
        self.trial = np.zeros(task.num_envs, dtype=np.int64)
        self._forget(task.always)

    def observation_space(self) -> Space[Any]:
        """Bounds of one lane's view."""
        actions = np.ones(self.task.action_count)
        least, most = self.task.reward_range
        told = np.append(0 * actions, least), np.append(actions, most)
        if self.task.view_size is not None:
            width, height = self.task.view_size
            image = Box(0, 255, (height, width, 3), np.uint8)
            if not self.agent_input:
                return image
            return Dict({"image": image, "told": _box(*told)})
        size = self.task.observation_size
        low, high = (np.full(size, bound) for bound in self.task.observation_range)
        if self.agent_input:
            low, high = np.append(low, told[0]), np.append(high, told[1])
        return _box(low, high)

    def reset(
        self,
        generator: np.random.Generator,
        options: Mapping[str, float] | None = None,
        where: Tensor | None = None,
    ) -> Observations:
        """Start an episode in the lanes of `where`; all lanes' view."""
        noise = self._noise(generator)
        observation = self.task.reset(noise, options=options, where=where)
        self._forget(self.task.always if where is None else where)
        return self.view(observation)

    def _forget(self, num_envs: Tensor) -> None:
        shape = (self.task.num_envs, self.task.action_count)
        if bool(num_envs.all()):
            self.last_action = torch.zeros(shape, device=self.task.device)
            self.last_reward = torch.zeros(shape[0], device=self.task.device)
        else:
            self.last_action = self.last_action.masked_fill(num_envs.unsqueeze(1), 0)
            self.last_reward = self.last_reward.masked_fill(num_envs, 0)
        self.trial[num_envs.cpu().numpy()] = 0

    def step(self, actions: Actions, generator: np.random.Generator) -> Step:
        """Take (B,) actions, checked to be codes of actions there are."""
        count, shape = self.task.action_count, (self.task.num_envs,)
        whole = np.issubdtype(actions.dtype, np.integer)
        if not whole or actions.shape != shape or not _within(actions, count):
            raise ValueError(
                f"actions must be {shape[0]} whole numbers from 0 to {count - 1}, "
                f"got {actions.tolist()!r}"
            )
        taken = torch.from_numpy(actions.astype(np.int64)).to(self.task.device)
        step = self.task.step(taken, self._noise(generator))
        self.last_action = self.one_hot.index_select(0, taken)
        self.last_reward = step.reward
        self.trial += step.trial_ended.cpu().numpy()
        return step

    def _noise(self, generator: np.random.Generator) -> Tensor:
        # numpy's float32 numbers are multiples of 2**-24 below 1, never rounded to 1.
        size = (self.task.num_envs, self.task.noise_size)
        noise = generator.random(size, dtype=np.float32)
        return torch.from_numpy(noise).to(self.task.device)

    def view(self, observation: Tensor) -> Observations:
        """What an agent is given, one row a lane, in memory of its own.

        Args:
            observation: (B, O) what the task shows.

        Returns:
            (B, O), or with `agent_input` (B, O + A + 1). Where the task shows pixels,
            (B, H, W, 3) row by row, or with `agent_input` these as `image`, and beside
            them, (B, A + 1) last action and reward as `told`.
        """
        did = self.last_action, self.last_reward
        if self.task.view_size is None:
            return _own(
                join_inputs(observation, *did) if self.agent_input else observation
            )
        image = _own(self.task.render_views(observation).transpose(1, 2))
        if not self.agent_input:
            return image
        return {"image": image, "told": _own(join_inputs(observation[:, :0], *did))}

    def rows(self, ended: Flags) -> dict[str, NDArray[Any]]:
        """The trials that just ended: column -> (B,); NaN or None where missing."""
        rows: dict[str, NDArray[Any]] = {"trial": self.trial - 1}
        told = self.task.trial_row()
        table = torch.stack([column.double() for column in told.values()])
        for column, values in zip(told, table.cpu().numpy(), strict=True):
            numbers = np.where(ended, values, np.nan)
            words = self.task.categories.get(column)
            rows[column] = numbers if words is None else _words(numbers, words)
        return rows

    def row(self, env_index: int) -> dict[str, Any]:
        """The trial that just ended in a lane: column -> value, None where missing."""
        every = np.ones(self.task.num_envs, dtype=np.bool_)
        return _of_env(self.rows(every), env_index)

    def hidden(self) -> dict[str, NDArray[np.float64]]:
        """What the subject is not told: name -> (B,)."""
        told = self.task.hidden().items()
        return {name: values.double().cpu().numpy().copy() for name, values in told}

    def hidden_of(self, env_index: int) -> dict[str, float]:
        """What the subject in a lane is not told."""
        return _of_env(self.hidden(), env_index)

    def draw(self, env_index: int, mode: str) -> Frame:
        """A lane's screen, last action and last reward."""
        acted = bool(self.last_action[env_index].any())
        code = int(self.last_action[env_index].argmax())
        action = self.task.action_names[code] if acted else ""
        reward = float(self.last_reward[env_index])
        if mode == "rgb_array":
            return draw_frame(shown(self.task, env_index), action, reward)
        event = self.task.event_names[int(self.task.event()[env_index])]
        width = max(map(len, self.task.event_names))
        earned = f" {action} {amount(reward)}" if acted else ""
        line = draw_line(self.task.scene(env_index))
        return f"{self.trial[env_index]:>4} {event:<{width}} |{line}|{earned}"


def view_of(view: Observations, env_index: int) -> Observations:
    """One lane's view, of all lanes'."""
    if isinstance(view, dict):
        return {name: part[env_index] for name, part in view.items()}
    own: Array = view[env_index]
    return own


def _own(values: Tensor) -> Array:
    """The same in memory of its own, row by row."""
    own: Array = values.cpu().numpy().copy()
    return own


def _box(low: NDArray[np.float64], high: NDArray[np.float64]) -> Box:
    return Box(low.astype(np.float32), high.astype(np.float32))


def _within(actions: Actions, count: int) -> bool:
    return bool(((actions >= 0) & (actions < count)).all())


def _words(codes: NDArray[np.float64], words: tuple[str, ...]) -> NDArray[Any]:
    table = np.array([*words, None], dtype=object)
    return table[np.where(np.isnan(codes), len(words), codes).astype(np.int64)]


def _of_env(columns: dict[str, NDArray[Any]], env_index: int) -> dict[str, Any]:
    values = {name: column[[env_index]].tolist()[0] for name, column in columns.items()}
    # NaN would not equal itself, and so fail Gymnasium's checks of determinism.
    return {name: None if v != v else v for name, v in values.items()}  # noqa: PLR0124
