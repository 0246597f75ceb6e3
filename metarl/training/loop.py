"""The training loop: updates of one subject, as a generator of its learning curve."""

import math
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

from metarl.agents.networks.actor_critic import Network, SeparateActorCritic
from metarl.core.checks import MetaRLError
from metarl.core.parallel import Interrupted, Reporter
from metarl.runs.checkpoint import load_weights
from metarl.runs.config import RunConfig
from metarl.training.metrics import MetricAverages

METRIC_INTERVAL = Fraction(1, 200)
"""Part of the training between two points of the learning curve."""

_MISFITS = AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError
"""Errors of restoring a state of another version."""

Point = dict[str, float]
"""Point of the learning curve: metric -> mean since the last point."""


@contextmanager
def restoring(path: Path) -> Iterator[None]:
    """Raise MetaRLError if what is done cannot restore the state read from `path`."""
    try:
        yield
    except _MISFITS as error:
        raise MetaRLError(
            f"{path} does not fit this version of metarl ({error}); "
            "delete its folder to train this subject again"
        ) from None


class Subject(ABC):
    """A subject in training: its network, progress, learning curve and state."""

    network: Network
    """Trained network."""

    def __init__(self, config: RunConfig[Any], subject: int) -> None:
        """Start before the first update."""
        self.config, self.subject, self.updates = config, subject, 0
        self.averages = MetricAverages(config.training.num_envs)

    @property
    def progress(self) -> float:
        """Part of the training that is done, in [0, 1]."""
        return self.updates / self.config.training.updates

    @property
    def steps(self) -> int:
        """Number of steps done, in all environments."""
        training = self.config.training
        return self.updates * training.num_envs * training.unroll_steps

    def update_discount(self) -> None:
        """Set the discount of a prediction error input to that of the learning rule."""
        if isinstance(self.network, SeparateActorCritic):
            discount = self.config.learning.discount.at(self.progress)
            self.network.discount.fill_(discount)

    def point(self) -> Point:
        """Return a point of the learning curve: means since the last point.

        Raises:
            MetaRLError: training diverged.
        """
        row = {"update": self.updates, "steps": self.steps, **self.averages.read()}
        self.check_finite(row)
        return row

    def check_finite(self, metrics: Point) -> None:
        """Raise MetaRLError if training diverged, given the latest metrics."""
        norm = metrics["train/grad_norm"]
        if not math.isfinite(norm):
            raise MetaRLError(
                f"training diverged before step {self.steps}: the gradient's norm is "
                f"{norm}; set a lower learning.learning_rate, or a "
                "learning.gradient_clip"
            )

    @abstractmethod
    def learner_state(self) -> dict[str, Any]:
        """State of everything except network, averages and number of updates."""

    @abstractmethod
    def load_learner_state(self, state: dict[str, Any]) -> None:
        """Restore a `learner_state`."""

    def state(self) -> dict[str, Any]:
        """Complete state; training resumed from it continues to the same bytes."""
        return {
            "updates": self.updates,
            "network": self.network.state_dict(),
            **self.learner_state(),
            "averages": self.averages.state(),
        }

    def load_state(self, state: dict[str, Any], path: Path) -> None:
        """Restore a `state` that was read from `path`.

        Raises:
            MetaRLError: the state is not one of this training.
        """
        with restoring(path):
            load_weights(self.network, state["network"], path)
            self.load_learner_state(state)
            self.averages.load_state(state["averages"])
            self.updates = state["updates"]


class SubjectTrainer(Subject):
    """Training of one subject alone; a subclass says what an update is."""

    @abstractmethod
    def update(self) -> None:
        """Make one update of the weights."""

    def run(
        self,
        until: int | None = None,
        *,
        every: Fraction = METRIC_INTERVAL,
        before_update: Callable[[], None] = lambda: None,
    ) -> Iterator[Point]:
        """Train, and yield the points of the learning curve.

        Points are at fixed updates of the whole training, wherever it was resumed.

        Args:
            until: number of updates after which to stop; by default the training's.
            every: part of the whole training between two points.
            before_update: called before each update; may raise to stop.

        Raises:
            MetaRLError: training diverged.
        """
        total = self.config.training.updates
        stop = min(total, sys.maxsize if until is None else until)
        while self.updates < stop:
            before_update()
            self.update()
            if interval_ended(self.updates, total, every):
                yield self.point()


def interval_ended(updates: int, total: int, every: Fraction) -> int:
    """Return the number of the interval that ended with this update; 0 if none did.

    Args:
        updates: number of updates done, at least 1.
        total: number of updates of the whole training.
        every: part of the whole training in an interval.
    """
    # In whole numbers: with floats an interval could end an update early or late.
    parts, size = every.denominator, total * every.numerator
    ended = updates * parts // size
    return ended if ended > (updates - 1) * parts // size else 0


def stop_if_asked(reporter: Reporter) -> None:
    """Raise Interrupted if the job was asked to stop."""
    if reporter.should_stop():
        raise Interrupted
