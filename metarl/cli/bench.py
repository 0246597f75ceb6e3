"""metarl bench."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from metarl.cli.options import bad_input, finish, parse
from metarl.core.checks import check_choice
from metarl.core.parallel import Outcome

SUBJECTS = ("optimizers",)
"""Subjects of a benchmark."""


@dataclass(frozen=True, kw_only=True)
class BenchOptions:
    """Compare optimizers, with and without gradients, on small problems.

    Weight perturbation (wp), node perturbation (np), three interpretations of the
    Dopamine optimizer (d0, d1, d2), and backpropagation (sgd, adam).
    """

    subject: Annotated[str, tyro.conf.Positional]
    """Subject of the benchmark: optimizers."""
    task: str = "xor"
    """The problem: xor, xor-2-2-1, lorenz, rossler, bandit, or all."""
    rules: str = "all"
    """Rules, separated by commas: wp, np, d0, d1, d2, sgd, adam; all: every rule with
    learning rates for the problem."""
    seeds: int = 3
    """Number of independent seeds; on XOR each is a batch of 40 networks."""
    seed: int = 1
    """Root of all random streams."""
    lr_grid: str = "auto"
    """Initial learning rates for every rule, separated by commas; auto: the study's."""
    steps: int | None = None
    """Number of updates of every rule; default: the study's."""
    out: Path = Path("runs/optimizers")
    """Folder of the results, created if it does not exist."""
    workers: int | None = None
    """Number of parallel processes; default: all cores."""


def main(words: list[str]) -> int:
    """Compare optimizers on small problems: metarl bench optimizers."""
    options = parse(BenchOptions, "bench", words)
    with bad_input():
        check_choice("the subject of a benchmark", options.subject, SUBJECTS)
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
        result = bench_optimizers(plan, options.out, workers=options.workers)
    if not result.failures:
        print(result.comparison.to_string(index=False))
    outcome = Outcome(result.path, result.failures)
    return finish(outcome, f"tables and figures: {result.path}")
