"""Parsing of options, exit codes and final messages of all commands."""

import contextlib
import sys
from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from tyro.constructors import (
    ConstructorRegistry,
    PrimitiveConstructorSpec,
    PrimitiveTypeInfo,
)

from metarl.cli.help import ALL, command_help, wanted
from metarl.core.checks import MetaRLError
from metarl.core.engines import open_engine
from metarl.core.files import check_folder
from metarl.core.interventions import Intervention
from metarl.core.interventions import parse as parse_intervention
from metarl.core.parallel import Outcome

MISSED, BAD_INPUT, CRASHED, INTERRUPTED, NO_READER = 1, 2, 3, 130, 141
"""Exit codes: a missed criterion, bad input, a crashed subject, an interrupt, and the
end of the program that reads the output, such as `head`."""

OUT_IS_FILE = ("watch",)
"""Commands that write a file to --out; others write to a folder."""

RunFolder = Annotated[Path, tyro.conf.Positional]
TrustTask = Annotated[
    bool,
    tyro.conf.arg(
        help="Run the code of a task outside metarl, if the run is of one.",
    ),
]


@dataclass(frozen=True, kw_only=True)
class EngineOptions:
    """Options of commands with many jobs."""

    workers: int | None = None
    """Number of parallel processes; default: all cores. With --engine: number of jobs
    that are submitted at the same time; default: all."""
    engine: str | None = None
    """Where the jobs run: slurm, slurm:OPTION=VALUE,OPTION=VALUE or dask:ADDRESS;
    default: processes of this machine."""


@dataclass(frozen=True, kw_only=True)
class DeviceOptions:
    """Option of commands whose jobs step networks."""

    device: str = "cpu"
    """Device of networks and tasks: cpu, cuda, cuda:NUMBER, mps, or auto: a CUDA GPU if
    there is one, else the CPU. Results differ between devices."""


@dataclass(frozen=True, kw_only=True)
class DetachOptions(EngineOptions):
    """Options of commands with jobs that can go on alone."""

    detach: bool = False
    """With --engine: end after submitting the jobs; `metarl status` shows them."""


@dataclass(frozen=True, kw_only=True)
class BatchOptions:
    """Options of commands that train populations."""

    batch_subjects: int | Literal["auto"] = "auto"
    """Number of subjects that share one computation; auto: as many as are quickest."""

    @property
    def batch(self) -> int | None:
        """The number that was asked for; None: as many as are quickest."""
        return None if self.batch_subjects == "auto" else self.batch_subjects


@contextlib.contextmanager
def engine_of(options: EngineOptions, folder: Path) -> Iterator[Executor | None]:
    """Context with the executor that the options name; None for this machine.

    Args:
        options: options of a command.
        folder: folder of its results.
    """
    detach = isinstance(options, DetachOptions) and options.detach
    with bad_input(), open_engine(options.engine, folder, detach=detach) as engine:
        yield engine


@contextlib.contextmanager
def bad_input() -> Iterator[None]:
    """Context in which a ValueError is an error of the user, not a bug."""
    try:
        yield
    except ValueError as error:
        raise MetaRLError(str(error)) from None


REGISTRY = ConstructorRegistry()
"""Types of options that are read from one word."""


@REGISTRY.primitive_rule
def intervention_rule(
    kind: PrimitiveTypeInfo,
) -> PrimitiveConstructorSpec[Intervention] | None:
    """Read an intervention from a sentence."""
    if kind.type is not Intervention:
        return None
    return PrimitiveConstructorSpec(
        nargs=1,
        metavar="INTERVENTION",
        instance_from_str=read_intervention,
        is_instance=lambda value: isinstance(value, Intervention),
        str_from_instance=lambda value: [str(value)],
    )


def read_intervention(words: list[str]) -> Intervention:
    """Return the intervention in one sentence."""
    with bad_input():
        return parse_intervention(words[0])


def parse(kind: Any, command: str, words: list[str], **more: Any) -> Any:
    """Parse the options of a command into an instance of a dataclass.

    Raises:
        MetaRLError: the results cannot be written to --out, as a file is there.
    """
    if wanted(words):
        default, note = more.get("default"), more.get("description") or ""
        print(command_help(command, kind, default, note, everything=ALL in words))
        raise SystemExit(0)
    with bad_input():
        prog = f"metarl {command}"
        options = tyro.cli(kind, prog=prog, args=words, registry=REGISTRY, **more)
    out = getattr(options, "out", None)
    if out is not None and command not in OUT_IS_FILE:
        check_folder(out)
    return options


def finish(outcome: Outcome, done: str) -> int:
    """Print the outcome of a command, and return its exit code."""
    for name, reason in outcome.failures.items():
        print(f"metarl: {name} failed: {reason}", file=sys.stderr)
    if outcome.kept:
        print(
            f"metarl: the earlier evaluation in {outcome.path} is kept", file=sys.stderr
        )
    if outcome.failures:
        return CRASHED
    print(done)
    return 0
