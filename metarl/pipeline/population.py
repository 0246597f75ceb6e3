"""Populations of networks with the same training and tests, and their jobs.

All calls that train or test build their jobs here. A job completes the training and
tests of one subject, or tests one baseline; it is finished if nothing is missing.
"""

import contextlib
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any

from metarl.core.checks import MetaRLError
from metarl.core.devices import CPU, check_name, find_device, memory_of
from metarl.core.fields import Range, check_whole
from metarl.core.job_files import take_over
from metarl.core.locks import locked
from metarl.core.parallel import Job, Reporter, core_count, memory_left, run_jobs
from metarl.envs.registry import task_class
from metarl.envs.testing import check_playable
from metarl.experiments.spec import Experiment, experiment
from metarl.experiments.variants import matching_test, variant_config
from metarl.reports.tensorboard.observer import TensorBoardObserver
from metarl.runs.config import TEST, EvaluationConfig, RunConfig
from metarl.runs.folder import (
    SNAPSHOTS,
    EvaluationFolder,
    Run,
    SubjectFolder,
    check_runs,
    create_runs,
)
from metarl.runs.staging import discard, finish_swap, is_complete
from metarl.simulation.evaluation import (
    MakeBaselines,
    baseline_test,
    check_test,
    evaluate_baseline,
    evaluate_network,
    list_baselines,
)
from metarl.training.groups import Observer, train_subjects
from metarl.training.observers import Observers, OwnObserver, check_observer
from metarl.training.stacked import (
    check_device,
    computation_of,
    missing_kernel,
    subject_bytes,
    why_alone,
)
from metarl.training.trainer import check_trainable

log = logging.getLogger(__name__)

TRAINING_FRACTION = 0.85
"""Training as a fraction of a subject's job with tests, for the progress bar."""
BASELINE_DURATION = 1 / 50
"""Duration of a baseline's test relative to the training of a subject."""
ENCODER_DURATION = 4.0
"""Duration of a step of training with an encoder, relative to one without."""

BATCH = Range(1, 10_000, why="a group beyond that saves no time")
"""Range of the number of subjects that share one computation."""
GROUP_ENVS = 1024
"""Environments of a group beyond which further subjects save little time."""

Tests = Mapping[str, EvaluationConfig]
"""Name -> test."""


@dataclass(frozen=True)
class PlannedTest:
    """One test of one policy of each subject."""

    name: str
    """Name of the test."""
    test: EvaluationConfig
    """Configuration of the test."""
    snapshot: int | None = None
    """Snapshot of the policy; None: the trained policy."""
    optional: bool = False
    """Whether the test is omitted for subjects without the snapshot."""

    def folder(self, run: Run, subject: int) -> EvaluationFolder:
        """Folder of its tables."""
        return run.evaluation(subject, self.snapshot, self.name)

    def applies(self, run: Run, subject: int) -> bool:
        """Whether the subject has to take it."""
        return not self.optional or self.snapshot in run.subject(subject).snapshots


