"""metarl tasks."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import tyro

from metarl.cli.options import bad_input, parse
from metarl.envs.registry import NAMES, gymnasium_id
from metarl.experiments.spec import Experiment, experiment

TaskNames = Annotated[tuple[str, ...], tyro.conf.Positional]


@dataclass(frozen=True, kw_only=True)
class TasksOptions:
    """List the tasks, their presets, tests and variants."""

    task: TaskNames = ()
    """Names of tasks; default: all."""
    json: bool = False
    """Print JSON."""


def main(words: list[str]) -> int:
    """List the tasks, their tests and variants: metarl tasks [TASK]."""
    options = parse(TasksOptions, "tasks", words)
    with bad_input():
        described = {name: experiment(name) for name in options.task or NAMES}
    if options.json:
        rows = {name: as_plain(name, each) for name, each in described.items()}
        print(json.dumps(rows, indent=2))
        return 0
    for name, each in described.items():
        print(f"{name:<16}" + f"\n{'':<16}".join(_lines(name, each)) + "\n")
    return 0


def as_plain(name: str, each: Experiment) -> dict[str, Any]:
    """What an experiment consists of, as plain values."""
    return {
        "environment": gymnasium_id(name) if name in NAMES else name,
        "summary": each.summary,
        "source": each.source,
        "presets": list(each.presets),
        "tests": list(each.tests),
        "variants": {k: variant.why for k, variant in each.variants.items()},
    }


def _lines(name: str, each: Experiment) -> Iterator[str]:
    plain = as_plain(name, each)
    yield plain["environment"]
    yield from filter(None, (each.summary, each.source))
    for kind in ("presets", "tests"):
        yield f"{kind}: {', '.join(plain[kind])}"
    for variant, why in plain["variants"].items():
        yield f"variant {variant}: {why}"
