"""What the commands share: parsing, exit codes, how an end is told."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Protocol

import tyro

from metarl.core.checks import MetaRLError

MISSED, BAD_INPUT, CRASHED, INTERRUPTED = 1, 2, 3, 130
"""Exit codes: a missed criterion, bad input, a crashed subject, an interrupt."""

RunFolder = Annotated[Path, tyro.conf.Positional]


@contextlib.contextmanager
def bad_input() -> Iterator[None]:
    """Within, a ValueError is the user's to mend, not a bug."""
    try:
        yield
    except ValueError as error:
        raise MetaRLError(str(error)) from None


def parse(kind: Any, command: str, words: list[str], **more: Any) -> Any:
    """The options of a command, as an instance of a dataclass."""
    with bad_input():
        return tyro.cli(kind, prog=f"metarl {command}", args=words, **more)


class Ended(Protocol):
    """Work that is over."""

    @property
    def failures(self) -> dict[str, str]:
        """For each job that failed, why."""
        ...


def finish(outcome: Ended, done: str) -> int:
    """Say how it ended; the exit code."""
    for name, why in outcome.failures.items():
        print(f"metarl: {name} failed: {why}", file=sys.stderr)
    if outcome.failures:
        return CRASHED
    print(done)
    return 0
