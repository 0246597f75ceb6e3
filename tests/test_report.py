"""From an evaluated run to figure, effects and a page of text; animals likewise."""

import json
import shutil

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from metarl import report
from metarl.analysis.effects import COLUMNS
from metarl.catalog import TASKS
from metarl.checks import MetaRLError
from metarl.report import analyze, analyze_animals, passed, write_effects
from metarl.runs import create_run, load_run

VERDICTS = {"PASS", "FAIL", "NOT LEARNED", "REPORTED"}


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
        assert row["subjects"] in (1, 2)
    assert any(row["low"] is None for row in rows)
    assert any(row["reference"] is not None for row in rows)


def test_an_untrained_network_passes_nothing_by_luck(analysed):
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
    assert text.startswith(f"two-step: {TASKS['two-step'].summary}")
    assert "2 of 2 subjects evaluated" in text
    for folder in run.evaluated.values():
        assert folder.facts["weights_before"][:16] in text
        assert f"{folder.facts['reward_per_episode']:.2f} reward per episode" in text
    assert "CHANGED" not in text
    for row in json.loads(paths["effects"].read_text()):
        assert row["effect"] in text


def test_changed_weights_are_cried_out(analysed, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(analysed[0].path, folder)
    path = load_run(folder).evaluation(1).facts_path
    facts = json.loads(path.read_text())
    path.write_text(json.dumps(facts | {"weights_after": "0" * 64}))
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
    ("verdicts", "result"),
    [
        (["PASS", "REPORTED"], True),
        (["PASS", "FAIL"], False),
        (["PASS", "NOT LEARNED"], False),
    ],
)
def test_a_run_passes_when_every_scored_effect_does(verdicts, result, tmp_path):
    path = tmp_path / "effects.json"
    write_effects(path, pd.DataFrame({"verdict": verdicts, "value": np.nan}))
    assert json.loads(path.read_text())[0] == {"verdict": "PASS", "value": None}
    assert passed(path) is result


def test_a_run_without_evaluation_says_what_to_do(small, tmp_path):
    with pytest.raises(
        MetaRLError, match="has no evaluation; run `metarl evaluate` fi"
    ):
        analyze(create_run(tmp_path, small()))


def test_a_users_own_task_is_told_that_it_has_no_analysis(small, tmp_path):
    run = create_run(tmp_path, small("toys:Lottery"))
    words = (
        "toys:Lottery is not in the catalogue, so it has no analysis; its tables are"
    )
    with pytest.raises(MetaRLError, match=words):
        analyze(run)
    assert not run.analysis_path.exists()


def test_a_damaged_recording_gets_one_sentence(finished, tmp_path):
    shutil.copytree(finished.path, tmp_path / "run")
    run = load_run(tmp_path / "run")
    path = run.evaluation(0).recording_path
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(MetaRLError, match=r"recording.npz is damaged \("):
        analyze(run)
    assert not run.analysis_path.exists()


def test_animals_trials_are_analysed_as_networks_are(finished, tmp_path):
    table = finished.trials
    table.to_csv(tmp_path / "own.csv", index=False)
    paths = analyze_animals("two-step", tmp_path / "own.csv", tmp_path / "out")
    assert paths["figure"].read_bytes()[:4] == b"\x89PNG"
    assert paths["pdf"].exists()
    summary = pd.read_csv(paths["table"])
    assert len(summary) > 3
    table.drop(columns="transition").to_csv(tmp_path / "less.csv", index=False)
    with pytest.raises(MetaRLError, match="has no column transition"):
        analyze_animals("two-step", tmp_path / "less.csv", tmp_path / "none")
    assert not (tmp_path / "none").exists()
