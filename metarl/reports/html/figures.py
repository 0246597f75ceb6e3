"""Pictures of the report, embedded in the page as data URIs."""

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
from metarl.reports.task_diagram import draw_task_diagram
from metarl.runs.config import RunConfig

CURVES_SIZE = (7.5, 3.6)
"""Width and height of the learning curves, in inches."""


@dataclass(frozen=True)
class Picture:
    """Picture embedded in the page."""

    address: str
    """Data URI."""
    alt: str
    """Alternative text."""
    caption: str
    """Caption below the picture."""


def png_address(path: Path) -> str:
    """Return the data URI of a PNG file."""
    return _address("image/png", path.read_bytes())


def svg_address(figure: Figure) -> str:
    """Return the data URI of a figure as SVG; the same figure gives the same URI."""
    file = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "metarl"}):
        figure.savefig(file, format="svg", dpi=200, metadata={"Date": None})
    return _address("image/svg+xml", file.getvalue())


def _address(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"


def task_diagram_picture(config: RunConfig[Any]) -> Picture | None:
    """Return the task diagram of a run; None without a suitable baseline."""
    diagram = draw_task_diagram(config)
    if diagram is None:
        return None
    figure, baseline, words = diagram
    caption = (
        "First trials of an episode, with the screen of the task, and actions and "
        f"rewards below; the baseline {baseline} chooses the actions."
    )
    return Picture(svg_address(figure), f"Task diagram: {words}.", caption)


def curves_picture(metrics: pd.DataFrame) -> Picture:
    """Return the learning curves of the subjects of a run."""
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
    """Return the figure of the analysis of a run."""
    names = "; ".join(panel.title for panel in analysis_of(task).panels)
    caption = "The frozen networks, the paper and the baselines."
    return Picture(png_address(path), f"Panels: {names}.", caption)
