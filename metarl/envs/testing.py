"""Check a task by playing it: the rules for every task, including your own.

    check_task(make("my_module:EXPERIMENT"))

The contract tests of metarl's own tasks use the same functions. A check makes fresh
environments with the parameters of the given task, and raises ValueError with one
sentence where something is wrong.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from metarl.core.files import TRIAL_COLUMNS
from metarl.core.names import did_you_mean
from metarl.envs.task import Task

ENVS = 7
"""Number of environments that a check plays."""
STEPS = 40
"""Most steps that a check plays."""
MOST_NOISE = 64
"""Largest number of uniform numbers that a step is tried with."""
ADDED_COLUMNS = ("subject", "session", "episode", "trial")
"""Columns of the trial table that the recorder adds."""

Kind = TypeVar("Kind", bound=Task[Any])

Course = dict[str, Tensor]
"""Results of a task: name -> (times, B, ...)."""


class Script(NamedTuple):
    """Noise and actions of a course, one column per environment."""

    start: Tensor
    """(B, N) noise of the first reset."""
    noise: Tensor
    """(T, B, N) noise of the steps."""
    actions: Tensor
    """(T, B)."""
    resets: Tensor
    """(T, B, N) noise of the resets after steps that end an episode."""

    def num_envs(self, order: Any) -> "Script":
        """Some of the environments, in this order."""
        return Script(self.start[order], *(part[:, order] for part in self[1:]))

    def part(self, first: int, stop: int | None = None) -> "Script":
        """Some of the steps."""
        return Script(self.start, *(part[first:stop] for part in self[1:]))


def write_script(task: Task[Any], steps: int, seed: int = 0) -> Script:
    """Draw noise and actions for so many steps of a task."""
    generator = torch.Generator().manual_seed(seed)
    size = (task.num_envs, task.noise_size)
    return Script(
        torch.rand(size, generator=generator),
        torch.rand((steps, *size), generator=generator),
        torch.randint(task.action_count, (steps, task.num_envs), generator=generator),
        torch.rand((steps, *size), generator=generator),
    )


def play(
    task: Task[Any],
    script: Script,
    *,
    options: Mapping[str, float] | None = None,
    reset: bool = True,
    restart: bool = False,
) -> Course:
    """Step a task through a script.

    Args:
        task: the task.
        script: noise and actions.
        options: for the first reset.
        reset: whether to begin with a reset.
        restart: whether to start a new episode wherever one ends.

    Returns:
        first, the first observation; the fields of each `Step`; event; the hidden
        variables; and "row COLUMN" for the trials that ended, NaN in other places.
    """
    first = task.reset(script.start, options=options) if reset else task.observation()
    course = {"first": [first.clone()]}
    for actions, noise, fresh in zip(
        script.actions, script.noise, script.resets, strict=True
    ):
        step = task.step(actions, noise)
        answers = step._asdict() | {"event": task.event()} | task.hidden()
        rows, ended = task.trial_row().items(), step.trial_ended
        answers |= {f"row {k}": torch.where(ended, v, torch.nan) for k, v in rows}
        for name, values in answers.items():
            course.setdefault(name, []).append(values.clone())
        if restart and bool(step.terminated.any()):
            task.reset(fresh, where=step.terminated)
    return {name: torch.stack(values) for name, values in course.items()}


def same_course(one: Course, other: Course) -> bool:
    """Whether two courses agree to the last bit; NaN equals NaN."""
    return one.keys() == other.keys() and all(
        one[name].dtype == other[name].dtype and _equal(one[name], other[name])
        for name in one
    )


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return one.shape == other.shape and torch.equal(
            one.nan_to_num(-9), other.nan_to_num(-9)
        )
    return bool(one is other or one == other)


# The checks


def check_task(task: Task[Any]) -> None:
    """Raise ValueError unless a task follows the rules for every task.

    That is: noise, state, rows and randomness as `check_playable` says, and results
    with the declared shapes and ranges.
    """
    check_playable(task)
    check_results(task)
    check_episode(task)


def check_playable(task: Task[Any]) -> None:
    """Raise ValueError unless networks can be trained on a task and tested with it.

    Its results have the declared types. Its only randomness is the noise, of which
    `noise_size` is enough; an episode does not depend on the one before, nor an
    environment on the others; `state_names` has the whole state; and `trial_row` has
    the columns of a trial table.
    """
    check_noise(task)
    check_types(task)
    check_rows(task)
    check_randomness(task)
    check_environments(task)
    check_state(task)


def check_noise(task: Task[Any]) -> None:
    """Raise ValueError unless `noise_size` is as much noise as the task reads."""
    size = task.noise_size
    for enough in range(size, MOST_NOISE):
        try:
            _play_with(task, enough)
        except IndexError:
            continue
        if enough > size:
            raise _error(
                task,
                f"noise_size must be {enough}, the number of uniform numbers that a "
                f"reset or step reads, got {size}",
            )
        return
    _play_with(task, size)


def _play_with(task: Task[Any], noise_size: int) -> None:
    """Play a task with so much noise, whatever its `noise_size`."""
    actions = write_script(_fresh(task), _steps(task)).actions
    size = (2, *actions.shape, noise_size)
    noise, resets = torch.rand(size, generator=torch.Generator().manual_seed(0))
    play(_fresh(task), Script(resets[0], noise, actions, resets), restart=True)


def check_randomness(task: Task[Any]) -> None:
    """Raise ValueError unless noise and actions determine every episode."""
    one, other = _fresh(task), _fresh(task)
    script = write_script(one, _steps(task))
    course = play(one, script, restart=True)
    if not same_course(course, play(other, script, restart=True)):
        raise _error(
            task,
            "the same noise and actions must give the same course, and did not: all "
            "randomness must come from `noise`",
        )
    play(one, write_script(one, 3, seed=5), restart=True)
    if not same_course(course, play(one, script, restart=True)):
        raise _error(
            task,
            "an episode must not depend on the one before, and did: reset must set "
            "the whole state",
        )


def check_environments(task: Task[Any]) -> None:
    """Raise ValueError unless an environment's course is its own.

    Permuted noise gives permuted courses, and an environment of a batch the same
    numbers as one alone.
    """
    script = write_script(_fresh(task), _steps(task))
    course = play(_fresh(task), script, restart=True)
    orders = (torch.randperm(ENVS, generator=torch.Generator().manual_seed(3)), [2])
    for order in orders:
        part = script.num_envs(order)
        expected = {name: values[:, order] for name, values in course.items()}
        alone = play(_fresh(task, len(order)), part, restart=True)
        if not same_course(alone, expected):
            raise _error(
                task,
                "an environment must not depend on the others of its batch, and did: "
                "row k of every result must be from row k of state, noise and actions",
            )


def check_state(task: Task[Any]) -> None:
    """Raise ValueError unless a task continues from its state as if never stopped."""
    for name in task.state_names:
        if not hasattr(task, name):
            raise _error(
                task,
                f"state_names has {name!r}, which is no attribute"
                f"{did_you_mean(name, vars(task))}",
            )
    script = write_script(_fresh(task), _steps(task))
    found: list[list[str]] = []
    for at in range(min(7, _steps(task))):
        first = _fresh(task)
        play(first, script.part(0, at), restart=True)
        lacking = _lacking_state(first, script.part(at))
        found += [] if lacking is None else [lacking]
    if found:
        names = ", ".join(dict.fromkeys(name for each in found for name in each))
        raise _error(
            task,
            f"state_names {f'lacks {names}' if names else 'is incomplete'}: a task "
            "must continue from a saved state with the course that it would have taken",
        )


def _lacking_state(first: Task[Any], rest: Script) -> list[str] | None:
    """Names of attributes that the state lacks; None if it is complete."""
    state, attributes = first.state(), dict(vars(first))
    readings = _readings(first)
    expected = play(first, rest, reset=False, restart=True)

    def continues(names: list[str]) -> bool:
        other = _fresh(first)
        play(other, write_script(other, 2, seed=8), restart=True)
        other.load_state(state)
        for name in names:
            setattr(other, name, attributes[name])
        if not same_course(_readings(other), readings):
            return False
        return same_course(play(other, rest, reset=False, restart=True), expected)

    if continues([]):
        return None
    others = [name for name in attributes if name not in first.state_names]
    if not continues(others):
        return []
    return [k for k in others if not continues([name for name in others if name != k])]


def _readings(task: Task[Any]) -> Course:
    """What can be read of a task between two steps."""
    now = {"observation": task.observation(), "event": task.event()}
    return {**now, **task.hidden(), **task.trial_row()}


def check_rows(task: Task[Any]) -> None:
    """Raise ValueError unless `trial_row` has the columns of a trial table.

    Each has one number per environment: a whole number, unless it is one of
    `real_columns`, and one that `categories` has a word for, where it has words.
    """
    played = _fresh(task)
    course = play(played, write_script(played, _steps(task)), restart=True)
    row = {k.removeprefix("row "): v for k, v in course.items() if k[:4] == "row "}
    missing = [k for k in TRIAL_COLUMNS if k not in (*row, *ADDED_COLUMNS)]
    if missing:
        raise _error(task, f"trial_row lacks the column {missing[0]}")
    for name, values in row.items():
        known = values[~values.isnan()]
        if values.shape[1:] != (ENVS,):
            raise _error(
                task, f"{name} of trial_row must be one number per environment"
            )
        if name in task.real_columns:
            continue
        if not torch.equal(known, known.round()):
            raise _error(
                task,
                f"{name} of trial_row must be whole numbers, or be in real_columns",
            )
        words = task.categories.get(name)
        if words and not bool(((known >= 0) & (known < len(words))).all()):
            raise _error(task, f"{name} of trial_row has a code without a word")


def check_types(task: Task[Any]) -> Course:
    """Raise ValueError unless results have the declared types and shapes.

    Returns:
        The results of some episodes.
    """
    played = _fresh(task)
    course = play(played, write_script(played, _steps(task)), restart=True)
    course["observation"] = torch.cat((course["first"], course["observation"]))
    observation = (ENVS, task.observation_size)
    _check_result(task, course, "observation", torch.float32, observation)
    _check_result(task, course, "reward", torch.float32, (ENVS,))
    _check_result(task, course, "terminated", torch.bool, (ENVS,))
    _check_result(task, course, "trial_ended", torch.bool, (ENVS,))
    _check_result(task, course, "event", torch.int64, (ENVS,))
    return course


def check_results(task: Task[Any]) -> None:
    """Raise ValueError unless results have the declared types, shapes and ranges."""
    played, course = _fresh(task), check_types(task)
    bounds = {
        "observation": task.observation_range,
        "reward": task.reward_range,
        "event": (0, len(task.event_names) - 1),
    }
    for name, (low, high) in bounds.items():
        values = course[name]
        if not bool(((values >= low) & (values <= high)).all()):
            raise _error(
                task,
                f"{name} must be in [{low:g}, {high:g}], got "
                f"{float(values.min()):g} to {float(values.max()):g}",
            )
    if played.valid_actions().shape != (ENVS, task.action_count):
        raise _error(task, "valid_actions must have one row per environment")


def _check_result(
    task: Task[Any],
    course: Course,
    name: str,
    dtype: torch.dtype,
    shape: tuple[int, ...],
) -> None:
    values = course[name]
    if values.dtype != dtype or values.shape[1:] != shape:
        raise _error(
            task,
            f"{name} must be {dtype} of shape {shape} in a batch of {ENVS}, got "
            f"{values.dtype} of shape {tuple(values.shape[1:])}",
        )


def check_episode(task: Task[Any]) -> None:
    """Raise ValueError unless an episode has `episode_steps`, if they are declared."""
    length = task.episode_steps
    if length is None:
        return
    played = _fresh(task)
    ends = play(played, write_script(played, length))["terminated"]
    if bool(ends[:-1].any()) or not bool(ends[-1].all()):
        first = ends.any(1).nonzero().flatten().tolist()
        got = f"after {first[0] + 1}" if first else "not then"
        raise _error(
            task,
            f"an episode must end after episode_steps, {length}, but ended {got}",
        )


def _fresh(task: Kind, num_envs: int = ENVS) -> Kind:
    """New environments of the same task."""
    return type(task)(num_envs, task.params, task.device)


def _steps(task: Task[Any]) -> int:
    """Number of steps to play: an episode, if it is short."""
    return min(STEPS, task.episode_steps or STEPS)


def _error(task: Task[Any], words: str) -> ValueError:
    return ValueError(f"{type(task).__name__}: {words}")
