"""Many subjects: each is what it would be alone; one that fails is alone in that."""

import os
import shutil
from dataclasses import replace

import pytest

import metarl
from metarl.agents.config import NetworkConfig
from metarl.agents.networks.actor_critic import weights_hash
from metarl.agents.networks.cores import LSTM, Feedforward
from metarl.core.checks import MetaRLError
from metarl.core.files import read_json, write_json
from metarl.core.interventions import parse
from metarl.core.locks import locked
from metarl.core.parallel import Reporter
from metarl.experiments.spec import experiment
from metarl.experiments.variants import variant_config
from metarl.pipeline import population as module
from metarl.pipeline.population import baselines_of
from metarl.pipeline.run import evaluate, train
from metarl.reports.figures import experiment_data
from metarl.runs import staging
from metarl.runs.config import TEST, EvaluationConfig
from metarl.runs.folder import Run, incomplete_lines, load_run
from metarl.simulation.evaluation import list_baselines
from metarl.training.trainer import Trainer


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
    parallel = train(small(), tmp_path / "parallel", workers=2, show=False)
    assert parallel.failures == {}
    alone = train(small(subjects=1), tmp_path / "alone", workers=1, show=False)
    assert weights(Run(parallel.path)) == weights(finished)
    assert weights(Run(alone.path)) == weights(finished)[:1]
    for one, other in zip(Run(parallel.path).subjects, finished.subjects, strict=True):
        assert one.metrics_path.read_bytes() == other.metrics_path.read_bytes()


def test_evaluations_are_the_same_bytes_every_time_and_in_other_processes(
    finished, small, tmp_path
):
    copy = Run(train(small(), tmp_path / "copy", workers=1, show=False).path)
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
    outcome = train(config, tmp_path, workers=workers, batch_subjects=1, show=False)
    assert list(outcome.failures) == [f"subject {failing}"]
    assert words in outcome.failures[f"subject {failing}"]
    done = [subject.finished for subject in Run(outcome.path).subjects]
    assert done == [k != failing for k in range(3)]
    assert not list(tmp_path.rglob(".*"))


def test_resuming_trains_what_is_missing_and_leaves_the_rest(small, tmp_path):
    config = small("toys:Lottery", updates=20)
    run = Run(train(config, tmp_path, workers=1, show=False).path)
    first, second = weights(run)
    run.subject(1).policy_path.unlink()
    run.subject(1).state_path.unlink()
    finished_policy = run.subject(0).policy_path
    before = finished_policy.stat()
    outcome = train(config, tmp_path, resume=True, workers=1, show=False)
    assert outcome.failures == {}
    assert finished_policy.stat() == before
    assert run.subject(1).policy_path.read_bytes() == second
    assert first != second


def test_a_policy_that_was_cut_is_not_taken_as_trained(small, tmp_path):
    config = small("toys:Lottery", updates=20)
    run = Run(train(config, tmp_path, workers=1, show=False).path)
    path = run.subject(1).policy_path
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    words = rf"{path} is not a readable .* or delete it and repeat `metarl train` with"
    with pytest.raises(MetaRLError, match=words):
        train(config, tmp_path, resume=True, workers=1, show=False)
    path.unlink()
    train(config, tmp_path, resume=True, workers=1, show=False)
    assert path.read_bytes() == whole


@pytest.mark.parametrize("what", ["policy", "snapshot", "state"])
def test_files_of_another_subject_are_refused(what, small, tmp_path):
    config = small("toys:Lottery", updates=20)
    run = Run(train(config, tmp_path, workers=1, show=False).path)
    one, other = run.subjects
    if what == "state":
        one.policy_path.unlink()
        shutil.copy(other.state_path, one.state_path)
        failures = train(config, tmp_path, resume=True, workers=1, show=False).failures
        assert not one.policy_path.exists()
    elif what == "policy":
        shutil.copy(other.policy_path, one.policy_path)
        test = EvaluationConfig(episodes=1)
        failures = evaluate(run, test, workers=1, show=False).failures
    else:
        shutil.copy(one.snapshot_path(5), one.snapshot_path(4))
        test = EvaluationConfig(episodes=1)
        failures = evaluate(run, test, snapshot=4, workers=1, show=False).failures
    assert list(failures) == ["subject 0"]
    difference = "snapshot is 5, not 4" if what == "snapshot" else "subject is 1, not 0"
    words = f"is not from this subject of this run: its {difference}; restore it from a"
    assert words in failures["subject 0"]


