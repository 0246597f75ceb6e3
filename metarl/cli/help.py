"""Help of a command: usage, then its options in the order in which they are needed.

The texts are the docstrings of the fields. An option that has no effect with the other
settings, by its `Applies`, is shown by --help-all alone.
"""

import ast
import dataclasses
import inspect
import shutil
import textwrap
import types
import typing
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple

import tyro

from metarl.core.fields import Applies
from metarl.core.source_fields import SourceField, source_fields

SHORT = ("-h", "--help")
"""Words that ask for the help."""
ALL = "--help-all"
"""Word that asks for the help with every option."""
FIRST = ("preset", "out", "subjects", "seed", "device", "engine", "workers")
"""Options that stand first, in this order."""
ADVANCED = ("costs", "perturbation", "replay")
"""Groups of settings that the short help leaves out."""
COLUMN = 30
"""Letters in which an option stands, left of its text."""
WIDEST = 100
"""Most letters of a line."""
ON, OFF = "on", "off"
"""Switches, by their default; the help shows the option that changes it."""
KINDS: Mapping[str, str] = {"int": "INT", "float": "FLOAT", "str": "TEXT"}
"""Type -> word for its value."""


class Option(NamedTuple):
    """An option, or an argument without a name."""

    flag: str
    """Its name and its value, as --seed INT."""
    text: str
    """What it does."""
    default: str
    """Its default; empty: it has none, or none to speak of."""


Groups = Mapping[str, Sequence[Option]]
"""Heading of a group -> its options."""


def wanted(words: Sequence[str]) -> bool:
    """Whether the words of a command ask for its help."""
    return any(word in (*SHORT, ALL) for word in words)


def command_help(
    command: str, kind: type, default: Any, note: str = "", *, everything: bool
) -> str:
    """Help of a command whose options are the fields of one dataclass.

    Args:
        command: its name.
        kind: the dataclass.
        default: instance of it with the defaults; None: those of its fields.
        note: text below the options, as it is.
        everything: whether options without an effect are shown.
    """
    options = [*in_order(_options(kind, default, "", everything=everything))]
    arguments = [each for each in options if not each.flag.startswith("-")]
    named = [each for each in options if each.flag.startswith("-")]
    usage = " ".join([command, *(each.flag for each in arguments), "[OPTIONS]"])
    groups = {"Arguments": arguments, "Options": named}
    text = page(usage, _summary(kind), groups)
    return f"{text}\n\n{note}" if note else text


def run_options(
    kind: type, without: Collection[str], defaults: Mapping[str, str]
) -> Iterator[Option]:
    """Options of a dataclass without some of its fields.

    Args:
        kind: the dataclass.
        without: fields that are left out.
        defaults: defaults of those that have none in the class, by name.
    """
    for option in _options(kind, None, "", everything=True):
        name = option.flag.split()[0].removeprefix("--").partition(".")[0]
        if name not in without:
            yield option._replace(default=defaults.get(name, option.default))


def page(usage: str, summary: str, groups: Groups, note: str = "") -> str:
    """Text of a help page, as wide as the terminal."""
    width = min(shutil.get_terminal_size().columns, WIDEST)
    lines = [f"usage: metarl {usage}", "", *_wrapped(summary, width)]
    for heading, options in groups.items():
        if options:
            lines += ["", heading, *(_lines(options, width))]
    if note:
        lines += ["", *_wrapped(note, width)]
    return "\n".join(lines)


def _lines(options: Iterable[Option], width: int) -> Iterator[str]:
    for flag, text, default in options:
        said = f"{text} [{default}]" if default else text
        beside = _wrapped(said, max(width - COLUMN - 4, 30))
        first = f"  {flag}"
        if len(first) > COLUMN + 2:
            yield first
            first = ""
        for line in beside or [""]:
            yield f"{first:<{COLUMN + 4}}{line}".rstrip()
            first = ""


def _wrapped(text: str, width: int) -> list[str]:
    """Lines of a text; names with hyphens and long words stay whole."""
    return textwrap.wrap(text, width, break_on_hyphens=False, break_long_words=False)


def _summary(kind: type) -> str:
    return " ".join((kind.__doc__ or "").split())


def in_order(options: Iterable[Option]) -> list[Option]:
    """Those of `FIRST` first; the others as they are."""

    def place(option: Option) -> int:
        name = option.flag.split()[0].removeprefix("--").rstrip(",")
        return FIRST.index(name) if name in FIRST else len(FIRST)

    return sorted(options, key=place)


