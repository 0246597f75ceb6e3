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


@pytest.fixture
def points(tmp_path):
    """A reversal in points, of two groups, with a blank for a missed trial."""
    rows = [
        f"{name},{k},{(k + n) % 2 if k != 7 else ''},{10 * (k % 2)},{k // 10 % 2},"
        f"{300 + k},{'ab'[n % 2]}"
        for n, name in enumerate("ABCDEF")
        for k in range(40)
    ]
    path = tmp_path / "points.csv"
    header = "subject,trial,choice,reward,better,rt,arm"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_a_map_of_an_earlier_result_is_all_that_is_needed(capsys, tmp_path, points):
    given = ("--unit", "points", "--rt-unit", "ms", "--who", "people", "--group", "arm")
    first, again = tmp_path / "first", tmp_path / "again"
    words = ("reversal", "--data", points)
    assert run(capsys, *words, *given, "--out", first)[0] == 0
    mapped = ("--map", first / "columns.toml", "--out", again)
    assert run(capsys, *words, *mapped)[0] == 0
    for name in ("subjects", "groups", "behaviour"):
        assert (again / f"{name}.csv").read_bytes() == (
            first / f"{name}.csv"
        ).read_bytes()


def test_the_screen_shows_comparisons_first_and_no_curves(capsys, tmp_path, points):
    given = ("--unit", "points", "--group", "arm", "--out", tmp_path / "out")
    code, out, _ = run(capsys, "reversal", "--data", points, *given)
    assert code == 0
    assert out.index("p_welch") < out.index("quantity")
    assert "acquisition" not in out.replace("late_acquisition", "")
    assert "acquisition" in (tmp_path / "out" / "behaviour.csv").read_text()


def test_a_guess_without_a_column_prints_the_rest_of_the_command(
    capsys, tmp_path, points
):
    lines = [line.split(",") for line in points.read_text().splitlines()]
    cut = tmp_path / "cut.csv"
    cut.write_text("\n".join(",".join([*k[:4], *k[5:]]) for k in lines))
    code, out, error = run(capsys, "reversal", "--data", cut, "--guess")
    assert code == 2
    assert "metarl animals reversal" in out
    assert "Not guessed: --rt-unit (s or ms), --who (people, mice), --unit" in out
    assert "Not used: arm." in out
    assert "no column is like better (not used: arm)" in error
    assert "better is the option with the higher probability of reward" in error


def test_amounts_are_refused_with_both_ways_out(capsys, tmp_path, points):
    code, _, error = run(
        capsys, "reversal", "--data", points, "--out", tmp_path / "out"
    )
    assert code == 2
    assert 'reward: 0=0 10=?", with missing for no choice, or keep the amounts' in error
    assert "--unit points" in error


def test_a_column_that_is_not_there_is_answered_with_those_that_are(
    capsys, tmp_path, points
):
    given = ("--unit", "points", "--group", "Vorname", "--out", tmp_path / "out")
    code, _, error = run(capsys, "reversal", "--data", points, *given)
    assert code == 2
    assert "there is no column Vorname in the table; name one of " in error
    assert "arm" in error


def test_a_better_option_that_never_changes_gets_a_note(capsys, tmp_path, points):
    points.write_text(points.read_text().replace("better", "other"))
    given = ("--unit", "points", "--value", "better=0", "--out", tmp_path / "out")
    code, _, error = run(capsys, "reversal", "--data", points, *given)
    assert code == 0
    assert error.count("there is no reversal") == 1
    assert "nor in 5 more" in error