def test_the_policy_of_another_training_is_refused(small, tmp_path):
    runs = [
        Run(train(config, tmp_path / name, workers=1, show=False).path)
        for name, config in {
            "one": small(subjects=1, updates=1),
            "rate": small(subjects=1, updates=2),
            "seed": small(subjects=1, updates=1, seed=2),
        }.items()
    ]
    for other, name in zip(runs[1:], ("configuration", "seed"), strict=True):
        shutil.copy(other.subject(0).policy_path, runs[0].subject(0).policy_path)
        with pytest.raises(MetaRLError, match=f"of this run: its {name} is"):
            runs[0].subject(0).policy()


def test_an_untrained_subject_is_named_and_the_others_are_evaluated(small, tmp_path):
    config = small("toys:Lottery", updates=20)
    run = Run(train(config, tmp_path, workers=1, show=False).path)
    run.subject(0).policy_path.unlink()
    outcome = evaluate(run, EvaluationConfig(episodes=3), workers=1, show=False)
    assert list(outcome.failures) == ["subject 0"]
    assert "is missing; train the subject first" in outcome.failures["subject 0"]
    assert list(run.evaluated) == [1]


def tree(folder):
    """The bytes of all files below a folder, by path."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder): path.read_bytes() for path in sorted(paths)}


def test_an_earlier_evaluation_is_kept_whole_if_a_subject_fails(finished, tmp_path):
    shutil.copytree(finished.path, tmp_path / "run")
    run = metarl.load_run(tmp_path / "run")
    run.subject(0).policy_path.write_bytes(b"damaged")
    before = tree(run.path)
    test = EvaluationConfig(episodes=2)
    outcome = metarl.evaluate(tmp_path / "run", test, workers=1, show=False)
    assert list(outcome.failures) == ["subject 0"]
    assert outcome.kept
    assert tree(run.path) == before


def test_a_new_evaluation_replaces_the_earlier_one_whole(finished, tmp_path):
    shutil.copytree(finished.path, tmp_path / "run")
    run = metarl.load_run(tmp_path / "run")
    run.baseline("gone").path.mkdir()
    (run.evaluation(0).path / "remains").write_text("")
    test = EvaluationConfig(episodes=2, record_episodes=1)
    outcome = metarl.evaluate(run.path, test, workers=1, show=False)
    assert not outcome.failures
    assert not outcome.kept
    again = metarl.load_run(run.path)
    assert [f.metadata["episodes"] for f in again.evaluated.values()] == [2, 2]
    assert tree(again.path).keys() == tree(finished.path).keys()
    assert not again.baseline("gone").path.exists()
    assert not list(run.path.glob(".*"))


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemError])
def test_an_evaluation_that_was_stopped_leaves_the_earlier_one(
    stop, finished, tmp_path, monkeypatch
):
    """As a second subject starts, the first one is finished."""
    shutil.copytree(finished.path, tmp_path / "run")
    before = tree(tmp_path / "run")
    evaluate_network = module.evaluate_network

    def stopped(config, subject, *arguments, **more):
        if subject == 1:
            raise stop
        return evaluate_network(config, subject, *arguments, **more)

    def die(jobs, *rest, **more):
        with monkeypatch.context() as patched:
            patched.setattr(module, "evaluate_network", stopped)
            for job in jobs.values():
                job.work(Reporter())
        return {}

    monkeypatch.setattr("metarl.pipeline.run.run_all", die)
    with pytest.raises(stop):
        metarl.evaluate(tmp_path / "run", EvaluationConfig(episodes=2), show=False)
    assert tree(tmp_path / "run") == before


@pytest.mark.parametrize("moved", [0, 1, 3])
def test_an_evaluation_killed_while_put_in_place_is_put_there_later(
    moved, finished, tmp_path, monkeypatch
):
    shutil.copytree(finished.path, tmp_path / "run")
    replace_folder, left = staging.replace_folder, [moved]

    def dies(new, path):
        if not left[0]:
            raise SystemError
        left[0] -= 1
        replace_folder(new, path)

    test = EvaluationConfig(episodes=2, record_episodes=0)
    with monkeypatch.context() as patched:
        patched.setattr(staging, "replace_folder", dies)
        with pytest.raises(SystemError):
            metarl.evaluate(tmp_path / "run", test, workers=1, show=False)
    run = metarl.load_run(tmp_path / "run")
    folders = [*run.evaluated.values(), *run.baselines.values()]
    assert [folder.metadata["episodes"] for folder in folders] == [2] * 6
    assert run.trials["episode"].nunique() == 2
    assert not list(run.path.glob(".*"))


def test_two_processes_do_not_write_to_one_run(finished, small, tmp_path):
    shutil.copytree(finished.path, tmp_path / "run")
    before = tree(tmp_path / "run")
    words = f"is in use by process {os.getpid()} on .*; wait until it ends"
    with locked([tmp_path / "run"]):
        with pytest.raises(MetaRLError, match=words):
            evaluate(tmp_path / "run", EvaluationConfig(episodes=2), show=False)
        with pytest.raises(MetaRLError, match=words):
            train(small(), tmp_path / "run", resume=True, show=False)
        # Reading needs no lock.
        assert len(load_run(tmp_path / "run").trials) == 2 * 8 * 6
    assert tree(tmp_path / "run") == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"workers": 0}, "workers must be at least 1, got 0"),
        ({"workers": 1.5}, "workers must be a whole number, got 1.5"),
        ({"workers": True}, "workers must be a whole number, got True"),
        ({"workers": 10**6}, "workers must be at most 1,000, got 1000000: each is a"),
        ({"resume": "no"}, "resume must be True or False, got 'no'"),
        ({"out": 3}, "out must be text, got 3"),
        ({"config": {"task": "two-step"}}, "config must be of type RunConfig, got"),
    ],
)
def test_a_wrong_argument_of_train_leaves_nothing(arguments, words, small, tmp_path):
    usual = {"config": small(), "out": tmp_path / "run", "show": False}
    with pytest.raises(ValueError, match=words):
        train(**{**usual, **arguments})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("tests", "words"),
    [
        ({"../../escape": EvaluationConfig()}, "test must be a plain name of at most"),
        ({"a/b": EvaluationConfig()}, "test must be a plain name"),
        ({"..": EvaluationConfig()}, "test must be a plain name"),
        ({"": EvaluationConfig()}, "test must be a plain name"),
        ({"x" * 201: EvaluationConfig()}, "test must be a plain name"),
        ({"a\0b": EvaluationConfig()}, "test must be a plain name"),
        ({3: EvaluationConfig()}, "tests must be of type EvaluationConfig, got"),
        ({"mine": {"episodes": 3}}, "tests must be of type EvaluationConfig, got"),
        ({}, "tests must be at least one, got none"),
    ],
)
def test_tests_with_impossible_names_are_refused(tests, words, finished, tmp_path):
    shutil.copytree(finished.path, tmp_path / "deep" / "run")
    before = tree(tmp_path)
    with pytest.raises(ValueError, match=words):
        evaluate(tmp_path / "deep" / "run", tests, workers=1, show=False)
    assert tree(tmp_path) == before


def test_a_run_goes_to_its_default_folder(small, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = small("toys:Lottery", subjects=1, updates=1)
    outcome = metarl.train(config, workers=1, show=False)
    assert outcome.failures == {}
    assert (tmp_path / "runs" / "toys.Lottery" / "subject-00").is_dir()


def test_a_policy_of_another_task_is_reported(small, tmp_path):
    config = small(updates=1, subjects=1)
    run = Run(train(config, tmp_path / "a", workers=1, show=False).path)
    other = small("toys:Lottery", updates=1, subjects=1)
    strange = Run(train(other, tmp_path / "b", workers=1, show=False).path)
    strange.subject(0).policy_path.replace(run.subject(0).policy_path)
    outcome = evaluate(run, EvaluationConfig(episodes=1), workers=1, show=False)
    words = "its task is toys:Lottery, not two-step; restore it from a copy"
    assert words in outcome.failures["subject 0"]
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
        training=replace(smoke.training, updates=20, num_envs=2),
    )
    trained = metarl.train(config, tmp_path / "run", workers=1, show=False)
    assert trained.failures == {}
    tested = metarl.evaluate(
        trained.path, EvaluationConfig(episodes=4), workers=1, show=False
    )
    assert tested.failures == {}
    run = metarl.load_run(tmp_path / "run")
    assert run.subjects[0].policy().core.units == 3
    assert len(run.trials) == 20
    assert run.recording[0]["rpe"].size == 4 * 16
    assert run.metrics["steps"].max() == config.training.steps
    assert metarl.make("two-step", num_envs=2).num_envs == 2


# Variants, and further tests


def few(task, episodes=4):
    """The experiment's tests, with few episodes."""
    return {
        name: replace(test, episodes=episodes, record_episodes=2)
        for name, test in experiment(task).tests.items()
    }


