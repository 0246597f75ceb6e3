"""The catalogue: every task, its environment, its analysis and its source.

Gymnasium ids, command-line choices, tests and the report all read this one table of
strings; nothing here imports torch. A new task is one entry.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, kw_only=True)
class TaskEntry:
    """Where a task's parts stand, as import strings."""

    id: str
    """Gymnasium id."""
    env: str
    """"module:Class" of the task."""
    strategies: str
    """Module whose `reference_strategies(task)` gives the yardsticks."""
    analysis: str
    """Module of the analysis, table to figure."""
    summary: str
    """One line for `metarl tasks`."""
    source: str
    """The study the task comes from."""


TASKS: Mapping[str, TaskEntry] = MappingProxyType(
    {
        "two-step": TaskEntry(
            id="metarl/TwoStep-v0",
            env="metarl.envs.two_step:TwoStep",
            strategies="metarl.strategies.two_step",
            analysis="metarl.analysis.two_step",
            summary="a choice leads, mostly, to one of two states that pay",
            source="Wang et al. 2018, Simulation 4; Daw et al. 2011",
        ),
        "daw-two-step": TaskEntry(
            id="metarl/DawTwoStep-v0",
            env="metarl.envs.daw_two_step:DawTwoStep",
            strategies="metarl.strategies.daw_two_step",
            analysis="metarl.analysis.two_step",
            summary="the human two-step task: a second choice, drifting rewards",
            source="Daw et al. 2011, Neuron 69:1204",
        ),
    }
)


def task_entry(name: str) -> TaskEntry:
    """The catalogue's entry of a task; ValueError names the tasks there are."""
    try:
        return TASKS[name]
    except KeyError:
        raise ValueError(
            f"unknown task {name!r}; choose from: {', '.join(TASKS)}"
        ) from None


def load(reference: str) -> Any:
    """The object that "module:name" names."""
    module, _, name = reference.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (ModuleNotFoundError, AttributeError) as error:
        raise ValueError(
            f"{reference!r} cannot be imported ({error}); give it as 'module:Class', "
            "importable from the folder you start metarl in"
        ) from None


def task_class(name: str) -> Any:
    """The task's class; name is in the catalogue, or "module:Class" of a user's own."""
    found = load(name if ":" in name else task_entry(name).env)
    if not hasattr(found, "params_type"):
        raise ValueError(
            f"{name!r} is no task: it must be a subclass of metarl.envs.task.Task "
            "with a params_type"
        )
    return found