@dataclass(frozen=True)
class Population:
    """Networks with the same training, and their tests."""

    run: Run
    """Run with their files."""
    config: RunConfig[Any]
    """Configuration of their training."""
    tests: Sequence[PlannedTest] = ()
    """Tests of every network."""
    baselines: Tests = field(default_factory=dict)
    """Tests of the task's baselines, by name."""
    name: str = ""
    """First words of the names of its jobs."""
    staged: bool = False
    """Whether tests are first written to a separate folder, and put in place later."""
    batch_subjects: int | None = None
    """Number of subjects that share one computation; None: as many as are quickest."""
    device: str = CPU
    """Device of training and tests, as for `find_device`, where the jobs run."""
    observe: str = ""
    """A user's own observer of every training, as module:Class; empty: none."""

    @property
    def tables(self) -> Run:
        """Run in which the tests are written."""
        return self.run.staging if self.staged else self.run

    def subject_jobs(self, *, train: bool = True) -> dict[str, Job]:
        """Return the jobs of the subjects; those that train together have one.

        Args:
            train: whether to train the subjects that are not trained yet.
        """
        unfinished = [
            k for k, folder in enumerate(_subjects(self)) if not folder.finished
        ]
        jobs = {}
        for subjects in self._groups(unfinished if train else []):
            done = subjects[0] not in unfinished or not train
            jobs[self._job_name(_names(subjects))] = Job(
                partial(finish_subjects, self, subjects, train),
                finished=done and not any(map(self.missing, subjects)),
                size=self.size * len(subjects),
            )
        return jobs

    def _groups(self, training: Sequence[int]) -> Iterator[tuple[int, ...]]:
        """Subjects by job, in order: those in training by groups, others alone."""
        size = group_size(self.config, len(training), self.batch_subjects, self.device)
        chunks = [training[k : k + size] for k in range(0, len(training), size)]
        group_of = {subject: tuple(chunk) for chunk in chunks for subject in chunk}
        for k in range(self.config.subjects):
            group = group_of.get(k, (k,))
            if k == group[0]:
                yield group

    def baseline_jobs(self) -> dict[str, Job]:
        """Return one job per test and baseline."""
        return dict(
            job
            for title, full in self.baselines.items()
            for job in self._jobs_of_test(title, baseline_test(full))
        )

    def _jobs_of_test(
        self, title: str, test: EvaluationConfig
    ) -> Iterator[tuple[str, Job]]:
        """Jobs of the baselines in one test, with their names."""
        for name in list_baselines(self.config, baselines_of(self.config), test):
            words = name if title == TEST else f"{name}, {title}"
            own = (self.config, name, test, self.tables, title)
            job = Job(
                partial(evaluate_one_baseline, *own),
                finished=self.tables.baseline(name, title).took(test),
                size=self.size * BASELINE_DURATION,
            )
            yield self._job_name(words), job

    def _job_name(self, name: str) -> str:
        return f"{self.name} {name}".lstrip()

    @property
    def size(self) -> float:
        """Approximate duration of a subject, in training steps without an encoder."""
        encodes = self.config.network.encoder != "none"
        return self.config.training.steps * (ENCODER_DURATION if encodes else 1.0)

    def missing(self, subject: int) -> list[PlannedTest]:
        """Tests that a subject has not taken."""
        return [
            each
            for each in self.tests
            if each.applies(self.run, subject)
            and not each.folder(self.tables, subject).took(each.test)
        ]

    def taken(self) -> list[PlannedTest]:
        """Tests that a subject has taken in the run, perhaps with other settings."""
        return [
            each
            for each in self.tests
            for k in range(self.config.subjects)
            if each.folder(self.run, k).metadata_path.exists()
        ]

    def forget_tests(self, subject: int) -> None:
        """Mark all tests of a subject as not taken."""
        for each in self.tests:
            each.folder(self.tables, subject).metadata_path.unlink(missing_ok=True)

    def check_policies(self) -> None:
        """Raise MetaRLError unless the policies of trained subjects are readable."""
        for folder in _subjects(self):
            if folder.finished:
                folder.policy()


def _subjects(population: Population) -> Iterator[SubjectFolder]:
    return map(population.run.subject, range(population.config.subjects))


@contextlib.contextmanager
def begin(
    populations: Sequence[Population], *more: Path, resume: bool
) -> Iterator[None]:
    """Create the folders of all populations, or reopen them: all or none.

    No other process writes to them, and to more folders, in the context.

    Raises:
        MetaRLError: a folder has another run, or has this run and `resume` is off;
            another process uses it; or the policy of a trained subject is damaged.
        ValueError: a population cannot be trained, or a task of the user's own breaks
            a rule of `metarl.envs.testing`.
    """
    for each in populations:
        check_trainable(each.config)
        check_device(each.config, each.device)
        check_batch(each.config, each.batch_subjects, each.device)
        if each.observe:
            check_observer(each.observe)
        if ":" in each.config.task:
            own = task_class(each.config.task)
            check_playable(own(1, each.config.task_params))
    configs = {each.run.path: each.config for each in populations}
    check_runs(configs, resume=resume)
    with writing(populations, *more):
        create_runs(configs, resume=resume)
        for each in populations:
            each.check_policies()
        faults = dict.fromkeys(
            missing_kernel(each.config, each.device) for each in populations
        )
        for fault in filter(None, faults):
            log.info("training takes the slower path by torch: %s", fault)
        yield


@contextlib.contextmanager
def writing(populations: Sequence[Population], *more: Path) -> Iterator[None]:
    """Context in which no other process writes to these runs, and more folders.

    Raises:
        MetaRLError: another process or jobs on other machines use one of them, or one
            cannot be written to.
    """
    folders = [*(each.run.path for each in populations), *more]
    with locked(folders):
        take_over(folders)
        for each in populations:
            if is_complete(each.run.path):
                finish_swap(each.run.path)
            discard(each.run.path)
        yield


