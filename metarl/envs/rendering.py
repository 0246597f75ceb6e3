"""Renders the subject's screen as a small picture or as one line of text."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from metarl.envs.task import Symbol, Task

WIDTH, HEIGHT = 160, 96
"""Width and height of a picture in pixels."""
BAND = 24
"""Height of the band at the bottom, with the last action and reward."""
COLUMNS = 24
"""Characters for the screen in a line of text."""
BRACKETS = {"cross": "+", "disc": "()", "square": "[]", "text": ""}
"""Sign of a symbol in a line of text; text in the symbol is put inside brackets."""

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Screen = Sequence[Symbol] | NDArray[np.uint8]
"""Content of a screen: symbols, or (rows, columns, 3) pixels."""


@cache
def _font(size: int) -> Font:
    return ImageFont.load_default(size=size)


def screen_of(task: Task[Any], env_index: int) -> Screen:
    """Content of an environment's screen: pixels if the task draws them."""
    pixels = task.drawing(env_index)
    return task.scene(env_index) if pixels is None else pixels


def draw_frame(
    screen: Screen, action: str, reward: float, *, caption: str = "", scale: int = 1
) -> NDArray[np.uint8]:
    """Draw the screen, with the last action and reward below it.

    Args:
        screen: content of the screen.
        action: name of the last action; empty at the start of an episode.
        reward: last reward, in reward units.
        caption: text between the two, one or two lines.
        scale: whole factor of enlargement.

    Returns:
        (scale * HEIGHT, scale * WIDTH, 3) red, green, blue.
    """
    width, height, top = (scale * size for size in (WIDTH, HEIGHT, HEIGHT - BAND))
    image = Image.new("RGB", (width, height), "black")
    draw = ImageDraw.Draw(image)
    if isinstance(screen, np.ndarray):
        _paste(image, screen, (width, top))
    else:
        for symbol in screen:
            _draw_symbol(draw, symbol, scale)
    draw.rectangle((0, top, width, height), fill="#303030")
    line, inset = (top + height) / 2, 8 * scale
    font = _font((11 if caption else 14) * scale)
    if action:
        colour = "gold" if reward > 0 else "tomato" if reward < 0 else "silver"
        draw.text((inset, line), action, "white", font, "lm")
        draw.text((width - inset, line), format_reward(reward), colour, font, "rm")
    if caption:
        middle, small = (width / 2, line), _font(8 * scale)
        draw.text(middle, caption, "silver", small, "mm", 0.3 * inset, "center")
    return np.array(image)


def _paste(
    image: Image.Image, pixels: NDArray[np.uint8], area: tuple[int, int]
) -> None:
    """Paste pixels in the middle of an area, as large as fits, without blurring."""
    rows, columns, _ = pixels.shape
    factor = min(area[0] / columns, area[1] / rows)
    # An enlargement by a whole factor keeps every pixel a square of one colour.
    method = Image.Resampling.NEAREST if factor >= 1 else Image.Resampling.BOX
    factor = int(factor) if factor >= 1 else factor
    size = max(1, int(columns * factor)), max(1, int(rows * factor))
    resized = Image.fromarray(pixels).resize(size, method)
    image.paste(resized, ((area[0] - size[0]) // 2, (area[1] - size[1]) // 2))


def _draw_symbol(draw: ImageDraw.ImageDraw, symbol: Symbol, scale: int) -> None:
    x, y = scale * symbol.x * WIDTH, scale * (HEIGHT - BAND) / 2
    radius = 20 * scale
    box = (x - radius, y - radius, x + radius, y + radius)
    ink = "black"
    if symbol.shape == "cross":
        draw.line((x - radius, y, x + radius, y), symbol.colour, 4 * scale)
        draw.line((x, y - radius, x, y + radius), symbol.colour, 4 * scale)
    elif symbol.shape == "disc":
        draw.ellipse(box, symbol.colour)
    elif symbol.shape == "square":
        draw.rectangle(box, symbol.colour)
    else:
        ink = symbol.colour
    draw.text((x, y), symbol.text, ink, _font(14 * scale), "mm")


def format_reward(reward: float) -> str:
    """Format a reward with its sign; plain 0 for no reward."""
    return f"{reward:+g}" if reward else "0"


def draw_line(scene: Sequence[Symbol]) -> str:
    """Draw the screen in COLUMNS characters, each symbol at its position."""
    line = " " * COLUMNS
    for symbol in scene:
        sign = BRACKETS[symbol.shape]
        if len(sign) == len("()"):
            sign = f"{sign[0]}{symbol.text or ' '}{sign[1]}"
        sign = (sign or symbol.text)[:COLUMNS]
        start = round(symbol.x * COLUMNS - len(sign) / 2)
        start = min(max(start, 0), COLUMNS - len(sign))
        line = line[:start] + sign + line[start + len(sign) :]
    return line
