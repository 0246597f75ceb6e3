"""Play any task with predefined noise and actions, and record all its results."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pytest
import torch
from short import small
from torch import Tensor

from metarl.envs.harlow.learning_set import LearningSet
from metarl.envs.registry import NAMES, task_class
from metarl.envs.task import Task

Course = dict[str, Tensor]
"""Results of a task: name -> (times, B, ...)."""


class Script(NamedTuple):
    """Noise and actions of a course, one column per environment."""

    start: Tensor
    """(B, N) noise of the reset."""
    noise: Tensor
    """(T, B, N) noise of the steps."""
    actions: Tensor
    """(T, B)."""

    def num_envs(self, order: Any) -> "Script":
        return Script(self.start[order], self.noise[:, order], self.actions[:, order])

    def part(self, first: int, stop: int | None = None) -> "Script":
        return Script(self.start, self.noise[first:stop], self.actions[first:stop])


@pytest.fixture(params=list(NAMES))
def task_name(request: pytest.FixtureRequest) -> str:
    """Each registered task in turn."""
    name: str = request.param
    return name


@pytest.fixture
def make(task_name: str) -> Callable[..., Task[Any]]:
    """Make the task in turn: make(num_envs, field=value, ...)."""

    def make_it(num_envs: int = 1, **settings: Any) -> Task[Any]:
        kind = task_class(task_name)
        params = kind.params_type(**small(task_name) | settings)
        task: Task[Any] = kind(num_envs, params)
        return task

    return make_it


def _write(task: Task[Any], steps: int, seed: int = 0) -> Script:
    generator = torch.Generator().manual_seed(seed)
    size = (task.num_envs, task.noise_size)
    return Script(
        torch.rand(size, generator=generator),
        torch.rand((steps, *size), generator=generator),
        torch.randint(task.action_count, (steps, task.num_envs), generator=generator),
    )


def _perform(
    task: Task[Any],
    script: Script,
    *,
    options: Mapping[str, float] | None = None,
    reset: bool = True,
) -> Course:
    first = task.reset(script.start, options=options) if reset else task.observation()
    course = {"first": [first.clone()]}
    for actions, noise in zip(script.actions, script.noise, strict=True):
        step = task.step(actions, noise)
        answers = step._asdict() | {"event": task.event()} | task.hidden()
        # Only the environments of a learning set end trials at different times.
        apart = isinstance(task, LearningSet)
        if apart or bool(step.trial_ended.any()):
            rows, ended = task.trial_row().items(), step.trial_ended
            answers |= {f"row {k}": torch.where(ended, v, torch.nan) for k, v in rows}
        for name, values in answers.items():
            course.setdefault(name, []).append(values.clone())
    return {name: torch.stack(values) for name, values in course.items()}


def _same(one: Course, other: Course) -> bool:
    return one.keys() == other.keys() and all(
        one[name].dtype == other[name].dtype
        and bool(torch.equal(one[name].nan_to_num(-9), other[name].nan_to_num(-9)))
        for name in one
    )


@pytest.fixture(scope="session")
def write_script() -> Callable[..., Script]:
    """Noise and actions for a task: write_script(task, steps, seed=0)."""
    return _write


@pytest.fixture(scope="session")
def perform() -> Callable[..., Course]:
    """Steps a task through a script: perform(task, script, options=, reset=)."""
    return _perform


@pytest.fixture(scope="session")
def same() -> Callable[[Course, Course], bool]:
    """Whether two courses agree to the last bit; NaN equals NaN."""
    return _same
