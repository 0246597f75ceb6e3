"""Neighbouring ideas, compared: every study's seeds, then its effects and figures.

neighbours/plan.json                 what was asked for
neighbours/STUDY/CONDITION/K.json    results of seed K, and its processor time
neighbours/STUDY/effects.json        its effects; *.csv its tables, *.png its figures
neighbours/scorecard.json            effects of all its studies, with their verdicts
neighbours/comparison.csv, .png      all agents that learned the shared bandit
neighbours/result.txt                all of it in words

A seed that is done is not done again: the same command goes on where it was stopped.
"""

import zlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from metarl.analysis.effects import Effect, effect_table, unscored
from metarl.analysis.style import figure_style
from metarl.core.checks import MetaRLError
from metarl.core.fields import check_fields, checked
from metarl.core.files import (
    read_json,
    read_table,
    whole_file,
    write_json,
    write_table,
    write_text,
)
from metarl.core.job_files import take_over
from metarl.core.locks import locked
from metarl.core.parallel import (
    Job,
    Outcome,
    check_detach,
    check_workers,
    run_jobs,
)
from metarl.core.seeding import stream_seed
from metarl.reports.figures import effect_line
from metarl.reports.scorecard import missing, read_scorecard, tally, write_scorecard
from metarl.runs.config import Seed, SubjectCount
from metarl.runs.versions import versions
from metarl.studies.files import read_seeds, run_seed, write_results
from metarl.studies.plots import draw_comparison
from metarl.studies.registry import NAMES, get_study
from metarl.studies.spec import Condition, Results, Scale


@dataclass(frozen=True, kw_only=True)
class NeighboursPlan:
    """What to compare."""

    studies: tuple[str, ...] = NAMES
    """Names in the registry of studies."""
    seeds: SubjectCount = 5
    """Independent seeds of every condition, at least 1."""
    seed: Seed = 1
    """Root of all random streams."""
    scale: Scale = field(default_factory=Scale)
    """How much is done."""

    def __post_init__(self) -> None:
        """Validate the fields."""
        check_fields(self)
        for name in self.studies:
            get_study(name)
        if len(set(self.studies)) < len(self.studies) or not self.studies:
            raise ValueError(f"studies must be different ones, got {self.studies!r}")

    def seed_of(self, name: str, k: int) -> int:
        """Seed k of a study: the same in each of its conditions, and in no other."""
        return stream_seed(self.seed, k, "study", zlib.crc32(name.encode()))


SCORECARD, COMPARISON, RESULT = "scorecard.json", "comparison.csv", "result.txt"
"""Files of all studies: effects, agents of the shared bandit, and both in words."""


class SeedJob(NamedTuple):
    """One seed of one condition of a study."""

    study: str
    condition: str
    k: int

    @property
    def name(self) -> str:
        """For the display."""
        return f"{self.study} {self.condition} {self.k}"

    def path(self, out: Path) -> Path:
        """Its file."""
        return out / self.study / self.condition / f"{self.k}.json"


@checked
def compare_neighbours(
    plan: NeighboursPlan,
    out: str | Path,
    *,
    workers: int | None = None,
    show: bool = True,
    executor: Executor | None = None,
    detach: bool = False,
) -> Outcome:
    """Run every study's seeds, or what of them is missing, and score them.

    Args:
        plan: the studies.
        out: the folder, made where there is none.
        workers: processes at once; all cores by default, 1 for this process alone.
        show: report the progress.
        executor: workers for the jobs, perhaps on other machines that share the folder;
            default: processes of this machine.
        detach: end after submitting the jobs to the executor, with `Detached`.

    Returns:
        The folder, and for each seed that failed, the reason.

    Raises:
        MetaRLError: `out` holds seeds of another root or scale; nothing is begun.
        KeyboardInterrupt: interrupted; what is done is kept, the same call goes on.
        Detached: the jobs are submitted, and `detach` is on.
    """
    check_workers(workers)
    check_detach(executor, detach=detach)
    folder = Path(out)
    run = partial(
        run_jobs,
        workers=workers,
        show=show,
        overall=True,
        preload=(__name__,),
        executor=executor,
        detach=detach,
        folder=folder,
    )
    with locked([folder]):
        take_over([folder])
        return _compare(plan, folder, run)


def _compare(
    plan: NeighboursPlan,
    folder: Path,
    run: Callable[[dict[str, Job]], dict[str, str]],
) -> Outcome:
    _settle(folder, plan)
    jobs = {
        piece.name: Job(
            partial(run_seed, ask, plan.seed_of(*piece[::2]), piece.path(folder)),
            finished=piece.path(folder).exists(),
        )
        for piece, ask in _pieces(plan)
    }
    failures = run(jobs)
    found = {name: read_results(plan, name, folder) for name in plan.studies}
    whole = {name: results for name, results in found.items() if results is not None}
    tables = {
        name: write_results(get_study(name), results, folder / name)
        for name, results in whole.items()
    }
    card = _write_scorecard(plan, folder, found)
    comparison = _write_comparison(plan, folder, whole)
    write_text(folder / RESULT, neighbours_text(card, tables, comparison))
    return Outcome(folder, failures)


