"""Interchange of memory: shares by hand, the axis of an order, effects and panel."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from problems import problem_trials, second_trials

from metarl.analysis import ExperimentData
from metarl.analysis.analysis import analyse
from metarl.analysis.harlow import ANALYSIS
from metarl.analysis.harlow.interchange import (
    COLUMNS,
    follows_order,
    interchange_table,
    order_axis,
)
from metarl.analysis.harlow.plots import FOLLOWED, plot_interchange

PLACES = ("donor", "part", "measure")


def test_shares_follow_the_donor_by_hand():
    given = {"part": "all", "donor": "opposite"}
    table = interchange_table(
        second_trials(
            [
                {"correct": 1.0},
                {"correct": 0.0},
                {"correct": 1.0, "shown": "rewarded"},
                {"correct": 0.0, "shown": "unrewarded"},
                # The donor's picture, on the side of its reward, and not of its choice.
                {**given, "correct": 0.0, "choice": 0.0, "donor_choice": 1},
                {**given, "correct": 1.0, "choice": 1.0, "donor_choice": 1},
                {**given, "correct": 0.0, "choice": 1.0, "donor_choice": 0},
                {**given, "correct": np.nan, "choice": np.nan},
            ]
        )
    )
    rows = table.set_index(list(PLACES))[["share", "choices"]].sort_index()
    expected = {
        ("none", "none", "own"): (0.5, 2),
        ("none", "none", "rewarded_new"): (1, 1),
        ("none", "none", "unrewarded_new"): (0, 1),
        ("opposite", "all", "picture"): (2 / 3, 3),
        ("opposite", "all", "side"): (1 / 3, 3),
        ("opposite", "all", "action"): (1 / 3, 3),
    }
    for place, numbers in expected.items():
        assert tuple(rows.loc[place]) == pytest.approx(numbers)


def test_a_choice_is_turned_if_the_opposite_donor_changes_it():
    choices = {"other": (0, 1, 0, np.nan), "reversed": (1, 1, 0, 0)}
    table = interchange_table(
        second_trials(
            [{"correct": 1.0, "donor": "opposite", "part": "all"}]
            + [
                {
                    "donor": donor,
                    "part": "all",
                    "choice": choice,
                    "correct": np.nan if np.isnan(choice) else 1.0,
                }
                for donor, of_donor in choices.items()
                for choice in of_donor
            ]
        )
    )
    row = table[(table["donor"] == "other") & (table["measure"] == "turned")]
    assert row[["share", "choices"]].to_numpy().tolist() == [[pytest.approx(1 / 3), 3]]


def ordered(count, axis, *, wrong=0.0, seed=0):
    """Differences and choices of recipients that follow the order along an axis."""
    generator = np.random.default_rng(seed)
    own, donor = generator.uniform(-1, 1, (2, count, len(axis)))
    signs = np.sign(own @ axis) * np.sign(donor @ axis)
    return own, donor, np.where(generator.random(count) < wrong, -signs, signs)


@pytest.mark.parametrize("wrong", [0.0, 0.2])
def test_the_axis_of_an_order_is_found_from_choices(wrong):
    axis = np.array([0.6, 0, 0, -0.8, 0, 0])
    found = order_axis(*ordered(1_000, axis, wrong=wrong))
    assert abs(found @ axis) / np.linalg.norm(found) > 0.97


def with_features(own, donor, signs):
    table = second_trials([{"correct": (each + 1) / 2} for each in signs])
    for k in range(own.shape[1]):
        table[f"difference{k + 1}"] = own[:, k]
        table[f"donor_difference{k + 1}"] = donor[:, k]
    return table


def test_an_order_is_scored_on_problems_it_was_not_fitted_to():
    table = with_features(*ordered(600, np.array([1.0, 1, 0, 0, 0, 0])))
    assert follows_order(table).mean() > 0.95
    own, donor, _ = ordered(100, np.ones(8))
    signs = np.random.default_rng(1).choice([-1.0, 1.0], (20, 100))
    scores = [follows_order(with_features(own, donor, each)).mean() for each in signs]
    # Fitted to these very choices it would be .7.
    assert np.mean(scores) == pytest.approx(0.5, abs=0.05)


def test_features_that_all_objects_share_have_no_order():
    own, donor, signs = ordered(200, [1.0, 0.0, 0.0])
    table = with_features(0.001 * own, 0.001 * donor, signs)
    assert follows_order(table).isna().all()


def test_choices_that_do_not_depend_on_the_donor_follow_no_order():
    rows = [
        {"episode": episode, "correct": float(episode % 3 == 0), "donor": donor}
        | {"difference1": 0.3, "donor_difference1": sign}
        for episode in range(12)
        for donor, sign in (("other", 1.0), ("reversed", -1.0))
    ]
    assert (follows_order(second_trials(rows)) == 0.5).all()


def test_a_table_without_donors_has_no_rows():
    empty = interchange_table(problem_trials(episodes=2))
    assert list(empty) == list(COLUMNS)
    assert empty.empty


def measured(shares):
    """Result of an analysis with these shares by subject of the donor's picture."""
    rows = [
        {"subject": subject, "correct": 1 - share, "donor": "opposite", "part": "cell"}
        for subject, share in enumerate(shares)
    ]
    table = second_trials(rows).assign(episode=0)
    data = ExperimentData(
        trials=problem_trials(subjects=len(shares), episodes=20),
        tests={"interchange": table},
        task="harlow",
        parameters=ANALYSIS.published,
        expected_subjects=len(shares),
    )
    variant = ExperimentData(
        trials=data.trials, tests={"interchange": table}, task="harlow"
    )
    return analyse(
        ANALYSIS,
        ExperimentData(**vars(data) | {"variants": {"replaced": variant}}),
    )


def test_effects_are_reported_beside_the_predictions():
    effects = measured((1, 1, 0)).effects.set_index("key")
    for prefix in ("", "replaced."):
        row = effects.loc[f"interchange.{prefix}opposite.picture.cell.mean"]
        assert row["value"] == pytest.approx(2 / 3)
        assert row["reference"] == 1
        assert (
            row["source"]
            == "memory of pictures 1.00, likeness 1.00, order 1.00, side .50"
        )
        assert row["verdict"] == "REPORTED"
    assert not any("action" in key for key in effects.index)


def test_the_test_is_no_row_of_accuracy():
    tables = measured((1, 0)).tables
    assert "interchange" not in set(tables["tests"]["test"])
    assert set(tables["interchange"]["group"]) == {"measured", "replaced"}


def test_the_panel_draws_each_network_and_the_predictions():
    result = measured((1, 1, 0))
    figure, ax = plt.subplots()
    plot_interchange(result.tables, result.context, ax)
    place = list(FOLLOWED).index(("opposite", "picture"))
    (dots,) = (
        line
        for line in ax.lines
        if line.get_marker() == "s"
        and len(line.get_xdata()) == 3
        and abs(line.get_xdata().mean() - place) < 0.5
    )
    assert dots.get_ydata().tolist() == [1, 1, 0]
    assert len(ax.collections) == 4 * len(FOLLOWED)
    plt.close(figure)


def test_without_the_test_the_panel_says_so():
    data = ExperimentData(trials=problem_trials(episodes=20), task="harlow")
    result = analyse(ANALYSIS, data)
    figure, ax = plt.subplots()
    plot_interchange(result.tables, result.context, ax)
    assert [text.get_text() for text in ax.texts] == ["no interchange"]
    plt.close(figure)