@pytest.fixture(scope="module")
def volatile(small, tmp_path_factory):
    """A run with its variant, trained and tested; not to be changed."""
    folder = tmp_path_factory.mktemp("volatile") / "run"
    config = small("volatility", updates=20)
    trained = train(config, folder, variants=True, workers=1, show=False)
    assert trained.failures == {}
    assert evaluate(folder, few("volatility"), workers=1, show=False).failures == {}
    return load_run(folder)


@pytest.fixture
def copy(volatile, tmp_path):
    shutil.copytree(volatile.path, tmp_path / "copy")
    return load_run(tmp_path / "copy")


def test_a_variant_is_a_run_of_its_own(volatile, small, tmp_path):
    assert list(volatile.variants) == ["constant", "rpe-input"]
    variant = volatile.variant("constant")
    stated = experiment("volatility").variants["constant"]
    assert variant.path == volatile.path / "variants" / "constant"
    assert variant.config == variant_config(volatile.config, stated)
    assert variant.config.task_params.schedule == "constant"
    alone = Run(train(variant.config, tmp_path / "alone", workers=1, show=False).path)
    assert weights(alone) == weights(variant)
    assert len({*weights(variant), *weights(volatile)}) == 4
    one = replace(variant.config, subjects=1)
    only = Run(train(one, tmp_path / "only", workers=1, show=False).path)
    assert weights(only) == weights(variant)[:1]


