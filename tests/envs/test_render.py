"""Pictures and lines: the screen in its place, the last action and reward below."""

import numpy as np
from PIL import ImageColor

from metarl.envs.adapters import TaskEnv
from metarl.envs.render import BAND, COLUMNS, HEIGHT, WIDTH, draw_frame, draw_line
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


def test_shapes_can_be_told_apart():
    frames = [
        draw_frame([Symbol(shape, 0.5, "white")], "", 0.0).tobytes()
        for shape in ("cross", "disc", "square")
    ]
    assert len(set(frames)) == 3


def test_what_a_symbol_says_can_be_read_on_it():
    plain = draw_frame([Symbol("disc", 0.5, "orange")], "", 0.0)
    named = draw_frame([Symbol("disc", 0.5, "orange", "S2")], "", 0.0)
    other = draw_frame([Symbol("disc", 0.5, "orange", "S1")], "", 0.0)
    assert (plain != named).any()
    assert (named != other).any()
    assert draw_frame([Symbol("text", 0.5, "white", "go")], "", 0.0).any()


def test_last_action_and_reward_stand_in_the_band_below():
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


def test_a_line_has_each_symbol_at_its_place():
    assert draw_line([]) == " " * COLUMNS
    line = draw_line([Symbol("square", 0.25, "red"), Symbol("disc", 0.75, "red", "B")])
    assert line == "    [ ]         (B)     "
    assert draw_line([Symbol("cross", 0.5, "white")]).index("+") == COLUMNS // 2
    assert draw_line([Symbol("text", 0.0, "white", "go")]).startswith("go")
    assert draw_line([Symbol("text", 1.0, "white", "go")]).endswith("go")
    assert draw_line([Symbol("text", 0.5, "white", "x" * 99)]) == "x" * COLUMNS


def test_a_played_trial_reads_line_by_line():
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
