"""Figure, effects and a page of text from an evaluated run or animals."""

import json
import shutil
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from metarl.analysis.effects import COLUMNS
from metarl.cli.main import main
from metarl.core.checks import MetaRLError
from metarl.core.files import read_json, write_json
from metarl.core.interventions import parse
from metarl.experiments.spec import experiment
from metarl.pipeline.run import evaluate, train
from metarl.reports import figures as report
from metarl.reports.figures import (
    BY_SUBJECT_FILE,
    analyze,
    experiment_data,
    passed,
    write_effects,
)
from metarl.runs.config import EvaluationConfig
from metarl.runs.folder import Run, create_run, load_run

pytestmark = pytest.mark.oldest

VERDICTS = {"PASS", "FAIL", "MISSING", "NOT LEARNED", "REPORTED"}


@pytest.fixture(scope="module")
def analysed(unlearned, tmp_path_factory):
    """A copy of a run on the published task, analysed; its paths."""
    folder = tmp_path_factory.mktemp("analysed") / "run"
    shutil.copytree(unlearned.path, folder)
    return load_run(folder), analyze(load_run(folder))


def test_the_figure_is_a_png_and_a_pdf(analysed):
    _, paths = analysed
    assert paths["figure"].read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert paths["pdf"].read_bytes()[:5] == b"%PDF-"
    assert paths["figure"].stat().st_size > 20_000


def test_effects_have_the_agreed_fields_and_null_for_what_is_no_number(analysed):
    _, paths = analysed

    def refuse(constant):
        pytest.fail(f"{constant} is no JSON")

    rows = json.loads(paths["effects"].read_text(), parse_constant=refuse)
    assert len(rows) > 10
    for row in rows:
        assert tuple(row) == COLUMNS
        assert row["experiment"] == "two-step"
        assert row["verdict"] in VERDICTS
        assert row["passed"] is (row["verdict"] == "PASS")
        of_nothing = row["key"].startswith("missing.")
        assert row["subjects"] + row["missing"] in ((0,) if of_nothing else (1, 2))
    assert any(row["low"] is None for row in rows)
    assert any(row["reference"] is not None for row in rows)


def test_the_values_of_every_subject_are_written_with_the_effects(analysed):
    run, paths = analysed
    numbers = pd.read_csv(paths["effects"].parent / BY_SUBJECT_FILE)
    rows = {row["effect"]: row for row in json.loads(paths["effects"].read_text())}
    with_subjects = {k for k, v in rows.items() if v["subjects"] + v["missing"]}
    assert set(numbers["effect"]) == with_subjects
    label = "rewards per 100 trials, missed ones too, mean"
    rewards = numbers[numbers["effect"] == label]
    assert rewards["subject"].tolist() == [0, 1]
    table = run.trials
    expected = 100 * table.groupby("subject")["reward"].mean()
    assert rewards["value"].tolist() == pytest.approx(expected.tolist())
    row = rows["rewards per 100 trials, missed ones too, lowest network"]
    assert row["value"] == pytest.approx(rewards["value"].min())


def test_an_untrained_network_passes_nothing_by_chance(analysed):
    _, paths = analysed
    rows = json.loads(paths["effects"].read_text())
    for row in rows:
        assert row["verdict"] != "PASS" or "SARSA" in row["effect"], row["effect"]
    assert not passed(paths["effects"])


def test_another_task_than_the_published_is_reported_and_not_scored(finished, tmp_path):
    shutil.copytree(finished.path, tmp_path / "run")
    rows = json.loads(analyze(tmp_path / "run")["effects"].read_text())
    assert {row["verdict"] for row in rows} == {"REPORTED"}


def test_the_page_names_task_subjects_hashes_and_every_effect(analysed):
    run, paths = analysed
    text = paths["result"].read_text()
    assert text.startswith(f"two-step: {experiment('two-step').summary}")
    assert "2 of 2 subjects evaluated" in text
    for folder in run.evaluated.values():
        assert folder.metadata["weights_before"][:16] in text
        assert f"{folder.metadata['reward_per_episode']:.2f} reward per episode" in text
    assert "CHANGED" not in text
    for row in json.loads(paths["effects"].read_text()):
        assert row["effect"] in text


def test_a_baseline_without_a_table_is_named_with_the_way_to_get_it(
    analysed, tmp_path, capsys
):
    run, paths = analysed
    assert "baseline" not in paths["result"].read_text()
    shutil.copytree(run.path, tmp_path / "run")
    copy = load_run(tmp_path / "run")
    missing = next(iter(copy.baselines))
    shutil.rmtree(copy.baseline(missing).path)
    assert main(["analyze", str(copy.path)]) == 0
    line = (
        f"  baseline {missing}: no table, so it is in no panel and no effect "
        f"(metarl evaluate {copy.path})"
    )
    text = (copy.analysis_path / "result.txt").read_text()
    assert [row for row in text.splitlines() if "baseline" in row] == [line]
    assert line in capsys.readouterr().out.splitlines()


