"""TensorBoard during training: curves, behaviour, prediction errors and units.

Open it with `tensorboard --logdir runs/x`.
"""

import contextlib
import json
import time
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.tensorboard.summary import histogram, hparams, scalar

from metarl.agents.networks.actor_critic import Network
from metarl.core.checks import MetaRLError
from metarl.reports.tensorboard.event_file import EventFile
from metarl.reports.tensorboard.snapshot_figures import (
    SnapshotEpisodes,
    preview_interval,
)
from metarl.runs.config import RunConfig, flattened, to_plain
from metarl.runs.folder import SNAPSHOTS

ACTIVITY_BINS = np.linspace(-1, 1, 65)
"""Edges of the histogram of units."""


class TensorBoardObserver:
    """Writer of one subject's event file."""

    def __init__(
        self, folder: Path, config: RunConfig[Any], subject: int, *, steps_done: int
    ) -> None:
        """Open the event file; entries after `steps_done` of a killed training go."""
        self.config, self.subject = config, subject
        self.file = EventFile(folder, first_step=steps_done + 1)
        self.clock, self.steps = time.perf_counter(), steps_done
        if not steps_done:
            try:
                self._write_hyperparameters()
            except MetaRLError:
                with contextlib.suppress(MetaRLError):
                    self.close()
                raise

    def _write_hyperparameters(self) -> None:
        plain = {"subject": self.subject, **_simple(to_plain(self.config))}
        for summary in hparams(plain, {"rollout/return": 0.0}):
            self.file.add(summary)

    def on_metrics(self, row: dict[str, float]) -> None:
        """Write one point of the learning curve."""
        now, steps = time.perf_counter(), int(row["steps"])
        scalars = {k: v for k, v in row.items() if "/" in k and isfinite(v)}
        speed = (steps - self.steps) / max(now - self.clock, 1e-9)
        for tag, value in {**scalars, "time/steps_per_second": speed}.items():
            self.file.add(scalar(tag, value), steps)
        self.clock, self.steps = now, steps

    def on_snapshot(self, number: int, network: Network) -> None:
        """Write figures of behaviour, prediction errors and units, weights frozen.

        Of the first subject only: training waits while they are made.
        """
        if self.subject or number % preview_interval(self.config):
            return
        progress = number / SNAPSHOTS
        tested = SnapshotEpisodes(self.config, self.subject, network, progress=progress)
        step = self.config.training.steps * number // SNAPSHOTS
        self.file.add(histogram("units/activity", tested.units, ACTIVITY_BINS), step)
        for name, value in tested.scalars().items():
            self.file.add(scalar(f"eval/{name}", value), step)
        for name, figure in tested.figures():
            self.file.add_figure(name, figure, step)

    def close(self) -> None:
        """Close the event file."""
        self.file.close()


def _simple(plain: dict[str, Any]) -> dict[str, Any]:
    """Settings by their dotted names, as values that TensorBoard shows."""
    return {
        name: value
        if isinstance(value, bool | int | float | str)
        else json.dumps(value)
        for name, value in flattened(plain).items()
    }
