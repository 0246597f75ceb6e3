"""Criteria for results, and for having learned a task, all fixed in advance.

Each experiment keeps its rules, with their sources or reasons, in a `criteria.toml`
of its folder. They were fixed before the networks that they score were trained; those
of matching, volatility, inferred-value and risky-choice after pilots of a few networks,
on other seeds. A rule is for the published task and test (`metarl.analysis.scoring`);
on a variant nothing is scored. A result that a network without learning could show (a
null, a control) counts only if the same networks meet their task's learned criterion.

    [task.learned]   the least of one column of the table of subjects by which a network
                     counts as having learned its task, between chance and the best
    [task."name"]    low and high bound the summary over networks: their "mean" (where
                     none is named), "median", "lowest" or "highest", or the "lower" or
                     "upper" end of the mean's 95 % interval. The bounds themselves
                     pass, unless the rule is strict. Where share_of is given, they are
                     shares of a baseline that is computed with the data. Where interval
                     is true, as for rules about a sign, the mean's whole 95 % interval
                     must be within the bounds. The claim is the published one that
                     the rule tests, a name in `panels.toml`; a rule without one is a
                     diagnostic of ours, or a control (`metarl.analysis.scoring`).

A heading with two tasks holds for both.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import resources
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from metarl.core.checks import check_choice
from metarl.core.names import unknown_name

SUMMARIES: Mapping[str, str] = MappingProxyType(
    {
        "mean": "mean",
        "median": "median",
        "lower": "lower end of the mean's 95 % interval",
        "upper": "upper end of the mean's 95 % interval",
        "lowest": "lowest",
        "highest": "highest",
    }
)
"""Summaries of all subjects in one number -> in words."""

LEARNED = "learned"
"""Stands for the column of the learned criterion, as a criterion's statistic."""


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """Bounds of a value; those that are not given do not bind."""

    name: str = ""
    """Its name in the table of criteria."""
    low: float = -np.inf
    high: float = np.inf
    strict: bool = False
    """Whether the bounds themselves fail."""
    summary: str = "mean"
    """Which summary of the subjects it scores, one of SUMMARIES."""
    interval: bool = False
    """Whether both ends of the mean's 95 % interval must be within the bounds too."""
    equivalence: bool = False
    """Whether the mean's 90 % interval must be within the bounds, as in two one-sided
    tests at 5 %."""
    share_of: str = ""
    """Baseline that the bounds are shares of, until `times` is given its value."""
    why: str = ""
    """Source or reason, in a sentence."""
    claim: str = ""
    """Published claim that it tests, by its name in `panels.toml`: study, panel and,
    where a panel has several, the statement. Empty: it is a diagnostic of ours, as one
    about a simulated agent, chance, a control or a single network always is."""
    variant: str = ""
    """Variant of the experiment with the networks that it scores, or several, separated
    by commas; empty: it scores the measured networks."""
    statistic: str = ""
    """Column of the table of subjects that it scores, of the variant's networks;
    LEARNED: that of the learned criterion. Empty: another number."""
    control: bool = False
    """Whether it is of a simulated agent, of chance, or of networks without what they
    need to learn."""

    def __post_init__(self) -> None:
        """Validate the fields."""
        if self.control and self.claim:
            raise ValueError(
                f"claim must be empty for a control, got {self.claim!r}; a control "
                "says nothing of a claim"
            )
        check_choice("summary", self.summary, SUMMARIES)
        for name in ("interval", "equivalence"):
            if getattr(self, name) and self.summary != "mean":
                raise ValueError(
                    f"{name} must be False with the summary {self.summary!r}, got "
                    "True; only a mean has an interval"
                )
        if self.statistic and not self.variant:
            raise ValueError(
                f"variant must be given with the statistic {self.statistic!r}, got none"
            )

    @property
    def variants(self) -> tuple[str, ...]:
        """Names of the variants."""
        return tuple(filter(None, self.variant.split(", ")))

    @property
    def confidence(self) -> float:
        """Probability that the interval which is within the bounds holds the mean."""
        return 0.90 if self.equivalence else 0.95

    def times(self, baseline: float) -> "Criterion":
        """The criterion in the unit of the baseline, which is positive."""
        low, high = self.low * baseline, self.high * baseline
        return replace(self, low=low, high=high, share_of="")

    def holds(self, value: float) -> bool:
        """Whether the value is within the bounds; never for NaN."""
        if self.strict:
            return bool(self.low < value < self.high)
        return bool(self.low <= value <= self.high)

    def met(self, value: float, ends: tuple[float, float]) -> bool:
        """Whether a summary (and its interval, if required) is within the bounds."""
        whole = self.interval or self.equivalence
        return all(map(self.holds, (value, *ends) if whole else (value,)))

    def __str__(self) -> str:
        """The bounds in words, for tables."""
        mark = "" if self.strict else "="
        share = f" of {self.share_of}" if self.share_of else ""
        if np.isinf(self.high):
            return "" if np.isinf(self.low) else f">{mark} {self.low:g}{share}"
        if np.isinf(self.low):
            return f"<{mark} {self.high:g}{share}"
        whole = "90 % interval " if self.equivalence else ""
        return f"{whole}in [{self.low:g}, {self.high:g}]{share}"


