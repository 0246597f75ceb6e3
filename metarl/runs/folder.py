"""Folder of a run: paths of its files, and functions that read them.

runs/x/config.json                                 the configuration
runs/x/.lock                                       while a process writes to the run
runs/x/.jobs/                                      progress of jobs on other machines
runs/x/.evaluating/                                an evaluation that is not finished
runs/x/subject-00/                                 one folder per subject
    policy.safetensors  snapshots/  metrics.csv  versions.json  cost.json
    hashes.json  tensorboard/
    state.pt                                       for resuming
runs/x/evaluation/subject-00/                      frozen-weight evaluation
    trials.csv  recording.npz  evaluation.json
runs/x/evaluation/baselines/NAME/                  the same for a baseline
runs/x/evaluation/tests/NAME/subject-00/           another test of the same networks
runs/x/evaluation/tests/NAME/baselines/NAME/       and of a baseline
runs/x/evaluation-05/subject-00/                   the main test of a snapshot
runs/x/analysis/                                   figure, effects, result
runs/x/variants/NAME/                              a separate run: the same networks,
                                                   but trained differently
"""

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metarl.core.checks import MetaRLError, check_choice, check_folder_name
from metarl.core.fields import check_type, check_whole, checked
from metarl.core.files import (
    Recording,
    exists,
    file_hash,
    read_json,
    read_recording,
    read_table,
    readable,
    write_json,
)
from metarl.core.locks import locked
from metarl.runs.config import (
    TEST,
    EvaluationConfig,
    RunConfig,
    check_identity,
    from_plain,
    identity,
    to_plain,
)
from metarl.runs.curves import check_curve
from metarl.runs.staging import STAGING, finish_swap, is_complete

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from metarl.agents.networks.actor_critic import Network

log = logging.getLogger(__name__)

SNAPSHOTS = 20
"""Snapshots of the policy, at equal fractions of training; number 0 is untrained."""

VARIANTS = "variants"
"""Folder of the variants, each a separate run."""