def test_variants_change_nothing_of_the_run_itself(volatile, small, tmp_path):
    config = small("volatility", updates=20)
    plain = Run(train(config, tmp_path / "run", workers=1, show=False).path)
    assert plain.variants == {}
    assert weights(plain) == weights(volatile)
    with pytest.raises(MetaRLError, match="already has a run"):
        train(config, plain.path, variants=True, workers=1, show=False)
    before = plain.subject(0).policy_path.stat().st_mtime_ns
    train(config, plain.path, variants=True, resume=True, workers=2, show=False)
    assert weights(plain.variant("constant")) == weights(volatile.variant("constant"))
    assert plain.subject(0).policy_path.stat().st_mtime_ns == before


def baseline_names(run):
    return {*list_baselines(run.config, baselines_of(run.config), EvaluationConfig())}


def test_every_test_is_taken_by_the_networks_that_should(volatile):
    tests = experiment("volatility").tests
    assert [TEST, *volatile.further_tests()] == list(tests)
    for name in tests:
        for subject, folder in volatile.evaluated_in(name).items():
            assert folder.metadata["settings"] == tests[name].to_plain()["settings"]
            assert folder.metadata["episodes"] == 4
            assert set(folder.trials["subject"]) == {subject}
            assert "units_untrained" in folder.recording
    assert list(volatile.evaluated_in("generator")) == [0, 1]
    blocks, generator = (
        volatile.evaluated_in(name)[0].trials["order"] for name in (TEST, "generator")
    )
    assert blocks.notna().all()
    assert generator.isna().all()
    variant = volatile.variant("constant")
    assert variant.further_tests() == []
    assert list(variant.evaluated) == [0, 1]
    assert variant.evaluated[0].trials["order"].notna().all()
    for population in (volatile, variant):
        for subject, folder in population.evaluated.items():
            digest = folder.metadata["weights_before"]
            assert digest == weights_hash(population.subject(subject).policy())
    assert variant.baselines == volatile.baselines
    assert set(volatile.baselines) == baseline_names(volatile)


