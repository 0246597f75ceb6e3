"""Analysed runs, and animals, side by side: a figure, a table and words."""

import shutil
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure

from metarl.analysis.comparison import SHOWN_EFFECTS, compare_effects
from metarl.analysis.style import figure_style
from metarl.core.checks import MetaRLError
from metarl.pipeline.run import evaluate, train
from metarl.reports.comparison import (
    compare,
    comparison_figure,
    comparison_text,
    read_compared,
    short_names,
)
from metarl.reports.figures import BY_SUBJECT_FILE, analyze
from metarl.reports.own_data import analyze_trials
from metarl.reports.scorecard import effect_rows
from metarl.runs.config import EvaluationConfig
from metarl.runs.folder import load_run


@pytest.fixture(scope="module")
def folders(unlearned, finished, tmp_path_factory):
    """Two analysed runs of one task, and animals of the same; not to be changed."""
    place = tmp_path_factory.mktemp("folders")
    for name, run in (("base", unlearned), ("other", finished)):
        shutil.copytree(run.path, place / name)
        analyze(place / name)
    finished.trials.to_csv(place / "own.csv", index=False)
    analyze_trials("two-step", place / "own.csv", place / "animals")
    return [place / name for name in ("base", "other", "animals")]


def test_a_comparison_leaves_a_figure_a_table_and_words(folders, tmp_path):
    paths = compare(folders, tmp_path)
    assert paths["figure"].read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert paths["pdf"].read_bytes()[:5] == b"%PDF-"
    assert paths["table"] == tmp_path / "comparison.csv"
    table = pd.read_csv(paths["table"])
    assert table["run"].unique().tolist() == ["base", "other", "animals"]
    assert paths["result"].read_text().startswith("20 of 33 effects were measured in")


def test_the_numbers_are_those_of_each_analysis(folders, tmp_path):
    table = pd.read_csv(compare(folders, tmp_path)["table"])
    for folder in folders:
        there = read_compared(folder)
        rows = table[table["run"] == folder.name].set_index("key")
        effects = there.effects.set_index("key")
        assert set(rows.index) == set(effects.index)
        assert rows["value"].to_dict() == pytest.approx(
            effects["value"].to_dict(), nan_ok=True
        )
        values = there.numbers.loc[there.numbers["key"] == "reward.mean", "value"]
        assert values.mean() == pytest.approx(effects.loc["reward.mean", "value"])


def test_animals_have_the_numbers_of_networks_that_did_the_same(folders, tmp_path):
    """The animals' table is the second run's: there is no difference."""
    table = pd.read_csv(compare(folders[1:], tmp_path)["table"])
    rows = table[table["run"] == "animals"]
    assert len(rows) == 20
    assert rows["difference"].to_numpy() == pytest.approx(0, abs=1e-9)
    assert rows["verdict"].unique().tolist() == ["REPORTED"]


def test_the_same_runs_make_the_same_files(folders, tmp_path):
    first = compare(folders, tmp_path / "a")
    second = compare(folders, tmp_path / "b")
    for name, path in first.items():
        assert path.read_bytes() == second[name].read_bytes()


def test_runs_can_be_given_names(folders, tmp_path):
    named = dict(zip(("one", "two"), folders, strict=False))
    table = pd.read_csv(compare(named, tmp_path)["table"])
    assert table["run"].unique().tolist() == ["one", "two"]


def test_runs_of_different_tasks_are_refused(folders, small, tmp_path):
    place = tmp_path / "reversal"
    train(small("reversal", updates=1), place, workers=1, show=False)
    evaluate(place, workers=1, show=False)
    analyze(place)
    words = (
        "compared runs must be of one task, got base of two-step, reversal of "
        "reversal; compare runs of each task separately"
    )
    with pytest.raises(MetaRLError, match=words):
        compare([folders[0], place], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_one_folder_is_nothing_to_compare(folders, tmp_path):
    for given in ([folders[0]], [folders[0], folders[0]]):
        with pytest.raises(MetaRLError, match="needs two or more folders, got one"):
            compare(given, tmp_path)


def test_a_run_that_is_not_analysed_says_what_to_do(folders, finished, tmp_path):
    words = f"{BY_SUBJECT_FILE} is missing; run `metarl analyze {finished.path}` first"
    with pytest.raises(MetaRLError, match=words):
        compare([folders[0], finished.path], tmp_path)


def test_what_is_no_run_is_refused(folders, tmp_path):
    with pytest.raises(MetaRLError, match="nowhere is not a run"):
        compare([folders[0], tmp_path / "nowhere"], tmp_path)


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (["runs/a", "runs/b"], ["a", "b"]),
        (["old/a", "new/a"], ["old/a", "new/a"]),
        (["x/a", "x/b", "y/a"], ["x/a", "x/b", "y/a"]),
        (["a", "a/"], ["a"]),
    ],
)
def test_a_name_is_as_much_of_the_path_as_is_needed(given, names):
    folders_by_name = short_names([Path(text) for text in given])
    assert list(folders_by_name) == names
    assert all(path.is_absolute() for path in folders_by_name.values())


