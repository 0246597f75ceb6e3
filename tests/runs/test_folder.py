"""A run's folder: everything has its place and is read when asked for."""

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import toys  # noqa: F401 a module that is imported already

from metarl.agents.config import NetworkConfig
from metarl.agents.networks.actor_critic import weights_hash
from metarl.core.checks import MetaRLError
from metarl.core.files import read_json, write_json
from metarl.pipeline.run import evaluate, train
from metarl.runs.config import EvaluationConfig
from metarl.runs.folder import ENTRIES, Run, create_run, load_run


def test_a_run_reads_back_what_it_is(finished, small):
    run = load_run(str(finished.path))
    assert run.config == small()
    assert len(run.subjects) == 2
    assert all(folder.finished for folder in run.subjects)
    assert run.subjects[1].path == finished.path / "subject-01"


def test_the_trials_of_all_subjects_are_one_table(finished):
    run = load_run(finished.path)
    assert run.trials.groupby("subject")["episode"].nunique().tolist() == [8, 8]
    assert len(run.trials) == 2 * 8 * 6


def test_the_learning_curves_of_all_subjects_are_one_table(finished):
    metrics = load_run(finished.path).metrics
    assert metrics.groupby("subject").size().tolist() == [40, 40]
    assert metrics.columns[0] == "subject"
    assert list(metrics.index) == list(range(80))


def test_recordings_come_by_subject_with_named_events(finished):
    recording = load_run(finished.path).recording
    assert list(recording) == [0, 1]
    for subject, arrays in recording.items():
        assert set(arrays["subject"]) == {subject}
        assert sorted(set(arrays["episode"])) == [0, 1, 2]
        assert arrays["event_names"][arrays["event"][0]] == "fixation"


def test_a_policy_is_loaded_trained_untrained_or_between(finished):
    subject = load_run(finished.path).subjects[0]
    metadata = finished.evaluation(0).metadata
    assert weights_hash(subject.policy()) == metadata["weights_before"]
    assert weights_hash(subject.policy(20)) == metadata["weights_before"]
    assert weights_hash(subject.policy(0)) != weights_hash(subject.policy(1))


def test_baselines_are_found_by_name(finished):
    names = {"random", "bayes-greedy", "oracle", "sarsa"}
    baselines = load_run(finished.path).baselines
    assert set(baselines) == names
    for name, folder in baselines.items():
        assert folder.metadata["baseline"] == name
        assert folder.trials["episode"].nunique() == 8


def test_an_evaluation_without_its_facts_does_not_count(finished, tmp_path):
    path = tmp_path / "copy"
    shutil.copytree(finished.path, path)
    (path / "evaluation" / "subject-00" / "evaluation.json").unlink()
    (path / "evaluation" / "baselines" / "random" / "evaluation.json").unlink()
    run = load_run(path)
    assert list(run.evaluated) == [1]
    assert set(run.trials["subject"]) == {1}
    assert "random" not in run.baselines


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    for path in (tmp_path, tmp_path / "nowhere"):
        words = r"is not a run: it has no config\.json; create one with `metarl train`"
        with pytest.raises(MetaRLError, match=words):
            load_run(path)


def test_a_run_that_was_only_begun_says_what_is_missing(small, tmp_path):
    create_run(tmp_path / "run", small())
    run = load_run(tmp_path / "run")
    assert not run.subjects[0].finished
    assert run.evaluated == {}
    assert run.baselines == {}
    with pytest.raises(MetaRLError, match="has no evaluation; run `metarl evaluate`"):
        _ = run.trials
    with pytest.raises(MetaRLError, match="no learning curve yet; run `metarl train`"):
        _ = run.metrics
    with pytest.raises(MetaRLError, match="is missing; run `metarl train` first"):
        _ = run.subjects[0].metrics
    with pytest.raises(MetaRLError, match="is missing; train the subject first"):
        run.subjects[0].policy()


def test_a_folder_with_a_run_is_not_overwritten(small, tmp_path):
    create_run(tmp_path, small())
    before = (tmp_path / "config.json").read_bytes()
    words = "already has a run; resume it with --resume, or give another --out"
    with pytest.raises(MetaRLError, match=words):
        create_run(tmp_path, small())
    assert (tmp_path / "config.json").read_bytes() == before


def test_a_run_is_resumed_with_the_same_configuration_only(small, tmp_path):
    create_run(tmp_path, small())
    before = (tmp_path / "config.json").read_bytes()
    assert create_run(tmp_path, small(), resume=True).config == small()
    others = [
        small(seed=2),
        small(trial_count=7),
        replace(small(), network=NetworkConfig(units=6)),
    ]
    for other in others:
        words = "was started with another configuration.*; resume with the same one, or"
        with pytest.raises(MetaRLError, match=words):
            create_run(tmp_path, other, resume=True)
    assert (tmp_path / "config.json").read_bytes() == before


