"""Figures of a subject during training, from a few episodes with frozen weights.

The episodes are those of the task's main test, with separate random numbers. Weights
and all other state of the training stay unchanged.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from math import isfinite
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from metarl.agents.networks.actor_critic import ActorCritic, Network, attach_renderer
from metarl.analysis.analysis import Analysis, AnalysisResult, analyse
from metarl.analysis.measures import select_group
from metarl.analysis.snapshot import mean_rpe_by_event, trial_states
from metarl.analysis.snapshot_plots import plot_rpe_by_event, plot_trial_states
from metarl.core.files import Recording
from metarl.experiments.spec import experiment
from metarl.reports.figures import analysis_of, has_analysis, make_data
from metarl.runs.config import EvaluationConfig, RunConfig
from metarl.runs.folder import SNAPSHOTS
from metarl.simulation.evaluation import run_episodes

EPISODES = EvaluationConfig(episodes=40, record_episodes=8)
"""Number of episodes of a snapshot; none of them is used in training."""
SECONDS_PER_STEP = 1.2e-6
"""Processor time of a training step in the compiled kernel, about the least."""
SECONDS_PER_PREVIEW = 0.4
"""Processor time of a preview."""
MOST_TIME = 0.05
"""Time of previews, as a fraction of the training of all subjects."""
LEAST_PREVIEWS = 2
"""Minimum number of previews in a training."""
FIGURE_SIZE = (5.4, 4.7)
"""Width and height of a figure, in inches."""
STYLE: dict[Any, Any] = {
    "figure.dpi": 80,
    "font.size": 10,
    "legend.fontsize": 8,
    "legend.title_fontsize": 8,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
"""Plain style, because training waits while a figure is drawn."""


def preview_interval(config: RunConfig[Any]) -> int:
    """Return the snapshots per preview of the first subject; others have none."""
    training = config.training.steps * config.subjects * SECONDS_PER_STEP
    count = max(LEAST_PREVIEWS, int(MOST_TIME * training / SECONDS_PER_PREVIEW))
    divisors = [n for n in range(1, SNAPSHOTS + 1) if SNAPSHOTS % n == 0]
    return next(interval for interval in divisors if SNAPSHOTS // interval <= count)


class SnapshotEpisodes:
    """Episodes of a network with frozen weights, and figures of them."""

    def __init__(
        self, config: RunConfig[Any], subject: int, network: Network, *, progress: float
    ) -> None:
        """Run the episodes.

        Args:
            config: configuration of the run.
            subject: number of the subject.
            network: network of the subject, left unchanged.
            progress: completed fraction of training, in [0, 1], for the discount.
        """
        self.config, self.subject = config, subject
        self.discount = config.learning.discount.at(progress)
        self.test = experiment(config.task).test
        reset = config.training.reset_memory
        with _renderer_restored(network):
            self.trials, self.recording = run_episodes(
                config,
                subject,
                lambda task: attach_renderer(network, task.render_views),
                replace(EPISODES, task=self.test.task, reset_memory=reset),
                purpose="preview",
                progress=progress,
            )

    @cached_property
    def analysis(self) -> Analysis[Any] | None:
        """Analysis of the experiment; None if it has none."""
        task = self.config.task
        return analysis_of(task) if has_analysis(task) else None

    @cached_property
    def result(self) -> AnalysisResult | None:
        """Result of the analysis; only the arrays of the snapshot panel are analysed.

        Regressions on all units would take longer than the training between previews.
        """
        if self.analysis is None:
            return None
        names = self.analysis.snapshot.arrays if self.analysis.snapshot else ()
        recordings: dict[int, Recording] = {}
        if names:
            recordings[self.subject] = {name: self.recording[name] for name in names}
        data = make_data(
            self.config,
            self.trials,
            test=self.test,
            recordings=recordings,
            discount=self.discount,
        )
        return analyse(self.analysis, data)

    @property
    def units(self) -> "np.ndarray[Any, Any]":
        """Activity of all units at all recorded steps."""
        units: np.ndarray[Any, Any] = self.recording["units"]
        known: np.ndarray[Any, Any] = units[~np.isnan(units)]
        return known

    def scalars(self) -> dict[str, float]:
        """Mean reward, and the statistic of the learning criterion if defined."""
        values = {"reward_per_trial": float(self.trials["reward"].mean())}
        if self.analysis is not None and self.config.task in self.analysis.criteria:
            learned = self.analysis.criteria[self.config.task].learned
            if learned is not None and self.result is not None:
                subjects = select_group(self.result.tables["subjects"])
                values[learned.statistic] = float(subjects[learned.statistic].iloc[0])
        return {name: value for name, value in values.items() if isfinite(value)}

    def figures(self) -> Iterator[tuple[str, Figure]]:
        """Yield the name and figure of each panel."""
        if self.result is not None:
            panel = self.result.analysis.snapshot_panel
            with _axes(panel.title) as ax:
                panel(self.result.tables, self.result.context, ax)
            yield "behaviour", _figure(ax)
        with _axes("Prediction error by event") as ax:
            plot_rpe_by_event(mean_rpe_by_event(self.recording), ax)
        yield "rpe_by_event", _figure(ax)
        with _axes("Units as a trial begins") as ax:
            plot_trial_states(trial_states(self.recording), ax)
        yield "units_pca", _figure(ax)


@contextmanager
def _renderer_restored(network: Network) -> Iterator[None]:
    """Context in which a test may attach its renderer; then training's is restored.

    Tests with new objects have their own renderer, which training must not keep.
    """
    encoder = network.encoder if isinstance(network, ActorCritic) else None
    render = encoder.render_views if encoder else None
    try:
        yield
    finally:
        attach_renderer(network, render)


@contextmanager
def _axes(title: str) -> Iterator[Axes]:
    """Context with axes at a fixed position, because automatic layout is slow."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=FIGURE_SIZE)
        ax = figure.add_axes((0.14, 0.3, 0.83, 0.63))
        yield ax
        # With a given height the title is not placed by drawing all ticks once more.
        ax.set_title(title, loc="left", weight="bold", y=1.02)


def _figure(ax: Axes) -> Figure:
    """Return the figure of axes."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    return figure
