"""Sweep over settings: the same experiment, trained and tested with each of them.

sweep/sweep.json          the plan
sweep/runs/NAME/          an ordinary run for each combination of settings
sweep/scores/NAME.json    its rewards and main score by subject
sweep/sweep.csv           all of them in one table; summary.csv, one row a run
sweep/figure.png, .pdf    the reward against each setting
sweep/result.txt          all of it in words
sweep/search.journal      the search, if it is one

Finished subjects are kept: the same call with `resume` goes on where it was stopped.
"""

import itertools
import logging
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np

from metarl.analysis.sweep import TESTED
from metarl.core.checks import MetaRLError, check_at_least, check_folder_name
from metarl.core.fields import Range, check_fields, checked
from metarl.core.files import exists, read_json, read_table, write_json
from metarl.core.parallel import (
    Job,
    Outcome,
    Reporter,
    Work,
    check_workers,
    end_if_importing,
)
from metarl.core.seeding import stream_seed
from metarl.experiments.spec import experiment, preset
from metarl.pipeline.fingerprint import analysis_job, fingerprint, is_analysed
from metarl.pipeline.plan import SMOKE_EPISODES
from metarl.pipeline.population import (
    PlannedTest,
    Population,
    begin,
    in_rounds,
    run_all,
)
from metarl.reports.sweep import (
    SCORES,
    SUMMARY_FILE,
    SweepFacts,
    describe_settings,
    score_run,
    write_sweep,
)
from metarl.runs.config import TEST, EvaluationConfig, RunConfig, Seed, SubjectCount
from metarl.runs.folder import (
    Run,
    SubjectFolder,
    first_difference,
    folder_name,
    load_run,
)
from metarl.runs.settings import (
    Span,
    Values,
    change_settings,
    make_values,
    read_values,
    shown,
)
from metarl.simulation.evaluation import check_test
from metarl.training.trainer import check_trainable

log = logging.getLogger(__name__)

PLAN_FILE = "sweep.json"
"""File of the plan."""
RunCount = Annotated[
    int, Range(0, 500, why="a file of each run is open, and systems allow about 1,000")
]
"""Number of runs."""
GRID_SUBJECTS = 8
"""Subjects of each run of a grid, by default; of other sweeps, 1."""
DIGITS = 4
"""Significant digits of a drawn value, so that it can be read and typed."""
DRAWN, SEEDED, SAMPLER = range(3)
"""Last part of the streams of a run: its settings, its seed, the search's sampler."""
MOST_COMPARED = 12
"""Number of runs that a comparison has room for."""


class SweptRun(NamedTuple):
    """A run of a sweep."""

    name: str
    """Name of its folder."""
    settings: dict[str, Any]
    """Setting -> its value."""
    config: RunConfig[Any]
    """Configuration."""
    state: str = "failed"
    """State of its subjects that were not tested: failed or pruned."""


