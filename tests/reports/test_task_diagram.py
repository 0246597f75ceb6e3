"""Task diagrams: the steps shown, and a diagram of every task."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from metarl.envs.registry import NAMES, task_class
from metarl.envs.rendering import BAND, HEIGHT, WIDTH
from metarl.experiments.spec import preset
from metarl.reports.html.figures import svg_address
from metarl.reports.task_diagram import (
    BOXES_PER_ROW,
    ENOUGH_BOXES,
    GAP,
    SCALE,
    Box,
    draw_task_diagram,
    first_trials,
    in_rows,
    in_words,
    informative_steps,
    plot_steps,
    positions,
)

SCREEN = np.zeros((18, 40, 3), np.uint8)


def box(step, event="choice", trial=1, action="left", reward=0.0, ends=False):
    return Box(step, trial, event, SCREEN, action, reward, ends)


def trial_of(*events, number=1, first=1):
    """Boxes of one trial, its last step ending it."""
    last = len(events) - 1
    return [
        box(first + k, event, number, ends=k == last) for k, event in enumerate(events)
    ]


def texts(ax):
    return [text.get_text() for text in ax.texts]


# Any task


@pytest.mark.parametrize("task", NAMES)
def test_every_task_has_a_diagram_of_its_first_trials(task):
    config = preset(task)
    name, boxes = first_trials(config, 1)
    assert name != "random"
    assert [each.step for each in boxes] == list(range(1, len(boxes) + 1))
    assert boxes[-1].ends_trial
    assert {each.event for each in boxes} == set(task_class(task).event_names)
    assert {each.trial for each in boxes} == set(range(1, boxes[-1].trial + 1))
    shown = informative_steps(boxes)
    assert shown[-1] == boxes[-1]
    assert ENOUGH_BOXES <= len(shown) <= 3 * ENOUGH_BOXES
    steps = {each.step for each in shown}
    assert all(each.step in steps for each in boxes if each.reward or each.ends_trial)
    for each in boxes:
        assert each.screen.shape == (SCALE * (HEIGHT - BAND), SCALE * WIDTH, 3)
        assert each.screen.any() or each.event == "pause"


@pytest.mark.parametrize("task", NAMES)
def test_the_same_task_and_seed_give_the_same_picture(task):
    config = preset(task, "smoke")
    first, again = draw_task_diagram(config, 3), draw_task_diagram(config, 3)
    assert first.words == again.words
    assert svg_address(first.figure) == svg_address(again.figure)


def test_another_seed_gives_another_episode():
    config = preset("bandit")
    assert len({draw_task_diagram(config, seed).words for seed in range(6)}) > 1


def test_the_diagram_follows_the_parameters(small):
    config = small("reversal", fixation=False)
    assert {each.event for each in first_trials(config, 1)[1]} == {"choice"}


def test_a_task_without_baselines_has_no_diagram(small):
    assert draw_task_diagram(small("toys:Lottery")) is None


def test_a_short_episode_ends_the_diagram(small):
    boxes = first_trials(small("bandit", trial_count=2), 1)[1]
    assert [each.trial for each in boxes] == [1, 2]


# Which steps


def test_steps_within_a_longer_event_are_left_out():
    boxes = trial_of("pause", "pause", "pause", "pause", "choice", "choice")
    assert [each.step for each in informative_steps(boxes)] == [1, 4, 5, 6]


def test_a_step_with_a_reward_is_shown():
    boxes = [box(1), box(2), box(3, reward=0.2), box(4), box(5), box(6)]
    assert [each.step for each in informative_steps(boxes)] == [1, 3, 4, 6]


def test_trials_of_one_step_are_all_shown():
    boxes = [box(k, trial=k, ends=True) for k in range(1, 6)]
    assert informative_steps(boxes) == boxes


def test_rows_hold_whole_trials():
    three = [trial_of("a", "b", "c", number=k, first=3 * k - 2) for k in (1, 2, 3)]
    rows = in_rows([each for trial in three for each in trial])
    assert [[each.trial for each in row] for row in rows] == [
        [1] * 3 + [2] * 3,
        [3] * 3,
    ]


def test_a_long_trial_has_its_own_row():
    rows = in_rows(trial_of("a") + trial_of(*"bcdefgh", number=2, first=2))
    assert [len(row) for row in rows] == [1, 7]
    assert len(rows[1]) > BOXES_PER_ROW


# Drawing


def test_left_out_steps_leave_a_gap_with_their_number():
    boxes = [box(1, "pause"), box(2, "pause"), box(5, "pause"), box(7)]
    assert positions(boxes) == [0, 1, 2 + GAP, 3 + 2 * GAP]
    ax = plot_steps(boxes)
    assert [text for text in texts(ax) if "step" in text] == ["2 steps", "1 step"]
    middles = [sum(image.get_extent()[:2]) / 2 for image in ax.images]
    np.testing.assert_allclose(middles, positions(boxes))
    np.testing.assert_allclose(ax.get_xticks(), positions(boxes))
    assert [label.get_text() for label in ax.get_xticklabels()] == ["1", "2", "5", "7"]


def test_a_box_shows_event_action_and_reward():
    boxes = [box(1, "go", reward=-1.0), box(2, "cue", 2, "right", 0.8 + 1e-8)]
    ax = plot_steps(boxes, Figure().add_subplot())
    expected = ["go", "left", "reward -1", "cue", "right", "reward +0.8"]
    assert texts(ax) == [*expected, "trial 1", "trial 2"]
    assert len(ax.images) == 2


def test_the_description_matches_the_diagram():
    assert in_words([box(1, "go", reward=1.0), box(4, "cue", 2, "right")]) == (
        "step 1 (trial 1): go, left, reward +1; step 4 (trial 2): cue, right, reward 0"
    )
