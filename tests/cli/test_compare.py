"""metarl compare: what it prints, and how it ends."""

import shutil

import pytest

from metarl.cli.main import main
from metarl.experiments.variants import VARIANTS
from metarl.reports.figures import analyze
from metarl.runs.folder import load_run


@pytest.fixture(scope="module")
def runs(unlearned, tmp_path_factory):
    """Two analysed runs; not to be changed but for their variants."""
    place = tmp_path_factory.mktemp("runs")
    for name in ("one", "two"):
        shutil.copytree(unlearned.path, place / name)
        analyze(place / name)
    return place / "one", place / "two"


def test_runs_are_compared_and_the_files_named(runs, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["compare", *map(str, runs)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("33 of 33 effects were measured in all of one, two.")
    assert "figure: runs/compare/figure.png" in out
    for name in ("figure.png", "figure.pdf", "comparison.csv", "comparison.txt"):
        assert (tmp_path / "runs" / "compare" / name).exists()


def test_the_folder_can_be_chosen(runs, tmp_path, capsys):
    assert main(["compare", *map(str, runs), "--out", str(tmp_path / "here")]) == 0
    assert (tmp_path / "here" / "comparison.csv").exists()


def test_a_run_is_compared_with_its_variants(runs, capsys, caplog):
    run = runs[0]
    words = [str(run), "--workers", "1", "--variants", "core-rnn", "core-lstm"]
    caplog.set_level("INFO")
    assert main(["compare", *words]) == 0
    out = capsys.readouterr().out
    assert "left out: core-lstm changes nothing" in caplog.text
    assert "33 of 33 effects were measured in all of one, core-rnn." in out
    assert (run / "variants" / "comparison.csv").exists()
    assert (run / "variants" / "core-rnn" / "analysis" / "figure.png").exists()


def refused(capsys, words):
    assert main(["compare", *words]) == 2
    ended = capsys.readouterr()
    (line,) = ended.err.splitlines()
    return line


def test_what_cannot_be_compared_is_refused(runs, capsys):
    one, two = map(str, runs)
    assert "needs two or more folders" in refused(capsys, [one])
    assert "needs one run, got 2" in refused(capsys, [one, two, "--variants"])
    unknown = [one, "--variants", "no-soul"]
    assert "variant must be one of no-reward" in refused(capsys, unknown)


def test_variants_that_failed_end_with_3(runs, capsys, monkeypatch):
    monkeypatch.setattr(
        "metarl.training.trainer.Trainer.update",
        lambda trainer: (_ for _ in ()).throw(ValueError("no power")),
    )
    words = [str(runs[1]), "--workers", "1", "--variants", "core-gru", "core-rnn"]
    assert main(["compare", *words]) == 3
    ended = capsys.readouterr()
    assert "metarl: core-gru subject 0 failed: no power" in ended.err
    assert ended.out == ""


def test_the_help_names_every_general_variant(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["compare", "--help"])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert all(name in out for name in VARIANTS)


def test_words_in_a_learning_curve_get_one_sentence(runs, tmp_path, capsys):
    shutil.copytree(runs[0], tmp_path / "bad")
    subject = load_run(tmp_path / "bad").subject(0)
    subject.hashes_path.unlink(missing_ok=True)
    head, first, *rest = subject.metrics_path.read_text().splitlines()
    first = ",".join(["one", *first.split(",")[1:]])
    subject.metrics_path.write_text("\n".join([head, first, *rest]) + "\n")
    capsys.readouterr()
    out = ["--out", str(tmp_path / "out")]
    assert main(["compare", str(tmp_path / "bad"), str(runs[1]), *out]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "metrics.csv is damaged: row 1 below the header" in line
    assert not (tmp_path / "out").exists()
