"""metarl train."""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from metarl.agents.config import A2CConfig, NetworkConfig
from metarl.cli.options import (
    BatchOptions,
    DetachOptions,
    DeviceOptions,
    bad_input,
    engine_of,
    finish,
    parse,
)
from metarl.core.checks import MetaRLError
from metarl.envs.registry import NAMES
from metarl.runs.config import TrainingConfig
from metarl.runs.folder import default_folder

Params = TypeVar("Params")


@dataclass(frozen=True, kw_only=True)
class TrainOptions(BatchOptions, DetachOptions, DeviceOptions, Generic[Params]):
    """Train subjects: independent networks, each with its own random streams."""

    out: Path
    """Folder of the run."""
    resume: bool = False
    """Resume the run in --out; start it if there is none."""
    variants: bool = False
    """Also train the variants of the experiment, into the run's folder."""
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


def main(words: list[str]) -> int:
    """Train networks on a task: metarl train TASK [--preset NAME] [--out FOLDER]."""
    first = argparse.ArgumentParser(
        prog="metarl train", add_help=False, allow_abbrev=False
    )
    first.add_argument("task")
    first.add_argument("--preset", default="fast")
    # The task must come first; otherwise an option's value would be taken for it.
    if not words or words[0].startswith("-"):
        raise MetaRLError(
            "the first word must be a task: metarl train TASK "
            "[--preset fast|paper|smoke] [--out FOLDER]; the tasks are "
            f"{', '.join(NAMES)}; "
            "metarl train TASK --help shows every setting"
        )
    chosen, rest = first.parse_known_args(words)
    from metarl.experiments.spec import preset
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
        )
    return finish(outcome, f"trained {config.subjects} subjects: {options.out}")
