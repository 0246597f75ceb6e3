"""metarl bench: tables and figures of the chosen runs, or one sentence."""

import shlex
import signal

import pandas as pd
import pytest

from metarl.cli.main import main
from metarl.studies.optimizers.bench import BenchPlan, parse_rates
from metarl.studies.optimizers.learners import LEARNERS
from metarl.studies.optimizers.study import GRID, XOR_STEPS


@pytest.fixture
def bench(tmp_path, capsys):
    handler = signal.getsignal(signal.SIGTERM)

    def run(line):
        words = ["bench", *shlex.split(line), "--out", str(tmp_path / "out")]
        code = main([*words, "--workers", "1"])
        return (code, *capsys.readouterr(), tmp_path / "out")

    yield run
    signal.signal(signal.SIGTERM, handler)


def test_two_rules_are_compared(bench):
    code, out, _, folder = bench(
        "optimizers --task xor --rules wp,d2 --seeds 2 --lr-grid 0.3,1 --steps 20"
    )
    assert code == 0
    table = pd.read_csv(folder / "comparison.csv")
    assert table["rule"].tolist() == ["wp", "wp", "d2", "d2"]
    assert table["rate"].tolist() == [0.3, 1.0] * 2
    assert (table["updates"] == 20).all()
    assert "forward-equivalents" in out
    assert {path.stem for path in folder.glob("*.png")} == {
        "learning_curves",
        "initial_rate_xor",
        "optimizer_traces",
    }


def test_a_series_has_baselines_and_no_figure_of_success(bench):
    code, _, _, folder = bench(
        "optimizers --task rossler --rules adam,np --seeds 1 --lr-grid .01 --steps 3"
    )
    assert code == 0
    assert len(pd.read_csv(folder / "baselines.csv")) == 2
    assert {path.stem for path in folder.glob("*.png")} == {"learning_curves"}


def test_every_problem_is_run(bench):
    code, _, _, folder = bench(
        "optimizers --task all --rules wp,d2,sgd --seeds 1 --lr-grid .01,.1 --steps 2"
    )
    assert code == 0
    table = pd.read_csv(folder / "comparison.csv")
    assert set(table["problem"]) == set(GRID)
    assert len(table) == len(GRID) * 3 * 2


def test_auto_is_the_grid_and_the_length_of_the_study():
    (run,) = BenchPlan(task="xor", rules=("d2",)).conditions().values()
    assert run.rates == GRID["xor"]["d2"]
    assert run.steps == XOR_STEPS
    assert parse_rates("auto") is None
    assert parse_rates("1,.5") == (1.0, 0.5)


def test_all_rules_are_those_with_rates():
    named = list(BenchPlan(task="xor-2-2-1").conditions())
    assert "xor-2-2-1-d2" in named
    assert "xor-2-2-1-np" not in named
    rated = BenchPlan(task="xor-2-2-1", rates=(0.1,)).conditions()
    assert len(rated) == len(LEARNERS) > len(named)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("cake", "the subject of a benchmark must be one of optimizers; got 'cake'"),
        ("optimizers --task chess", "task must be one of xor"),
        ("optimizers --rules wp,x", "rule must be one of wp"),
        ("optimizers --rules wp,wp", "rules must be different ones"),
        ("optimizers --lr-grid a,b", "lr-grid must be auto or numbers"),
        ("optimizers --lr-grid=-1", "lr-grid must be at least"),
        ("optimizers --lr-grid nan", "lr-grid must be at least"),
        ("optimizers --lr-grid .1,.1", "lr-grid must be different rates"),
        ("optimizers --seeds 0", "seeds must be at least 1"),
        ("optimizers --steps 0", "steps must be at least 1"),
        ("optimizers --seed -1", "seed must be at least 0"),
        ("optimizers --workers 0 --steps 1", "workers must be at least 1"),
        ("optimizers --rules ''", "rule must be one of wp"),
        ("optimizers --task xor-2-2-1 --rules np", "the study has none for np"),
    ],
)
def test_bad_input_is_one_sentence(line, words, tmp_path, capsys):
    assert main(["bench", *shlex.split(line), "--out", str(tmp_path / "out")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    (sentence,) = err.splitlines()
    assert words in sentence
    assert not (tmp_path / "out").exists()