def test_an_older_run_lacks_new_fields_and_is_resumed_with_their_defaults(
    small, tmp_path
):
    run = create_run(tmp_path, small())
    plain = read_json(tmp_path / "config.json")
    del plain["training"]["reset_memory"], plain["learning"]["rule"]
    write_json(tmp_path / "config.json", plain)
    before = (tmp_path / "config.json").read_bytes()
    assert load_run(tmp_path).config == small()
    assert create_run(tmp_path, small(), resume=True).path == run.path
    config = small()
    other = replace(config, learning=replace(config.learning, rule="readout"))
    words = r"learning.rule was 'bptt', is 'readout'"
    with pytest.raises(MetaRLError, match=words):
        create_run(tmp_path, other, resume=True)
    assert (tmp_path / "config.json").read_bytes() == before


def test_a_variant_has_its_place_and_its_runs_baselines(finished, tmp_path):
    run = finished.variant("no-reward")
    assert run.path == finished.path / "variants" / "no-reward"
    assert run.baselines == finished.baselines
    assert Run(tmp_path / "elsewhere" / "no-reward").baselines == {}


def test_resuming_where_nothing_is_starts_a_run(small, tmp_path):
    assert create_run(tmp_path / "new", small(), resume=True).config == small()


def test_a_broken_configuration_gets_one_sentence(small, tmp_path):
    create_run(tmp_path, small())
    (tmp_path / "config.json").write_text('{"task": "two-st')
    with pytest.raises(MetaRLError, match=r"config.json is not readable JSON"):
        _ = load_run(tmp_path).config


def test_tables_agree_with_the_files_anyone_can_open(finished):
    folder = finished.evaluation(1)
    csv = pd.read_csv(folder.trials_path)
    assert csv["reward"].tolist() == folder.trials["reward"].tolist()
    assert csv["choice"].isna().tolist() == folder.trials["choice"].isna().tolist()
    assert list(csv) == list(folder.trials)


def test_opening_a_run_reads_nothing(tmp_path, small):
    create_run(tmp_path, small())
    run = Run(tmp_path)
    (tmp_path / "config.json").unlink()
    assert run.subject(0).path.name == "subject-00"


@pytest.mark.parametrize(
    "change",
    [{"episodes": 9}, {"greedy": True}, {"task": {"probability_common": 0.7}}],
)
def test_a_test_was_taken_only_if_it_was_taken_just_so(change, finished):
    test = EvaluationConfig(episodes=8, record_episodes=3)
    assert finished.evaluation(0).took(test)
    assert not finished.evaluation(0).took(replace(test, **change))
    assert not finished.evaluation(7).took(test)


def test_a_variant_is_a_run_in_the_folder_of_another(small, tmp_path, monkeypatch):
    run = create_run(tmp_path / "run", small())
    variant = create_run(run.variant("units-half").path, small())
    alone = create_run(tmp_path / "variants" / "mine", small())
    assert [each.is_variant for each in (run, variant, alone)] == [False, True, False]
    monkeypatch.chdir(variant.path)
    assert Run(Path()).is_variant


METADATA = (*ENTRIES, "task", "seed", "subject", "weights_before", "weights_after")


def everything(path):
    """All that is read of a run for its analysis."""
    run = load_run(path)
    folder = run.evaluation(0)
    recording = {name: array.tobytes() for name, array in folder.recording.items()}
    table = folder.trials.to_csv()
    metrics = run.subject(0).metrics.to_csv()
    # An entry may be added, where a bit of the name of the seal is flipped.
    metadata = {name: folder.metadata.get(name) for name in METADATA}
    return run.config, metadata, recording, table, metrics


READ = [
    "config.json",
    "subject-00/metrics.csv",
    "subject-00/hashes.json",
    "evaluation/subject-00/trials.csv",
    "evaluation/subject-00/trials.parquet",
    "evaluation/subject-00/recording.npz",
    "evaluation/subject-00/evaluation.json",
]


@pytest.mark.parametrize("name", READ)
def test_no_flipped_bit_changes_what_is_read(name, finished, tmp_path):
    shutil.copytree(finished.path, tmp_path / "run")
    path = tmp_path / "run" / name
    if not path.exists():
        pytest.skip("pyarrow is not installed")
    whole, expected, refused = path.read_bytes(), everything(tmp_path / "run"), 0
    positions = np.linspace(0, len(whole) - 1, 40).astype(int)
    for number, position in enumerate(positions):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << number % 8
        path.write_bytes(damaged)
        try:
            assert everything(tmp_path / "run") == expected
        except MetaRLError as error:
            assert "\n" not in str(error)  # noqa: PT017
            refused += 1
    # Only a name of an entry with a seal or hashes can change without a refusal.
    assert refused >= 35


def test_a_cut_learning_curve_of_a_finished_subject_is_refused(finished, tmp_path):
    shutil.copytree(finished.path, tmp_path / "run")
    path = tmp_path / "run" / "subject-01" / "metrics.csv"
    path.write_text("\n".join(path.read_text().splitlines()[:-3]) + "\n")
    words = "metrics.csv was changed or damaged after `metarl train` wrote it"
    with pytest.raises(MetaRLError, match=words):
        _ = load_run(tmp_path / "run").metrics


