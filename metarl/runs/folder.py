"""A run's folder: where everything is, and how to read it back.

runs/x/config.json                                 the configuration
runs/x/subject-00/                                 one folder a subject
    policy.safetensors  snapshots/  metrics.csv  versions.json  cost.json
    tensorboard/
    state.pt                                       to resume from
runs/x/evaluation/subject-00/                      frozen-weight evaluation
    trials.csv  recording.npz  evaluation.json
runs/x/evaluation/baselines/NAME/                  the same of a baseline
runs/x/evaluation/tests/NAME/subject-00/           a further test of the same networks
runs/x/evaluation-05/subject-00/                   the main test of a snapshot
runs/x/analysis/                                   figure, effects, result
runs/x/variants/NAME/                              a run of its own: the same networks,
                                                   but trained differently
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metarl.core.checks import MetaRLError
from metarl.core.files import (
    Recording,
    read_json,
    read_recording,
    read_table,
    write_json,
)
from metarl.runs.config import TEST, EvaluationConfig, RunConfig, from_plain, to_plain

if TYPE_CHECKING:
    import pandas as pd

    from metarl.agents.networks.actor_critic import Network

SNAPSHOTS = 20
"""Snapshots of the policy, at equal fractions of training; number 0 is untrained."""

VARIANTS = "variants"
"""Folder of the variants, each a run of its own."""


@dataclass(frozen=True)
class SubjectFolder:
    """Files of one trained subject."""

    path: Path

    @property
    def policy_path(self) -> Path:
        """The trained weights; there once training is finished."""
        return self.path / "policy.safetensors"

    @property
    def state_path(self) -> Path:
        """What an interrupted training goes on from."""
        return self.path / "state.pt"

    @property
    def cost_path(self) -> Path:
        """What training cost: cpu_seconds and wall_seconds."""
        return self.path / "cost.json"

    @property
    def metrics_path(self) -> Path:
        """The learning curve."""
        return self.path / "metrics.csv"

    def snapshot_path(self, number: int) -> Path:
        """Weights after `number` of `SNAPSHOTS` parts of training."""
        return self.path / "snapshots" / f"policy-{number:02d}.safetensors"

    @property
    def snapshots(self) -> list[int]:
        """Numbers of the snapshots there are; fewer than all after a short training."""
        numbers = range(SNAPSHOTS + 1)
        return [number for number in numbers if self.snapshot_path(number).exists()]

    @property
    def finished(self) -> bool:
        """Whether training came to its end."""
        return self.policy_path.exists()

    def policy(self, snapshot: int | None = None) -> "Network":
        """The trained network, or a snapshot of it (0 untrained to 20 trained)."""
        from metarl.runs.checkpoint import load_policy

        if snapshot is None:
            return load_policy(self.policy_path)
        if snapshot not in self.snapshots:
            raise MetaRLError(
                f"{self.path} has no snapshot {snapshot}; "
                f"it has {', '.join(map(str, self.snapshots)) or 'none'}"
            )
        return load_policy(self.snapshot_path(snapshot))

    @cached_property
    def metrics(self) -> "pd.DataFrame":
        """The learning curve, one row a point."""
        return read_table(self.metrics_path, made_by="metarl train")


@dataclass(frozen=True)
class EvaluationFolder:
    """Files of one frozen-weight evaluation, or of a baseline's."""

    path: Path

    @property
    def metadata_path(self) -> Path:
        """Hashes, seeds and settings; written last."""
        return self.path / "evaluation.json"

    @property
    def trials_path(self) -> Path:
        """The trial table."""
        return self.path / "trials.csv"

    @property
    def recording_path(self) -> Path:
        """The step recording."""
        return self.path / "recording.npz"

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """Hashes, seeds and settings."""
        metadata: dict[str, Any] = read_json(self.metadata_path)
        return metadata

    def took(self, test: EvaluationConfig) -> bool:
        """Whether exactly this test was taken, to its end."""
        if not self.metadata_path.exists():
            return False
        asked = test.to_plain().items()
        return all(self.metadata.get(name) == value for name, value in asked)

    @cached_property
    def trials(self) -> "pd.DataFrame":
        """The trial table."""
        return read_table(self.trials_path)

    @cached_property
    def recording(self) -> Recording:
        """The step recording."""
        return read_recording(self.recording_path)


