"""Verdicts and numbers of the learning-set experiment, with some networks stuck."""

import numpy as np
import pandas as pd
import pytest
from problems import problem_recording, problem_trials

from metarl.analysis import ExperimentData
from metarl.analysis.analysis import analyse
from metarl.analysis.harlow import ANALYSIS
from metarl.analysis.harlow.course import PAPER

KNOWS = (0.5, 1, 1, 1, 1, 1)
STUCK = (0.5,) * 6
HALFWAY = (0.5,) + (0.75,) * 5
LEAVES = "episodes until performance leaves chance, mean of those that did"
TAKES = "episodes from there to the ceiling, mean of those that did"
STORES = {
    "picture": lambda target, other: target,
    "relation": lambda target, other: target - other,
}


def population(accuracies, **more):
    parts = [
        problem_trials(accuracy=each, seed=k, **more).assign(subject=k)
        for k, each in enumerate(accuracies)
    ]
    return pd.concat(parts, ignore_index=True)


def curve(first, last, top=6.2):
    steps = np.arange(1, 101) * 100.0
    rising = np.clip((steps - first) / (last - first), 0, 1)
    columns = {"steps": steps, "rollout/episodes": steps / 4}
    return pd.DataFrame(columns | {"rollout/return": 1.2 + (top - 1.2) * rising})


def rows(accuracies=(KNOWS,) * 2, **more):
    given = {
        "task": "harlow",
        "parameters": ANALYSIS.published | {"reward_fixation": 0.2},
        "expected_subjects": len(accuracies),
        "discount": 0.9,
    }
    if "trials" not in more:
        given["trials"] = population(accuracies)
    result = analyse(ANALYSIS, ExperimentData(**given | more))
    return result.effects.set_index("effect")


def test_the_course_is_that_of_the_networks_that_learned():
    curves = {
        0: curve(1_000, 3_000),
        1: curve(3_000, 9_000),
        2: curve(2_000, 4_000, 3.7),
        3: curve(20_000, 30_000),
    }
    effects = rows((KNOWS, KNOWS, HALFWAY, STUCK), curves=curves)
    assert effects.loc[LEAVES, "value"] == pytest.approx(2_000 / 4)
    assert effects.loc[LEAVES, "subjects"] == 3
    assert effects.loc[TAKES, "value"] == pytest.approx(4_000 / 4)
    assert effects.loc[TAKES, "subjects"] == 2
    assert effects.loc[LEAVES, "reference"] == PAPER["leaves_chance"][1] == 109_216
    assert effects.loc[TAKES, "reference"] == PAPER["takes"][1] == 156_000
    assert set(effects.loc[[LEAVES, TAKES], "verdict"]) == {"REPORTED"}


def test_without_a_network_that_learned_there_is_no_course():
    effects = rows((STUCK, STUCK), curves={k: curve(1_000, 2_000) for k in range(2)})
    assert LEAVES not in effects.index
    assert TAKES not in effects.index


def test_the_worst_network_is_reported_with_the_mean():
    effects = rows((KNOWS, HALFWAY))
    lowest = effects.loc["accuracy in trial 2, lowest network", "value"]
    assert lowest == pytest.approx(0.75, abs=0.1)
    mean = effects.loc["accuracy in trial 2, mean", "value"]
    assert mean == pytest.approx((1 + lowest) / 2)


@pytest.mark.parametrize(
    ("test", "name", "reference"),
    [
        ("new-distractor", "unrewarded object replaced - same two objects", 0),
        ("held-in", "objects of training - new objects", np.nan),
    ],
)
def test_other_objects_are_reported_by_how_much_they_change(test, name, reference):
    other = population((HALFWAY, HALFWAY))
    effects = rows(tests={test: other})
    row = effects.loc[f"accuracy in trials 2 to 6, {name}, mean"]
    assert row["value"] == pytest.approx(other["correct"][other.trial > 0].mean() - 1)
    assert row["chance"] == 0
    np.testing.assert_equal(row["reference"], reference)


def memory_of(store, *, replaced=False):
    trials = population((KNOWS,) * 2, replaced=replaced)
    recordings = {
        k: problem_recording(own[own["episode"] < 60], STORES[store])
        for k, own in trials.groupby("subject")
    }
    return trials, recordings


@pytest.mark.parametrize(
    ("store", "target", "other", "sign", "index"),
    [("picture", 1, 0, 0.8, 0), ("relation", 0.5, 0.5, 1, 1)],
)
def test_every_number_of_a_memory_is_reported(store, target, other, sign, index):
    trials, recordings = memory_of(store)
    result = rows(trials=trials, recordings=recordings)["value"]
    name = "{}, decoded from units (r2), {}, mean"
    sign_name = "sign of their difference, decoded from units, {}, mean"
    values = {
        name.format("rewarded object", "networks"): (target, 0.15),
        name.format("unrewarded object", "networks"): (other, 0.15),
        name.format("rewarded object", "untrained"): (0, 0.1),
        name.format("unrewarded object", "untrained"): (0, 0.1),
        sign_name.format("networks"): (sign, 0.1),
        sign_name.format("untrained"): (0.5, 0.15),
        "relation index, networks (0 picture, 1 relation), mean": (index, 0.1),
    }
    for row, (expected, within) in values.items():
        assert result[row] == pytest.approx(expected, abs=within), row


def test_the_memory_of_the_same_networks_where_objects_are_replaced_is_reported_too():
    trials, recordings = memory_of("relation")
    new, new_recordings = memory_of("picture", replaced=True)
    result = rows(
        trials=trials,
        recordings=recordings,
        tests={"new-distractor": new},
        test_recordings={"new-distractor": new_recordings},
    )["value"]
    name = "relation index, networks{} (0 picture, 1 relation), mean"
    assert result[name.format("")] == pytest.approx(1, abs=0.1)
    assert result[name.format(", unrewarded object replaced")] == pytest.approx(
        0, abs=0.1
    )


def test_rows_of_recordings_need_recordings():
    assert not rows().index.str.contains("decoded|index").any()
