"""The study of optimizers with chosen problems, rules and rates: metarl bench.

OUT/comparison.csv, OUT/baselines.csv    the study's tables, of the chosen runs
OUT/*.png                                its figures
"""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import pandas as pd

from metarl.core.checks import check_at_least, check_choice
from metarl.core.fields import Range, check_fields, checked
from metarl.core.locks import locked
from metarl.core.parallel import Job, check_workers, run_jobs
from metarl.core.seeding import stream_seed
from metarl.runs.config import Seed, SubjectCount
from metarl.studies.files import read_seeds, run_seed, write_results
from metarl.studies.optimizers.learners import LEARNERS
from metarl.studies.optimizers.optimizer_run import OptimizerRun
from metarl.studies.optimizers.study import GRID, RATES, STUDY, make_run

ALL = "all"
"""Every problem of the grid, or every rule with rates."""
AUTO = "auto"
"""The study's grid of rates for a problem and a rule."""


@dataclass(frozen=True, kw_only=True)
class BenchPlan:
    """Problems, rules and rates to compare."""

    task: str = "xor"
    """A problem of the study, or ALL."""
    rules: tuple[str, ...] | None = None
    """Names of learners; None: all with rates."""
    seeds: SubjectCount = 3
    """Independent seeds, at least 1: of XOR a batch of 40 networks each, of a chaotic
    series or the bandit a network each."""
    seed: Seed = 1
    """Root of all random streams."""
    rates: tuple[float, ...] | None = None
    """Initial learning rates of every rule; None: the study's grid."""
    steps: Annotated[
        int | None, Range(1, 10**9, why="so many updates take more than a month")
    ] = None
    """Updates of every rule; None: as many as in the study."""

    def __post_init__(self) -> None:
        """Validate the fields."""
        check_fields(self)
        check_choice("task", self.task, (*RATES, ALL))
        rules = tuple(LEARNERS) if self.rules is None else self.rules
        for rule in rules:
            check_choice("rule", rule, LEARNERS)
        if not rules or len(set(rules)) < len(rules):
            raise ValueError(f"rules must be different ones, got {rules!r}")
        if self.rates is not None and len(set(self.rates)) != len(self.rates):
            raise ValueError(f"lr-grid must be different rates, got {self.rates!r}")
        for rate in self.rates or ():
            check_at_least("lr-grid", rate, 1e-12)
        self.conditions()

    def conditions(self) -> Mapping[str, OptimizerRun]:
        """The chosen conditions of the study, by name.

        Raises:
            ValueError: the study has no grid for a problem and a rule.
        """
        tasks = tuple(GRID) if self.task == ALL else (self.task,)
        return {
            f"{task}-{rule}": self._run(task, rule)
            for task in tasks
            for rule in self._rules(task)
        }

    def _rules(self, task: str) -> tuple[str, ...]:
        if self.rules is not None:
            return self.rules
        return tuple(LEARNERS if self.rates else {**RATES, **GRID}[task])

    def _run(self, task: str, rule: str) -> OptimizerRun:
        rates = self.rates or {**RATES, **GRID}[task].get(rule)
        if rates is None:
            raise ValueError(
                f"lr-grid must be rates, got {AUTO!r}: the study has none for {rule} "
                f"on {task}"
            )
        run = make_run(task, rule, rates)
        return run if self.steps is None else replace(run, steps=self.steps, marks=())


@dataclass(frozen=True)
class BenchResult:
    """A folder of tables and figures, and the reason for each job that failed."""

    path: Path
    comparison: pd.DataFrame
    failures: dict[str, str]


def parse_rates(text: str) -> tuple[float, ...] | None:
    """Rates separated by commas; None for AUTO.

    Raises:
        ValueError: the text contains something that is not a number.
    """
    if text == AUTO:
        return None
    try:
        rates = tuple(float(word) for word in text.split(","))
    except ValueError:
        raise ValueError(
            f"lr-grid must be {AUTO} or numbers separated by commas, got {text!r}"
        ) from None
    for rate in rates:
        check_at_least("lr-grid", rate, 0)
    return rates


def parse_rules(text: str) -> tuple[str, ...] | None:
    """Rules separated by commas; None for ALL."""
    return None if text == ALL else tuple(text.split(","))


@checked
def bench_optimizers(
    plan: BenchPlan, out: str | Path, *, workers: int | None = None, show: bool = True
) -> BenchResult:
    """Run every rule on every problem, and write the study's tables and figures.

    Args:
        plan: problems, rules and rates.
        out: the folder, created if it does not exist.
        workers: parallel processes; all cores by default.
        show: whether to show the progress.

    Raises:
        KeyboardInterrupt: interrupted; nothing is written.
    """
    check_workers(workers)
    folder, conditions = Path(out), plan.conditions()
    with tempfile.TemporaryDirectory() as temporary:
        paths = {
            name: [Path(temporary) / f"{name}-{k}.json" for k in range(plan.seeds)]
            for name in conditions
        }
        jobs = {
            f"{name} {k}": Job(
                partial(
                    run_seed, run, stream_seed(plan.seed, k, "study"), paths[name][k]
                )
            )
            for k in range(plan.seeds)
            for name, run in conditions.items()
        }
        failures = run_jobs(
            jobs, workers=workers, show=show, overall=True, preload=(__name__,)
        )
        results = read_seeds(paths)
    if results is None:
        return BenchResult(folder, pd.DataFrame(), failures)
    with locked([folder]):
        table = write_results(STUDY, results, folder)
    return BenchResult(folder, table, failures)
