"""Fixtures that play any task with predefined noise and actions."""

from collections.abc import Callable
from typing import Any

import pytest
from short import small

from metarl.envs import testing
from metarl.envs.harlow.learning_set import LearningSet
from metarl.envs.registry import NAMES, task_class
from metarl.envs.task import Task
from metarl.envs.testing import Course, Script


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


@pytest.fixture(scope="session")
def write_script() -> Callable[..., Script]:
    """Noise and actions for a task: write_script(task, steps, seed=0)."""
    return testing.write_script


@pytest.fixture(scope="session")
def perform() -> Callable[..., Course]:
    """Steps a task through a script: perform(task, script, options=, reset=).

    Rows are those of the steps that end trials, where all environments end together.
    """

    def perform_it(task: Task[Any], script: Script, **more: Any) -> Course:
        course = testing.play(task, script, **more)
        # Only the environments of a learning set end trials at different times.
        if isinstance(task, LearningSet) or "trial_ended" not in course:
            return course
        some = course["trial_ended"].any(1)
        return {k: v[some] if k.startswith("row ") else v for k, v in course.items()}

    return perform_it


@pytest.fixture(scope="session")
def same() -> Callable[[Course, Course], bool]:
    """Whether two courses agree to the last bit; NaN equals NaN."""
    return testing.same_course