def for_workers(
    populations: Iterable[Population], executor: Executor | None
) -> list[Population]:
    """Populations with one subject a job, unless they run on this machine alone.

    Other machines may have many more cores than this one.
    """
    if executor is None:
        return list(populations)
    return [
        replace(each, batch_subjects=each.batch_subjects or 1) for each in populations
    ]


def device_for(device: str, executor: Executor | None) -> str:
    """Device of the jobs; on other machines it is looked for when they run.

    Raises:
        ValueError: the name is unknown, or there is no such device here.
    """
    check_name(device)
    return device if executor else find_device(device)


def workers_for(
    device: str, workers: int | None, executor: Executor | None
) -> int | None:
    """Number of parallel processes: one by default if a GPU of this machine is used."""
    alone = executor is None and device != CPU
    return 1 if workers is None and alone else workers


def in_rounds(populations: Iterable[Population]) -> dict[str, Job]:
    """First jobs of the subjects of all populations, then the next ones."""
    rounds = zip_longest(*(each.subject_jobs().items() for each in populations))
    return dict(job for jobs in rounds for job in jobs if job is not None)


def run_all(
    jobs: Mapping[str, Job],
    workers: int | None,
    *,
    show: bool,
    overall: bool = False,
    executor: Executor | None = None,
    detach: bool = False,
    folder: Path | None = None,
) -> dict[str, str]:
    """Run jobs of populations; return the reason for each that failed."""
    return run_jobs(
        jobs,
        workers=workers,
        show=show,
        overall=overall,
        preload=(__name__,),
        executor=executor,
        detach=detach,
        folder=folder,
    )