@dataclass(frozen=True, kw_only=True)
class SweepPlan:
    """Settings to try, and how."""

    task: str
    """Name from the registry, or your own "module:EXPERIMENT"."""
    over: Mapping[str, Values | Span]
    """Setting -> its values, or the range from which they are drawn."""
    preset: str = "fast"
    """Preset whose other settings are used."""
    subjects: SubjectCount = GRID_SUBJECTS
    """Number of independently trained networks of each run."""
    seed: Seed = 1
    """Root of all random streams."""
    random: RunCount = 0
    """Number of runs with drawn settings; 0: no random sweep."""
    search: RunCount = 0
    """Number of runs of a search; 0: no search."""
    episodes: int | None = None
    """Episodes of the test of a network; None: as in the experiment's main test."""

    def __post_init__(self) -> None:
        """Validate the fields."""
        check_fields(self)
        if not self.over:
            raise ValueError("over must name at least one setting, got none")
        if self.random and self.search:
            raise ValueError("random and search cannot both be given; choose one")
        for name, choice in self.over.items():
            if isinstance(choice, Span) and self.mode == "grid":
                raise ValueError(
                    f"{name} has a range, {choice}, but a grid needs values; list them "
                    "with commas between, or give a number of runs as random or search"
                )
        if self.mode == "grid":
            values = (c.values for c in self.over.values() if isinstance(c, Values))
            count = math.prod(map(len, values))
            if count > 500:
                raise ValueError(
                    f"a grid must have at most 500 runs, got {count:,}; give fewer "
                    "values, or a number of runs as random"
                )

    @property
    def mode(self) -> Literal["grid", "random", "search"]:
        """Kind of the sweep."""
        return "random" if self.random else "search" if self.search else "grid"

    @cached_property
    def base(self) -> RunConfig[Any]:
        """Configuration before the settings are changed."""
        usual = preset(self.task, self.preset)
        return replace(usual, subjects=self.subjects, seed=self.seed)

    @cached_property
    def test(self) -> EvaluationConfig:
        """Test of every network: the experiment's main one."""
        usual = experiment(self.task).test
        count = SMOKE_EPISODES if self.preset == "smoke" else usual.episodes
        count = count if self.episodes is None else self.episodes
        recorded = min(usual.record_episodes, count)
        return replace(usual, episodes=count, record_episodes=recorded)

    def runs(self) -> list[SweptRun]:
        """Every run, except those of a search, whose settings are not yet known.

        Raises:
            ValueError: a setting is refused, or does not fit the others.
        """
        settings = self._grid() if self.mode == "grid" else self._draws()
        return [self.run(number, each) for number, each in enumerate(settings)]

    def run(self, number: int, settings: Mapping[str, Any]) -> SweptRun:
        """One run with its configuration; raise ValueError if a setting is refused."""
        grid = self.mode == "grid"
        name = grid_name(settings) if grid else f"run-{number:03d}"
        seed = self.seed if grid else self.stream(number, SEEDED)
        try:
            config = replace(change_settings(self.base, settings), seed=seed)
            check_trainable(config)
            check_test(config, self.test)
        except ValueError as error:
            words = describe_settings(settings)
            raise ValueError(f"a run with {words} cannot be trained: {error}") from None
        return SweptRun(name, dict(settings), config)

    def stream(self, number: int, purpose: int) -> int:
        """Seed of a run for one purpose, independent of other runs."""
        return stream_seed(self.seed, number, "sweep", purpose)

    def _grid(self) -> Iterator[dict[str, Any]]:
        choices = {k: c.values for k, c in self.over.items() if isinstance(c, Values)}
        for values in itertools.product(*choices.values()):
            yield dict(zip(choices, values, strict=True))

    def _draws(self) -> Iterator[dict[str, Any]]:
        for number in range(self.random):
            generator = np.random.default_rng(self.stream(number, DRAWN))
            # By name, so that the order of the settings does not matter.
            drawn = {k: draw(self.over[k], generator) for k in sorted(self.over)}
            yield {name: drawn[name] for name in self.over}

    def to_plain(self) -> dict[str, Any]:
        """The plan for JSON."""
        return {
            "task": self.task,
            "preset": self.preset,
            "mode": self.mode,
            "subjects": self.subjects,
            "seed": self.seed,
            "episodes": self.test.episodes,
            "over": {name: _plain(choice) for name, choice in self.over.items()},
            "runs": self.random or self.search,
        }


def _plain(choice: Values | Span) -> dict[str, Any]:
    if isinstance(choice, Values):
        return {"values": [shown(each) for each in choice.values]}
    return {"range": str(choice)}


def draw(choice: Values | Span, generator: np.random.Generator) -> Any:
    """Draw one value; a number has DIGITS significant digits."""
    if isinstance(choice, Values):
        return choice.values[int(generator.integers(len(choice.values)))]
    part = generator.random()
    low, high = choice.low, choice.high
    if choice.whole:
        # Each whole number has an interval of the same width, on the scale drawn from.
        low, high = low - 0.5, high + 0.5
    if choice.log:
        value = math.exp(math.log(low) + part * (math.log(high) - math.log(low)))
    else:
        value = low + part * (high - low)
    value = round(value) if choice.whole else float(f"{value:.{DIGITS}g}")
    return type(value)(min(max(value, choice.low), choice.high))


def grid_name(settings: Mapping[str, Any]) -> str:
    """Name of a run's folder: its settings, as units=24,discount=0.4."""
    last = [name.rpartition(".")[2] for name in settings]
    words = [
        f"{short if last.count(short) == 1 else name}={shown(value)}"
        for (name, value), short in zip(settings.items(), last, strict=True)
    ]
    name = re.sub(r"[^\w.,=+-]", "_", ",".join(words))
    check_folder_name("the name of a run", name)
    return name


