"""Settings of a run by name, as learning.discount: read, checked and changed.

The names are those of the command line's options, without the dashes in front. A
schedule, such as the learning rate, may be set to a number: its value throughout
training.
"""

import dataclasses
import math
import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from metarl.agents.config import Schedule, constant
from metarl.core.checks import in_words
from metarl.core.fields import check_type
from metarl.core.interventions import Intervention
from metarl.core.names import did_you_mean
from metarl.runs.config import RunConfig, parse_settings

SECTIONS: Mapping[str, str] = {
    "task": "task_params",
    "network": "network",
    "learning": "learning",
    "training": "training",
}
"""First part of a name -> field of the run's configuration."""
PAIRS = {"(": ")", "[": "]", "{": "}"}
"""Brackets and quotes within which a comma or a colon separates nothing."""
LOG = "log"
"""Last part of a range whose logarithm is uniform."""


@dataclass(frozen=True)
class Values:
    """Values of a setting, one after the other."""

    values: tuple[Any, ...]
    """At least one, and all different."""

    def __str__(self) -> str:
        """The values as on the command line."""
        return ",".join(map(str, self.values))


@dataclass(frozen=True)
class Span:
    """A range from which values of a setting are drawn."""

    low: float
    """Least value."""
    high: float
    """Greatest value, above the least."""
    log: bool = False
    """Whether the logarithm is uniform, rather than the value."""
    whole: bool = False
    """Whether the values are whole numbers."""

    def __str__(self) -> str:
        """The range as on the command line."""
        return f"{self.low}:{self.high}{f':{LOG}' if self.log else ''}"


def split_settings(settings: Iterable[str]) -> dict[str, str]:
    """Split settings of the command line into names and values.

    Args:
        settings: each NAME=VALUE,VALUE,... or NAME=LOW:HIGH or NAME=LOW:HIGH:log.

    Raises:
        ValueError: one has another form, or a name is there twice.
    """
    found: dict[str, str] = {}
    for setting in settings:
        given, equals, text = setting.partition("=")
        name = given.strip().replace("-", "_")
        if not equals:
            raise ValueError(
                "a setting must be NAME=VALUE,VALUE,... or NAME=LOW:HIGH, got "
                f"{setting!r}"
            )
        if name in found:
            raise ValueError(f"{name} is set twice; give all of its values at once")
        found[name] = text
    return found


def read_values(config: RunConfig[Any], name: str, text: str) -> Values | Span:
    """Read the values, or the range, of one setting.

    Args:
        config: configuration that they are to change.
        name: name of the setting.
        text: VALUE,VALUE,... or LOW:HIGH or LOW:HIGH:log; a value is in Python syntax
            or a plain word.

    Raises:
        ValueError: there is no such setting, or a value does not fit its type.
    """
    ends = _split(text, ":")
    if len(ends) > 1:
        return _read_span(config, name, text, ends)
    return make_values(config, name, [_value(name, each) for each in _split(text, ",")])


def make_values(config: RunConfig[Any], name: str, values: Sequence[Any]) -> Values:
    """Return the values of a setting; raise ValueError unless they fit its field."""
    kind = setting_type(config, name)
    if not values:
        raise ValueError(f"{name} must have at least one value, got none")
    plain = tuple(_checked(name, each, kind) for each in values)
    for number, each in enumerate(plain):
        if each in plain[:number]:
            raise ValueError(f"{name} has the value {each} twice; give it once")
    return Values(plain)


def _read_span(
    config: RunConfig[Any], name: str, text: str, ends: Sequence[str]
) -> Span:
    kind = setting_type(config, name)
    low, high = (_value(name, each) for each in ends[:2])
    if len(ends) > 3 or (len(ends) == 3 and ends[2].strip() != LOG):
        raise ValueError(
            f"a range of {name} must be LOW:HIGH or LOW:HIGH:{LOG}, got {text!r}"
        )
    if not set(_kinds(kind)) & {int, float, Schedule}:
        raise ValueError(f"{name} must have values, not a range, got {text!r}")
    low, high = (_checked(name, each, kind) for each in (low, high))
    span = Span(low, high, log=len(ends) == 3, whole=int in _kinds(kind))
    return check_span(name, span)


