"""Reversal learning of monkeys and networks, after Costa et al. 2016."""

from metarl.agents.config import constant
from metarl.experiments.shared_presets import SMOKE, fast, paper
from metarl.experiments.spec import Experiment
from metarl.runs.config import TEST, EvaluationConfig

EXPERIMENT = Experiment(
    env="metarl.envs.reversal:Reversal",
    baselines="metarl.baselines.reversal",
    analysis="metarl.analysis.reversal",
    summary="two options, one rewarded more often; they swap once",
    question=(
        "How fast does the network abandon an option that turned bad, compared with "
        "monkeys and a Bayesian observer?"
    ),
    source="Costa et al. 2016, Neuron 92:505",
    presets={
        "paper": paper(160, 20_000),
        "fast": fast(128, 20, 1000, rate=4e-3, discount=constant(0.9)),
        "smoke": SMOKE,
    },
    tests={TEST: EvaluationConfig(episodes=500)},
    notes="""
Declared: no network was published on this task; these are the settings of two-step.
Test: 500 frozen superblocks of 80 trials.
""",
)
