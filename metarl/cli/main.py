"""Command line: find the command, run it, report errors.

Exit codes: 0 finished, 1 an effect missed its criterion (--require-pass), 2 bad input,
3 a subject crashed or was not evaluated, 130 interrupted, 141 the program that reads
the output has ended.
"""

import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from io import TextIOWrapper
from pathlib import Path
from types import MappingProxyType

from metarl.cli import (
    acquisition,
    analyze,
    animals,
    bench,
    compare,
    completion,
    doctor,
    evaluate,
    evolve,
    neighbours,
    reproduce,
    show,
    status,
    sweep,
    tasks,
    train,
    watch,
)
from metarl.cli.options import BAD_INPUT, INTERRUPTED, NO_READER
from metarl.core.checks import MetaRLError
from metarl.core.names import did_you_mean
from metarl.core.parallel import Detached, failure_log

COMMANDS: Mapping[str, Callable[[list[str]], int]] = MappingProxyType(
    {
        "tasks": tasks.main,
        "train": train.main,
        "evolve": evolve.main,
        "evaluate": evaluate.main,
        "analyze": analyze.main,
        "animals": animals.main,
        "compare": compare.main,
        "acquisition": acquisition.main,
        "reproduce": reproduce.main,
        "sweep": sweep.main,
        "show": show.main,
        "status": status.main,
        "watch": watch.main,
        "neighbours": neighbours.main,
        "bench": bench.main,
        "doctor": doctor.main,
        "completion": completion.main,
    }
)

HOW_TO_RESUME = {
    "train": "; resume with --resume",
    "evolve": "; resume with --resume",
    "sweep": "; resume with --resume",
    "acquisition": "; resume with the same command",
    "reproduce": "; resume with the same command",
    "neighbours": "; resume with the same command",
}
"""Command -> way to resume it after an interrupt."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    words, level = _without_level(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        # The terminal may lack a character of a path; the work is done by then.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        return _flushed(words, level)
    except MetaRLError as error:
        print(f"metarl: {error}", file=sys.stderr)
        return BAD_INPUT
    except Detached as end:
        print(end)
        return 0
    except KeyboardInterrupt:
        print(f"metarl: interrupted{HOW_TO_RESUME.get(words[0], '')}", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        _give_up_output()
        return NO_READER
    except OSError as error:
        if error.filename is None:
            _give_up_output()
        where = error.filename or "the output could not be written"
        print(f"metarl: {where}: {error.strerror or error}", file=sys.stderr)
        return BAD_INPUT


def _flushed(words: list[str], level: int) -> int:
    """Run one command, and print all of its output."""
    try:
        return _run(words, level)
    finally:
        if sys.stdout is not None:
            sys.stdout.flush()


def _give_up_output() -> None:
    """Discard what is left to print; it would fail again as the interpreter ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(words: list[str], level: int) -> int:
    if words[:1] == ["help"]:
        words = [*words[1:], "--help"]
    if not words or words[0] in ("-h", "--help"):
        print(overview())
        return 0
    if words[0] == "--version":
        from metarl import __version__

        print(f"metarl {__version__}")
        return 0
    # The details of other packages are of no use here.
    logging.basicConfig(format="%(message)s", level=max(level, logging.INFO))
    logging.getLogger("metarl").setLevel(level)
    failure_log.propagate = False
    # A user's own task is a module in the folder where metarl is started.
    if (folder := str(Path.cwd())) not in sys.path:
        sys.path.append(folder)
    if words[0] not in COMMANDS:
        guess = did_you_mean(words[0], COMMANDS)
        raise MetaRLError(
            f"unknown command {words[0]!r}{guess or '; '}"
            f"{' Choose' if guess else 'choose'} from: {', '.join(COMMANDS)}"
        )
    return COMMANDS[words[0]](words[1:])


LEVELS = {
    "-q": logging.WARNING,
    "--quiet": logging.WARNING,
    "-v": logging.DEBUG,
    "--verbose": logging.DEBUG,
}
"""Word of any command -> the least important messages that are shown."""


def _without_level(words: Sequence[str]) -> tuple[list[str], int]:
    """The words of a command without those of its messages, and their level."""
    levels = [LEVELS[word] for word in words if word in LEVELS]
    rest = [word for word in words if word not in LEVELS]
    return rest, levels[-1] if levels else logging.INFO


def overview() -> str:
    """Return the text of `metarl --help`."""
    lines = ["usage: metarl COMMAND ...", "", "Simulate learning to learn.", ""]
    for name, command in COMMANDS.items():
        lines.append(f"  {name:<11} {(command.__doc__ or '').splitlines()[0]}")
    end = (
        "metarl COMMAND --help shows its options. With -q a command shows warnings and",
        "results alone, with -v the tracebacks of failures too.",
    )
    return "\n".join([*lines, "", *end])
