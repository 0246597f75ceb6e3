"""Searches by Optuna: resumed, pruned, and never said to be better than they are."""

import signal
import sys

import pytest

from metarl.core.checks import MetaRLError
from metarl.core.files import read_table
from metarl.core.parallel import Interrupted, Reporter
from metarl.pipeline import population
from metarl.pipeline.sweep import make_plan, sweep
from metarl.reports.tensorboard.observer import TensorBoardObserver

TASK = "informative-arm"
OVER = {
    "learning.discount": ".4:.9",
    "network.core": "lstm,gru",
    "network.units": "3:5",
    "training.updates": "1",
}


@pytest.fixture(autouse=True, scope="module")
def quick():
    """No pictures of snapshots for TensorBoard, which take longer than all else."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TensorBoardObserver, "on_snapshot", lambda *_: None)
        yield


def call(out, over=None, **changes):
    usual = {"preset": "smoke", "workers": 1, "show": False, "search": 3}
    return sweep(TASK, over or OVER, out, **{**usual, **changes})


def test_without_optuna_the_way_out_is_said(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MetaRLError, match="install metarl with the extra `search`"):
        call(tmp_path / "x")
    assert not (tmp_path / "x").exists()


@pytest.fixture
def optuna():
    return pytest.importorskip("optuna")


@pytest.mark.parametrize(
    ("over", "changes", "words"),
    [
        ({"learning.discount": ".4:1.4"}, {}, "discount.start must be in [0, 0.99"),
        ({"network.core": "lstm,gur"}, {}, "network.core must be one of lstm, "),
        ({"learning.costs.pfc": "('rl',)"}, {}, "a search needs numbers or words"),
        ({}, {"episodes": 1}, "a search needs a test of at least 2 episodes"),
        ({}, {"select": 4}, "select must be at most the number of runs, 3"),
    ],
)
def test_bad_input_is_refused_and_nothing_is_begun(
    over, changes, words, tmp_path, optuna
):
    with pytest.raises(ValueError, match=r".") as caught:
        call(tmp_path / "x", {**OVER, **over}, **changes)
    assert words in str(caught.value)
    assert not (tmp_path / "x").exists()


def test_a_search_is_of_ordinary_runs_and_aims_at_the_first_half(tmp_path, optuna):
    assert call(tmp_path, select=1).failures == {}
    rows = read_table(tmp_path / "sweep.csv")
    assert rows["run"].tolist() == ["run-000", "run-001", "run-002"]
    assert rows["learning.discount"].between(0.4, 0.9).all()
    assert rows["seed"].nunique() == 3
    storage = optuna.storages.JournalStorage(
        optuna.storages.journal.JournalFileBackend(str(tmp_path / "search.journal"))
    )
    trials = optuna.load_study(study_name="sweep", storage=storage).get_trials()
    assert [t.value for t in trials] == pytest.approx(rows["first_half"].tolist())
    for trial, row in zip(trials, rows.to_dict("records"), strict=True):
        assert trial.params["network.units"] == row["network.units"]
        assert set(trial.intermediate_values) == {20}


def test_an_interrupted_run_is_continued_and_counted_once(
    tmp_path, monkeypatch, optuna
):
    calls = []
    train_some = population.train_some

    def stopped(config, *given):
        calls.append(config)
        if len(calls) == 2:
            signal.raise_signal(signal.SIGINT)
        train_some(config, *given)

    monkeypatch.setattr(population, "train_some", stopped)
    with pytest.raises(KeyboardInterrupt):
        call(tmp_path)
    assert call(tmp_path, resume=True).failures == {}
    assert len(calls) == 4
    # The second run is continued with its settings and its seed.
    assert calls[2] == calls[1]
    rows = read_table(tmp_path / "sweep.csv")
    assert len(rows) == 3
    assert (rows["state"] == "tested").all()
    with monkeypatch.context() as patch:
        patch.setattr(population, "train_some", None)
        assert call(tmp_path, resume=True).failures == {}
    assert call(tmp_path, search=4, resume=True).failures == {}
    assert len(calls) == 5


def test_a_run_that_is_not_promising_is_stopped_and_not_tested(
    tmp_path, monkeypatch, optuna
):
    asked = []

    def prune(study, trial):
        asked.append((trial.number, max(trial.intermediate_values)))
        return trial.number == 1

    pruner = type("Pruner", (), {"prune": lambda _, *given: prune(*given)})()
    monkeypatch.setattr(optuna.pruners, "MedianPruner", lambda *_, **__: pruner)
    over = {**OVER, "training.updates": "4"}
    assert call(tmp_path, over, search=2, select=1).failures == {}
    rows = read_table(tmp_path / "sweep.csv").set_index("run")
    assert rows["state"].to_dict() == {"run-000": "tested", "run-001": "pruned"}
    assert 0 < rows.loc["run-001", "steps"] < 4 * 8 * 30
    assert not (tmp_path / "runs" / "run-001" / "evaluation").exists()
    # The learning curve is reported at the saved points of training.
    assert {stage for number, stage in asked if number == 0} <= {5, 10, 15, 20}
    assert rows["selected"].to_dict() == {"run-000": True, "run-001": False}
    assert "1 runs were stopped early" in (tmp_path / "result.txt").read_text()
    with monkeypatch.context() as patch:
        patch.setattr(population, "train_some", None)
        assert call(tmp_path, over, search=2, resume=True).failures == {}


def test_a_run_that_fails_is_named_and_another_takes_its_place(
    tmp_path, monkeypatch, optuna
):
    train_some = population.train_some

    def broken(config, folders, reporter, device):
        if folders[0].path.parent.name == "run-000":
            raise MetaRLError("training diverged")
        train_some(config, folders, reporter, device)

    with monkeypatch.context() as patch:
        patch.setattr(population, "train_some", broken)
        outcome = call(tmp_path, search=2)
    assert outcome.failures == {"search 0": "run-000: training diverged"}
    assert call(tmp_path, search=2, resume=True).failures == {}
    rows = read_table(tmp_path / "sweep.csv")
    assert rows["state"].tolist() == ["failed", "tested", "tested"]


def test_an_interrupt_is_not_taken_for_pruning(tmp_path, monkeypatch, optuna):
    """Where both come at once, the run stays open, to be continued."""
    from metarl.pipeline import search

    plan = make_plan(
        TASK, OVER, preset="smoke", subjects=1, random=0, search=1, episodes=4
    )
    result = search.Sweep(tmp_path, plan)

    def both(self):
        self.pruned = True
        raise Interrupted

    monkeypatch.setattr(search._Watched, "train_and_test", both)
    with search.open_search(result), pytest.raises(Interrupted):
        search.search_one(result, 0, Reporter(should_stop=lambda: True))
    (trial,) = search._study(result).get_trials()
    assert trial.state.name == "RUNNING"
