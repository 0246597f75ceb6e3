"""Harlow's learning sets from pixels: what is seen, against the pictures themselves."""

import numpy as np
import pytest
import torch
from PIL import Image

from metarl.envs.harlow.pictures import mean_colours, picture_bank
from metarl.envs.harlow.pixels import BACKGROUND, RED, Harlow, HarlowParams

LEFT, RIGHT, STAY = range(3)
PAUSE, FIXATION, CHOICE = range(3)
SMALL = {"width": 20, "height": 10, "picture_size": 8, "turn_pixels": 2}
SMALL |= {"picture_turns": 3, "ring": 55}
MIDDLE = [0.5] * 5
"""Noise of a start at the cross, with object 500 on the right, 499 on the left."""


def begin(noise=MIDDLE, **settings):
    task = Harlow(1, HarlowParams(**settings))
    task.reset(torch.tensor([noise]))
    return task


def take(task, *actions):
    for action in actions:
        step = task.step(torch.tensor([action]), torch.tensor([MIDDLE]))
    return step


def seen(task):
    """(H, W, 3) pixels, row by row."""
    return task.render_views(task.observation())[0].swapaxes(0, 1).numpy()


def red(pixels):
    return (pixels == RED).all(2)


def blank(pixels):
    return bool((pixels == BACKGROUND).all())


def test_the_cross_is_red_and_stands_in_the_middle_of_the_view():
    pixels = seen(begin())
    assert pixels.shape == (84, 84, 3)
    assert pixels.dtype == np.uint8
    cross = red(pixels)
    assert (pixels[~cross] == 128).all()
    for turned in (cross[::-1], cross[:, ::-1], cross.T):
        np.testing.assert_array_equal(turned, cross)
    # Two bars of 28 by 6 pixels that share 36.
    assert cross.sum() == 2 * 28 * 6 - 36
    assert cross[41].sum() == cross[:, 41].sum() == 28
    assert cross[28].sum() == cross[55].sum() == 6
    assert not cross[27].any()


@pytest.mark.parametrize("height", [8, 12, 34, 48, 100])
def test_the_cross_is_visible_in_every_size_of_view(height):
    cross = red(seen(begin(**SMALL | {"height": height, "width": 48})))
    rows, columns = (np.flatnonzero(cross.any(axis)) for axis in (1, 0))
    assert 2 <= len(rows) <= height / 2
    assert len(rows) == len(columns)
    assert rows[0] + rows[-1] == height - 1
    assert columns[0] + columns[-1] == 47
    for turned in (cross[::-1], cross[:, ::-1]):
        np.testing.assert_array_equal(turned, cross)


def test_the_pictures_are_those_of_the_bank_and_stand_at_the_same_distance():
    task = begin()
    take(task, STAY)
    pixels, bank = seen(task), picture_bank(34)
    # Middles 24 pixels to either side, and 42 from top and bottom.
    for first, item in ((1, 499), (49, 500)):
        there = pixels[25:59, first : first + 34]
        np.testing.assert_array_equal(there, bank[item])
        there[:] = BACKGROUND
    assert blank(pixels)


def test_a_small_view_shows_the_same_scene():
    task = begin(**SMALL)
    assert red(seen(task)).sum() == 4
    assert red(seen(task))[4:6, 9:11].all()
    take(task, STAY)
    pixels, bank = seen(task), picture_bank(8)
    for first, item in ((0, 499), (12, 500)):
        np.testing.assert_array_equal(pixels[1:9, first : first + 8], bank[item])
    assert blank(pixels[:, 8:12])
    assert blank(pixels[[0, 9]])


def test_a_turn_moves_the_scene_by_six_pixels_the_other_way():
    task = begin()
    there = red(seen(task))
    for turns in (1, 2, 3):
        take(task, RIGHT)
        moved = red(seen(task))
        np.testing.assert_array_equal(moved[:, : -6 * turns], there[:, 6 * turns :])
        assert moved.any()
    take(task, LEFT, LEFT, LEFT, STAY)
    pictures = seen(task)
    take(task, LEFT, LEFT)
    np.testing.assert_array_equal(seen(task)[:, 12:], pictures[:, :-12])


