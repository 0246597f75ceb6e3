"""metarl status."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from metarl.cli.options import RunFolder, parse
from metarl.core.checks import MetaRLError
from metarl.core.job_files import JobFiles, JobState
from metarl.core.progress import ago


@dataclass(frozen=True, kw_only=True)
class StatusOptions:
    """Show the jobs of a folder: state, progress and last change.

    These are the jobs of the last command with --engine, also of one that is detached.
    Without any, they are the subjects of the run, from the files of their training.
    """

    run: RunFolder
    """Folder of the results: --out of the command."""
    json: bool = False
    """Print JSON; times are in seconds since 1970."""
    stop: bool = False
    """Ask the jobs of --engine to save and end; the same command resumes them."""


def main(words: list[str]) -> int:
    """Show the jobs of a run: metarl status RUN."""
    options = parse(StatusOptions, "status", words)
    from metarl.pipeline.status import job_states

    states = job_states(options.run)
    files = JobFiles.within(options.run)
    if options.stop:
        if not files.states:
            raise MetaRLError(
                f"{options.run} has no jobs of --engine; stop the command that runs on "
                "this machine with Ctrl-C"
            )
        files.stop()
    if options.json:
        print(json.dumps({"stopping": files.stopping, "jobs": plain(states)}, indent=2))
    else:
        print(table(states))
        if files.stopping:
            print("the jobs were asked to save and end")
    return 0


def plain(states: Sequence[JobState]) -> list[dict[str, object]]:
    """Return the states in plain types."""
    return [{**asdict(each), "silent": each.is_silent} for each in states]


def table(states: Sequence[JobState]) -> str:
    """Return one line per job."""
    rows: list[tuple[str, ...]] = [
        ("job", "state", "progress", "last change", "machine")
    ]
    rows += [_row(each) for each in states]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    failed = [f"{each.name} failed: {each.failure}" for each in states if each.failure]
    return "\n".join([*lines, *failed])


def _row(job: JobState) -> tuple[str, ...]:
    state = "silent" if job.is_silent else job.state
    when = ago(time.time() - job.changed) if job.changed else ""
    return job.name, state, f"{job.progress:.0%}", when, job.host