def _options(
    kind: type, values: Any, prefix: str, *, everything: bool
) -> Iterator[Option]:
    """Options of a dataclass.

    Args:
        kind: the dataclass.
        values: instance of it with the defaults; None: those of its fields.
        prefix: beginning of each name, as "network.".
        everything: whether those without an effect are among them.
    """
    texts = {f.name: f.text for f in source_fields(kind.__module__, kind.__qualname__)}
    hints = typing.get_type_hints(kind, include_extras=True)
    own = inspect.get_annotations(kind)
    fields = sorted(dataclasses.fields(kind), key=lambda f: f.name not in own)
    for each in fields:
        hint, value = hints[each.name], _value(each, values)
        if not (everything or applies(hint, values)):
            continue
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            if everything or each.name not in ADVANCED:
                yield from nested(each.name, value, prefix, texts, everything)
            continue
        text = _given_text(hint) or texts.get(each.name, "")
        positional = tyro.conf.Positional in getattr(hint, "__metadata__", ())
        word = _switch(value) if metavar(hint) == "" else metavar(hint)
        flag = _flag(prefix + each.name, word, positional=positional)
        yield Option(flag, text, _shown(value))


def nested(
    name: str, value: Any, prefix: str, texts: Mapping[str, str], everything: bool
) -> Iterator[Option]:
    """Options of a field that is a dataclass; a schedule in one line."""
    inner = f"{prefix}{name}."
    kinds = {each.name for each in dataclasses.fields(value)}
    if kinds == {"start", "end", "fraction"}:
        shown = f"{value.start:g} to {value.end:g}"
        if value.start == value.end:
            shown = f"{value.start:g}"
        elif value.fraction != 1:
            shown += f" over {value.fraction:g} of training"
        flag = f"--{inner.replace('_', '-')}start, .end, .fraction FLOAT"
        yield Option(flag, texts.get(name, ""), shown)
        return
    yield from _options(type(value), value, inner, everything=everything)


def applies(hint: Any, values: Any) -> bool:
    """Whether a field has an effect, given the other values of its object."""
    conditions = [
        each for each in getattr(hint, "__metadata__", ()) if isinstance(each, Applies)
    ]
    return all(
        getattr(values, each.name, None) in each.values or values is None
        for each in conditions
    )


def task_options(
    fields: Iterable[SourceField], changed: Mapping[str, Any]
) -> list[Option]:
    """Options of the parameters of a task.

    Args:
        fields: its fields, as in the source.
        changed: values of a preset that differ from the defaults, by name.
    """
    options = []
    for each in fields:
        value = changed.get(each.name, _literal(each.default))
        flag = _flag(f"task.{each.name}", _metavar_of(value))
        default = each.default if value is UNKNOWN else _shown(value)
        options.append(Option(flag, each.text, default))
    return options


UNKNOWN = object()
"""Value of a default that is no number, text or tuple of them."""


def _literal(default: str) -> Any:
    """Value of a default in the source."""
    try:
        return ast.literal_eval(default)
    except (ValueError, SyntaxError):
        return UNKNOWN


def _metavar_of(value: Any) -> str:
    """Word for a value that is like this one."""
    if isinstance(value, bool):
        return _switch(value)
    if isinstance(value, tuple):
        return f"{_metavar_of(value[0])} ..." if value else "..."
    return KINDS.get(type(value).__name__, "VALUE")


def _flag(name: str, value: str, *, positional: bool = False) -> str:
    if positional:
        return name.upper().replace("_", "-")
    flag = name.replace("_", "-")
    group, dot, last = flag.rpartition(".")
    if value in (ON, OFF):
        return f"--{group}{dot}{'no-' * (value == ON)}{last}"
    return f"--{flag} {value}"


def _switch(value: object) -> str:
    """Word for a switch, by its default."""
    return ON if value is True else OFF


def metavar(hint: Any) -> str:
    """Word for the value of an option; empty for a switch."""
    if typing.get_origin(hint) is Annotated:
        return metavar(typing.get_args(hint)[0])
    if hint is bool:
        return ""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return "{" + ",".join(map(str, inner)) + "}"
    if origin in (types.UnionType, typing.Union):
        words = [metavar(each) for each in inner if each is not type(None)]
        return "|".join(dict.fromkeys(words))
    if origin in (tuple, list):
        return f"{metavar(inner[0])} ..."
    return KINDS.get(
        getattr(hint, "__name__", ""), getattr(hint, "__name__", "").upper()
    )


def _given_text(hint: Any) -> str:
    """Text that an annotation gives itself."""
    for each in getattr(hint, "__metadata__", ()):
        if text := getattr(each, "help", None):
            return str(text)
    return ""


def _value(field: "dataclasses.Field[Any]", values: Any) -> Any:
    if values is not None:
        return getattr(values, field.name)
    if field.default is not dataclasses.MISSING:
        return field.default
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return dataclasses.MISSING


def _shown(value: Any) -> str:
    """Default in words; empty for one that says nothing."""
    if value is None or value is dataclasses.MISSING or value == ():
        return ""
    if isinstance(value, bool):
        return _switch(value)
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return str(value)