def test_a_turn_and_the_choice_of_a_picture_are_close_to_the_paper():
    """4.4 degrees a turn, and a picture within 7 degrees is selected."""
    p = HarlowParams()
    turn = 65 / p.width * p.turn_pixels
    assert turn == pytest.approx(4.6, abs=0.05)
    away = [(p.picture_turns - turns) * turn for turns in range(p.picture_turns)]
    assert min(turns for turns, angle in enumerate(away) if angle < 7) == p.select_turns
    assert 360 / p.ring == pytest.approx(4.4, abs=0.02)


def test_the_pause_is_blank():
    task = begin()
    take(task, STAY, RIGHT, RIGHT)
    assert not blank(seen(task))
    assert float(take(task, RIGHT).reward) == 1
    for _ in range(2):
        assert int(task.event()) == PAUSE
        assert blank(seen(task))
        assert task.observation().tolist() == [[0, 0, 0]]
        take(task, STAY)
    take(task, LEFT)
    assert int(task.event()) == FIXATION
    assert not blank(seen(task))


def test_the_view_is_empty_far_from_the_cross():
    task = begin()
    for turns in range(1, 30):
        take(task, RIGHT)
        # The cross is 28 pixels wide, the view 84.
        assert blank(seen(task)) == (6 * turns >= 14 + 42)


def test_an_observation_is_the_view_and_the_pictures_in_it():
    task = begin()
    assert task.observation_names == ("view", "left", "right")
    assert task.observation()[0, 1:].tolist() == [0, 0]
    take(task, STAY)
    view, left, right = task.observation()[0].tolist()
    assert (left, right) == (499, 500)
    assert view > 0
    low, high = task.observation_range
    assert (low, high) == (0, 2**20)
    assert task.view_size == (84, 84)
    assert begin(**SMALL).view_size == (20, 10)


def test_views_are_column_by_column_for_each_observation():
    task = Harlow(3, HarlowParams(**SMALL))
    task.reset(torch.rand(3, 5, generator=torch.Generator().manual_seed(0)))
    observations = task.observation()
    views = task.render_views(observations)
    assert views.shape == (3, 20, 10, 3)
    assert views.dtype == torch.uint8
    for env_index in range(3):
        alone = task.render_views(observations[env_index : env_index + 1])[0]
        assert torch.equal(alone, views[env_index])
    many = observations.repeat(4, 1)
    assert torch.equal(task.render_views(many), views.repeat(4, 1, 1, 1))


def test_every_picture_can_be_on_either_side():
    num_envs = 2_000
    task = Harlow(num_envs, HarlowParams(**SMALL))
    bank = picture_bank(8)
    task.reset(torch.full((num_envs, 5), 0.5))
    task.step(torch.full((num_envs,), STAY), torch.full((num_envs, 5), 0.5))
    task.target = torch.arange(num_envs)
    task.distractor = torch.arange(num_envs).flip(0)
    pixels = task.render_views(task.observation()).transpose(1, 2).numpy()
    np.testing.assert_array_equal(pixels[:, 1:9, 12:], bank)
    np.testing.assert_array_equal(pixels[:, 1:9, :8], bank[::-1])


def test_cues_are_the_mean_colours_of_the_trials_pictures():
    task = begin()
    take(task, STAY, RIGHT, RIGHT, RIGHT)
    row = {name: float(values) for name, values in task.trial_row().items()}
    means = picture_bank(34).mean((1, 2)) / 255
    colours = ("red", "green", "blue")
    for role, item in (("target", 500), ("distractor", 499)):
        actual = [row[f"{role}_{colour}"] for colour in colours]
        np.testing.assert_allclose(actual, means[item], atol=1e-6)
    names = [
        f"{who}_{colour}" for who in ("target", "distractor") for colour in colours
    ]
    assert task.real_columns == ("reward", *names)


def test_equalized_pictures_are_in_the_view_and_in_the_cues():
    task = begin(equalized=True, **SMALL)
    take(task, STAY)
    bank = picture_bank(8, equalized=True)
    np.testing.assert_array_equal(seen(task)[1:9, :8], bank[499])
    np.testing.assert_allclose(task.cues, mean_colours(bank))
    assert float((task.cues - 128 / 255).abs().max()) < 0.01


