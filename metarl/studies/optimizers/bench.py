"""Optimizers compared on problems, rules and rates of one's own choice.

OUT/comparison.csv, OUT/yardsticks.csv    the study's tables, of what was asked for
OUT/*.png                                 its figures
"""

import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from metarl.analysis.style import figure_style
from metarl.core.checks import check_at_least, check_choice
from metarl.core.files import read_json, whole_file, write_json, write_table
from metarl.core.parallel import Job, Reporter, run_jobs
from metarl.core.seeding import stream_seed
from metarl.studies.optimizers.contest import OptimizerRun
from metarl.studies.optimizers.problems.learners import LEARNERS
from metarl.studies.optimizers.study import GRID, RATES, contest, figures, tables
from metarl.studies.spec import Results

ALL = "all"
"""Every problem of the grid, or every rule that there are rates for."""
AUTO = "auto"
"""The grid of rates that the study has for a problem and a rule."""


@dataclass(frozen=True, kw_only=True)
class BenchPlan:
    """What to compare."""

    task: str = "xor"
    """A problem of the study, or ALL."""
    rules: tuple[str, ...] | None = None
    """Names of learners; None: all that there are rates for."""
    seeds: int = 3
    """Independent seeds, at least 1: of XOR a batch of 40 networks each, of a chaotic
    series or the bandit a network each."""
    seed: int = 1
    """Root of all random streams."""
    rates: tuple[float, ...] | None = None
    """Initial learning rates of every rule; None: the study's grid."""
    steps: int | None = None
    """Updates of every rule; None: as many as in the study."""

    def __post_init__(self) -> None:
        """Refuse what there is not."""
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
        check_at_least("seeds", self.seeds, 1)
        check_at_least("seed", self.seed, 0)
        check_at_least("steps", 1 if self.steps is None else self.steps, 1)
        self.contests()

    def contests(self) -> Mapping[str, OptimizerRun]:
        """What is run, by name.

        Raises:
            ValueError: there is no grid for a problem and a rule.
        """
        tasks = tuple(GRID) if self.task == ALL else (self.task,)
        return {
            f"{task}-{rule}": self._contest(task, rule)
            for task in tasks
            for rule in self._rules(task)
        }

    def _rules(self, task: str) -> tuple[str, ...]:
        if self.rules is not None:
            return self.rules
        return tuple(LEARNERS if self.rates else {**RATES, **GRID}[task])

    def _contest(self, task: str, rule: str) -> OptimizerRun:
        rates = self.rates or {**RATES, **GRID}[task].get(rule)
        if rates is None:
            raise ValueError(
                f"lr-grid must be rates, got {AUTO!r}: the study has none for {rule} "
                f"on {task}"
            )
        made = contest(task, rule, rates)
        if self.steps is None:
            return made
        return replace(made, steps=self.steps, marks=())


@dataclass(frozen=True)
class Benched:
    """A folder of tables and figures, and for each job that failed, why."""

    path: Path
    comparison: pd.DataFrame
    failures: dict[str, str]


def rates_of(text: str) -> tuple[float, ...] | None:
    """Rates, parted by commas; None for AUTO.

    Raises:
        ValueError: a part is no number.
    """
    if text == AUTO:
        return None
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(
            f"lr-grid must be {AUTO} or numbers parted by commas, got {text!r}"
        ) from None


def rules_of(text: str) -> tuple[str, ...] | None:
    """Rules, parted by commas; None for ALL."""
    return None if text == ALL else tuple(text.split(","))


def bench_optimizers(
    plan: BenchPlan, out: str | Path, *, workers: int | None = None, show: bool = True
) -> Benched:
    """Run every rule on every problem, and write tables and figures.

    Args:
        plan: what to compare.
        out: the folder, made where there is none.
        workers: processes at once; all cores by default.
        show: tell the progress.

    Raises:
        KeyboardInterrupt: interrupted; nothing is written.
    """
    folder = Path(out)
    with tempfile.TemporaryDirectory() as name:
        places = {
            condition: [Path(name) / f"{condition}-{k}.json" for k in range(plan.seeds)]
            for condition in plan.contests()
        }
        jobs = {
            f"{condition} {k}": Job(
                partial(
                    _find,
                    made,
                    stream_seed(plan.seed, k, "study"),
                    places[condition][k],
                )
            )
            for k in range(plan.seeds)
            for condition, made in plan.contests().items()
        }
        failures = run_jobs(
            jobs, workers=workers, show=show, overall=True, preload=(__name__,)
        )
        if failures:
            return Benched(folder, pd.DataFrame(), failures)
        found = {c: [read_json(path) for path in paths] for c, paths in places.items()}
    results = Results(
        facts={c: [one["facts"] for one in seeds] for c, seeds in found.items()},
        seconds={c: [one["seconds"] for one in seeds] for c, seeds in found.items()},
    )
    return Benched(folder, _written(results, folder), {})


def _find(made: OptimizerRun, seed: int, path: Path, reporter: Reporter) -> None:
    """Find one seed's facts and write them down."""
    began = time.process_time()
    facts = made(seed, reporter)
    write_json(path, {"facts": facts, "seconds": time.process_time() - began})


def _written(results: Results, folder: Path) -> pd.DataFrame:
    """Write the study's tables and figures; the main table."""
    folder.mkdir(parents=True, exist_ok=True)
    made = tables(results)
    for title, table in made.items():
        write_table(folder / f"{title}.csv", table)
    with figure_style():
        for title, figure in figures(results).items():
            with whole_file(folder / f"{title}.png") as temporary:
                figure.savefig(temporary, format="png")
            plt.close(figure)
    return made["comparison"]
