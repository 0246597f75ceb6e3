"""Folder of a run: paths of its files, and functions that read them.

runs/x/config.json                                 the configuration
runs/x/subject-00/                                 one folder per subject
    policy.safetensors  snapshots/  metrics.csv  versions.json  cost.json
    tensorboard/
    state.pt                                       for resuming
runs/x/evaluation/subject-00/                      frozen-weight evaluation
    trials.csv  recording.npz  evaluation.json
runs/x/evaluation/baselines/NAME/                  the same for a baseline
runs/x/evaluation/tests/NAME/subject-00/           another test of the same networks
runs/x/evaluation-05/subject-00/                   the main test of a snapshot
runs/x/analysis/                                   figure, effects, result
runs/x/variants/NAME/                              a separate run: the same networks,
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
"""Folder of the variants, each a separate run."""


@dataclass(frozen=True)
class SubjectFolder:
    """Files of one trained subject."""

    path: Path

    @property
    def policy_path(self) -> Path:
        """Trained weights; the file exists after training is finished."""
        return self.path / "policy.safetensors"

    @property
    def state_path(self) -> Path:
        """State for resuming an interrupted training."""
        return self.path / "state.pt"

    @property
    def cost_path(self) -> Path:
        """Cost of training: cpu_seconds and wall_seconds."""
        return self.path / "cost.json"

    @property
    def metrics_path(self) -> Path:
        """Learning curve."""
        return self.path / "metrics.csv"

    def snapshot_path(self, number: int) -> Path:
        """Weights after `number` of `SNAPSHOTS` equal fractions of training."""
        return self.path / "snapshots" / f"policy-{number:02d}.safetensors"

    @property
    def snapshots(self) -> list[int]:
        """Numbers of existing snapshots; after a short training not all exist."""
        numbers = range(SNAPSHOTS + 1)
        return [number for number in numbers if self.snapshot_path(number).exists()]

    @property
    def finished(self) -> bool:
        """Whether training is finished."""
        return self.policy_path.exists()

    def policy(self, snapshot: int | None = None) -> "Network":
        """Load the trained network, or a snapshot of it (0 untrained to 20 trained)."""
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
        """Learning curve, one row per point."""
        return read_table(self.metrics_path, made_by="metarl train")


@dataclass(frozen=True)
class EvaluationFolder:
    """Files of one evaluation of a frozen network or a baseline."""

    path: Path

    @property
    def metadata_path(self) -> Path:
        """Hashes, seeds and settings; written last."""
        return self.path / "evaluation.json"

    @property
    def trials_path(self) -> Path:
        """Trial table."""
        return self.path / "trials.csv"

    @property
    def recording_path(self) -> Path:
        """Step recording."""
        return self.path / "recording.npz"

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """Hashes, seeds and settings."""
        metadata: dict[str, Any] = read_json(self.metadata_path)
        return metadata

    def took(self, test: EvaluationConfig) -> bool:
        """Whether exactly this test was taken and finished."""
        if not self.metadata_path.exists():
            return False
        fields = test.to_plain().items()
        return all(self.metadata.get(name) == value for name, value in fields)

    @cached_property
    def trials(self) -> "pd.DataFrame":
        """Trial table."""
        return read_table(self.trials_path)

    @cached_property
    def recording(self) -> Recording:
        """Step recording."""
        return read_recording(self.recording_path)


@dataclass(frozen=True)
class Run:
    """Folder of a run; files are read when they are first used."""

    path: Path

    @cached_property
    def config(self) -> RunConfig[Any]:
        """Configuration."""
        return from_plain(read_json(self.path / "config.json"))

    @property
    def subjects(self) -> list[SubjectFolder]:
        """Folder of each subject, trained or not."""
        return [self.subject(k) for k in range(self.config.subjects)]

    def subject(self, number: int) -> SubjectFolder:
        """Folder of one subject."""
        return SubjectFolder(self.path / f"subject-{number:02d}")

    def evaluation(
        self, number: int, snapshot: int | None = None, test: str = TEST
    ) -> EvaluationFolder:
        """Folder of one subject's evaluation, perhaps of a snapshot or another test."""
        kind = "evaluation" if snapshot is None else f"evaluation-{snapshot:02d}"
        folder = self.path / kind
        if test != TEST:
            folder = folder / "tests" / test
        return EvaluationFolder(folder / f"subject-{number:02d}")

    def further_tests(self) -> list[str]:
        """Names of existing tests except the main one."""
        paths = (self.path / "evaluation" / "tests").glob("*/subject-*/*.json")
        return sorted({path.parent.parent.name for path in paths})

    def variant(self, name: str) -> "Run":
        """Run of a variant: the same networks, but trained differently."""
        return Run(self.path / VARIANTS / name)

    @property
    def is_variant(self) -> bool:
        """Whether this is a variant, in the folder of another run."""
        folder = self.path.resolve().parent
        return folder.name == VARIANTS and (folder.parent / "config.json").exists()

    @property
    def variants(self) -> dict[str, "Run"]:
        """Runs of the existing variants, by name."""
        paths = sorted((self.path / VARIANTS).glob("*/config.json"))
        return {path.parent.name: Run(path.parent) for path in paths}

    def baseline(self, name: str) -> EvaluationFolder:
        """Folder of a baseline's evaluation."""
        return EvaluationFolder(self.path / "evaluation" / "baselines" / name)

    @property
    def baselines(self) -> Mapping[str, EvaluationFolder]:
        """Evaluations of the baselines, by name; a variant uses those of its run."""
        folder = self.path / "evaluation" / "baselines"
        if self.is_variant and not folder.exists():
            return Run(self.path.resolve().parent.parent).baselines
        paths = sorted(path.parent for path in folder.glob("*/evaluation.json"))
        return {path.name: EvaluationFolder(path) for path in paths}

    @property
    def evaluated(self) -> dict[int, EvaluationFolder]:
        """Finished evaluations by subject."""
        return self.evaluated_in(TEST)

    def evaluated_in(
        self, test: str, snapshot: int | None = None
    ) -> dict[int, EvaluationFolder]:
        """Finished evaluations of one test, by subject, perhaps of a snapshot."""
        subjects = range(self.config.subjects)
        folders = {k: self.evaluation(k, snapshot, test) for k in subjects}
        return {k: f for k, f in folders.items() if f.metadata_path.exists()}

    @property
    def analysis_path(self) -> Path:
        """Folder of the figure and the effects."""
        return self.path / "analysis"

    @property
    def effects_path(self) -> Path:
        """File of the effects with their verdicts."""
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
        """Trial table of all evaluated subjects."""
        if not self.evaluated:
            raise MetaRLError(f"{self.path} has no evaluation; run `metarl evaluate`")
        return trials_of(self.evaluated)

    @property
    def recording(self) -> Mapping[int, Recording]:
        """Step recordings by subject."""
        return {k: folder.recording for k, folder in self.evaluated.items()}


