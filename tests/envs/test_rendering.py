"""Pictures and lines: the screen in its place, the last action and reward below."""

import numpy as np
import pytest
import torch
from PIL import ImageColor

from metarl.envs.adapters import TaskEnv, make
from metarl.envs.harlow.pixels import BACKGROUND, DIMMED
from metarl.envs.rendering import BAND, COLUMNS, HEIGHT, WIDTH, draw_frame, draw_line
from metarl.envs.task import Symbol


def colour_at(frame, x, y):
    return tuple(frame[y, x].tolist())


def middle(symbol):
    return round(symbol.x * WIDTH), (HEIGHT - BAND) // 2


def test_every_symbol_is_drawn_in_its_place_and_colour():
    for shape in ("cross", "disc", "square"):
        for x in (0.25, 0.5, 0.75):
            symbol = Symbol(shape, x, "orange")
            frame = draw_frame([symbol], "", 0.0)
            assert frame.shape == (HEIGHT, WIDTH, 3)
            assert frame.dtype == np.uint8
            assert colour_at(frame, *middle(symbol)) == ImageColor.getrgb("orange")
            lit = frame[: HEIGHT - BAND].any(2).any(0).nonzero()[0]
            assert abs(lit.mean() - x * WIDTH) < 1.5
            assert 30 < len(lit) < 50


def test_shapes_can_be_distinguished():
    frames = [
        draw_frame([Symbol(shape, 0.5, "white")], "", 0.0).tobytes()
        for shape in ("cross", "disc", "square")
    ]
    assert len(set(frames)) == 3


def test_the_text_of_a_symbol_is_drawn_on_it():
    plain = draw_frame([Symbol("disc", 0.5, "orange")], "", 0.0)
    named = draw_frame([Symbol("disc", 0.5, "orange", "S2")], "", 0.0)
    other = draw_frame([Symbol("disc", 0.5, "orange", "S1")], "", 0.0)
    assert (plain != named).any()
    assert (named != other).any()
    assert draw_frame([Symbol("text", 0.5, "white", "go")], "", 0.0).any()


