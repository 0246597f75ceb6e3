"""What a run is, and what was done with it, in plain values."""

from typing import Any

from metarl.core.checks import MetaRLError
from metarl.experiments.spec import experiment
from metarl.pipeline.status import subject_states
from metarl.runs.config import TEST, flattened, to_plain
from metarl.runs.folder import Run

SETTINGS = ("task_params", "network", "learning", "training")
"""Parts of a configuration that a preset sets."""


def summary(run: Run) -> dict[str, Any]:
    """Task, preset, what differs from it, subjects, tests, variants and files of a run.

    Returns:
        Name of a fact -> its value; all values are plain ones.
    """
    config = run.config
    return {
        "task": config.task,
        "preset": config.preset,
        "changed": _changed(run),
        "seed": config.seed,
        "steps": config.training.steps,
        "subjects": {
            state.name: f"{state.state}, {state.progress:.0%} of training"
            for state in subject_states(run.path)
            if state.name.startswith("subject ")
        },
        "tests": {
            name: f"{len(run.evaluated_in(name))} of {config.subjects} subjects"
            for name in [TEST, *run.further_tests()]
            if run.evaluated_in(name)
        },
        "variants": list(run.variants),
        "files": [
            str(path)
            for path in sorted(run.analysis_path.glob("*"))
            if path.suffix in (".png", ".pdf", ".svg", ".txt", ".json", ".csv")
        ],
    }


def _changed(run: Run) -> dict[str, str]:
    """Settings that differ from those of the preset, by their dotted names."""
    config = run.config
    try:
        preset = experiment(config.task).config(config.task, config.preset)
    except (ValueError, MetaRLError):
        return {"preset": f"{config.preset} is not in this version of metarl"}
    now, before = (flattened(to_plain(each)) for each in (config, preset))
    return {
        name: f"{value} (preset: {before.get(name)})"
        for name, value in now.items()
        if name.split(".")[0] in SETTINGS and before.get(name) != value
    }
