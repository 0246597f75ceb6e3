"""A user's own observer of a training, such as one for another tracker.

    metarl train two-step --observe my_tracker:Tracker

makes Tracker(folder, config, subject, steps_done) in the process that trains a subject,
and calls those of these methods that it has:

    on_metrics(row)                 a point of the learning curve, by name
    on_snapshot(number, network)    weights after number / 20 of training, to be read
    close()                         training is complete or stopped
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from metarl.agents.networks.actor_critic import Network
from metarl.envs.registry import load
from metarl.runs.config import RunConfig
from metarl.training.groups import Observer
from metarl.training.loop import Point

log = logging.getLogger(__name__)

METHODS = ("on_metrics", "on_snapshot", "close")
"""Methods of an observer."""


def check_observer(name: str) -> None:
    """Raise ValueError unless "module:Class" has a method of an observer."""
    found = load(name)
    if not callable(found) or not any(hasattr(found, each) for each in METHODS):
        raise ValueError(
            f"observe must be module:Class with one of {', '.join(METHODS)}, got "
            f"{name!r}"
        )


class OwnObserver:
    """A user's observer; an error in it is said once, and training goes on."""

    def __init__(
        self,
        name: str,
        folder: Path,
        config: RunConfig[Any],
        subject: int,
        *,
        steps_done: int,
    ) -> None:
        """Make the observer.

        Args:
            name: module:Class.
            folder: folder of the subject.
            config: configuration of the run.
            subject: number of the subject.
            steps_done: steps of training before this start, 0 if it is the first.
        """
        self.name, self.subject = name, subject
        self.own: Any = None
        self.own = self._guarded(
            lambda: load(name)(folder, config, subject, steps_done)
        )

    def _guarded(self, call: Any) -> Any:
        """Result of a call of the user's code; None, and no more calls, if it fails."""
        try:
            return call()
        # Whatever is raised, a training of hours must not be lost to it.
        except Exception as error:  # noqa: BLE001
            log.warning(
                "subject %d: %s raised %s: %s; training goes on without it",
                *(self.subject, self.name, type(error).__name__, error),
            )
            self.own = None
            return None

    def _call(self, method: str, *arguments: Any) -> None:
        if hasattr(self.own, method):
            self._guarded(lambda: getattr(self.own, method)(*arguments))

    def on_metrics(self, row: Point) -> None:
        """Give it a copy of a point of the learning curve."""
        self._call("on_metrics", dict(row))

    def on_snapshot(self, number: int, network: Network) -> None:
        """Give it a snapshot of the weights."""
        self._call("on_snapshot", number, network)

    def close(self) -> None:
        """Say that training is complete or stopped."""
        self._call("close")


class Observers:
    """Several observers as one."""

    def __init__(self, each: Sequence[Observer]) -> None:
        """Observe by each, in order."""
        self.each = each

    def on_metrics(self, row: Point) -> None:
        """Give all a point of the learning curve."""
        for observer in self.each:
            observer.on_metrics(row)

    def on_snapshot(self, number: int, network: Network) -> None:
        """Give all a snapshot of the weights."""
        for observer in self.each:
            observer.on_snapshot(number, network)

    def close(self) -> None:
        """End all observations."""
        for observer in self.each:
            observer.close()
