"""What the report's page says of one run: read from its folder, its code and docs."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from metarl.core.docstrings import introduction, remarks, sections, value_docstring
from metarl.core.files import read_json
from metarl.envs.registry import TaskEntry, task_class, task_entry
from metarl.experiments import presets
from metarl.experiments import tests as protocols
from metarl.reports.html.figures import (
    Picture,
    analysis_picture,
    curves_picture,
    timing_picture,
)
from metarl.reports.scorecard import effect_rows
from metarl.runs.config import RunConfig, to_plain
from metarl.runs.folder import EvaluationFolder, Run, SubjectFolder, first_difference

REMARKS = ("Departs", "Declared")
"""Labels of a task's docstring that tell how it follows its paper."""


@dataclass(frozen=True, kw_only=True)
class Remark:
    """How a part of the experiment follows the paper, or leaves it."""

    label: str
    """Departs, Declared, or the part that is described."""
    text: str
    """In words."""
    where: str
    """The file where it stands."""


@dataclass(frozen=True, kw_only=True)
class Population:
    """Networks that were trained otherwise."""

    name: str
    """The control's name."""
    why: str
    """What it shows."""
    state: str
    """How far it has come, in words."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One network: what its training took, and whether it stayed frozen."""

    number: int
    """From 0."""
    steps: int | None
    """Environment steps of its training so far; None before the first of them."""
    cost: dict[str, float]
    """cpu_seconds and wall_seconds of its training; empty where it is not known."""
    facts: dict[str, Any]
    """Facts of its frozen evaluation; empty where it has none."""

    @property
    def frozen(self) -> bool:
        """Whether the evaluation left every weight as it was."""
        return bool(self.facts["weights_before"] == self.facts["weights_after"])


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Everything that the page says of one run."""

    name: str
    config: RunConfig[Any]
    entry: TaskEntry
    introduction: list[str]
    """Paragraphs about the task."""
    rules: dict[str, str]
    """Label -> rule of the task."""
    remarks: list[Remark]
    commands: list[str]
    """They make the same run, in the page's folder."""
    difference: str
    """Where the run is not as its preset has it; empty if nowhere."""
    subjects: list[Subject]
    versions: dict[str, str]
    """What made the networks; where subjects differ, all that there were."""
    controls: list[Population]
    effects: list[dict[str, Any]]
    """Rows of effects, as in the scorecard."""
    missing: str
    """What is yet to be done before there are effects; empty if nothing."""
    timing: Picture
    curves: Picture | None
    figure: Picture | None


def experiment(name: str, run: Run, folder: Path) -> Experiment:
    """What there is to say of a run.

    Args:
        name: what the page calls it.
        run: of a task in the catalogue, finished or not.
        folder: the page's, from which the commands are given.
    """
    task = run.config.task
    described = task_class(task)
    learned = any(subject.metrics_path.exists() for subject in run.subjects)
    figure = run.analysis_path / "figure.png"
    return Experiment(
        name=name,
        config=run.config,
        entry=task_entry(task),
        introduction=introduction(described),
        rules={k: v for k, v in sections(described).items() if k not in REMARKS},
        remarks=list(_remarks(run.config)),
        commands=_commands(run, folder),
        difference=_difference(run.config),
        subjects=[_subject(run, k) for k in range(run.config.subjects)],
        versions=versions_of(run.subjects),
        controls=_controls(run),
        effects=effect_rows(name, run),
        missing=_missing(run),
        timing=timing_picture(run.config),
        curves=curves_picture(run.metrics) if learned else None,
        figure=analysis_picture(task, figure) if figure.exists() else None,
    )


def _missing(run: Run) -> str:
    """What stands between a run and its effects."""
    if run.effects_path.exists():
        return ""
    if run.evaluated:
        return "It was evaluated, and not analysed yet: metarl analyze does it."
    trained = sum(subject.finished for subject in run.subjects)
    return (
        f"It has no evaluation: {trained} of {run.config.subjects} networks are "
        "trained, and metarl evaluate tests them once all are."
    )


