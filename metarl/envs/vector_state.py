"""State that the Gymnasium environments share: numpy arrays, noise, trial rows."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Box, Dict, Space
from numpy.typing import NDArray
from torch import Tensor

from metarl.core.policy import join_inputs
from metarl.envs.rendering import draw_frame, draw_line, format_reward, screen_of
from metarl.envs.task import Step, Task

Array = NDArray[np.float32] | NDArray[np.uint8]
Observations = Array | dict[str, Array]
Actions = NDArray[np.int64]
Flags = NDArray[np.bool_]
Frame = NDArray[np.uint8] | str

FEEDBACK = "last_action_reward"
"""Key of the last action and reward in the observation of a task with pixel views."""


class VectorState:
    """A task with its noise, last actions, last rewards and trial numbers."""

    def __init__(self, task: Task[Any], *, agent_input: bool) -> None:
        """Wrap a task; `agent_input` adds last action and reward to the observation."""
        self.task = task
        self.agent_input = agent_input
        self.one_hot = torch.eye(task.action_count, device=task.device)
        self.trial = np.zeros(task.num_envs, dtype=np.int64)
        self._clear(task.always)

    def observation_space(self) -> Space[Any]:
        """Space of the observation of one environment."""
        actions = np.ones(self.task.action_count)
        least, most = self.task.reward_range
        feedback = np.append(0 * actions, least), np.append(actions, most)
        if self.task.view_size is not None:
            width, height = self.task.view_size
            image = Box(0, 255, (height, width, 3), np.uint8)
            if not self.agent_input:
                return image
            return Dict({"image": image, FEEDBACK: _box(*feedback)})
        size = self.task.observation_size
        low, high = (np.full(size, bound) for bound in self.task.observation_range)
        if self.agent_input:
            low, high = np.append(low, feedback[0]), np.append(high, feedback[1])
        return _box(low, high)

    def reset(
        self,
        generator: np.random.Generator,
        options: Mapping[str, float] | None = None,
        where: Tensor | None = None,
    ) -> Observations:
        """Start an episode in the environments of `where`; return all observations."""
        noise = self._noise(generator)
        observation = self.task.reset(noise, options=options, where=where)
        self._clear(self.task.always if where is None else where)
        return self.view(observation)

    def _clear(self, where: Tensor) -> None:
        """Clear last action, last reward and trial number where True."""
        shape = (self.task.num_envs, self.task.action_count)
        if bool(where.all()):
            self.last_action = torch.zeros(shape, device=self.task.device)
            self.last_reward = torch.zeros(shape[0], device=self.task.device)
        else:
            self.last_action = self.last_action.masked_fill(where.unsqueeze(1), 0)
            self.last_reward = self.last_reward.masked_fill(where, 0)
        self.trial[where.cpu().numpy()] = 0

    def step(self, actions: Actions, generator: np.random.Generator) -> Step:
        """Take (B,) actions; raise ValueError unless they are valid codes."""
        count, shape = self.task.action_count, (self.task.num_envs,)
        whole = np.issubdtype(actions.dtype, np.integer)
        if not whole or actions.shape != shape or not _within(actions, count):
            number = "1 whole number" if shape == (1,) else f"{shape[0]} whole numbers"
            other = "" if actions.shape == shape else f" of shape {actions.shape}"
            raise ValueError(
                f"actions must be {number} from 0 to {count - 1}, "
                f"got {actions.tolist()!r:.80}{other}"
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
        """Return the observations for an agent, copied, one row per environment.

        Args:
            observation: (B, O) observations of the task.

        Returns:
            (B, O), or with `agent_input` (B, O + A + 1). If the task has pixel views,
            (B, H, W, 3) row by row, or with `agent_input` these as `image` and (B,
            A + 1) last action and reward as `last_action_reward`.
        """
        feedback = self.last_action, self.last_reward
        if self.task.view_size is None:
            if self.agent_input:
                observation = join_inputs(observation, *feedback)
            return _copy(observation)
        image = _copy(self.task.render_views(observation).transpose(1, 2))
        if not self.agent_input:
            return image
        joined = join_inputs(observation[:, :0], *feedback)
        return {"image": image, FEEDBACK: _copy(joined)}

    def rows(self, ended: Flags) -> dict[str, NDArray[Any]]:
        """The trials that just ended: column -> (B,); NaN or None if missing."""
        rows: dict[str, NDArray[Any]] = {"trial": self.trial - 1}
        row = self.task.trial_row()
        # Stacked, so that a GPU is waited for once, not once for every column.
        table = torch.stack([column.double() for column in row.values()])
        for column, values in zip(row, table.cpu().numpy(), strict=True):
            numbers = np.where(ended, values, np.nan)
            words = self.task.categories.get(column)
            rows[column] = numbers if words is None else _words(numbers, words)
        return rows

    def row(self, env_index: int) -> dict[str, Any]:
        """The trial that just ended in one environment; NaN or None if missing."""
        every = np.ones(self.task.num_envs, dtype=np.bool_)
        return _of_env(self.rows(every), env_index)

    def hidden(self) -> dict[str, NDArray[np.float64]]:
        """Hidden variables of the task: name -> (B,)."""
        hidden = self.task.hidden().items()
        return {name: values.double().cpu().numpy().copy() for name, values in hidden}

    def hidden_of(self, env_index: int) -> dict[str, float]:
        """Hidden variables of one environment: name -> value."""
        return _of_env(self.hidden(), env_index)

    def draw(self, env_index: int, mode: str) -> Frame:
        """Render the screen, last action and last reward of one environment."""
        acted = bool(self.last_action[env_index].any())
        code = int(self.last_action[env_index].argmax())
        action = self.task.action_names[code] if acted else ""
        reward = float(self.last_reward[env_index])
        if mode == "rgb_array":
            return draw_frame(screen_of(self.task, env_index), action, reward)
        event = self.task.event_names[int(self.task.event()[env_index])]
        width = max(map(len, self.task.event_names))
        response = f" {action} {format_reward(reward)}" if acted else ""
        line = draw_line(self.task.scene(env_index))
        return f"{self.trial[env_index]:>4} {event:<{width}} |{line}|{response}"


def as_array(actions: Any) -> NDArray[Any]:
    """Return actions as an array, also from a tensor on another device."""
    if not isinstance(actions, Tensor):
        return np.asarray(actions)
    if actions.is_meta:
        raise ValueError(
            "actions must hold numbers, got a tensor on the device meta, which has none"
        )
    return np.asarray(actions.tolist())


def view_of(view: Observations, env_index: int) -> Observations:
    """Observation of one environment, from those of all."""
    if isinstance(view, dict):
        return {name: array[env_index] for name, array in view.items()}
    single: Array = view[env_index]
    return single


def _copy(values: Tensor) -> Array:
    """(B, ...) copy as a contiguous numpy array."""
    array: Array = values.cpu().numpy().copy()
    return array


def _box(low: NDArray[np.float64], high: NDArray[np.float64]) -> Box:
    return Box(low.astype(np.float32), high.astype(np.float32))


def _within(actions: Actions, count: int) -> bool:
    return bool(((actions >= 0) & (actions < count)).all())


def _words(codes: NDArray[np.float64], words: tuple[str, ...]) -> NDArray[Any]:
    table = np.array([*words, None], dtype=object)
    return table[np.where(np.isnan(codes), len(words), codes).astype(np.int64)]


class Missing(np.float64):
    """NaN that equals every other, as Gymnasium's checks of determinism require.

    A batch that Gymnasium makes of single environments stores it as float64.
    """

    def __hash__(self) -> int:
        """Return the same number for all."""
        return 0

    def __eq__(self, other: object) -> bool:
        """Whether the other is NaN too."""
        return isinstance(other, float) and math.isnan(other)


MISSING = Missing("nan")
"""A missing number of a single environment's trial."""


def _of_env(columns: dict[str, NDArray[Any]], env_index: int) -> dict[str, Any]:
    values = {name: column[[env_index]].tolist()[0] for name, column in columns.items()}
    return {name: MISSING if v != v else v for name, v in values.items()}  # noqa: PLR0124
