"""A look at a subject while it trains: a few frozen episodes, and what they show.

The episodes are of the task's main test, on random numbers of their own; the weights
are held, and so is everything else that training goes on with.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from math import isfinite
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    pass

EPISODES = EvaluationConfig(episodes=40, record_episodes=8)
"""What a look is made from; its episodes are training's own nowhere."""
STEPS_A_LOOK = 40_000
"""Steps of all lanes at once for which a look may be had; it costs 500 to 1,000."""
LEAST_LOOKS = 2
"""Looks at even the shortest training."""
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
"""Plain, for a figure is drawn while the network waits."""


def preview_interval(config: RunConfig[Any]) -> int:
    """Snapshots from one look to the next: looks cost few hundredths of training."""
    steps = config.training.updates * config.training.unroll_steps
    looks = max(LEAST_LOOKS, steps // STEPS_A_LOOK)
    parts = [every for every in range(1, SNAPSHOTS + 1) if SNAPSHOTS % every == 0]
    return next(every for every in parts if SNAPSHOTS // every <= looks)


class Preview:
    """What one look at a network shows."""

    def __init__(
        self, config: RunConfig[Any], subject: int, network: Network, *, progress: float
    ) -> None:
        """Step the network through the episodes.

        Args:
            config: the run's.
            subject: the subject's number.
            network: the subject's, which is left as it was.
            progress: part of training that it has had, for its discount.
        """
        self.config, self.subject = config, subject
        self.discount = config.learning.discount.at(progress)
        self.test = experiment(config.task).test
        reset = config.training.reset_memory
        with _own_eyes(network):
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
        """The experiment's analysis; None where it has none."""
        task = self.config.task
        return analysis_of(task) if has_analysis(task) else None

    @cached_property
    def result(self) -> AnalysisResult | None:
        """Every table of the experiment; of the recording, only what its panel reads.

        A regression on each unit would cost more than the training between two looks.
        """
        if self.analysis is None:
            return None
        read = self.analysis.snapshot.arrays if self.analysis.snapshot else ()
        recordings: dict[int, Recording] = {}
        if read:
            recordings[self.subject] = {name: self.recording[name] for name in read}
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
        """What was earned, and what tells whether the task is learned, if known yet."""
        found = {"reward_per_trial": float(self.trials["reward"].mean())}
        if self.analysis is not None and self.config.task in self.analysis.criteria:
            learned = self.analysis.criteria[self.config.task].learned
            if learned is not None and self.result is not None:
                subjects = select_group(self.result.tables["subjects"])
                found[learned.statistic] = float(subjects[learned.statistic].iloc[0])
        return {name: value for name, value in found.items() if isfinite(value)}

    def figures(self) -> Iterator[tuple[str, Figure]]:
        """Name and drawing of each panel, one at a time."""
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
def _own_eyes(network: Network) -> Iterator[None]:
    """Within, a test may show the network other pictures; after, training's are back.

    Tests of new things have a look of their own, and training would go on with it.
    """
    encoder = network.encoder if isinstance(network, ActorCritic) else None
    look = encoder.render_views if encoder else None
    try:
        yield
    finally:
        attach_renderer(network, look)


@contextmanager
def _axes(title: str) -> Iterator[Axes]:
    """Axes of a figure that is cheap to draw; nobody lays it out, so room is left."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=FIGURE_SIZE)
        ax = figure.add_axes((0.14, 0.3, 0.83, 0.63))
        yield ax
        # A given height spares the search for one, which draws all ticks once more.
        ax.set_title(title, loc="left", weight="bold", y=1.02)


def _figure(ax: Axes) -> Figure:
    """The figure that axes stand in."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    return figure
