"""A proposal of a column map for a user's table, with the reason for each line.

It is printed for the user to check; it is never applied automatically.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from metarl.analysis.schema import TrialSchema, shown
from metarl.io.cells import are_flags, as_numbers, as_plain, as_words, code_cells
from metarl.io.column_map import CHANGES, FILE, MISSING, ROW, Code, ColumnMap
from metarl.io.files import list_files, name_parts, read_file
from metarl.io.names import natural_key
from metarl.io.parts import LISTED
from metarl.io.source import SourceTable
from metarl.io.synonyms import best_match, plain

FEW = 12
"""Most distinct cells of a column of codes."""
PROBABILITIES = ("p1", "p0", "pleft", "probleft", "probabilityleft", "p", "prob")
"""Usual names of a base probability, without marks and case."""
FEWEST_OF_BLOCK = 10
"""Trials of a block, on average, below which a probability is not one of blocks."""
MOSTLY = 0.8
"""Share of rows from which on a column counts as one that numbers trials."""
RARE = 0.2
"""Largest share of a code that stands for a missed trial."""
WORDS = {
    ("left", "right"): (0, 1),
    ("l", "r"): (0, 1),
    ("f", "j"): (0, 1),
    ("a", "b"): (0, 1),
    ("arrowleft", "arrowright"): (0, 1),
    ("no", "yes"): (0, 1),
    ("false", "true"): (0, 1),
    ("loss", "win"): (0, 1),
    ("incorrect", "correct"): (0, 1),
    ("unrewarded", "rewarded"): (0, 1),
    ("links", "rechts"): (0, 1),
    ("gauche", "droite"): (0, 1),
    ("izquierda", "derecha"): (0, 1),
    ("sinistra", "destra"): (0, 1),
    ("esquerda", "direita"): (0, 1),
    ("nein", "ja"): (0, 1),
    ("nee", "ja"): (0, 1),
    ("non", "oui"): (0, 1),
    ("no", "si"): (0, 1),
    ("falsch", "richtig"): (0, 1),
    ("faux", "vrai"): (0, 1),
    ("falso", "verdadero"): (0, 1),
    ("falso", "vero"): (0, 1),
    ("fout", "goed"): (0, 1),
}
"""Pairs of words of a column, without marks and case -> the codes that they likely
mean."""
MISSES = (
    *("none", "timeout", "missed", "miss", "noresponse", "null", "omission", "late"),
    *("keine", "keiner", "kein", "verpasst", "zuspat", "zuspaet", "ausgelassen"),
    *("aucun", "aucune", "ninguna", "ninguno", "nessuna", "nessuno", "geen", "niets"),
    *("nenhuma", "nenhum"),
)
"""Words that likely stand for a missed trial, without marks and case."""
NEGATED = ("slow", "missed", "timeout", "rare", "israre")
"""Names, without marks and case, of columns that say the opposite of metarl's."""
PHASES = ("phase", "trialtype", "task", "event", "stage", "screen", "part", "block")
"""Usual names of a column that marks the rows that are trials."""


@dataclass
class Guess:
    """A proposed map, and why."""

    columns: dict[str, str] = field(default_factory=dict)
    codes: dict[str, dict[str, Code]] = field(default_factory=dict)
    where: dict[str, tuple[str, ...]] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    """Columns of the file that nothing is taken from."""

    @property
    def column_map(self) -> ColumnMap:
        """The proposed map."""
        own = {ours: theirs for ours, theirs in self.columns.items() if ours != theirs}
        return ColumnMap(columns=own, codes=self.codes, where=self.where)


