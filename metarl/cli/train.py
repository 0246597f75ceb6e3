"""metarl train."""

import argparse
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from metarl.agents.config import A2CConfig, NetworkConfig
from metarl.cli.help import (
    ALL,
    Option,
    in_order,
    nested,
    page,
    run_options,
    task_options,
    wanted,
)
from metarl.cli.options import (
    BatchOptions,
    DetachOptions,
    DeviceOptions,
    bad_input,
    engine_of,
    finish,
    parse,
)
from metarl.core.checks import MetaRLError, check_choice
from metarl.envs.registry import NAMES
from metarl.experiments.spec import experiment, preset
from metarl.runs.config import RunConfig, TrainingConfig
from metarl.runs.folder import default_folder

Params = TypeVar("Params")
SETTINGS = {"network": "Network", "learning": "Learning", "training": "Training"}
"""Settings of a training -> their heading."""
PRESET = (
    "Settings to start from: fast learns soonest on a small machine, paper has the "
    "published settings and amount of training, smoke takes seconds."
)


@dataclass(frozen=True, kw_only=True)
class TrainOptions(BatchOptions, DetachOptions, DeviceOptions, Generic[Params]):
    """Train subjects: independent networks, each with its own random streams."""

    out: Path
    """Folder of the run."""
    resume: bool = False
    """Resume the run in --out; start it if there is none."""
    variants: bool = False
    """Also train the variants of the experiment, into the run's folder."""
    observe: str = ""
    """A class of your own, as module:Class, that sees the learning curves and snapshots
    as they are made, for another tracker than TensorBoard."""
    subjects: int
    """Number of independently trained networks."""
    seed: int
    """Root of all random streams."""
    task: Params
    """Parameters of the task."""
    network: NetworkConfig
    """Recurrent network."""
    learning: A2CConfig
    """Learning rule."""
    training: TrainingConfig
    """Amount of training."""


USAGE = "train {} [--preset NAME] [--out FOLDER] [OPTIONS]"
USUAL = {
    field.name: str(field.default)
    for field in dataclasses.fields(RunConfig)
    if field.name in ("subjects", "seed")
}
"""Defaults of options that a configuration sets."""


def _help(words: Sequence[str]) -> str:
    """Help of the command, with the settings of a task if one is named."""
    if words[0].startswith("-"):
        note = (
            f"The tasks are {', '.join(NAMES)}, or your own as module:EXPERIMENT. "
            "metarl train TASK --help shows the settings of a task, network and "
            "learning; metarl tasks describes the tasks."
        )
        options = {"Options": _run_options("TASK")}
        return page(USAGE.format("TASK"), TrainOptions.__doc__ or "", options, note)
    chosen, _ = _first_words(words)
    return _task_help(chosen.task, chosen.preset, everything=ALL in words)


def _first_words(words: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Task and preset among the words of the command, and the other words."""
    first = argparse.ArgumentParser(
        prog="metarl train", add_help=False, allow_abbrev=False
    )
    first.add_argument("task")
    first.add_argument("--preset", default="fast")
    return first.parse_known_args(words)


def _task_help(task: str, name: str, *, everything: bool) -> str:
    """Help with all settings of a task; of metarl's own tasks torch is not loaded."""
    with bad_input():
        described = experiment(task)
        check_choice("preset", name, described.presets)
    chosen = described.presets[name]
    presets = Option("--preset {" + ",".join(described.presets) + "}", PRESET, name)
    groups = {
        "Options": in_order([presets, *_run_options(task)]),
        "Task": task_options(described.parameters(), chosen.task),
    }
    for each, title in SETTINGS.items():
        groups[title] = [*nested(each, getattr(chosen, each), "", {}, everything)]
    note = (
        "Settings that have no effect with these, and those of costs by area, weight "
        f"perturbation and replay: metarl train {task} --help-all."
    )
    summary = described.question or described.summary
    return page(USAGE.format(task), summary, groups, "" if everything else note)


def _run_options(task: str) -> list[Option]:
    usual = {**USUAL, "out": str(default_folder(task))}
    return in_order(run_options(TrainOptions, ("task", *SETTINGS), usual))


def main(words: list[str]) -> int:
    """Train networks on a task: metarl train TASK [--preset NAME] [--out FOLDER]."""
    if wanted(words):
        print(_help(words))
        return 0
    # The task must come first; otherwise an option's value would be taken for it.
    if not words or words[0].startswith("-"):
        raise MetaRLError(
            "the first word must be a task: metarl train TASK "
            "[--preset fast|paper|smoke] [--out FOLDER]; the tasks are "
            f"{', '.join(NAMES)}; "
            "metarl train TASK --help shows every setting"
        )
    chosen, rest = _first_words(words)
    from metarl.pipeline.run import train as train_population

    with bad_input():
        config = preset(chosen.task, chosen.preset)
    shared = ("subjects", "seed", "network", "learning", "training")
    default = TrainOptions(
        out=default_folder(chosen.task),
        task=config.task_params,
        **{name: getattr(config, name) for name in shared},
    )
    kind: Any = TrainOptions[type(config.task_params)]  # type: ignore[misc]
    options = parse(kind, f"train {chosen.task}", rest, default=default)
    with bad_input():
        config = replace(
            config,
            task_params=options.task,
            **{name: getattr(options, name) for name in shared},
        )
    with bad_input(), engine_of(options, options.out) as executor:
        outcome = train_population(
            config,
            options.out,
            variants=options.variants,
            resume=options.resume,
            workers=options.workers,
            device=options.device,
            batch_subjects=options.batch,
            executor=executor,
            detach=options.detach,
            observe=options.observe,
        )
    return finish(outcome, f"trained {config.subjects} subjects: {options.out}")
