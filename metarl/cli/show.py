"""metarl show."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from metarl.cli.options import RunFolder, TrustTask, parse


@dataclass(frozen=True, kw_only=True)
class ShowOptions:
    """Show what a run is: task, settings, subjects, tests and files."""

    run: RunFolder
    """Folder of the run."""
    json: bool = False
    """Print JSON."""
    trust_task: TrustTask = False


def main(words: list[str]) -> int:
    """Show what a run is, and what was done with it: metarl show RUN."""
    options = parse(ShowOptions, "show", words)
    from metarl.pipeline.summary import summary
    from metarl.runs.folder import load_run

    facts = summary(load_run(options.run, trust_task=options.trust_task))
    print(json.dumps(facts, indent=2) if options.json else "\n".join(lines(facts)))
    return 0


def lines(facts: Mapping[str, Any]) -> Iterator[str]:
    """Facts of a run, one a line."""
    for name, value in facts.items():
        if isinstance(value, Mapping):
            each = [f"{k}: {v}" for k, v in value.items()]
        else:
            each = [str(v) for v in value] if isinstance(value, list) else [str(value)]
        for number, words in enumerate(each or ["none"]):
            yield f"{name if number == 0 else '':<12}{words}"