def guess_map(
    paths: Sequence[Path], schema: TrialSchema, given: ColumnMap | None = None
) -> Guess:
    """Propose a map for the first of some files.

    Args:
        paths: files or folders of one experiment.
        schema: columns that are wanted.
        given: the part of the map that the user has given, which is kept.

    Raises:
        MetaRLError: the file cannot be read.
    """
    own = given or ColumnMap()
    file = list_files(paths)[0]
    source = _read(file, own)
    guess = Guess(dict(own.columns), {k: dict(v) for k, v in own.codes.items()})
    guess.where = dict(own.where)
    _guess_columns(guess, source, schema, own, file)
    _guess_where(guess, source)
    table = source.table
    for name, kept in guess.where.items():
        table = table[as_words(table[name]).isin(kept)]
    _guess_episode(guess, table, schema, own)
    _drop_blank(guess, table, schema)
    for ours, theirs in list(guess.columns.items()):
        if theirs in table and ours not in guess.codes:
            cells = table[theirs]
            if not are_flags(cells):
                cells, _ = as_numbers(cells, theirs, source.name)
            _guess_codes(guess, ours, as_words(cells), schema)
    _guess_options(guess, table, schema, own)
    _guess_rows(guess, table)
    _turn_states(guess, table)
    _drop_side(guess, table, schema)
    for name, value in own.values.items():
        if name in schema.columns and (how := schema.columns[name].how):
            guess.reasons.append(
                f"{name} is {shown(value)} in every trial: right only if it never "
                f"changes; {how}"
            )
    _choice_by_outcome(guess, table)
    present = {*guess.columns, *own.values, *schema.defaults}
    used = {theirs.removeprefix(CHANGES) for theirs in guess.columns.values()}
    guess.unused = [str(k) for k in table if k not in used and k not in guess.where]
    guess.missing = [
        name
        for name in schema.needed
        if name not in present and not schema.follows(name, present)
    ]
    return guess


def _read(file: Path, own: ColumnMap) -> SourceTable:
    """The first file, with truth values as they are written there."""
    source = read_file(file, own.reading, lambda names: ())
    truths = [
        str(k) for k in source.table if pd.api.types.is_bool_dtype(source.table[k])
    ]
    if not truths:
        return source
    return read_file(file, own.reading, lambda names: truths)


def _guess_columns(
    guess: Guess, source: SourceTable, schema: TrialSchema, own: ColumnMap, file: Path
) -> None:
    """Find columns by their usual names; one is used once."""
    free = [k for k in source.table.columns if k not in own.columns.values()]
    for ours in schema.columns:
        if ours in guess.columns or ours in own.values:
            continue
        theirs = ours if ours in free else best_match(ours, free)
        if theirs is None:
            continue
        free.remove(theirs)
        guess.columns[ours] = theirs
        if theirs != ours:
            guess.reasons.append(f"{ours} is {theirs}, by its name")
    if "subject" not in guess.columns and "subject" not in own.values:
        guess.columns["subject"] = FILE
        name = name_parts(file)["subject"]
        guess.reasons.append(
            f"no column names the subject: {name!r}, from the file name"
            + _or_column("subject", [k for k in free if _names(source.table[k])])
        )
    if "trial" not in guess.columns and "trial" not in own.values:
        guess.columns["trial"] = ROW
        guess.reasons.append(
            "no column numbers the trials: they are in order"
            + _or_column("trial", [k for k in free if _counts(source.table[k])])
        )


def _or_column(ours: str, names: Sequence[str]) -> str:
    """Advice on columns that may be one of metarl's after all."""
    if not names:
        return ""
    listed = " or ".join(names[:LISTED])
    return f"; if {listed} does, give --column {ours}={names[0]}"


def _names(cells: "pd.Series[Any]") -> bool:
    """Whether a column may name subjects: a few names, mostly as in the row before."""
    same = (cells == cells.shift()).iloc[1:]
    return bool(cells.nunique() > 1 and len(same) and same.mean() > MOSTLY)


def _counts(cells: "pd.Series[Any]") -> bool:
    """Whether a column may number trials: mostly 1 more than in the row before."""
    steps = pd.to_numeric(cells, errors="coerce").diff().iloc[1:]
    return bool(len(steps) and (steps == 1).mean() > MOSTLY)


