"""metarl evolve."""

from dataclasses import dataclass, fields
from pathlib import Path

from metarl.cli.options import DetachOptions, bad_input, engine_of, finish, parse
from metarl.runs.config import parse_settings
from metarl.runs.folder import folder_name
from metarl.training.evolve import EvolutionConfig


@dataclass(frozen=True, kw_only=True)
class EvolveOptions(DetachOptions, EvolutionConfig):
    """Evolve networks without gradients or RPEs: the mean of a population moves.

    `metarl evaluate` and `metarl analyze` work with the run as with any other.
    """

    task: str = "bandit"
    """Name of a task without pixels (`metarl tasks`), or "module:NAME"."""
    settings: tuple[str, ...] = ()
    """Parameters of the task that differ from its fast preset, each as NAME=VALUE."""
    out: Path | None = None
    """Folder of the run; default: runs/evolved-TASK."""
    resume: bool = False
    """Resume the run in --out; start it if there is none."""
    subjects: int = 4
    """Number of independently evolved populations."""
    seed: int = 1
    """Root of all random streams."""


def main(words: list[str]) -> int:
    """Evolve networks without gradients or a critic: metarl evolve [--task TASK]."""
    options = parse(EvolveOptions, "evolve", words)
    from metarl.pipeline.run import train

    chosen = {
        field.name: getattr(options, field.name) for field in fields(EvolutionConfig)
    }
    out = options.out or Path("runs") / f"evolved-{folder_name(options.task)}"
    with bad_input():
        config = EvolutionConfig(**chosen).configuration(
            options.task,
            parse_settings(options.settings),
            subjects=options.subjects,
            seed=options.seed,
        )
    with bad_input(), engine_of(options, out) as executor:
        outcome = train(
            config,
            out,
            resume=options.resume,
            workers=options.workers,
            executor=executor,
            detach=options.detach,
        )
    return finish(outcome, f"evolved {config.subjects} populations: {out}")
