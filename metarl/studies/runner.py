"""Neighbouring ideas, compared: every study's seeds, then its effects and figures.

neighbours/plan.json                 what was asked for
neighbours/STUDY/CONDITION/K.json    facts of seed K, and its processor time
neighbours/STUDY/effects.json        its effects; *.csv its tables, *.png its figures
neighbours/scorecard.json            effects of all its studies, with their verdicts
neighbours/comparison.csv, .png      all agents that learned the shared bandit

A seed that is done is not done again: the same command goes on where it was stopped.
"""

import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from metarl.analysis.effects import Effect, effect_table, unscored
from metarl.analysis.style import figure_style
from metarl.core.checks import MetaRLError, check_at_least
from metarl.core.files import read_json, read_table, whole_file, write_json, write_table
from metarl.core.parallel import Reporter, core_count, run_jobs
from metarl.core.progress import Overall
from metarl.core.seeding import stream_seed
from metarl.reports.figures import effect_line
from metarl.reports.scorecard import missing, read_scorecard, tally, write_scorecard
from metarl.studies.plots import draw_comparison
from metarl.studies.registry import STUDIES, study
from metarl.studies.spec import Condition, Results, Scale
from metarl.training.trainer import versions


@dataclass(frozen=True, kw_only=True)
class NeighboursPlan:
    """What to compare."""

    studies: tuple[str, ...] = tuple(STUDIES)
    """Names in the catalogue of studies."""
    seeds: int = 5
    """Independent seeds of every condition, at least 1."""
    seed: int = 1
    """Root of all random streams."""
    scale: Scale = field(default_factory=Scale)
    """How much is done."""

    def __post_init__(self) -> None:
        """Refuse what there is not, and no seeds."""
        check_at_least("seeds", self.seeds, 1)
        check_at_least("seed", self.seed, 0)
        for name in self.studies:
            study(name)
        if len(set(self.studies)) < len(self.studies) or not self.studies:
            raise ValueError(f"studies must be different ones, got {self.studies!r}")

    def seed_of(self, name: str, k: int) -> int:
        """Seed k of a study: the same in each of its conditions, and in no other."""
        return stream_seed(self.seed, k, "study", zlib.crc32(name.encode()))


@dataclass(frozen=True)
class Neighbours:
    """A folder of studies that were judged."""

    path: Path
    tables: dict[str, pd.DataFrame]
    """Study -> its main table; none where a seed is missing."""
    comparison: pd.DataFrame
    """One row a condition whose agents learned the shared bandit, of all studies that
    the folder has; see `compared`."""
    failures: dict[str, str]
    """For each seed that failed, why."""

    @property
    def scorecard_path(self) -> Path:
        """Every effect with its verdict."""
        return self.path / "scorecard.json"


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


def compare_neighbours(
    plan: NeighboursPlan,
    out: str | Path,
    *,
    workers: int | None = None,
    show: bool = True,
) -> Neighbours:
    """Run every study's seeds, or what of them is missing, and judge them.

    Args:
        plan: what to compare.
        out: the folder, made where there is none.
        workers: processes at once; all cores by default, 1 for this process alone.
        show: tell the progress.

    Raises:
        MetaRLError: `out` holds seeds of another root or scale; nothing is begun.
        KeyboardInterrupt: interrupted; what is done is kept, the same call goes on.
    """
    folder = Path(out)
    _settle(folder, plan)
    jobs = {
        piece.name: partial(_find, ask, plan.seed_of(*piece[::2]), piece.path(folder))
        for piece, ask in _pieces(plan)
        if not piece.path(folder).exists()
    }
    display = Overall(dict.fromkeys(jobs, 1.0), workers or core_count(), show=show)
    failures = run_jobs(jobs, workers=workers, display=display) if jobs else {}
    found = {name: read_results(plan, name, folder) for name in plan.studies}
    whole = {name: results for name, results in found.items() if results is not None}
    tables = {name: show_study(name, r, folder / name) for name, r in whole.items()}
    agents, card = folder / "comparison.csv", folder / "scorecard.json"
    rows = [compared(whole)]
    if agents.exists():
        rows.append(_kept(read_table(agents), plan))
    cards = [judge_study(plan, name, folder, r) for name, r in found.items()]
    if card.exists():
        cards.append(_kept(read_scorecard(card), plan))
    made = Neighbours(folder, tables, _ordered(rows), failures)
    write_scorecard(card, _ordered(cards))
    if len(made.comparison):
        write_table(agents, made.comparison)
        with figure_style():
            _save(draw_comparison(made.comparison), folder / "comparison.png")
    return made


