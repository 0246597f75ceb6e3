"""What all tests share: no window, one torch thread, small runs, the animals' data."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib
import pytest
import torch

from metarl.agents.config import A2CConfig, NetworkConfig
from metarl.analysis.two_step.daw import hybrid
from metarl.envs.registry import task_class
from metarl.experiments.spec import preset
from metarl.runs.config import EvaluationConfig, RunConfig, TrainingConfig
from metarl.runs.folder import Run

matplotlib.use("Agg")
torch.set_num_threads(1)
# Other processes import the tests' own task by name, in the same way as a user's.
sys.path.append(str(Path(__file__).parent / "helpers"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--animal-data",
        metavar="DIR",
        type=lambda text: Path(text).resolve(),
        help="folder with the published animal data (.mat files)",
    )


@pytest.fixture(scope="session")
def animal_data(request: pytest.FixtureRequest) -> Path:
    """The folder with the published animal data."""
    folder: Path | None = request.config.getoption("--animal-data")
    if folder is None:
        pytest.skip("reads published animal data: give pytest --animal-data=DIR")
    if not folder.is_dir():
        pytest.fail(f"--animal-data must be a folder, got {folder}")
    return folder


def _small(
    task: str = "two-step",
    *,
    subjects: int = 2,
    seed: int = 1,
    num_envs: int = 3,
    unroll_steps: int = 14,
    updates: int = 40,
    network: NetworkConfig | None = None,
    learning: A2CConfig | None = None,
    **params: Any,
) -> RunConfig[Any]:
    from short import short

    usual = {} if ":" in task else short(task, 6)
    smoke = preset(task, "smoke")
    return replace(
        smoke,
        task_params=task_class(task).params_type(**usual | params),
        subjects=subjects,
        seed=seed,
        network=network or replace(smoke.network, units=5),
        learning=learning or smoke.learning,
        training=TrainingConfig(
            num_envs=num_envs, unroll_steps=unroll_steps, updates=updates
        ),
    )


@pytest.fixture(autouse=True)
def few_fitted_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fits of the hybrid to few trials: one to as many as a user's takes seconds."""
    monkeypatch.setattr(hybrid, "MOST_TRIALS", 1_000)


@pytest.fixture(scope="session")
def small() -> Callable[..., RunConfig[Any]]:
    """Configurations that train in well under a second: small(task, field=value).

    An unroll is not as long as an episode, so episodes end within unrolls and unrolls
    within episodes.
    """
    return _small


def _finish(config: RunConfig[Any], folder: Path) -> Run:
    from metarl.pipeline.run import evaluate, train

    trained = train(config, folder, workers=1, show=False)
    tested = EvaluationConfig(episodes=8, record_episodes=3)
    evaluated = evaluate(trained.path, tested, workers=1, show=False)
    assert not trained.failures
    assert not evaluated.failures
    return Run(folder)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of two subjects, trained and evaluated; not to be changed."""
    return _finish(_small(), tmp_path_factory.mktemp("finished") / "run")


@pytest.fixture(scope="session")
def unlearned(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The same on the task as published, with too little training to learn it."""
    config = _small(trial_count=100, updates=1)
    return _finish(config, tmp_path_factory.mktemp("unlearned") / "run")


@pytest.fixture(autouse=True)
def _close_figures():
    """Close the figures of a test, so that none counts against a later one."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
