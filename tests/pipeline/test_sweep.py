"""Sweeps: every run an ordinary one, resumed, extended, repaired, and selected from."""

import os
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from toys import wait_for

import metarl
from metarl.core.checks import MetaRLError
from metarl.core.files import read_table
from metarl.core.locks import locked
from metarl.experiments.spec import preset
from metarl.pipeline import population
from metarl.pipeline import sweep as sweeping
from metarl.pipeline.sweep import draw, make_plan, sweep
from metarl.reports.tensorboard.observer import TensorBoardObserver
from metarl.runs.config import EvaluationConfig
from metarl.runs.folder import Run, load_run
from metarl.runs.settings import Span, change_settings

TASK = "informative-arm"
BUDGET = {"training.updates": (1,)}
GRID = {"learning.discount": ".4,.8", "network.units": (4,), **BUDGET}
FIRST = "discount=0.4,units=4,updates=1"
RANDOM = {"learning.discount": ".4:.9", "learning.learning_rate": "1e-4:1e-2:log"}


@pytest.fixture(autouse=True, scope="module")
def quick():
    """No pictures of snapshots for TensorBoard, which take longer than all else."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TensorBoardObserver, "on_snapshot", lambda *_: None)
        yield


def call(out, over=None, **changes):
    usual = {"preset": "smoke", "subjects": 2, "workers": 1, "show": False}
    return sweep(TASK, over or GRID, out, **{**usual, **changes})


def plan(over, **changes):
    usual = {"preset": "smoke", "subjects": None, "random": 0, "search": 0}
    return make_plan(TASK, over, **{**usual, **changes})


@pytest.fixture(scope="module")
def grid(tmp_path_factory):
    """A finished grid of two runs of two networks; not to be changed."""
    out = tmp_path_factory.mktemp("grid") / "sweep"
    assert call(out, select=1).failures == {}
    return out


@pytest.fixture
def copy(grid, tmp_path):
    """The same, to be changed."""
    out = tmp_path / "copy"
    subprocess.run(["cp", "-r", str(grid), str(out)], check=True)
    return out


@pytest.fixture
def idle(monkeypatch):
    """Context in which any repeated work fails."""

    def never(*given):
        raise AssertionError(given)

    for name in ("train_some", "evaluate_one", "evaluate_one_baseline"):
        monkeypatch.setattr(population, name, never)
    monkeypatch.setattr(sweeping, "score_run", never)


def stamps(folder):
    return {
        path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()
    }


def table(out):
    return read_table(out / "sweep.csv")


def test_a_grid_has_an_ordinary_run_for_each_combination(grid):
    runs = {path.name: load_run(path) for path in (grid / "runs").iterdir()}
    settings = {
        f"discount={discount},units=4,updates=1": (discount, 4)
        for discount in (0.4, 0.8)
    }
    assert set(runs) == set(settings)
    for name, (discount, units) in settings.items():
        config = runs[name].config
        assert config.learning.discount.at(0.5) == discount
        assert (config.network.units, config.training.updates) == (units, 1)
        assert list(runs[name].evaluated) == [0, 1]
        assert runs[name].baselines


def test_the_weights_are_those_of_train_with_the_same_settings(grid, tmp_path):
    settings = {"learning.discount": 0.8, "network.units": 4, "training.updates": 1}
    config = replace(change_settings(preset(TASK, "smoke"), settings), subjects=1)
    alone = Run(metarl.train(config, tmp_path / "x", workers=1, show=False).path)
    same = Run(grid / "runs" / "discount=0.8,units=4,updates=1")
    one, other = (run.subject(0).policy_path for run in (alone, same))
    assert one.read_bytes() == other.read_bytes()


def test_the_table_has_a_row_for_each_network_with_its_numbers(grid):
    rows = table(grid)
    assert len(rows) == 4
    for row in rows.to_dict("records"):
        folder = Run(grid / "runs" / row["run"]).evaluation(row["subject"])
        reward = folder.metadata["reward_per_episode"]
        assert row["reward_per_episode"] == pytest.approx(reward)
        # Twelve episodes of five steps.
        trials = folder.trials
        first = trials.loc[trials["episode"] < 6, "reward"].sum() / 6
        assert row["first_half"] == pytest.approx(first)
        assert row["first_half"] + row["second_half"] == pytest.approx(2 * reward)
        assert row["score"] == pytest.approx(reward)
        assert row["score_name"] == "reward_per_episode"
        assert row["learned"] == (reward >= 15)
        assert row["steps"] == 8 * 30
        assert (row["state"], row["seed"]) == ("tested", 1)
        assert f"discount={row['learning.discount']}" in row["run"]
        assert f"units={row['network.units']}" in row["run"]


def test_the_summary_is_over_networks_and_the_best_first_half_is_selected(grid):
    rows, summary = table(grid), read_table(grid / "summary.csv")
    by_run = rows.groupby("run", sort=False)
    assert list(summary["mean"]) == pytest.approx(
        list(by_run["reward_per_episode"].mean())
    )
    assert list(summary["n"]) == [2] * 2
    best = by_run["first_half"].mean().idxmax()
    assert list(summary.loc[summary["selected"], "run"]) == [best]
    assert set(rows.loc[rows["selected"], "run"]) == {best}
    second = by_run["second_half"].mean()[best]
    result = (grid / "result.txt").read_text()
    assert f"which selected nothing: {second:.4g}." in result
    assert "Selected (*): 1 of 2 runs" in result
    assert summary["label"].tolist() == ["discount 0.4", "discount 0.8"]


def test_a_finished_sweep_is_not_repeated(grid, idle):
    before = stamps(grid / "runs") | stamps(grid / "scores")
    csv = (grid / "sweep.csv").read_bytes()
    assert call(grid, select=1, resume=True).failures == {}
    assert stamps(grid / "runs") | stamps(grid / "scores") == before
    assert (grid / "sweep.csv").read_bytes() == csv


def test_a_grid_can_gain_values_and_keeps_its_runs(copy, monkeypatch):
    before, begun = stamps(copy / "runs"), []
    train_some = population.train_some

    def noted(trained, *rest):
        config = trained.config
        begun.append((config.network.units, config.learning.discount.end))
        train_some(trained, *rest)

    monkeypatch.setattr(population, "train_some", noted)
    more = {**GRID, "network.units": "3,4"}
    assert call(copy, more, resume=True).failures == {}
    assert set(begun) == {(3, 0.4), (3, 0.8)}
    now = stamps(copy / "runs")
    assert {path: now[path] for path in before} == before
    assert read_table(copy / "summary.csv")["network.units"].tolist() == [3, 4] * 2


@pytest.mark.parametrize(
    ("over", "changes", "words"),
    [
        ({"learning.discount": ".8"}, {}, "learning.discount has lost the value 0.4"),
        ({"network.core": "lstm"}, {}, "over was learning.discount, network.units,"),
        ({}, {"seed": 2}, "seed was 1, is 2"),
        ({}, {"subjects": 3}, "subjects was 2, is 3"),
        ({}, {"episodes": 4}, "episodes was 12, is 4"),
        ({}, {"random": 3}, "mode was 'grid', is 'random'"),
    ],
)
def test_another_plan_is_refused_before_anything_is_begun(grid, over, changes, words):
    before = stamps(grid)
    with pytest.raises(MetaRLError) as caught:
        call(grid, {**GRID, **over}, resume=True, **changes)
    assert words in str(caught.value)
    assert stamps(grid) == before


def test_an_existing_sweep_is_not_overwritten(grid):
    with pytest.raises(MetaRLError, match="already has a sweep; resume it with"):
        call(grid)


def test_a_sweep_in_use_is_refused(copy):
    code = (
        "import sys, time; from pathlib import Path;"
        "from metarl.core.locks import locked;"
        "c = locked([Path(sys.argv[1])]); c.__enter__(); print('on', flush=True);"
        "time.sleep(60)"
    )
    words = [sys.executable, "-c", code, str(copy)]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as other:
        try:
            other.stdout.readline()
            with pytest.raises(MetaRLError, match="is in use by process"):
                call(copy, resume=True)
        finally:
            other.kill()
    with locked([copy]):
        pass


def test_an_interrupted_sweep_resumes_to_the_same_bytes(grid, tmp_path, monkeypatch):
    calls = []
    train_some = population.train_some

    def stopped(*given):
        calls.append(given)
        if len(calls) == 3:
            signal.raise_signal(signal.SIGINT)
        train_some(*given)

    with monkeypatch.context() as patch:
        patch.setattr(population, "train_some", stopped)
        with pytest.raises(KeyboardInterrupt):
            call(tmp_path / "x", select=1)
    assert len(calls) == 3
    assert call(tmp_path / "x", select=1, resume=True).failures == {}
    for name in ("sweep.csv", "summary.csv", "result.txt"):
        assert (tmp_path / "x" / name).read_bytes() == (grid / name).read_bytes()


def test_a_failed_network_has_no_number_is_not_selected_and_is_repeated(
    grid, tmp_path, monkeypatch
):
    best = read_table(grid / "summary.csv").query("selected")["run"].item()
    train_some = population.train_some

    def broken(config, folders, reporter, device):
        if 1 in folders and folders[1].path.parent.name == best:
            raise MetaRLError("training diverged")
        train_some(config, folders, reporter, device)

    out = tmp_path / "x"
    with monkeypatch.context() as patch:
        patch.setattr(population, "train_some", broken)
        outcome = call(out, select=1)
    assert outcome.failures == {f"{best} subject 1": "training diverged"}
    row = table(out).query(f"run == '{best}' and subject == 1").iloc[0]
    assert row["state"] == "failed"
    assert pd.isna(row["reward_per_episode"])
    summary = read_table(out / "summary.csv").set_index("run")
    assert tuple(summary.loc[best, ["n", "missing"]]) == (1, 1)
    assert not summary.loc[best, "selected"]
    assert summary["selected"].sum() == 1
    assert call(out, select=1, resume=True).failures == {}
    assert (out / "sweep.csv").read_bytes() == (grid / "sweep.csv").read_bytes()


def test_a_run_with_another_test_is_scored_again_and_a_failure_leaves_no_score(
    copy, monkeypatch
):
    run = Run(copy / "runs" / FIRST)
    further = {"short": EvaluationConfig(episodes=2, record_episodes=0)}
    metarl.evaluate(run, further, workers=1, show=False, baselines=False)

    def broken(run):
        raise MetaRLError("the table is damaged")

    with monkeypatch.context() as patch:
        patch.setattr(sweeping, "score_run", broken)
        outcome = call(copy, resume=True)
    assert outcome.failures == {f"{FIRST} score": "the table is damaged"}
    rows = table(copy)
    unknown = rows["reward_per_episode"].isna()
    assert rows.loc[unknown, "run"].tolist() == [FIRST] * 2
    assert call(copy, resume=True).failures == {}
    assert table(copy)["reward_per_episode"].notna().all()


def test_on_another_task_it_is_not_said_who_learned(tmp_path):
    over = {"task.trial_count": "6", **BUDGET}
    assert call(tmp_path, over, subjects=1).failures == {}
    rows = table(tmp_path)
    assert rows["learned"].isna().all()
    assert rows["score"].notna().all()
    result = (tmp_path / "result.txt").read_text()
    assert "Whether they learned is not scored: trial_count is 6" in result


# Random settings


def test_drawn_settings_are_in_their_ranges_with_few_digits():
    over = {**RANDOM, "network.units": "4:9", "network.core": "lstm,gru"}
    runs = plan(over, random=200).runs()
    drawn = pd.DataFrame([run.settings for run in runs])
    discounts, rates = drawn["learning.discount"], drawn["learning.learning_rate"]
    assert discounts.between(0.4, 0.9).all()
    assert rates.between(1e-4, 1e-2).all()
    # Uniform: a half below the middle, on the scale drawn from; 4 standard errors.
    for share in ((discounts < 0.65).mean(), (rates < 1e-3).mean()):
        assert abs(share - 0.5) < 4 * np.sqrt(0.25 / 200)
    assert sorted(drawn["network.units"].unique()) == [4, 5, 6, 7, 8, 9]
    assert set(drawn["network.core"]) == {"lstm", "gru"}
    assert all(float(f"{value:.4g}") == value for value in [*discounts, *rates])
    seeds = [run.config.seed for run in runs]
    assert len(set(seeds)) == 200
    assert abs(np.corrcoef(discounts, np.log(rates))[0, 1]) < 4 / np.sqrt(200)


def test_each_whole_number_of_a_range_is_as_probable():
    generator = np.random.default_rng(3)
    span = Span(4, 7, whole=True)
    drawn = np.array([draw(span, generator) for _ in range(4000)])
    shares = [(drawn == value).mean() for value in (4, 5, 6, 7)]
    np.testing.assert_allclose(shares, 0.25, atol=4 * np.sqrt(0.1875 / 4000))


def test_more_runs_leave_the_first_as_they_were_in_any_order_of_settings():
    few = plan(RANDOM, random=5).runs()
    more = plan(dict(reversed(RANDOM.items())), random=9).runs()
    assert [run.config for run in more[:5]] == [run.config for run in few]
    assert plan(RANDOM, random=5, seed=2).runs()[0].config != few[0].config


def test_a_random_sweep_can_gain_runs_but_not_lose_them(tmp_path):
    over = {**RANDOM, **BUDGET}
    assert call(tmp_path, over, random=2, subjects=None).failures == {}
    before = stamps(tmp_path / "runs")
    assert call(tmp_path, over, random=3, subjects=None, resume=True).failures == {}
    now = stamps(tmp_path / "runs")
    assert {path: now[path] for path in before} == before
    rows = table(tmp_path)
    assert rows["run"].tolist() == ["run-000", "run-001", "run-002"]
    assert rows["seed"].nunique() == 3
    with pytest.raises(MetaRLError, match="runs was 3, is 2"):
        call(tmp_path, over, random=2, subjects=None, resume=True)


# What is refused


@pytest.mark.parametrize(
    ("over", "changes", "words"),
    [
        ({"learning.discont": ".4"}, {}, "did you mean 'learning.discount'?"),
        ({"learning.discount": ".4,1.4"}, {}, "discount.start must be in [0, 0.99"),
        (
            {"learning.discount": ".4,1.4"},
            {},
            "a run with learning.discount 1.4 cannot",
        ),
        ({"network.units": ".5"}, {}, "network.units must be a whole number"),
        ({"network.units": ()}, {}, "network.units must have at least one value"),
        ({}, {}, "over must name at least one setting"),
        (RANDOM, {}, "learning.discount has a range, 0.4:0.9, but a grid needs values"),
        (RANDOM, {"random": 2, "search": 2}, "random and search cannot both"),
        (RANDOM, {"random": -1}, "random must be at least 0, got -1"),
        (RANDOM, {"random": 501}, "random must be at most 500, got 501"),
        (RANDOM, {"random": 4, "select": 5}, "select must be at most the number of"),
        (RANDOM, {"random": 4, "select": -1}, "select must be at least 1, got -1"),
        (
            {"network.units": "4,5"},
            {"select": 1, "episodes": 1},
            "select needs a test of at least 2 episodes",
        ),
        ({"network.units": "4,5"}, {"episodes": 0}, "episodes must be at least 1"),
        ({"network.units": "4,5"}, {"preset": "large"}, "preset must be one of fast"),
        ({"network.units": "4,5"}, {"workers": 0}, "workers must be at least 1"),
        ({"network.units": "4,5"}, {"subjects": 0}, "subjects must be at least 1"),
        (
            {"network.units": tuple(range(1, 50)), "training.updates": range(1, 50)},
            {},
            "a grid must have at most 500 runs, got 2,401",
        ),
        # Settings that fit alone, but not together.
        (
            {"learning.replay.mode": "uniform", "training.reset_memory": "trial"},
            {},
            "replay.mode must be none if memory is not reset by episodes",
        ),
        ({"network.encoder": "none,patch"}, {}, "a run with network.encoder patch"),
    ],
)
def test_bad_input_is_refused_in_a_sentence_and_nothing_is_begun(
    over, changes, words, tmp_path
):
    out = tmp_path / "x"
    with pytest.raises(ValueError, match=r".") as caught:
        sweep(TASK, over, out, **{"preset": "smoke", "show": False, **changes})
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert not out.exists()


def test_values_are_given_in_python_in_several_ways():
    ways = [
        {"network.units": given}
        for given in ("4,6", (4, 6), [4, 6], np.array([4, 6]), "4, 6")
    ]
    assert len({str(plan(way).to_plain()) for way in ways}) == 1
    span = {"learning.discount": Span(0.4, 0.9)}
    text = {"learning.discount": ".4:.9"}
    assert plan(span, random=2).to_plain() == plan(text, random=2).to_plain()
    assert plan({"network.units": 4}).over["network.units"].values == (4,)


def test_two_settings_with_one_last_name_have_whole_names():
    over = {"learning.discount.end": (0.5,), "learning.entropy_weight.end": (0.1,)}
    (run,) = plan(over).runs()
    assert run.name == "learning.discount.end=0.5,learning.entropy_weight.end=0.1"


def test_a_killed_sweep_resumes_to_the_same_bytes(tmp_path):
    words = [sys.executable, "-m", "metarl", "sweep", TASK, "--preset", "smoke"]
    words += ["--over", "learning.discount=.4,.8", "--over", "training.updates=1"]
    words += ["--subjects", "1", "--workers", "1", "--out", str(tmp_path / "killed")]
    killed = subprocess.Popen(
        words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ
    )
    try:
        wait_for(lambda: list(tmp_path.glob("killed/runs/*/subject-0*/policy.*")))
    finally:
        killed.kill()
        killed.wait()
    assert not (tmp_path / "killed" / "sweep.csv").exists()
    over = {"learning.discount": ".4,.8", "training.updates": "1"}
    tables = []
    for name in ("killed", "whole"):
        call(tmp_path / name, over, subjects=1, resume=True)
        tables.append((tmp_path / name / "sweep.csv").read_bytes())
    assert tables[0] == tables[1]
