"""The columns of a user's table in terms of metarl's, and the meaning of its codes."""

import json
import shlex
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from metarl.core.checks import MetaRLError
from metarl.io.source import ReadingOptions

Code = float | str
"""A code of metarl's: a number, a word, or MISSING."""
MISSING = "missing"
"""Code of a cell that is to be read as blank."""
FILE, ROW, CHANGES = "@file", "@row", "@changes:"
"""In place of a column: the name of the file; the number of the row within subject,
session and episode, from 0; and, before a column's name, how often that column has
changed within subject and session."""
PARTS = ("columns", "codes", "values", "where", "names", "skip_rows", "options")
"""Parts of a map's file."""
OPTIONS = ("unit", "rt_unit", "who", "group")
"""Further options of the command that a map keeps."""


RT_UNITS = ("s", "ms")
"""Units of reaction times."""


@dataclass(frozen=True, kw_only=True)
class ColumnMap:
    """How the columns of a user's table become metarl's."""

    columns: Mapping[str, str] = field(default_factory=dict)
    """metarl's column -> the user's, FILE, for trial also ROW, and for episode CHANGES
    with a column."""
    codes: Mapping[str, Mapping[str, Code]] = field(default_factory=dict)
    """metarl's column -> the user's code -> metarl's; then every cell needs a code."""
    values: Mapping[str, Code] = field(default_factory=dict)
    """metarl's column -> its value in every row."""
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The user's column -> values of the rows that are trials; other rows are not."""
    names: tuple[str, ...] = ()
    """Names of the columns, where the file has no header."""
    skip_rows: int = 0
    """Rows above the header, or above the first trial."""
    further: Mapping[str, str] = field(default_factory=dict)
    """One of OPTIONS -> its value, where it is given."""

    def __post_init__(self) -> None:
        """Validate the fields."""
        both = sorted(set(self.columns) & set(self.values))
        if both:
            raise MetaRLError(
                f"{both[0]} must come from a column or be one value, got both; leave "
                "one out"
            )
        if self.skip_rows < 0:
            raise MetaRLError(f"--skip-rows must be at least 0, got {self.skip_rows}")

    @property
    def reading(self) -> ReadingOptions:
        """How the file is read."""
        return ReadingOptions(names=self.names, skip_rows=self.skip_rows)

    def words(self) -> list[str]:
        """The map as words of the command line."""
        found: list[str] = []
        for ours, theirs in self.columns.items():
            found += ["--column", f"{ours}={theirs}"]
        for ours, codes in self.codes.items():
            pairs = [f"{_quoted(k)}={_code_word(v)}" for k, v in codes.items()]
            found += ["--code", f"{ours}: {' '.join(pairs)}"]
        for ours, value in self.values.items():
            found += ["--value", f"{ours}={_code_word(value)}"]
        for theirs, kept in self.where.items():
            found += ["--where", f"{theirs}: {' '.join(map(_quoted, kept))}"]
        if self.names:
            found += ["--names", ",".join(self.names)]
        if self.skip_rows:
            found += ["--skip-rows", str(self.skip_rows)]
        return found

    def options(self) -> str:
        """The map as one line of the command line, quoted for a shell."""
        return shlex.join(self.words())

    def to_toml(self) -> str:
        """The map as the text of a file that `read_map` reads."""
        top = [f"names = {json.dumps(list(self.names))}"] if self.names else []
        top += [f"skip_rows = {self.skip_rows}"] if self.skip_rows else []
        parts = ["\n".join(top)] if top else []
        tables: dict[str, Mapping[str, Any]] = {
            "columns": self.columns,
            **{f"codes.{_key(ours)}": codes for ours, codes in self.codes.items()},
            "values": self.values,
            "where": {k: list(v) for k, v in self.where.items()},
            "options": self.further,
        }
        for name, content in tables.items():
            if content:
                lines = [f"{_key(k)} = {json.dumps(v)}" for k, v in content.items()]
                parts.append("\n".join([f"[{name}]", *lines]))
        return "\n\n".join(parts) + "\n" if parts else ""


def _key(name: str) -> str:
    """A key as TOML writes it."""
    bare = name.isascii() and name.replace("_", "").replace("-", "").isalnum()
    return name if bare else json.dumps(name)


def _quoted(word: str) -> str:
    return shlex.quote(word) if word != "" else "''"


def _code_word(code: Code) -> str:
    if isinstance(code, str):
        return _quoted(code)
    return str(int(code)) if code == np.floor(code) else str(code)


def parse_map(
    *,
    columns: Sequence[str] = (),
    codes: Sequence[str] = (),
    values: Sequence[str] = (),
    where: Sequence[str] = (),
    names: str = "",
    skip_rows: int = 0,
) -> ColumnMap:
    """Read a map from words of the command line.

    Args:
        columns: OURS=THEIRS each.
        codes: "OURS: THEIRS=CODE THEIRS=CODE ..." each.
        values: OURS=VALUE each.
        where: "THEIRS: VALUE VALUE ..." each.
        names: names of the columns, with commas between them.
        skip_rows: rows above the header.

    Raises:
        MetaRLError: a word is not of this form, or names a column twice.
    """
    pairs = [_pair(word, "--column", "choice=response") for word in columns]
    fixed = [_pair(word, "--value", "schedule=80") for word in values]
    coded = [_listed(word, "--code", '"choice: L=0 R=1 -1=missing"') for word in codes]
    kept = [_listed(word, "--where", '"phase: choice"') for word in where]
    return ColumnMap(
        columns=_once(pairs, "--column"),
        codes=_once([(k, _code_table(k, v)) for k, v in coded], "--code"),
        values=_once([(k, _code(v)) for k, v in fixed], "--value"),
        where=_once([(k, tuple(v)) for k, v in kept], "--where"),
        names=tuple(name.strip() for name in names.split(",")) if names else (),
        skip_rows=skip_rows,
    )


