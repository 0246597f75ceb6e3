"""Reversal learning of monkeys and networks, after Costa et al. 2016."""

from metarl.agents.config import constant
from metarl.experiments.shared_presets import SMOKE, fast, paper
from metarl.experiments.spec import Experiment, Variant
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
        "fast": fast(128, 20, 1000, rate=1e-2, discount=constant(0.0)),
        "smoke": SMOKE,
    },
    tests={TEST: EvaluationConfig(episodes=500, task={"largest_easing": 0.0})},
    variants={
        "pictures": Variant(
            why="as the monkeys had it: the options are two pictures, on sides that "
            "change at random",
            task={"pictures": True, "largest_easing": 1.0},
            scale_updates=4,
        )
    },
    notes="""
Declared: no network was published on this task; `paper` has the settings of two-step.
A choice has its reward at once and changes no later one, so that `fast` has discount 0.
With pictures, the side to choose depends on four things together (the last choice, its
outcome, and the sides of the pictures then and now), and any three of them say nothing.
No network of ours learned that from the start; with easing, sides change less often.
Test: 500 frozen superblocks of 80 trials.
""",
)
