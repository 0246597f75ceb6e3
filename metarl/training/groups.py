"""Training of the subjects of a run to the end: groups, files, resuming.

Subjects whose network and rule allow it share one computation, if they are equally far
in their training. A subject that diverges leaves its group, and the others go on.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import torch

from metarl.agents.networks.actor_critic import Network
from metarl.core.checks import MetaRLError
from metarl.core.devices import CPU, kind_of, moved
from metarl.core.files import file_hash, write_json, write_text
from metarl.core.parallel import Interrupted, Reporter
from metarl.runs.checkpoint import load_state, save_policy, save_state
from metarl.runs.config import RunConfig, check_identity, identity, to_plain
from metarl.runs.folder import SNAPSHOTS, SubjectFolder
from metarl.runs.versions import versions
from metarl.training.loop import (
    METRIC_INTERVAL,
    Point,
    Subject,
    SubjectTrainer,
    interval_ended,
    stop_if_asked,
)
from metarl.training.metrics import ComputeCost
from metarl.training.stacked import (
    Computation,
    StackedGroup,
    computation_of,
    kernel_fault,
)
from metarl.training.trainer import make_trainer

log = logging.getLogger(__name__)

SAVE_SECONDS = 30.0
"""Resumable state is written at least this often, and at every snapshot."""

State = dict[str, Any]


class Observer(Protocol):
    """Observer of a subject's training, such as TensorBoard."""

    def on_metrics(self, row: Point) -> None:
        """Receive a point of the learning curve."""
        ...

    def on_snapshot(self, number: int, network: Network) -> None:
        """Receive a snapshot of the weights."""
        ...

    def close(self) -> None:
        """End the observation: training is complete or stopped."""
        ...


MakeObserver = Callable[[int, int], Observer]
"""Creates an observer, given the subject and the number of steps already done."""


class Setting(NamedTuple):
    """What the training of all subjects has in common."""

    config: RunConfig[Any]
    """Configuration of the run."""
    make_observer: MakeObserver | None = None
    """Creates an observer of a subject."""
    device: str = CPU
    """Device of the computation, one that is there."""


class Group(Protocol):
    """Subjects that are updated together."""

    @property
    def members(self) -> Sequence[Subject]:
        """The subjects."""
        ...

    faults: dict[int, str]
    """Subject -> error in its latest update."""
    by: Computation
    """Computation of the updates."""
    device: str
    """Device of the computation."""

    def update(self) -> None:
        """Make one update of every member."""
        ...

    def load_states(self, states: Sequence[State], paths: Sequence[Path]) -> None:
        """Restore the states of the members, which were read from these paths."""
        ...

    def without(self, subjects: set[int]) -> "Group":
        """Return the group of the other members, which go on as they are."""
        ...


class Alone:
    """Group of one subject, or of none."""

    by: Computation = "torch"

    def __init__(self, *trainers: SubjectTrainer, device: str = CPU) -> None:
        """Update it by its own trainer."""
        self.members, self.faults = trainers, dict[int, str]()
        self.device = device

    def update(self) -> None:
        """Make one update."""
        for each in self.members:
            each.update()

    def load_states(self, states: Sequence[State], paths: Sequence[Path]) -> None:
        """Restore its state."""
        for each, state, path in zip(self.members, states, paths, strict=True):
            each.load_state(state, path)

    def without(self, subjects: set[int]) -> "Alone":
        """Return the empty group."""
        rest = [m for m in self.members if m.subject not in subjects]
        return Alone(*rest, device=self.device)


def train_subjects(
    config: RunConfig[Any],
    folders: Mapping[int, SubjectFolder],
    reporter: Reporter,
    make_observer: MakeObserver | None = None,
    device: str = CPU,
) -> None:
    """Train subjects to the end, resuming from their folders.

    Args:
        config: configuration of the run.
        folders: subject -> folder for its files.
        reporter: receives the progress, and asks to stop.
        make_observer: creates an observer of a subject, given the steps already done.
        device: device of the computation, one that is there.

    Raises:
        Interrupted: asked to stop; the states are saved.
        MetaRLError: the training of a subject diverged, or its state is damaged; the
            others were trained to the end.
    """
    torch.set_num_threads(1)
    setting, errors = Setting(config, make_observer, device), dict[int, str]()
    parts = list(_parts(setting, _read_states(setting, folders, errors)))
    for number, part in enumerate(parts):
        own = {subject: folders[subject] for subject in part}
        errors |= _train_part(setting, own, reporter.part(number, len(parts)))
    if errors:
        alone = len(folders) == 1
        named = [
            error if alone else f"subject {k}: {error}" for k, error in errors.items()
        ]
        raise MetaRLError("; ".join(named))