def test_last_action_and_reward_are_in_the_band_below():
    empty = draw_frame([], "", 0.0)
    frames = [draw_frame([], *did) for did in (("left", 1), ("left", 0), ("right", -1))]
    for frame in frames:
        assert (frame[: HEIGHT - BAND] == 0).all()
        assert (frame != empty).any()
        lit = (frame[HEIGHT - BAND :] == 255).all(2).any(0).nonzero()[0]
        assert lit.min() >= 8
        assert lit.max() < WIDTH // 2
    win, nothing, loss = frames
    assert (win[:, : WIDTH // 2] == nothing[:, : WIDTH // 2]).all()
    assert (win[:, : WIDTH // 2] != loss[:, : WIDTH // 2]).any()
    for frame, name in ((win, "gold"), (nothing, "silver"), (loss, "tomato")):
        colours = {tuple(c) for c in frame[:, WIDTH // 2 :].reshape(-1, 3).tolist()}
        assert ImageColor.getrgb(name) in colours


def test_a_scaled_picture_is_the_same_but_larger():
    scene = [Symbol("disc", 0.25, "orange", "S2"), Symbol("cross", 0.75, "red")]
    frame = draw_frame(scene, "left", 1.0, scale=3)
    small = draw_frame(scene, "left", 1.0)
    assert frame.shape == (3 * HEIGHT, 3 * WIDTH, 3)
    reduced = frame.reshape(HEIGHT, 3, WIDTH, 3, 3).mean((1, 3))
    assert abs(reduced - small).mean() < 6
    assert abs(reduced - small)[HEIGHT - BAND :].mean() < 12


def test_a_caption_is_between_action_and_reward():
    without = draw_frame([], "centre", 0.2, scale=3)
    assert (draw_frame([], "centre", 0.2, scale=3, caption="") == without).all()
    silver = np.array(ImageColor.getrgb("silver"))
    frame = draw_frame([], "centre", 0.2, scale=3, caption="trial 12\nfixation")
    inked = (frame == silver).all(2)
    inked[:, : 3 * 50] = inked[:, -3 * 50 :] = False
    rows, columns = (inked.any(axis).nonzero()[0] for axis in (1, 0))
    assert rows.min() > 3 * (HEIGHT - BAND)
    assert len(rows) > 20
    assert not inked.any(1)[rows.min() : rows.max()].all()  # two lines
    assert abs(columns.mean() - 3 * WIDTH / 2) < 6
    action = (frame == 255).all(2).any(0).nonzero()[0]
    reward = (frame == np.array(ImageColor.getrgb("gold"))).all(2).any(0).nonzero()[0]
    assert action.max() < columns.min()
    assert columns.max() < reward.min()


# Pixels


@pytest.mark.parametrize(("rows", "columns", "times"), [(5, 40, 4), (30, 10, 2)])
def test_pixels_are_enlarged_sharply_in_the_middle(rows, columns, times):
    generator = np.random.default_rng(0)
    pixels = generator.integers(1, 256, size=(rows, columns, 3), dtype=np.uint8)
    screen = draw_frame(pixels, "left", 1.0)[: HEIGHT - BAND]
    large = pixels.repeat(times, 0).repeat(times, 1)
    top = (HEIGHT - BAND - rows * times) // 2
    left = (WIDTH - columns * times) // 2
    place = np.s_[top : top + rows * times, left : left + columns * times]
    np.testing.assert_array_equal(screen[place], large)
    screen[place] = 0
    assert not screen.any()
    assert draw_frame(pixels, "left", 1.0)[HEIGHT - BAND :].any()


@pytest.mark.parametrize(("rows", "columns"), [(98, 156), (10, 600), (2000, 100)])
def test_pixels_that_do_not_fit_are_reduced_in_proportion(rows, columns):
    pixels = np.full((rows, columns, 3), 200, np.uint8)
    screen = draw_frame(pixels, "", 0.0)[: HEIGHT - BAND]
    lit = (screen == 200).all(2)
    high, wide = lit.any(1).sum(), lit.any(0).sum()
    assert high == HEIGHT - BAND or wide == WIDTH
    assert high / wide == pytest.approx(rows / columns, rel=0.4)
    assert lit.sum() == high * wide


# The screen of the learning sets with pictures

WORLD = {
    "width": 20,
    "height": 12,
    "picture_size": 8,
    "turn_pixels": 2,
    "picture_turns": 3,
    "ring": 55,
    "start_turns": 6,
}


def at(task, gaze, event):
    """Put a task's environments where gaze is so far, in a step of the trial."""
    there = (task.rules.gaze == gaze) & (task.rules.event == event)
    task.place = torch.full_like(task.place, int(there.nonzero()[0]))


@pytest.mark.parametrize("event", [0, 1, 2])
@pytest.mark.parametrize("gaze", [0, 1, -4, 6, -6])
def test_the_screen_is_bright_within_the_view(gaze, event):
    task = make("harlow", 2, **WORLD)
    task.reset(torch.rand(2, 5, generator=torch.Generator().manual_seed(0)))
    at(task, gaze, event)
    for env_index in range(2):
        screen = task.drawing(env_index)
        assert screen.shape == (1 + 12 + 1, 2 * 6 * 2 + 20, 3)
        seen = (
            task.render_views(task.observation())[env_index].numpy().transpose(1, 0, 2)
        )
        first = 12 + 2 * gaze
        np.testing.assert_array_equal(screen[1:-1, first : first + 20], seen)
        rest = np.delete(screen[1:-1], np.s_[first : first + 20], 1)
        assert rest.size == 0 or rest.max() <= DIMMED * 255
        at(task, 0, event)
        whole = task.drawing(env_index)
        at(task, gaze, event)
        both = np.s_[1:-1, max(first, 12) : min(first, 12) + 20]
        np.testing.assert_array_equal(screen[both], whole[both])
        for edge in (screen[0], screen[-1]):
            assert (edge == 255).all(1).nonzero()[0].tolist() == [first + 9, first + 10]
            assert (edge == 255).sum() == 6


def test_each_environment_has_its_own_pictures_on_its_screen():
    task = make("harlow", 2, **WORLD)
    task.reset(torch.rand(2, 5, generator=torch.Generator().manual_seed(0)))
    at(task, 0, 2)
    one, other = task.drawing(0), task.drawing(1)
    assert (one != other).any()
    left, right = one[1:-1, 22 - 6 - 4 :][:, :8], one[1:-1, 22 + 6 - 4 :][:, :8]
    bank = task.panorama.bank[1 + 4 :].view(-1, 8, 12, 3).numpy().transpose(0, 2, 1, 3)
    places = []
    for gaze, event in ((0, 2), (-4, 1)):
        at(task, gaze, event)
        places.append((task.place.clone(), task.drawing(1)))
    task.place = torch.stack([places[0][0][0], places[1][0][1]])
    np.testing.assert_array_equal(task.drawing(0), one)
    np.testing.assert_array_equal(task.drawing(1), places[1][1])
    np.testing.assert_array_equal(left, bank[int(task.left[0])])
    np.testing.assert_array_equal(right, bank[int(task.right[0])])


@pytest.mark.parametrize(("gaze", "mark"), [(-27, 0), (27, 42), (20, 42)])
def test_gaze_beyond_the_screen_is_marked_at_its_edge(gaze, mark):
    task = make("harlow", 1, **WORLD)
    at(task, gaze, 1)
    screen = task.drawing()
    assert (screen[0] == 255).all(1).nonzero()[0].tolist() == [mark, mark + 1]
    assert screen[1:-1].max() <= DIMMED * 255
    assert int(DIMMED * BACKGROUND) in screen[1:-1]


def test_the_screen_is_at_most_as_wide_as_the_world():
    world = {**WORLD, "ring": 15, "start_turns": 7, "width": 20}
    task = make("harlow", 1, **world)
    for gaze in (-7, 0, 7):
        at(task, gaze, 1)
        screen = task.drawing()
        first = 14 + 2 * gaze
        bright = (screen[1:-1] == BACKGROUND).all(2).any(0)
        assert bright[first : first + 20].any()
        assert screen.shape[1] == 2 * 7 * 2 + 20


def test_both_pictures_are_on_the_screen_wherever_gaze_starts():
    task = make("harlow", 1, **{**WORLD, "height": 24, "start_turns": 0})
    at(task, 0, 2)
    screen = task.drawing()
    assert screen.shape == (2 + 24 + 2, 2 * 3 * 2 + 20, 3)
    for picture, first in ((task.left, 6), (task.right, 18)):
        seen = task.panorama.bank[1 + 8 :].view(-1, 8, 24, 3)[int(picture)]
        drawn = screen[2:-2, first : first + 8]
        np.testing.assert_array_equal(drawn, seen.numpy().transpose(1, 0, 2))


def test_pixels_are_rendered_as_a_picture_and_symbols_as_a_line():
    env = TaskEnv("harlow", render_mode="rgb_array", **WORLD)
    env.reset(seed=0)
    expected = draw_frame(env.task.drawing(), "", 0.0)
    np.testing.assert_array_equal(env.render(), expected)
    line = TaskEnv("harlow", render_mode="ansi", **WORLD)
    line.reset(seed=0, options={"target": 7, "distractor": 5})
    task = line.task
    at(task, 0, 1)
    assert line.render() == "   0 fixation |            +           |"
    at(task, 3, 1)
    assert line.render() == "   0 fixation |    +                   |"
    at(task, 5, 1)
    assert line.render() == "   0 fixation |+                       |"
    at(task, 6, 1)
    assert line.render() == "   0 fixation |                        |"
    at(task, 15, 1)
    assert line.render() == "   0 fixation |                        |"
    at(task, 0, 0)
    assert line.render() == "   0 pause    |                        |"
    at(task, 0, 2)
    task.target_left = task.always
    assert line.render() == "   0 choice   |   [7]            [5]   |"
    task.target_left = task.never
    assert line.render() == "   0 choice   |   [5]            [7]   |"
    at(task, -8, 2)
    assert line.render() == "   0 choice   |                     [5]|"
    at(task, 27, 2)
    assert line.render() == "   0 choice   |                        |"
    at(task, -8, 2)
    colour = task.scene()[0].colour
    assert np.allclose(ImageColor.getrgb(colour), 255 * task.cues[5], atol=1)


def test_an_object_is_in_view_from_the_other_side_of_a_small_world():
    task = make("harlow", 1, **{**WORLD, "ring": 10, "start_turns": 4})
    at(task, 4, 2)
    left, right = task.scene()
    assert (left.text, left.x) == (str(int(task.left)), pytest.approx(0.8))
    assert (right.text, right.x) == (str(int(task.right)), pytest.approx(0.4))


def test_most_tasks_have_symbols_and_no_pixels():
    assert make("two-step").drawing() is None
    assert make("harlow-line").drawing() is None


def test_a_line_has_each_symbol_in_its_place():
    assert draw_line([]) == " " * COLUMNS
    line = draw_line([Symbol("square", 0.25, "red"), Symbol("disc", 0.75, "red", "B")])
    assert line == "    [ ]         (B)     "
    assert draw_line([Symbol("cross", 0.5, "white")]).index("+") == COLUMNS // 2
    assert draw_line([Symbol("text", 0.0, "white", "go")]).startswith("go")
    assert draw_line([Symbol("text", 1.0, "white", "go")]).endswith("go")
    assert draw_line([Symbol("text", 0.5, "white", "x" * 99)]) == "x" * COLUMNS


def test_a_trial_is_rendered_line_by_line():
    env = TaskEnv("two-step", render_mode="ansi", probability_common=1.0)
    env.reset(options={"high_state": 0})
    lines = [env.render()]
    for action in (0, 1, 2):
        env.step(action)
        lines.append(env.render())
    assert lines[:3] == [
        "   0 fixation |            +           |",
        "   0 choice   |    [ ]         [ ]     | centre 0",
        "   0 outcome  |          (S1)          | left 0",
    ]
    assert lines[3].startswith("   1 fixation |            +           | right ")
    assert lines[3].split()[-1] in ("+1", "0")
