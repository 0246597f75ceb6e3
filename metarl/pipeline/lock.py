"""Locks: a plan and its criteria, fixed in a file before anything is trained.

A lock is a sealed JSON file (`metarl.core.files`):

    date          of writing, in UTC
    metarl        version; commit: of its source, if known
    plan          tasks, preset, subjects, seed, variants
    experiments   task -> its full configuration and the SHA-256 of it, its tests, its
                  variants' configurations and tests, and all its criteria, with bounds
                  and reasons; a bound that does not bind is null

`write_lock` writes it, and `metarl.pipeline.reproduce.reproduce(locked_by=...)` runs
under it. It fixes settings and criteria, not the code, which its commit identifies.
"""

import dataclasses
import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from metarl.analysis.criteria import Criteria
from metarl.core.checks import MetaRLError
from metarl.core.fields import checked
from metarl.core.files import (
    exists,
    file_hash,
    read_sealed,
    write_bytes,
    write_json,
)
from metarl.pipeline.plan import Plan
from metarl.pipeline.population import Population
from metarl.reports.figures import analysis_of, has_analysis
from metarl.runs.config import to_plain
from metarl.runs.folder import Run, folder_name
from metarl.runs.versions import versions
from metarl.training.trainer import check_trainable

FILE = "lock.json"
"""File of a reproduction with the lock under which it ran."""
NOT_LOCKED = "Not locked before training."
"""Sentence of a report without a lock."""
ENTRIES = ("date", "metarl", "commit", "plan", "experiments")
"""Entries of a lock."""
MOST_CHANGES = 6
"""Number of changes that a message names."""
LONGEST_VALUE = 40
"""Length of a changed value that a message shows, in characters."""


@dataclass(frozen=True, kw_only=True)
class Lock:
    """A plan and its criteria, as they were before training."""

    path: Path
    """File it was read from."""
    sha256: str
    """SHA-256 of the bytes of this file."""
    date: datetime
    """When it was written, in UTC."""
    plan: Mapping[str, Any]
    """Fields of the `Plan`, as plain values."""
    experiments: Mapping[str, Any]
    """Task -> its configuration, tests, variants and criteria."""

    @property
    def sentence(self) -> str:
        """Date and SHA-256, for reports."""
        date = self.date.strftime("%Y-%m-%d %H:%M:%S UTC")
        return f"Locked on {date}, before training; SHA-256 of the lock: {self.sha256}."


@checked
def write_lock(plan: Plan, path: str | Path) -> Lock:
    """Write a plan and all its criteria to a new file; nothing is trained.

    Args:
        plan: experiments and settings.
        path: file to write.

    Raises:
        MetaRLError: the file exists, or cannot be written.
        ValueError: the plan cannot be trained.
    """
    path = Path(path)
    if exists(path):
        raise MetaRLError(
            f"{path} exists, and a lock never replaces a file; choose another file for "
            "the lock"
        )
    made_by = versions()
    lock = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "metarl": made_by["metarl-neuro"],
        "commit": made_by["commit"],
        "plan": _plain(dataclasses.asdict(plan)),
        "experiments": _experiments(plan),
    }
    write_json(path, lock, seal=True)
    return read_lock(path)


@checked
def read_lock(path: str | Path) -> Lock:
    """Read a lock; no code of its tasks is imported.

    Raises:
        MetaRLError: the file is missing, damaged, was changed, or is no lock.
    """
    path = Path(path)
    plain = read_sealed(path)
    settings = {each.name for each in dataclasses.fields(Plan)}
    if set(plain) != set(ENTRIES) or set(plain["plan"]) != settings:
        raise MetaRLError(
            f"{path} is not a lock; write one with metarl reproduce --lock"
        )
    return Lock(
        path=path,
        sha256=file_hash(path),
        date=datetime.fromisoformat(plain["date"]),
        plan=plain["plan"],
        experiments=plain["experiments"],
    )


@checked
def check_lock(lock: Lock, plan: Plan) -> None:
    """Check that a plan, its configurations and its criteria are as in a lock.

    Raises:
        MetaRLError: a setting of the plan contradicts the lock, or a configuration,
            test or criterion has changed since; it names what differs.
    """
    now = _plain(dataclasses.asdict(plan))
    if now != lock.plan:
        others = [
            f"{name} must be {_in_words(value)}, got {_in_words(now[name])}"
            for name, value in lock.plan.items()
            if now[name] != value
        ]
        raise MetaRLError(
            f"the lock {lock.path} fixes the plan: {'; '.join(others)}; leave out what "
            "differs, or run without the lock in another --out"
        )
    if changes := list(_changes(lock.experiments, _experiments(plan))):
        raise MetaRLError(
            f"since the lock {lock.path} was written, this has changed: "
            f"{_listed(changes)}; restore it, or run without the lock in another "
            "--out: the report then says that it was not locked"
        )


