"""metarl tasks."""

from metarl.envs.registry import TASKS
from metarl.experiments.tests import protocol


def main(words: list[str]) -> int:
    """List the tasks."""
    for name, entry in TASKS.items():
        methods = protocol(name)
        lines = [
            entry.id,
            entry.summary,
            entry.source,
            f"tests: {', '.join(methods.conditions)}",
            *(f"control {k}: {c.why}" for k, c in methods.controls.items()),
        ]
        print(f"{name:<16}" + f"\n{'':<16}".join(lines) + "\n")
    return 0
