"""Where the code leaves a paper, or settles what a paper leaves open, by experiment."""

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import metarl
from generators.experiments import headline
from generators.markdown import code, page, plain, section
from generators.strings import comments, names_in_entry, strings
from metarl.core.docstrings import remarks
from metarl.envs.registry import TASKS, task_class, task_entry
from metarl.experiments import presets
from metarl.experiments import tests as protocols

Remark = tuple[str, str, str]
"""Departs or Declared; the text; the dotted name that it is about."""

TABLES = {presets: "RECIPES", protocols: "PROTOCOLS"}
"""Modules that say something of one task by its key in a literal mapping."""


def departures_page() -> str:
    """All remarks of the package, grouped by what they are about."""
    by_task = {name: dict.fromkeys(remarks_of(name)) for name in TASKS}
    of_tasks = {remark for found in by_task.values() for remark in found}
    others = [remark for remark in all_remarks() if remark not in of_tasks]
    return page(
        "# Where we follow and where we depart",
        "```{include} ../principles.md\n```",
        "Every remark below stands in the code that it is about, from where this page "
        "collects it. *Departs* says where we leave the source, *Declared* what we "
        "settled because the source leaves it open.",
        *(section(headline(name)[0], _listed(by_task[name])) for name in TASKS),
        section("Every experiment", _listed(others)),
    )


def _listed(found: dict[Remark, None] | list[Remark]) -> str:
    return "\n".join(
        f"- *{kind}*: {plain(text)} ({code(about)})"
        for kind, text, about in sorted(
            found, key=lambda remark: remark[0] != "Departs"
        )
    )


def remarks_of(name: str) -> Iterator[Remark]:
    """The remarks about one task: of its modules, its recipes and its protocol."""
    for module in modules_of(name):
        yield from module_remarks(module)
    for module, mapping in TABLES.items():
        used = names_in_entry(module, mapping, name)
        for kind, text, about in module_remarks(module):
            if about.removeprefix(f"{module.__name__}.") in {name, *used}:
                yield kind, text, about


def modules_of(name: str) -> Iterator[ModuleType]:
    """The task's module and its parents', its strategies' and its analysis's."""
    entry = task_entry(name)
    for base in task_class(name).__mro__:
        if base.__module__.startswith("metarl.envs.") and base.__module__ != BASE:
            yield importlib.import_module(base.__module__)
    for module in all_modules():
        for stem in (entry.strategies, entry.analysis):
            if module.__name__ == stem or module.__name__.startswith(f"{stem}_"):
                yield module


LEFT_OUT = ("metarl.__main__", "metarl.core.docstrings")
"""The one runs when it is imported, the other explains remarks by an example."""
BASE = "metarl.envs.task"
"""What all tasks share is no task's own."""


def all_modules() -> Iterator[ModuleType]:
    """Every module of the package that tells of it."""
    for found in pkgutil.walk_packages(metarl.__path__, "metarl."):
        if found.name not in LEFT_OUT:
            yield importlib.import_module(found.name)


def all_remarks() -> Iterator[Remark]:
    """Every remark of the package."""
    for module in all_modules():
        yield from module_remarks(module)


def module_remarks(module: ModuleType) -> Iterator[Remark]:
    """The remarks in a module's strings, and in comments above a key of a mapping."""
    for name, text in strings(module):
        about = f"{module.__name__}.{name}".rstrip(".")
        yield from ((kind, said, about) for kind, said in remarks(text))
    for below, text in comments(module):
        key = below.partition(":")[0].strip('"')
        about = f"{module.__name__}.{key}"
        yield from ((kind, said, about) for kind, said in remarks(text))
