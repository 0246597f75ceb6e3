"""Interventions as sentences: the change of a signal, and its condition.

    rpe set -4 when risky == 1 and won == 1
    teaching scale 0.5 when paid > 0
    units set 0 of 0-9 when event == "choice"
    units noise 0.3
    memory reset when event == "fixation" and trial % 5 == 0

TARGET OPERATION [AMOUNT] [of UNITS] [when CONDITION]. Targets:

rpe        prediction error input of the actor, on the step that reveals it
teaching   prediction error from which a network learns
units      activity of the recurrent units (a separate critic's come after the actor's)
memory     memory, last action and last reward; `reset` clears them

Operations on a number: `set`, `add`, `scale`, and `noise` (adds normal noise of that
standard deviation). A condition is an expression of comparisons, `and`, `or`, `not` and
arithmetic over

event      event on the screen now, by name
trial      number of the present trial, from 0
step       steps since the start of the episode
action     last action, by name; paid: its reward
COLUMN     any column of the task in the trial table (reward, choice, ...), of the trial
           that ended with the last step; blank at all other times

A comparison with a blank is false. Without a condition the intervention is made at
every step.
"""

import ast
import math
import operator
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from metarl.core.checks import check_choice

TARGETS = ("rpe", "teaching", "units", "memory")
"""Signals that can be changed."""
OPERATIONS = ("set", "add", "scale", "noise")
"""Operations on a number."""
LONGEST = 500
"""Characters of a condition; a deeply nested one cannot be evaluated."""
LAST_UNIT = 99_999
"""Largest number of a unit; no network has so many."""
FORM = "TARGET OPERATION [AMOUNT] [of UNITS] [when CONDITION]"
PATTERN = re.compile(
    r"\s*(?P<target>\w+)\s+(?P<operation>\w+)(?:\s+(?P<amount>[-+.\w]+))?"
    r"(?:\s+of\s+(?P<units>[\d,\s-]+?))?(?:\s+when\s+(?P<when>.+?))?\s*"
)
BINARY: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Mod: operator.mod,
    ast.FloorDiv: operator.floordiv,
}
COMPARE: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
Words = Mapping[str, Sequence[str]]
"""Variable -> the words for its codes 0, 1, ..."""


@dataclass(frozen=True)
class Condition:
    """Condition: an expression over the variables of a step."""

    text: str

    def __post_init__(self) -> None:
        """Validate the fields."""
        if len(self.text) > LONGEST:
            raise ValueError(
                f"a condition must have at most {LONGEST} characters, got "
                f"{len(self.text)}: {self.text!r:.60}"
            )
        _check(self._tree(), self.text, truth=True)

    def _tree(self) -> ast.expr:
        try:
            return ast.parse(self.text.strip(), mode="eval").body
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            raise ValueError(
                f"a condition must be an expression such as 'reward > 0 and trial < 5',"
                f" got {self.text!r}"
            ) from None

    def check_names(self, known: Collection[str]) -> None:
        """Raise ValueError unless all names in the condition are known."""
        unknown = [name for name in names_in(self._tree()) if name not in known]
        if unknown:
            raise ValueError(
                f"the condition {self.text!r} must use known names, got "
                f"{unknown[0]!r}; choose from: {', '.join(known)}"
            )

    def holds(self, variables: Mapping[str, Any], words: Words) -> Any:
        """(B,) bool: whether the condition holds.

        Args:
            variables: name -> (B,) numbers; NaN is blank.
            words: words for the codes of variables.
        """
        return _truth(self._tree(), variables, words)


def names_in(node: ast.AST) -> list[str]:
    """Names of the variables in an expression."""
    return [part.id for part in ast.walk(node) if isinstance(part, ast.Name)]


def _words(node: ast.AST) -> list[str]:
    """Words in an expression; arithmetic on words is refused."""
    constants = (part for part in ast.walk(node) if isinstance(part, ast.Constant))
    return [part.value for part in constants if isinstance(part.value, str)]


