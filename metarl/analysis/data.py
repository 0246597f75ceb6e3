"""Input of an analysis: tables and recordings, of networks or of animals."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import pandas as pd

from metarl.core.checks import MetaRLError, check_between
from metarl.core.files import TRIAL_COLUMNS, Recording
from metarl.core.names import Named

REWARD_UNITS = "reward units"
"""Unit of rewards where none is declared."""
RT_UNIT = "unit not declared"
"""Unit of reaction times where none is declared."""
READ_COLUMNS = tuple(name for name in TRIAL_COLUMNS if name != "correct")
"""Columns that the analysis of any task reads."""


@dataclass(frozen=True, kw_only=True)
class ExperimentData:
    """Everything that the analysis of one population reads."""

    trials: pd.DataFrame
    """Trial table of all subjects, one row a trial."""
    subjects_are: str = "networks"
    """Kind of the subjects: "networks", or the user's word, such as "mice"."""
    names: Mapping[int, str] = field(default_factory=dict)
    """Subject -> its own name; networks have none."""
    reward_unit: str = REWARD_UNITS
    """Unit of rewards, in the plural, as "points"."""
    rt_unit: str = RT_UNIT
    """Unit of reaction times: "s" or "ms"."""
    recordings: Mapping[int, Recording] = field(default_factory=dict)
    """Subject -> its step recording; empty for animals."""
    baselines: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    """Baseline -> its trial table on the same task."""
    baseline_recordings: Mapping[str, Recording] = field(default_factory=dict)
    """Baseline -> its step recording."""
    discount: float | None = None
    """The agent's discount per step, in [0, 1]; needed with recordings."""
    task: str = "two-step"
    """Name of the task in the registry."""
    parameters: Mapping[str, object] = field(default_factory=dict)
    """All parameters of the task, as tested; those of animals are not known."""
    expected_subjects: int | None = None
    """Expected number of subjects; a missing one counts against every effect."""
    as_published: bool = True
    """Whether the test was the paper's: sampled actions, memory reset each episode."""
    departure: str = ""
    """Departure from the experiment, such as another test, in words; empty: none."""
    declared: Mapping[str, object] = field(default_factory=dict)
    """All parameters of the task in the experiment's own main test, after training
    with the preset; empty: not known."""
    tests: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    """Further test -> trial table of the same subjects."""
    test_recordings: Mapping[str, Mapping[int, Recording]] = field(default_factory=dict)
    """Further test -> subject -> its step recording."""
    test_baselines: Mapping[str, Mapping[str, pd.DataFrame]] = field(
        default_factory=dict
    )
    """Further test -> baseline -> its trial table, of the tests that baselines take."""
    variants: Mapping[str, "ExperimentData"] = field(default_factory=dict)
    """Variant -> data of its networks."""
    curves: Mapping[int, pd.DataFrame] = field(default_factory=dict)
    """Subject -> its learning curve, one row a point."""
    stages: Mapping[float, pd.DataFrame] = field(default_factory=dict)
    """Completed share of training -> trial table of the same subjects at that point."""

    def __post_init__(self) -> None:
        """Validate the fields."""
        for name in ("tests", "baselines", "variants"):
            named = Named(name.removesuffix("s"), getattr(self, name))
            object.__setattr__(self, name, named)
        check_columns(list(self.trials.columns), READ_COLUMNS, "the trial table")
        for name, table in self.baselines.items():
            check_columns(
                list(table.columns), READ_COLUMNS, f"the trial table of {name}"
            )
        if self.discount is not None:
            check_between("discount", self.discount, 0, 1)
        elif self.recordings or self.baseline_recordings:
            raise ValueError(
                "discount must be the agent's discount per step where recordings are "
                "given, got None"
            )


def check_columns(
    present: Collection[str], needed: Collection[str], source: str
) -> None:
    """Raise MetaRLError, naming the missing columns, unless all are present."""
    missing = [name for name in needed if name not in present]
    if missing:
        plural = "s" if len(missing) > 1 else ""
        raise MetaRLError(
            f"{source} has no column{plural} {', '.join(missing)}; "
            f"it needs {', '.join(needed)}"
        )
