"""Content of the report on one run, from its folder, experiment and docstrings."""

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
    task_diagram_picture,
)
from metarl.reports.scorecard import effect_rows
from metarl.runs.config import RunConfig, to_plain
from metarl.runs.folder import EvaluationFolder, Run, SubjectFolder, first_difference
from metarl.training.metrics import read_cost


@dataclass(frozen=True, kw_only=True)
class Remark:
    """Remark on how a part of the experiment follows the paper."""

    label: str
    """Departs, Declared, or the name of the described part."""
    text: str
    """Text of the remark."""
    where: str
    """File that contains it."""


@dataclass(frozen=True, kw_only=True)
class VariantState:
    """Variant, and its progress."""

    name: str
    """Name of the variant."""
    why: str
    """Purpose of the variant."""
    state: str
    """Progress, in words."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One network: cost of training, and metadata of the frozen evaluation."""

    number: int
    """Subject index, from 0."""
    steps: int | None
    """Environment steps of training so far; None if there are none."""
    cost: dict[str, float]
    """cpu_seconds and wall_seconds of training; empty if unknown."""
    metadata: dict[str, Any]
    """Metadata of the frozen evaluation; empty if it has none."""

    @property
    def frozen(self) -> bool:
        """Whether the evaluation left all weights unchanged."""
        return bool(self.metadata["weights_before"] == self.metadata["weights_after"])


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """Content of the page about one run."""

    name: str
    config: RunConfig[Any]
    experiment: Experiment
    introduction: list[str]
    """Paragraphs about the task."""
    rules: dict[str, str]
    """Label -> rule of the task."""
    remarks: list[Remark]
    commands: list[str]
    """Commands that make the same run, in the folder of the page."""
    difference: str
    """First difference from the run's preset; empty if there is none."""
    subjects: list[Subject]
    versions: dict[str, str]
    """Name -> version of the software; all versions if subjects differ."""
    variants: list[VariantState]
    effects: list[dict[str, Any]]
    """Rows of effects, as in the scorecard."""
    missing: str
    """Steps required before there are effects; empty if there are none."""
    diagram: Picture | None
    curves: Picture | None
    figure: Picture | None


def run_facts(name: str, run: Run, folder: Path) -> RunFacts:
    """Collect the content of the page about a run.

    Args:
        name: title of the run.
        run: run of an experiment with an analysis, finished or not.
        folder: folder of the page, in which the commands are run.
    """
    task = run.config.task
    described = task_class(task)
    has_curves = any(subject.metrics_path.exists() for subject in run.subjects)
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
        diagram=task_diagram_picture(run.config),
        curves=curves_picture(run.metrics) if has_curves else None,
        figure=analysis_picture(task, figure) if figure.exists() else None,
    )


def _missing(run: Run) -> str:
    """Describe the steps that a run still needs before it has effects."""
    if run.effects_path.exists():
        return ""
    if run.evaluated:
        return "It was evaluated, but not analysed yet: run metarl analyze."
    trained = sum(subject.finished for subject in run.subjects)
    return (
        f"It has no evaluation: {trained} of {run.config.subjects} networks are "
        "trained; when all are trained, run metarl evaluate."
    )


def _remarks(config: RunConfig[Any]) -> Iterator[Remark]:
    """Yield remarks on how task, training, tests and analysis follow the paper."""
    described, chosen = task_class(config.task), experiment(config.task)
    for label, text in sections(described).items():
        if label in REMARKS:
            yield Remark(label=label, text=text, where=file_of(described.__module__))
    for label, text in paragraphs(chosen.notes):
        yield Remark(label=label, text=text, where=file_of(module_of(config.task)))
    for name in analysis_modules(chosen):
        for label, text in remarks(import_module(name).__doc__):
            yield Remark(label=label, text=text, where=file_of(name))


def analysis_modules(chosen: Experiment) -> list[str]:
    """Return the modules of an experiment's analysis: the package and its modules."""
    if not isinstance(chosen.analysis, str) or not chosen.analysis:
        return []
    folder = getattr(import_module(chosen.analysis), "__path__", [])
    inner = [f"{chosen.analysis}.{module.name}" for module in iter_modules(folder)]
    return [chosen.analysis, *inner]


def file_of(module: str) -> str:
    """Return the file of a module in the repository."""
    return f"{module.replace('.', '/')}.py"


def _commands(run: Run, folder: Path) -> list[str]:
    """Return the commands that make a run, relative to a folder."""
    inside = run.path.resolve().is_relative_to(folder.resolve())
    path = run.path.resolve().relative_to(folder.resolve()) if inside else run.path
    where, config = shlex.quote(path.as_posix()), run.config
    return [
        f"metarl train {config.task} --preset {config.preset} "
        f"--subjects {config.subjects} --seed {config.seed} --out {where}"
        f"{' --variants' if _own_variants(run) else ''}",
        f"metarl evaluate {where}{_episode_options(run)}",
        f"metarl analyze {where}",
    ]


def _episode_options(run: Run) -> str:
    """Return the options for numbers of episodes that differ from the experiment."""
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
    """Describe the first difference of a configuration from its preset."""
    chosen = experiment(config.task)
    if config.preset not in chosen.presets:
        return f"preset {config.preset} does not exist in this version"
    preset = chosen.config(config.task, config.preset)
    preset = replace(preset, subjects=config.subjects, seed=config.seed)
    return first_difference(to_plain(preset), to_plain(config))


def _subject(run: Run, number: int) -> Subject:
    folder = run.subject(number)
    steps = int(folder.metrics["steps"].iloc[-1]) if folder.metrics_path.exists() else 0
    evaluated: EvaluationFolder | None = run.evaluated.get(number)
    return Subject(
        number=number,
        steps=steps or None,
        cost=read_cost(folder) if folder.cost_path.exists() else {},
        metadata=evaluated.metadata if evaluated else {},
    )


def versions_of(subjects: list[SubjectFolder]) -> dict[str, str]:
    """Return the versions of the software that trained subjects, by name."""
    names: dict[str, dict[str, None]] = {}
    for subject in subjects:
        path = subject.path / "versions.json"
        for name, version in (read_json(path, dict) if path.exists() else {}).items():
            names.setdefault(name, {})[version or "unknown"] = None
    return {name: ", ".join(versions) for name, versions in names.items()}


def _variants(run: Run) -> list[VariantState]:
    """Return the progress of the experiment's own variants."""
    trained = _own_variants(run)
    return [
        VariantState(name=name, why=variant.why, state=_state(trained.get(name)))
        for name, variant in experiment(run.config.task).variants.items()
    ]


def _own_variants(run: Run) -> dict[str, Run]:
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