def lock_for(plan: Plan, out: Path, path: str | Path | None) -> Lock | None:
    """Return the lock for results in a folder, checked; None if there is none.

    Args:
        plan: experiments and settings.
        out: folder of the results.
        path: lock; None: the one of the folder, if it has one.

    Raises:
        MetaRLError: as for `read_lock` and `check_lock`; or the folder has another
            lock, or subjects that were trained before this one.
    """
    kept = out / FILE
    if path is None and not exists(kept):
        return None
    lock = read_lock(path or kept)
    if exists(kept) and file_hash(kept) != lock.sha256:
        raise MetaRLError(
            f"{out} runs under another lock than {lock.path}, which is in {kept}; give "
            "that one, or another --out"
        )
    _check_not_late(lock, out)
    check_lock(lock, plan)
    return lock


def keep_lock(lock: Lock, out: Path) -> None:
    """Copy the lock into the folder of the results, if it is not there."""
    if not exists(out / FILE):
        write_bytes(out / FILE, lock.path.read_bytes())


def _check_not_late(lock: Lock, out: Path) -> None:
    """Raise MetaRLError if the folder has subjects from before the lock."""
    subjects = [*out.glob("*/subject-*"), *out.glob("*/variants/*/subject-*")]
    policies = [path for each in subjects for path in each.glob("policy.*")]
    trained = [path.stat().st_mtime for path in policies]
    # Without a copy of the lock, even the first update was before it.
    begun = subjects and not exists(out / FILE)
    if begun or any(seconds < lock.date.timestamp() for seconds in trained):
        raise MetaRLError(
            f"{out} has subjects that were trained before the lock {lock.path}, so it "
            "cannot be locked any more; give another --out, or run without the lock"
        )


def _experiments(plan: Plan) -> dict[str, Any]:
    """Task -> its configuration, tests, variants and criteria, as plain values."""
    return {task: _experiment(plan, task) for task in plan.tasks}


def _experiment(plan: Plan, task: str) -> dict[str, Any]:
    run = Run(Path(folder_name(task)), trust_task=True)
    own, *variants = plan.populations(task, run)
    criteria = analysis_of(task).criteria_of(task) if has_analysis(task) else Criteria()
    return {
        **_population(own),
        "variants": {each.run.path.name: _population(each) for each in variants},
        "criteria": _criteria(criteria),
    }


def _population(population: Population) -> dict[str, Any]:
    """Configuration and tests of a population."""
    check_trainable(population.config)
    configuration = _plain(to_plain(population.config))
    text = json.dumps(configuration, sort_keys=True)
    tests = {
        each.name if each.snapshot is None else f"{each.name} of snapshots": each.test
        for each in population.tests
    }
    return {
        "configuration": configuration,
        "configuration_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "tests": {name: _plain(test.to_plain()) for name, test in tests.items()},
    }


def _criteria(criteria: Criteria) -> dict[str, Any]:
    """All criteria by name; null for a bound that does not bind."""
    learned = {} if criteria.learned is None else {"learned": criteria.learned}
    return {
        name: {k: _bound(v) for k, v in vars(each).items()}
        for name, each in {**learned, **criteria.rules}.items()
    }


def _bound(value: Any) -> Any:
    return None if isinstance(value, float) and math.isinf(value) else value


def _plain(value: Any) -> Any:
    """The value as JSON gives it back."""
    return json.loads(json.dumps(value))


def _changes(before: Any, now: Any, name: str = "") -> Iterator[str]:
    """Describe every difference of two dictionaries."""
    if not (isinstance(before, dict) and isinstance(now, dict)):
        if before != now:
            yield f"{name} {_change(before, now)}"
        return
    for key in dict.fromkeys([*before, *now]):
        inner = f"{name}.{key}".lstrip(".")
        if key not in now:
            yield f"{inner} is gone"
        elif key not in before:
            yield f"{inner} is new"
        # The configuration itself is compared, field by field.
        elif key != "configuration_sha256":
            yield from _changes(before[key], now[key], inner)


def _change(before: object, now: object) -> str:
    if max(len(repr(before)), len(repr(now))) > LONGEST_VALUE:
        return "is another text"
    return f"was {before!r}, is {now!r}"


def _listed(changes: list[str]) -> str:
    more = len(changes) - MOST_CHANGES
    return "; ".join(changes[:MOST_CHANGES]) + (
        f"; and {more} more" if more > 0 else ""
    )


def _in_words(value: object) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)
