"""Acquisition: how many networks of some runs have learned, and when.

acquisition/tests/RUN/subject-00.json   statistic of every snapshot of a network
acquisition/acquisition.csv             all of them in one table, with the episodes
acquisition/shares.csv                  share of networks that have learned, by snapshot
acquisition/learned.csv                 one row a run
acquisition/comparison.csv              each run compared with the first
acquisition/figure.png, .pdf            shares, and the statistic of every network
acquisition/result.txt                  all of it in words

Tests are kept, so the same call resumes after an interrupt. The runs are not changed.
"""

import hashlib
import math
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from metarl.analysis.acquisition import with_learned
from metarl.analysis.criteria import LearnedCriterion
from metarl.core.checks import MetaRLError, check_word
from metarl.core.fields import Range, check_whole, checked
from metarl.core.files import exists, file_hash, read_json, write_json
from metarl.core.locks import locked
from metarl.core.parallel import (
    Job,
    Outcome,
    Reporter,
    check_workers,
    end_if_importing,
)
from metarl.experiments.spec import experiment
from metarl.pipeline.population import run_all
from metarl.reports.acquisition import (
    AcquisitionFacts,
    EvaluatedSnapshot,
    learned_criterion,
    snapshot_statistics,
    write_acquisition,
)
from metarl.reports.comparison import short_names
from metarl.runs.config import EvaluationConfig
from metarl.runs.folder import (
    SNAPSHOTS,
    Run,
    SubjectFolder,
    folder_name,
    load_run,
    snapshot_updates,
)
from metarl.runs.versions import versions
from metarl.simulation.evaluation import check_test, run_frozen

EPISODES = 100
"""Episodes of the test of a snapshot, by default; enough for criteria that are far from
chance, and a network takes seconds."""
EPISODE_RANGE = Range(1, 100_000, why="every test is in memory")
"""Range of the episodes of the test of a snapshot."""
COUNT = "rollout/episodes"
"""Column of a learning curve with the number of episodes so far."""


@dataclass(frozen=True, kw_only=True)
class SnapshotTests:
    """Tests of all snapshots of the networks of one run."""

    run: Run
    """The run; it is only read."""
    folder: Path
    """Folder of the results of the tests."""
    test: EvaluationConfig
    """Settings of the test."""
    seed: int
    """Root of the test's random streams, the same for all runs."""
    criterion: LearnedCriterion
    """Criterion of having learned."""
    made_by: Mapping[str, str]
    """Versions of metarl, behind which earlier results are repeated."""

    def path(self, subject: int) -> Path:
        """File of the results of one network."""
        return self.folder / f"subject-{subject:02d}.json"

    def source(self, subject: int) -> dict[str, Any]:
        """What the results of one network depend on."""
        folder = self.run.subject(subject)
        weights = {str(n): file_hash(folder.snapshot_path(n)) for n in folder.snapshots}
        return {
            "weights": weights,
            "seed": self.seed,
            "test": self.test.to_plain(),
            "statistic": self.criterion.statistic,
            **self.made_by,
        }

    def finished(self, subject: int) -> bool:
        """Whether the results of one network exist, from the same weights and test."""
        path = self.path(subject)
        return path.exists() and read_json(path, dict)["source"] == self.source(subject)

    def jobs(self, name: str) -> dict[str, Job]:
        """Jobs of the networks, by displayed name."""
        return {
            f"{name} subject {k}".lstrip(): Job(
                partial(evaluate_snapshots, self, k), finished=self.finished(k)
            )
            for k in range(self.run.config.subjects)
        }

    def rows(self, name: str) -> list[dict[str, Any]]:
        """Rows of all networks and snapshots, for the table of acquisition."""
        return [
            {"run": name, "subject": k, **row}
            for k, folder in enumerate(self.run.subjects)
            for row in _rows(folder, read_json(self.path(k), dict)["snapshots"])
        ]


