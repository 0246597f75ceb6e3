"""Populations and their jobs: what is missing is done, and nothing else."""

from concurrent.futures import ThreadPoolExecutor
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
    result = Population(
        Run(tmp_path / "run"), small(updates=2), planned, {TEST: TESTED}, "two"
    )
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


def test_a_missing_kernel_is_one_line_where_it_would_be_used(
    small, tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(module, "missing_kernel", lambda *_: "no compiler; get one")
    caplog.set_level("INFO")
    runs = [Population(Run(tmp_path / name), small(updates=2)) for name in "ab"]
    with begin(runs, resume=False):
        pass
    assert caplog.messages == [
        "training takes the slower path by torch: no compiler; get one"
    ]


@pytest.mark.parametrize(
    ("waiting", "asked", "size"), [(8, None, 4), (1, None, 1), (8, 3, 3), (8, 1, 1)]
)
def test_subjects_are_divided_among_the_cores(waiting, asked, size, small, monkeypatch):
    monkeypatch.setattr(module, "core_count", lambda: 2)
    monkeypatch.setattr(module, "computation_of", lambda *_, **__: "kernel")
    assert module.group_size(small(), waiting, asked) == size
    assert module.group_size(small(num_envs=1024), waiting, None) == 1
    monkeypatch.setattr(module, "memory_left", lambda: 0)
    assert module.group_size(small(), waiting, None) == 1
    monkeypatch.setattr(module, "memory_left", lambda: 2**40)
    monkeypatch.setattr(module, "computation_of", lambda *_, **__: "stacked")
    assert module.group_size(small(), waiting, None) == 1
    assert module.group_size(small(), waiting, asked) == (asked or 1)
    monkeypatch.setattr(module, "why_alone", lambda *_: "the core is gru")
    assert module.group_size(small(), waiting, asked) == 1


def test_on_a_gpu_all_subjects_share_as_far_as_there_is_memory(small, monkeypatch):
    config = replace(small(), subjects=8)
    monkeypatch.setattr(module, "memory_of", lambda device: 10**12)
    assert module.group_size(config, 8, None, "cuda") == 8
    room = 3 * module.subject_bytes(config, "stacked") + 1
    monkeypatch.setattr(module, "memory_of", lambda device: room)
    assert module.group_size(config, 8, None, "cuda") == 3
    with pytest.raises(ValueError, match="at most 3 in the memory"):
        module.check_batch(config, 8, "cuda")


def test_a_gpu_of_this_machine_has_one_process_and_others_as_many_as_asked():
    assert module.workers_for("cuda", None, None) == 1
    assert module.workers_for("cuda", 3, None) == 3
    assert module.workers_for("cpu", None, None) is None
    with ThreadPoolExecutor(1) as elsewhere:
        assert module.workers_for("cuda", None, elsewhere) is None


def test_jobs_of_several_subjects_are_named_and_finish_all(population, monkeypatch):
    together = replace(population, batch_subjects=2)
    jobs = together.subject_jobs()
    assert list(jobs) == ["two subjects 0 and 1"]
    run(jobs)
    assert all(job.finished for job in together.subject_jobs().values())
    assert not together.missing(0) + together.missing(1)


def test_a_batch_is_for_the_populations_whose_subjects_can_share(small, monkeypatch):
    kinds = [small(), small("harlow", num_envs=2)]
    populations = [Population(Run("run"), config) for config in kinds]

    def sizes(asked):
        return [p.batch_subjects for p in module.in_batches(populations, asked)]

    pixels = kinds[1].network.encoder
    monkeypatch.setattr(
        module, "why_alone", lambda c, _: "pixels" * (c.network.encoder == pixels)
    )
    assert sizes(3) == [3, 1]
    assert sizes(None) == [None, None]
    # Refused in `begin`, with the reason.
    monkeypatch.setattr(module, "why_alone", lambda *_: "no compiler")
    assert sizes(3) == [3, 3]


def test_a_batch_beyond_the_memory_or_the_kernel_is_refused(small, monkeypatch):
    monkeypatch.setattr(module, "why_alone", lambda *_: "the core is gru")
    with pytest.raises(ValueError, match=r"auto or 1 here, got 2: .*the core is gru"):
        module.check_batch(small(), 2)
    module.check_batch(small(), 1)
    monkeypatch.undo()
    monkeypatch.setattr(module, "memory_left", lambda: 10)
    with pytest.raises(ValueError, match="at most 1 in the memory that is left, got 2"):
        module.check_batch(small(), 2)
    module.check_batch(small(), None)
    with pytest.raises(ValueError, match="at most 10,000, got 99999"):
        module.check_batch(small(), 99999)
