"""Page of departures from the papers, and of choices that they leave open."""

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
"""Departs or Declared; text; dotted name of the described object."""


def departures_page() -> str:
    """Return the page of all remarks in the package, by experiment."""
    by_task = {name: dict.fromkeys(remarks_of(name)) for name in NAMES}
    of_tasks = {remark for listed in by_task.values() for remark in listed}
    others = [remark for remark in all_remarks() if remark not in of_tasks]
    return page(
        "# Where we follow and where we depart",
        "```{include} ../principles.md\n```",
        "This page collects remarks from the code that they describe. *Departs* marks "
        "a difference from the source, *Declared* a choice left open by the source.",
        *(section(headline(name)[0], _listed(by_task[name])) for name in NAMES),
        section("Every experiment", _listed(others)),
    )


def _listed(listed: Iterable[Remark]) -> str:
    departures_first = sorted(listed, key=lambda remark: REMARKS.index(remark[0]))
    return "\n".join(
        f"- *{kind}*: {plain(text)} ({code(about)})"
        for kind, text, about in departures_first
    )


def remarks_of(name: str) -> Iterator[Remark]:
    """Yield the remarks about one experiment: in its notes and in its modules."""
    for kind, text in remarks(experiment(name).notes):
        yield kind, text, module_of(name)
    for module in modules_of(name):
        yield from module_remarks(importlib.import_module(module))


def modules_of(name: str) -> Iterator[str]:
    """Yield the modules of the task, its parents, its baselines and its analysis."""
    for base in task_class(name).__mro__:
        if base.__module__.startswith("metarl.envs.") and base.__module__ != BASE:
            yield base.__module__
    yield experiment(name).baselines
    yield from analysis_modules(experiment(name))


LEFT_OUT = ("metarl.__main__", "metarl.core.docstrings")
"""The first runs when it is imported; the second has an example of a remark."""
BASE = "metarl.envs.task"
"""Base of all tasks; its remarks are not about a single task."""


def all_modules() -> Iterator[ModuleType]:
    """Yield every documented module of the package."""
    for module in pkgutil.walk_packages(metarl.__path__, "metarl."):
        if module.name not in LEFT_OUT:
            yield importlib.import_module(module.name)


def all_remarks() -> Iterator[Remark]:
    """Yield every remark in the docstrings of the package."""
    for module in all_modules():
        yield from module_remarks(module)


def module_remarks(module: ModuleType) -> Iterator[Remark]:
    """Yield the remarks in the docstrings of a module, its classes and functions."""
    for about, text in docstrings(module, module.__name__):
        yield from ((kind, remark, about) for kind, remark in remarks(text))


def docstrings(holder: object, about: str) -> Iterator[tuple[str, str | None]]:
    """Yield the docstrings of a module or class and its members, by dotted name."""
    yield about, vars(holder).get("__doc__")
    module = about if inspect.ismodule(holder) else holder.__module__
    for name, member in vars(holder).items():
        if getattr(member, "__module__", None) != module:
            continue
        if inspect.isclass(member):
            yield from docstrings(member, f"{about}.{name}")
        elif inspect.isroutine(member):
            yield f"{about}.{name}", member.__doc__