def changed_curve(finished, folder, column, cell):
    """A copy of a run, without a hash of its second curve, and one cell changed."""
    shutil.copytree(finished.path, folder)
    subject = load_run(folder).subject(1)
    subject.hashes_path.unlink()
    curve = pd.read_csv(subject.metrics_path, dtype=str)
    if cell is None:
        curve = curve.drop(columns=column)
    else:
        curve.loc[1, column] = cell
    curve.to_csv(subject.metrics_path, index=False)
    return load_run(folder)


@pytest.mark.parametrize(
    ("column", "cell", "words"),
    [
        ("rollout/reward_rate", "much", "must have a number in the column {}, got "),
        ("rollout/return", "True", "must have a number in the column {}, got 'True'"),
        ("steps", "nan", "must have a whole number in the column {}, got a blank"),
        ("steps", "", "must have a whole number in the column {}, got a blank"),
        ("update", "1.5", "must have a whole number in the column {}, got 1.5"),
        ("update", "inf", "must have a whole number in the column {}, got inf"),
        ("steps", None, "it has no column {}"),
    ],
)
def test_a_learning_curve_without_its_numbers_is_refused_by_the_cell(
    column, cell, words, finished, tmp_path
):
    run = changed_curve(finished, tmp_path / "run", column, cell)
    with pytest.raises(MetaRLError) as refused:
        _ = run.metrics
    assert str(run.subject(1).metrics_path) in str(refused.value)
    assert words.format(column) in str(refused.value)
    assert cell is None or "row 2 below the header" in str(refused.value)
    assert str(refused.value).endswith("or train again with `metarl train`")


def test_a_missing_cell_of_a_learning_curve_and_nan_are_the_same(finished, tmp_path):
    tables = [
        changed_curve(finished, tmp_path / k, "rollout/reward_rate", cell).metrics
        for k, cell in (("blank", ""), ("nan", "nan"))
    ]
    assert tables[0]["rollout/reward_rate"].isna().sum() == 1
    pd.testing.assert_frame_equal(*tables)


def test_evaluations_of_two_subjects_are_not_taken_for_each_other(finished, tmp_path):
    shutil.copytree(finished.path, tmp_path / "run")
    one, other = (finished.evaluation(k).path for k in (0, 1))
    shutil.rmtree(tmp_path / "run" / one.relative_to(finished.path))
    shutil.copytree(other, tmp_path / "run" / one.relative_to(finished.path))
    with pytest.raises(MetaRLError, match="its subject is 1, not 0"):
        _ = load_run(tmp_path / "run").evaluation(0).metadata


def test_a_task_outside_metarl_is_opened_only_if_it_is_trusted(small, tmp_path):
    (tmp_path / "untrusted_module.py").write_text("raise SystemExit('imported')")
    run = create_run(tmp_path / "run", small())
    plain = read_json(run.path / "config.json")
    plain["task"] = "untrusted_module:Task"
    write_json(run.path / "config.json", plain)
    words = "which is not part of metarl: .* give --trust-task, or metarl.load_run"
    with pytest.raises(MetaRLError, match=words):
        _ = load_run(run.path).config
    with pytest.raises(MetaRLError, match="'untrusted_module:Task' cannot be imported"):
        _ = load_run(run.path, trust_task=True).config
    for known in ("metarl.envs.two_step:TwoStep", "toys:Lottery"):
        assert "toys" in sys.modules
        plain["task"] = known
        write_json(run.path / "config.json", plain)
        if known.startswith("metarl"):
            assert load_run(run.path).config.task == known


@pytest.mark.parametrize("path", ["a" * 300, "a" * 5000])
def test_an_impossible_folder_is_no_run(path):
    with pytest.raises(MetaRLError, match="cannot be opened"):
        load_run(path)


def test_a_folder_in_place_of_a_table_gets_one_sentence(finished, tmp_path):
    shutil.copytree(finished.path, tmp_path / "run")
    path = tmp_path / "run" / "evaluation" / "subject-00" / "trials.csv"
    path.unlink()
    path.mkdir()
    with pytest.raises(MetaRLError, match=r"trials\.csv is damaged"):
        _ = load_run(tmp_path / "run").evaluation(0).trials


def test_a_test_in_the_place_of_another_is_refused(small, tmp_path):
    train(small("bandit", subjects=1, updates=1), tmp_path, workers=1, show=False)
    taken = {name: EvaluationConfig(episodes=1) for name in ("test", "easy", "hard")}
    evaluate(tmp_path, taken, workers=1, show=False)
    run = load_run(tmp_path)
    easy, hard = (run.evaluation(0, test=name).path for name in ("easy", "hard"))
    shutil.rmtree(easy)
    shutil.copytree(hard, easy)
    words = "its test is hard, not easy; restore it"
    with pytest.raises(MetaRLError, match=words):
        _ = run.evaluation(0, test="easy").metadata
