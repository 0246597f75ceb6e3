"""metarl bench."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from metarl.cli.options import bad_input, finish, parse
from metarl.core.checks import check_choice
from metarl.core.parallel import Outcome

SUBJECTS = ("optimizers",)
"""What there is to compare."""


@dataclass(frozen=True, kw_only=True)
class BenchOptions:
    """Compare optimizers, with and without gradients, on small problems.

    Weight perturbation (wp), node perturbation (np), three readings of the Dopamine
    optimizer (d0, d1, d2), and backpropagation (sgd, adam).
    """

    subject: Annotated[str, tyro.conf.Positional]
    """What is compared: optimizers."""
    task: str = "xor"
    """The problem: xor, xor-2-2-1, lorenz, rossler, bandit, or all."""
    rules: str = "all"
    """Rules, parted by commas: wp, np, d0, d1, d2, sgd, adam; all: those that there
    are rates for."""
    seeds: int = 3
    """Independent seeds; of XOR a batch of 40 networks each."""
    seed: int = 1
    """Root of all random streams."""
    lr_grid: str = "auto"
    """Initial learning rates for every rule, parted by commas; auto: the study's."""
    steps: int | None = None
    """Updates of every rule; by default the study's."""
    out: Path = Path("runs/optimizers")
    """The folder, made where there is none."""
    workers: int | None = None
    """Processes at once; all cores by default."""


def main(words: list[str]) -> int:
    """Compare optimizers on small problems: metarl bench optimizers."""
    options = parse(BenchOptions, "bench", words)
    with bad_input():
        check_choice("what to bench", options.subject, SUBJECTS)
    from metarl.studies.optimizers.bench import (
        BenchPlan,
        bench_optimizers,
        parse_rates,
        parse_rules,
    )

    with bad_input():
        plan = BenchPlan(
            task=options.task,
            rules=parse_rules(options.rules),
            seeds=options.seeds,
            seed=options.seed,
            rates=parse_rates(options.lr_grid),
            steps=options.steps,
        )
        made = bench_optimizers(plan, options.out, workers=options.workers)
    if not made.failures:
        print(made.comparison.to_string(index=False))
    outcome = Outcome(made.path, made.failures)
    return finish(outcome, f"tables and figures: {made.path}")