def test_the_text_says_what_was_not_measured(folders):
    there = {folder.name: read_compared(folder) for folder in folders}
    table = compare_effects(
        {name: each.effects for name, each in there.items()},
        {name: each.numbers for name, each in there.items()},
    )
    text = comparison_text(table)
    assert "\n  animals  not measured\n" in text
    block = text.split("\n\n")[2].splitlines()
    label = "rewards per 100 trials, missed ones too, mean"
    assert block[0] == f"{label}; criterion >= 69.5"
    base, other, animals = block[1:]
    assert base.split()[:2] == ["base", f"{table['value'].iloc[0]:.4g}"]
    assert base.endswith("FAIL") or base.endswith("NOT LEARNED")
    assert "p = " in other
    assert "REPORTED" in animals


def draw_comparison(folders, runs):
    """The figure of so many runs, all of them the first under another name."""
    there = read_compared(folders[0])
    names = [f"run-{number}" for number in range(runs)]
    table = compare_effects(
        dict.fromkeys(names, there.effects), dict.fromkeys(names, there.numbers)
    )
    return comparison_figure(table, dict.fromkeys(names, there.curves))


def names_of(ax):
    """The effects' names, which are larger than the ends of their scales."""
    return [text for text in ax.texts if text.get_fontsize() > 7]


@pytest.mark.parametrize("runs", [2, 12])
def test_all_that_is_drawn_is_within_the_figure(runs, folders):
    with figure_style():
        figure: Figure = draw_comparison(folders, runs)
        figure.draw_without_rendering()
    (legend,) = figure.legends
    assert len(legend.get_texts()) == runs
    assert legend.get_texts()[0].get_text() == "run-0 (n = 2, 0 learned)"
    box = legend.get_window_extent()
    width = figure.get_figwidth() * figure.dpi
    assert box.x0 >= 0
    assert box.x1 <= width
    lowest = min(ax.get_tightbbox().y0 for ax in figure.axes)
    assert box.y1 <= lowest
    names = [name for ax in figure.axes[1:] for name in names_of(ax)]
    known = read_compared(folders[0]).effects["value"].notna().sum()
    assert len(names) == min(known, SHOWN_EFFECTS) > 20
    boxes = [ax.get_tightbbox() for ax in figure.axes]
    for left, right in pairwise(boxes):
        assert left.x1 <= right.x0
    assert boxes[-1].x1 <= width


def test_the_names_and_rows_of_effects_do_not_overlap(folders):
    with figure_style():
        figure = draw_comparison(folders, 2)
        figure.draw_without_rendering()
    for ax in figure.axes[1:]:
        names = names_of(ax)
        grounds = [area.get_window_extent() for area in ax.collections]
        for name in names:
            box = name.get_window_extent()
            assert not any(box.overlaps(ground) for ground in grounds), name


def test_animals_alone_have_no_curves(folders, tmp_path):
    shutil.copytree(folders[2], tmp_path / "more")
    paths = compare([folders[2], tmp_path / "more"], tmp_path / "out")
    assert paths["figure"].exists()
    assert load_run(folders[0]).metrics is not None


@pytest.fixture
def other(folders, tmp_path):
    """A copy of the second run, which may be damaged."""
    return Path(shutil.copytree(folders[1], tmp_path / "other"))


@pytest.mark.parametrize("name", ["effects.json", BY_SUBJECT_FILE])
def test_changed_effects_are_refused(folders, other, tmp_path, name):
    path = other / "analysis" / name
    text = path.read_text()
    place = text.index(".", len(text) // 2)
    path.write_text(text[:place] + text[place + 1 :])
    with pytest.raises(MetaRLError, match=f"{name} was changed or damaged after"):
        compare([folders[0], other], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "before", "after", "words"),
    [
        ("effects.json", '"value":', '"worth":', "has no value; run"),
        ("effects.json", '"claim":', '"paper":', "has no claim; run"),
        ("effects.json", '"subjects": 2', '"subjects": "two"', "must hold numbers in"),
        (BY_SUBJECT_FILE, "value", "worth", "must have one number of each subject in"),
    ],
)
def test_effects_without_a_hash_are_examined(
    folders, other, tmp_path, name, before, after, words
):
    (other / "analysis" / "hashes.json").unlink()
    path = other / "analysis" / name
    assert before in path.read_text()
    path.write_text(path.read_text().replace(before, after, 1))
    with pytest.raises(MetaRLError, match=words):
        compare([folders[0], other], tmp_path / "out")


def test_effects_of_an_earlier_test_are_refused(folders, other, tmp_path):
    evaluate(other, {"test": EvaluationConfig(episodes=2)}, workers=1, show=False)
    words = f"is of an earlier test than .*; run `metarl analyze {other}` again"
    with pytest.raises(MetaRLError, match=words):
        compare([folders[0], other], tmp_path / "out")
    with pytest.raises(MetaRLError, match=words):
        effect_rows("two-step", load_run(other))
    analyze(other)
    compare([folders[0], other], tmp_path / "out")
