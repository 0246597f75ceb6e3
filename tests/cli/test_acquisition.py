"""metarl acquisition: what it prints, and how it ends."""

import pytest

from metarl.cli.main import main


@pytest.fixture
def words(unlearned, tmp_path):
    out = ["--out", str(tmp_path / "out")]
    return ["acquisition", str(unlearned.path), *out, "--episodes", "3"]


def test_the_result_is_printed_and_the_files_named(words, tmp_path, capsys):
    assert main([*words, "--workers", "1", "--labels", "as trained"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("two-step: ")
    assert "as trained: 0 of 2, 0.00 [0.00, 0.84]; 0 at the end; more than" in out
    for name in ("acquisition.csv", "learned.csv", "figure.png", "result.txt"):
        assert f"{tmp_path / 'out' / name}\n" in out
        assert (tmp_path / "out" / name).exists()


@pytest.mark.parametrize(
    ("more", "error"),
    [
        (["--labels", "a", "b"], "a different name for each of 1 runs, got a, b"),
        (["--episodes", "0"], "episodes must be at least 1"),
        (["--workers", "0"], "workers must be"),
    ],
)
def test_bad_input_is_one_sentence(more, error, words, tmp_path, capsys):
    assert main([*words, *more]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("metarl: ")
    assert error in line
    assert not (tmp_path / "out").exists()


def test_a_missing_run_is_named(tmp_path, capsys):
    assert main(["acquisition", str(tmp_path / "none")]) == 2
    assert "is not a run" in capsys.readouterr().err


def test_an_interrupt_says_how_to_resume(words, monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("metarl.pipeline.acquisition.run_all", interrupted)
    assert main(words) == 130
    error = capsys.readouterr().err
    assert error == "metarl: interrupted; resume with the same command\n"


def test_a_failed_network_ends_with_3(words, monkeypatch, capsys):
    def failing(*_, **__):
        raise ValueError("no power")

    monkeypatch.setattr("metarl.pipeline.acquisition.run_frozen", failing)
    assert main([*words, "--workers", "1"]) == 3
    ended = capsys.readouterr()
    assert "metarl: subject 0 failed: no power" in ended.err
    assert "learned.csv" not in ended.out
