"""Report of several experiments: one self-contained page without scripts.

It depends only on the folders of the runs: the same folders give the same bytes.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from metarl.analysis.scoring import (
    HEADINGS,
    VERDICTS,
    claim_verdicts,
    count_verdicts,
    rows_by_kind,
    verdicts_that_count,
)
from metarl.core.checks import MetaRLError
from metarl.core.files import write_text
from metarl.reports.figures import has_analysis
from metarl.reports.html.facts import RunFacts, run_facts, versions_of
from metarl.runs.folder import Run

FURTHER = {
    "value_learners": "Learners only",
    "chance": "Chance level",
    "p": "p",
    "p_holm": "p, Holm",
}
"""Column of effects that is shown only if informative -> its heading."""
NONE = "-"
"""Text in place of a missing number."""


def write_page(
    path: Path,
    runs: Mapping[str, Run],
    *,
    command: str,
    failures: Mapping[str, str],
    lock: str = "",
) -> Path:
    """Write the report of some runs as one self-contained HTML file.

    Args:
        path: file to write; the commands on the page are relative to its folder.
        runs: name -> run of an experiment with an analysis, finished or not.
        command: the user's command that made the runs.
        failures: failed job -> reason.
        lock: sentence on whether plan and criteria were locked; empty: none.

    Raises:
        MetaRLError: an experiment has no analysis, or a run's files are damaged.
    """
    for name, run in runs.items():
        if not has_analysis(run.config.task):
            raise MetaRLError(
                f"{name} is a run of {run.config.task}, which has no analysis, so a "
                "report cannot describe it; leave it out"
            )
    experiments = [run_facts(name, run, path.parent) for name, run in runs.items()]
    subjects = [subject for run in runs.values() for subject in run.subjects]
    every = [effect for each in experiments for effect in each.effects]
    page = environment().get_template("report.html")
    text = page.render(
        experiments=experiments,
        command=command,
        failures=failures,
        lock=lock,
        versions=versions_of(subjects),
        verdicts=VERDICTS,
        headings=HEADINGS,
        tally={each.name: counted(each.effects) for each in experiments},
        total=counted(every),
        claims={each.name: claims_counted(each.effects) for each in experiments},
        all_claims=claims_counted(every),
    )
    write_text(path, text)
    return path


def environment() -> Environment:
    """Return the templates, which escape all text."""
    templates = Environment(
        loader=PackageLoader("metarl.reports.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    templates.filters |= {
        "number": number,
        "with_interval": with_interval,
        "with_code": with_code,
        "of_kind": of_kind,
        "further": further,
        "duration": duration,
    }
    return templates


def counted(effects: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Count effects but controls by verdict; verdicts without any are left out."""
    return count_verdicts(verdicts_that_count(effects))


def claims_counted(effects: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Count published claims by verdict, each once; verdicts without any left out."""
    return count_verdicts(claim_verdicts(effects).values())


def of_kind(facts: RunFacts, kind: str) -> list[Mapping[str, Any]]:
    """Return the effects of a kind, one of HEADINGS."""
    return rows_by_kind(facts.effects).get(kind, [])


def further(effects: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the columns of `FURTHER` that add information."""

    def informative(name: str, effect: Mapping[str, Any]) -> bool:
        everyone = effect["subjects"] + effect.get("missing", 0)
        all_learned = effect["learned"] == everyone
        more = name != "value_learners" or not all_learned
        return effect[name] is not None and more

    return {k: v for k, v in FURTHER.items() if any(informative(k, e) for e in effects)}


def number(value: float | None, like: float | None = None) -> str:
    """Format a number with about three significant digits; a dash for None.

    Args:
        value: number.
        like: number that determines the decimals; default: the number itself.
    """
    if value is None:
        return NONE
    size = abs(value if like is None else like)
    if like is None and 0 < size < 0.0005:
        return f"{value:.1e}"
    decimals = 3 if size < 10 else 2 if size < 100 else 1 if size < 1_000 else 0
    return f"{value:,.{decimals}f}"


def with_interval(effect: Mapping[str, Any]) -> str:
    """Format a value with its 95 % interval, if it has one."""
    value = effect["value"]
    if value is None or effect["low"] is None:
        return number(value)
    low, high = (number(effect[end], like=value) for end in ("low", "high"))
    return f"{number(value, like=value)} [{low}, {high}]"


def duration(seconds: float) -> str:
    """Format a duration in seconds and minutes."""
    return f"{seconds:,.0f} s ({seconds / 60:.1f} min)"


def with_code(text: str) -> Markup:
    """Return text as HTML, with `code` set as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))