@pytest.fixture
def folder(tmp_path):
    """Four pictures of one colour each."""
    for level in (10, 80, 150, 220):
        Image.new("RGB", (9, 9), (level, 0, 255 - level)).save(
            tmp_path / f"{level}.png"
        )
    return str(tmp_path)


def test_a_users_own_pictures_are_used_half_of_them_held_out(folder):
    bank = picture_bank(8, folder=folder)
    shown = []
    for held_out in (False, True):
        task = begin(pictures=folder, held_out=held_out, **SMALL)
        objects = sorted([int(task.left), int(task.right)])
        shown += objects
        take(task, STAY)
        for first, item in ((0, task.left), (12, task.right)):
            there = seen(task)[1:9, first : first + 8]
            np.testing.assert_array_equal(there, bank[int(item)])
    assert shown == [0, 1, 2, 3]


def test_a_new_picture_on_each_trial_takes_three_in_each_half(folder):
    words = "new_distractor must be 0 with fewer than three objects .* got 0.5 with 2"
    with pytest.raises(ValueError, match=words):
        begin(pictures=folder, new_distractor=0.5, **SMALL)


def test_the_screen_shows_the_numbers_of_the_pictures():
    task = begin()
    assert [(s.shape, s.x) for s in task.scene()] == [("cross", 0.5)]
    take(task, STAY)
    pictures = [(s.shape, s.text) for s in task.scene()]
    assert pictures == [("square", "499"), ("square", "500")]
    assert [s.x for s in task.scene()] == pytest.approx([18 / 84, 66 / 84])
    take(task, RIGHT, RIGHT)
    assert [s.text for s in task.scene()] == ["499", "500"]
    assert [s.x for s in task.scene()] == pytest.approx([6 / 84, 54 / 84])
    take(task, RIGHT)
    assert task.scene() == []


def test_a_picture_at_the_edge_of_the_view_is_on_the_screen():
    task = begin(**SMALL)
    take(task, STAY, RIGHT, RIGHT)
    # The middle of the one on the left, 8 pixels wide, is at the very edge.
    assert [(s.text, s.x) for s in task.scene()] == [("499", 0), ("500", 0.6)]


def test_the_defaults_are_those_of_the_paper():
    p = HarlowParams()
    assert (p.trial_count, p.step_cap, p.hold, p.pause) == (6, 900, 1, 3)
    assert (p.width, p.height, p.picture_size) == (84, 84, 34)
    assert (p.turn_pixels, p.picture_turns, p.select_turns) == (6, 4, 3)
    assert (p.ring, p.start_turns) == (82, 6)
    assert (p.held_out, p.new_distractor, p.reversal_after) == (False, 0, 0)
    assert (p.pictures, p.equalized) == ("", False)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"width": 83}, "width must be even, got 83: it has no middle"),
        ({"width": 0}, "width must be at least 2, got 0"),
        ({"width": 240, "ring": 39}, r"width must be in \[2, 234\], got 240"),
        ({"width": 258}, "width must be at most 256, got 258: all pictures are held"),
        ({"picture_size": 33}, "picture_size must be even, got 33"),
        ({"picture_size": 0}, "picture_size must be at least 2, got 0"),
        ({"height": 33}, "height must be at least 34, got 33"),
        ({"turn_pixels": 0}, "turn_pixels must be at least 1, got 0"),
        ({"turn_pixels": 4}, r"picture_turns \* turn_pixels must be at least 17, got"),
        (
            {"ring": 13, "width": 2},
            r"ring \* turn_pixels must be at least 82, got 78",
        ),
        ({"hold": 0}, "hold must be at least 1, got 0"),
    ],
)
def test_a_scene_that_does_not_fit_the_view_is_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        HarlowParams(**settings)


def test_the_tightest_scene_is_allowed():
    """Pictures that touch each other, all the way round."""
    tight = {"width": 16, "picture_size": 8, "height": 8, "turn_pixels": 2}
    task = begin(**tight, picture_turns=2, select_turns=2, ring=8, start_turns=3)
    take(task, STAY)
    bank = picture_bank(8)
    both = np.concatenate([bank[499], bank[500]], axis=1)
    np.testing.assert_array_equal(seen(task), both)
    take(task, RIGHT)
    np.testing.assert_array_equal(seen(task), np.roll(both, -2, axis=1))