def _guess_episode(
    guess: Guess, table: pd.DataFrame, schema: TrialSchema, own: ColumnMap
) -> None:
    """Take changes of a probability for episodes, where these are blocks of one."""
    if "episode" in {*guess.columns, *own.values} or not schema.blocks:
        return
    for name in table.columns:
        if plain(name) not in PROBABILITIES:
            continue
        changes = int((table[name] != table[name].shift()).sum())
        if 1 < changes <= len(table) / FEWEST_OF_BLOCK:
            guess.columns["episode"] = f"{CHANGES}{name}"
            guess.reasons.append(
                f"episode: {name} is constant over blocks, and changes {changes} times"
            )
            return


def _drop_blank(guess: Guess, table: pd.DataFrame, schema: TrialSchema) -> None:
    """Leave out columns that are blank in every trial."""
    for ours, theirs in list(guess.columns.items()):
        needed = ours in schema.needed
        if theirs in table and needed and (as_words(table[theirs]) == "").all():
            del guess.columns[ours]
            guess.reasons.append(
                f"{theirs} is blank in every row that has a choice: join the rows of a "
                f"trial, so that its {ours} is in the row of its choice"
            )


def _guess_where(guess: Guess, source: SourceTable) -> None:
    """Find the rows that are trials, if a column gives the kind of each row."""
    choice = guess.columns.get("choice")
    if guess.where or choice not in source.table:
        return
    cells = as_words(source.table[choice]).str.casefold()
    made = ~cells.map(plain).isin(("", *MISSES))
    for name in source.table.columns:
        kinds = as_words(source.table[name])
        if plain(name) not in PHASES or name in guess.columns.values():
            continue
        share = made.groupby(kinds).mean()
        if 1 < len(share) <= FEW and (share == 0).any() and (share > 0).any():
            guess.where[name] = tuple(str(k) for k in share.index[share > 0])
            guess.reasons.append(
                f"only rows in which {name} is {' or '.join(guess.where[name])} have a "
                "choice"
            )
            return


def _guess_codes(
    guess: Guess, ours: str, cells: "pd.Series[str]", schema: TrialSchema
) -> None:
    """Propose codes for a column of a few, where its cells are not metarl's own."""
    column = schema.columns[ours]
    if not column.names:
        return
    counts = cells[cells != ""].value_counts()
    if len(counts) > FEW or not len(counts):
        return
    found = {str(k): int(v) for k, v in counts.items()}
    name = plain(guess.columns[ours])
    known = {str(code) for code in column.names}
    truths = {"True", "False"} if known >= {"0", "1"} else set()
    written = {as_plain(cell) for cell in found}
    written = {k.title() if k.lower() in ("true", "false") else k for k in written}
    if written <= known | truths and name not in NEGATED:
        return
    codes = _codes(ours, name, found, [*column.names])
    if codes is None:
        guess.reasons.append(
            f"the codes of {ours} ({', '.join(sorted(found))}) are not clear: give "
            f'--code "{ours}: ..."'
        )
        return
    advice = ""
    if ours == "choice" and "left" not in column.names.values():
        meant = [f"{k} {column.names[v]}" for k, v in codes.items() if v != MISSING]
        advice = f", which is right only if {' and '.join(meant)}; swap them otherwise"
    if ours == "reward" and _amounts(found):
        advice = "; to keep the amounts, give --unit points instead"
    _take(guess, ours, codes, advice)


def _take(guess: Guess, ours: str, codes: dict[str, Code], advice: str = "") -> None:
    """Propose codes, with the reason."""
    guess.codes[ours] = codes
    pairs = ", ".join(f"{k} is taken for {v}" for k, v in codes.items())
    guess.reasons.append(f"{ours}: {pairs}{advice}")


def _amounts(found: Collection[str]) -> bool:
    """Whether cells are numbers that may be amounts: others than 0, 1 and 2."""
    try:
        return not {float(cell) for cell in found} <= {0.0, 1.0, 2.0}
    except ValueError:
        return False


