"""Search over settings by Optuna, which stops runs that are not promising.

Each job takes the next settings from the study in `search.journal`, trains a run, and
reports the reward in training at each twentieth of it. The aim is the reward per
episode in the first half of the test; the second half remains for an unbiased report.
"""

import contextlib
import math
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from metarl.analysis.sweep import half_rewards
from metarl.core.checks import MetaRLError
from metarl.core.locks import locked
from metarl.core.parallel import Interrupted, Job, Reporter
from metarl.pipeline.population import Population, begin, run_all
from metarl.pipeline.sweep import (
    SAMPLER,
    Sweep,
    SweepPlan,
    SweptRun,
    do_all,
    write_plan,
)
from metarl.runs.folder import SNAPSHOTS
from metarl.runs.settings import Values

STUDY = "sweep"
"""Name of the study in its file."""
NAME = "run"
"""Attribute of a trial: number of its run, kept if another trial continues it."""
WARM_UP = SNAPSHOTS // 4
"""Reports of a run before which it is never stopped."""
STARTUP = 5
"""Runs that are never stopped, for comparison."""
ENDED = ("COMPLETE", "PRUNED")
"""States of trials that count as runs of the search."""


def load_optuna() -> Any:
    """Return the module optuna, without its log.

    Raises:
        MetaRLError: it is not installed.
    """
    try:
        import optuna
    except ImportError:
        raise MetaRLError(
            "a search needs Optuna; install metarl with the extra `search`, or give "
            "--random in place of --search"
        ) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


@contextlib.contextmanager
def open_search(result: Sweep) -> Iterator[None]:
    """Create the study of a search, or reopen it; no other process uses it meanwhile.

    Raises:
        MetaRLError: Optuna is not installed, or another process uses the folder.
        ValueError: a value is refused, or the test is too short; nothing is started.
    """
    optuna = load_optuna()
    _check_search(result.plan)
    with locked([result.path]):
        write_plan(result)
        # Only a killed process can have left it, as the folder is locked.
        for path in result.path.glob(f"{result.journal_path.name}.lock*"):
            path.unlink()
        study = _study(result)
        running = (optuna.trial.TrialState.RUNNING,)
        for trial in study.get_trials(states=running):
            study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
            if NAME in trial.user_attrs:
                attributes = {NAME: trial.user_attrs[NAME]}
                study.enqueue_trial(trial.params, user_attrs=attributes)
        yield


def _check_search(plan: SweepPlan) -> None:
    """Raise ValueError unless every value fits, with the first one of the others."""
    if plan.test.episodes < 2:
        raise ValueError(
            "a search needs a test of at least 2 episodes, as it is by the first half, "
            f"got {plan.test.episodes}; give more episodes"
        )
    ends: dict[str, tuple[Any, ...]] = {
        name: choice.values if isinstance(choice, Values) else (choice.low, choice.high)
        for name, choice in plan.over.items()
    }
    first = {name: values[0] for name, values in ends.items()}
    for name, values in ends.items():
        for value in values:
            if isinstance(value, tuple):
                raise ValueError(
                    f"{name} has the value {value}, but a search needs numbers or "
                    "words; give a grid, or --random"
                )
            plan.run(0, {**first, name: value})


def _study(result: Sweep, number: int | None = None) -> Any:
    """The study; with the sampler of one job if its number is given."""
    optuna = load_optuna()
    backend = optuna.storages.journal.JournalFileBackend(str(result.journal_path))
    sampler = None
    if number is not None:
        # Optuna takes seeds of 32 bits.
        seed = result.plan.stream(number, SAMPLER) % 2**32
        sampler = optuna.samplers.TPESampler(seed=seed)
    return optuna.create_study(
        study_name=STUDY,
        storage=optuna.storages.JournalStorage(backend),
        sampler=sampler,
        pruner=optuna.pruners.MedianPruner(STARTUP, n_warmup_steps=WARM_UP),
        direction="maximize",
        load_if_exists=True,
    )


def run_search(
    result: Sweep, workers: int | None, *, show: bool
) -> tuple[list[SweptRun], dict[str, str]]:
    """Train and test the runs that the search still lacks.

    Returns:
        All runs, and the reason for each job that failed.
    """
    done = sum(t.state.name in ENDED for t in _study(result).get_trials())
    jobs = {
        f"search {number}": Job(partial(search_one, result, number))
        for number in range(done, result.plan.search)
    }
    failures = run_all(jobs, workers, show=show, overall=True)
    return _swept_runs(result), failures


