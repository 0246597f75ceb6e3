"""Learning rates in stable and volatile blocks: Wang et al. 2018, Simulation 2."""

from metarl.agents.config import Schedule, constant
from metarl.experiments.shared_presets import ANNEALED, SMOKE, fast, paper
from metarl.experiments.spec import Experiment, Variant
from metarl.experiments.variants import VARIANTS
from metarl.runs.config import TEST, EvaluationConfig

EXPERIMENT = Experiment(
    env="metarl.envs.volatility:Volatility",
    baselines="metarl.baselines.volatility",
    analysis="metarl.analysis.volatility",
    summary="two arms with visible rewards; the winning arm changes often or seldom",
    question=(
        "Does the network learn faster in volatile periods, although its weights are "
        "frozen?"
    ),
    source="Wang et al. 2018, Simulation 2; Behrens et al. 2007",
    presets={
        "paper": paper(
            200,
            40_000,
            learning_rate=constant(5e-5),
            discount=constant(0.1),
            entropy_weight=ANNEALED,
        ),
        "fast": fast(
            64,
            50,
            800,
            rate=3e-3,
            discount=constant(0.1),
            entropy_weight=Schedule(start=0.2, end=0.0),
        ),
        "smoke": SMOKE,
    },
    tests={
        TEST: EvaluationConfig(
            episodes=400,
            record_episodes=100,
            task={"schedule": "blocks"},
            record_untrained=True,
        ),
        "generator": EvaluationConfig(
            episodes=100, record_episodes=100, record_untrained=True
        ),
    },
    variants={
        "constant": Variant(
            why="trained with constant volatility", task={"schedule": "constant"}
        ),
        "rpe-input": VARIANTS["rpe-input"],
    },
    notes="""
Training: as published, 40,000 episodes, rate 5e-5, discount .1, beta_e from 1 to 0.
Declared: one update per episode.
Test: 400 frozen episodes of stable and volatile blocks, in both orders.
""",
)
