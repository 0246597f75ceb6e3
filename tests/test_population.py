"""Many subjects: each is what it would be alone; one that fails is alone in that."""

import shutil
from dataclasses import replace

import pytest

import metarl
from metarl.agents.settings import NetworkConfig
from metarl.config import EvaluationConfig
from metarl.population import evaluate, train
from metarl.training import Trainer


def weights(run):
    return [s.policy_path.read_bytes() for s in run.subjects if s.finished]


def stop_some(config, fault):
    """The configuration, with a fault in some subjects; and which these are."""
    openings = [Trainer(config, k).task.opening for k in range(config.subjects)]
    low, middle, *_ = sorted(openings)
    params = replace(config.task_params, fault=fault, fault_below=(low + middle) / 2)
    return replace(config, task_params=params), openings.index(low)


def test_subjects_are_the_same_alone_among_others_and_in_other_processes(
    finished, small, tmp_path
):
    beside = train(small(), tmp_path / "beside", workers=2, show=False)
    assert beside.failures == {}
    alone = train(small(subjects=1), tmp_path / "alone", workers=1, show=False)
    assert weights(beside.run) == weights(finished)
    assert weights(alone.run) == weights(finished)[:1]
    for one, other in zip(beside.run.subjects, finished.subjects, strict=True):
        assert one.metrics_path.read_bytes() == other.metrics_path.read_bytes()


def test_evaluations_are_the_same_bytes_every_time_and_in_other_processes(
    finished, small, tmp_path
):
    copy = train(small(), tmp_path / "copy", workers=1, show=False).run
    tested = EvaluationConfig(episodes=8, record_episodes=3)
    assert evaluate(copy, tested, workers=2, show=False).failures == {}
    names = ("trials.csv", "recording.npz", "evaluation.json")
    compared = 0
    for path in sorted((finished.path / "evaluation").rglob("*.*")):
        if path.name in names:
            again = copy.path / path.relative_to(finished.path)
            assert again.read_bytes() == path.read_bytes(), path.name
            compared += 1
    assert compared == 3 * (2 + 4)


@pytest.mark.parametrize(
    ("fault", "workers", "words"),
    [
        ("nan", 1, "the task's reward must be a finite number, got nan"),
        ("raise", 1, "RuntimeError: the lottery burnt down"),
        ("kill", 2, "its process ended with signal 9"),
    ],
)
def test_a_subject_that_fails_takes_no_other_with_it(
    fault, workers, words, small, tmp_path
):
    config, failing = stop_some(small("toys:Lottery", subjects=3, updates=20), fault)
    outcome = train(config, tmp_path, workers=workers, show=False)
    assert list(outcome.failures) == [f"subject {failing}"]
    assert words in outcome.failures[f"subject {failing}"]
    done = [subject.finished for subject in outcome.run.subjects]
    assert done == [k != failing for k in range(3)]
    assert not list(tmp_path.rglob(".*"))


def test_resuming_trains_what_is_missing_and_leaves_the_rest(small, tmp_path):
    config = small("toys:Lottery", updates=20)
    run = train(config, tmp_path, workers=1, show=False).run
    first, second = weights(run)
    run.subject(1).policy_path.unlink()
    run.subject(1).state_path.unlink()
    kept = run.subject(0).policy_path
    kept.write_bytes(b"finished, so not touched")
    outcome = train(config, tmp_path, resume=True, workers=1, show=False)
    assert outcome.failures == {}
    assert kept.read_bytes() == b"finished, so not touched"
    assert run.subject(1).policy_path.read_bytes() == second
    assert first != second


def test_an_untrained_subject_is_told_and_the_others_are_evaluated(small, tmp_path):
    config = small("toys:Lottery", updates=20)
    run = train(config, tmp_path, workers=1, show=False).run
    run.subject(0).policy_path.unlink()
    outcome = evaluate(run, EvaluationConfig(episodes=3), workers=1, show=False)
    assert list(outcome.failures) == ["subject 0"]
    assert "is missing; train the subject first" in outcome.failures["subject 0"]
    assert list(run.evaluated) == [1]


def test_an_evaluation_gives_up_what_an_earlier_one_left(finished, tmp_path):
    shutil.copytree(finished.path, tmp_path / "run")
    run = metarl.load_run(tmp_path / "run")
    run.subject(0).policy_path.write_bytes(b"damaged")
    outcome = metarl.evaluate(
        tmp_path / "run", EvaluationConfig(episodes=2), workers=1, show=False
    )
    assert list(outcome.failures) == ["subject 0"]
    # Old facts of subject 0 beside new ones of subject 1 would be a lie.
    assert list(outcome.run.evaluated) == [1]
    assert outcome.run.trials["episode"].nunique() == 2


def test_a_run_goes_to_its_default_folder(small, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = small("toys:Lottery", subjects=1, updates=1)
    outcome = metarl.train(config, workers=1, show=False)
    assert outcome.failures == {}
    assert (tmp_path / "runs" / "toys.Lottery" / "subject-00").is_dir()


def test_a_policy_of_another_size_is_told(small, tmp_path):
    config = small(updates=1, subjects=1)
    run = train(config, tmp_path / "a", workers=1, show=False).run
    other = small("toys:Lottery", updates=1, subjects=1)
    strange = train(other, tmp_path / "b", workers=1, show=False).run
    strange.subject(0).policy_path.replace(run.subject(0).policy_path)
    outcome = evaluate(run, EvaluationConfig(episodes=1), workers=1, show=False)
    assert "the network takes 5 inputs and 2 actions" in outcome.failures["subject 0"]
    assert run.evaluated == {}


@pytest.mark.parametrize("number", [-1, 21])
def test_a_snapshot_that_cannot_be_is_refused(number, finished):
    with pytest.raises(ValueError, match=r"snapshot must be in \[0, 20\], got"):
        evaluate(finished, snapshot=number)


@pytest.mark.parametrize("core", ["gru", "rnn"])
def test_the_python_door_trains_evaluates_and_reads_back(core, tmp_path):
    smoke = metarl.preset("daw-two-step", "smoke")
    config = replace(
        smoke,
        subjects=1,
        task_params=replace(smoke.task_params, trial_count=5),
        network=NetworkConfig(core=core, units=3),
        training=replace(smoke.training, updates=20, lanes=2),
    )
    trained = metarl.train(config, tmp_path / "run", workers=1, show=False)
    assert trained.failures == {}
    tested = metarl.evaluate(
        trained.run, EvaluationConfig(episodes=4), workers=1, show=False
    )
    assert tested.failures == {}
    run = metarl.load_run(tmp_path / "run")
    assert run.subjects[0].policy().core.units == 3
    assert len(run.trials) == 20
    assert run.recording[0]["rpe"].size == 4 * 16
    assert run.metrics["steps"].max() == config.training.steps
    assert metarl.make("two-step", lanes=2).lanes == 2
