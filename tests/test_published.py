"""The page on the published settings: its tables are those of the result files."""

import importlib
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from metarl.core.checks import MetaRLError
from metarl.pipeline.run import evaluate, train
from metarl.reports.figures import analyze
from metarl.runs.config import EvaluationConfig
from metarl.runs.folder import load_run

ROOT = Path(__file__).parents[1]
TASK = "informative-arm"
pytest.importorskip("sphinx")


@pytest.fixture(scope="module")
def published():
    """The generator of the page's tables."""
    sys.path.insert(0, str(ROOT / "docs"))
    yield importlib.import_module("generators.published")
    sys.path.remove(str(ROOT / "docs"))


@pytest.fixture(scope="module")
def script():
    """The script that writes the result files."""
    sys.path.insert(0, str(ROOT / "scripts"))
    yield importlib.import_module("published_settings")
    sys.path.remove(str(ROOT / "scripts"))


@pytest.fixture(scope="module")
def runs(small, tmp_path_factory):
    """A folder of one finished and one unfinished run, and an arm of the first."""
    folder = tmp_path_factory.mktemp("runs")
    config = small(TASK, trial_count=5, updates=25, unroll_steps=4)
    other = replace(config, learning=replace(config.learning, value_weight=0.25))
    for name, each in ((f"all/{TASK}", config), ("arm", other)):
        train(each, folder / name, workers=1, show=False)
    test = EvaluationConfig(episodes=8, record_episodes=0)
    evaluate(folder / "all" / TASK, test, workers=1, show=False)
    analyze(folder / "all" / TASK)
    train(small("bandit", updates=2), folder / "all/bandit", workers=1, show=False)
    load_run(folder / "all/bandit").subject(0).policy_path.unlink()
    return folder


@pytest.fixture
def docs(script, published, tmp_path, monkeypatch):
    """A copy of the page, in an empty folder of documentation."""
    monkeypatch.setattr(script, "DOCS", tmp_path)
    monkeypatch.setattr(published, "DOCS", tmp_path)
    monkeypatch.setattr(published, "PAGE", tmp_path / "published_settings.md")
    monkeypatch.setattr(published, "RESULTS", tmp_path / "results" / "published")
    shutil.copy(ROOT / "docs" / "published_settings.md", tmp_path)
    return tmp_path


def test_the_page_has_the_tables_of_the_result_files(published):
    text = published.PAGE.read_text("utf-8")
    assert published.filled(text, published.blocks()) == text


def test_one_command_writes_the_results_and_fills_the_page(
    script, published, runs, docs, monkeypatch, capsys
):
    words = [
        "script",
        str(runs / "all"),
        "--arm",
        TASK,
        "weight .25",
        str(runs / "arm"),
    ]
    words += ["--work", str(docs / "work"), "--episodes", "4", "--workers", "1"]
    monkeypatch.setattr(sys, "argv", words)
    script.main()
    page = (docs / "published_settings.md").read_text("utf-8")
    assert f"| `{TASK}` | paper | 0 of 2 | 0.00 [0.00, 0.84] | 0 |" in page
    assert "| weight .25 | `smoke` |" in page
    assert "learning.value_weight 0.25" in page
    assert (
        f"| `{TASK}` | weight .25 | 0 of 2 | paper | 0 of 2 | none learned | 1 |"
        in page
    )
    assert "NOT LEARNED |" in page
    assert "results/published/figure.png" in page
    error = capsys.readouterr().err
    assert "bandit, 1 of 2 networks are not trained" in error
    assert f"no effects: {runs / 'arm'} is not analysed" in error


def test_an_arm_of_another_task_is_refused(script, runs):
    with pytest.raises(MetaRLError, match=f"is of {TASK}, not of bandit"):
        script.read_arms(runs / "all", [("bandit", "x", str(runs / "arm"))])
    with pytest.raises(MetaRLError, match="is not a run"):
        script.read_arms(runs / "all", [("bandit", script.MAIN, str(runs / "none"))])


def test_settings_that_differ_are_named_with_their_values(script):
    before = {"seed": 1, "preset": "paper", "a": {"b": 1, "seed": 3}, "c": 2}
    now = {"seed": 2, "preset": "fast", "a": {"b": 4, "seed": 5}, "c": 2}
    assert script.differences(before, now) == ["a.b 4", "a.seed 5"]


def test_without_results_the_page_says_so(published, tmp_path):
    assert set(published.blocks(tmp_path).values()) == {published.NOTHING}


def test_a_page_without_a_place_for_a_table_is_refused(published):
    with pytest.raises(ValueError, match="one place for learned, got 0"):
        published.filled("<!-- learned -->", {"learned": "x"})


def test_a_median_that_was_not_reached_is_in_words(published):
    row = dict.fromkeys(
        ("median_episodes", "median_episodes_low", "median_episodes_high"), ""
    )
    assert published._median(row) == "not reached"
    row["median_episodes_low"] = "500.0"
    assert published._median(row) == "not reached [500, not reached]"
    row |= {"median_episodes": "1500.0", "median_episodes_high": "2000.0"}
    assert published._median(row) == "1,500 [500, 2,000]"


def test_other_tasks_keep_their_results_and_the_same_one_is_replaced(script, tmp_path):
    def tables(task, share):
        own = {"task": [task], "share": [share], "median": [None]}
        effects = {"experiment": [task], "value": [share]}
        return {"learned": pd.DataFrame(own), "effects": pd.DataFrame(effects)}

    for name, table in tables("bandit", 0.5).items():
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    both = script.with_earlier(tmp_path, tables("two-step", 0.25), ["two-step"])
    assert list(both) == ["learned", "effects"]
    assert both["learned"]["task"].tolist() == ["two-step", "bandit"]
    assert both["effects"]["value"].tolist() == [0.25, 0.5]
    again = script.with_earlier(tmp_path, tables("bandit", 0.75), ["bandit"])
    assert again["learned"]["share"].tolist() == [0.75]
