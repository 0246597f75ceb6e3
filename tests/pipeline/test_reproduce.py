"""The whole paper by one call: resumed, repaired, and never done twice."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from toys import wait_for

from metarl.core.checks import MetaRLError
from metarl.core.files import read_json
from metarl.envs.registry import NAMES
from metarl.experiments.spec import experiment, preset
from metarl.pipeline import fingerprint, population
from metarl.pipeline import plan as planning
from metarl.pipeline import reproduce as reproduction
from metarl.pipeline.plan import SMOKE_EPISODES, Plan
from metarl.pipeline.reproduce import Reproduction, reproduce
from metarl.pipeline.run import train
from metarl.runs.config import TrainingConfig
from metarl.runs.folder import Run
from metarl.training.stacked import kernel_fault

TWO = ("informative-arm", "reversal")


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    """Presets that take a second; everything else as usual."""

    def small(task, name="fast"):
        usual = preset(task, name)
        training = TrainingConfig(num_envs=3, unroll_steps=14, updates=20)
        return replace(
            usual, training=training, network=replace(usual.network, units=5)
        )

    monkeypatch.setattr(planning, "preset", small)


def plan(**changes):
    return Plan(**{"tasks": TWO, "preset": "smoke", "subjects": 2, **changes})


def call(out, **changes):
    return reproduce(plan(**changes), out, workers=1, show=False)


def called(out, **changes):
    """The reproduction that a call leaves, after it ended without a failure."""
    outcome = call(out, **changes)
    assert outcome.failures == {}
    return Reproduction(outcome.path, plan(**changes))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Results of an uninterrupted call; not to be changed."""
    with pytest.MonkeyPatch.context() as patch:
        tiny.__wrapped__(patch)
        return called(tmp_path_factory.mktemp("whole"))


def files(folder):
    return {
        path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()
    }


def test_every_experiment_is_trained_tested_scored_and_on_the_page(whole):
    rows = read_json(whole.scorecard_path)
    assert list(dict.fromkeys(row["experiment"] for row in rows)) == list(TWO)
    page = whole.report_path.read_text(encoding="utf-8")
    for task, run in whole.runs.items():
        effects = read_json(run.effects_path)
        assert [r for r in rows if r["experiment"] == task] == effects
        assert len(run.evaluated) == 2
        assert run.baselines
        assert f"{task}" in page


@pytest.fixture
def idle(monkeypatch):
    """Context in which any repeated work fails."""

    def never(*given):
        raise AssertionError(given)

    for name in ("train_some", "evaluate_one", "evaluate_one_baseline"):
        monkeypatch.setattr(population, name, never)
    monkeypatch.setattr(fingerprint, "analyze", never)


def test_a_second_call_touches_nothing(whole, idle):
    before = files(whole.path)
    assert call(whole.path).failures == {}
    assert files(whole.path) == before


def test_the_weights_are_those_that_train_gives_with_the_same_seed(whole, tmp_path):
    config = plan().config("reversal")
    alone = Run(train(config, tmp_path, workers=1, show=False).path)
    for one, other in zip(alone.subjects, whole.runs["reversal"].subjects, strict=True):
        assert one.policy_path.read_bytes() == other.policy_path.read_bytes()


def test_a_batch_of_subjects_is_one_job_and_changes_no_byte(whole, tmp_path):
    if kernel_fault():
        pytest.skip(kernel_fault())
    called = []

    def noted(jobs, *given, **more):
        called.extend(jobs)
        return run_all(jobs, *given, **more)

    run_all = reproduction.run_all
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reproduction, "run_all", noted)
        reproduce(plan(), tmp_path, workers=1, batch_subjects=2, show=False)
    assert "reversal subjects 0 and 1" in called
    for one, other in zip(run_of(tmp_path), run_of(whole.path), strict=True):
        assert one.policy_path.read_bytes() == other.policy_path.read_bytes()
    with pytest.raises(ValueError, match="batch_subjects must be at least 1, got 0"):
        reproduce(plan(), tmp_path, workers=1, batch_subjects=0, show=False)


def run_of(path):
    return Reproduction(path, plan()).runs["reversal"].subjects


