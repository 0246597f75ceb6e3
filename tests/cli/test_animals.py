"""metarl animals: any table to a figure, and refusals that leave nothing behind."""

import shlex

import pandas as pd
import pytest

from metarl.cli.main import main

HEADER = "ppt,n,resp,win,common"


@pytest.fixture
def file(tmp_path):
    rows = [
        f"{name},{k},{'LR'[k // 2 % 2]},{k % 2},1" for name in "BA" for k in range(12)
    ]
    path = tmp_path / "lab.csv"
    path.write_text("\n".join([HEADER, *rows]) + "\n")
    return path


def run(capsys, *words):
    code = main(["animals", *map(str, words)])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def proposed(out):
    """The words of the command that --guess prints, without the program's name."""
    return shlex.split(out.strip().splitlines()[-1])[1:]


def test_from_a_laboratorys_file_to_the_figure_by_the_proposed_command(
    capsys, tmp_path, file
):
    out = tmp_path / "result"
    code, printed, _ = run(capsys, "two-step", "--data", file, "--guess", "--out", out)
    assert code == 0
    assert not out.exists()
    words = proposed(printed)
    assert words[0] == "animals"
    code, printed, _ = run(capsys, *words[1:])
    assert code == 0
    assert "24 trials of 2 subjects, in 2 sessions and 2 episodes" in printed
    assert "24 choices (12 of 0, 12 of 1)" in printed
    assert {p.name for p in out.iterdir()} >= {"figure.png", "columns.toml"}
    before = pd.read_csv(out / "behaviour.csv")
    again = tmp_path / "again"
    code, _, _ = run(
        capsys,
        "two-step",
        "--data",
        file,
        "--map",
        out / "columns.toml",
        "--out",
        again,
    )
    assert code == 0
    pd.testing.assert_frame_equal(pd.read_csv(again / "behaviour.csv"), before)


def test_a_guess_is_never_applied_automatically(capsys, tmp_path, file):
    code, _, error = run(capsys, "two-step", "--data", file, "--out", tmp_path / "out")
    assert code == 2
    assert "did you mean --column subject=ppt --column trial=n" in error
    assert not (tmp_path / "out").exists()


def test_options_take_several_values_at_once(capsys, tmp_path, file):
    code, _, error = run(
        capsys, "two-step", "--data", file, "--out", tmp_path / "out", "--column",
        "subject=ppt", "trial=n", "choice=resp", "reward=win", "transition=common",
        "--code", "choice: L=0 R=1", "transition: 1=common 0=rare",
    )  # fmt: skip
    assert code == 0
    assert "A: 100 % of transitions are common" not in error


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["two-step", "--data", "none.csv"], "there is no file 'none.csv'"),
        (["two-step", "--data", "{file}", "--map", "x.toml"], "there is no file"),
        (["two-step", "--data", "{file}", "--column", "chose=resp"], "mean choice"),
        (["two-step", "--data", "{file}", "--code", "choice"], "--code must be like"),
        (["two-step", "--data", "{file}", "--names", "a,b"], "--names must name the 5"),
    ],
)  # fmt: skip
def test_bad_input_gets_one_sentence_and_leaves_nothing(
    capsys, tmp_path, file, words, sentence
):
    out = tmp_path / "out"
    given = [word.format(file=file) for word in words]
    code, printed, error = run(capsys, *given, "--out", out)
    assert code == 2
    assert sentence in error
    assert len(error.strip().splitlines()) == 1
    assert printed == ""
    assert not out.exists()