def _check(node: ast.expr, text: str, *, truth: bool) -> None:
    """Raise ValueError unless a node is a truth value, or a number or word."""
    match node:
        case ast.BoolOp() if truth:
            inner, inner_truth = node.values, True
        case ast.UnaryOp(op=ast.Not()) if truth:
            inner, inner_truth = [node.operand], True
        case ast.Compare() if (
            truth and {type(op) for op in node.ops} <= {*COMPARE} and names_in(node)
        ):
            inner, inner_truth = [node.left, *node.comparators], False
        case ast.BinOp() if not truth and type(node.op) in BINARY and not _words(node):
            inner, inner_truth = [node.left, node.right], False
        case ast.UnaryOp(op=ast.USub()) if not truth and not _words(node):
            inner, inner_truth = [node.operand], False
        case ast.Name() | ast.Constant(value=int() | float() | str()) if not truth:
            inner, inner_truth = [], False
        case _:
            raise ValueError(
                "a condition must consist of comparisons of a name with names, numbers "
                f"or a word, joined by and, or, not; got {ast.unparse(node)!r} in "
                f"{text!r}"
            )
    for each in inner:
        _check(each, text, truth=inner_truth)


def _truth(node: ast.expr, variables: Mapping[str, Any], words: Words) -> Any:
    if isinstance(node, ast.UnaryOp):
        return ~_truth(node.operand, variables, words)
    if isinstance(node, ast.Compare):
        return _compare(node, variables, words)
    assert isinstance(node, ast.BoolOp)
    join = operator.and_ if isinstance(node.op, ast.And) else operator.or_
    return reduce(join, (_truth(part, variables, words) for part in node.values))


def _number(node: ast.expr, variables: Mapping[str, Any], words: Words) -> Any:
    if isinstance(node, ast.Name):
        return variables[node.id]
    if isinstance(node, ast.BinOp):
        sides = (_number(side, variables, words) for side in (node.left, node.right))
        return BINARY[type(node.op)](*sides)
    if isinstance(node, ast.UnaryOp):
        return -_number(node.operand, variables, words)
    assert isinstance(node, ast.Constant)
    return node.value


def _compare(node: ast.Compare, variables: Mapping[str, Any], words: Words) -> Any:
    """Evaluate a chain of comparisons; false where a side is blank."""
    chain = [node.left, *node.comparators]
    holds: Any = True
    for first, compare, second in zip(chain, node.ops, chain[1:], strict=False):
        left, right = (_number(side, variables, words) for side in (first, second))
        left, right = _code(left, second, words), _code(right, first, words)
        # A blank is NaN, which does not equal itself. Without this, != would hold.
        known = (left == left) & (right == right)  # noqa: PLR0124
        holds = COMPARE[type(compare)](left, right) & known & holds
    return holds


def _code(value: Any, other: ast.expr, words: Words) -> Any:
    """Return the code of a word, by the variable that it is compared with."""
    if not isinstance(value, str):
        return value
    known = words.get(other.id, ()) if isinstance(other, ast.Name) else ()
    check_choice("a word in a condition", value, known)
    return list(known).index(value)


@dataclass(frozen=True, kw_only=True)
class Intervention:
    """A change of a network's signal; `parse` reads one, `str` writes it."""

    target: str
    """rpe, teaching, units or memory."""
    operation: str
    """set, add, scale or noise; reset for the memory."""
    amount: float = 0.0
    """Value to set, to add or to scale by; or standard deviation of noise, >= 0."""
    units: tuple[int, ...] | None = None
    """Numbers of the changed units; None: all units."""
    when: Condition | None = None
    """Condition; None: every step."""

    def __post_init__(self) -> None:
        """Validate the fields."""
        _check_operation(self.target, self.operation)
        if not math.isfinite(self.amount):
            raise ValueError(f"amount must be a finite number, got {self.amount!r}")
        if self.operation == "noise" and self.amount < 0:
            raise ValueError(f"noise must be at least 0, got {self.amount:g}")
        if self.units is not None and self.target != "units":
            raise ValueError(
                f"units must be None where the target is {self.target}, "
                f"got {self.units!r}"
            )

    def __str__(self) -> str:
        """The sentence from which `parse` makes the same intervention."""
        parts = [self.target, self.operation]
        if self.target != "memory":
            parts.append(_shortest(self.amount))
        if self.units is not None:
            parts.append(f"of {_ranges(self.units)}")
        if self.when is not None:
            parts.append(f"when {self.when.text}")
        return " ".join(parts)


