"""Bandits with independent or correlated arms, of Wang et al. 2016 and 2018."""

from dataclasses import replace

from metarl.agents.config import Schedule, constant
from metarl.experiments.shared_presets import ANNEALED, SMOKE, fast, paper
from metarl.experiments.spec import Experiment, Variant
from metarl.experiments.variants import VARIANTS
from metarl.runs.config import TEST, EvaluationConfig

CORRELATED = ("correlated", "easy", "medium", "hard")
"""Bandits with two arms and probabilities of reward that add up to 1."""
DISTRIBUTIONS = ("independent", *CORRELATED)
"""Bandits of the tests, the same for all training distributions."""

MAIN = EvaluationConfig(episodes=20_000, record_episodes=0, shared_problems=True)


def on_distribution(name: str) -> EvaluationConfig:
    """Return the test on one distribution of arms; only `correlated` records units."""
    recorded = name == "correlated"
    return replace(
        MAIN,
        episodes=2_000,
        record_episodes=300 if recorded else 0,
        record_untrained=recorded,
        task={"distribution": name},
    )


EXPERIMENT = Experiment(
    env="metarl.envs.bandit:Bandit",
    baselines="metarl.baselines.bandit",
    analysis="metarl.analysis.bandit",
    summary="arms with fixed probabilities of reward, new in each episode",
    question=(
        "Does the network learn new arms within an episode, and explore them as well "
        "as algorithms designed for bandits?"
    ),
    source="Wang et al. 2016, sections 3.1.1-3.1.2; Wang et al. 2018, Fig. 1",
    presets={
        "paper": paper(
            100,
            20_000,
            learning_rate=constant(1e-3),
            discount=constant(0.8),
            entropy_weight=ANNEALED,
        ),
        "fast": fast(128, 40, 1650, rate=7e-3, discount=Schedule(start=0.8, end=0.9)),
        "smoke": SMOKE,
    },
    tests={TEST: MAIN, **{name: on_distribution(name) for name in DISTRIBUTIONS}},
    variants={
        **{
            name: Variant(
                why=f"trained on {name} arms",
                task={"distribution": name},
                tests=(TEST, *DISTRIBUTIONS),
            )
            for name in CORRELATED
        },
        **{name: VARIANTS[name] for name in ("no-reward", "no-action", "no-memory")},
    },
    notes="""
Training: as published, 20,000 episodes, beta_e from 1 to 0.
Declared: the published rate and discount come from a random search; these are the
    values of the other bandits in Wang et al. 2016.
Test: Wang et al. 2016 has 300 test episodes; with more, subjects can be distinguished.
""",
)
