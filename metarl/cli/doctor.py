"""metarl doctor."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from metarl.cli.options import BAD_INPUT, parse


@dataclass(frozen=True, kw_only=True)
class DoctorOptions:
    """Show what metarl runs on: versions, cores, kernel, disk, and what is missing.

    The exit code is 2 if something is missing that metarl needs.
    """

    out: Path = Path("runs")
    """Folder for runs; its disk is examined."""
    json: bool = False
    """Print the findings as JSON."""


def main(words: list[str]) -> int:
    """Show what metarl runs on here, and what would help: metarl doctor."""
    options = parse(DoctorOptions, "doctor", words)
    from metarl.pipeline.doctor import examine

    findings = examine(options.out)
    if options.json:
        print(json.dumps([asdict(each) for each in findings], indent=1))
    else:
        for each in findings:
            print(f"{each.subject:<12}{each.found}")
            if each.remedy:
                print(f"{'':<12}-> {each.remedy}")
    needed = [each for each in findings if each.remedy and not each.optional]
    return BAD_INPUT if needed else 0
