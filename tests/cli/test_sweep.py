"""metarl sweep: what it prints, how it ends, and what other commands make of it."""

import pytest

from metarl.cli.main import main
from metarl.pipeline import population
from metarl.reports.tensorboard.observer import TensorBoardObserver

WORDS = [
    *("sweep", "informative-arm", "--preset", "smoke", "--subjects", "2"),
    *("--over", "learning.discount=.4,.8", "--over", "training.updates=1"),
    *("--workers", "1"),
]


@pytest.fixture(autouse=True, scope="module")
def quick():
    """No pictures of snapshots for TensorBoard, which take longer than all else."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TensorBoardObserver, "on_snapshot", lambda *_: None)
        yield


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Folder of a finished sweep; not to be changed but for comparisons."""
    out = tmp_path_factory.mktemp("cli") / "sweep"
    assert main([*WORDS, "--out", str(out)]) == 0
    return out


def test_the_result_is_printed_and_the_files_named(finished, capsys):
    assert main([*WORDS, "--out", str(finished), "--resume", "--select", "1"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("informative-arm: ")
    assert "2 runs, preset smoke, seed 1; 4 of 4 networks tested" in out
    assert "Selected (*): 1 of 2 runs" in out
    for name in ("sweep.csv", "summary.csv", "figure.png", "result.txt"):
        assert str(finished / name) in out
        assert (finished / name).exists()


def test_the_default_folder_is_named_after_the_task(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(population, "train_some", None)
    assert main(WORDS) == 3
    assert "discount=0.4,updates=1 subject 0 failed" in capsys.readouterr().err
    assert (tmp_path / "runs" / "sweep" / "informative-arm" / "sweep.csv").exists()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("chess --over network.units=4", "unknown task 'chess'"),
        ("bandit --over network.nuits=4", "did you mean 'network.units'?"),
        ("bandit --over network.units", "a setting must be NAME=VALUE,VALUE"),
        ("bandit --over network.units=4,x", "network.units must be a whole number"),
        ("bandit --over network.units=4 --over network.units=5", "is set twice"),
        ("bandit --over network.units=4:8", "give a number of runs as random or"),
        ("bandit --over network.units=4 --preset large", "preset must be one of"),
        ("bandit --over network.units=4 --select 2", "select must be at most"),
    ],
)
def test_bad_input_is_one_sentence(line, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["sweep", *line.split()]) == 2
    (told,) = capsys.readouterr().err.splitlines()
    assert told.startswith("metarl: ")
    assert words in told
    assert not list(tmp_path.iterdir())


def test_a_second_sweep_into_the_folder_is_refused(finished, capsys):
    assert main([*WORDS, "--out", str(finished)]) == 2
    assert "already has a sweep; resume it with --resume" in capsys.readouterr().err


def test_an_interrupt_says_how_to_resume(finished, monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("metarl.pipeline.sweep.run_all", interrupted)
    assert main([*WORDS, "--out", str(finished), "--resume"]) == 130
    assert "interrupted; resume with --resume" in capsys.readouterr().err


def test_the_runs_of_a_sweep_are_compared(finished, capsys):
    # A selection by another test would leave one run.
    assert main([*WORDS, "--out", str(finished), "--resume"]) == 0
    capsys.readouterr()
    assert main(["compare", str(finished), "--workers", "1"]) == 0
    out = capsys.readouterr().out
    assert "in all of discount 0.4, discount 0.8." in out
    assert (finished / "compare" / "figure.png").exists()
    runs = sorted((finished / "runs").iterdir())
    assert all((run / "analysis" / "result.txt").exists() for run in runs)
    # An ordinary run, for the other commands.
    assert main(["analyze", str(runs[0])]) == 0


def test_a_sweep_is_compared_alone_and_needs_two_runs(finished, tmp_path, capsys):
    assert main(["compare", str(finished), str(tmp_path)]) == 2
    assert "a sweep is compared alone, got 2" in capsys.readouterr().err
    assert main([*WORDS, "--out", str(finished), "--resume", "--select", "1"]) == 0
    capsys.readouterr()
    assert main(["compare", str(finished)]) == 2
    assert "needs two or more tested runs" in capsys.readouterr().err
