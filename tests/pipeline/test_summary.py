"""Summary of a run: what differs from its preset, and what was done with it."""

import json
from dataclasses import replace

import pytest

from metarl.cli.main import main
from metarl.experiments.spec import preset
from metarl.pipeline.run import evaluate, train
from metarl.pipeline.summary import summary
from metarl.runs.folder import load_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Two subjects, one setting changed, tested in one of two tests."""
    config = preset("two-step", "smoke")
    learning = replace(config.learning, value_weight=0.125)
    config = replace(config, learning=learning, subjects=2, seed=7)
    path = tmp_path_factory.mktemp("runs") / "own"
    train(config, path, workers=1)
    run = load_run(path)
    evaluate(run, tests={"test": replace(run_test(), episodes=3)}, workers=1)
    return run


def run_test():
    from metarl.experiments.spec import experiment

    return experiment("two-step").test


def test_a_run_is_summarised(run):
    facts = summary(run)
    assert (facts["task"], facts["preset"], facts["seed"]) == ("two-step", "smoke", 7)
    before = preset("two-step", "smoke").learning.value_weight
    assert facts["changed"] == {"learning.value_weight": f"0.125 (preset: {before})"}
    assert facts["subjects"] == {
        f"subject {k}": "done, 100% of training" for k in (0, 1)
    }
    assert facts["tests"] == {"test": "2 of 2 subjects"}
    assert facts["variants"] == []


def test_it_is_shown_in_lines_and_as_json(run, capsys):
    assert main(["show", str(run.path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["task", "two-step"]
    assert "variants    none" in lines
    assert main(["show", str(run.path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == summary(run)


def test_a_folder_without_a_run_is_refused(tmp_path, capsys):
    assert main(["show", str(tmp_path)]) == 2
    assert "config.json" in capsys.readouterr().err


def test_subjects_are_shown_where_jobs_of_an_engine_were_groups(run, monkeypatch):
    from metarl.core.job_files import JobState

    jobs = [JobState(name="subjects 0 and 1", state="done", progress=1.0)]
    monkeypatch.setattr("metarl.pipeline.status.JobFiles.states", jobs, raising=False)
    assert list(summary(run)["subjects"]) == ["subject 0", "subject 1"]