def check_span(name: str, span: Span) -> Span:
    """Return a range; raise ValueError unless values can be drawn from it."""
    if not span.low < span.high:
        raise ValueError(
            f"a range of {name} must have its low end first, got {span}; give one "
            "value if there is one"
        )
    if span.log and not span.low > 0:
        raise ValueError(
            f"a range of {name} with a uniform logarithm must begin above 0, got {span}"
        )
    return span


def setting_type(config: RunConfig[Any], name: str) -> Any:
    """Return the type of a setting; raise ValueError if there is none of this name."""
    known = dict(_types(config))
    if name not in known:
        last = [full for full in known if full.endswith(f".{name}")]
        guess = did_you_mean(last[0] if last else name, known) or ";"
        raise ValueError(
            f"no setting is named {name!r}{guess} `metarl train {config.task} --help` "
            "lists them"
        )
    return known[name]


def _types(config: RunConfig[Any]) -> Iterator[tuple[str, Any]]:
    """Name and type of every setting."""
    for section, field in SECTIONS.items():
        yield from _types_within(type(getattr(config, field)), section)


def _types_within(kind: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    hints = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        hint, name = hints[field.name], f"{prefix}.{field.name}"
        if hint is Schedule or not dataclasses.is_dataclass(hint):
            yield name, hint
        if dataclasses.is_dataclass(hint) and hint is not Intervention:
            yield from _types_within(hint, name)


def _kinds(kind: Any) -> tuple[Any, ...]:
    """The type, or the types of a union."""
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        return typing.get_args(kind)
    return (kind,)


def _checked(name: str, value: Any, kind: Any) -> Any:
    """Return a value as a plain one; raise ValueError if it is of another type."""
    return check_type(name, value, float if kind is Schedule else kind)


def _value(name: str, text: str) -> Any:
    """Read one value: in Python syntax, or a plain word."""
    if not text.strip():
        raise ValueError(f"{name} has an empty value; give values with commas between")
    return parse_settings([f"value={text.strip()}"])["value"]


def _split(text: str, mark: str) -> list[str]:
    """Split a text at a mark, except within brackets and quotes."""
    parts, waited = [""], ""
    for letter in text:
        if letter == mark and not waited:
            parts.append("")
            continue
        parts[-1] += letter
        if waited and letter == waited[-1]:
            waited = waited[:-1]
        elif letter in PAIRS:
            waited += PAIRS[letter]
        elif letter in "'\"" and not waited:
            waited += letter
    return parts


def change_settings(
    config: RunConfig[Any], changes: Mapping[str, Any]
) -> RunConfig[Any]:
    """Return a configuration with some settings changed.

    Args:
        config: configuration.
        changes: name -> value.

    Raises:
        ValueError: a setting does not exist, or a value is refused by its field.
    """
    tree: dict[str, Any] = {}
    for name, value in changes.items():
        _checked(name, value, setting_type(config, name))
        *path, last = name.split(".")
        place = tree
        for part in path:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                break
        if not isinstance(place, dict) or last in place:
            raise ValueError(f"{name} is a part of another setting that is set too")
        place[last] = value
    parts = {field: tree[name] for name, field in SECTIONS.items() if name in tree}
    changed: RunConfig[Any] = _changed(config, parts)
    return changed


def _changed(value: Any, changes: Mapping[str, Any]) -> Any:
    """A dataclass with some fields changed, all at once, and those within them."""
    fields: dict[str, Any] = {}
    for name, new in changes.items():
        now = getattr(value, name)
        if isinstance(new, dict) and dataclasses.is_dataclass(now):
            fields[name] = _changed(now, new)
        elif isinstance(now, Schedule):
            fields[name] = constant(new)
        else:
            fields[name] = new
    return dataclasses.replace(value, **fields)


def shown(value: object) -> str:
    """A value as it is written: a number without superfluous digits, or the word."""
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:.6g}"
    return value if isinstance(value, str) else in_words(value)
