"""Gymnasium environments of any task: a single one, or a batch.

    import gymnasium, metarl
    gymnasium.make("metarl/TwoStep-v0", trial_count=20, render_mode="rgb_array")
    gymnasium.make_vec("metarl/TwoStep-v0", num_envs=256)

A recurrent agent of another library (an LSTM) needs its last action and reward among
its inputs; `agent_input=True` provides the same inputs as for metarl's agents:

    env = gymnasium.make("metarl/TwoStep-v0", agent_input=True)
    sb3_contrib.RecurrentPPO("MlpLstmPolicy", env).learn(100_000)

The observations of a task with pixel views are images, row by row, as agents of other
libraries expect; with `agent_input`, a dictionary of `image` and `last_action_reward`
("MultiInputLstmPolicy").
"""

import copy
import dataclasses
import difflib
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium.error import ResetNeeded
from gymnasium.spaces import Discrete
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from metarl.core.checks import check_choice
from metarl.core.fields import checked
from metarl.envs.registry import task_class
from metarl.envs.task import Task
from metarl.envs.vector_state import (
    Actions,
    Flags,
    Frame,
    Observations,
    VectorState,
    as_array,
    view_of,
)

RENDER_MODES = ("rgb_array", "ansi")
METADATA = {"render_modes": list(RENDER_MODES), "render_fps": 4}
VECTOR_METADATA = METADATA | {"autoreset_mode": AutoresetMode.SAME_STEP}


@checked
def make(
    task: str | type[Task[Any]],
    num_envs: int = 1,
    *,
    params: Any = None,
    device: torch.device | str = "cpu",
    **settings: Any,
) -> Task[Any]:
    """Make a task of `num_envs` environments, stepped in tensors.

    Args:
        task: registered name, "module:Class", or the class itself.
        num_envs: number of environments, at least 1.
        params: the task's parameters; its defaults if None.
        device: device of the tensors.
        settings: parameters to change.

    Raises:
        TypeError: the task has no such parameter.
        ValueError: a parameter has the wrong type, or is out of its range.
    """
    kind = task_class(task) if isinstance(task, str) else task
    base = _params(kind, params)
    known = [field.name for field in dataclasses.fields(base)]
    for name in settings:
        if name not in known:
            raise _unknown(name, kind.__name__, known)
    changed = dataclasses.replace(base, **settings)
    result: Task[Any] = kind(num_envs, changed, device)
    return result


def _unknown(name: str, task: str, known: list[str]) -> TypeError:
    """Error for an unknown parameter, in the words of Python's own.

    Other libraries first try arguments of their own, such as `frameskip`, and go on
    without them after this type and these words.
    """
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    meant = f"did you mean {near[0]!r}? " if near else ""
    return TypeError(
        f"{task} got an unexpected keyword argument {name!r}; {meant}"
        f"choose from: {', '.join(known)}"
    )


def _params(kind: type[Task[Any]], params: Any) -> Any:
    expected = kind.params_type
    if params is not None and not isinstance(params, expected):
        raise TypeError(f"params must be {expected.__name__}, got {params!r}")
    return expected() if params is None else params


class TaskEnv(gymnasium.Env[Observations, np.int64]):
    """Any task as one Gymnasium environment: a batch of one.

    Observation: that of the task, float32 (O,); with `agent_input`, followed by the
        one-hot last action and the last reward, both zero at the start of an episode.
        If the task has pixel views, uint8 (H, W, 3); with `agent_input`, these as
        `image` and the last action and reward as `last_action_reward`.
    Actions: the task's, `env.unwrapped.task.action_names`.
    Reward, Episode end: the task's.
    info["trial"]: at the last step of a trial, its row of the trial table, with the
        number of the trial in the episode; NaN for a missing number, None for a
        missing word.
    info["hidden"]: hidden variables of the task, only with `reveal_hidden`.
    """

    metadata = METADATA

    def __init__(
        self,
        task: str | type[Task[Any]],
        *,
        render_mode: str | None = None,
        agent_input: bool = False,
        reveal_hidden: bool = False,
        params: Any = None,
        device: torch.device | str = "cpu",
        **settings: Any,
    ) -> None:
        """Prepare the task.

        Args:
            task: registered name, "module:Class", or the class itself.
            render_mode: None, "rgb_array" or "ansi".
            agent_input: whether observations include the last action and reward.
            reveal_hidden: whether `info` includes the hidden variables.
            params: the task's parameters; its defaults if None.
            device: device of the task.
            settings: parameters to change, such as `trial_count=20`.
        """
        check_choice("render_mode", render_mode, (None, *RENDER_MODES))
        self.task = make(task, 1, params=params, device=device, **settings)
        self.vector = VectorState(self.task, agent_input=agent_input)
        self.render_mode = render_mode
        self.reveal_hidden = reveal_hidden
        self.observation_space = self.vector.observation_space()
        self.action_space = Discrete(self.task.action_count)
        self.running = False

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observations, dict[str, Any]]:
        """Start an episode.

        Args:
            seed: restarts all randomness of the task.
            options: values for the task's `option_names`, for this episode.
        """
        super().reset(seed=seed)
        observations = self.vector.reset(self.np_random, options)
        self.running = True
        return view_of(observations, 0), self._info()

    def step(
        self, action: np.int64 | int
    ) -> tuple[Observations, float, bool, bool, dict[str, Any]]:
        """Take one action."""
        if not self.running:
            raise ResetNeeded("call reset() first: no episode is running")
        step = self.vector.step(as_array(action).reshape(-1), self.np_random)
        self.running = not bool(step.terminated)
        info = self._info()
        if bool(step.trial_ended):
            info["trial"] = self.vector.row(0)
        view = view_of(self.vector.view(step.observation), 0)
        return view, float(step.reward), not self.running, False, info

    def _info(self) -> dict[str, Any]:
        return {"hidden": self.vector.hidden_of(0)} if self.reveal_hidden else {}

    def render(self) -> Frame | None:
        """Render the screen as (96, 160, 3) bytes or one line of text."""
        if self.render_mode is None:
            gymnasium.logger.warn(
                "render() draws nothing: make the task with render_mode"
            )
            return None
        return self.vector.draw(0, self.render_mode)


