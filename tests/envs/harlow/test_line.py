"""Learning sets on a line: views, and trials by hand."""

import math

import numpy as np
import pytest
import torch

from metarl.envs.harlow.line import (
    HarlowLine,
    HarlowLineParams,
    make_codes,
)

LEFT, RIGHT, STAY = range(3)
PAUSE, FIXATION, CHOICE = range(3)
MIDDLE = [0.5] * 5
"""Noise of a start at the cross, with object 500 on the right, 499 on the left."""


PARAMS = HarlowLineParams()


def codes_of_objects(params=PARAMS):
    return make_codes(params.object_count, params.code_size, params.code_distance)


def begin(params=None, noise=MIDDLE, **options):
    task = HarlowLine(1, params)
    task.reset(torch.tensor([noise]), options=options)
    return task


def take(task, *actions, numbers=MIDDLE):
    """Reward of each action, and which step of the trial came next."""
    noise = torch.tensor([numbers])
    taken = []
    for action in actions:
        step = task.step(torch.tensor([action]), noise)
        taken.append((round(float(step.reward), 6), int(task.event())))
    return taken


def row_of(task):
    return {name: float(values) for name, values in task.trial_row().items()}


def cells(task):
    """(cells, 1 + code size) the view."""
    return task.observation()[0].view(task.params.cells, -1).numpy()


def test_a_trial_by_hand():
    task = begin()
    assert take(task, STAY) == [(0.2, CHOICE)]
    assert take(task, RIGHT, RIGHT) == [(0, CHOICE)] * 2
    assert take(task, RIGHT) == [(1, PAUSE)]
    row = row_of(task)
    assert row["reward"] == pytest.approx(1.2)
    assert (row["choice"], row["valid"], row["correct"], row["steps"]) == (1, 1, 1, 4)
    assert take(task, LEFT, LEFT) == [(0, PAUSE)] * 2
    assert take(task, LEFT) == [(0, FIXATION)]
    assert int(task.gaze) == 0
    assert take(task, STAY, LEFT, LEFT, LEFT)[-1] == (-1, PAUSE)
    row = row_of(task)
    assert row["reward"] == pytest.approx(-0.8)
    assert (row["choice"], row["valid"], row["correct"], row["steps"]) == (0, 1, 0, 7)


def test_passing_the_cross_is_not_holding_it():
    task = begin(HarlowLineParams(hold=2))
    assert take(task, STAY, LEFT, RIGHT) == [(0, FIXATION)] * 3
    assert take(task, STAY, STAY) == [(0, FIXATION), (0.2, CHOICE)]


def test_turning_back_and_forth_selects_nothing():
    task = begin()
    take(task, STAY)
    turns = (LEFT, LEFT, RIGHT, RIGHT, RIGHT, RIGHT, LEFT, STAY)
    assert take(task, *turns) == [(0, CHOICE)] * 8
    assert take(task, RIGHT, STAY, RIGHT)[-1] == (1, PAUSE)


def test_the_cap_ends_a_trial_without_a_choice():
    task = begin(HarlowLineParams(step_cap=3))
    take(task, STAY, LEFT)
    step = task.step(torch.tensor([LEFT]), torch.zeros(1, 5))
    assert step.terminated.all()
    assert step.trial_ended.all()
    row = row_of(task)
    assert row["reward"] == pytest.approx(0.2)
    assert (row["valid"], row["steps"]) == (0, 3)
    assert math.isnan(row["choice"])
    assert math.isnan(row["correct"])


def test_codes_are_fixed_and_far_from_each_other_and_from_nothing():
    codes = codes_of_objects().astype(np.float64)
    assert codes.shape == (2_000, 8)
    squares = (codes**2).sum(1)
    apart = squares[:, None] + squares - 2 * codes @ codes.T
    np.fill_diagonal(apart, np.inf)
    assert apart.min() >= 0.8**2 - 1e-6
    # An empty cell is all zeros; the cross is where a object is 0.
    assert np.sqrt(squares).min() > 0.5
    assert np.abs(codes).max() <= 1
    assert np.abs(codes.mean(0)).max() < 4 / np.sqrt(3 * 2_000)
    # A little more than the 1 / 3 of a uniform code: the middle is soon full.
    np.testing.assert_allclose(codes.var(0), 0.37, atol=0.02)
    # A network trained earlier must find the same objects.
    known = [-0.0915, 0.0934, -0.0130, 0.5071, -0.5148]
    actual = codes[[0, 1, 999, 1000, 1999], 0]
    np.testing.assert_allclose(actual, known, atol=1e-4)


