"""Acquisition: tests of all snapshots with frozen weights, kept and resumed."""

import os
import shutil
import signal
from dataclasses import replace

import pandas as pd
import pytest

import metarl
from metarl.agents.networks.actor_critic import weights_hash
from metarl.analysis.analysis import analyse
from metarl.analysis.measures import select_group
from metarl.core.checks import MetaRLError
from metarl.core.files import read_json, read_table
from metarl.pipeline import acquisition as module
from metarl.pipeline.acquisition import acquisition, acquisition_test
from metarl.pipeline.run import evaluate, train
from metarl.reports.acquisition import learned_criterion
from metarl.reports.figures import analysis_of, experiment_data
from metarl.reports.tensorboard.observer import TensorBoardObserver
from metarl.runs.folder import load_run, snapshot_updates
from metarl.training.loop import interval_ended

TASK = "informative-arm"
EPISODES = 4
PUBLISHED = {"two-step": {"trial_count": 100}, "inferred-value": {"block_count": 10}}
TABLES = ("acquisition.csv", "shares.csv", "learned.csv", "result.txt", "figure.png")


@pytest.fixture(autouse=True, scope="module")
def quick():
    """No pictures of snapshots for TensorBoard, which take longer than all else."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TensorBoardObserver, "on_snapshot", lambda *_: None)
        yield


def call(runs, out, **changes):
    usual = {"episodes": EPISODES, "workers": 1, "show": False}
    return acquisition(runs, out, **{**usual, **changes})


@pytest.fixture(scope="module")
def trained(small, tmp_path_factory):
    """A run of two networks on the published task; not to be changed."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    config = small(TASK, trial_count=5, updates=45, unroll_steps=4)
    assert train(config, folder, workers=1, show=False).failures == {}
    return folder


@pytest.fixture(scope="module")
def whole(trained, tmp_path_factory):
    """Results of an uninterrupted call; not to be changed."""
    out = tmp_path_factory.mktemp("whole") / "out"
    assert call(trained, out).failures == {}
    return out


def contents(folder):
    return {
        path.relative_to(folder): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".pdf"
    }


def saved_tests(out):
    return sorted(out.glob("tests/*/subject-*.json"))


@pytest.mark.parametrize("total", [1, 7, 19, 20, 45, 600, 10_000])
def test_snapshots_are_at_the_updates_that_training_saves_them(total):
    from fractions import Fraction

    saved = {0: 0}
    for update in range(1, total + 1):
        if number := interval_ended(update, total, Fraction(1, 20)):
            saved[number] = update
    assert snapshot_updates(total) == saved


