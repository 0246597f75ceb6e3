"""Whether criteria apply to some data, and how verdicts are counted.

Criteria apply to networks of the experiment itself, with the task's parameters and the
test that they were fixed for: never to a variant, a changed task, another test, or
animals.

Rows of effects are of four kinds. A row tests a published claim if its criterion has
one; several rows may test the same claim, which is counted once, in one table as in
several. Every claim about the experiment has a row: one that only an absent variant
tests, or that nothing tests, is MISSING (`metarl.analysis.variants`). A control
is of a simulated agent, of chance, or of networks without what they need to learn: its
PASS says that the analysis is sound, nothing of the networks, and is counted apart.
Another scored row is a diagnostic of ours: of a single network or a level that we set.
The rest is reported.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from metarl.analysis.data import ExperimentData

VERDICTS = ("PASS", "FAIL", "MISSING", "NOT LEARNED", "REPORTED")
"""Verdicts, in the order of a tally."""
CLAIM, DIAGNOSTIC, CONTROL, REPORTED = "claim", "diagnostic", "control", "reported"
"""Kinds of rows."""
HEADINGS = {
    CLAIM: "Published claims",
    DIAGNOSTIC: "Diagnostics of ours",
    CONTROL: "Controls",
    REPORTED: "Reported, not scored",
}
"""Kind -> heading of its rows, in the order in which they are shown."""
Row = Mapping[Any, Any]
"""One row of an effects table."""


def kind_of(row: Row) -> str:
    """Whether a row is of a published claim, a diagnostic, a control, or reported."""
    if row["verdict"] == "REPORTED":
        return REPORTED
    if row["control"]:
        return CONTROL
    return CLAIM if row["claim"] else DIAGNOSTIC


def rows_by_kind(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Rows by kind, in the order of HEADINGS; kinds without rows are left out."""
    every = list(rows)
    kinds = {kind: [row for row in every if kind_of(row) == kind] for kind in HEADINGS}
    return {kind: part for kind, part in kinds.items() if part}


def verdicts_that_count(rows: Iterable[Row]) -> list[str]:
    """The verdicts of all rows but controls."""
    return [row["verdict"] for row in rows if kind_of(row) != CONTROL]


def claim_verdicts(rows: Iterable[Row]) -> dict[str, str]:
    """Claim -> its verdict, over all of the rows that test it.

    A claim is FAIL if any of its rows fails; else MISSING if any has no number; else
    NOT LEARNED if any says nothing as networks did not learn; PASS if all pass.
    """
    worst = ("FAIL", "MISSING", "NOT LEARNED", "PASS")
    found: dict[str, set[str]] = {}
    for row in rows:
        if kind_of(row) == CLAIM:
            found.setdefault(row["claim"], set()).add(row["verdict"])
    return {
        claim: next(verdict for verdict in worst if verdict in verdicts)
        for claim, verdicts in found.items()
    }


def count_verdicts(verdicts: Iterable[str]) -> dict[str, int]:
    """Number of each verdict, in the order of VERDICTS; those without any left out."""
    count = Counter(verdicts)
    return {verdict: count[verdict] for verdict in VERDICTS if count[verdict]}


def counts_in_words(verdicts: Iterable[str]) -> str:
    """Number of each verdict in words, as "2 PASS, 1 FAIL"."""
    counted = count_verdicts(verdicts)
    return ", ".join(f"{count} {verdict}" for verdict, count in counted.items())


def why_unscored(
    tasks: Collection[str], published: Mapping[str, object], data: ExperimentData
) -> str:
    """Return why the criteria do not apply, in words; empty where they do.

    Args:
        tasks: names of the tasks that have criteria.
        published: parameters of the task that must have these values; empty: all
            parameters must be as the experiment declares them.
        data: the measured subjects.
    """
    here, subjects = data.task, data.subjects_are
    rules = [
        (bool(tasks), "there are no criteria"),
        (
            subjects == "networks",
            f"the criteria are for networks, these are {subjects}",
        ),
        (
            here in tasks,
            f"the criteria are for {', '.join(tasks)}, the run is of {here}",
        ),
        (
            data.as_published,
            data.departure or "the test is not the one that the criteria are for",
        ),
    ]
    broken = next((reason for kept, reason in rules if not kept), "")
    return broken or _changed_parameter(published or data.declared, data.parameters)


def _changed_parameter(
    needed: Mapping[str, object], parameters: Mapping[str, object]
) -> str:
    """Describe the first parameter with another value; empty if there is none."""
    if not needed:
        return "the task's parameters are not known"
    for name, value in needed.items():
        if name not in parameters or parameters[name] != value:
            now = parameters.get(name, "not known")
            return f"{name} is {now}, the criteria are for {value}"
    return ""
