"""Networks that are trained and tested alike, and the jobs that this takes.

All calls that train or test build their jobs here: a job does what is missing of one
subject, or tests one baseline, and counts as finished where nothing is missing.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from metarl.core.parallel import Job, Reporter, run_jobs
from metarl.experiments.spec import Experiment, experiment
from metarl.experiments.variants import matching_test, variant_config
from metarl.reports.tensorboard.observer import TensorBoardObserver
from metarl.runs.config import TEST, EvaluationConfig, RunConfig
from metarl.runs.folder import (
    SNAPSHOTS,
    EvaluationFolder,
    Run,
    SubjectFolder,
    create_runs,
)
from metarl.simulation.evaluation import (
    MakeBaselines,
    baseline_test,
    check_test,
    evaluate_baseline,
    evaluate_network,
    list_baselines,
)
from metarl.training.trainer import check_trainable, train_subject

log = logging.getLogger(__name__)

TRAINING_PART = 0.85
"""Part of a subject's job that is training, where tests follow; for the progress."""
BASELINE_PART = 1 / 50
"""Duration of a baseline's test relative to the training of a subject."""
PIXELS = 4.0
"""Duration of a step of training with an encoder, relative to one without."""

Tests = Mapping[str, EvaluationConfig]
"""Name -> test."""


@dataclass(frozen=True)
class PlannedTest:
    """One test of one policy of each subject."""

    name: str
    """The test's name."""
    test: EvaluationConfig
    """The test itself."""
    snapshot: int | None = None
    """The snapshot that takes it; None: the trained policy."""
    optional: bool = False
    """Whether a subject without that snapshot goes without the test."""

    def folder(self, run: Run, subject: int) -> EvaluationFolder:
        """Where its tables go."""
        return run.evaluation(subject, self.snapshot, self.name)

    def applies(self, run: Run, subject: int) -> bool:
        """Whether the subject is to take it."""
        return not self.optional or self.snapshot in run.subject(subject).snapshots


@dataclass(frozen=True)
class Population:
    """Networks that are trained alike, and their tests."""

    run: Run
    """Where their files go."""
    config: RunConfig[Any]
    """How they are trained."""
    tests: Sequence[PlannedTest] = ()
    """The tests that they take."""
    baselines: EvaluationConfig | None = None
    """The test that the task's baselines take; None: they take none."""
    name: str = ""
    """Beginning of its jobs' names."""

    def subject_jobs(self, *, train: bool = True) -> dict[str, Job]:
        """One job a subject.

        Args:
            train: whether to train subjects first that are not trained.
        """
        return {
            self._job_name(f"subject {k}"): Job(
                partial(finish_subject, self, k, train),
                finished=(folder.finished or not train) and not self.missing(k),
                size=self.size,
            )
            for k, folder in enumerate(_subjects(self))
        }

    def baseline_jobs(self) -> dict[str, Job]:
        """One job a baseline."""
        if self.baselines is None:
            return {}
        test = baseline_test(self.baselines)
        return {
            self._job_name(name): Job(
                partial(evaluate_one_baseline, self.run, name, test),
                finished=self.run.baseline(name).took(test),
                size=self.size * BASELINE_PART,
            )
            for name in list_baselines(self.config, baselines_of(self.config), test)
        }

    def _job_name(self, of: str) -> str:
        return f"{self.name} {of}".lstrip()

    @property
    def size(self) -> float:
        """About how long a subject takes, in steps of training without an encoder."""
        encodes = self.config.network.encoder != "none"
        return self.config.training.steps * (PIXELS if encodes else 1.0)

    def missing(self, subject: int) -> list[PlannedTest]:
        """The tests that a subject has not taken."""
        return [
            each
            for each in self.tests
            if each.applies(self.run, subject)
            and not each.folder(self.run, subject).took(each.test)
        ]

    def forget_tests(self, subject: int) -> None:
        """Let all tests of a subject count as not taken."""
        for each in self.tests:
            each.folder(self.run, subject).metadata_path.unlink(missing_ok=True)

    def forget_all_tests(self) -> None:
        """Let all tests of all subjects and baselines count as not taken."""
        for k in range(self.config.subjects):
            self.forget_tests(k)
        if self.baselines is not None:
            for folder in self.run.baselines.values():
                folder.metadata_path.unlink(missing_ok=True)


def _subjects(population: Population) -> Iterator[SubjectFolder]:
    return map(population.run.subject, range(population.config.subjects))