def test_every_snapshot_has_a_row_with_its_episodes_and_steps(trained, whole):
    table, run = read_table(whole / "acquisition.csv"), load_run(trained)
    assert len(table) == 2 * 21
    own = table[table["subject"] == 1]
    assert own["snapshot"].tolist() == list(range(21))
    # 45 updates of 3 environments and 4 steps; snapshot 10 is after 23 of them.
    assert own["steps"].iloc[[0, 10, 20]].tolist() == [0, 23 * 12, 45 * 12]
    curve = run.subject(1).metrics.set_index("update")["rollout/episodes"]
    assert own["episodes"].iloc[[10, 20]].tolist() == [curve[23], curve[45]]
    assert own["episodes"].iloc[20] == 3 * (45 * 4 // 5)
    assert table["learned"].sum() == 0
    for name in TABLES:
        assert (whole / name).exists()
    assert not (whole / "comparison.csv").exists()


def test_weights_are_frozen_and_those_of_the_snapshots(trained, whole):
    run = load_run(trained)
    for k, path in enumerate(saved_tests(whole)):
        for row in read_json(path, dict)["snapshots"]:
            digest = weights_hash(run.subject(k).policy(row["snapshot"]))
            assert row["weights_before"] == row["weights_after"] == digest


@pytest.mark.parametrize("task", PUBLISHED)
def test_the_statistic_is_that_of_the_experiments_analysis(task, small, tmp_path):
    config = small(task, updates=1, subjects=1, **PUBLISHED[task])
    if task == "inferred-value":
        config = replace(config, task_params=type(config.task_params)())
    train(config, tmp_path / "run", workers=1, show=False)
    run = load_run(tmp_path / "run")
    # Enough episodes for a network at chance to have valid trials of each kind.
    episodes = 250 if task == "inferred-value" else EPISODES
    assert not call(run.path, tmp_path / "out", episodes=episodes).failures
    criterion = learned_criterion(run)
    test = acquisition_test(task, episodes, criterion)
    assert not evaluate(run, test, workers=1, show=False, baselines=False).failures
    result = analyse(analysis_of(task), experiment_data(run))
    expected = select_group(result.tables["subjects"])[criterion.statistic].iloc[0]
    found = read_table(tmp_path / "out" / "acquisition.csv")["statistic"].iloc[-1]
    assert pd.notna(found)
    assert found == pytest.approx(expected, rel=1e-9)


def test_a_network_that_meets_the_criterion_has_learned(trained, tmp_path, monkeypatch):
    criterion = learned_criterion(load_run(trained))
    low = replace(criterion, threshold=-1000.0)
    monkeypatch.setattr(module, "learned_criterion", lambda run: low)
    call(trained, tmp_path / "out")
    table = read_table(tmp_path / "out" / "learned.csv")
    assert table["learned"].tolist() == [2]
    assert table["median_episodes"].tolist() == [0]
    assert "2 of 2" in (tmp_path / "out" / "result.txt").read_text()


def test_finished_tests_are_kept_and_the_tables_have_the_same_bytes(
    trained, whole, tmp_path, monkeypatch
):
    shutil.copytree(whole, tmp_path / "out")
    monkeypatch.setattr(module, "run_frozen", None)
    call(trained, tmp_path / "out")
    assert contents(tmp_path / "out") == contents(whole)


def test_an_interrupted_call_resumes_to_the_same_bytes(
    trained, whole, tmp_path, monkeypatch
):
    out, run_frozen, calls = tmp_path / "out", module.run_frozen, []

    def interrupting(*arguments, **more):
        calls.append(1)
        if len(calls) == 25:
            os.kill(os.getpid(), signal.SIGINT)
        return run_frozen(*arguments, **more)

    monkeypatch.setattr(module, "run_frozen", interrupting)
    with pytest.raises(KeyboardInterrupt):
        call(trained, out)
    assert len(saved_tests(out)) == 1
    assert not (out / "acquisition.csv").exists()
    call(trained, out)
    assert len(calls) == 25 + 21
    assert contents(out) == contents(whole)


def test_tests_of_other_weights_or_settings_are_repeated(
    trained, tmp_path, monkeypatch
):
    shutil.copytree(trained, tmp_path / "run")
    call(tmp_path / "run", tmp_path / "out")
    other = load_run(tmp_path / "run").subject(1)
    shutil.copy(other.snapshot_path(3), other.snapshot_path(2))
    repeated = []

    def counted(tests, subject, reporter):
        repeated.append(subject)

    monkeypatch.setattr(module, "evaluate_snapshots", counted)
    call(tmp_path / "run", tmp_path / "out")
    assert repeated == [1]
    repeated.clear()
    call(tmp_path / "run", tmp_path / "out", episodes=5)
    assert repeated == [0, 1]


def test_a_damaged_test_is_named(trained, whole, tmp_path):
    shutil.copytree(whole, tmp_path / "out")
    path = saved_tests(tmp_path / "out")[0]
    path.write_text(path.read_text().replace('"snapshot": 3', '"snapshot": 4'))
    with pytest.raises(MetaRLError, match=r"subject-00\.json"):
        call(trained, tmp_path / "out")


def test_all_networks_have_the_same_problems(trained, whole):
    test = read_json(saved_tests(whole)[0], dict)["source"]["test"]
    assert test["shared_problems"] is True
    assert test["episodes"] == EPISODES
    assert test["record_episodes"] == 0


def test_runs_are_compared_by_label(trained, tmp_path, small):
    config = small(TASK, trial_count=5, updates=45, unroll_steps=4, seed=2)
    train(config, tmp_path / "other", workers=1, show=False)
    runs = {"as published": trained, "another seed": tmp_path / "other"}
    assert not call(runs, tmp_path / "out").failures
    table = read_table(tmp_path / "out" / "comparison.csv")
    assert table["run"].tolist() == ["another seed"]
    assert table["first"].tolist() == ["as published"]
    seeds = {
        read_json(path, dict)["source"]["seed"]
        for path in saved_tests(tmp_path / "out")
    }
    assert seeds == {1}
    # A label does not belong to the tests: none is repeated with another one.
    before = contents(tmp_path / "out" / "tests")
    call({"a": trained, "b": tmp_path / "other"}, tmp_path / "out")
    assert contents(tmp_path / "out" / "tests") == before
    call(trained, tmp_path / "out")
    assert not (tmp_path / "out" / "comparison.csv").exists()


def test_copies_of_a_run_have_tests_of_their_own(trained, tmp_path):
    shutil.copytree(trained, tmp_path / "copy")
    assert not call([trained, tmp_path / "copy"], tmp_path / "out").failures
    assert len(saved_tests(tmp_path / "out")) == 4
    table = read_table(tmp_path / "out" / "comparison.csv")
    assert table["p_fisher"].tolist() == [1]


def test_the_same_run_twice_is_refused(trained, tmp_path):
    line = refused({"a": trained, "b": trained}, tmp_path / "out")
    assert line.startswith("runs must be different folders, got ")


def refused(runs, out, **changes):
    with pytest.raises((MetaRLError, ValueError)) as caught:
        call(runs, out, **changes)
    assert not out.exists()
    (line,) = str(caught.value).splitlines()
    return line


def test_an_unfinished_run_is_refused_with_what_is_missing(trained, tmp_path):
    shutil.copytree(trained, tmp_path / "run")
    load_run(tmp_path / "run").subject(1).policy_path.unlink()
    line = refused(tmp_path / "run", tmp_path / "out")
    assert "1 of 2 networks are missing (subject 1)" in line


def test_a_run_without_snapshots_is_refused(trained, tmp_path):
    shutil.copytree(trained, tmp_path / "run")
    subject = load_run(tmp_path / "run").subject(0)
    subject.snapshot_path(7).unlink()
    assert "has no snapshot 7 of" in refused(tmp_path / "run", tmp_path / "out")
    shutil.rmtree(subject.path / "snapshots")
    line = refused(tmp_path / "run", tmp_path / "out")
    assert "subject-00 has no snapshots" in line


def test_what_has_no_criterion_or_another_task_is_refused(
    trained, tmp_path, small, monkeypatch
):
    train(small("bandit", updates=1), tmp_path / "bandit", workers=1, show=False)
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        bare = replace(analysis_of(TASK), criteria={})
        patch.setattr("metarl.reports.acquisition.analysis_of", lambda _: bare)
        assert "no criterion of having learned" in refused(trained, out)
    line = refused([trained, tmp_path / "bandit"], out)
    assert "run of informative-arm, bandit of bandit" in line
    # Six trials in place of a hundred.
    assert "trial_count is 6" in refused(tmp_path / "bandit", out)


def test_a_learning_curve_without_episodes_is_refused(trained, tmp_path):
    shutil.copytree(trained, tmp_path / "run")
    subject = load_run(tmp_path / "run").subject(0)
    subject.hashes_path.unlink(missing_ok=True)
    curve = pd.read_csv(subject.metrics_path).drop(columns="rollout/episodes")
    curve.to_csv(subject.metrics_path, index=False)
    with pytest.raises(MetaRLError, match="has no column rollout/episodes"):
        call(tmp_path / "run", tmp_path / "out")


@pytest.mark.parametrize("episodes", [0, -1, 1.5, True, 10**6])
def test_an_impossible_number_of_episodes_is_refused(episodes, trained, tmp_path):
    assert "episodes must be" in refused(trained, tmp_path / "out", episodes=episodes)


def test_a_job_that_fails_is_named_and_no_table_written(trained, tmp_path, monkeypatch):
    def changed(config, subject, *arguments, **more):
        raise MetaRLError(f"the weights of subject {subject} changed in evaluation")

    monkeypatch.setattr(module, "run_frozen", changed)
    outcome = call(trained, tmp_path / "out")
    assert set(outcome.failures) == {"subject 0", "subject 1"}
    assert not (tmp_path / "out" / "learned.csv").exists()


def test_the_function_is_public_and_a_run_is_not_changed(trained, tmp_path):
    before = contents(trained)
    outcome = metarl.acquisition(
        trained, tmp_path / "out", episodes=2, workers=1, show=False
    )
    assert outcome.path == tmp_path / "out"
    assert contents(trained) == before


def test_the_default_folder_is_in_a_single_run(trained, tmp_path):
    shutil.copytree(trained, tmp_path / "run")
    assert call(tmp_path / "run", None).path == tmp_path / "run" / "acquisition"
