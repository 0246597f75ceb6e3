"""Pictures of the report's page, as data inside it: nothing is fetched."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from metarl.analysis.learning_curves import mean_curve, plot_learning_curves
from metarl.analysis.style import figure_style
from metarl.reports.figures import analysis_of
from metarl.reports.task_diagram import draw_timing
from metarl.runs.config import RunConfig

CURVES_SIZE = (7.5, 3.6)
"""Width and height of the learning curves, in inches."""


@dataclass(frozen=True)
class Picture:
    """A picture that needs no file."""

    address: str
    """A data URI."""
    alt: str
    """What it shows, in words."""
    caption: str
    """What stands below it."""


def png_address(path: Path) -> str:
    """The data URI of a PNG file."""
    return _address("image/png", path.read_bytes())


def svg_address(figure: Figure) -> str:
    """The data URI of a figure as SVG, the same for the same figure."""
    file = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "metarl"}):
        figure.savefig(file, format="svg", dpi=200, metadata={"Date": None})
    return _address("image/svg+xml", file.getvalue())


def _address(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"


def timing_picture(config: RunConfig[Any]) -> Picture | None:
    """The timing diagram of a run's task; None without a baseline that answers."""
    diagram = draw_timing(config)
    if diagram is None:
        return None
    figure, baseline, words = diagram
    caption = (
        "An episode's first trials, as the task itself draws them, with actions and "
        f"rewards below; the baseline {baseline} answers."
    )
    return Picture(svg_address(figure), f"Timing: {words}.", caption)


def curves_picture(metrics: pd.DataFrame) -> Picture:
    """The learning curves of a run's subjects."""
    with figure_style():
        figure = Figure(figsize=CURVES_SIZE, layout="constrained")
        plot_learning_curves(metrics, figure.add_subplot())
    mean = mean_curve(metrics)
    alt = (
        f"Learning curves: the mean reward per step goes from {mean.iloc[0]:.3f} "
        f"to {mean.iloc[-1]:.3f} in {mean.index[-1]:,} steps."
    )
    caption = "Reward per step in training; thin: each network, bold: their mean."
    return Picture(svg_address(figure), alt, caption)


def analysis_picture(task: str, path: Path) -> Picture:
    """The figure of a run's analysis."""
    names = "; ".join(panel.title for panel in analysis_of(task).panels)
    caption = "The frozen networks, the paper and the baselines."
    return Picture(png_address(path), f"Panels: {names}.", caption)