class TaskVectorEnv(VectorEnv[Observations, Actions, NDArray[Any]]):
    """Any task as a batch of Gymnasium environments, computed together.

    Observations, actions, rewards and ends are as in `TaskEnv`, one row per
    environment. An episode that ends restarts in the same step: `infos["final_obs"]`
    and `infos["final_info"]` hold its last observation and info, and no step is lost.
    infos["trial"]: column -> (B,), for the environments of `infos["_trial"]`; includes
        the last trial of an episode. NaN, or None for a word, if missing.
    infos["hidden"]: name -> (B,), only with `reveal_hidden`.
    """

    metadata = VECTOR_METADATA

    def __init__(
        self,
        task: str | type[Task[Any]],
        num_envs: int = 1,
        *,
        render_mode: str | None = None,
        agent_input: bool = False,
        reveal_hidden: bool = False,
        params: Any = None,
        device: torch.device | str = "cpu",
        **settings: Any,
    ) -> None:
        """Prepare `num_envs` environments; other arguments are those of `TaskEnv`."""
        check_choice("render_mode", render_mode, (None, *RENDER_MODES))
        self.task = make(task, num_envs, params=params, device=device, **settings)
        self.vector = VectorState(self.task, agent_input=agent_input)
        self.num_envs = num_envs
        self.render_mode = render_mode
        self.reveal_hidden = reveal_hidden
        self.single_observation_space = self.vector.observation_space()
        self.single_action_space = Discrete(self.task.action_count)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.running = False

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observations, dict[str, Any]]:
        """Start an episode in every environment.

        Args:
            seed: restarts all randomness of the batch.
            options: values for the task's `option_names`, for these episodes only.
        """
        super().reset(seed=seed)
        observations = self.vector.reset(self.np_random, options)
        self.running = True
        return observations, self._infos()

    def step(
        self, actions: Actions
    ) -> tuple[Observations, NDArray[np.float64], Flags, Flags, dict[str, Any]]:
        """Take one action in every environment."""
        if not self.running:
            raise ResetNeeded("call reset() first: no episode is running")
        step = self.vector.step(as_array(actions), self.np_random)
        terminated: Flags = step.terminated.cpu().numpy().copy()
        rewards = step.reward.cpu().numpy().astype(np.float64)
        observations, infos = self.vector.view(step.observation), self._infos()
        ended: Flags = step.trial_ended.cpu().numpy().copy()
        if ended.any():
            infos |= {"trial": self.vector.rows(ended), "_trial": ended}
        if terminated.any():
            final = _final(observations, infos, terminated)
            observations = self.vector.reset(self.np_random, where=step.terminated)
            infos = infos | self._infos() | final
        return observations, rewards, terminated, np.zeros_like(terminated), infos

    def _infos(self) -> dict[str, Any]:
        if not self.reveal_hidden:
            return {}
        every = np.ones(self.num_envs, dtype=np.bool_)
        return {"hidden": self.vector.hidden(), "_hidden": every}

    def render(self) -> tuple[Frame, ...] | None:
        """Render the screen of every environment."""
        if self.render_mode is None:
            gymnasium.logger.warn(
                "render() draws nothing: make the task with render_mode"
            )
            return None
        return tuple(
            self.vector.draw(n, self.render_mode) for n in range(self.num_envs)
        )


def _final(
    observations: Observations, infos: dict[str, Any], ended: Flags
) -> dict[str, Any]:
    """Last observation and info of the ended episodes, in Gymnasium's layout."""
    views = np.full(len(ended), None, dtype=object)
    for env_index in np.flatnonzero(ended).tolist():
        views[env_index] = view_of(observations, env_index)
    return {
        "final_obs": views,
        "_final_obs": ended.copy(),
        "final_info": copy.deepcopy(infos),
        "_final_info": ended.copy(),
    }