def _remarks(config: RunConfig[Any]) -> Iterator[Remark]:
    """How task, recipe, protocol and analysis follow the paper."""
    described = task_class(config.task)
    found = sections(described)
    for label in REMARKS:
        if label in found:
            where = file_of(described.__module__)
            yield Remark(label=label, text=found[label], where=where)
    recipe = presets.RECIPES[config.task].get(config.preset)
    protocol = protocols.PROTOCOLS.get(config.task)
    parts: tuple[tuple[str, ModuleType, object], ...] = (
        ("Training", presets, recipe),
        ("Test", protocols, protocol),
    )
    for label, module, part in parts:
        text = "" if part is None else value_docstring(module, part)
        if text:
            yield Remark(label=label, text=text, where=file_of(module.__name__))
    for name in _analysis_modules(config.task):
        for label, text in remarks(import_module(name).__doc__):
            yield Remark(label=label, text=text, where=file_of(name))


def _analysis_modules(task: str) -> list[str]:
    """Modules of a task's analysis: those of its folder."""
    package = task_entry(task).analysis.rpartition(".")[0]
    folder = import_module(package).__path__
    return [f"{package}.{module.name}" for module in iter_modules(folder)]


def file_of(module: str) -> str:
    """A module's file in the repository."""
    return f"{module.replace('.', '/')}.py"


def _commands(run: Run, folder: Path) -> list[str]:
    """The commands that made a run, as they are given in a folder."""
    inside = run.path.resolve().is_relative_to(folder.resolve())
    path = run.path.resolve().relative_to(folder.resolve()) if inside else run.path
    where, config = shlex.quote(path.as_posix()), run.config
    return [
        f"metarl train {config.task} --preset {config.preset} "
        f"--subjects {config.subjects} --seed {config.seed} --out {where}"
        f"{' --controls' if run.controls else ''}",
        f"metarl evaluate {where}{_tested_otherwise(run)}",
        f"metarl analyze {where}",
    ]


def _tested_otherwise(run: Run) -> str:
    """Options for the numbers of episodes, where they are not the protocol's."""
    test = protocols.protocol(run.config.task).test
    evaluated = next(iter(run.evaluated.values()), None)
    if evaluated is None:
        return ""
    return "".join(
        f" --{name.replace('_', '-')} {evaluated.facts[name]}"
        for name in ("episodes", "record_episodes")
        if evaluated.facts[name] != getattr(test, name)
    )


def _difference(config: RunConfig[Any]) -> str:
    """Where a configuration first differs from its preset's, in words."""
    if config.preset not in presets.RECIPES[config.task]:
        return f"preset {config.preset} is not one of this version's"
    usual = presets.preset(config.task, config.preset)
    usual = replace(usual, subjects=config.subjects, seed=config.seed)
    return first_difference(to_plain(usual), to_plain(config))


def _subject(run: Run, number: int) -> Subject:
    folder = run.subject(number)
    steps = int(folder.metrics["steps"].iloc[-1]) if folder.metrics_path.exists() else 0
    evaluated: EvaluationFolder | None = run.evaluated.get(number)
    return Subject(
        number=number,
        steps=steps or None,
        cost=read_json(folder.cost_path) if folder.cost_path.exists() else {},
        facts=evaluated.facts if evaluated else {},
    )


def versions_of(subjects: list[SubjectFolder]) -> dict[str, str]:
    """Name -> version of what trained these subjects; several where they differ."""
    found: dict[str, dict[str, None]] = {}
    for subject in subjects:
        path = subject.path / "versions.json"
        for name, version in (read_json(path) if path.exists() else {}).items():
            found.setdefault(name, {})[version or "unknown"] = None
    return {name: ", ".join(versions) for name, versions in found.items()}


def _controls(run: Run) -> list[Population]:
    """The populations of the protocol, there or missing."""
    there = run.controls
    return [
        Population(name=name, why=control.why, state=_state(there.get(name)))
        for name, control in protocols.protocol(run.config.task).controls.items()
    ]


def _state(control: Run | None) -> str:
    if control is None:
        return "missing: not trained (metarl train --controls)"
    expected, tested = control.config.subjects, len(control.evaluated)
    if tested:
        return f"{tested} of {expected} networks trained and tested"
    trained = sum(subject.finished for subject in control.subjects)
    return f"missing: {trained} of {expected} networks trained, none tested"