def evaluate_snapshots(tests: SnapshotTests, subject: int, reporter: Reporter) -> None:
    """Test every snapshot of one network with frozen weights, and write the results."""
    run, tested, hashes = tests.run, {}, {}
    folder, config = run.subject(subject), replace(run.config, seed=tests.seed)
    for number, snapshot in enumerate(folder.snapshots):
        progress = snapshot / SNAPSHOTS
        trials, recording, hashes[snapshot] = run_frozen(
            config,
            subject,
            folder.policy(snapshot),
            tests.test,
            progress=progress,
            reporter=reporter.part(number, len(folder.snapshots)),
        )
        discount = config.learning.discount.at(progress)
        tested[snapshot] = EvaluatedSnapshot(
            trials=trials, recording=recording, discount=discount
        )
    values = snapshot_statistics(run, tests.test, tested)
    snapshots = [
        {
            "snapshot": k,
            "statistic": value if math.isfinite(value) else None,
            **hashes[k],
        }
        for k, value in values.items()
    ]
    results = {"source": tests.source(subject), "snapshots": snapshots}
    write_json(tests.path(subject), results, seal=True)


def _rows(
    folder: SubjectFolder, snapshots: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Episodes, steps and statistic at each snapshot of one network."""
    assert folder.run is not None
    training = folder.run.config.training
    updates = snapshot_updates(training.updates)
    count = {0: 0, **_episodes(folder)}
    return [
        {
            "snapshot": each["snapshot"],
            "episodes": count[updates[each["snapshot"]]],
            "steps": updates[each["snapshot"]]
            * training.num_envs
            * training.unroll_steps,
            "statistic": math.nan if each["statistic"] is None else each["statistic"],
        }
        for each in snapshots
    ]


def _episodes(folder: SubjectFolder) -> dict[int, int]:
    """Number of updates -> episodes that had ended, from the learning curve."""
    curve = folder.metrics
    if COUNT not in curve:
        raise MetaRLError(
            f"{folder.metrics_path} has no column {COUNT}, so the episodes of training "
            "are not known; train again with `metarl train`"
        )
    return dict(zip(curve["update"], curve[COUNT].astype(int), strict=True))


@checked
def acquisition(
    runs: str | Path | Sequence[str | Path] | Mapping[str, str | Path],
    out: str | Path | None = None,
    *,
    episodes: int = EPISODES,
    workers: int | None = None,
    show: bool = True,
    executor: Executor | None = None,
    trust_task: bool = False,
) -> Outcome:
    """Determine how many networks of some runs have learned their task, and when.

    Every snapshot of every network is tested with frozen weights, in the experiment's
    main test, and compared with its criterion of having learned.

    Args:
        runs: one or more trained runs of one task, perhaps by displayed name; the
            others are compared with the first.
        out: folder of the results, created if it does not exist; default: the folder
            `acquisition` of a single run, runs/acquisition for several.
        episodes: episodes of the test of each snapshot.
        workers: number of parallel processes; default: all cores; 1: this process only.
        show: show the progress.
        executor: workers for the jobs, perhaps on other machines that share the folder;
            default: processes of this machine.
        trust_task: whether to import the code of a task outside metarl; see `load_run`.

    Returns:
        Folder of the results, and the reason for each job that failed; if one did, no
        table is written.

    Raises:
        MetaRLError: runs are of several tasks, one is unfinished or has no snapshots,
            or the experiment has no criterion of having learned, or it does not apply.
        KeyboardInterrupt: interrupted; finished networks are kept, the same call
            resumes.
    """
    end_if_importing()
    check_workers(workers)
    check_whole("episodes", episodes, EPISODE_RANGE)
    named = _named(runs)
    opened = {k: load_run(v, trust_task=trust_task) for k, v in named.items()}
    criterion = check_runs(opened)
    first = next(iter(opened.values()))
    path = default_folder(list(named.values())) if out is None else Path(out)
    test = acquisition_test(first.config.task, episodes, criterion)
    made_by = {k: v for k, v in versions().items() if k in ("metarl-neuro", "commit")}
    planned = {}
    for name, run in opened.items():
        check_test(run.config, test)
        planned[name] = SnapshotTests(
            run=run,
            folder=path / "tests" / _folder_of(run),
            test=test,
            seed=first.config.seed,
            criterion=criterion,
            made_by=made_by,
        )
    with locked([path]):
        jobs: dict[str, Job] = {}
        for name, tests in planned.items():
            jobs |= tests.jobs(name if len(planned) > 1 else "")
        failures = run_all(
            jobs, workers, show=show, overall=True, executor=executor, folder=path
        )
        if not failures:
            rows = [row for name, tests in planned.items() for row in tests.rows(name)]
            table = with_learned(pd.DataFrame(rows), criterion.threshold)
            facts = AcquisitionFacts(
                task=first.config.task, criterion=criterion, episodes=episodes
            )
            write_acquisition(path, table, facts)
    return Outcome(path, failures)


def _named(
    runs: str | Path | Sequence[str | Path] | Mapping[str, str | Path],
) -> dict[str, Path]:
    """Folder of each run by its displayed name."""
    if isinstance(runs, Mapping):
        for name in runs:
            check_word("a label", name)
        named = {name: Path(folder) for name, folder in runs.items()}
        if len({folder.resolve() for folder in named.values()}) < len(named):
            listed = ", ".join(map(str, named.values()))
            raise ValueError(f"runs must be different folders, got {listed}")
    else:
        named = short_names([runs] if isinstance(runs, str | Path) else runs)
    if not named:
        raise ValueError("runs must be at least one folder of a run, got none")
    return named


def default_folder(folders: Sequence[Path]) -> Path:
    """Default folder of the results for these runs."""
    return Path("runs" if len(folders) > 1 else folders[0]) / "acquisition"


def _folder_of(run: Run) -> str:
    """Name of the folder of a run's tests, which does not depend on its label."""
    # Of the path, as runs with the same configuration may have other weights.
    digest = hashlib.sha256(os.fsencode(run.path.resolve())).hexdigest()[:12]
    return f"{folder_name(run.config.task)}-{digest}"


def acquisition_test(
    task: str, episodes: int, criterion: LearnedCriterion
) -> EvaluationConfig:
    """The main test of an experiment with fewer episodes, the same for all networks."""
    return replace(
        experiment(task).test,
        episodes=episodes,
        record_episodes=episodes if criterion.needs_recording else 0,
        record_untrained=False,
        shared_problems=True,
    )


def check_runs(opened: Mapping[str, Run]) -> LearnedCriterion:
    """Return the criterion of runs that are of one task and trained to their end.

    Raises:
        MetaRLError: they are not, or a criterion does not apply.
    """
    tasks = {name: run.config.task for name, run in opened.items()}
    if len(set(tasks.values())) > 1:
        listed = ", ".join(f"{name} of {task}" for name, task in tasks.items())
        raise MetaRLError(
            f"runs must be of one task, got {listed}; give the runs of each task "
            "separately"
        )
    criteria = [learned_criterion(run) for run in opened.values()]
    for run in opened.values():
        _check_finished(run)
        for folder in run.subjects:
            _check_snapshots(run, folder)
    return criteria[0]


def _check_finished(run: Run) -> None:
    missing = [k for k, folder in enumerate(run.subjects) if not folder.finished]
    if missing:
        raise MetaRLError(
            f"{run.path} is not trained to its end: {len(missing)} of "
            f"{run.config.subjects} networks are missing (subject"
            f"{'s' if len(missing) > 1 else ''} {', '.join(map(str, missing))}); "
            "finish it with `metarl train` and --resume"
        )


def _check_snapshots(run: Run, folder: SubjectFolder) -> None:
    expected = snapshot_updates(run.config.training.updates)
    missing = [n for n in expected if not exists(folder.snapshot_path(n))]
    if not missing:
        return
    which = (
        "no snapshots"
        if len(missing) == len(expected)
        else f"no snapshot {', '.join(map(str, missing))}"
    )
    raise MetaRLError(
        f"{folder.path} has {which} of its training, so the time of learning is not "
        "known; restore them from a copy, or train the subject again"
    )
