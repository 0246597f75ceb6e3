"""metarl tasks."""

from metarl.envs.registry import gymnasium_id
from metarl.experiments.spec import all_experiments


def main(words: list[str]) -> int:
    """List the tasks, their tests and variants: metarl tasks."""
    for name, each in all_experiments().items():
        lines = [
            gymnasium_id(name),
            each.summary,
            each.source,
            f"tests: {', '.join(each.tests)}",
            *(f"variant {k}: {variant.why}" for k, variant in each.variants.items()),
        ]
        print(f"{name:<16}" + f"\n{'':<16}".join(lines) + "\n")
    return 0
