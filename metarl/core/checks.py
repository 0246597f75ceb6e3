"""Checks of arguments, with an error message of name, rule, value and way out."""

import math
import os
from collections.abc import Iterable


class MetaRLError(Exception):
    """Error that a caller may catch, such as a damaged file or a missing column."""


def in_words(value: object) -> str:
    """A value for a message: one line, not long."""
    lines = repr(value).splitlines() or [""]
    return lines[0] if len(lines) == 1 else f"a {type(value).__name__}"


def check_between(name: str, value: float, low: float, high: float) -> None:
    """Raise ValueError unless low <= value <= high."""
    if not low <= value <= high:
        raise ValueError(f"{name} must be in [{low}, {high}], got {in_words(value)}")


def check_at_least(name: str, value: float, low: float) -> None:
    """Raise ValueError unless value >= low and finite; NaN is refused."""
    if not value >= low:
        raise ValueError(f"{name} must be at least {low}, got {in_words(value)}")
    if value == math.inf:
        raise ValueError(f"{name} must be finite, got {in_words(value)}")


def check_choice(name: str, value: object, choices: Iterable[object]) -> None:
    """Raise ValueError unless value is one of the choices."""
    known = list(choices)
    if value not in known:
        listed = ", ".join(map(str, known))
        raise ValueError(f"{name} must be one of {listed}; got {in_words(value)}")


LONGEST_NAME = 200
"""Length of the name of a folder in bytes; most file systems allow 255."""


def check_folder_name(name: str, value: str) -> None:
    """Raise ValueError unless a value can be the name of a folder, and is no path."""
    whole = not any(sign in "/\\" or ord(sign) < 32 for sign in value)
    if not (whole and value.strip(".") and len(os.fsencode(value)) <= LONGEST_NAME):
        raise ValueError(
            f"{name} must be a plain name of at most {LONGEST_NAME} bytes, got "
            f"{value!r}: its files are in a folder of this name"
        )


def check_word(name: str, text: str) -> None:
    """Raise MetaRLError if a text is blank or not one printable line; "" fits."""
    if text and (not text.strip() or not text.isprintable()):
        raise MetaRLError(f"{name} must be a word or a few in one line, got {text!r}")