@dataclass(frozen=True)
class Run:
    """A run's folder; everything is read when asked for."""

    path: Path

    @cached_property
    def config(self) -> RunConfig[Any]:
        """The configuration."""
        return from_plain(read_json(self.path / "config.json"))

    @property
    def subjects(self) -> list[SubjectFolder]:
        """One folder a subject, trained or not."""
        return [self.subject(k) for k in range(self.config.subjects)]

    def subject(self, number: int) -> SubjectFolder:
        """Folder of one subject."""
        return SubjectFolder(self.path / f"subject-{number:02d}")

    def evaluation(
        self, number: int, snapshot: int | None = None, test: str = TEST
    ) -> EvaluationFolder:
        """Folder of one subject's evaluation, of a snapshot's or in a further test."""
        kind = "evaluation" if snapshot is None else f"evaluation-{snapshot:02d}"
        folder = self.path / kind
        if test != TEST:
            folder = folder / "tests" / test
        return EvaluationFolder(folder / f"subject-{number:02d}")

    def further_tests(self) -> list[str]:
        """Names of the tests there are, but for the main one."""
        found = (self.path / "evaluation" / "tests").glob("*/subject-*/*.json")
        return sorted({path.parent.parent.name for path in found})

    def variant(self, name: str) -> "Run":
        """The same networks, but trained differently: a run of its own."""
        return Run(self.path / VARIANTS / name)

    @property
    def variants(self) -> dict[str, "Run"]:
        """The variants there are, by name."""
        found = sorted((self.path / VARIANTS).glob("*/config.json"))
        return {path.parent.name: Run(path.parent) for path in found}

    def baseline(self, name: str) -> EvaluationFolder:
        """Folder of a baseline's evaluation."""
        return EvaluationFolder(self.path / "evaluation" / "baselines" / name)

    @property
    def baselines(self) -> Mapping[str, EvaluationFolder]:
        """Evaluations of the baselines, by name; a variant has those of its run."""
        folder = self.path / "evaluation" / "baselines"
        if self.path.parent.name == VARIANTS and not folder.exists():
            return Run(self.path.parent.parent).baselines
        found = sorted(path.parent for path in folder.glob("*/evaluation.json"))
        return {path.name: EvaluationFolder(path) for path in found}

    @property
    def evaluated(self) -> dict[int, EvaluationFolder]:
        """Finished evaluations by subject."""
        return self.evaluated_in(TEST)

    def evaluated_in(
        self, test: str, snapshot: int | None = None
    ) -> dict[int, EvaluationFolder]:
        """Finished evaluations by subject, of one test and perhaps a snapshot."""
        subjects = range(self.config.subjects)
        folders = {k: self.evaluation(k, snapshot, test) for k in subjects}
        return {k: f for k, f in folders.items() if f.metadata_path.exists()}

    @property
    def analysis_path(self) -> Path:
        """Where figure and effects go."""
        return self.path / "analysis"

    @property
    def effects_path(self) -> Path:
        """The analysis's effects with their verdicts."""
        return self.analysis_path / "effects.json"

    @property
    def metrics(self) -> "pd.DataFrame":
        """Learning curves of all subjects, with a column `subject`."""
        import pandas as pd

        tables = {
            k: folder.metrics
            for k, folder in enumerate(self.subjects)
            if folder.metrics_path.exists()
        }
        if not tables:
            raise MetaRLError(
                f"{self.path} has no learning curve yet; run `metarl train`"
            )
        curves = pd.concat(tables, names=["subject"])
        return curves.reset_index("subject").reset_index(drop=True)

    @property
    def trials(self) -> "pd.DataFrame":
        """The trial table of all evaluated subjects."""
        if not self.evaluated:
            raise MetaRLError(f"{self.path} has no evaluation; run `metarl evaluate`")
        return trials_of(self.evaluated)

    @property
    def recording(self) -> Mapping[int, Recording]:
        """The step recordings by subject."""
        return {k: folder.recording for k, folder in self.evaluated.items()}


def trials_of(folders: Mapping[int, EvaluationFolder]) -> "pd.DataFrame":
    """One trial table of several subjects' evaluations."""
    import pandas as pd

    return pd.concat([folder.trials for folder in folders.values()], ignore_index=True)


def default_folder(task: str) -> Path:
    """The usual folder of a task's run."""
    return Path("runs") / folder_name(task)


def folder_name(task: str) -> str:
    """A task's name as a folder's."""
    return task.replace(":", ".")


def as_run(run: Run | str | Path) -> Run:
    """The run itself, or the run in a folder."""
    return run if isinstance(run, Run) else load_run(run)


def load_run(path: str | Path) -> Run:
    """Open a run's folder; MetaRLError if it is none."""
    run = Run(Path(path))
    if not (run.path / "config.json").exists():
        raise MetaRLError(
            f"{run.path} is no run: it has no config.json; `metarl train` makes one"
        )
    return run


def first_difference(before: Any, now: Any, name: str = "") -> str:
    """Where two configurations first differ, in words; empty if nowhere."""
    if isinstance(before, dict) and isinstance(now, dict):
        keys = dict.fromkeys([*before, *now])
        inner = (
            first_difference(before.get(k), now.get(k), f"{name}.{k}".lstrip("."))
            for k in keys
        )
        return next(filter(None, inner), "")
    return "" if before == now else f"{name} was {before!r}, is {now!r}"


def create_runs(configs: Mapping[Path, RunConfig[Any]], *, resume: bool) -> list[Run]:
    """Make runs' folders, or open them again to resume: all, or none of them.

    Raises:
        MetaRLError: a folder has another run, or has one and `resume` is off.
    """
    for path, config in configs.items():
        if (path / "config.json").exists():
            _check_resumable(path, config, resume=resume)
    for path, config in configs.items():
        if not (path / "config.json").exists():
            write_json(path / "config.json", to_plain(config))
    return [Run(path) for path in configs]


def create_run(path: Path, config: RunConfig[Any], *, resume: bool = False) -> Run:
    """Make one run's folder, or open it again to resume, as `create_runs` does."""
    return create_runs({path: config}, resume=resume)[0]


def _check_resumable(path: Path, config: RunConfig[Any], *, resume: bool) -> None:
    if not resume:
        raise MetaRLError(
            f"{path} already has a run; give --resume to go on with it, "
            "or another --out"
        )
    # Read as a configuration: what an older metarl did not know has its default.
    before, now = (
        json.loads(json.dumps(to_plain(each))) for each in (Run(path).config, config)
    )
    difference = first_difference(before, now)
    if difference:
        raise MetaRLError(
            f"{path} was started with another configuration ({difference}); "
            "resume with the same one, or give another --out"
        )
