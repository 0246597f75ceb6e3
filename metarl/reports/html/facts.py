"""Content of a report's section on one run: from its folder, experiment and code."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from metarl.core.docstrings import (
    REMARKS,
    introduction,
    paragraphs,
    remarks,
    sections,
)
from metarl.core.files import read_json
from metarl.envs.registry import task_class
from metarl.experiments.spec import Experiment, experiment, module_of
from metarl.reports.html.figures import (
    Picture,
    analysis_picture,
    curves_picture,
    timing_picture,
)
from metarl.reports.scorecard import effect_rows
from metarl.runs.config import RunConfig, to_plain
from metarl.runs.folder import EvaluationFolder, Run, SubjectFolder, first_difference


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
class VariantState:
    """A variant, and its state."""

    name: str
    """The variant's name."""
    why: str
    """Its purpose."""
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
    metadata: dict[str, Any]
    """Metadata of its frozen evaluation; empty where it has none."""

    @property
    def frozen(self) -> bool:
        """Whether the evaluation left every weight as it was."""
        return bool(self.metadata["weights_before"] == self.metadata["weights_after"])


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """Everything that the page says of one run."""

    name: str
    config: RunConfig[Any]
    experiment: Experiment
    introduction: list[str]
    """Paragraphs about the task."""
    rules: dict[str, str]
    """Label -> rule of the task."""
    remarks: list[Remark]
    commands: list[str]
    """They make the same run, in the page's folder."""
    difference: str
    """First difference from the run's preset; empty if there is none."""
    subjects: list[Subject]
    versions: dict[str, str]
    """Versions of the software; where subjects differ, all that there were."""
    variants: list[VariantState]
    effects: list[dict[str, Any]]
    """Rows of effects, as in the scorecard."""
    missing: str
    """Steps left to do before there are effects; empty if there are none."""
    timing: Picture | None
    curves: Picture | None
    figure: Picture | None


def run_facts(name: str, run: Run, folder: Path) -> RunFacts:
    """Everything that the page says of a run.

    Args:
        name: title of the run.
        run: of an experiment with an analysis, finished or not.
        folder: the page's, from which the commands are given.
    """
    task = run.config.task
    described = task_class(task)
    learned = any(subject.metrics_path.exists() for subject in run.subjects)
    figure = run.analysis_path / "figure.png"
    return RunFacts(
        name=name,
        config=run.config,
        experiment=experiment(task),
        introduction=introduction(described),
        rules={k: v for k, v in sections(described).items() if k not in REMARKS},
        remarks=list(_remarks(run.config)),
        commands=_commands(run, folder),
        difference=_difference(run.config),
        subjects=[_subject(run, k) for k in range(run.config.subjects)],
        versions=versions_of(run.subjects),
        variants=_variants(run),
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
    """How task, training, tests and analysis follow the paper."""
    described, asked = task_class(config.task), experiment(config.task)
    for label, text in sections(described).items():
        if label in REMARKS:
            yield Remark(label=label, text=text, where=file_of(described.__module__))
    for label, text in paragraphs(asked.notes):
        yield Remark(label=label, text=text, where=file_of(module_of(config.task)))
    for name in analysis_modules(asked):
        for label, text in remarks(import_module(name).__doc__):
            yield Remark(label=label, text=text, where=file_of(name))


def analysis_modules(asked: Experiment) -> list[str]:
    """Modules of an experiment's analysis: the named one and those of its folder."""
    if not isinstance(asked.analysis, str) or not asked.analysis:
        return []
    folder = getattr(import_module(asked.analysis), "__path__", [])
    inner = [f"{asked.analysis}.{module.name}" for module in iter_modules(folder)]
    return [asked.analysis, *inner]


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
        f"{' --variants' if _variants_there(run) else ''}",
        f"metarl evaluate {where}{_episode_options(run)}",
        f"metarl analyze {where}",
    ]


def _episode_options(run: Run) -> str:
    """Options for the numbers of episodes, where they are not the experiment's."""
    test = experiment(run.config.task).test
    evaluated = next(iter(run.evaluated.values()), None)
    if evaluated is None:
        return ""
    return "".join(
        f" --{name.replace('_', '-')} {evaluated.metadata[name]}"
        for name in ("episodes", "record_episodes")
        if evaluated.metadata[name] != getattr(test, name)
    )


def _difference(config: RunConfig[Any]) -> str:
    """First difference of a configuration from its preset's, in words."""
    asked = experiment(config.task)
    if config.preset not in asked.presets:
        return f"preset {config.preset} is not one of this version's"
    usual = asked.config(config.task, config.preset)
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
        metadata=evaluated.metadata if evaluated else {},
    )


def versions_of(subjects: list[SubjectFolder]) -> dict[str, str]:
    """Name -> version of what trained these subjects; several where they differ."""
    found: dict[str, dict[str, None]] = {}
    for subject in subjects:
        path = subject.path / "versions.json"
        for name, version in (read_json(path) if path.exists() else {}).items():
            found.setdefault(name, {})[version or "unknown"] = None
    return {name: ", ".join(versions) for name, versions in found.items()}


def _variants(run: Run) -> list[VariantState]:
    """The experiment's own variants, there or missing."""
    there = _variants_there(run)
    return [
        VariantState(name=name, why=variant.why, state=_state(there.get(name)))
        for name, variant in experiment(run.config.task).variants.items()
    ]


def _variants_there(run: Run) -> dict[str, Run]:
    own = experiment(run.config.task).variants
    return {name: each for name, each in run.variants.items() if name in own}


def _state(variant: Run | None) -> str:
    if variant is None:
        return "missing: not trained (metarl train --variants)"
    expected, tested = variant.config.subjects, len(variant.evaluated)
    if tested:
        return f"{tested} of {expected} networks trained and tested"
    trained = sum(subject.finished for subject in variant.subjects)
    return f"missing: {trained} of {expected} networks trained, none tested"