def test_the_cross_and_the_objects_are_observed_in_their_places():
    task = begin()
    cross = np.zeros((9, 1 + 8))
    cross[4, 0] = 1
    np.testing.assert_array_equal(cells(task), cross)
    take(task, LEFT)
    np.testing.assert_array_equal(cells(task), np.roll(cross, 1, axis=0))
    take(task, RIGHT, STAY)
    codes = codes_of_objects()
    objects = np.zeros((9, 1 + 8), np.float32)
    objects[1, 1:], objects[7, 1:] = codes[499], codes[500]
    np.testing.assert_array_equal(cells(task), objects)
    take(task, RIGHT, RIGHT)
    np.testing.assert_array_equal(cells(task)[5, 1:], codes[500])
    assert not cells(task)[:5].any()
    take(task, RIGHT)
    assert not cells(task).any()


def test_the_name_of_an_entry_gives_its_cell():
    names = HarlowLine().observation_names
    assert len(names) == 9 * (1 + 8)
    assert (names[0], names[1], names[-1]) == ("cross@-4", "code1@-4", "code8@+4")
    task = begin()
    seen = dict(zip(names, task.observation()[0].tolist(), strict=True))
    assert [name for name, value in seen.items() if value] == ["cross@+0"]


def test_the_screen_shows_what_is_in_view():
    task = begin()
    assert [(s.shape, s.x) for s in task.scene()] == [("cross", 0.5)]
    take(task, STAY)
    left, right = task.scene()
    assert (left.shape, right.shape) == ("square", "square")
    assert left.x == pytest.approx(1.5 / 9)
    assert right.x == pytest.approx(7.5 / 9)
    code = codes_of_objects()[499]
    shown = [int(left.colour[at : at + 2], 16) for at in (1, 3, 5)]
    np.testing.assert_allclose(shown, 255 * (code[:3] + 1) / 2, atol=1)


def test_cues_are_the_first_numbers_of_the_trials_objects():
    task = begin(HarlowLineParams(new_distractor=1.0))
    objects = []
    for number in (0.1, 0.9):
        objects.append([int(task.target), int(task.distractor)])
        take(task, *[LEFT] * 6, numbers=[0.5, number, 0.5, 0.5, 0.5])
        while int(task.event()) != PAUSE:
            home = STAY if int(task.gaze) == 0 else RIGHT
            on = LEFT if int(task.event()) == CHOICE else home
            take(task, on, numbers=[0.5, number, 0.5, 0.5, 0.5])
        row = row_of(task)
        for role, item in zip(("target", "distractor"), objects[-1], strict=True):
            actual = [row[f"{role}_code{n}"] for n in (1, 2, 3)]
            assert actual == codes_of_objects()[item, :3].tolist()
            assert row[role] == item
    assert objects[0][1] != objects[1][1]


def test_the_table_says_which_columns_are_real_numbers():
    codes = [f"{who}_code{n}" for who in ("target", "distractor") for n in (1, 2, 3)]
    assert HarlowLine.real_columns == ("reward", *codes)


def test_hidden_variables_are_the_objects_and_their_sides():
    task = begin(HarlowLineParams(new_distractor=0.6))
    hidden = {name: float(values) for name, values in task.hidden().items()}
    actual = {"target": 500, "distractor": 499, "target_left": 0, "replaced": 1}
    assert hidden == actual
    assert (int(task.left), int(task.right)) == (499, 500)


def test_some_environments_restart_while_others_continue():
    params = HarlowLineParams(reversal_after=1, new_distractor=0.7, pause=0)
    task = HarlowLine(3, params)
    task.reset(torch.full((3, 5), 0.5))
    # One trial is over, the objects have swapped, and the next cross was held.
    for action in (STAY, *[LEFT] * 3, *[RIGHT] * 3, STAY, LEFT):
        task.step(torch.full((3,), action), torch.full((3, 5), 0.3))
    before = task.state()
    seen = task.observation()
    fresh = HarlowLine(3, params)
    fresh.reset(torch.full((3, 5), 0.9))
    some = torch.tensor([False, True, False])
    now = task.reset(torch.full((3, 5), 0.9), where=some)
    for name, values in task.state().items():
        assert torch.equal(values[~some], before[name][~some]), name
        if name != "row":
            assert torch.equal(values[some], fresh.state()[name][some]), name
    assert torch.equal(now[~some], seen[~some])
    assert torch.equal(now[some], fresh.observation()[some])


def test_a_given_object_has_its_role_and_the_other_is_different():
    """Where it would have been drawn as the other, that one is another."""
    assert begin(target=499).hidden()["distractor"] == 500
    assert begin(distractor=500).hidden()["target"] == 499
    assert begin(target=7).hidden()["distractor"] == 499
    assert begin(distractor=7).hidden()["target"] == 500
    task = begin(target=1999, distractor=0)
    assert (int(task.target), int(task.distractor)) == (1999, 0)
    task = begin(target=499, distractor=500)
    assert (int(task.target), int(task.distractor)) == (499, 500)