def begin(populations: Sequence[Population], *, resume: bool) -> None:
    """Make the folders of all populations, or open them again: all or none.

    Raises:
        MetaRLError: a folder has another run, or has one and `resume` is off.
        ValueError: a population cannot be trained.
    """
    for each in populations:
        check_trainable(each.config)
    configs = {each.run.path: each.config for each in populations}
    create_runs(configs, resume=resume)


def run_all(
    jobs: Mapping[str, Job],
    workers: int | None,
    *,
    show: bool,
    overall: bool = False,
) -> dict[str, str]:
    """Run jobs of populations; for each that failed, the reason."""
    return run_jobs(
        jobs, workers=workers, show=show, overall=overall, preload=(__name__,)
    )


def finish_subject(
    population: Population, subject: int, train: bool, reporter: Reporter
) -> None:
    """Train and test a subject, or do what of that is missing."""
    folder, done = population.run.subject(subject), 0.0
    if train and not folder.finished:
        # The tests that there are were taken by another network.
        population.forget_tests(subject)
        done = TRAINING_PART if population.tests else 1.0
        train_one(population.config, subject, folder, reporter.between(0, done))
    missing = population.missing(subject)
    evaluate_one(population.run, subject, missing, reporter.between(done, 1))


def train_one(
    config: RunConfig[Any], subject: int, folder: SubjectFolder, reporter: Reporter
) -> None:
    """Train one subject of a run, and write its TensorBoard file."""

    def observer(steps_done: int) -> TensorBoardObserver:
        path = folder.path / "tensorboard"
        return TensorBoardObserver(path, config, subject, steps_done=steps_done)

    train_subject(config, subject, folder, reporter, observer)


def evaluate_one(
    run: Run, subject: int, tests: Sequence[PlannedTest], reporter: Reporter
) -> None:
    """Let one trained subject take tests."""
    folder = run.subject(subject)
    for number, each in enumerate(tests):
        evaluate_network(
            run.config,
            subject,
            folder.policy(each.snapshot),
            each.test,
            each.folder(run, subject),
            progress=1.0 if each.snapshot is None else each.snapshot / SNAPSHOTS,
            untrained=folder.policy(0) if each.test.record_untrained else None,
            reporter=reporter.part(number, len(tests)),
        )


def evaluate_one_baseline(
    run: Run, name: str, test: EvaluationConfig, reporter: Reporter
) -> None:
    """Let a baseline take a test."""
    make, folder = baselines_of(run.config), run.baseline(name)
    evaluate_baseline(run.config, name, make, test, folder, reporter)


def baselines_of(config: RunConfig[Any]) -> MakeBaselines:
    """A run's baselines, with the discount of its networks."""
    discount = config.learning.discount.at(1.0)
    return partial(experiment(config.task).make_baselines, discount=discount)


def snapshot_tests(asked: Experiment) -> list[PlannedTest]:
    """The test of every snapshot, where the experiment has one."""
    if asked.snapshot_test is None:
        return []
    numbers = range(SNAPSHOTS + 1)
    test = asked.snapshot_test
    return [PlannedTest(TEST, test, number, optional=True) for number in numbers]


def variant_populations(
    run: Run, config: RunConfig[Any], tests: Tests
) -> Iterator[Population]:
    """The experiment's own variants of a run that is to be trained.

    Args:
        run: the run that they are variants of.
        config: its configuration.
        tests: of these each takes the ones that are its own, if it can.
    """
    for name, variant in experiment(config.task).variants.items():
        yield variant_population(run, name, variant_config(config, variant), tests)


def trained_variants(run: Run, tests: Tests) -> Iterator[Population]:
    """The experiment's own variants that were trained with a run."""
    for name, variant in run.variants.items():
        if name in experiment(run.config.task).variants:
            yield variant_population(run, name, variant.config, tests)


def variant_population(
    run: Run, name: str, config: RunConfig[Any], tests: Tests
) -> Population:
    """The networks of one of the experiment's own variants, with their tests."""
    own = experiment(config.task).variants[name].tests
    taken = {title: tests[title] for title in own if title in tests}
    planned = list(_possible_tests(name, config, taken))
    return Population(run.variant(name), config, planned, name=name)


def _possible_tests(
    name: str, config: RunConfig[Any], tests: Tests
) -> Iterator[PlannedTest]:
    for title, test in tests.items():
        adapted = matching_test(config, test)
        try:
            check_test(config, adapted)
        except ValueError as error:
            log.info("variant %s does not take the test %s: %s", name, title, error)
        else:
            yield PlannedTest(title, adapted)