def test_only_what_is_missing_is_done_again_to_the_same_bytes(whole, tmp_path):
    out = tmp_path / "again"
    result = called(out)
    card = result.scorecard_path.read_bytes()
    assert card == whole.scorecard_path.read_bytes()
    run = result.runs["reversal"]
    run.evaluation(1).metadata_path.unlink()
    result.scorecard_path.unlink()
    bytes_before = {
        path: time for path, time in files(out).items() if "subject-00" in str(path)
    }
    assert call(out).failures == {}
    assert result.scorecard_path.read_bytes() == card
    assert run.evaluation(1).metadata_path.exists()
    now = files(out)
    assert {path: now[path] for path in bytes_before} == bytes_before


def test_an_interrupted_call_resumes_to_the_same_bytes(whole, tmp_path, monkeypatch):
    calls = []
    train_some = population.train_some

    def stopped(config, folders, reporter, device):
        calls.append(folders)
        if len(calls) == 3:
            signal.raise_signal(signal.SIGINT)
        train_some(config, folders, reporter, device)

    with monkeypatch.context() as patch:
        patch.setattr(population, "train_some", stopped)
        with pytest.raises(KeyboardInterrupt):
            call(tmp_path)
    assert len(calls) == 3
    again = called(tmp_path).scorecard_path.read_bytes()
    assert again == whole.scorecard_path.read_bytes()


def test_a_failed_subject_is_named_fails_its_rows_and_is_repeated(
    whole, tmp_path, monkeypatch
):
    train_some = population.train_some

    def broken(trained, folders, reporter, device):
        if trained.config.task == "reversal" and 1 in folders:
            raise MetaRLError("the weights have gone where no number is")
        train_some(trained, folders, reporter, device)

    with monkeypatch.context() as patch:
        patch.setattr(population, "train_some", broken)
        outcome = call(tmp_path)
    assert list(outcome.failures) == ["reversal subject 1"]
    result = Reproduction(tmp_path, plan())
    rows = read_json(result.scorecard_path)
    mine = [row for row in rows if row["experiment"] == "reversal"]
    # Rows about the networks have the missing one among them, and it has no number.
    about = [row for row in mine if row["learned"] is not None]
    assert about
    assert {row["subjects"] + row["missing"] for row in about} == {2}
    assert not any(row["passed"] for row in about)
    assert "gone where no number is" in result.report_path.read_text()
    again = called(tmp_path).scorecard_path.read_bytes()
    assert again == whole.scorecard_path.read_bytes()


def test_an_analysis_that_fails_leaves_no_effects_of_earlier_tests(
    tmp_path, monkeypatch
):
    result = called(tmp_path, tasks=("reversal",))
    run = result.runs["reversal"]
    run.evaluation(1).metadata_path.unlink()
    (run.analysis_path / "made_from.json").unlink()

    def broken(run):
        raise MetaRLError("the table is damaged")

    monkeypatch.setattr(fingerprint, "analyze", broken)
    again = call(tmp_path, tasks=("reversal",))
    assert again.failures == {"reversal analysis": "the table is damaged"}
    (row,) = read_json(result.scorecard_path)
    assert (row["verdict"], row["value"]) == ("FAIL", 0)


def test_a_subject_that_is_trained_again_loses_the_tests_of_its_old_network(
    tmp_path, monkeypatch
):
    result = called(tmp_path, tasks=("reversal",))
    run = result.runs["reversal"]
    run.subject(1).policy_path.unlink()

    def broken(*given):
        raise MetaRLError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(population, "train_some", broken)
        assert list(call(tmp_path, tasks=("reversal",)).failures)
    assert list(run.evaluated) == [0]


def test_an_experiment_without_any_subject_is_a_failed_row(tmp_path, monkeypatch):
    def broken(*given):
        raise MetaRLError("no room")

    monkeypatch.setattr(population, "train_some", broken)
    outcome = call(tmp_path, tasks=("reversal",))
    assert list(outcome.failures) == ["reversal subject 0", "reversal subject 1"]
    (row,) = read_json(tmp_path / "scorecard.json")
    assert (row["experiment"], row["verdict"], row["value"]) == ("reversal", "FAIL", 0)