def test_changed_weights_are_cried_out(analysed, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(analysed[0].path, folder)
    path = load_run(folder).evaluation(1).metadata_path
    write_json(path, read_json(path) | {"weights_after": "0" * 64})
    run = load_run(folder)
    effects = pd.DataFrame(columns=list(COLUMNS))
    assert report.result_text(run, effects).count("CHANGED") == 1


def test_the_same_tables_make_the_same_files(analysed):
    run, paths = analysed
    before = {name: path.read_bytes() for name, path in paths.items()}
    again = analyze(load_run(run.path))
    assert {name: path.read_bytes() for name, path in again.items()} == before


def test_nothing_is_left_open(analysed):
    before = plt.get_fignums()
    analyze(load_run(analysed[0].path))
    assert plt.get_fignums() == before


@pytest.mark.parametrize(
    ("verdict", "criterion", "result"),
    [
        ("REPORTED", "", True),
        ("FAIL", "> 0", False),
        ("NOT LEARNED", "> 0", False),
        ("MISSING", "> 0", False),
        # A claim that nothing tests says nothing about the run.
        ("MISSING", "", True),
    ],
)
def test_a_run_passes_when_every_scored_effect_does(
    verdict, criterion, result, tmp_path
):
    path = tmp_path / "effects.json"
    columns = {"verdict": ["PASS", verdict], "criterion": ["> 0", criterion]}
    write_effects(path, pd.DataFrame(columns).assign(value=np.nan))
    assert json.loads(path.read_text())[0]["value"] is None
    assert passed(path) is result


def test_a_run_without_evaluation_says_what_to_do(small, tmp_path):
    with pytest.raises(
        MetaRLError, match="has no evaluation; run `metarl evaluate` fi"
    ):
        analyze(create_run(tmp_path, small()))


def test_a_users_own_task_without_an_analysis_is_refused(small, tmp_path):
    run = create_run(tmp_path, small("toys:Lottery"))
    words = "toys:Lottery has no analysis; add one to its experiment, or use its tables"
    with pytest.raises(MetaRLError, match=words):
        analyze(run)
    assert not run.analysis_path.exists()


def test_a_damaged_recording_gets_one_sentence(finished, tmp_path):
    shutil.copytree(finished.path, tmp_path / "run")
    run = load_run(tmp_path / "run")
    path = run.evaluation(0).recording_path
    path.write_bytes(path.read_bytes()[:300])
    words = "recording.npz was changed or damaged after `metarl evaluate` wrote it"
    with pytest.raises(MetaRLError, match=words):
        analyze(run)
    assert not run.analysis_path.exists()


# Further tests, variants, and whether the test was the paper's


@pytest.fixture(scope="module")
def volatile(small, tmp_path_factory):
    """A run with a further test and a variant; not to be changed."""
    folder = tmp_path_factory.mktemp("volatile") / "run"
    config = small("volatility", updates=1)
    train(config, folder, variants=True, workers=1, show=False)
    tests = {
        name: replace(test, episodes=3, record_episodes=2)
        for name, test in experiment("volatility").tests.items()
    }
    assert evaluate(folder, tests, workers=1, show=False).failures == {}
    return load_run(folder)


def test_data_hold_every_test_of_the_same_subjects(volatile):
    data = experiment_data(volatile)
    assert list(data.tests) == ["generator"]
    table = data.tests["generator"]
    assert table.groupby("subject")["episode"].nunique().tolist() == [3, 3]
    assert table["order"].isna().all()
    assert data.trials["order"].notna().all()
    pd.testing.assert_frame_equal(data.trials, volatile.trials)
    recordings = data.test_recordings["generator"]
    assert list(recordings) == [0, 1]
    for subject, recording in recordings.items():
        assert set(recording["subject"]) == {subject}
        assert recording["units"].shape == recording["units_untrained"].shape
    assert data.task == "volatility"
    assert data.expected_subjects == 2
    assert data.discount == volatile.config.learning.discount.end


def test_data_hold_the_tasks_parameters_in_the_test(volatile):
    parameters = experiment_data(volatile).parameters
    assert parameters == vars(replace(volatile.config.task_params, schedule="blocks"))
    assert (parameters["trial_count"], parameters["schedule"]) == (6, "blocks")
    assert volatile.config.task_params.schedule == "training"


def test_a_variant_is_data_of_its_own(volatile):
    data = experiment_data(volatile)
    assert list(data.variants) == ["constant", "rpe-input"]
    variant = data.variants["constant"]
    assert variant.parameters["schedule"] == "blocks"
    pd.testing.assert_frame_equal(variant.trials, volatile.variant("constant").trials)
    assert list(variant.recordings) == [0, 1]
    units = (s.recordings[0]["units"] for s in (data, variant))
    assert not np.array_equal(*units, equal_nan=True)
    assert variant.variants == variant.tests == variant.baselines == {}
    assert not variant.as_published  # trained on another schedule


def test_a_general_variant_is_not_in_the_data_of_the_run(volatile, tmp_path):
    shutil.copytree(volatile.path, tmp_path / "run")
    run = load_run(tmp_path / "run")
    shutil.copytree(run.variant("constant").path, run.variant("units-half").path)
    assert list(run.variants) == ["constant", "rpe-input", "units-half"]
    assert list(experiment_data(run).variants) == ["constant", "rpe-input"]
    assert experiment_data(run.variant("units-half")).variants == {}


def test_a_variant_that_was_not_tested_is_left_out(volatile, tmp_path):
    shutil.copytree(volatile.path, tmp_path / "run")
    run = load_run(tmp_path / "run")
    for folder in run.variant("constant").evaluated.values():
        folder.metadata_path.unlink()
    assert list(experiment_data(run).variants) == ["rpe-input"]


def test_a_subject_that_is_missing_in_a_test_is_missing_there_alone(volatile, tmp_path):
    shutil.copytree(volatile.path, tmp_path / "run")
    run = load_run(tmp_path / "run")
    run.evaluation(0, test="generator").metadata_path.unlink()
    data = experiment_data(run)
    assert set(data.tests["generator"]["subject"]) == {1}
    assert list(data.test_recordings["generator"]) == [1]
    assert set(data.trials["subject"]) == {0, 1}


def test_the_course_of_learning_is_there_where_snapshots_are_tested(
    volatile, tmp_path, monkeypatch
):
    shutil.copytree(volatile.path, tmp_path / "run")
    run = load_run(tmp_path / "run")
    stage = EvaluationConfig(episodes=2, record_episodes=0)
    for number in (0, 20):
        outcome = evaluate(run, stage, snapshot=number, workers=1, show=False)
        assert outcome.failures == {}
    assert experiment_data(run).curves == experiment_data(run).stages == {}
    asked = replace(experiment("volatility"), snapshot_test=stage)
    monkeypatch.setattr(report, "experiment", lambda task: asked)
    run.evaluation(1, 20).metadata_path.unlink()
    data = experiment_data(run)
    assert list(data.stages) == [0, 1]
    assert set(data.stages[0]["subject"]) == {0, 1}
    pd.testing.assert_frame_equal(data.stages[1], run.evaluation(0, 20).trials)
    assert list(data.curves) == [0, 1]
    for subject, curve in data.curves.items():
        pd.testing.assert_frame_equal(curve, run.subject(subject).metrics)
        assert {"steps", "rollout/return", "rollout/episodes"} < set(curve)
    run.evaluation(0).metadata_path.unlink()
    assert list(experiment_data(run).curves) == [1]


def test_a_run_without_further_tests_has_data_without(finished):
    data = experiment_data(finished)
    assert data.tests == data.test_recordings == {}
    assert data.variants == {}
    assert set(data.baselines) == set(finished.baselines)
    assert data.parameters == vars(finished.config.task_params)


@pytest.mark.parametrize(
    ("changes", "as_published"),
    [
        ({}, True),
        ({"episodes": 5}, True),
        ({"record_episodes": 1}, True),
        ({"task": {}}, False),
        ({"task": {"schedule": "blocks", "trial_count": 5}}, False),
        ({"greedy": True}, False),
        ({"reset_memory": "trial", "record_untrained": False}, False),
        ({"interventions": (parse("units set 0"),), "record_untrained": False}, False),
    ],
)
def test_only_the_experiments_own_test_is_as_published(
    changes, as_published, volatile, tmp_path
):
    shutil.copytree(volatile.path, tmp_path / "run")
    test = replace(experiment("volatility").test, episodes=2, record_episodes=0)
    outcome = evaluate(
        tmp_path / "run", replace(test, **changes), workers=1, show=False
    )
    assert outcome.failures == {}
    assert experiment_data(load_run(tmp_path / "run")).as_published == as_published


def test_memory_reset_in_training_and_test_is_as_published(small, tmp_path):
    config = small("two-step", updates=1)
    training = replace(config.training, reset_memory="trial")
    run = Run(
        train(replace(config, training=training), tmp_path, workers=1, show=False).path
    )
    test = replace(experiment("two-step").test, episodes=2, record_episodes=0)
    for reset, as_published in (("episode", False), ("trial", True)):
        evaluate(run, replace(test, reset_memory=reset), workers=1, show=False)
        assert experiment_data(load_run(run.path)).as_published == as_published
