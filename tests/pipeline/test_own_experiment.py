"""A user's experiment of one module: every command takes it as one of metarl's own."""

import json

import pytest
from own_experiment import EXPERIMENT, Coins, CoinsParams

from metarl.cli.main import main
from metarl.envs.adapters import make
from metarl.experiments.spec import preset
from metarl.runs.folder import load_run

NAME = "own_experiment:EXPERIMENT"
TINY = (
    *("--subjects", 2, "--workers", 1, "--network.units", 4),
    *("--training.updates", 2, "--training.num-envs", 3),
)


def command(*words):
    assert main([*map(str, words)]) == 0, words


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run that was trained with its variant, tested and analysed."""
    out = tmp_path_factory.mktemp("own") / "run"
    command("train", NAME, "--preset", "tiny", "--variants", *TINY, "--out", out)
    command("evaluate", out, "--workers", 1)
    command("analyze", out)
    return load_run(out)


def test_it_is_trained_with_its_own_preset_task_and_variants(run):
    assert (run.config.task, run.config.preset) == (NAME, "tiny")
    assert run.config.task_params == CoinsParams()
    assert list(run.variants) == ["uniform"]
    assert run.variant("uniform").config.task_params.distribution == "independent"
    assert preset(NAME, "tiny").learning == EXPERIMENT.presets["tiny"].learning
    assert isinstance(make(NAME, num_envs=2), Coins)


def test_it_takes_its_own_tests_and_has_its_own_baselines(run):
    assert run.further_tests() == ["hard", "silenced"]
    assert run.evaluation(0).metadata["episodes"] == 5
    hard = run.evaluation(1, test="hard").metadata
    assert hard["settings"] == ["distribution=hard"]
    silenced = run.evaluation(1, test="silenced").metadata
    assert silenced["interventions"] == ["units scale 0"]
    assert list(run.baselines) == ["left", "random"]
    assert (run.baselines["left"].trials["choice"] == 0).all()
    assert run.variant("uniform").further_tests() == ["hard"]


def test_it_has_its_own_effects_and_figure(run):
    (row,) = json.loads(run.effects_path.read_text())
    assert (row["experiment"], row["effect"]) == (NAME, "P(correct)")
    assert row["verdict"] == "PASS"
    result = (run.analysis_path / "result.txt").read_text()
    assert "two coins, one of which pays more often" in result
    assert "After an example, 2001." in result
    assert (run.analysis_path / "figure.png").exists()


def test_it_is_compared_with_its_own_and_with_general_variants(run, capsys):
    words = ("--variants", "uniform", "units-half", "--workers", 1)
    command("compare", run.path, *words)
    out = capsys.readouterr().out
    assert "1 of 1 effects were measured in all of run, uniform, units-half." in out
    # The analysis of the run itself has its own variants alone.
    assert list(run.variants) == ["uniform", "units-half"]


def test_it_is_shown_while_it_learns_and_filmed(run, tmp_path):
    assert list(run.path.glob("subject-00/tensorboard/events*"))
    command("watch", run.path, "--test", "hard", "--out", tmp_path / "video.gif")
    assert (tmp_path / "video.gif").exists()


def test_it_is_on_the_page_of_a_reproduction(tmp_path):
    words = ("--preset", "smoke", "--subjects", 1, "--workers", 1, "--out", tmp_path)
    command("reproduce", NAME, *words)
    page = (tmp_path / "report.html").read_text()
    assert "Is the better coin found?" in page
    assert "no network was published on coins" in page
    assert "six tosses" in page
    assert "trained on any coins" in page
    assert "left chooses the actions" in page
    card = json.loads((tmp_path / "scorecard.json").read_text())
    assert [row["effect"] for row in card] == ["P(correct)"]
    assert (tmp_path / "own_experiment.EXPERIMENT" / "config.json").exists()


def test_a_preset_that_it_lacks_is_refused(tmp_path, capsys):
    words = ["train", NAME, "--preset", "fast", "--out", str(tmp_path / "run")]
    assert main(words) == 2
    assert "preset must be one of smoke, tiny; got 'fast'" in capsys.readouterr().err
