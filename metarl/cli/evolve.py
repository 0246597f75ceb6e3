"""metarl evolve."""

from dataclasses import dataclass, fields
from pathlib import Path

from metarl.cli.options import bad_input, finish, parse
from metarl.runs.config import parse_settings
from metarl.runs.folder import folder_name
from metarl.training.evolve import EvolutionConfig


@dataclass(frozen=True, kw_only=True)
class EvolveOptions(EvolutionConfig):
    """Evolve networks without a gradient: a population's mean moves, no RPE teaches.

    The run is an ordinary one: `metarl evaluate` and `metarl analyze` take it.
    """

    task: str = "bandit"
    """Name of a task without pixels, of `metarl tasks`, or "module:NAME"."""
    settings: tuple[str, ...] = ()
    """The task's parameters that are not its fast preset's, each as NAME=VALUE."""
    out: Path | None = None
    """The run's folder; runs/evolved-TASK by default."""
    resume: bool = False
    """Go on with the run in --out, or start it where there is none."""
    workers: int | None = None
    """Processes at once; all cores by default."""
    subjects: int = 4
    """Populations, each evolved on its own."""
    seed: int = 1
    """Root of all random streams."""


def main(words: list[str]) -> int:
    """Evolve networks, no gradient, no critic: metarl evolve [--task TASK]."""
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
        outcome = train(config, out, resume=options.resume, workers=options.workers)
    return finish(outcome, f"evolved {config.subjects} populations: {out}")
