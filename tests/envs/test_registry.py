"""The catalogue: every entry leads somewhere; what does not is said in one sentence."""

import importlib
import subprocess
import sys

import pytest
from toys import Lottery

from metarl.envs.registry import TASKS, load, task_class, task_entry
from metarl.envs.task import Task
from metarl.reports.figures import analysis_of


@pytest.mark.parametrize("name", TASKS)
def test_every_entrys_strings_lead_to_what_they_name(name):
    entry = task_entry(name)
    kind = task_class(name)
    assert issubclass(kind, Task)
    assert entry.id.startswith("metarl/")
    strategies = importlib.import_module(entry.strategies).make_baselines
    assert "random" in strategies(kind(1))
    assert analysis_of(name).panels
    assert entry.summary
    assert entry.question.endswith("?")
    assert entry.source


def test_ids_are_unique():
    ids = [entry.id for entry in TASKS.values()]
    assert len(set(ids)) == len(ids)


def test_an_unknown_task_is_refused_with_those_there_are():
    words = "unknown task 'twostep'; choose from: two-step, daw-two-step"
    with pytest.raises(ValueError, match=words):
        task_class("twostep")


def test_a_users_own_task_is_found_by_module_and_class():
    assert task_class("toys:Lottery") is Lottery


@pytest.mark.parametrize("reference", ["nowhere:Task", "toys:Nothing", "toys:"])
def test_what_cannot_be_imported_is_refused(reference):
    with pytest.raises(
        ValueError, match=f"'{reference}' cannot be imported .*'module:C"
    ):
        load(reference)


def test_what_is_no_task_is_refused():
    with pytest.raises(ValueError, match="'os:path' is no task: it must be a subclass"):
        task_class("os:path")


def test_the_catalogue_needs_no_torch():
    code = "import sys, metarl.envs.registry; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