@dataclass(frozen=True)
class Sweep:
    """Folder of a sweep."""

    path: Path
    plan: SweepPlan

    @property
    def plan_path(self) -> Path:
        """File of the plan."""
        return self.path / PLAN_FILE

    @property
    def journal_path(self) -> Path:
        """File of a search."""
        return self.path / "search.journal"

    def folder(self, name: str) -> Run:
        """Folder of a run."""
        return Run(self.path / "runs" / name, trust_task=True)

    def score_path(self, name: str) -> Path:
        """File of a run's scores."""
        return self.path / "scores" / f"{name}.json"

    def population(self, swept: SweptRun) -> Population:
        """The networks of a run, with their test and that of the baselines."""
        return Population(
            self.folder(swept.name),
            swept.config,
            [PlannedTest(TEST, self.plan.test)],
            baselines={TEST: self.plan.test},
            name=swept.name,
        )


@checked
def sweep(  # noqa: PLR0913 the options of the command, all but two by name
    task: str,
    over: Mapping[str, Any],
    out: str | Path | None = None,
    *,
    subjects: int | None = None,
    preset: str = "fast",
    seed: int = 1,
    random: int = 0,
    search: int = 0,
    select: int = 0,
    episodes: int | None = None,
    resume: bool = False,
    workers: int | None = None,
    show: bool = True,
) -> Outcome:
    """Train and test networks with every combination of some settings.

    Args:
        task: name of a task, or your own "module:EXPERIMENT".
        over: setting, as "learning.discount" -> its values, or text as on the command
            line: ".4,.8,.9", or a range, ".4:.9" or "1e-4:1e-2:log".
        out: folder of the results, created if it does not exist; default:
            runs/sweep/TASK.
        subjects: number of independently trained networks of each run; default: 8 in
            a grid, otherwise 1.
        preset: preset whose other settings are used.
        seed: root of all random streams.
        random: number of runs with drawn settings, in place of all combinations.
        search: number of runs of a search by Optuna, which stops those that are not
            promising; it needs the extra `search`.
        select: number of runs to select by the first half of the test's episodes, to be
            reported on the second half; 0: none.
        episodes: episodes of the test of each network; default: the experiment's.
        resume: resume the sweep in `out`; a grid may have gained values, and a random
            sweep or a search runs.
        workers: number of parallel processes; default: all cores; 1: this process only.
        show: show the progress.

    Returns:
        Folder of the results, and the reason for each job that failed.

    Raises:
        MetaRLError: `out` has a sweep, and `resume` is off or the plan differs.
        ValueError: a setting does not exist, or a value is refused; nothing is started.
        KeyboardInterrupt: interrupted; everything is saved, `resume` continues.
    """
    end_if_importing()
    check_workers(workers)
    plan = make_plan(
        task,
        over,
        preset=preset,
        subjects=subjects,
        seed=seed,
        random=random,
        search=search,
        episodes=episodes,
    )
    check_select(plan, select)
    path = default_sweep_folder(task) if out is None else Path(out)
    result = Sweep(path, plan)
    if plan.mode == "search":
        from metarl.pipeline.search import open_search, run_search

        check_resumable(result, resume=resume)
        with open_search(result):
            runs, failures = run_search(result, workers, show=show)
            failures |= _finish(result, runs, select, workers, show=show)
        return Outcome(path, failures)
    runs = plan.runs()
    check_resumable(result, resume=resume)
    populations = [result.population(each) for each in runs]
    with begin(populations, path, resume=True):
        write_plan(result)
        failures = run_all(_jobs(populations), workers, show=show, overall=True)
        failures |= _finish(result, runs, select, workers, show=show)
    return Outcome(path, failures)


def make_plan(
    task: str,
    over: Mapping[str, Any],
    *,
    preset: str,
    subjects: int | None,
    random: int,
    search: int,
    **more: Any,
) -> SweepPlan:
    """Return a plan, with settings read from text or values; see `sweep`."""
    base = experiment(task).config(task, preset)
    usual = 1 if random or search else GRID_SUBJECTS
    return SweepPlan(
        task=task,
        over={name: _choice(base, name, given) for name, given in over.items()},
        preset=preset,
        subjects=usual if subjects is None else subjects,
        random=random,
        search=search,
        **more,
    )


