"""metarl: a simulator of learning to learn, after Wang et al. 2018.

Importing metarl only registers its tasks with Gymnasium; torch is loaded when a task,
a training or an evaluation needs it.
"""

import os
from typing import TYPE_CHECKING, Any

# Read once, when numpy is loaded. Subjects run in parallel processes; with more threads
# in each they wait for each other, which takes half of the time of an analysis.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from metarl.envs.registry import register

if TYPE_CHECKING:
    from metarl.envs.adapters import make
    from metarl.experiments.spec import preset
    from metarl.pipeline.acquisition import acquisition
    from metarl.pipeline.run import evaluate, train
    from metarl.pipeline.sweep import sweep
    from metarl.reports.figure_format import FigureFormat
    from metarl.reports.figures import analyze, effects, figure, read_trials
    from metarl.reports.own_data import analyze_trials
    from metarl.runs.config import EvaluationConfig
    from metarl.runs.folder import Run, load_run

__version__ = "0.1.0"

__all__ = [
    "EvaluationConfig",
    "FigureFormat",
    "Run",
    "acquisition",
    "analyze",
    "analyze_trials",
    "effects",
    "evaluate",
    "figure",
    "load_run",
    "make",
    "preset",
    "read_trials",
    "sweep",
    "train",
]

_MODULES = {
    "EvaluationConfig": "metarl.runs.config",
    "FigureFormat": "metarl.reports.figure_format",
    "Run": "metarl.runs.folder",
    "acquisition": "metarl.pipeline.acquisition",
    "analyze": "metarl.reports.figures",
    "analyze_trials": "metarl.reports.own_data",
    "effects": "metarl.reports.figures",
    "evaluate": "metarl.pipeline.run",
    "figure": "metarl.reports.figures",
    "load_run": "metarl.runs.folder",
    "make": "metarl.envs.adapters",
    "preset": "metarl.experiments.spec",
    "read_trials": "metarl.reports.figures",
    "sweep": "metarl.pipeline.sweep",
    "train": "metarl.pipeline.run",
}


def __getattr__(name: str) -> Any:
    """Load a public function at its first use."""
    if name not in _MODULES:
        raise AttributeError(f"module 'metarl' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    """The public names, loaded or not."""
    return sorted([*globals(), *_MODULES])


register()