def _kept(table: pd.DataFrame, plan: NeighboursPlan) -> pd.DataFrame:
    """Rows of studies that the plan does not ask for; studies stand in column 1."""
    others = set(STUDIES) - set(plan.studies)
    return table[table[table.columns[0]].isin(others)]


def _ordered(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """All rows of tables that are not empty, studies in the catalogue's order."""
    whole = [part for part in parts if len(part)]
    if not whole:
        return pd.DataFrame()
    table = pd.concat(whole, ignore_index=True)
    place = table[table.columns[0]].map(list(STUDIES).index)
    return table.iloc[place.argsort(kind="stable")].reset_index(drop=True)


def _pieces(plan: NeighboursPlan) -> Iterator[tuple[SeedJob, Condition]]:
    """First seeds first, so that how long each condition takes is soon known."""
    asked = {name: study(name).conditions(plan.scale) for name in plan.studies}
    for k in range(plan.seeds):
        for name, conditions in asked.items():
            for condition, ask in conditions.items():
                yield SeedJob(name, condition, k), ask


def _find(ask: Condition, seed: int, path: Path, reporter: Reporter) -> None:
    """Find one seed's facts and write them down."""
    began = time.process_time()
    facts = ask(seed, reporter)
    seconds = time.process_time() - began
    write_json(path, {"facts": facts, "seconds": seconds})


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
    """What all seeds of a study came to; None where one is missing."""
    found = {}
    for condition in study(name).conditions(plan.scale):
        paths = [SeedJob(name, condition, k).path(folder) for k in range(plan.seeds)]
        if not all(path.exists() for path in paths):
            return None
        found[condition] = [read_json(path) for path in paths]
    return Results(
        facts={c: [one["facts"] for one in seeds] for c, seeds in found.items()},
        seconds={c: [one["seconds"] for one in seeds] for c, seeds in found.items()},
    )


def judge_study(
    plan: NeighboursPlan, name: str, folder: Path, results: Results | None
) -> pd.DataFrame:
    """A study's effects, written beside its seeds; one failed row without results."""
    path = folder / name / "effects.json"
    if results is None:
        path.unlink(missing_ok=True)
        return missing(name, plan.seeds)
    effects = effect_table(name, _judged(study(name).effects(results), plan.scale))
    write_scorecard(path, effects)
    return effects


def show_study(name: str, results: Results, folder: Path) -> pd.DataFrame:
    """Write a study's tables and figures; its main table."""
    tables = study(name).tables(results)
    for title, table in tables.items():
        write_table(folder / f"{title}.csv", table)
    with figure_style():
        for title, figure in study(name).figures(results).items():
            _save(figure, folder / f"{title}.png")
    return next(iter(tables.values()))


def _save(figure: Figure, path: Path) -> None:
    with whole_file(path) as temporary:
        figure.savefig(temporary, format="png")
    plt.close(figure)


def compared(results: Mapping[str, Results]) -> pd.DataFrame:
    """Every condition whose agents learned the shared bandit.

    Returns:
        study, condition, regret (median over seeds, in rewards an episode), lowest,
        highest, seeds, seconds (median, of processor time).
    """
    rows = []
    for name, found in results.items():
        for condition, facts in found.facts.items():
            if not all("regret" in each for each in facts):
                continue
            regrets = found.values(condition, "regret")
            rows.append(
                {
                    "study": name,
                    "condition": condition,
                    "regret": regrets.median(),
                    "lowest": regrets.min(),
                    "highest": regrets.max(),
                    "seeds": len(regrets),
                    "seconds": pd.Series(found.seconds[condition]).median(),
                }
            )
    return pd.DataFrame(rows)


def _judged(effects: list[Effect], scale: Scale) -> list[tuple[Effect, None]]:
    """Effects as they are scored; what learned nothing is unscored only."""
    return [(unscored(effect) if scale.smoke else effect, None) for effect in effects]


def neighbours_text(made: Neighbours) -> str:
    """Every study on pages, for a person: its main table and its effects."""
    card = read_scorecard(made.scorecard_path)
    lines = []
    for name, part in card.groupby("experiment", sort=False):
        entry = STUDIES[str(name)]
        lines += [f"{name}: {entry.question}", f"After {entry.source}.", ""]
        if name in made.tables:
            lines += [_text(made.tables[str(name)]), ""]
        lines += [effect_line(row) for row in part.to_dict("records")]
        lines += [""]
    if len(made.comparison):
        lines += [
            "Agents that learned the shared bandit",
            "",
            _text(made.comparison),
            "",
        ]
    return "\n".join([*lines, tally(card).to_string()])


def _text(table: pd.DataFrame) -> str:
    return table.to_string(index=False, float_format="{:.4g}".format)
