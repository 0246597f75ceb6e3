"""Look-up by name, with an error that lists the names there are."""

import difflib
from collections.abc import Iterable, Mapping
from typing import TypeVar

from metarl.core.checks import MetaRLError

Value = TypeVar("Value")


class UnknownNameError(MetaRLError, KeyError):
    """A name that is not there; a KeyError, so that mappings can raise it."""

    def __str__(self) -> str:
        """The sentence; a KeyError would show it in quotes."""
        return str(self.args[0])


def did_you_mean(name: object, known: Iterable[object]) -> str:
    """Return "; did you mean 'NAME'?" with the closest known name, if one is close."""
    close = difflib.get_close_matches(str(name), map(str, known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def unknown_name(kind: str, name: object, known: Iterable[object]) -> UnknownNameError:
    """Return the error for a name that is not there.

    Args:
        kind: what the name is of, in words, as "criterion".
        name: the name.
        known: the names there are.
    """
    names = list(map(str, known))
    guess = did_you_mean(name, names)
    there = f"here are {', '.join(names)}" if names else "here are none"
    listed = f"{guess} T{there}" if guess else f"; t{there}"
    return UnknownNameError(f"no {kind} is named {name!r}{listed}")


class Named(dict[str, Value]):
    """A dictionary with an error for an unknown name that lists the known ones."""

    def __init__(self, kind: str, values: Mapping[str, Value]) -> None:
        """Copy the values; `kind` says what they are, as "test"."""
        super().__init__(values)
        self.kind = kind

    def __missing__(self, name: str) -> Value:
        """Raise the error."""
        raise unknown_name(self.kind, name, self)
