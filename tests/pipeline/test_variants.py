"""Variants of a run: same training and test as the run, and no repetition."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from safetensors.torch import load_file

from metarl.core.checks import MetaRLError
from metarl.experiments.variants import VARIANTS
from metarl.pipeline import fingerprint, population, variants
from metarl.pipeline.run import evaluate, train
from metarl.pipeline.variants import finish_variants, finished_variants
from metarl.reports.figures import BY_SUBJECT_FILE
from metarl.runs.config import EvaluationConfig
from metarl.runs.folder import VARIANTS as FOLDER
from metarl.runs.folder import load_run

NAMES = ("no-reward", "no-carry-over", "readout-only", "core-rnn", "units-half")


def quiet(run, names=NAMES):
    return finish_variants(run, names, workers=1, show=False)


@pytest.fixture(scope="module")
def finished_ones(unlearned, tmp_path_factory):
    """A run on the published task, and some of its variants; not to be changed."""
    folder = tmp_path_factory.mktemp("variants") / "run"
    shutil.copytree(unlearned.path, folder)
    assert quiet(folder).failures == {}
    run = load_run(folder)
    return run, finished_variants(run, NAMES)


def test_each_variant_is_a_run_of_its_own_and_analysed(finished_ones):
    run, by_name = finished_ones
    assert list(by_name) == list(NAMES)
    for name, each in by_name.items():
        assert each.path == run.path / FOLDER / name
        assert len(each.evaluated) == run.config.subjects
        assert (each.analysis_path / "effects.json").exists()
        assert load_run(each.path).config.seed == run.config.seed
    assert by_name["units-half"].config.network.units == 2
    assert by_name["core-rnn"].config.network.core == "rnn"


def test_the_test_is_the_one_that_the_run_took(finished_ones):
    run, by_name = finished_ones
    taken = run.evaluated[0].metadata
    for name, each in by_name.items():
        metadata = each.evaluated[1].metadata
        assert metadata["episodes"] == taken["episodes"] == 8
        assert metadata["record_episodes"] == taken["record_episodes"] == 3
        reset = "trial" if name == "no-carry-over" else "episode"
        assert metadata["reset_memory"] == reset


def test_a_variant_is_not_scored(finished_ones):
    _, by_name = finished_ones
    for name, each in by_name.items():
        rows = json.loads((each.analysis_path / "effects.json").read_text())
        assert {row["verdict"] for row in rows} == {"REPORTED"}, name
        result = (each.analysis_path / "result.txt").read_text()
        assert "Nothing is scored: the networks are a variant." in result
        assert f"Variant {name}: {VARIANTS[name].why}" in result


def test_a_variant_is_compared_with_its_runs_baselines(finished_ones):
    run, by_name = finished_ones
    variant = by_name["no-carry-over"]
    assert not (variant.path / "evaluation" / "baselines").exists()
    assert variant.baselines == run.baselines != {}


def test_the_readout_alone_is_trained(finished_ones):
    _, by_name = finished_ones
    subject = by_name["readout-only"].subject(0)
    before = load_file(subject.snapshot_path(0))
    after = load_file(subject.policy_path)
    moved = {k for k in after if not np.array_equal(before[k], after[k])}
    assert moved == {"heads.weight", "heads.bias"}


def test_memory_that_is_cleared_at_every_trial_is_the_initial_one(finished_ones):
    """Equal inputs then give equal activity, whatever happened before."""
    _, by_name = finished_ones
    recording = by_name["no-carry-over"].evaluated[0].recording
    first = recording["event"] == list(recording["event_names"]).index("fixation")
    units = recording["units"][first]
    assert len(units) > 100
    assert np.ptp(units, axis=0) == pytest.approx(0, abs=1e-6)
    carried = by_name["units-half"].evaluated[0].recording
    assert np.ptp(carried["units"][first], axis=0).max() > 1e-3


def test_what_is_finished_is_not_done_again(finished_ones, monkeypatch):
    run, by_name = finished_ones
    files = sorted(path for path in (run.path / FOLDER).rglob("*") if path.is_file())
    before = {path: path.stat().st_mtime_ns for path in files}

    def refuse(*given, **more):
        pytest.fail("it was finished")

    monkeypatch.setattr(population, "evaluate_network", refuse)
    monkeypatch.setattr(population, "train_subjects", refuse)
    monkeypatch.setattr(fingerprint, "analyze", refuse)
    assert quiet(run.path).failures == {}
    assert finished_variants(run, NAMES) == by_name
    assert {path: path.stat().st_mtime_ns for path in files} == before


def copied(finished_ones, tmp_path, name):
    """A copy of the run with its variants; the run, and one of them."""
    shutil.copytree(
        finished_ones[0].path,
        tmp_path / "run",
        ignore=shutil.ignore_patterns("tensorboard"),
    )
    run = load_run(tmp_path / "run")
    return run, run.variant(name)


def test_a_missing_subject_is_completed(finished_ones, tmp_path):
    run, variant = copied(finished_ones, tmp_path, "core-rnn")
    weights = variant.subject(0).policy_path.read_bytes()
    expected = variant.subject(1).policy_path.read_bytes()
    shutil.rmtree(variant.subject(1).path)
    variant.evaluation(1).metadata_path.unlink()
    assert quiet(run, ["core-rnn"]).failures == {}
    assert variant.subject(0).policy_path.read_bytes() == weights
    assert variant.subject(1).policy_path.read_bytes() == expected
    assert len(variant.evaluated) == 2


def test_a_run_that_was_tested_again_has_its_variants_tested_again(
    finished_ones, tmp_path
):
    run, variant = copied(finished_ones, tmp_path, "core-rnn")
    numbers = variant.analysis_path / BY_SUBJECT_FILE
    before = pd.read_csv(numbers)
    test = EvaluationConfig(episodes=5, record_episodes=2)
    evaluate(run, test, workers=1, show=False)
    quiet(run, ["core-rnn"])
    assert load_run(variant.path).evaluated[0].metadata["episodes"] == 5
    assert not pd.read_csv(numbers).equals(before)


def test_a_variant_that_was_tested_again_is_analysed_again(finished_ones, tmp_path):
    run, variant = copied(finished_ones, tmp_path, "core-rnn")
    test = EvaluationConfig(episodes=5, record_episodes=2)
    for tested in (run, variant):
        evaluate(tested, test, baselines=False, workers=1, show=False)
    assert finished_variants(run, ["core-rnn"]) == {}
    quiet(run, ["core-rnn"])
    assert list(finished_variants(run, ["core-rnn"])) == ["core-rnn"]
    numbers = pd.read_csv(variant.analysis_path / BY_SUBJECT_FILE)
    before = finished_ones[1]["core-rnn"].analysis_path / BY_SUBJECT_FILE
    assert not numbers.equals(pd.read_csv(before))


def test_a_variant_that_does_not_fit_is_left_out_and_logged(finished, tmp_path, caplog):
    shutil.copytree(finished.path, tmp_path / "run")
    with caplog.at_level("INFO"):
        by_name = quiet(tmp_path / "run", ["core-lstm"])
    assert by_name.failures == {}
    assert "left out: core-lstm changes nothing" in caplog.text
    assert not (tmp_path / "run" / FOLDER).exists()


def test_a_failure_takes_no_other_variant_with_it(finished, tmp_path, monkeypatch):
    shutil.copytree(finished.path, tmp_path / "run")
    train_some = population.train_some

    def broken(trained, *given):
        if trained.config.network.core == "gru":
            raise ValueError("no power")
        train_some(trained, *given)

    monkeypatch.setattr(population, "train_some", broken)
    by_name = quiet(tmp_path / "run", ["core-gru", "core-rnn"])
    assert list(by_name.failures) == ["core-gru subject 0", "core-gru subject 1"]
    assert set(by_name.failures.values()) == {"no power"}
    run = load_run(tmp_path / "run")
    assert list(finished_variants(run, ["core-gru", "core-rnn"])) == ["core-rnn"]


def test_an_unknown_variant_is_refused_before_anything_is_begun(finished_ones):
    with pytest.raises(ValueError, match="variant must be one of"):
        quiet(finished_ones[0], ["units-half", "no-soul"])


def test_a_run_that_was_not_tested_is_refused(small, tmp_path):
    train(small(updates=1), tmp_path, workers=1, show=False)
    with pytest.raises(MetaRLError, match=r"not tested; run `metarl evaluate` first"):
        quiet(tmp_path)
    assert not (tmp_path / FOLDER).exists()


def test_a_task_alone_has_no_effects_to_compare(small, tmp_path):
    train(small("toys:Lottery", updates=1), tmp_path, workers=1, show=False)
    with pytest.raises(MetaRLError, match="toys:Lottery has no analysis, so its vari"):
        quiet(tmp_path)


def test_a_variant_of_training_and_of_comparing_is_one_and_the_same(small, tmp_path):
    config = small("bandit", subjects=1, updates=1)
    train(config, tmp_path, variants=True, workers=1, show=False)
    evaluate(tmp_path, EvaluationConfig(episodes=3), workers=1, show=False)
    run = load_run(tmp_path)
    names = ("no-reward", "no-action", "no-memory")
    trained = {name: files(run.variant(name).path) for name in names}
    assert quiet(run, names).failures == {}
    for name in names:
        folder = run.variant(name).path
        assert {p: t for p, t in files(folder).items() if p in trained[name]} == (
            trained[name]
        )
        assert (folder / "analysis" / "effects.json").exists()
    assert list(finished_variants(run, names)) == list(names)


def files(folder):
    return {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file()}


def test_all_general_variants_by_default(finished, tmp_path, monkeypatch):
    shutil.copytree(finished.path, tmp_path / "run")
    begun = []

    def note(run, populations, *given, **more):
        begun.extend(each.name for each in populations)
        return {}

    monkeypatch.setattr(variants, "_finish", note)
    assert quiet(tmp_path / "run", ()).failures == {}
    assert begun == [name for name in VARIANTS if name != "core-lstm"]
