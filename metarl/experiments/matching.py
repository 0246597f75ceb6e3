"""Matching with baited arms: Wang et al. 2018, Simulation 1."""

from metarl.agents.config import constant
from metarl.experiments.shared_presets import SMOKE, fast, paper
from metarl.experiments.spec import Experiment
from metarl.experiments.variants import VARIANTS
from metarl.runs.config import TEST, EvaluationConfig

EXPERIMENT = Experiment(
    env="metarl.envs.matching:Matching",
    baselines="metarl.baselines.matching",
    analysis="metarl.analysis.matching",
    summary="two arms that are baited at random and stay baited until chosen",
    question=("Do choices match rewards, and do units encode the values of the arms?"),
    source="Wang et al. 2018, Simulation 1; Lau & Glimcher 2005; Tsutsui 2016",
    presets={
        "paper": paper(200, 15_000, discount=constant(0.75)),
        "fast": fast(64, 20, 2350, rate=3e-3, discount=constant(0.75)),
        "smoke": SMOKE,
    },
    tests={
        TEST: EvaluationConfig(
            episodes=500,
            record_episodes=100,
            task={"held_out": True},
            record_untrained=True,
        )
    },
    variants={"rpe-input": VARIANTS["rpe-input"]},
    notes="""
Training: as published, 3 million steps, discount .75.
Declared: unrolls of 200 steps, the longest episode.
Test: 500 frozen episodes, including probabilities held out from training.
""",
)