def trials_of(folders: Mapping[int, EvaluationFolder]) -> "pd.DataFrame":
    """Return one trial table of the evaluations of several subjects."""
    import pandas as pd

    return pd.concat([folder.trials for folder in folders.values()], ignore_index=True)


def default_folder(task: str) -> Path:
    """Default folder of a run of a task."""
    return Path("runs") / folder_name(task)


def folder_name(task: str) -> str:
    """Name of a task in the form of a folder name."""
    return task.replace(":", ".")


def as_run(run: Run | str | Path) -> Run:
    """Return the run, opened if a folder is given."""
    return run if isinstance(run, Run) else load_run(run)


def load_run(path: str | Path) -> Run:
    """Open the folder of a run; raise MetaRLError if it has no run."""
    run = Run(Path(path))
    if not (run.path / "config.json").exists():
        raise MetaRLError(
            f"{run.path} is not a run: it has no config.json; create one with "
            "`metarl train`"
        )
    return run


def first_difference(before: Any, now: Any, name: str = "") -> str:
    """Describe the first difference of two configurations; empty if they agree."""
    if isinstance(before, dict) and isinstance(now, dict):
        keys = dict.fromkeys([*before, *now])
        inner = (
            first_difference(before.get(k), now.get(k), f"{name}.{k}".lstrip("."))
            for k in keys
        )
        return next(filter(None, inner), "")
    return "" if before == now else f"{name} was {before!r}, is {now!r}"


def create_runs(configs: Mapping[Path, RunConfig[Any]], *, resume: bool) -> list[Run]:
    """Create the folders of runs, or reopen them to resume: all or none of them.

    Raises:
        MetaRLError: a folder has another run, or has this run and `resume` is off.
    """
    for path, config in configs.items():
        if (path / "config.json").exists():
            _check_resumable(path, config, resume=resume)
    for path, config in configs.items():
        if not (path / "config.json").exists():
            write_json(path / "config.json", to_plain(config))
    return [Run(path) for path in configs]


def create_run(path: Path, config: RunConfig[Any], *, resume: bool = False) -> Run:
    """Create the folder of one run, or reopen it, as `create_runs` does."""
    return create_runs({path: config}, resume=resume)[0]


def _check_resumable(path: Path, config: RunConfig[Any], *, resume: bool) -> None:
    if not resume:
        raise MetaRLError(
            f"{path} already has a run; resume it with --resume, or give another --out"
        )
    # Read as a configuration, so that fields new since an older version have defaults.
    before, now = (
        json.loads(json.dumps(to_plain(each))) for each in (Run(path).config, config)
    )
    difference = first_difference(before, now)
    if difference:
        raise MetaRLError(
            f"{path} was started with another configuration ({difference}); "
            "resume with the same one, or give another --out"
        )