def make_group(
    config: RunConfig[Any],
    subjects: Sequence[int],
    by: Computation | None = None,
    device: str = CPU,
) -> Group:
    """Make untrained subjects, which share one computation if they can.

    Args:
        config: configuration of the run.
        subjects: numbers of the subjects; one, if they cannot share.
        by: computation by which their training began; None: it has not begun.
        device: device of the computation.

    Raises:
        MetaRLError: it began with the kernel, which cannot be used now.
    """
    by = by or computation_of(config, device, shared=len(subjects) > 1)
    if by == "kernel" and (fault := kernel_fault()):
        raise MetaRLError(
            f"training began with the compiled kernel, and {fault}; mend this, or "
            "delete the subject's folder to train it again"
        )
    if by == "torch":
        trainers = [make_trainer(config, subject, device) for subject in subjects]
        return Alone(*trainers, device=device)
    return StackedGroup(config, subjects, by=by, device=device)


def _read_states(
    setting: Setting, folders: Mapping[int, SubjectFolder], errors: dict[int, str]
) -> dict[int, State | None]:
    """Saved states, None before the first one; unreadable ones become errors."""
    states: dict[int, State | None] = {}
    for subject, folder in folders.items():
        try:
            states[subject] = _state(setting, subject, folder)
        except MetaRLError as error:
            errors[subject] = str(error)
    return states


def _state(setting: Setting, subject: int, folder: SubjectFolder) -> State | None:
    """Saved state of a subject; None before the first one.

    Raises:
        MetaRLError: it is damaged, of another training, or of another kind of device.
    """
    path = folder.state_path
    if not path.exists():
        return None
    state = load_state(path)
    owner = identity(setting.config, subject)
    check_identity(path, state.get("owner", {}), owner)
    began = state.get("device", CPU)
    if kind_of(began) != kind_of(setting.device):
        raise MetaRLError(
            f"training began on the device {began}, which gives other numbers than "
            f"{setting.device}; add --device {began}, or delete {path.parent} to train "
            "this subject again"
        )
    return state


def _parts(setting: Setting, states: Mapping[int, State | None]) -> Iterator[list[int]]:
    """Subjects that are trained together: equally far, by the same computation."""
    shared = len(states) > 1
    new = computation_of(setting.config, setting.device, shared=shared)

    def place(subject: int) -> tuple[str, int]:
        state = states[subject] or {}
        return state.get("computation", new), state.get("updates", 0)

    for (by, _), found in groupby(sorted(states, key=place), key=place):
        part = list(found)
        yield from ([subject] for subject in part) if by == "torch" else [part]


def _train_part(
    setting: Setting, folders: Mapping[int, SubjectFolder], reporter: Reporter
) -> dict[int, str]:
    """Train subjects that are equally far; return the error of each that has one.

    If the task fails, which it does for all at once, each goes on alone from its last
    state, so that only those fail that meet the fault.
    """
    states = {k: _state(setting, k, folder) for k, folder in folders.items()}
    try:
        training = _Training(setting, states, folders)
    except MetaRLError as error:
        return dict.fromkeys(folders, str(error))
    try:
        training.run(reporter)
    except Interrupted:
        raise
    except Exception:
        if len(folders) == 1:
            raise
        log.warning("training goes on one by one after an error", exc_info=True)
    else:
        return training.errors
    finally:
        training.close()
    return _train_alone(setting, folders, reporter)


def _train_alone(
    setting: Setting, folders: Mapping[int, SubjectFolder], reporter: Reporter
) -> dict[int, str]:
    """Train subjects one after the other; return the error of each that has one."""
    errors: dict[int, str] = {}
    for number, (subject, folder) in enumerate(folders.items()):
        part = reporter.part(number, len(folders))
        try:
            errors |= _train_part(setting, {subject: folder}, part)
        except Interrupted:
            raise
        except Exception as error:  # noqa: BLE001 whatever the user's task raises
            errors[subject] = f"{type(error).__name__}: {error}"
    return errors