def _once(pairs: Sequence[tuple[str, Any]], option: str) -> dict[str, Any]:
    """Pairs as a mapping; MetaRLError if a key is there twice."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise MetaRLError(f"{option} must name {name} once, got it twice")
        found[name] = value
    return found


def _pair(word: str, option: str, example: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not (equals and name.strip() and value.strip()):
        raise MetaRLError(
            f"{option} must be like {option} {example}, got {word!r}; write metarl's "
            "name, =, and yours"
        )
    return name.strip(), value.strip()


def _listed(word: str, option: str, example: str) -> tuple[str, list[str]]:
    name, colon, rest = word.partition(":")
    try:
        items = shlex.split(rest)
    except ValueError:
        items = []
    if not (colon and name.strip() and items):
        raise MetaRLError(f"{option} must be like {option} {example}, got {word!r}")
    return name.strip(), items


def _code_table(name: str, items: Sequence[str]) -> dict[str, Code]:
    """Pairs of a user's code and metarl's; the last = of each separates them."""
    pairs: list[tuple[str, Code]] = []
    for item in items:
        theirs, equals, ours = item.rpartition("=")
        if not (equals and ours):
            raise MetaRLError(
                f"--code must give each code of {name} as YOURS=OURS, got {item!r}"
            )
        pairs.append((theirs, _code(ours)))
    return _once(pairs, f"--code {name}:")


def _code(word: str) -> Code:
    """A number where the word is one, or the word."""
    try:
        number = float(word)
    except ValueError:
        return MISSING if word in (MISSING, "blank", "") else word
    return number if np.isfinite(number) else word


def read_map(path: Path) -> ColumnMap:
    """Read a map from a TOML file.

    Raises:
        MetaRLError: the file is missing or no map.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise MetaRLError(
            f"there is no file {str(path)!r}; give a column map"
        ) from None
    except (OSError, ValueError) as error:
        raise MetaRLError(f"{path.name} is no column map in TOML: {error}") from None
    unknown = sorted(set(content) - set(PARTS))
    if unknown:
        raise MetaRLError(
            f"{path.name} must have the parts {', '.join(PARTS)}, got {unknown[0]!r}"
        )
    try:
        return ColumnMap(
            columns=_strings(content.get("columns", {}), "columns", path),
            codes={
                ours: _codes_of(codes, f"codes.{ours}", path)
                for ours, codes in _table(content.get("codes", {}), "codes", path)
            },
            values=_codes_of(content.get("values", {}), "values", path),
            where={
                k: tuple(map(str, v if isinstance(v, list) else [v]))
                for k, v in _table(content.get("where", {}), "where", path)
            },
            names=tuple(map(str, content.get("names", ()))),
            skip_rows=int(content.get("skip_rows", 0)),
            further=_options(content.get("options", {}), path),
        )
    except (TypeError, ValueError) as error:
        raise MetaRLError(f"{path.name} is no column map: {error}") from None


def _table(content: Any, part: str, path: Path) -> list[tuple[str, Any]]:
    if not isinstance(content, Mapping):
        raise MetaRLError(f"{part} in {path.name} must be a table, got {content!r}")
    return list(content.items())


def _strings(content: Any, part: str, path: Path) -> dict[str, str]:
    pairs = _table(content, part, path)
    for name, value in pairs:
        if not isinstance(value, str):
            raise MetaRLError(
                f"{part}.{name} in {path.name} must be a name in quotes, got {value!r}"
            )
    return dict(pairs)


def _options(content: Any, path: Path) -> dict[str, str]:
    found = _strings(content, "options", path)
    unknown = sorted(set(found) - set(OPTIONS))
    if unknown:
        raise MetaRLError(
            f"options in {path.name} must be of {', '.join(OPTIONS)}, got "
            f"{unknown[0]!r}; give it to the command"
        )
    if found.get("rt_unit", RT_UNITS[0]) not in RT_UNITS:
        raise MetaRLError(
            f"options.rt_unit in {path.name} must be {' or '.join(RT_UNITS)}, got "
            f"{found['rt_unit']!r}"
        )
    return found


def _codes_of(content: Any, part: str, path: Path) -> dict[str, Code]:
    found: dict[str, Code] = {}
    for name, value in _table(content, part, path):
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise MetaRLError(
                f"{part}.{name} in {path.name} must be a number or a word, got "
                f"{value!r}"
            )
        found[name] = _code(str(value))
    return found


def merge_maps(first: ColumnMap, second: ColumnMap) -> ColumnMap:
    """Join two maps; the entries of the second take precedence."""
    return ColumnMap(
        columns={
            **{k: v for k, v in first.columns.items() if k not in second.values},
            **second.columns,
        },
        codes={**first.codes, **second.codes},
        values={
            **{k: v for k, v in first.values.items() if k not in second.columns},
            **second.values,
        },
        where={**first.where, **second.where},
        names=second.names or first.names,
        skip_rows=second.skip_rows or first.skip_rows,
        further={**first.further, **second.further},
    )
