"""The table, the figure and the text of a sweep, from rows of networks."""

import pandas as pd
import pytest

from metarl.core.files import read_table
from metarl.pipeline.sweep import make_plan
from metarl.reports.sweep import SweepFacts, sweep_table, write_sweep

TASK = "two-step"


def plan_of(over, **changes):
    usual = {"preset": "smoke", "subjects": None, "random": 0, "search": 0}
    return make_plan(TASK, over, **{**usual, **changes})


def rows_of(plan):
    """Networks that all have the number of their run, and the half of it after."""
    return [
        {
            "run": run.name,
            **run.settings,
            "subject": subject,
            "seed": 1,
            "state": "tested",
            "reward_per_episode": number + 0.5,
            "first_half": float(number),
            "second_half": number + 1.0,
            "score": None,
            "learned": None,
            "steps": 10,
        }
        for number, run in enumerate(plan.runs())
        for subject in range(plan.subjects)
    ]


def written(folder, over, *, select=0, **changes):
    plan = plan_of(over, **changes)
    facts = SweepFacts(plan=plan.to_plain(), over=plan.over, select=select)
    write_sweep(folder, rows_of(plan), facts)
    return (folder / "result.txt").read_text()


@pytest.fixture
def panels(monkeypatch):
    """Axis labels of the panels of each figure that is saved."""
    found = []

    def noted(figure, stem):
        shown = [ax for ax in figure.axes if ax.get_label() != "<colorbar>"]
        found.append([(a.get_xlabel(), a.get_ylabel()) for a in shown if a.axison])
        return [stem, stem]

    monkeypatch.setattr("metarl.reports.sweep.save_figure", noted)
    return found


REWARD = "Reward per episode, test"
SECOND = "Reward per episode, second half"
HALVES = ("Reward per episode, first half", SECOND)


@pytest.mark.parametrize(
    ("over", "changes", "expected"),
    [
        ({"network.units": "4,8"}, {}, [("Units", REWARD)]),
        ({"network.units": "4"}, {}, [("Units", REWARD)]),
        (
            {"network.units": "4,8", "learning.discount": ".4,.8"},
            {},
            [("Units", REWARD), ("Units", "Discount")],
        ),
        (
            # Too many pairs for one panel.
            {
                "network.units": "4,5,6,7,8",
                "learning.discount": ".4,.5,.6,.8",
                "network.core": "gru",
            },
            {"select": 2, "subjects": 1},
            [("Units", SECOND), ("Discount", SECOND), ("Units", "Discount"), HALVES],
        ),
        (
            {"network.units": "4:8", "learning.discount": ".4:.8"},
            {"random": 3},
            [("Units", REWARD), ("Discount", REWARD), ("Units", "Discount")],
        ),
        (
            {
                "network.units": "4,8",
                "network.core": "gru,rnn",
                "task.trial_count": "4,5",
            },
            {"subjects": 1},
            [("Units", REWARD), ("Core", REWARD), ("Trial count", REWARD)],
        ),
    ],
)
def test_a_figure_has_a_panel_for_each_setting_that_varies(
    over, changes, expected, panels, tmp_path
):
    written(tmp_path, over, **changes)
    assert panels == [expected]


def test_the_selected_runs_are_those_with_most_in_the_first_half(panels, tmp_path):
    text = written(tmp_path, {"learning.discount": ".4:.8"}, random=6, select=2)
    rows = read_table(tmp_path / "sweep.csv")
    assert rows.loc[rows["selected"], "run"].tolist() == ["run-004", "run-005"]
    # Means of 4 and 5 in the half that selected, of 5 and 6 in the other.
    assert "2 of 6 runs, by the first half of the test's episodes, with 4.5\n" in text
    assert "which selected nothing: 5.5 [-0.8531, 11.85] (95 % over 2 runs)." in text
    # The best run is first.
    assert text.index("run-005") < text.index("run-000")


def test_runs_of_a_grid_share_random_numbers_so_have_no_common_interval(
    panels, tmp_path
):
    text = written(tmp_path, {"learning.discount": ".4,.6,.8"}, select=2)
    assert "which selected nothing: 2.5.\n" in text


def test_settings_of_several_kinds_are_text_and_numbers_are_numbers():
    plan = plan_of({"learning.gradient_clip": "None,1.5", "network.units": "4,8"})
    table = sweep_table(rows_of(plan), list(plan.over))
    assert set(table["learning.gradient_clip"]) == {"None", "1.5"}
    assert table["network.units"].dtype.kind == "i"


def test_runs_with_the_same_settings_have_different_labels(panels, tmp_path):
    written(tmp_path, {"network.units": "4:5"}, random=4)
    labels = read_table(tmp_path / "summary.csv")["label"]
    assert labels.nunique() == 4
    assert labels.str.fullmatch(r"units [45] \(run-00\d\)|units [45]").all()


def test_many_runs_are_listed_in_the_table_alone(panels, tmp_path):
    text = written(tmp_path, {"learning.discount": ".4:.8"}, random=50)
    assert "... (50 runs; all in summary.csv)" in text
    assert text.count("run-0") == 40
    assert len(read_table(tmp_path / "summary.csv")) == 50


def test_networks_without_a_number_are_counted(panels, tmp_path):
    plan = plan_of({"network.units": "4,8"})
    rows = rows_of(plan)
    rows[0] |= dict.fromkeys(("reward_per_episode", "first_half", "second_half"))
    rows[0]["state"] = "failed"
    facts = SweepFacts(plan=plan.to_plain(), over=plan.over)
    write_sweep(tmp_path, rows, facts)
    assert "15 of 16 networks tested" in (tmp_path / "result.txt").read_text()
    summary = read_table(tmp_path / "summary.csv")
    assert summary["missing"].tolist() == [1, 0]
    assert pd.isna(read_table(tmp_path / "sweep.csv")["reward_per_episode"][0])