def test_the_trials_of_the_main_test_alone_are_the_runs(volatile):
    assert len(volatile.trials) == 2 * 4 * 6
    assert volatile.trials["order"].notna().all()


def test_one_test_alone_leaves_the_others_as_they_are(copy):
    tests = {"generator": few("volatility", episodes=3)["generator"]}
    before = copy.evaluation(0).metadata_path.read_bytes()
    assert evaluate(copy, tests, workers=1, show=False).failures == {}
    again = load_run(copy.path)
    assert again.evaluated_in("generator")[1].metadata["episodes"] == 3
    assert again.evaluation(0).metadata_path.read_bytes() == before
    assert again.variant("constant").evaluated[0].metadata["episodes"] == 4
    assert set(again.baselines) == baseline_names(copy)


def test_a_users_own_test_is_taken_like_the_experiments(copy):
    own = EvaluationConfig(episodes=2, interventions=(parse("units set 0 of 1"),))
    outcome = evaluate(copy, {"silent": own}, workers=1, show=False)
    assert outcome.failures == {}
    run = load_run(copy.path)
    assert run.further_tests() == ["generator", "silent"]
    assert list(run.evaluated_in("silent")) == [0, 1]
    # Variants take their own tests alone.
    assert run.variant("constant").further_tests() == []


def test_failures_of_a_run_and_its_variants_keep_what_was_in_place(copy):
    before = tree(copy.path / "evaluation")
    copy.subject(0).policy_path.write_bytes(b"damaged")
    copy.variant("constant").subject(1).policy_path.write_bytes(b"damaged")
    outcome = evaluate(copy, few("volatility", 2), workers=1, show=False)
    assert list(outcome.failures) == ["subject 0", "constant subject 1"]
    assert outcome.kept
    assert tree(copy.path / "evaluation") == before
    shutil.rmtree(copy.path / "evaluation")
    for name in copy.variants:
        shutil.rmtree(copy.path / "variants" / name / "evaluation")
    # Without an earlier evaluation, that of the others is put in place.
    assert not evaluate(copy, few("volatility", 2), workers=1, show=False).kept
    run = load_run(copy.path)
    for name in (TEST, "generator"):
        assert list(run.evaluated_in(name)) == [1]
    assert list(run.variant("constant").evaluated) == [0]
    assert incomplete_lines(run) == [
        f"{prefix}: 1 of 2 subjects were evaluated, without {missing}; run `metarl "
        f"evaluate {run.path}`"
        for prefix, missing in {
            "test test": 0,
            "test generator": 0,
            "variant constant, test test": 1,
        }.items()
    ]


def test_baselines_are_replaced_with_the_main_test_alone(copy):
    for metadata in copy.path.glob("evaluation/baselines/*/evaluation.json"):
        write_json(metadata, {**read_json(metadata), "episodes": 9}, seal=True)
    tests = few("volatility", 2)
    evaluate(copy, {"generator": tests["generator"]}, workers=1, show=False)
    counts = {f.metadata["episodes"] for f in load_run(copy.path).baselines.values()}
    assert counts == {9}
    evaluate(copy, {TEST: tests[TEST]}, workers=1, show=False)
    counts = {f.metadata["episodes"] for f in load_run(copy.path).baselines.values()}
    assert counts == {2}


