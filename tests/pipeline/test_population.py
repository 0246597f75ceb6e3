"""Populations and their jobs: what is missing is done, and nothing else."""

from dataclasses import replace

import pytest

from metarl.core.parallel import run_jobs
from metarl.pipeline import population as module
from metarl.pipeline.population import PlannedTest, Population, begin
from metarl.runs.config import TEST, EvaluationConfig
from metarl.runs.folder import Run

TESTED = EvaluationConfig(episodes=2, record_episodes=1)


@pytest.fixture
def population(small, tmp_path):
    """Two subjects, not trained yet, with a test of theirs and of two snapshots."""
    planned = [
        PlannedTest(TEST, TESTED),
        *(PlannedTest(TEST, TESTED, n, optional=True) for n in (0, 3)),
    ]
    result = Population(Run(tmp_path / "run"), small(updates=2), planned, TESTED, "two")
    with begin([result], resume=False):
        return result


def run(jobs):
    assert run_jobs(jobs, workers=1, show=False) == {}


def test_jobs_are_named_and_begin_unfinished(population):
    jobs = population.subject_jobs()
    assert list(jobs) == ["two subject 0", "two subject 1"]
    assert not any(job.finished for job in jobs.values())
    assert not any(job.finished for job in population.baseline_jobs().values())
    assert "two random" in population.baseline_jobs()
    unnamed = replace(population, name="")
    assert "subject 0" in unnamed.subject_jobs()


def test_a_job_trains_and_tests_and_is_finished_then(population):
    run(population.subject_jobs())
    assert all(job.finished for job in population.subject_jobs().values())
    # So short a training has two snapshots alone; the optional one is not missed.
    folder = population.run.subject(1)
    assert 0 in folder.snapshots
    assert 3 not in folder.snapshots
    assert population.run.evaluation(1, 0).took(TESTED)
    assert not population.run.evaluation(1, 3).metadata_path.exists()


def test_a_test_that_is_gone_is_taken_again_without_training(population, monkeypatch):
    run(population.subject_jobs())
    population.run.evaluation(1).metadata_path.unlink()
    assert [each.snapshot for each in population.missing(1)] == [None]
    jobs = population.subject_jobs()
    assert [job.finished for job in jobs.values()] == [True, False]

    def never(*given):
        raise AssertionError(given)

    monkeypatch.setattr(module, "train_some", never)
    run(jobs)
    assert population.missing(1) == []


def test_a_subject_that_is_trained_again_takes_all_its_tests_again(population):
    run(population.subject_jobs())
    population.run.subject(0).policy_path.unlink()
    taken = population.run.evaluation(0, 0).metadata_path
    before = taken.stat().st_mtime_ns
    run(population.subject_jobs())
    assert taken.stat().st_mtime_ns > before


def test_jobs_that_only_test_train_nothing(population):
    jobs = population.subject_jobs(train=False)
    failures = run_jobs(jobs, workers=1, show=False)
    assert set(failures) == set(jobs)
    assert "is missing; train the subject first" in failures["two subject 0"]


def test_baselines_are_tested_once(population):
    run(population.baseline_jobs())
    assert all(job.finished for job in population.baseline_jobs().values())
    population.run.baseline("random").metadata_path.unlink()
    left = [k for k, job in population.baseline_jobs().items() if not job.finished]
    assert left == ["two random"]


def test_staged_tests_are_written_beside_those_of_the_run(population):
    run(population.subject_jobs())
    before = population.run.evaluation(1).metadata_path.read_bytes()
    staged = replace(population, staged=True)
    jobs = staged.subject_jobs(train=False) | staged.baseline_jobs()
    assert not any(job.finished for job in jobs.values())
    run(jobs)
    assert staged.run.staging.evaluation(1).metadata_path.read_bytes() == before
    assert set(staged.run.staging.baselines)
    assert not population.run.baselines


def test_training_with_an_encoder_counts_as_longer(small, tmp_path):
    plain, pixels = (
        Population(Run(tmp_path), small(task, num_envs=2, updates=3))
        for task in ("harlow-line", "harlow")
    )
    assert pixels.size == module.ENCODER_DURATION * plain.size