def _guess_options(
    guess: Guess, table: pd.DataFrame, schema: TrialSchema, own: ColumnMap
) -> None:
    """Propose codes of columns of options, which are counted from 0, all alike."""
    cells = {
        ours: as_words(table[theirs])
        for ours, theirs in guess.columns.items()
        if theirs in table and schema.columns[ours].options and ours not in guess.codes
    }
    if "choice" not in cells or not {*cells}.isdisjoint(own.codes):
        return
    codes = _of_options({cell for each in cells.values() for cell in each} - {""})
    for ours, each in cells.items():
        present = {*each} - {""}
        if {cell for cell, code in codes.items() if as_plain(cell) != str(code)} & (
            present
        ):
            own_codes = {k: v for k, v in codes.items() if k in present}
            _take(guess, ours, own_codes, ", as options are counted from 0")


def _of_options(found: set[str]) -> dict[str, Code]:
    """Codes of options by number, from 0, or by words in their order."""
    missed = {cell for cell in found if plain(cell) in MISSES or _below_zero(cell)}
    rest = sorted(found - missed, key=natural_key)
    if len(rest) > FEW:
        return {}
    if all(cell.isdecimal() for cell in map(as_plain, rest)):
        first = min((int(as_plain(cell)) for cell in rest), default=0)
        codes: dict[str, Code] = {cell: int(as_plain(cell)) - first for cell in rest}
    else:
        codes = _of_words(dict.fromkeys(rest, 1)) or {
            cell: number for number, cell in enumerate(rest)
        }
    return codes | dict.fromkeys(sorted(missed), MISSING)


def _below_zero(cell: str) -> bool:
    return cell.startswith("-") and cell[1:].replace(".", "", 1).isdecimal()


def _codes(
    ours: str, name: str, found: dict[str, int], known: list[float | str]
) -> dict[str, Code] | None:
    """Likely codes of the cells found, or None."""
    missed = {cell: MISSING for cell in found if plain(cell) in MISSES}
    rest = {k: v for k, v in found.items() if k not in missed}
    if ours == "transition":
        pair = ("common", "rare")
        codes = _ordered(rest, pair if "rare" in name else ("rare", "common"))
        if codes and set(rest) == {"1", "2"}:
            codes = {"1": "common", "2": "rare"}
        return codes and {**codes, **missed}
    if ours == "valid" and name in NEGATED:
        return _ordered(rest, (1, 0))
    codes = _of_words(rest) or _of_numbers(rest)
    if codes is None or not set(codes.values()) <= {*known, MISSING}:
        return None
    return {**codes, **missed}


def _ordered(found: dict[str, int], pair: tuple[Code, Code]) -> dict[str, Code] | None:
    """Two numbers or truth values, the smaller first."""
    words = {"false": 0.0, "true": 1.0}
    try:
        values = {cell: words.get(cell.lower()) for cell in found}
        numbers = {k: float(k) if v is None else v for k, v in values.items()}
    except ValueError:
        return None
    if not set(numbers.values()) <= {0.0, 1.0} and set(numbers.values()) != {1.0, 2.0}:
        return None
    least = min(0.0 if max(numbers.values()) < 2 else 1.0, *numbers.values())
    return {cell: pair[int(number != least)] for cell, number in numbers.items()}


def _of_words(found: dict[str, int]) -> dict[str, Code] | None:
    """A pair of words that has a usual meaning."""
    lower = {plain(cell): cell for cell in found}
    for pair, codes in WORDS.items():
        if lower and set(lower) <= set(pair):
            return {
                lower[word]: code
                for word, code in zip(pair, codes, strict=True)
                if word in lower
            }
    return None


def _of_numbers(found: dict[str, int]) -> dict[str, Code] | None:
    """Two numbers, the smaller 0 and the larger 1, and one of a missed trial."""
    try:
        numbers = sorted((float(cell), cell) for cell in found)
    except ValueError:
        return None
    total = sum(found.values())
    missed = [
        (value, cell)
        for value, cell in numbers
        if value < 0 or value == 0 or abs(value) >= 99
    ]
    pair = numbers
    if len(numbers) == 3:
        rare = [item for item in missed if found[item[1]] / total <= RARE]
        if numbers[0][0] < 0 <= numbers[1][0] - 1:
            rare = numbers[:1]
        if len(rare) != 1:
            return None
        pair = [item for item in numbers if item != rare[0]]
        codes: dict[str, Code] = {rare[0][1]: MISSING}
    else:
        codes = {}
    if len(pair) != 2:
        return None
    return {pair[0][1]: 0, pair[1][1]: 1, **codes}


