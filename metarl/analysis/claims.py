"""The published claims, panel by panel, from `panels.toml`."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from types import MappingProxyType


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One statement of a published panel."""

    says: str
    """The statement, in our words."""
    note: str = ""
    """What our criteria test of it, where that is not all; empty otherwise."""
    missing: str = ""
    """Why no criterion tests it; empty where one does."""
    experiments: list[str] = field(default_factory=list)
    """Experiments with a row of it that has no number, where no criterion tests it."""


@cache
def published_claims() -> Mapping[str, Claim]:
    """Every claim by its name: study, panel and, where there are several, statement."""
    text = (resources.files("metarl.analysis") / "panels.toml").read_text("utf-8")
    entries = tomllib.loads(text).items()
    return MappingProxyType({name: Claim(**fields) for name, fields in entries})


def untested_claims(experiment: str) -> Mapping[str, Claim]:
    """Claims about an experiment that no criterion tests, by name."""
    every = published_claims().items()
    return {name: claim for name, claim in every if experiment in claim.experiments}