def group_size(
    config: RunConfig[Any], waiting: int, asked: int | None, device: str = CPU
) -> int:
    """Number of subjects that share one computation.

    Args:
        config: configuration of their training.
        waiting: number of subjects that are not trained yet.
        asked: number that was asked for; None: as many as are quickest.
        device: device of the computation.
    """
    if why_alone(config, device) or asked == 1:
        return 1
    if asked is not None:
        return asked
    if device != CPU:
        return max(1, min(waiting, _fit(config, device)))
    # The bytes of a subject depend on its group, except in the kernel.
    if computation_of(config) != "kernel":
        return 1
    most = max(1, GROUP_ENVS // config.training.num_envs)
    fit = _fit(config, device) // core_count()
    return max(1, min(most, -(-waiting // core_count()), fit))


def _fit(config: RunConfig[Any], device: str) -> int:
    """Number of subjects for which there is memory."""
    left, by = memory_of(device), computation_of(config, device, shared=True)
    return (memory_left() if left is None else left) // subject_bytes(config, by)


def check_batch(config: RunConfig[Any], asked: int | None, device: str = CPU) -> None:
    """Raise ValueError if so many subjects cannot share one computation."""
    if asked is None or check_whole("batch_subjects", asked, BATCH) == 1:
        return
    if reason := why_alone(config, device):
        raise ValueError(
            f"batch_subjects must be auto or 1 here, got {asked}: subjects share a "
            f"computation only where all is as in Wang et al. 2018, and {reason}"
        )
    fit = _fit(config, device)
    if min(asked, config.subjects) > fit:
        raise ValueError(
            f"batch_subjects must be at most {max(1, fit)} in the memory that is left, "
            f"got {asked}; take fewer, or fewer environments or steps of an unroll"
        )


def in_batches(
    populations: Sequence[Population], asked: int | None
) -> list[Population]:
    """Populations with so many subjects in one computation, where they can share one.

    `begin` refuses the number if no population can, or if it is out of range.
    """
    alone = [bool(why_alone(each.config, each.device)) for each in populations]
    if asked is None or all(alone):
        alone = [False] * len(populations)
    return [
        replace(each, batch_subjects=1 if one else asked)
        for each, one in zip(populations, alone, strict=True)
    ]


def _names(subjects: Sequence[int]) -> str:
    """Name of the job of one subject, or of several."""
    if len(subjects) == 1:
        return f"subject {subjects[0]}"
    return f"subjects {', '.join(map(str, subjects[:-1]))} and {subjects[-1]}"


def finish_subjects(
    population: Population, subjects: Sequence[int], train: bool, reporter: Reporter
) -> None:
    """Complete the training and the tests of subjects that share a computation.

    Raises:
        MetaRLError: a subject could not be trained; the others are complete.
    """
    folders = {k: population.run.subject(k) for k in subjects}
    waiting = {k: f for k, f in folders.items() if train and not f.finished}
    done, failure = 0.0, None
    if waiting:
        # Existing tests belong to an earlier network.
        for k in waiting:
            population.forget_tests(k)
        done = TRAINING_FRACTION if population.tests else 1.0
        try:
            device = find_device(population.device)
            train_some(population, waiting, reporter.between(0, done), device)
        except MetaRLError as error:
            failure = error
    testing = reporter.between(done, 1)
    trained = [k for k, folder in folders.items() if folder.finished or not waiting]
    for number, k in enumerate(trained):
        part = testing.part(number, len(trained))
        evaluate_one(population, k, population.missing(k), part)
    if failure:
        raise failure


def train_some(
    population: Population,
    folders: Mapping[int, SubjectFolder],
    reporter: Reporter,
    device: str,
) -> None:
    """Train subjects of a run, and write their TensorBoard files."""
    config = population.config

    def observer(subject: int, steps_done: int) -> Observers:
        path = folders[subject].path
        each: list[Observer] = [
            TensorBoardObserver(
                path / "tensorboard", config, subject, steps_done=steps_done
            )
        ]
        if name := population.observe:
            each.append(OwnObserver(name, path, config, subject, steps_done=steps_done))
        return Observers(each)

    train_subjects(config, folders, reporter, observer, device)


def evaluate_one(
    population: Population,
    subject: int,
    tests: Sequence[PlannedTest],
    reporter: Reporter,
) -> None:
    """Test one trained subject."""
    folder = population.run.subject(subject)
    for number, each in enumerate(tests):
        evaluate_network(
            population.config,
            subject,
            folder.policy(each.snapshot),
            each.test,
            each.folder(population.tables, subject),
            progress=1.0 if each.snapshot is None else each.snapshot / SNAPSHOTS,
            untrained=folder.policy(0) if each.test.record_untrained else None,
            reporter=reporter.part(number, len(tests)),
            device=find_device(population.device),
        )


def evaluate_one_baseline(
    config: RunConfig[Any],
    name: str,
    test: EvaluationConfig,
    tables: Run,
    title: str,
    reporter: Reporter,
) -> None:
    """Test one baseline, and write its tables in a run, as those of the named test."""
    make, folder = baselines_of(config), tables.baseline(name, title)
    evaluate_baseline(config, name, make, test, folder, reporter)


def baselines_of(config: RunConfig[Any]) -> MakeBaselines:
    """Return the function that makes baselines with the discount of the networks."""
    discount = config.learning.discount.at(1.0)
    return partial(experiment(config.task).make_baselines, discount=discount)


def snapshot_tests(chosen: Experiment) -> list[PlannedTest]:
    """Tests of the snapshots, if the experiment has one."""
    if chosen.snapshot_test is None:
        return []
    numbers = range(SNAPSHOTS + 1)
    test = chosen.snapshot_test
    return [PlannedTest(TEST, test, number, optional=True) for number in numbers]


def variant_populations(
    run: Run, config: RunConfig[Any], tests: Tests
) -> Iterator[Population]:
    """Populations of the experiment's own variants of a run.

    Args:
        run: run with these variants.
        config: configuration of the run.
        tests: tests by name; each variant takes its own ones among them, if it can.
    """
    for name, variant in experiment(config.task).variants.items():
        yield variant_population(run, name, variant_config(config, variant), tests)


def trained_variants(run: Run, tests: Tests) -> Iterator[Population]:
    """Populations of the experiment's own variants that exist in a run."""
    for name, variant in run.variants.items():
        if name in experiment(run.config.task).variants:
            yield variant_population(run, name, variant.config, tests)


def variant_population(
    run: Run, name: str, config: RunConfig[Any], tests: Tests
) -> Population:
    """Population of one of the experiment's own variants, with its tests."""
    own = experiment(config.task).variants[name].tests
    taken = {title: tests[title] for title in own if title in tests}
    planned = list(possible_tests(name, config, taken))
    return Population(run.variant(name), config, planned, name=name)


def possible_tests(
    name: str, config: RunConfig[Any], tests: Tests
) -> Iterator[PlannedTest]:
    """Tests that the networks of a variant can take; the others are logged."""
    for title, test in tests.items():
        adapted = matching_test(config, test)
        try:
            check_test(config, adapted)
        except ValueError as error:
            log.info("variant %s does not take the test %s: %s", name, title, error)
        else:
            yield PlannedTest(title, adapted)
