"""TensorBoard file of one subject: scalars, histograms and figures by step."""

import io
import os
import time
from pathlib import Path
from typing import Any

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

from metarl.core.files import unwritten


class EventFile:
    """TensorBoard file, written in this thread, so that errors are raised here.

    torch's SummaryWriter has a separate thread, which prints a traceback if the disk
    is full.
    """

    def __init__(self, folder: Path, *, first_step: int) -> None:
        """Begin a file; readers drop entries of earlier files from `first_step` on."""
        # Readers process the files of a folder in the order of their names.
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
        figure.savefig(png, format="png", dpi="figure")
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
        """Close the file."""
        try:
            self.file.close()
        except OSError as error:
            raise unwritten(self.path, error) from error
