"""What is on the subject's screen, as a small picture or as one line of text."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from metarl.envs.task import Symbol

WIDTH, HEIGHT = 160, 96
"""Size of a picture in pixels."""
BAND = 24
"""Height of the band at the bottom that shows the last action and reward."""
COLUMNS = 24
"""Characters that a line of text gives to the screen."""
BRACKETS = {"cross": "+", "disc": "()", "square": "[]", "text": ""}
"""A symbol's sign in a line of text; what it says stands inside brackets."""

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@cache
def _font() -> Font:
    return ImageFont.load_default(size=14)


def draw_frame(
    scene: Sequence[Symbol], action: str, reward: float
) -> NDArray[np.uint8]:
    """A picture of the screen, with what the subject last did and earned below it.

    Args:
        scene: what is on the screen.
        action: name of the last action; empty at the start of an episode.
        reward: what the last action earned, in reward units.

    Returns:
        (HEIGHT, WIDTH, 3) red, green, blue.
    """
    image = Image.new("RGB", (WIDTH, HEIGHT), "black")
    draw = ImageDraw.Draw(image)
    for symbol in scene:
        _draw_symbol(draw, symbol)
    draw.rectangle((0, HEIGHT - BAND, WIDTH, HEIGHT), fill="#303030")
    if action:
        line = HEIGHT - BAND / 2
        colour = "gold" if reward > 0 else "tomato" if reward < 0 else "silver"
        draw.text((8, line), action, "white", _font(), "lm")
        draw.text((WIDTH - 8, line), amount(reward), colour, _font(), "rm")
    return np.array(image)


def _draw_symbol(draw: ImageDraw.ImageDraw, symbol: Symbol) -> None:
    x, y, radius = symbol.x * WIDTH, (HEIGHT - BAND) / 2, 20
    box = (x - radius, y - radius, x + radius, y + radius)
    ink = "black"
    if symbol.shape == "cross":
        draw.line((x - radius, y, x + radius, y), symbol.colour, 4)
        draw.line((x, y - radius, x, y + radius), symbol.colour, 4)
    elif symbol.shape == "disc":
        draw.ellipse(box, symbol.colour)
    elif symbol.shape == "square":
        draw.rectangle(box, symbol.colour)
    else:
        ink = symbol.colour
    draw.text((x, y), symbol.text, ink, _font(), "mm")


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