def _choice(base: RunConfig[Any], name: str, given: Any) -> Values | Span:
    """Values or range of a setting, from text, values, or one value."""
    if isinstance(given, str):
        return read_values(base, name, given)
    if isinstance(given, Span):
        return read_values(base, name, str(given))
    if isinstance(given, Values):
        return make_values(base, name, given.values)
    listed = isinstance(given, Sequence) and not isinstance(given, bytes)
    several = listed or hasattr(given, "tolist")
    return make_values(base, name, list(given) if several else [given])


def default_sweep_folder(task: str) -> Path:
    """Default folder of a sweep of a task."""
    return Path("runs") / "sweep" / folder_name(task)


def check_select(plan: SweepPlan, select: int) -> None:
    """Raise ValueError unless so many runs can be selected."""
    if not select:
        return
    check_at_least("select", select, 1)
    runs = plan.random or plan.search or len(plan.runs())
    if select > runs:
        raise ValueError(
            f"select must be at most the number of runs, {runs}, got {select}"
        )
    if plan.test.episodes < 2:
        raise ValueError(
            "select needs a test of at least 2 episodes, for its two halves, got "
            f"{plan.test.episodes}; give more episodes"
        )


def check_resumable(result: Sweep, *, resume: bool) -> None:
    """Raise MetaRLError unless the folder has no sweep, or this one to be resumed."""
    if not exists(result.plan_path):
        return
    if not resume:
        raise MetaRLError(
            f"{result.path} already has a sweep; resume it with --resume, or give "
            "another --out"
        )
    before, now = read_json(result.plan_path, dict), result.plan.to_plain()
    difference = _difference(before, now)
    if difference:
        raise MetaRLError(
            f"{result.path} was started with another plan ({difference}); resume with "
            "the same one, to which values or runs may be added, or give another --out"
        )