class _Training:
    """Training of one group, with the files of its members."""

    def __init__(
        self,
        setting: Setting,
        states: Mapping[int, State | None],
        folders: Mapping[int, SubjectFolder],
    ) -> None:
        """Make the group, and resume it if there are states."""
        config, device = setting.config, setting.device
        self.config = config
        self.errors: dict[int, str] = {}
        first = next(iter(states.values())) or {}
        self.group = make_group(
            self.config, list(states), first.get("computation"), device
        )
        saved = [state for state in states.values() if state is not None]
        if saved:
            self.group.load_states(saved, [folders[k].state_path for k in states])
        self.sessions = {
            member.subject: _Session(
                member,
                folders[member.subject],
                states[member.subject],
                setting.make_observer,
                {"computation": self.group.by, "device": device},
                ComputeCost(folders[member.subject], len(self.group.members)),
            )
            for member in self.group.members
        }
        self.saved = time.monotonic()
        """Time of the last saving."""

    def run(self, reporter: Reporter) -> None:
        """Train to the end, saving state on the way."""
        total = self.config.training.updates
        # All members have made equally many updates.
        done = self.group.members[0].updates
        while self.group.members and done < total:
            self._stop_or_save(reporter)
            self.group.update()
            done += 1
            self._drop(self.group.faults)
            if interval_ended(done, total, METRIC_INTERVAL):
                self._point()
                reporter.report(done / total)
                # A snapshot always coincides with a point of the learning curve: 200
                # is a multiple of SNAPSHOTS.
                self._snapshot(interval_ended(done, total, Fraction(1, SNAPSHOTS)))
        for session in self._present():
            session.finish()

    def _present(self) -> list["_Session"]:
        return [self.sessions[member.subject] for member in self.group.members]

    def _drop(self, faults: dict[int, str]) -> None:
        """Go on without the subjects that have an error."""
        if faults:
            self.errors |= faults
            self.group = self.group.without(set(faults))

    def _point(self) -> None:
        """Read a point of every learning curve; drop the subjects that diverged."""
        faults = {}
        for session in self._present():
            try:
                session.add_point()
            except MetaRLError as error:
                faults[session.member.subject] = str(error)
        self._drop(faults)

    def _snapshot(self, number: int) -> None:
        """Save snapshots and states; 0: there is no snapshot now."""
        if number:
            for session in self._present():
                session.add_snapshot(number)
            self._save()

    def _stop_or_save(self, reporter: Reporter) -> None:
        """Save and raise Interrupted if asked to stop; save if it is time to."""
        try:
            stop_if_asked(reporter)
        except Interrupted:
            self._save()
            raise
        if time.monotonic() - self.saved > SAVE_SECONDS:
            self._save()

    def _save(self) -> None:
        for session in self._present():
            session.save()
        self.saved = time.monotonic()

    def close(self) -> None:
        """End the observations."""
        for session in self.sessions.values():
            session.close()


class _Session:
    """Files and observer of a subject during training."""

    def __init__(
        self,
        member: Subject,
        folder: SubjectFolder,
        state: State | None,
        make_observer: MakeObserver | None,
        path: Mapping[str, str],
        cost: ComputeCost,
    ) -> None:
        """Continue from a state, if any; otherwise write the first files."""
        self.member, self.folder, self.cost = member, folder, cost
        self.path = path
        """Computation and device of the training."""
        self.owner = identity(member.config, member.subject)
        self.rows: list[Point] = state["rows"] if state else []
        """Learning curve so far."""
        if not state:
            write_json(folder.path / "config.json", to_plain(member.config))
            write_json(folder.path / "versions.json", versions() | dict(path))
            self._save_policy(folder.snapshot_path(0), 0)
        steps = member.steps
        self.observers = [make_observer(member.subject, steps)] if make_observer else []

    def add_point(self) -> None:
        """Read a point of the learning curve; MetaRLError if training diverged."""
        row = self.member.point()
        self.rows.append(row)
        for observer in self.observers:
            observer.on_metrics(row)

    def add_snapshot(self, number: int) -> None:
        """Write the weights as a snapshot."""
        self._save_policy(self.folder.snapshot_path(number), number)
        for observer in self.observers:
            observer.on_snapshot(number, self.member.network)

    def save(self) -> None:
        """Write state, learning curve and compute cost."""
        member = self.member
        kept = {"rows": self.rows, "owner": self.owner, **self.path}
        save_state(self.folder.state_path, moved(member.state() | kept, CPU))
        if self.rows:
            lines = [",".join(self.rows[0])]
            lines += [",".join(repr(value) for value in r.values()) for r in self.rows]
            write_text(self.folder.metrics_path, "\n".join(lines) + "\n")
        self.cost.write()

    def _save_policy(self, path: Path, snapshot: int) -> None:
        """Write the weights, with the subject and the number of the snapshot."""
        owner = {**self.owner, "snapshot": snapshot}
        save_policy(path, self.member.network, self.member.config.network, owner)

    def finish(self) -> None:
        """End the observation, and write the trained policy."""
        self.close()
        path = self.folder.metrics_path
        if path.exists():
            write_json(self.folder.hashes_path, {path.name: file_hash(path)}, seal=True)
        self._save_policy(self.folder.policy_path, SNAPSHOTS)

    def close(self) -> None:
        """End the observation."""
        while self.observers:
            self.observers.pop().close()