def snapshot_updates(total: int) -> dict[int, int]:
    """Number of each snapshot of a training -> updates that were made before it.

    Args:
        total: updates of the whole training; if it has fewer than SNAPSHOTS, some
            numbers have no snapshot.
    """
    updates = {n: -(-n * total // SNAPSHOTS) for n in range(SNAPSHOTS + 1)}
    return {n: done for n, done in updates.items() if done * SNAPSHOTS // total == n}


@dataclass(frozen=True)
class SubjectFolder:
    """Files of one trained subject."""

    path: Path
    run: "Run | None" = field(default=None, compare=False, repr=False)
    """Run to which the weights must belong; None: any."""
    number: int = 0
    """Number of the subject."""

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
    def hashes_path(self) -> Path:
        """SHA-256 of the learning curve, written before the trained weights."""
        return self.path / "hashes.json"

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
            return load_policy(self.policy_path, self._owner(SNAPSHOTS))
        if snapshot not in self.snapshots:
            raise MetaRLError(
                f"{self.path} has no snapshot {snapshot}; "
                f"it has {', '.join(map(str, self.snapshots)) or 'none'}"
            )
        return load_policy(self.snapshot_path(snapshot), self._owner(snapshot))

    def _owner(self, snapshot: int) -> dict[str, Any]:
        """Entries that the file of a network must have."""
        if self.run is None:
            return {}
        return identity(self.run.config, self.number) | {"snapshot": snapshot}

    @cached_property
    def metrics(self) -> "pd.DataFrame":
        """Learning curve, one row per point."""
        if self.finished and self.hashes_path.exists():
            check_hash(self.metrics_path, read_json(self.hashes_path, dict), TRAIN)
        curve = read_table(self.metrics_path, made_by=TRAIN)
        check_curve(self.metrics_path, curve)
        return curve


TRAIN, EVALUATE = "metarl train", "metarl evaluate"
"""Commands that make the files of a run."""


def check_hash(path: Path, hashes: Mapping[str, str], made_by: str) -> None:
    """Raise MetaRLError if a file is not as it was written.

    Args:
        path: file; nothing is checked if it does not exist.
        hashes: name of a file -> its SHA-256.
        made_by: command that makes the file.
    """
    if path.name not in hashes or not path.exists():
        return
    with readable(path, made_by):
        whole = file_hash(path) == hashes[path.name]
    if not whole:
        raise MetaRLError(
            f"{path} was changed or damaged after `{made_by}` wrote it: its SHA-256 is "
            f"another; restore it from a copy, or delete it and run `{made_by}` again"
        )


ENTRIES: Mapping[str, Any] = {
    "episodes": int,
    "record_episodes": int,
    "reset_memory": str,
    "greedy": bool,
    "settings": list,
    "interventions": list,
    "discount": float,
    "reward_per_episode": float,
}
"""Entry of an evaluation's metadata -> its type; each has them."""


@dataclass(frozen=True)
class EvaluationFolder:
    """Files of one evaluation of a frozen network or a baseline."""

    path: Path
    owner: "Callable[[], Mapping[str, Any]]" = field(
        default=dict, compare=False, repr=False
    )
    """Function that returns entries which the metadata must have."""
    place: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """Test and snapshot that the folder is for; the metadata repeats them."""

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
        metadata: dict[str, Any] = read_json(self.metadata_path, dict)
        try:
            for name, kind in ENTRIES.items():
                check_type(name, metadata.get(name), kind)
            check_type("files", metadata.get("files", {}), Mapping[str, str])
            EvaluationConfig.from_plain(metadata)
        except ValueError as error:
            raise MetaRLError(
                f"{self.metadata_path} is damaged ({error}); run `{EVALUATE}` again"
            ) from None
        expected = {**self.owner(), **self.place}
        known = {name: value for name, value in expected.items() if name in metadata}
        check_identity(self.metadata_path, metadata, known)
        return metadata

    def took(self, test: EvaluationConfig) -> bool:
        """Whether exactly this test was taken and finished."""
        if not self.metadata_path.exists():
            return False
        # A field that a later version added had its default.
        taken = EvaluationConfig.from_plain(self.metadata).to_plain()
        return taken == test.to_plain()

    def hashes(self) -> dict[str, str]:
        """SHA-256 of the files of trials and steps, by name."""
        return {
            path.name: file_hash(path)
            for path in sorted(self.path.iterdir())
            if path != self.metadata_path
        }

    def _check(self, path: Path) -> None:
        if self.metadata_path.exists():
            check_hash(path, self.metadata.get("files", {}), EVALUATE)

    @cached_property
    def trials(self) -> "pd.DataFrame":
        """Trial table."""
        # Both formats: a person may read the one, and metarl the other.
        self._check(self.trials_path)
        self._check(self.trials_path.with_suffix(".parquet"))
        return read_table(self.trials_path)

    @cached_property
    def recording(self) -> Recording:
        """Step recording."""
        self._check(self.recording_path)
        return read_recording(self.recording_path)


@dataclass(frozen=True)
class Run:
    """Folder of a run; files are read when they are first used."""

    path: Path
    trust_task: bool = field(default=False, compare=False)
    """Whether code outside metarl may be imported for the task of the run."""

    @cached_property
    def config(self) -> RunConfig[Any]:
        """Configuration."""
        plain = read_json(self.path / "config.json", dict)
        return from_plain(plain, trust_task=self.trust_task)

    @property
    def subject_count(self) -> int:
        """Number of subjects; the task's code is not needed."""
        path = self.path / "config.json"
        count: int = read_json(path, dict).get("subjects", 0)
        try:
            return check_whole("subjects", count)
        except ValueError as error:
            raise MetaRLError(f"{path} is damaged ({error}); restore it") from None

    @property
    def subjects(self) -> list[SubjectFolder]:
        """Folder of each subject, trained or not."""
        return [self.subject(k) for k in range(self.config.subjects)]

    def subject(self, number: int) -> SubjectFolder:
        """Folder of one subject."""
        return SubjectFolder(self.path / f"subject-{number:02d}", self, number)

    def evaluation(
        self, number: int, snapshot: int | None = None, test: str = TEST
    ) -> EvaluationFolder:
        """Folder of one subject's evaluation, perhaps of a snapshot or another test."""
        path = self._test_path(test, snapshot) / f"subject-{number:02d}"
        return EvaluationFolder(
            path,
            lambda: identity(self.config, number),
            {"test": test, "snapshot": snapshot},
        )

    def _test_path(self, test: str, snapshot: int | None = None) -> Path:
        """Folder of a test, of the trained networks or of a snapshot."""
        check_folder_name("test", test)
        kind = "evaluation" if snapshot is None else f"evaluation-{snapshot:02d}"
        folder = self.path / kind
        return folder if test == TEST else folder / "tests" / test

    def further_tests(self) -> list[str]:
        """Names of existing tests except the main one."""
        paths = (self.path / "evaluation" / "tests").glob("*/subject-*/*.json")
        return sorted({path.parent.parent.name for path in paths})

    def variant(self, name: str) -> "Run":
        """Run of a variant: the same networks, but trained differently."""
        check_folder_name("variant", name)
        return Run(self.path / VARIANTS / name, self.trust_task)

    @property
    def is_variant(self) -> bool:
        """Whether this is a variant, in the folder of another run."""
        folder = self.path.resolve().parent
        return folder.name == VARIANTS and (folder.parent / "config.json").exists()

    @property
    def variants(self) -> dict[str, "Run"]:
        """Runs of the existing variants, by name."""
        paths = sorted((self.path / VARIANTS).glob("*/config.json"))
        return {path.parent.name: self.variant(path.parent.name) for path in paths}

    def baseline(self, name: str, test: str = TEST) -> EvaluationFolder:
        """Folder of a baseline's evaluation, perhaps in another test."""
        check_folder_name("baseline", name)
        path = self._test_path(test) / "baselines" / name
        place = {} if test == TEST else {"test": test}
        return EvaluationFolder(path, lambda: {"baseline": name}, place)

    @property
    def baselines(self) -> Mapping[str, EvaluationFolder]:
        """Evaluations of the baselines, by name; a variant uses those of its run."""
        return self.baselines_in(TEST)

    def baselines_in(self, test: str) -> Mapping[str, EvaluationFolder]:
        """Evaluations of the baselines in a test; a variant uses those of its run."""
        folder = self._test_path(test) / "baselines"
        if self.is_variant and not folder.exists():
            parent = self.path.resolve().parent.parent
            return Run(parent, self.trust_task).baselines_in(test)
        names = sorted(path.parent.name for path in folder.glob("*/evaluation.json"))
        return {name: self.baseline(name, test) for name in names}

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

    def incomplete_tests(self) -> dict[str, list[int]]:
        """Subjects without a test that others took, by the name of the test."""
        tests = {
            name: self.evaluated_in(name) for name in [TEST, *self.further_tests()]
        }
        subjects = range(self.config.subjects)
        missing = {
            name: [k for k in subjects if k not in taken]
            for name, taken in tests.items()
            if taken
        }
        return {name: numbers for name, numbers in missing.items() if numbers}

    @property
    def staging(self) -> "Run":
        """Run into which an evaluation is written before it is put in place."""
        return Run(self.path / STAGING, self.trust_task)

    @property
    def analysis_path(self) -> Path:
        """Folder of the figure and the effects."""
        return self.path / "analysis"

    @property
    def effects_path(self) -> Path:
        """File of the effects with their verdicts."""
        return self.analysis_path / "effects.json"

    def tests_digest(self) -> str:
        """SHA-256 of the metadata of all tests of the run; "" if there is none."""
        folder = self.path / "evaluation"
        paths = sorted(folder.rglob("evaluation.json"))
        parts = [f"{path.relative_to(folder)} {file_hash(path)}" for path in paths]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest() if parts else ""

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

    @property
    def steps(self) -> "pd.DataFrame":
        """Recorded steps of all subjects, with names and the columns of their trials.

        `metarl.runs.steps.step_table` describes the columns.
        """
        from metarl.runs.steps import step_table

        return step_table(self.config, self.recording, self.trials)

    def activity(
        self, subject: int = 0, event: str = ""
    ) -> "tuple[NDArray[np.float32], pd.DataFrame]":
        """(N, H) activity of a subject's units at an event, and the N trials.

        Args:
            subject: number of the subject.
            event: name of an event of the task; "": the first step of each trial.
        """
        from metarl.runs.steps import activity_at

        known = self.evaluated
        check_choice("subject", subject, known)
        return activity_at(known[subject].recording, self.trials, subject, event)

    def _repr_html_(self) -> str:
        """Table for a notebook: task, settings, subjects."""
        config, done = self.config, len(self.evaluated)
        facts = {
            "task": config.task,
            "preset": config.preset,
            "subjects": f"{config.subjects}, {done} of them tested",
            "seed": config.seed,
            "training": f"{config.training.steps:,} steps a subject",
            "variants": ", ".join(self.variants) or "none",
            "folder": self.path,
        }
        rows = "".join(
            f"<tr><th>{name}</th><td>{escape(str(value))}</td></tr>"
            for name, value in facts.items()
        )
        return f"<table>{rows}</table>"


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


@checked
def load_run(path: str | Path, *, trust_task: bool = False) -> Run:
    """Open the folder of a run.

    Args:
        path: folder.
        trust_task: whether the code of a task outside metarl, which the run names, may
            be imported; it need not be allowed if the module is already imported.

    Raises:
        MetaRLError: the folder has no run.
    """
    run = Run(Path(path), trust_task)
    if not exists(run.path / "config.json"):
        raise MetaRLError(
            f"{run.path} is not a run: it has no config.json; create one with "
            "`metarl train`"
        )
    for each in (run, *run.variants.values()):
        settle(each)
    return run


def warn_of_incomplete_tests(run: Run) -> None:
    """Log a warning for each test that some subjects lack."""
    for line in incomplete_lines(run):
        log.warning("%s", line)


def settle(run: Run) -> None:
    """Put an evaluation in place if its process was killed while doing so."""
    if is_complete(run.path):
        with locked([run.path]):
            finish_swap(run.path)


def incomplete_lines(run: Run) -> list[str]:
    """Sentences on the tests of a run and its variants that some subjects lack."""
    populations = {"": run, **{f"variant {k}, ": v for k, v in run.variants.items()}}
    return [
        f"{prefix}test {name}: {each.config.subjects - len(missing)} of "
        f"{each.config.subjects} subjects were evaluated, without "
        f"{', '.join(map(str, missing))}; run `metarl evaluate {run.path}`"
        for prefix, each in populations.items()
        for name, missing in each.incomplete_tests().items()
    ]


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
    check_runs(configs, resume=resume)
    for path, config in configs.items():
        if not (path / "config.json").exists():
            write_json(path / "config.json", to_plain(config), seal=True)
    return [Run(path, trust_task=True) for path in configs]


def check_runs(configs: Mapping[Path, RunConfig[Any]], *, resume: bool) -> None:
    """Raise MetaRLError unless runs can be created in folders, or resumed there."""
    for path, config in configs.items():
        if exists(path / "config.json"):
            _check_resumable(path, config, resume=resume)


def create_run(path: Path, config: RunConfig[Any], *, resume: bool = False) -> Run:
    """Create the folder of one run, or reopen it, as `create_runs` does."""
    return create_runs({path: config}, resume=resume)[0]


def _check_resumable(path: Path, config: RunConfig[Any], *, resume: bool) -> None:
    if not resume:
        raise MetaRLError(
            f"{path} already has a run; resume it with --resume, or give another --out"
        )
    # Read as a configuration, so that fields new since an older version have defaults.
    plain = read_json(path / "config.json", dict)
    same_task = plain.get("task") == config.task
    before, now = (
        json.loads(json.dumps(to_plain(each)))
        for each in (from_plain(plain, trust_task=same_task), config)
    )
    difference = first_difference(before, now)
    if difference:
        raise MetaRLError(
            f"{path} was started with another configuration ({difference}); "
            "resume with the same one, or give another --out"
        )