def _write_scorecard(
    plan: NeighboursPlan, folder: Path, found: Mapping[str, Results | None]
) -> pd.DataFrame:
    """Score the plan's studies, and write them with the folder's others."""
    path = folder / SCORECARD
    cards = [judge_study(plan, name, folder, r) for name, r in found.items()]
    if path.exists():
        cards.append(_kept(read_scorecard(path), plan))
    card = _ordered(cards)
    write_scorecard(path, card)
    return card


def _write_comparison(
    plan: NeighboursPlan, folder: Path, results: Mapping[str, Results]
) -> pd.DataFrame:
    """Write and draw all agents of the shared bandit, of all studies of the folder."""
    path = folder / COMPARISON
    rows = [compared(results)]
    if path.exists():
        rows.append(_kept(read_table(path), plan))
    comparison = _ordered(rows)
    if len(comparison):
        write_table(path, comparison)
        with figure_style(math=True):
            _save(draw_comparison(comparison), folder / "comparison.png")
    return comparison


def _kept(table: pd.DataFrame, plan: NeighboursPlan) -> pd.DataFrame:
    """Rows of studies that the plan does not ask for; studies stand in column 1."""
    others = set(NAMES) - set(plan.studies)
    return table[table[table.columns[0]].isin(others)]


def _ordered(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """All rows of tables that are not empty, studies in the registry's order."""
    whole = [part for part in parts if len(part)]
    if not whole:
        return pd.DataFrame()
    table = pd.concat(whole, ignore_index=True)
    place = table[table.columns[0]].map(NAMES.index)
    return table.iloc[place.argsort(kind="stable")].reset_index(drop=True)


def _pieces(plan: NeighboursPlan) -> Iterator[tuple[SeedJob, Condition]]:
    """First seeds first, so that how long each condition takes is soon known."""
    asked = {name: get_study(name).conditions(plan.scale) for name in plan.studies}
    for k in range(plan.seeds):
        for name, conditions in asked.items():
            for condition, ask in conditions.items():
                yield SeedJob(name, condition, k), ask


def _settle(folder: Path, plan: NeighboursPlan) -> None:
    """Write down what was asked for; refuse to mix it with anything else."""
    path = folder / "plan.json"
    version = versions()["metarl-neuro"]
    now = {"seed": plan.seed, "scale": asdict(plan.scale), "version": version}
    if path.exists() and (before := read_json(path)) != now:
        raise MetaRLError(
            f"{folder} was started with another seed, scale or version ({before}); "
            "repeat it with the same, or give another --out"
        )
    write_json(path, now)


def read_results(plan: NeighboursPlan, name: str, folder: Path) -> Results | None:
    """Results of all seeds of a study; None if one is missing."""
    conditions = get_study(name).conditions(plan.scale)
    return read_seeds(
        {
            condition: [
                SeedJob(name, condition, k).path(folder) for k in range(plan.seeds)
            ]
            for condition in conditions
        }
    )


def judge_study(
    plan: NeighboursPlan, name: str, folder: Path, results: Results | None
) -> pd.DataFrame:
    """A study's effects, written next to its seeds; one failed row without results."""
    path = folder / name / "effects.json"
    if results is None:
        path.unlink(missing_ok=True)
        return missing(name, plan.seeds)
    effects = effect_table(name, _judged(get_study(name).effects(results), plan.scale))
    write_scorecard(path, effects)
    return effects


def _save(figure: Figure, path: Path) -> None:
    with whole_file(path) as temporary:
        figure.savefig(temporary, format="png")
    plt.close(figure)


def compared(results: Mapping[str, Results]) -> pd.DataFrame:
    """Every condition in which agents learned the shared bandit.

    Returns:
        study, condition, regret (median over seeds, in rewards an episode), lowest,
        highest, seeds, seconds (median, of processor time).
    """
    rows = []
    for name, found in results.items():
        for condition, seeds in found.seeds.items():
            if not all("regret" in seed for seed in seeds):
                continue
            rows.append(
                {
                    "study": name,
                    "condition": condition,
                    **found.spread(condition, "regret"),
                    "seeds": len(seeds),
                    "seconds": found.median_seconds(condition),
                }
            )
    return pd.DataFrame(rows)


def _judged(effects: list[Effect], scale: Scale) -> list[tuple[Effect, None]]:
    """Effects as they are scored; what learned nothing is unscored only."""
    return [(unscored(effect) if scale.smoke else effect, None) for effect in effects]


def neighbours_text(
    card: pd.DataFrame, tables: Mapping[str, pd.DataFrame], comparison: pd.DataFrame
) -> str:
    """Every study on pages, for a person: its main table and its effects.

    Args:
        card: effects of all studies, as a scorecard.
        tables: study -> its main table, where it has one.
        comparison: agents of the shared bandit; see `compared`.
    """
    lines = []
    for name, part in card.groupby("experiment", sort=False):
        study = get_study(str(name))
        lines += [f"{name}: {study.question}", f"After {study.source}.", ""]
        if name in tables:
            lines += [_text(tables[str(name)]), ""]
        lines += [effect_line(row) for row in part.to_dict("records")]
        lines += [""]
    if len(comparison):
        lines += ["Agents that learned the shared bandit", "", _text(comparison), ""]
    return "\n".join([*lines, tally(card).to_string()])


def _text(table: pd.DataFrame) -> str:
    return table.to_string(index=False, float_format="{:.4g}".format)