def _check_operation(target: str, operation: str) -> None:
    check_choice("the target of an intervention", target, TARGETS)
    allowed = ("reset",) if target == "memory" else OPERATIONS
    check_choice(f"the operation on {target}", operation, allowed)


def _shortest(amount: float) -> str:
    """Write a number with the fewest digits that are read back as the same number."""
    short = f"{amount:g}"
    return short if float(short) == amount else repr(amount)


def _ranges(units: Sequence[int]) -> str:
    """Write unit numbers as 0-9,12: successive ones in one range."""
    ranges: list[list[int]] = []
    for unit in units:
        if ranges and unit == ranges[-1][-1] + 1:
            ranges[-1].append(unit)
        else:
            ranges.append([unit])
    return ",".join(f"{r[0]}-{r[-1]}" if len(r) > 1 else f"{r[0]}" for r in ranges)


def parse(text: str) -> Intervention:
    """Parse an intervention; raise ValueError if it is not valid."""
    match = PATTERN.fullmatch(text)
    if match is None:
        raise ValueError(f"an intervention must be {FORM}, got {text!r}")
    target, operation = match["target"], match["operation"]
    _check_operation(target, operation)
    if match["units"] is not None and target != "units":
        raise ValueError(f"'of' must follow units, got {text!r}")
    return Intervention(
        target=target,
        operation=operation,
        amount=_amount(text, match["amount"], needed=target != "memory"),
        units=None if match["units"] is None else _numbers(match["units"]),
        when=None if match["when"] is None else Condition(match["when"]),
    )


def _amount(text: str, word: str | None, *, needed: bool) -> float:
    if word is None and not needed:
        return 0.0
    try:
        amount = float(word or "")
    except ValueError:
        amount = float("nan")
    if not needed or not abs(amount) < float("inf"):
        rule = "a finite number" if needed else "no number"
        raise ValueError(f"the amount must be {rule}, got {word!r} in {text!r}")
    return amount


def _numbers(text: str) -> tuple[int, ...]:
    """Parse unit numbers such as 0-9,12."""
    units: list[int] = []
    for part in text.replace(" ", "").split(","):
        first, dash, last = part.partition("-")
        ends = (first, last if dash else first)
        numbers = [end for end in ends if end.isdecimal()]
        if any(len(end) > len(str(LAST_UNIT)) for end in numbers):
            raise ValueError(f"units must be at most {LAST_UNIT:,}, got {text!r:.60}")
        if len(numbers) < 2 or int(numbers[0]) > int(numbers[1]):
            raise ValueError(f"units must be numbers such as 0-9,12, got {text!r:.60}")
        units += range(int(numbers[0]), int(numbers[1]) + 1)
    return tuple(units)


def check_training(interventions: Iterable[Intervention]) -> None:
    """Raise ValueError unless all interventions are possible during training."""
    for each in interventions:
        _check_type(each)
        if each.target == "units" or each.operation == "noise":
            raise ValueError(
                "an intervention in training must set, add to or scale rpe or "
                f"teaching, or reset memory; got '{each}'"
            )


def check_testing(interventions: Iterable[Intervention]) -> None:
    """Raise ValueError unless all interventions are possible in a frozen test."""
    for each in interventions:
        _check_type(each)
        if each.target == "teaching":
            raise ValueError(
                f"teaching must not be changed in a test, got '{each}': a frozen "
                "network does not learn; change its rpe"
            )


def _check_type(intervention: object) -> None:
    if not isinstance(intervention, Intervention):
        raise ValueError(
            f"interventions must hold Intervention objects, got {intervention!r}; "
            "metarl.core.interventions.parse makes one of a sentence"
        )