def test_baselines_take_the_experiments_further_tests_for_them(finished, tmp_path):
    shutil.copytree(finished.path, tmp_path / "run")
    run = load_run(tmp_path / "run")
    before = {k: f.metadata_path.read_bytes() for k, f in run.baselines.items()}
    task = {"reversal_least": 2, "reversal_most": 3}
    test = EvaluationConfig(episodes=3, record_episodes=0, task=task)
    tests = {"reversed": test, "own": test}
    assert not evaluate(run, tests, workers=1, show=False).failures
    again = load_run(run.path)
    taken = again.baselines_in("reversed")
    assert set(taken) == set(before) | {"bayes-transitions", "latent-state"}
    for folder in taken.values():
        assert (folder.metadata["episodes"], folder.metadata["test"]) == (3, "reversed")
        assert set(folder.trials["reversed"]) == {0, 1}
    # A user's own test is for networks alone.
    assert again.baselines_in("own") == {}
    assert again.further_tests() == ["own", "reversed"]
    after = {k: f.metadata_path.read_bytes() for k, f in again.baselines.items()}
    assert after == before
    data = experiment_data(again)
    assert set(data.test_baselines["reversed"]) == set(taken)
    assert data.test_baselines["own"] == {}


def test_a_baseline_in_the_folder_of_another_test_is_refused(finished, tmp_path):
    shutil.copytree(finished.path, tmp_path / "run")
    tests = {"reversed": EvaluationConfig(episodes=2, record_episodes=0)}
    evaluate(tmp_path / "run", tests, workers=1, show=False)
    folder = tmp_path / "run" / "evaluation" / "tests"
    shutil.move(folder / "reversed", folder / "other")
    moved = load_run(tmp_path / "run").baselines_in("other")["random"]
    with pytest.raises(MetaRLError, match="its test is reversed, not other"):
        _ = moved.metadata


def test_a_test_that_cannot_be_taken_is_refused_before_anything_is_given_up(copy):
    before = {p: p.read_bytes() for p in copy.path.rglob("evaluation.json")}
    wrong = EvaluationConfig(interventions=(parse("units set 0 when hunger == 1"),))
    with pytest.raises(ValueError, match="got 'hunger'; choose from: event"):
        evaluate(copy, few("volatility", 2) | {"own": wrong}, workers=1, show=False)
    assert {p: p.read_bytes() for p in copy.path.rglob("evaluation.json")} == before


def test_a_snapshot_takes_the_main_test_or_what_it_is_given(copy):
    tests = few("volatility", 2)
    evaluate(copy, tests, snapshot=3, workers=1, show=False)
    assert copy.evaluation(0, 3).metadata["settings"] == ["schedule=blocks"]
    assert not copy.evaluation(0, 3, "generator").metadata_path.exists()
    own = {"own": replace(tests[TEST], task={})}
    assert evaluate(copy, own, snapshot=3, workers=1, show=False).failures == {}
    assert copy.evaluation(1, 3, "own").metadata["progress"] == 3 / 20
    # Neither baselines nor variants have snapshots.
    assert (
        load_run(copy.path).variant("constant").evaluated[0].metadata["episodes"] == 4
    )
    assert {f.metadata["episodes"] for f in copy.baselines.values()} == {4}


@pytest.fixture
def staged(copy, monkeypatch):
    """A run with a test of every snapshot; the run, its experiment."""
    asked = replace(
        experiment("volatility"),
        tests=few("volatility", 2),
        snapshot_test=EvaluationConfig(episodes=1, record_episodes=0),
    )
    monkeypatch.setattr("metarl.pipeline.run.experiment", lambda task: asked)
    return copy, asked


def snapshots_tested(run):
    """Numbers of the snapshots that each subject was tested at."""
    return [
        [n for n in range(21) if run.evaluation(k, n).metadata_path.exists()]
        for k in range(2)
    ]


