"""Every way of setting a task's parameters refuses the same values, at once."""

import dataclasses
import json
import math
import time
import typing

import gymnasium
import pytest

import metarl
from metarl.cli.main import main
from metarl.core.checks import MetaRLError
from metarl.envs.adapters import make as make_task
from metarl.envs.registry import gymnasium_id, task_class
from metarl.experiments.spec import preset
from metarl.runs.config import change_params, from_plain, to_plain

NO_NUMBER = ["x", True, math.nan, math.inf, None, [1], 10**400, -(10**9)]
REFUSED = {
    int: [5.5, 5.0, 10**11, 10**7, 10**5, *NO_NUMBER],
    float: [1e30, 1e5, *NO_NUMBER],
    bool: ["x", 5.5, 1, None],
    str: [3, True, None],
}
"""Type of a field -> values that no field of it takes."""


def fields(task_name, *types):
    """Fields of these types, with their types."""
    kind = task_class(task_name).params_type
    hints = typing.get_type_hints(kind)
    found = {f.name: hints[f.name] for f in dataclasses.fields(kind)}
    return {n: t for n, t in found.items() if t in types} if types else found


def test_every_field_refuses_values_of_another_kind_and_size_at_once(task_name):
    kind, began, count = task_class(task_name).params_type, time.monotonic(), 0
    for name, hint in fields(task_name).items():
        for value in REFUSED.get(hint, ["x", 3]):
            with pytest.raises(ValueError, match=f"^{name} must be"):
                kind(**{name: value})
            count += 1
    assert count > 10
    assert time.monotonic() - began < 1


def test_a_batch_has_a_whole_number_of_environments_within_reason(task_name):
    for value in (2.5, True, "x", math.nan, 0, -1, 10**7, 10**11):
        with pytest.raises(ValueError, match=r"^num_envs must be"):
            make_task(task_name, value)
        with pytest.raises(ValueError, match=r"^num_envs must be"):
            gymnasium.make_vec(gymnasium_id(task_name), num_envs=value)


@pytest.mark.parametrize("value", [10**11, 10**7, 10**5])
def test_sizes_are_refused_alike_however_they_are_set(task_name, value):
    plain = to_plain(preset(task_name, "smoke"))
    for name in fields(task_name, int):
        words = f"^{name} must be "
        for call in (make_task, metarl.make, task_class(task_name).params_type):
            first = () if isinstance(call, type) else (task_name,)
            with pytest.raises(ValueError, match=words):
                call(*first, **{name: value})
        for make in (gymnasium.make, gymnasium.make_vec):
            with pytest.raises(ValueError, match=words):
                make(gymnasium_id(task_name), **{name: value})
        with pytest.raises(ValueError, match=words):
            change_params(preset(task_name).task_params, {name: value})
        changed = plain | {"task_params": plain["task_params"] | {name: value}}
        with pytest.raises(MetaRLError, match=f"{name} must be "):
            from_plain(json.loads(json.dumps(changed)))


def test_the_command_line_refuses_a_size_and_writes_nothing(
    task_name, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    name = next(iter(fields(task_name, int)), None)
    assert name
    option = f"--task.{name.replace('_', '-')}"
    words = ["train", task_name, "--out", "run", option, str(10**11)]
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 2
    assert f"{name} must be at most" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "run").exists()


def test_a_number_of_a_file_is_checked_like_any_other(task_name):
    plain = to_plain(preset(task_name, "smoke"))
    for name, hint in fields(task_name, int, float, bool).items():
        for value in (True, "x", None) if hint is not bool else (1, "x", None):
            changed = plain | {"task_params": plain["task_params"] | {name: value}}
            with pytest.raises(MetaRLError, match=f"{name} must be "):
                from_plain(changed)


def test_the_tasks_own_params_of_a_user_are_checked_too():
    @dataclasses.dataclass(frozen=True)
    class Own:
        trial_count: int = 5
        share: float = 0.5

    class Task(task_class("bandit")):
        params_type = Own

    with pytest.raises(
        ValueError, match=r"^trial_count must be a whole number, got 5\.5"
    ):
        make_task(Task, trial_count=5.5)
    with pytest.raises(ValueError, match=r"^share must be a finite number, got nan"):
        make_task(Task, share=math.nan)
