"""A sweep of ablations: trained as the run was, tested alike, and done once."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from safetensors.torch import load_file

from metarl.core.checks import MetaRLError
from metarl.experiments.variants import ABLATIONS
from metarl.pipeline import ablate as sweep
from metarl.pipeline.ablate import ablate
from metarl.pipeline.run import evaluate, train
from metarl.reports.figures import BY_SUBJECT_FILE
from metarl.runs.config import EvaluationConfig
from metarl.runs.folder import ABLATIONS as FOLDER
from metarl.runs.folder import load_run

NAMES = ("no-reward", "no-carry-over", "readout-only", "core-rnn", "units-half")


def quiet(run, names=NAMES):
    return ablate(run, names, workers=1, show=False)


@pytest.fixture(scope="module")
def swept(unlearned, tmp_path_factory):
    """A run on the published task, and some of its ablations; not to be changed."""
    folder = tmp_path_factory.mktemp("swept") / "run"
    shutil.copytree(unlearned.path, folder)
    return load_run(folder), quiet(folder)


def test_each_ablation_is_a_run_of_its_own_and_analysed(swept):
    run, made = swept
    assert made.failures == made.skipped == {}
    assert list(made.runs) == list(NAMES)
    for name, each in made.runs.items():
        assert each.path == run.path / FOLDER / name
        assert len(each.evaluated) == run.config.subjects
        assert (each.analysis_path / "effects.json").exists()
        assert load_run(each.path).config.seed == run.config.seed
    assert made.runs["units-half"].config.network.units == 2
    assert made.runs["core-rnn"].config.network.core == "rnn"


def test_the_test_is_the_one_that_the_run_took(swept):
    run, made = swept
    taken = run.evaluated[0].facts
    for name, each in made.runs.items():
        facts = each.evaluated[1].facts
        assert facts["episodes"] == taken["episodes"] == 8
        assert facts["record_episodes"] == taken["record_episodes"] == 3
        reset = "trial" if name == "no-carry-over" else "episode"
        assert facts["reset_memory"] == reset


def test_an_ablation_is_judged_as_its_run_is(swept):
    _, made = swept
    for name, each in made.runs.items():
        rows = json.loads((each.analysis_path / "effects.json").read_text())
        assert "FAIL" in {row["verdict"] for row in rows}, name


def test_an_ablation_stands_beside_its_runs_strategies(swept):
    run, made = swept
    ablation = made.runs["no-carry-over"]
    assert not (ablation.path / "evaluation" / "baselines").exists()
    assert ablation.baselines == run.baselines != {}


def test_the_readout_alone_is_trained(swept):
    _, made = swept
    subject = made.runs["readout-only"].subject(0)
    before = load_file(subject.snapshot_path(0))
    after = load_file(subject.policy_path)
    moved = {k for k in after if not np.array_equal(before[k], after[k])}
    assert moved == {"heads.weight", "heads.bias"}


def test_memory_that_is_cleared_at_every_trial_is_the_initial_one(swept):
    """Equal inputs then give equal activity, whatever happened before."""
    _, made = swept
    recording = made.runs["no-carry-over"].evaluated[0].recording
    first = recording["event"] == list(recording["event_names"]).index("fixation")
    units = recording["units"][first]
    assert len(units) > 100
    assert np.ptp(units, axis=0) == pytest.approx(0, abs=1e-6)
    carried = made.runs["units-half"].evaluated[0].recording
    assert np.ptp(carried["units"][first], axis=0).max() > 1e-3


def test_what_is_finished_is_not_done_again(swept, monkeypatch):
    run, made = swept
    files = sorted(path for path in (run.path / FOLDER).rglob("*") if path.is_file())
    before = {path: path.stat().st_mtime_ns for path in files}

    def refuse(*given, **more):
        pytest.fail("it was finished")

    monkeypatch.setattr(sweep, "evaluate", refuse)
    monkeypatch.setattr(sweep, "analyze", refuse)
    monkeypatch.setattr("metarl.pipeline.run.train_subject", refuse)
    again = quiet(run.path)
    assert again.runs == made.runs
    assert {path: path.stat().st_mtime_ns for path in files} == before


def copied(swept, tmp_path, name):
    """A copy of the run with one ablation; the run, and the ablation."""
    shutil.copytree(
        swept[0].path, tmp_path / "run", ignore=shutil.ignore_patterns("tensorboard")
    )
    run = load_run(tmp_path / "run")
    return run, run.ablation(name)


def test_a_subject_that_is_missing_is_made_up_for(swept, tmp_path):
    run, ablation = copied(swept, tmp_path, "core-rnn")
    weights = ablation.subject(0).policy_path.read_bytes()
    expected = ablation.subject(1).policy_path.read_bytes()
    shutil.rmtree(ablation.subject(1).path)
    ablation.evaluation(1).facts_path.unlink()
    assert quiet(run, ["core-rnn"]).failures == {}
    assert ablation.subject(0).policy_path.read_bytes() == weights
    assert ablation.subject(1).policy_path.read_bytes() == expected
    assert len(ablation.evaluated) == 2


def test_a_run_that_was_tested_anew_has_its_ablations_tested_anew(swept, tmp_path):
    run, ablation = copied(swept, tmp_path, "core-rnn")
    numbers = ablation.analysis_path / BY_SUBJECT_FILE
    before = pd.read_csv(numbers)
    test = EvaluationConfig(episodes=5, record_episodes=2)
    evaluate(run, test, workers=1, show=False)
    quiet(run, ["core-rnn"])
    assert load_run(ablation.path).evaluated[0].facts["episodes"] == 5
    assert not pd.read_csv(numbers).equals(before)


def test_what_does_not_fit_is_left_out_and_told(finished, tmp_path):
    shutil.copytree(finished.path, tmp_path / "run")
    made = quiet(tmp_path / "run", ["core-lstm"])
    assert made.runs == made.failures == {}
    assert list(made.skipped) == ["core-lstm"]
    assert not (tmp_path / "run" / FOLDER).exists()


def test_a_failure_takes_no_other_ablation_with_it(finished, tmp_path, monkeypatch):
    shutil.copytree(finished.path, tmp_path / "run")
    whole = sweep.train

    def broken(config, folder, **more):
        if config.network.core == "gru":
            config = replace(
                config, learning=replace(config.learning, gradient_clip=1e-30)
            )
            monkeypatch.setattr(
                "metarl.training.trainer.Trainer.update",
                lambda trainer: (_ for _ in ()).throw(ValueError("no power")),
            )
        else:
            monkeypatch.undo()
        return whole(config, folder, **more)

    monkeypatch.setattr(sweep, "train", broken)
    made = quiet(tmp_path / "run", ["core-gru", "core-rnn"])
    assert list(made.failures) == ["core-gru subject 0", "core-gru subject 1"]
    assert set(made.failures.values()) == {"no power"}
    assert list(made.runs) == ["core-rnn"]


def test_an_unknown_ablation_is_refused_before_anything_is_begun(swept):
    with pytest.raises(ValueError, match="ablation must be one of"):
        quiet(swept[0], ["units-half", "no-soul"])


def test_a_run_that_was_not_tested_is_refused(small, tmp_path):
    run = train(small(updates=1), tmp_path, workers=1, show=False).run
    with pytest.raises(MetaRLError, match=r"not tested; run `metarl evaluate` first"):
        quiet(run)
    assert not (tmp_path / FOLDER).exists()


def test_a_task_of_ones_own_has_no_effects_to_compare(small, tmp_path):
    run = train(small("toys:Lottery", updates=1), tmp_path, workers=1, show=False).run
    with pytest.raises(MetaRLError, match="toys:Lottery is not in the catalogue"):
        quiet(run)


@pytest.mark.slow
def test_all_ablations_by_default(finished, tmp_path):
    shutil.copytree(finished.path, tmp_path / "run")
    made = quiet(tmp_path / "run", ())
    assert [*made.runs, *made.skipped] == [
        *(name for name in ABLATIONS if name != "core-lstm"),
        "core-lstm",
    ]