def _guess_rows(guess: Guess, table: pd.DataFrame) -> None:
    """Number the trials by their rows where their own numbers are not whole."""
    theirs = guess.columns.get("trial")
    if theirs in table:
        numbers = pd.to_numeric(table[theirs], errors="coerce")
        if not (numbers == np.floor(numbers)).all():
            guess.columns["trial"] = ROW
            guess.reasons.append(f"{theirs} has no whole numbers: trials are in order")


def _turn_states(guess: Guess, table: pd.DataFrame) -> None:
    """Swap the codes of a second-stage state that contradicts every transition."""
    names = ("choice", "second_state", "transition")
    if not all(guess.columns.get(name) in table for name in names):
        return
    choice, state, transition = (
        _coded(guess, name, table[guess.columns[name]]) for name in names
    )
    known = choice.isin(["0", "1"]) & state.isin(["0", "1"])
    common = transition[known] == "common"
    if known.any() and ((choice[known] == state[known]) != common).all():
        codes = guess.codes.get("second_state", {"0": 0, "1": 1})
        turned: dict[float | str, Code] = {0: 1, 1: 0}
        guess.codes["second_state"] = {k: turned.get(v, v) for k, v in codes.items()}
        guess.reasons.append(
            "second_state is numbered the other way round: option 0 must commonly lead "
            "to state 0"
        )


def _drop_side(guess: Guess, table: pd.DataFrame, schema: TrialSchema) -> None:
    """Leave out a choice that is a side or key, if the option follows from others."""
    rule, theirs = schema.derived.get("choice"), guess.columns.get("choice")
    needs = ("second_state", "transition")
    if (
        rule is None
        or theirs is None
        or theirs not in table
        or not {*needs} <= {*guess.columns}
    ):
        return
    if any(guess.columns[name] not in table for name in needs):
        return
    choice, state, transition = (
        _coded(guess, name, table[guess.columns[name]]) for name in ("choice", *needs)
    )
    known = choice.isin(["0", "1"]) & state.isin(["0", "1"]) & (transition != "")
    wrong = (choice == state) != (transition == "common")
    count, whole = int((known & wrong).sum()), int(known.sum())
    if count in (0, whole):
        return
    why = (
        f"{theirs} is no option, but a side or key: in {count} of {whole} trials it "
        "contradicts transition and second_state"
    )
    if plain(theirs) == "choice":
        guess.reasons.append(f"{why}; give the column another name")
        return
    del guess.columns["choice"]
    guess.codes.pop("choice", None)
    starts = (f"choice is {theirs}", "choice: ")
    guess.reasons = [r for r in guess.reasons if not r.startswith(starts)]
    guess.reasons.append(f"{why}; choice is left out, as it follows from these")


def _coded(guess: Guess, ours: str, cells: "pd.Series[Any]") -> "pd.Series[str]":
    """Cells of a column in the codes proposed, as words."""
    codes = guess.codes.get(ours)
    return as_words(code_cells(cells, codes, True, ours, ours, "") if codes else cells)


def _choice_by_outcome(guess: Guess, table: pd.DataFrame) -> None:
    """A reward that names the side that paid: 0, or the choice."""
    choice, reward = guess.columns.get("choice"), guess.columns.get("reward")
    if "reward" in guess.codes or choice not in table or reward not in table:
        return
    chosen, paid = as_words(table[choice]), as_words(table[reward])
    nonzero = paid[~paid.isin(["", "0"])]
    if len(nonzero) and np.array_equal(nonzero, chosen[nonzero.index]):
        kinds = sorted(nonzero.unique())
        if kinds != ["1"]:
            guess.codes["reward"] = {"0": 0, **dict.fromkeys(kinds, 1)}
            guess.reasons = [r for r in guess.reasons if "of reward (" not in r]
            guess.reasons.append("reward is 0, or the side that paid: 1 for either")