def test_the_other_object_is_uniform_if_one_is_given():
    num_envs = 20_000
    task = HarlowLine(num_envs)
    noise = torch.rand(num_envs, 5, generator=torch.Generator().manual_seed(3))
    for name, other in (("target", "distractor"), ("distractor", "target")):
        task.reset(noise, options={name: 7})
        assert (task.hidden()[name] == 7).all()
        actual = task.hidden()[other].long().bincount(minlength=1000)
        assert actual[7] == 0
        assert len(actual) == 1000
        squares = (
            (actual - num_envs / 999) ** 2 / (num_envs / 999)
        ).sum() - num_envs / 999
        assert abs(float(squares) - 998) < 4 * math.sqrt(2 * 998)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"target": 2000}, r"target must be in \[0, 1999\], got 2000"),
        ({"distractor": -1}, r"distractor must be in \[0, 1999\], got -1"),
        ({"distractor": 3.5}, "distractor must be a whole number, got 3.5"),
        ({"target": 3, "distractor": 3}, "must be two objects, got .*3.*3"),
    ],
)
def test_objects_that_do_not_exist_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        begin(**options)


def test_the_defaults_are_the_declared_ones():
    params = HarlowLineParams()
    assert (params.trial_count, params.step_cap, params.hold) == (6, 250, 1)
    assert (params.ring, params.cells, params.start_turns) == (17, 9, 6)
    assert (params.picture_turns, params.select_turns, params.pause) == (3, 3, 3)
    assert (params.held_out, params.new_distractor) == (False, 0)
    assert params.reversal_after == 0
    assert params.reward_fixation == 0.2
    assert (params.object_count, params.code_size) == (2_000, 8)
    assert params.code_distance == 0.8
    task = HarlowLine()
    assert task.action_names == ("left", "right", "stay")
    assert task.event_names == ("pause", "fixation", "choice")
    assert task.episode_steps is None
    assert task.view_size is None


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"trial_count": 0}, "trial_count must be at least 1, got 0"),
        ({"step_cap": 0}, "step_cap must be at least 1, got 0"),
        ({"hold": 0}, "hold must be at least 1, got 0"),
        ({"pause": -1}, "pause must be at least 0, got -1"),
        ({"start_turns": -1}, "start_turns must be at least 0, got -1"),
        ({"reversal_after": -1}, "reversal_after must be at least 0, got -1"),
        ({"picture_turns": 0}, "picture_turns must be at least 1, got 0"),
        ({"select_turns": 4}, r"select_turns must be in \[1, 3\], got 4"),
        ({"select_turns": 0}, "select_turns must be at least 1, got 0"),
        ({"ring": 6}, "ring must be at least 7, got 6"),
        ({"start_turns": 9}, r"start_turns must be in \[0, 8\], got 9"),
        ({"new_distractor": 1.5}, r"new_distractor must be in \[0, 1\], got 1.5"),
        ({"new_distractor": -0.5}, r"new_distractor must be in \[0, 1\], got -0.5"),
        ({"cells": 1}, "cells must be at least 3, got 1"),
        ({"cells": 4}, "cells must be odd, got 4: gaze has a middle"),
        ({"cells": 19}, r"cells must be in \[3, 17\], got 19"),
        ({"reward_fixation": 1.0}, r"reward_fixation must be in \[0, .*, got 1.0"),
        ({"object_count": 3}, "object_count must be at least 4, got 3"),
        ({"code_size": 2}, "code_size must be at least 3, got 2"),
        ({"code_distance": -0.1}, "code_distance must be at least 0, got -0.1"),
    ],
)
def test_a_world_without_possible_trials_is_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        HarlowLineParams(**settings)


def test_objects_and_the_reward_of_the_cross_follow_the_parameters():
    params = HarlowLineParams(
        object_count=6, code_size=4, code_distance=0.5, reward_fixation=0.5
    )
    task = begin(params, noise=[0.99] * 5, target=5)
    assert codes_of_objects(params).shape == (6, 4)
    assert task.observation_size == 9 * (1 + 4)
    assert int(task.distractor) == 1
    task = begin(params)
    assert take(task, STAY) == [(0.5, CHOICE)]


def test_codes_that_leave_no_room_for_each_other_are_refused():
    with pytest.raises(ValueError, match="code_distance must leave room for 50 codes"):
        make_codes(50, 3, 3.0)


def test_the_smallest_world_is_allowed():
    params = HarlowLineParams(
        ring=7, cells=7, start_turns=3, pause=0, trial_count=1, step_cap=1
    )
    assert begin(params).params == params
