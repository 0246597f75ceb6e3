"""The report of several experiments: one page that needs no network and no script.

It is computed from the runs' folders alone, the same bytes from the same folders.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from metarl.core.checks import MetaRLError
from metarl.core.files import write_text
from metarl.reports.figures import has_analysis
from metarl.reports.html.facts import RunFacts, run_facts, versions_of
from metarl.reports.scorecard import VERDICTS
from metarl.runs.folder import Run

FURTHER = {"value_learners": "Learners only", "chance": "Chance", "p": "p"}
"""Columns of effects that are shown where they say something -> their heading."""
NONE = "-"
"""Stands where there is no number."""


def write_page(
    path: Path, runs: Mapping[str, Run], *, command: str, failures: Mapping[str, str]
) -> Path:
    """Write the report of some runs as one self-contained HTML file.

    Args:
        path: where to; its folder is the one that the page's commands are given in.
        runs: name -> run of an experiment with an analysis, finished or not.
        command: the user's command that made them.
        failures: job that failed -> the reason.

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
    page = environment().get_template("report.html")
    text = page.render(
        experiments=experiments,
        command=command,
        failures=failures,
        versions=versions_of(subjects),
        verdicts=VERDICTS,
        tally={each.name: counted(each.effects) for each in experiments},
        total=counted([e for each in experiments for e in each.effects]),
    )
    write_text(path, text)
    return path


def environment() -> Environment:
    """The templates, which escape whatever they are given."""
    made = Environment(
        loader=PackageLoader("metarl.reports.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {
        "number": number,
        "measured": measured,
        "marked": marked,
        "scored": scored,
        "further": further,
        "duration": duration,
    }
    return made


def counted(effects: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Verdict -> how many effects have it; none where there is none."""
    count = Counter(effect["verdict"] for effect in effects)
    return {verdict: count[verdict] for verdict in VERDICTS if count[verdict]}


def scored(facts: RunFacts, yes: bool = True) -> list[dict[str, Any]]:
    """The effects that have a criterion, or those that have none."""
    return [e for e in facts.effects if (e["verdict"] != "REPORTED") == yes]


def further(effects: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The columns of `FURTHER` that differ from the others."""

    def differs(name: str, effect: Mapping[str, Any]) -> bool:
        all_learned = effect["learned"] == effect["subjects"]
        more = name != "value_learners" or not all_learned
        return effect[name] is not None and more

    return {k: v for k, v in FURTHER.items() if any(differs(k, e) for e in effects)}


def number(value: float | None, like: float | None = None) -> str:
    """A number with about three significant digits; a dash for none.

    Args:
        value: what to write.
        like: as many decimals as this number would have; by default its own.
    """
    if value is None:
        return NONE
    size = abs(value if like is None else like)
    if like is None and 0 < size < 0.0005:
        return f"{value:.1e}"
    decimals = 3 if size < 10 else 2 if size < 100 else 1 if size < 1_000 else 0
    return f"{value:,.{decimals}f}"


def measured(effect: Mapping[str, Any]) -> str:
    """A value with its 95 % interval, where there is one."""
    value = effect["value"]
    if value is None or effect["low"] is None:
        return number(value)
    low, high = (number(effect[end], like=value) for end in ("low", "high"))
    return f"{number(value, like=value)} [{low}, {high}]"


def duration(seconds: float) -> str:
    """Seconds and minutes."""
    return f"{seconds:,.0f} s ({seconds / 60:.1f} min)"


def marked(text: str) -> Markup:
    """Text whose `code` is set as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))