def _swept_runs(result: Sweep) -> list[SweptRun]:
    """Runs of the trials that have a folder, by number."""
    runs: dict[int, SweptRun] = {}
    for trial in _study(result).get_trials():
        number, state = trial.user_attrs.get(NAME), trial.state.name
        if number is None or state == "WAITING":
            continue
        with contextlib.suppress(ValueError):
            run = result.plan.run(number, _in_order(result.plan, trial.params))
            if (result.folder(run.name).path / "config.json").exists():
                pruned = "pruned" if state == "PRUNED" else "failed"
                runs[number] = run._replace(state=pruned)
    return [runs[number] for number in sorted(runs)]


def _in_order(plan: SweepPlan, params: dict[str, Any]) -> dict[str, Any]:
    return {name: params[name] for name in plan.over}


def search_one(result: Sweep, number: int, reporter: Reporter) -> None:
    """Train and test one run with settings of the study, and report to it."""
    state = load_optuna().trial.TrialState
    study = _study(result, number)
    trial = study.ask()
    settings = {name: _suggest(trial, name, c) for name, c in result.plan.over.items()}
    if NAME not in trial.user_attrs:
        trial.set_user_attr(NAME, trial.number)
    try:
        run = result.plan.run(trial.user_attrs[NAME], settings)
        # One after the other: a run is stopped before the training of all subjects.
        population = replace(result.population(run), batch_subjects=1)
        watched = _Watched(trial, population, reporter)
        with begin([population], resume=True):
            watched.train_and_test()
    except Interrupted:
        # Otherwise the trial stays open, and is continued when the search is resumed.
        if reporter.should_stop() or not watched.pruned:
            raise
        study.tell(trial, state=state.PRUNED)
    except (MetaRLError, ValueError, OSError) as error:
        study.tell(trial, state=state.FAIL)
        raise MetaRLError(f"run-{trial.user_attrs[NAME]:03d}: {error}") from None
    else:
        study.tell(trial, _objective(population))


def _suggest(trial: Any, name: str, choice: Any) -> Any:
    """Value of a setting that the study suggests."""
    if isinstance(choice, Values):
        return trial.suggest_categorical(name, list(choice.values))
    suggest = trial.suggest_int if choice.whole else trial.suggest_float
    return suggest(name, choice.low, choice.high, log=choice.log)


def _objective(population: Population) -> float:
    """Mean over subjects of the reward per episode in the first half of the test."""
    folders = population.run.evaluated.values()
    halves = [
        half_rewards(folder.trials, int(folder.metadata["episodes"]))[0]
        for folder in folders
    ]
    return sum(halves) / len(halves)


class _Watched:
    """Training of a run, reported to its trial, which may stop it."""

    def __init__(self, trial: Any, population: Population, reporter: Reporter) -> None:
        """Start before the first subject."""
        self.trial, self.population, self.reporter = trial, population, reporter
        self.pruned = False
        """Whether the run is not promising."""
        self.stage = 0
        """Twentieths of training that were reported, over all subjects."""
        self.rates: dict[int, float] = {}
        """Subject -> its latest reward per step in training."""
        self.stamp = 0
        """Time of the latest learning curve that was read."""

    def train_and_test(self) -> None:
        """Train and test the subjects one after the other, then test the baselines."""
        jobs = list(self.population.subject_jobs().values())
        for subject, job in enumerate(jobs):
            if not job.finished:
                part = self.reporter.part(subject, len(jobs))
                job.work(self._reporter(subject, part))
            self._read(subject)
        baselines = self.population.baseline_jobs().values()
        do_all([job.work for job in baselines if not job.finished], self.reporter)

    def _reporter(self, subject: int, reporter: Reporter) -> Reporter:
        def report(progress: float) -> None:
            reporter.report(progress)
            self._read(subject)

        return Reporter(report, lambda: self.pruned or reporter.should_stop())

    def _read(self, subject: int) -> None:
        """Report the saved learning curve if it has reached another twentieth."""
        folder = self.population.run.subject(subject)
        if not folder.metrics_path.exists():
            return
        stamp = folder.metrics_path.stat().st_mtime_ns
        if stamp == self.stamp:
            return
        self.stamp = stamp
        curve = folder.metrics
        part = SNAPSHOTS / self.population.config.training.updates
        stages = (curve["update"] * part + 1e-9).astype(int)
        last = int(stages.iloc[-1])
        rates = curve["rollout/reward_rate"][stages > last - 1]
        self.rates[subject] = float(rates.mean())
        if (stage := SNAPSHOTS * subject + last) <= self.stage:
            return
        self.stage = stage
        mean = sum(self.rates.values()) / len(self.rates)
        if math.isfinite(mean):
            self.trial.report(mean, stage)
            self.pruned = self.pruned or self.trial.should_prune()
