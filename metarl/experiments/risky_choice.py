"""Choices changed by false prediction errors: Wang et al. 2018, Simulation 6."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from metarl.agents.config import NetworkConfig, Schedule, constant
from metarl.core.interventions import Condition, Intervention
from metarl.experiments.shared_presets import FAST, SMOKE, fast, paper
from metarl.experiments.spec import Experiment, Variant
from metarl.runs.config import TEST, EvaluationConfig

SEPARATE = NetworkConfig(critic="separate", feedback="rpe")
"""Wang et al. 2018, Simulation 6: the critic's prediction error is an actor input."""


def separate(network: NetworkConfig) -> NetworkConfig:
    """Return the network configuration with a separate critic."""
    return replace(network, critic=SEPARATE.critic, feedback=SEPARATE.feedback)


@dataclass(frozen=True)
class Stimulation:
    """Change of the prediction error after one kind of outcome."""

    when: str
    """Outcome, as a condition."""
    published: float
    """Prediction error set in the paper."""
    doses: tuple[float, ...]
    """Prediction errors of the dose-response curve."""


STIMULATIONS: Mapping[str, Stimulation] = MappingProxyType(
    {
        "risky-win": Stimulation("risky == 1 and won == 1", -4, (-4, -2, -1, 0, 1, 2)),
        "safe": Stimulation("risky == 0", -1, (-2, -1, -0.5, 0, 0.5, 1)),
        "risky-loss": Stimulation("risky == 1 and won == 0", 1, (-2, -1, 0, 1, 2, 4)),
    }
)
"""Stimulations by the preceding outcome."""

MAIN = EvaluationConfig(episodes=1_333, record_episodes=100)


def stimulated(when: str, error: float, episodes: int = 1_333) -> EvaluationConfig:
    """Return the test with the prediction error set after some outcomes."""
    stimulation = Intervention(
        target="rpe", operation="set", amount=error, when=Condition(when)
    )
    return replace(
        MAIN, episodes=episodes, record_episodes=0, interventions=(stimulation,)
    )


EXPERIMENT = Experiment(
    env="metarl.envs.risky_choice:RiskyChoice",
    baselines="metarl.baselines.risky_choice",
    analysis="metarl.analysis.risky_choice",
    summary="a small certain reward, or a large one of unknown probability",
    question=(
        "Do false prediction errors change later choices, as stimulation and silencing "
        "of dopamine neurons do in rats?"
    ),
    source="Wang et al. 2018, Simulation 6; Stopper et al. 2014",
    presets={
        "paper": paper(60, 66_667, network=SEPARATE),
        "fast": fast(
            64,
            20,
            2000,
            rate=3e-3,
            network=separate(FAST.network),
            discount=constant(0.9),
            entropy_weight=Schedule(start=0.05, end=0.02),
        ),
        "smoke": replace(SMOKE, network=separate(SMOKE.network)),
    },
    tests={
        TEST: MAIN,
        **{
            f"block-{name}": stimulated(each.when, each.published)
            for name, each in STIMULATIONS.items()
        },
        **{
            f"block-{name}-free": stimulated(
                f"{each.when} and forced == 0", each.published
            )
            for name, each in STIMULATIONS.items()
        },
        **{
            f"dose-{name}={error:g}": stimulated(each.when, error, episodes=500)
            for name, each in STIMULATIONS.items()
            for error in each.doses
        },
    },
    variants={
        "no-rpe": Variant(
            why="the actor has no input about the rewards of its choices",
            network={"feedback": "none"},
        )
    },
    notes="""
Training: as published, 4 million steps.
Declared: one update per episode of 60 steps.
Test: 1,333 frozen episodes per test, with the same random numbers in all tests.
Declared: stimulation on forced and free trials; the tests with `-free` stimulate on
    free trials only.
""",
)
