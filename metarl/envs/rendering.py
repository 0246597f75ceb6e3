"""What is on the subject's screen, as a small picture or as one line of text."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from metarl.envs.task import Symbol, Task

WIDTH, HEIGHT = 160, 96
"""Size of a picture in pixels."""
BAND = 24
"""Height of the band at the bottom that shows the last action and reward."""
COLUMNS = 24
"""Characters that a line of text gives to the screen."""
BRACKETS = {"cross": "+", "disc": "()", "square": "[]", "text": ""}
"""A symbol's sign in a line of text; what it says stands inside brackets."""

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Shown = Sequence[Symbol] | NDArray[np.uint8]
"""What is on a screen: symbols, or (rows, columns, 3) pixels."""


@cache
def _font(size: int) -> Font:
    return ImageFont.load_default(size=size)


def shown(task: Task[Any], env_index: int) -> Shown:
    """What is on a lane's screen: pixels, where the task has some to draw."""
    pixels = task.drawing(env_index)
    return task.scene(env_index) if pixels is None else pixels


def draw_frame(
    screen: Shown, action: str, reward: float, *, caption: str = "", scale: int = 1
) -> NDArray[np.uint8]:
    """A picture of the screen, with what the subject last did and earned below it.

    Args:
        screen: what is on the screen.
        action: name of the last action; empty at the start of an episode.
        reward: what the last action earned, in reward units.
        caption: further words between the two, one or two lines.
        scale: times as large.

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
        draw.text((width - inset, line), amount(reward), colour, font, "rm")
    if caption:
        middle, small = (width / 2, line), _font(8 * scale)
        draw.text(middle, caption, "silver", small, "mm", 0.3 * inset, "center")
    return np.array(image)


def _paste(
    image: Image.Image, pixels: NDArray[np.uint8], room: tuple[int, int]
) -> None:
    """Put pixels in the middle of the room, as large as fits: sharp, if enlarged."""
    rows, columns, _ = pixels.shape
    factor = min(room[0] / columns, room[1] / rows)
    kind = Image.Resampling.NEAREST if factor >= 1 else Image.Resampling.BOX
    factor = int(factor) if factor >= 1 else factor
    size = max(1, int(columns * factor)), max(1, int(rows * factor))
    drawn = Image.fromarray(pixels).resize(size, kind)
    image.paste(drawn, ((room[0] - size[0]) // 2, (room[1] - size[1]) // 2))


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


def amount(reward: float) -> str:
    """A reward with its sign; a plain 0 for nothing."""
    return f"{reward:+g}" if reward else "0"


def draw_line(scene: Sequence[Symbol]) -> str:
    """The screen in COLUMNS characters, each symbol at its horizontal place."""
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
