"""Where the code leaves a paper, or settles what a paper leaves open, by experiment."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterable, Iterator
from types import ModuleType

import metarl
from generators.experiments import headline
from generators.markdown import code, page, plain, section
from metarl.core.docstrings import REMARKS, remarks
from metarl.envs.registry import NAMES, task_class
from metarl.experiments.spec import experiment, module_of
from metarl.reports.html.facts import analysis_modules

Remark = tuple[str, str, str]
"""Departs or Declared; the text; the dotted name that it is about."""


def departures_page() -> str:
    """All remarks of the package, grouped by what they are about."""
    by_task = {name: dict.fromkeys(remarks_of(name)) for name in NAMES}
    of_tasks = {remark for found in by_task.values() for remark in found}
    others = [remark for remark in all_remarks() if remark not in of_tasks]
    return page(
        "# Where we follow and where we depart",
        "```{include} ../principles.md\n```",
        "Every remark below stands in the code that it is about, from where this page "
        "collects it. *Departs* says where we leave the source, *Declared* what we "
        "settled because the source leaves it open.",
        *(section(headline(name)[0], _listed(by_task[name])) for name in NAMES),
        section("Every experiment", _listed(others)),
    )


def _listed(found: Iterable[Remark]) -> str:
    departures_first = sorted(found, key=lambda remark: REMARKS.index(remark[0]))
    return "\n".join(
        f"- *{kind}*: {plain(text)} ({code(about)})"
        for kind, text, about in departures_first
    )


def remarks_of(name: str) -> Iterator[Remark]:
    """The remarks about one experiment: its notes, and those of its modules."""
    for kind, text in remarks(experiment(name).notes):
        yield kind, text, module_of(name)
    for module in modules_of(name):
        yield from module_remarks(importlib.import_module(module))


def modules_of(name: str) -> Iterator[str]:
    """The task's module and its parents', its baselines' and its analysis's."""
    for base in task_class(name).__mro__:
        if base.__module__.startswith("metarl.envs.") and base.__module__ != BASE:
            yield base.__module__
    yield experiment(name).baselines
    yield from analysis_modules(experiment(name))


LEFT_OUT = ("metarl.__main__", "metarl.core.docstrings")
"""The one runs when it is imported, the other explains remarks by an example."""
BASE = "metarl.envs.task"
"""The base of all tasks belongs to no task alone."""


def all_modules() -> Iterator[ModuleType]:
    """Every module of the package that has something to document."""
    for found in pkgutil.walk_packages(metarl.__path__, "metarl."):
        if found.name not in LEFT_OUT:
            yield importlib.import_module(found.name)


def all_remarks() -> Iterator[Remark]:
    """Every remark in the package's docstrings."""
    for module in all_modules():
        yield from module_remarks(module)


def module_remarks(module: ModuleType) -> Iterator[Remark]:
    """The remarks in the docstrings of a module, its classes and its functions."""
    for about, text in docstrings(module, module.__name__):
        yield from ((kind, said, about) for kind, said in remarks(text))


def docstrings(holder: object, about: str) -> Iterator[tuple[str, str | None]]:
    """The docstrings of a module or class and all that it defines, by dotted name."""
    yield about, vars(holder).get("__doc__")
    module = about if inspect.ismodule(holder) else holder.__module__
    for name, member in vars(holder).items():
        if getattr(member, "__module__", None) != module:
            continue
        if inspect.isclass(member):
            yield from docstrings(member, f"{about}.{name}")
        elif inspect.isroutine(member):
            yield f"{about}.{name}", member.__doc__