@dataclass(frozen=True, kw_only=True)
class LearnedCriterion:
    """Least performance of a network that counts as having learned its task."""

    statistic: str
    """Column of the analysis's table of subjects."""
    threshold: float
    """Least value, in the statistic's unit."""
    why: str
    """Position of the threshold between chance and the optimum."""
    needs_recording: bool = False
    """Whether the statistic is of recorded steps, and not of trials alone."""


@dataclass(frozen=True, kw_only=True)
class Criteria:
    """The criteria of one task."""

    rules: Mapping[str, Criterion] = field(default_factory=dict)
    """Name -> criterion."""
    learned: LearnedCriterion | None = None
    """Criterion for having learned; None: there is none."""

    def __getitem__(self, name: str) -> Criterion:
        """The rule of this name; raise UnknownNameError if there is none."""
        if name not in self.rules:
            raise unknown_name("criterion", name, self.rules)
        return self.rules[name]

    def get(self, name: str) -> Criterion | None:
        """The rule of this name; None where the task has none."""
        return self.rules.get(name)


def untested(claim: str) -> Criterion:
    """The empty criterion of a claim that nothing tests."""
    return Criterion(name=claim, claim=claim)


def read_criteria(package: str) -> Mapping[str, Criteria]:
    """Criteria of an experiment, by task, from the `criteria.toml` of its folder.

    Args:
        package: import path of the folder, as "metarl.analysis.reversal".
    """
    text = (resources.files(package) / "criteria.toml").read_text("utf-8")
    by_task: dict[str, dict[str, dict[str, Any]]] = {}
    for heading, rules in tomllib.loads(text).items():
        for task in heading.split(", "):
            by_task.setdefault(task, {}).update(rules)
    return MappingProxyType({task: _criteria(rules) for task, rules in by_task.items()})


def _criteria(rules: Mapping[str, dict[str, Any]]) -> Criteria:
    named = {
        name: Criterion(name=name, **fields)
        for name, fields in rules.items()
        if name != "learned"
    }
    learned = LearnedCriterion(**rules["learned"]) if "learned" in rules else None
    return Criteria(rules=MappingProxyType(named), learned=learned)


def criteria_table(criteria: Mapping[str, Criteria]) -> pd.DataFrame:
    """Every criterion in words, one row each: experiment, name, rule, claim, why."""
    rows = []
    for task, own in criteria.items():
        if own.learned is not None:
            least = own.learned
            enough = f"{least.statistic} >= {least.threshold:g}"
            rows.append((task, "learned", enough, "", least.why))
        rows += [
            (task, name, f"{_summary_words(rule)} {rule}", rule.claim, rule.why)
            for name, rule in own.rules.items()
        ]
    columns = ["experiment", "name", "rule", "claim", "why"]
    return pd.DataFrame(rows, columns=columns)


def _summary_words(rule: Criterion) -> str:
    of = f" of {rule.variant}" if rule.variant else ""
    ends = " and its 95 % interval" * rule.interval + "'s" * rule.equivalence
    return SUMMARIES[rule.summary] + of + ends


def learned_subjects(
    criterion: LearnedCriterion | None, subjects: pd.DataFrame
) -> "pd.Series[bool] | None":
    """Whether each subject learned the task.

    Args:
        criterion: for having learned.
        subjects: one row a subject, with the criterion's statistic as a column.

    Returns:
        True or False by subject; None without a criterion.

    Raises:
        UnknownNameError: the table has no such column.
    """
    if criterion is None:
        return None
    if criterion.statistic not in subjects:
        numbers = subjects.select_dtypes("number").columns.drop("subject")
        raise unknown_name(
            "column of the table of subjects, which the learned criterion reads,",
            criterion.statistic,
            numbers,
        )
    values = subjects.set_index("subject")[criterion.statistic]
    return values >= criterion.threshold