def test_another_configuration_is_refused_before_anything_is_begun(whole, tmp_path):
    call(tmp_path, tasks=("reversal",))
    before = files(tmp_path)
    with pytest.raises(MetaRLError, match="another configuration \\(seed was 1, is 2"):
        call(tmp_path, seed=2)
    assert files(tmp_path) == before


def test_variants_are_trained_tested_and_scored_too_and_not_twice(tmp_path, request):
    result = called(tmp_path, tasks=("volatility",), variants=True)
    variant = result.runs["volatility"].variants["constant"]
    assert [s.finished for s in variant.subjects] == [True, True]
    assert len(variant.evaluated) == 2
    names = {row["effect"] for row in read_json(result.scorecard_path)}
    without = called(tmp_path / "plain", tasks=("volatility",))
    untrained = {row["effect"] for row in read_json(without.scorecard_path)}
    missing = {name for name in untrained if "was not trained" in name}
    assert len(missing) == 1
    assert names > untrained - missing
    assert not names & missing
    request.getfixturevalue("idle")
    before = files(tmp_path)
    called(tmp_path, tasks=("volatility",), variants=True)
    assert files(tmp_path) == before


def test_a_smoke_test_is_short_and_any_other_is_the_experiments():
    for task in NAMES:
        usual = experiment(task)
        assert plan(preset="fast").experiment(task) == usual
        shortly = plan().experiment(task)
        assert set(shortly.tests) == set(usual.tests)
        for name, test in shortly.tests.items():
            assert test.episodes == SMOKE_EPISODES
            assert test.task == usual.tests[name].task
        assert (shortly.snapshot_test is None) == (usual.snapshot_test is None)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tasks": ("chess",)}, "unknown task 'chess'; choose from: two-step"),
        ({"tasks": ("reversal", "reversal")}, "tasks must be different ones, got"),
        ({"tasks": ()}, "tasks must be different ones, got"),
        ({"preset": "large"}, "preset must be one of fast, paper, smoke; got 'large'"),
        (
            {"tasks": ("toys:Nothing",)},
            "'toys:Nothing' cannot be imported",
        ),
    ],
)
def test_a_plan_that_cannot_be_is_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        plan(**changes)


def command(*words):
    return [sys.executable, "-m", "metarl", "reproduce", *map(str, words)]


def test_a_killed_call_resumes_to_the_same_bytes(tmp_path):
    words = ("reversal", "--preset", "smoke", "--subjects", "2")
    killed = subprocess.Popen(
        command(*words, "--out", tmp_path / "killed", "--workers", "1"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: list(tmp_path.glob("killed/*/subject-0*/policy.safetensors")))
    finally:
        killed.kill()
        killed.wait()
    run = Run(tmp_path / "killed" / "reversal")
    assert not all(s.finished for s in run.subjects)
    cards = []
    for name in ("killed", "unbroken"):
        out = tmp_path / name
        subprocess.run(command(*words, "--out", out), check=True, capture_output=True)
        cards.append((out / "scorecard.json").read_bytes())
    assert cards[0] == cards[1]


@pytest.mark.slow
def test_the_whole_paper_runs_as_smoke_and_a_second_time_does_nothing(tmp_path):
    words = command("--preset", "smoke", "--subjects", "1", "--out", tmp_path)
    first = subprocess.run(words, check=False, capture_output=True, text=True)
    assert first.returncode == 0, first.stderr
    rows = json.loads((tmp_path / "scorecard.json").read_text())
    assert {row["experiment"] for row in rows} == set(NAMES)
    # An experiment that came to no result would be one row.
    for task in NAMES:
        assert sum(row["experiment"] == task for row in rows) > 1
        assert f"\n{task}: " in f"\n{first.stdout}"
    before, began = files(tmp_path), time.monotonic()
    again = subprocess.run(words, check=True, capture_output=True, text=True)
    seconds = time.monotonic() - began
    assert files(tmp_path) == before
    assert again.stdout == first.stdout
    # Ten seconds on an idle machine; tests run in parallel.
    assert seconds < 40