@pytest.mark.parametrize("as_a_command", [False, True])
def test_every_snapshot_takes_its_test(staged, as_a_command):
    run, asked = staged
    tests = asked.tests if as_a_command else None
    assert evaluate(run, tests, workers=1, show=False).failures == {}
    assert snapshots_tested(run) == [[*range(21)]] * 2
    for number in (0, 7, 20):
        metadata = run.evaluation(1, number).metadata
        assert (metadata["episodes"], metadata["progress"]) == (1, number / 20)
        assert metadata["weights_before"] == weights_hash(run.subject(1).policy(number))
    # The main test is left as it is, and variants have no tests of snapshots.
    assert run.evaluation(1).metadata["episodes"] == 2
    variant = run.variant("constant")
    assert variant.evaluation(0).metadata["episodes"] == 2
    assert snapshots_tested(variant) == [[], []]


def test_snapshots_are_tested_with_the_experiments_main_test_alone(staged):
    run, asked = staged
    further = {"generator": asked.tests["generator"]}
    shorter = replace(asked.test, episodes=1)
    for tests in (further, shorter, {TEST: shorter}):
        assert evaluate(run, tests, workers=1, show=False).failures == {}
        assert snapshots_tested(run) == [[], []]
    evaluate(run, snapshot=4, workers=1, show=False)
    assert snapshots_tested(run) == [[4], [4]]
    assert run.evaluation(0, 4).metadata["episodes"] == 2


def test_snapshot_tests_of_an_earlier_evaluation_are_kept_if_the_next_fails(
    staged, monkeypatch
):
    run, _ = staged
    evaluate(run, workers=1, show=False)
    before = snapshots_tested(run)

    def fail(*arguments, **more):
        raise MetaRLError("out of order")

    monkeypatch.setattr("metarl.pipeline.population.evaluate_network", fail)
    assert evaluate(run, workers=1, show=False).failures
    assert snapshots_tested(run) == before == [[*range(21)]] * 2


def test_variants_take_the_tests_that_are_theirs(small, tmp_path):
    config = small("bandit", subjects=1, updates=1)
    run = Run(train(config, tmp_path, variants=True, workers=1, show=False).path)
    variants = experiment("bandit").variants
    assert sorted(run.variants) == sorted(variants)
    assert evaluate(run, few("bandit", 2), workers=1, show=False).failures == {}
    for name, population in run.variants.items():
        taken = [TEST, *population.further_tests()]
        assert sorted(taken) == sorted(variants[name].tests)
        assert population.config == variant_config(config, variants[name])
    cores = {type(p.subject(0).policy().core) for p in run.variants.values()}
    assert cores == {LSTM, Feedforward}


def test_further_tests_are_the_same_bytes_in_other_processes(volatile, tmp_path):
    shutil.copytree(volatile.path, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "evaluation")
    shutil.rmtree(tmp_path / "run" / "variants" / "constant" / "evaluation")
    evaluate(tmp_path / "run", few("volatility"), workers=2, show=False)
    names = ("trials.csv", "recording.npz", "evaluation.json")
    paths = [p for p in volatile.path.rglob("*.*") if p.name in names]
    for path in paths:
        again = tmp_path / "run" / path.relative_to(volatile.path)
        assert again.read_bytes() == path.read_bytes(), path
    populations = 2 + 2 + 2 + 2 + len(volatile.baselines)
    assert len(paths) == 3 * populations


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("teaching set 0 when hunger > 0", "got 'hunger'; choose from"),
        ("rpe set 0", "rpe must be the network's feedback to be changed"),
        ("teaching set 0 when event == 'sleep'", "must be one of fixation, choice"),
    ],
)
def test_training_with_an_impossible_intervention_is_refused_and_leaves_nothing(
    text, words, small, tmp_path
):
    config = small()
    training = replace(config.training, interventions=(parse(text),))
    with pytest.raises(ValueError, match=words):
        train(replace(config, training=training), tmp_path / "run", show=False)
    assert not list(tmp_path.iterdir())


def test_baselines_can_be_left_out(copy):
    folders = dict(copy.baselines)
    before = {
        name: folder.metadata_path.read_bytes() for name, folder in folders.items()
    }
    tests = few("volatility", 2)
    evaluate(copy, tests, baselines=False, workers=1, show=False)
    after = {
        name: folder.metadata_path.read_bytes() for name, folder in folders.items()
    }
    assert after == before != {}
