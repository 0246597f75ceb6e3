"""A user's experiment of one module: every command takes it as one of metarl's own."""

import json
import shutil
from dataclasses import replace

import pandas as pd
import pytest
from own_experiment import ANALYSIS, EXPERIMENT, Coins, CoinsParams
from toys import Lottery

from metarl.analysis.criteria import Criteria, LearnedCriterion
from metarl.analysis.effects import Effect
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
    assert "Source: an example, 2001." in result
    assert "Nothing is scored" not in result
    assert "variant uniform" not in result
    assert (run.analysis_path / "figure.png").exists()


def test_it_is_compared_with_its_own_and_with_general_variants(run, capsys):
    words = ("--variants", "uniform", "units-half", "--workers", 1)
    command("compare", run.path, *words)
    out = capsys.readouterr().out
    assert "1 of 1 effects were measured in all of run, uniform, units-half." in out
    # It takes its own tests, as the run took them; a general variant has the main one.
    uniform = run.variant("uniform")
    assert uniform.further_tests() == ["hard"]
    assert uniform.evaluation(1, test="hard").metadata["settings"] == [
        "distribution=hard"
    ]
    assert run.variant("units-half").further_tests() == []
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


@pytest.fixture
def copy(run, tmp_path):
    """A copy of the run without variants, to be changed."""
    shutil.copytree(run.path, tmp_path / "run", ignore=lambda *_: ["variants"])
    return load_run(tmp_path / "run")


def test_a_variant_that_is_first_trained_by_compare_takes_its_own_tests(copy):
    command("compare", copy.path, "--variants", "uniform", "--workers", 1)
    uniform = copy.variant("uniform")
    assert uniform.further_tests() == ["hard"]
    for subject in (0, 1):
        assert uniform.evaluation(subject, test="hard").metadata["episodes"] == 3


def test_a_test_that_the_run_did_not_take_is_left_out_and_logged(copy, caplog):
    shutil.rmtree(copy.path / "evaluation" / "tests" / "hard")
    command("analyze", copy.path)
    caplog.set_level("INFO")
    command("compare", copy.path, "--variants", "uniform", "--workers", 1)
    assert copy.variant("uniform").further_tests() == []
    assert "variant uniform: no test hard, as the run did not take it" in caplog.text


def test_its_variant_is_not_scored_and_says_nothing_of_other_variants(copy):
    command("compare", copy.path, "--variants", "uniform", "--workers", 1)
    folder = copy.variant("uniform").analysis_path
    (row,) = json.loads((folder / "effects.json").read_text())
    assert (row["verdict"], row["criterion"]) == ("REPORTED", "")
    result = (folder / "result.txt").read_text()
    assert "Variant uniform: trained on any coins" in result
    assert "Nothing is scored: the networks are a variant." in result
    assert "not trained and tested" not in result


def result_of(run):
    command("analyze", run.path)
    return (run.analysis_path / "result.txt").read_text()


def test_a_run_with_a_changed_parameter_is_not_scored(tmp_path):
    """Though the analysis names no published parameters."""
    words = (*TINY, "--task.trial-count", 5, "--out", tmp_path)
    command("train", NAME, "--preset", "tiny", *words)
    command("evaluate", tmp_path, "--workers", 1)
    result = result_of(load_run(tmp_path))
    assert "Nothing is scored: trial_count is 5, the criteria are for 6." in result
    assert "REPORTED" in result
    assert "PASS" not in result


def test_criteria_of_another_experiment_are_said_to_be(copy, monkeypatch):
    (criteria,) = ANALYSIS.criteria.values()
    other = replace(ANALYSIS, criteria={"other:EXPERIMENT": criteria})
    monkeypatch.setattr("own_experiment.ANALYSIS", other)
    assert (
        "Nothing is scored: the criteria are for other:EXPERIMENT, the run is of "
        f"{NAME}."
    ) in result_of(copy)


def test_an_effect_without_a_number_says_so(copy, monkeypatch):
    def no_effects(tables, context):
        values = pd.Series([float("nan")] * 2)
        yield Effect(key="none", label="nothing", values=values)

    monkeypatch.setattr(
        "own_experiment.ANALYSIS", replace(ANALYSIS, effects=no_effects)
    )
    assert "REPORTED    nothing: no number\n" in result_of(copy)


@pytest.mark.parametrize("wrong", ["measures", "criteria", "learned"])
def test_a_misspelt_name_in_an_analysis_is_one_sentence(
    wrong, copy, monkeypatch, capsys
):
    (criteria,) = ANALYSIS.criteria.values()
    least = LearnedCriterion(statistic="probabilty", threshold=0.5, why="a test")
    changes = {
        "measures": {"measures": lambda data, groups: groups["measurd"]},
        "criteria": {"criteria": {NAME: Criteria()}},
        "learned": {"criteria": {NAME: replace(criteria, learned=least)}},
    }
    monkeypatch.setattr("own_experiment.ANALYSIS", replace(ANALYSIS, **changes[wrong]))
    assert main(["analyze", str(copy.path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("metarl: no ")
    assert "is named" in line


def test_missing_baselines_are_refused_before_results_are_discarded(
    copy, monkeypatch, capsys
):
    before = copy.evaluation(0).metadata_path.read_bytes()
    broken = replace(EXPERIMENT, baselines="json")
    monkeypatch.setattr("own_experiment.EXPERIMENT", broken)
    assert main(["evaluate", str(copy.path), "--workers", "1"]) == 2
    assert "a function make_baselines, got 'json'" in capsys.readouterr().err
    assert copy.evaluation(0).metadata_path.read_bytes() == before
    broken = replace(EXPERIMENT, baselines="own_experimnt")
    monkeypatch.setattr("own_experiment.EXPERIMENT", broken)
    assert main(["train", NAME, "--preset", "tiny", "--out", str(copy.path)]) == 2
    assert "did you mean 'own_experiment'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("task", "name", "value", "words"),
    [
        (Lottery, "noise_size", 1, "Lottery: noise_size must be 2, the number of unif"),
        (Coins, "state_names", ("trial", "phase"), "Coins: state_names lacks choice, "),
    ],
)
def test_a_task_that_breaks_the_contract_is_refused_before_training(
    task, name, value, words, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(task, name, value)
    out, title = tmp_path / "run", NAME if task is Coins else "toys:Lottery"
    assert main(["train", title, "--preset", "smoke", "--out", str(out)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line
    assert not out.exists()
