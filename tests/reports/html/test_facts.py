"""What the page says of a run: from its folder, its experiment and its code."""

import json
import shutil
from dataclasses import replace

import pytest

from metarl.core.files import read_json, write_json
from metarl.envs.registry import NAMES
from metarl.experiments.spec import experiment, preset
from metarl.reports.figures import analyze
from metarl.reports.html.facts import run_facts, versions_of
from metarl.runs.folder import create_run, load_run


@pytest.fixture
def run(finished, tmp_path):
    """A copy of a run that was trained and evaluated."""
    shutil.copytree(finished.path, tmp_path / "run")
    return load_run(tmp_path / "run")


@pytest.fixture
def started(tmp_path):
    """Runs of which there is the configuration alone: started(task, ...)."""

    def start(task, name="fast", **changes):
        return create_run(tmp_path / task, replace(preset(task, name), **changes))

    return start


# Any task


@pytest.mark.parametrize("task", NAMES)
def test_a_run_that_was_only_started_is_described(task, started, tmp_path):
    said = run_facts(task, started(task), tmp_path)
    assert "0 of 8 networks are trained" in said.missing
    assert "metarl evaluate" in said.missing
    assert [effect["verdict"] for effect in said.effects] == ["FAIL"]
    assert said.curves is None
    assert said.figure is None
    assert [subject.steps for subject in said.subjects] == [None] * 8
    assert said.difference == ""
    assert {"Observation", "Reward"} <= set(said.rules)
    assert not {"Departs", "Declared"} & set(said.rules)
    first = said.remarks[0]
    assert first.label in ("Departs", "Declared")
    assert first.where.startswith("metarl/envs/")
    assert [each.name for each in said.variants] == list(experiment(task).variants)


# How far it has come


def test_an_evaluated_run_is_yet_to_be_analysed(run, tmp_path):
    said = run_facts("two-step", run, tmp_path)
    assert "not analysed" in said.missing
    assert [effect["verdict"] for effect in said.effects] == ["FAIL"]
    assert said.curves is not None


def test_an_analysed_run_has_its_effects_and_figure(run, tmp_path):
    effects = json.loads(analyze(run)["effects"].read_text())
    said = run_facts("two-step", run, tmp_path)
    assert said.missing == ""
    assert said.effects == effects
    assert said.figure is not None


def test_a_run_with_a_deleted_evaluation_says_so(run, tmp_path):
    shutil.rmtree(run.path / "evaluation")
    assert "2 of 2 networks" in run_facts("two-step", run, tmp_path).missing


# Subjects


def test_subjects_have_steps_hashes_and_costs(run, tmp_path):
    cost = {"cpu_seconds": 90.0, "wall_seconds": 60.0}
    write_json(run.subject(1).cost_path, cost)
    run.subject(0).cost_path.unlink()
    first, second = run_facts("two-step", run, tmp_path).subjects
    assert first.steps == run.config.training.steps
    assert (first.cost, second.cost) == ({}, cost)
    assert first.metadata == run.evaluation(0).metadata
    assert first.frozen


def test_weights_that_changed_are_noticed(run, tmp_path):
    path = run.evaluation(1).metadata_path
    write_json(path, {**read_json(path), "weights_after": "0" * 64})
    first, second = run_facts("two-step", run, tmp_path).subjects
    assert (first.frozen, second.frozen) == (True, False)


def test_versions_that_differ_are_all_named(run):
    path = run.subject(1).path / "versions.json"
    write_json(path, {**read_json(path), "torch": "0.1", "commit": ""})
    actual = versions_of(run.subjects)
    usual = read_json(run.subject(0).path / "versions.json")
    assert actual["torch"] == f"{usual['torch']}, 0.1"
    assert actual["commit"].endswith(", unknown")
    assert actual["numpy"] == usual["numpy"]
    path.unlink()
    assert versions_of(run.subjects)["torch"] == usual["torch"]


# Commands


def test_commands_are_given_in_the_pages_folder(run, started, tmp_path):
    commands = run_facts("two-step", run, tmp_path).commands
    assert commands == [
        "metarl train two-step --preset smoke --subjects 2 --seed 1 --out run",
        "metarl evaluate run --episodes 8 --record-episodes 3",
        "metarl analyze run",
    ]
    spaced = shutil.copytree(run.path, tmp_path / "my run")
    elsewhere = run_facts("x", load_run(spaced), tmp_path / "other").commands[2]
    assert elsewhere == f"metarl analyze '{spaced}'"
    untested = run_facts("bandit", started("bandit"), tmp_path).commands
    assert untested[1] == "metarl evaluate bandit"


def test_settings_that_the_command_does_not_make_are_named(run, started, tmp_path):
    assert "trial_count" in run_facts("two-step", run, tmp_path).difference
    fewer = started("bandit", subjects=3, seed=9)
    assert run_facts("bandit", fewer, tmp_path).difference == ""
    strange = started("matching", preset="mine")
    assert "mine does not exist" in run_facts("m", strange, tmp_path).difference


# Variants and remarks


def test_variants_are_there_or_missing(started, tmp_path):
    run = started("risky-choice")
    (missing,) = run_facts("x", run, tmp_path).variants
    assert missing.why == experiment("risky-choice").variants["no-rpe"].why
    assert missing.state.startswith("missing: not trained")
    create_run(run.variant("no-rpe").path, replace(run.config, subjects=2))
    said = run_facts("x", run, tmp_path)
    assert said.variants[0].state == "missing: 0 of 2 networks trained, none tested"
    assert said.commands[0].endswith(" --variants")
    write_json(run.variant("no-rpe").evaluation(1).metadata_path, {})
    (there,) = run_facts("x", run, tmp_path).variants
    assert there.state == "1 of 2 networks trained and tested"


def test_a_general_variant_is_none_of_the_experiments_own(started, tmp_path):
    run = started("risky-choice")
    create_run(run.variant("units-half").path, run.config)
    said = run_facts("x", run, tmp_path)
    assert [each.name for each in said.variants] == ["no-rpe"]
    assert not said.commands[0].endswith(" --variants")


def test_training_test_and_analysis_remark_too(started, tmp_path):
    said = run_facts("x", started("harlow-line", "paper"), tmp_path)
    actual = {(remark.label, remark.where) for remark in said.remarks}
    assert ("Training", "metarl/experiments/harlow_line.py") in actual
    assert ("Test", "metarl/experiments/harlow_line.py") in actual
    assert ("Declared", "metarl/analysis/harlow/units.py") in actual