def _difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Describe the first difference of two plans that is not an addition."""
    grows = ("over", "runs")
    first, second = (
        {k: v for k, v in p.items() if k not in grows} for p in (before, now)
    )
    if difference := first_difference(first, second):
        return difference
    old, new = before.get("over", {}), now["over"]
    if set(old) != set(new):
        return f"over was {', '.join(sorted(old))}, is {', '.join(sorted(new))}"
    if now["mode"] != "grid":
        fewer = now["runs"] < before.get("runs", 0)
        runs = f"runs was {before.get('runs')}, is {now['runs']}" if fewer else ""
        return first_difference(old, new, "over") or runs
    for name, choice in old.items():
        lost = [v for v in choice["values"] if v not in new[name]["values"]]
        if lost:
            return f"{name} has lost the value {lost[0]}"
    return ""


def write_plan(result: Sweep) -> None:
    """Write the plan, unless it is there."""
    plain = result.plan.to_plain()
    if not result.plan_path.exists() or read_json(result.plan_path) != plain:
        write_json(result.plan_path, plain, seal=True)


def _jobs(populations: Sequence[Population]) -> dict[str, Job]:
    """Jobs of the first subjects of all runs, then the next; baselines last."""
    baselines = {f"{p.name} baselines": _baselines_job(p) for p in populations}
    return in_rounds(populations) | baselines


def _baselines_job(population: Population) -> Job:
    """One job for all baselines: each takes little longer than a process needs."""
    jobs = [job for job in population.baseline_jobs().values() if not job.finished]
    size = sum(job.size for job in jobs)
    works = [job.work for job in jobs]
    return Job(partial(do_all, works), finished=not jobs, size=size or 1.0)


def do_all(works: Sequence[Work], reporter: Reporter) -> None:
    """Do the work of several jobs, one after the other."""
    for number, work in enumerate(works):
        work(reporter.part(number, len(works)))


def _finish(
    result: Sweep,
    runs: Sequence[SweptRun],
    select: int,
    workers: int | None,
    *,
    show: bool,
) -> dict[str, str]:
    """Score all runs, and write the results; return the reason for each failed job."""
    tested = [each for each in runs if result.folder(each.name).evaluated]
    jobs = {f"{each.name} score": _score_job(result, each.name) for each in tested}
    failures = run_all(jobs, workers, show=show, overall=True)
    rows = [row for each in runs for row in _rows(result, each)]
    scores = (_read_score(result, each.name) for each in tested)
    known = next((score for score in scores if score), {})
    facts = SweepFacts(
        plan=result.plan.to_plain(),
        over=result.plan.over,
        select=select,
        score_name=known.get("score_name", ""),
        unscored=known.get("unscored", ""),
    )
    write_sweep(result.path, rows, facts)
    return failures


def _score_job(result: Sweep, name: str) -> Job:
    """Job that scores a run; finished if its scores are of its present tests."""
    run, score = result.folder(name), _read_score(result, name)
    finished = score.get("made_from") == fingerprint(run)
    return Job(partial(score_one, run, result.score_path(name)), finished=finished)


def score_one(run: Run, path: Path, reporter: Reporter) -> None:
    """Write the scores of a run."""
    # If the analysis fails, scores of earlier tests must not remain.
    path.unlink(missing_ok=True)
    write_json(path, {**score_run(run), "made_from": fingerprint(run)}, seal=True)


def _read_score(result: Sweep, name: str) -> dict[str, Any]:
    path = result.score_path(name)
    score: dict[str, Any] = read_json(path, dict) if path.exists() else {}
    return score


def _rows(result: Sweep, swept: SweptRun) -> Iterator[dict[str, Any]]:
    """Rows of the table: each subject of a run."""
    run = result.folder(swept.name)
    scores = _read_score(result, swept.name).get("subjects", {})
    tested = run.evaluated
    for subject, folder in enumerate(run.subjects):
        state = swept.state if subject not in tested else TESTED
        yield {
            "run": swept.name,
            **swept.settings,
            "subject": subject,
            "seed": swept.config.seed,
            "state": state,
            **{name: scores.get(str(subject), {}).get(name) for name in SCORES},
            "steps": _steps_done(folder, swept.config),
        }


def _steps_done(folder: SubjectFolder, config: RunConfig[Any]) -> int:
    """Steps of training that a subject has done, to the last saved point."""
    if folder.finished:
        return config.training.steps
    return int(folder.metrics["steps"].max()) if folder.metrics_path.exists() else 0


def is_sweep(folder: Path) -> bool:
    """Whether a folder has a sweep."""
    return exists(folder / SUMMARY_FILE) and exists(folder / PLAN_FILE)


def compared_runs(
    folder: Path,
    *,
    trust_task: bool = False,
    workers: int | None = None,
    show: bool = True,
) -> tuple[dict[str, Path], dict[str, str]]:
    """Runs of a sweep to be compared, by their settings; they are analysed if needed.

    They are the selected ones, if there are any; of more than MOST_COMPARED, those with
    the most reward.

    Args:
        folder: folder of the sweep.
        trust_task: whether to import the code of a task outside metarl; see `load_run`.
        workers: number of parallel processes; default: all cores.
        show: show the progress.

    Returns:
        Label -> folder of the run, and the reason for each analysis that failed.

    Raises:
        MetaRLError: fewer than two runs were tested.
    """
    summary = read_table(folder / SUMMARY_FILE, made_by="metarl sweep")
    rows = summary[summary["n"] > 0]
    if rows["selected"].any():
        rows = rows[rows["selected"]]
    if len(rows) > MOST_COMPARED:
        log.info(
            "comparing the %d of %d runs with the most reward", MOST_COMPARED, len(rows)
        )
        kept = rows["mean"].sort_values(ascending=False, kind="stable").index
        rows = rows.loc[sorted(kept[:MOST_COMPARED])]
    runs = {
        str(label): load_run(folder / "runs" / str(name), trust_task=trust_task)
        for label, name in zip(rows["label"], rows["run"], strict=True)
    }
    if len(runs) < 2:
        raise MetaRLError(
            f"a comparison needs two or more tested runs, {folder} has {len(runs)}"
        )
    jobs = {f"{run.path.name} analysis": analysis_job(run) for run in runs.values()}
    failures = run_all(jobs, workers, show=show, overall=True)
    return {k: run.path for k, run in runs.items() if is_analysed(run)}, failures
