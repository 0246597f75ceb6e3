"""TensorBoard: curves, the experiment's own figure, and units, while a subject trains.

Open it with `tensorboard --logdir runs/x`.
"""

import contextlib
import io
import json
import os
import time
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from tensorboard.compat.proto.event_pb2 import (  # type: ignore[import-untyped]
    Event,
    SessionLog,
)
from tensorboard.compat.proto.summary_pb2 import (  # type: ignore[import-untyped]
    Summary,
)
from tensorboard.summary.writer.record_writer import (  # type: ignore[import-untyped]
    RecordWriter,
)
from torch.utils.tensorboard.summary import histogram, hparams, scalar

from metarl.agents.network import Network
from metarl.checks import MetaRLError
from metarl.config import EvaluationConfig, RunConfig, to_plain
from metarl.evaluation import run_episodes
from metarl.protocols import protocol
from metarl.report import analysis_of, draw_figure, has_analysis, make_source
from metarl.runs import SNAPSHOTS
from metarl.tables import unwritten

PREVIEW_EVERY = 4
"""Snapshots from one look at behaviour to the next."""
PREVIEW = EvaluationConfig(episodes=40, record_episodes=4)
"""What a look at behaviour is made from; its episodes are training's own nowhere."""
ACTIVITY_BINS = np.linspace(-1, 1, 65)
"""Edges of the histogram of units."""


class EventFile:
    """TensorBoard's file, written in this thread, so that what fails, fails here.

    torch's SummaryWriter has a thread of its own, which ends in a traceback on the
    user's screen where the disk is full.
    """

    def __init__(self, folder: Path, *, first_step: int) -> None:
        """Begin a file; readers drop what earlier ones say of `first_step` and on."""
        # Readers take a folder's files in the order of their names.
        self.path = folder / f"events.out.tfevents.{time.time_ns()}.{os.getpid()}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.file = self.path.open("wb")
        except OSError as error:
            raise unwritten(self.path, error) from error
        self._write(Event(file_version="brain.Event:2"))
        start = SessionLog(status=SessionLog.START)
        self._write(Event(session_log=start, step=first_step))

    def add(self, summary: Any, step: int = 0) -> None:
        """Add a summary at an environment step."""
        self._write(Event(summary=summary, step=step))

    def add_figure(self, tag: str, figure: Figure, step: int) -> None:
        """Add a figure as an image."""
        png = io.BytesIO()
        figure.savefig(png, format="png")
        width, height = figure.canvas.get_width_height()
        image = Summary.Image(
            encoded_image_string=png.getvalue(),
            width=width,
            height=height,
            colorspace=4,
        )
        self.add(Summary(value=[Summary.Value(tag=tag, image=image)]), step)

    def _write(self, event: Any) -> None:
        event.wall_time = time.time()
        try:
            RecordWriter(self.file).write(event.SerializeToString())
            self.file.flush()
        except OSError as error:
            raise unwritten(self.path, error) from error

    def close(self) -> None:
        """No more will come."""
        try:
            self.file.close()
        except OSError as error:
            raise unwritten(self.path, error) from error


class TensorBoardObserver:
    """Writes one subject's event file."""

    def __init__(
        self, folder: Path, config: RunConfig[Any], subject: int, *, steps_done: int
    ) -> None:
        """Open the event file; what a killed training wrote past `steps_done` goes."""
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
        plain = {"subject": self.subject, **_flat(to_plain(self.config))}
        for summary in hparams(plain, {"rollout/return": 0.0}):
            self.file.add(summary)

    def on_metrics(self, row: dict[str, float]) -> None:
        """A point of the learning curve."""
        now, steps = time.perf_counter(), int(row["steps"])
        scalars = {k: v for k, v in row.items() if "/" in k and isfinite(v)}
        speed = (steps - self.steps) / max(now - self.clock, 1e-9)
        for tag, value in {**scalars, "time/steps_per_second": speed}.items():
            self.file.add(scalar(tag, value), steps)
        self.clock, self.steps = now, steps

    def on_snapshot(self, number: int, network: Network) -> None:
        """Behaviour and units, on episodes of their own with the weights held."""
        if number % PREVIEW_EVERY:
            return
        settings = protocol(self.config.task).test.settings
        reset = self.config.training.reset_memory
        test = replace(PREVIEW, settings=settings, reset_memory=reset)
        trials, recording = run_episodes(
            self.config,
            self.subject,
            lambda task: network,
            test,
            purpose="preview",
            progress=number / SNAPSHOTS,
        )
        step = self.config.training.steps * number // SNAPSHOTS
        units = recording["units"]
        units = units[~np.isnan(units)]
        self.file.add(histogram("units/activity", units, ACTIVITY_BINS), step)
        reward = float(trials["reward"].mean())
        self.file.add(scalar("eval/reward_per_trial", reward), step)
        if not has_analysis(self.config.task):
            return
        analysis = analysis_of(self.config.task)
        source = make_source(self.config, trials, settings=settings)
        tables = analysis.tables(source)
        figure = draw_figure(tables, analysis.BEHAVIOUR_PANELS[:1])
        self.file.add_figure("behaviour", figure, step)

    def close(self) -> None:
        """Write what is left."""
        self.file.close()


def _flat(plain: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested dictionaries as one level of dotted names and simple values."""
    flat: dict[str, Any] = {}
    for name, value in plain.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            simple = isinstance(value, bool | int | float | str)
            flat[prefix + name] = value if simple else json.dumps(value)
    return flat
